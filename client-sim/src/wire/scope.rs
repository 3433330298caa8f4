//! Which requests a session covers.

use url::Url;

use super::host_pattern::HostPattern;
use crate::origin::same_site;

/// The scope of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The scope's origin.
    pub origin: Url,
    /// Whether the whole site is meant, not this origin alone.
    pub include_site: bool,
    /// The rules, tried from the last to the first.
    pub rules: Vec<Rule>,
}

/// One line of `scope_specification`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Whether it includes what it matches, or excludes it.
    pub include: bool,
    /// The hosts it is about.
    pub host: HostPattern,
    /// The path prefix it is about.
    pub path: String,
}

impl Scope {
    /// Whether a request to `url` is covered.
    pub fn covers(&self, url: &Url) -> bool {
        let inside = if self.include_site {
            same_site(&self.origin, url)
        } else {
            self.origin.origin() == url.origin()
        };
        inside && self.rules.iter().rev().find(|rule| rule.matches(url)).is_none_or(|rule| rule.include)
    }
}

impl Rule {
    fn matches(&self, url: &Url) -> bool {
        let whole_segments =
            |rest: &str| self.path.ends_with('/') || rest.is_empty() || rest.starts_with('/');
        self.host.matches(url.host_str().unwrap_or_default())
            && url.path().strip_prefix(self.path.as_str()).is_some_and(whole_segments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(include: bool, path: &str) -> Rule {
        Rule { include, host: HostPattern::Any, path: path.to_owned() }
    }

    #[test]
    fn the_last_matching_rule_decides() {
        let scope = Scope {
            origin: Url::parse("https://shop.example/").unwrap(),
            include_site: false,
            rules: vec![rule(false, "/pub"), rule(true, "/pub/mine")],
        };
        let covers = |url: &str| scope.covers(&Url::parse(url).unwrap());
        assert!(covers("https://shop.example/x"));
        assert!(!covers("https://shop.example/pub/x"));
        assert!(covers("https://shop.example/publish"));
        assert!(covers("https://shop.example/pub/mine/x"));
        assert!(!covers("https://www.shop.example/x"));
        assert!(!covers("http://shop.example/x"));
    }

    #[test]
    fn a_site_covers_hosts_below_it_and_every_port() {
        let origin = Url::parse("https://shop.example/").unwrap();
        let scope = Scope { origin, include_site: true, rules: Vec::new() };
        assert!(scope.covers(&Url::parse("https://www.shop.example:8443/").unwrap()));
        assert!(!scope.covers(&Url::parse("https://other.example/").unwrap()));
    }
}
