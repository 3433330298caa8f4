//! Web origins, and addresses below them.

use std::{fmt, str::FromStr, sync::Arc};

/// The origin of an app as browsers see it: `https`, a host, and a port unless it is 443 (RFC 6454 §6.2).
///
/// It comes from the configuration and never from a request. Only `https`: DBSC does not exist without it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin(Arc<str>);

impl Origin {
    /// The serialised origin: no path, no trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The absolute address of `path`, which begins with a slash.
    pub fn address_of(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Splits an absolute address into this origin and the rest, path and query. `None` if it is of another origin.
    ///
    /// Scheme and host are compared without case and a default port may be spelled out, as RFC 3986 §6.2 says; user
    /// information is refused, since it serves only to mislead.
    pub fn path_of<'a>(&self, address: &'a str) -> Option<&'a str> {
        let after_scheme = strip_prefix_ignoring_case(address, "https://")?;
        let end = after_scheme.find(['/', '?', '#']).unwrap_or(after_scheme.len());
        let (authority, rest) = after_scheme.split_at_checked(end)?;
        let host = self.0.strip_prefix("https://")?;
        // Only a host without a port has the default one; behind another port, ":443" is no spelling of anything.
        let has_port = host.contains(':') && !host.ends_with(']');
        let spelled = authority.strip_suffix(":443").filter(|_| !has_port).unwrap_or(authority);
        (spelled.eq_ignore_ascii_case(host) && is_clean(rest)).then_some(rest)
    }
}

impl FromStr for Origin {
    type Err = MalformedOrigin;

    fn from_str(text: &str) -> Result<Self, MalformedOrigin> {
        let host_and_port = text.strip_prefix("https://").ok_or(MalformedOrigin)?;
        let (host, port) = match host_and_port.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (host_and_port, None),
        };
        if let Some(port) = port {
            // The default port and leading zeros would make a second spelling of one origin.
            let number: u16 = port.parse().map_err(|_| MalformedOrigin)?;
            if number == 443 || number == 0 || number.to_string() != port {
                return Err(MalformedOrigin);
            }
        }
        if is_host(host) { Ok(Self(text.into())) } else { Err(MalformedOrigin) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedOrigin;

impl fmt::Display for MalformedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an origin is \"https://\", a lower-case host and a port unless it is 443; no path, no slash at the end")
    }
}

impl std::error::Error for MalformedOrigin {}

/// A path on the same origin, to come back to: it begins with one slash and cannot lead anywhere else.
///
/// Browsers read `//host`, `/\host` and `/<tab>/host` as addresses of another host; none of them is one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalPath(Box<str>);

impl LocalPath {
    /// The path, with its query.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LocalPath {
    type Err = MalformedPath;

    fn from_str(text: &str) -> Result<Self, MalformedPath> {
        let second = text.strip_prefix('/').ok_or(MalformedPath)?.bytes().next();
        let stays = second != Some(b'/') && text.len() <= 2048 && !text.contains('\\') && is_clean(text);
        if stays { Ok(Self(text.into())) } else { Err(MalformedPath) }
    }
}

/// The text is not a path on the same origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedPath;

impl fmt::Display for MalformedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path begins with exactly one slash, has no backslash and at most 2048 printable ASCII characters")
    }
}

impl std::error::Error for MalformedPath {}

/// Printable ASCII only: what a request target may hold (RFC 3986 §2), with some characters that browsers let through.
fn is_clean(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic())
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().is_ok_and(|address| address.to_string() == inner);
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
    };
    host.len() <= 253 && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_have_one_spelling() {
        for text in
            ["https://shop.example", "https://localhost:8443", "https://[::1]:8443", "https://127.0.0.1"]
        {
            assert_eq!(text.parse::<Origin>().unwrap().as_str(), text);
        }
        for text in [
            "http://shop.example",
            "https://shop.example/",
            "https://Shop.example",
            "https://shop.example:443",
            "shop.example",
            "https://shop.example:0443",
            "https://shop.example:8443x",
            "https://",
            "https://:8443",
            "https://user@shop.example",
            "https://shop..example",
            "https://shop.example?",
            "https://shop example",
            "https://[::1",
            "https://[0:0::1]",
            "https://[::1]:",
            "",
        ] {
            assert_eq!(text.parse::<Origin>(), Err(MalformedOrigin), "{text}");
        }
    }

    #[test]
    fn an_address_belongs_to_one_origin() {
        let shop: Origin = "https://shop.example".parse().unwrap();
        for (address, path) in [
            ("https://shop.example/orders?x=1", "/orders?x=1"),
            ("https://shop.example", ""),
            ("HTTPS://SHOP.example:443/a", "/a"),
            ("https://shop.example?x", "?x"),
        ] {
            assert_eq!(shop.path_of(address), Some(path), "{address}");
        }
        for address in [
            "http://shop.example/",
            "https://shop.example.evil/",
            "https://shop.example@evil/",
            "https://evil/",
            "//shop.example/",
            "https://shop.example:8443/",
            "https://shop.example:443:443/",
            "https://user@shop.example/",
            "https://shop.example\\@evil/",
            "https://shop.example/a b",
            "https://shop.example/\n",
            "",
        ] {
            assert_eq!(shop.path_of(address), None, "{address:?}");
        }
    }

    #[test]
    fn a_default_port_belongs_to_a_host_without_port() {
        let shop: Origin = "https://shop.example:8443".parse().unwrap();
        assert_eq!(shop.path_of("https://shop.example:8443/a"), Some("/a"));
        assert_eq!(shop.path_of("https://shop.example:8443:443/a"), None);
        let loopback: Origin = "https://[::1]".parse().unwrap();
        assert_eq!(loopback.path_of("https://[::1]:443/a"), Some("/a"));
    }

    #[test]
    fn a_local_path_stays_at_home() {
        for text in ["/", "/orders?x=1", "/a//b", "/?to=//evil"] {
            assert!(text.parse::<LocalPath>().is_ok(), "{text}");
        }
        for text in [
            "",
            "orders",
            "//evil",
            "/\\evil",
            "\\/evil",
            "/\t/evil",
            "/a\\b",
            "https://evil/",
            "/a b",
            "/\r\nSet-Cookie: a=b",
            "/é",
        ] {
            assert!(text.parse::<LocalPath>().is_err(), "{text:?}");
        }
    }
}
