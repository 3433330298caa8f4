//! The address that a proof is for, in the one spelling that all its spellings have in common.

use std::net::Ipv6Addr;

/// An `http` or `https` address without query and fragment, normalised by RFC 3986 §6.2.2 and §6.2.3. Two addresses are
/// the same resource exactly if their texts are equal (RFC 9449 §4.3, number 9).
///
/// This is no URL as browsers read one: what RFC 3986 does not allow is refused, not repaired, since a repair would make
/// two different requests look like one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetUri(String);

impl TargetUri {
    /// Reads an absolute address. `None` if it is none, names a user, or has a character that no address has.
    pub fn parse(text: &str) -> Option<Self> {
        // RFC 9449 §4.2: query and fragment are no part of htu, and a claim that has them means the address without. What
        // browsers put there, RFC 3986 would not all allow; nothing of it is looked at but that it is printable.
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let text = text.split(['?', '#']).next()?;
        if text.len() > MAX_BYTES || !text.bytes().all(may_stand_in_an_address) {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let (scheme, default_port) = if scheme.eq_ignore_ascii_case("https") {
            ("https", 443)
        } else if scheme.eq_ignore_ascii_case("http") {
            ("http", 80)
        } else {
            return None;
        };
        let (authority, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len()))?;
        let mut normal = format!("{scheme}://");
        push_authority(&mut normal, authority, default_port)?;
        push_path(&mut normal, path)?;
        Some(Self(normal))
    }

    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// RFC 3986 §6.2.2.1, §6.2.3: a host in lower case, and no port where it is the scheme's own.
fn push_authority(out: &mut String, authority: &str, default_port: u16) -> Option<()> {
    let port = if let Some(rest) = authority.strip_prefix('[') {
        let (address, after) = rest.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        out.push_str(&format!("[{address}]"));
        if after.is_empty() { None } else { Some(after.strip_prefix(':')?) }
    } else {
        let (host, port) =
            authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
        // A registered name, always in its ASCII form: a percent sign would be a second spelling of the same name.
        if host.is_empty() || !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) {
            return None;
        }
        out.push_str(&host.to_ascii_lowercase());
        port
    };
    match port {
        None | Some("") => {}
        Some(port) => {
            if !port.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            let port: u16 = port.parse().ok()?;
            if port != default_port {
                out.push_str(&format!(":{port}"));
            }
        }
    }
    Some(())
}

/// RFC 3986 §6.2.2.2, §6.2.2.3: triplets in upper case, those of unreserved characters decoded and nothing else, then the
/// dot segments removed. Case, empty segments and a slash at the end are kept: they make a difference.
fn push_path(out: &mut String, path: &str) -> Option<()> {
    let mut decoded = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            if !is_path_character(byte) {
                return None;
            }
            decoded.push(char::from(byte));
            continue;
        }
        let (high, low) = (hex(bytes.next()?)?, hex(bytes.next()?)?);
        let byte = high * 16 + low;
        if is_unreserved(byte) {
            decoded.push(char::from(byte));
        } else {
            decoded.push_str(&format!("%{byte:02X}"));
        }
    }
    push_without_dot_segments(out, &decoded);
    Some(())
}

/// RFC 3986 §5.2.4, for a path that is empty or begins with a slash.
fn push_without_dot_segments(out: &mut String, path: &str) {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    if kept.is_empty() {
        out.push('/');
    }
    for segment in kept {
        out.push('/');
        out.push_str(segment);
    }
}

/// Printable ASCII without what RFC 3986 §2 leaves out of addresses.
const fn may_stand_in_an_address(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

/// `pchar` and the slash (RFC 3986 §3.3).
const fn is_path_character(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'/' | b':' | b'@' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
        )
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

const MAX_BYTES: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> Option<String> {
        TargetUri::parse(text).map(|uri| uri.0)
    }

    #[test]
    fn one_resource_has_one_spelling() {
        for text in [
            "https://api.test/v1/r",
            "HTTPS://API.TEST/v1/r",
            "https://api.test:443/v1/r",
            "https://api.test:/v1/r",
            "https://api.test:0443/v1/r",
            "https://api.test/v1/r?a=1",
            "https://api.test/v1/r#f",
            "https://api.test/v1/r?a=1#f?b",
            "https://api.test/v1/r?q={a|b}\\^`\"<>",
            "https://api.test/v1/%72",
            "https://api.test/x/../v1/r",
            "https://api.test/x/%2e%2E/v1/./r",
            "https://api.test/../v1/r",
        ] {
            assert_eq!(normal(text).as_deref(), Some("https://api.test/v1/r"), "{text}");
        }
        assert_eq!(normal("https://api.test").as_deref(), Some("https://api.test/"));
        assert_eq!(normal("https://api.test?x").as_deref(), Some("https://api.test/"));
        assert_eq!(normal("http://api.test:80").as_deref(), Some("http://api.test/"));
        assert_eq!(normal("https://[0:0::1]:443/").as_deref(), Some("https://[::1]/"));
        assert_eq!(normal("https://a.test/%7e%2f%c3%A9").as_deref(), Some("https://a.test/~%2F%C3%A9"));
    }

    #[test]
    fn a_long_query_makes_no_difference() {
        assert!(normal(&format!("https://api.test/?{}", "q".repeat(5000))).is_some());
        assert!(normal("https://api.test/?a b").is_none() && normal("https://api.test/?\u{e9}").is_none());
    }

    #[test]
    fn different_resources_stay_different() {
        let texts = [
            "https://api.test/v1/r",
            "https://api.test/v1/r/",
            "https://api.test//v1/r",
            "https://api.test/v1//r",
            "https://api.test/V1/r",
            "https://api.test/v1%2Fr",
            "https://api.test/v1/rx",
            "http://api.test/v1/r",
            "https://api.test:444/v1/r",
            "https://api.test./v1/r",
            "https://api.test:80/v1/r",
            "https://api.test/v1/r/..",
            "https://api.test/v1/r/.",
        ];
        let spelled: std::collections::BTreeSet<_> = texts.iter().map(|text| normal(text).unwrap()).collect();
        // `/v1/r/.` is `/v1/r/`, and nothing else is anything else.
        assert_eq!(spelled.len(), texts.len() - 1, "{spelled:?}");
        assert_eq!(normal("https://api.test/v1/r/..").as_deref(), Some("https://api.test/v1/"));
    }

    #[test]
    fn dots_go_as_the_rfc_says() {
        for (path, expected) in [
            ("/a/b/c/./../../g", "/a/g"),
            ("/mid/content=5/../6", "/mid/6"),
            ("/a//../b", "/a/b"),
            ("/..", "/"),
            ("/.", "/"),
            ("/...", "/..."),
            ("//..", "/"),
            ("//", "//"),
        ] {
            assert_eq!(normal(&format!("https://a{path}")), Some(format!("https://a{expected}")), "{path}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "/v1/r",
            "//api.test/v1/r",
            "api.test/v1/r",
            "ftp://api.test/",
            "https:/api.test/",
            "https://",
            "https:///v1/r",
            "https://:443/",
            "https://user@api.test/",
            "https://user:pw@api.test/",
            "https://api.test@evil/",
            "https://api.test\\v1/r",
            "https://api.test/v1\\r",
            "https://api.test/v1/r\n",
            "https://api.test/v1\t/r",
            " https://api.test/v1/r",
            "https://api.test/v1/r ",
            "https://api.test/v1/\u{e9}",
            "https://\u{e9}.test/",
            "https://api%2etest/",
            "https://api.test:x/",
            "https://api.test:-1/",
            "https://api.test:+1/",
            "https://api.test:65536/",
            "https://api.test:1:2/",
            "https://[::1/",
            "https://[/",
            "https://[api.test/",
            "https://[api.test:443/v1/r",
            "https://[::1]x/",
            "https://[v1.x]/",
            "https://::1/",
            "https://api.test/%",
            "https://api.test/%4",
            "https://api.test/%zz",
            "https://api.test/[1]",
            "https://api.test/{x}",
            "https://api.test/a|b",
            "https://api.test/\u{0}",
        ] {
            assert_eq!(normal(text), None, "{text:?}");
        }
        assert_eq!(normal(&format!("https://api.test/{}", "a".repeat(2048))), None);
    }
}
