//! The cookie jar: what RFC 6265bis keeps, sends and refuses.

mod same_site;
mod set_cookie;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

pub use same_site::{Context, SameSite};
pub use set_cookie::{Attributes, SetCookie};

/// A stored cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cookie {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
    /// The host, or the domain when `host_only` is false.
    pub domain: String,
    /// Whether exactly one host gets it.
    pub host_only: bool,
    /// The path prefix.
    pub path: String,
    /// Whether it travels over https alone.
    pub secure: bool,
    /// Whether scripts cannot see it.
    pub http_only: bool,
    /// What its `SameSite` said.
    pub same_site: SameSite,
    /// When it ends; nothing for a cookie that ends with the browser.
    pub expires_at: Option<Duration>,
    /// When it was first set.
    pub created_at: Duration,
}

impl Cookie {
    /// Whether both would replace each other and travel alike: everything but value and time is equal.
    pub fn is_same_kind(&self, other: &Self) -> bool {
        let kind = |c: &Self| {
            (
                c.name.clone(),
                c.domain.clone(),
                c.host_only,
                c.path.clone(),
                c.secure,
                c.http_only,
                c.same_site,
            )
        };
        kind(self) == kind(other)
    }

    /// Whether a request to `url` would carry it.
    pub fn goes_to(&self, url: &Url, context: Context, now: Duration) -> bool {
        let host = url.host_str().unwrap_or_default();
        let host_matches = if self.host_only { host == self.domain } else { below(host, &self.domain) };
        host_matches
            && path_matches(url.path(), &self.path)
            && (!self.secure || url.scheme() == "https")
            && context.lets_through(self.same_site, now.saturating_sub(self.created_at))
    }

    /// Whether it is over.
    pub fn is_expired(&self, now: Duration) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// How long it has to live, if it ends by itself.
    pub fn remaining(&self, now: Duration) -> Option<Duration> {
        self.expires_at.map(|at| at.saturating_sub(now))
    }
}

/// All cookies of one browser.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Jar {
    cookies: Vec<Cookie>,
}

impl Jar {
    /// Takes a `Set-Cookie` line from the response of `url`. A cookie that breaks a rule is dropped, as browsers do.
    pub fn take(&mut self, line: &str, url: &Url, now: Duration) {
        let Some(mut cookie) = SetCookie::parse(line).and_then(|set| set.cookie(url, now)) else { return };
        let replaced = self.cookies.iter().position(|old| {
            (&old.name, &old.domain, &old.path) == (&cookie.name, &cookie.domain, &cookie.path)
                && old.host_only == cookie.host_only
        });
        if let Some(place) = replaced {
            cookie.created_at = self.cookies.swap_remove(place).created_at;
        }
        if !cookie.is_expired(now) {
            self.cookies.push(cookie);
        }
    }

    /// The `Cookie` header for a request, the longest paths first.
    pub fn header(&self, url: &Url, context: Context, now: Duration) -> Option<String> {
        let mut sent: Vec<&Cookie> = self
            .cookies
            .iter()
            .filter(|cookie| !cookie.is_expired(now) && cookie.goes_to(url, context, now))
            .collect();
        sent.sort_by_key(|cookie| (std::cmp::Reverse(cookie.path.len()), cookie.created_at));
        let pairs: Vec<String> = sent.iter().map(|c| format!("{}={}", c.name, c.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// A live cookie by its name.
    pub fn named(&self, name: &str, now: Duration) -> Option<&Cookie> {
        self.cookies.iter().find(|cookie| cookie.name == name && !cookie.is_expired(now))
    }

    /// The live cookie of the same kind as `wanted`.
    pub fn matching(&self, wanted: &Cookie, now: Duration) -> Option<&Cookie> {
        self.cookies.iter().find(|cookie| cookie.is_same_kind(wanted) && !cookie.is_expired(now))
    }

    /// Every stored cookie.
    pub fn iter(&self) -> impl Iterator<Item = &Cookie> {
        self.cookies.iter()
    }

    /// Forgets cookies by name.
    pub fn remove(&mut self, name: &str) {
        self.cookies.retain(|cookie| cookie.name != name);
    }

    /// Forgets every cookie.
    pub fn clear(&mut self) {
        self.cookies.clear();
    }
}

/// Whether `host` is `domain` or a host below it.
fn below(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

fn path_matches(path: &str, prefix: &str) -> bool {
    path == prefix
        || path.strip_prefix(prefix).is_some_and(|rest| prefix.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000_000);

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn jar(line: &str, from: &str) -> Jar {
        let mut jar = Jar::default();
        jar.take(line, &url(from), NOW);
        jar
    }

    fn sent(jar: &Jar, to: &str) -> Option<String> {
        jar.header(&url(to), Context::SameSite, NOW)
    }

    #[test]
    fn host_only_and_domain_cookies() {
        let host_only = jar("a=1", "https://shop.example/");
        assert_eq!(sent(&host_only, "https://shop.example/x").as_deref(), Some("a=1"));
        assert_eq!(sent(&host_only, "https://www.shop.example/"), None);
        let domain = jar("a=1; Domain=.shop.example", "https://www.shop.example/");
        assert!(sent(&domain, "https://api.shop.example/").is_some());
        assert!(jar("a=1; Domain=other.example", "https://shop.example/").iter().next().is_none());
        assert!(jar("a=1; Domain=example", "https://shop.example/").iter().next().is_none());
    }

    #[test]
    fn secure_cookies_need_https_both_ways() {
        assert!(jar("a=1; Secure", "http://shop.example/").iter().next().is_none());
        assert_eq!(sent(&jar("a=1; Secure", "https://shop.example/"), "http://shop.example/"), None);
    }

    #[test]
    fn prefixes_are_promises() {
        let from = "https://shop.example/";
        assert!(jar("__Host-a=1; Path=/; Secure", from).iter().next().is_some());
        for wrong in [
            "__Host-a=1; Path=/",
            "__Host-a=1; Secure",
            "__Host-a=1; Path=/x; Secure",
            "__Host-a=1; Path=/; Secure; Domain=shop.example",
            "__host-a=1; Path=/",
            "__Secure-a=1",
        ] {
            let from = if wrong.contains("Path=/") { from } else { "https://shop.example/x/y" };
            assert!(jar(wrong, from).iter().next().is_none(), "{wrong}");
        }
    }

    #[test]
    fn paths_match_whole_segments() {
        let jar = jar("a=1; Path=/pub", "https://shop.example/");
        assert!(sent(&jar, "https://shop.example/pub").is_some());
        assert!(sent(&jar, "https://shop.example/pub/x").is_some());
        assert!(sent(&jar, "https://shop.example/publish").is_none());
    }

    #[test]
    fn same_site_decides_what_strangers_cause() {
        let mut jar = Jar::default();
        for line in ["s=1; SameSite=Strict", "l=1; SameSite=Lax", "n=1; SameSite=None; Secure", "u=1"] {
            jar.take(line, &url("https://shop.example/"), NOW);
        }
        let to = url("https://shop.example/");
        let names = |context, now| {
            let header = jar.header(&to, context, now).unwrap_or_default();
            header.replace("=1", "").replace("; ", "")
        };
        assert_eq!(names(Context::SameSite, NOW), "slnu");
        assert_eq!(names(Context::CrossSiteLink, NOW), "lnu");
        assert_eq!(names(Context::CrossSite, NOW), "nu");
        assert_eq!(names(Context::CrossSite, NOW + Duration::from_secs(121)), "n");
    }

    #[test]
    fn max_age_wins_over_expires_and_zero_removes() {
        let line = "a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
        let mut jar = jar(line, "https://shop.example/");
        assert_eq!(jar.named("a", NOW).unwrap().remaining(NOW), Some(Duration::from_secs(60)));
        assert!(jar.named("a", NOW + Duration::from_secs(60)).is_none());
        jar.take("a=; Max-Age=0", &url("https://shop.example/"), NOW);
        assert!(jar.iter().next().is_none());
    }

    #[test]
    fn an_expires_date_alone_counts() {
        let jar = jar("a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "https://shop.example/");
        assert!(jar.iter().next().is_none());
    }
}
