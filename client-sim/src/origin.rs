//! Origins and sites, as a browser tells them apart.

use std::net::IpAddr;

use url::Url;

use crate::Failure;

/// The site's origin as the browser believes in it, whatever address is really connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    url: Url,
}

impl Origin {
    /// Parses `scheme://host[:port]`, without a path.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let url = Url::parse(text)
            .map_err(|error| Failure::Usage(format!("`{text}` is not an origin: {error}")))?;
        if url.host_str().is_none() || url.path() != "/" || url.query().is_some() {
            return Err(Failure::Usage(format!("`{text}` is not an origin: write scheme://host[:port]")));
        }
        Ok(Self { url })
    }

    /// The host name.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// `host[:port]`, as the `Host` header carries it.
    pub fn authority(&self) -> String {
        authority(&self.url)
    }

    /// The serialized origin, without a slash at its end.
    pub fn serialized(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// A URL below this origin.
    pub fn at(&self, path: &str) -> Result<Url, Failure> {
        self.url.join(path).map_err(|error| Failure::Usage(format!("`{path}` is not a path: {error}")))
    }

    /// Whether `url` belongs to this origin.
    pub fn owns(&self, url: &Url) -> bool {
        self.url.origin() == url.origin()
    }
}

/// `host[:port]` of any URL.
pub fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The registrable domain of a host.
///
/// The last two labels are taken: enough for the names that a simulator is pointed at, and no substitute for the Public
/// Suffix List.
pub fn site_of(host: &str) -> &str {
    if host.parse::<IpAddr>().is_ok() || host.starts_with('[') {
        return host;
    }
    match host.rmatch_indices('.').nth(1) {
        Some((dot, _)) => host.get(dot + 1..).unwrap_or(host),
        None => host,
    }
}

/// Whether two URLs are same-site: the same scheme and the same registrable domain.
pub fn same_site(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && site_of(one.host_str().unwrap_or_default()) == site_of(other.host_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_the_last_two_labels() {
        assert_eq!(site_of("localhost"), "localhost");
        assert_eq!(site_of("shop.example"), "shop.example");
        assert_eq!(site_of("a.b.shop.example"), "shop.example");
        assert_eq!(site_of("127.0.0.1"), "127.0.0.1");
    }

    #[test]
    fn an_origin_has_no_path() {
        assert!(Origin::parse("https://shop.example/a").is_err());
        let origin = Origin::parse("https://shop.example:8443").unwrap();
        assert_eq!(origin.authority(), "shop.example:8443");
        assert_eq!(origin.serialized(), "https://shop.example:8443");
    }
}
