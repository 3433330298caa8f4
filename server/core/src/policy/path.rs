//! The path of a request in the one spelling that every reader agrees on.

use std::fmt;

/// A path that was decoded once. It begins with a slash, has no dot segments and no doubled slashes, and reading it again
/// gives the same path.
///
/// Rules about paths hold only as long as whoever serves the request sees the same path as whoever judged it. So what
/// some servers read in another way than others is not repaired but refused, as [`Ambiguous`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NormalPath(String);

impl NormalPath {
    /// Reads the path of a request target, which is all that stands before the first `?`.
    ///
    /// # Errors
    /// [`Ambiguous`], if servers differ about what the path is.
    pub fn read(target: &str) -> Result<Self, Ambiguous> {
        let path = target.split('?').next().unwrap_or_default();
        let decoded = decode(path)?;
        if decoded.is_empty() {
            return Ok(Self("/".to_owned()));
        }
        // The gateway hands the path on as it came. An app that resolves it would be at another place than one that does
        // not, so there is nothing here to repair.
        let mut segments = decoded.split('/').skip(1).peekable();
        while let Some(segment) = segments.next() {
            match segment {
                "." | ".." => return Err(Ambiguous::DotSegment),
                "" if segments.peek().is_some() => return Err(Ambiguous::EmptySegment),
                _ => {}
            }
        }
        Ok(Self(decoded))
    }

    /// The path: decoded, beginning with a slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its segments. A slash at the end begins none.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }
}

/// Why a path, or a method, means different things to different servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguous {
    /// A control character, written or encoded.
    ControlCharacter,
    /// `.` or `..` as a segment, written or encoded. Browsers resolve them before they ask.
    DotSegment,
    /// Two slashes side by side: some servers read one of them, and some take what follows for a host.
    EmptySegment,
    /// The encoding of a character that divides an address: `/`, `\`, `?`, `#` or `%`.
    EncodedDelimiter,
    /// A `#`: a fragment is not sent, and servers differ about one that is.
    Fragment,
    /// A `%` without two hexadecimal digits behind it.
    InvalidEncoding,
    /// A method with other characters than capital letters, digits, `-` and `_`, which some servers write in capitals.
    Method,
    /// The path does not begin with a slash.
    NotAPath,
    /// The decoded bytes are no UTF-8 text.
    NotText,
    /// A `;`, written or encoded: some servers cut the segment there.
    Semicolon,
    /// A backslash, which some servers read as a slash.
    Backslash,
}

impl fmt::Display for Ambiguous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backslash => "the path has a backslash, which some servers read as a slash",
            Self::ControlCharacter => "the path has a control character",
            Self::DotSegment => {
                "the path has a segment \".\" or \"..\"; a client resolves them before it asks"
            }
            Self::EmptySegment => "the path has two slashes side by side, which some servers read as one",
            Self::EncodedDelimiter => "the path has an encoded \"/\", \"\\\", \"?\", \"#\" or \"%\"",
            Self::Fragment => "the address has a \"#\" before its query; a client does not send a fragment",
            Self::InvalidEncoding => "the path has a \"%\" without two hexadecimal digits",
            Self::Method => "the method has other characters than capital letters, digits, \"-\" and \"_\"",
            Self::NotAPath => "the path does not begin with a slash",
            Self::NotText => "the path is no UTF-8 text when it is decoded",
            Self::Semicolon => "the path has a \";\", where some servers cut it",
        })
    }
}

impl std::error::Error for Ambiguous {}

/// Decodes once (RFC 3986 §2.1). An empty path is the root.
fn decode(path: &str) -> Result<String, Ambiguous> {
    if path.contains('#') {
        return Err(Ambiguous::Fragment);
    }
    if !path.is_empty() && !path.starts_with('/') {
        return Err(Ambiguous::NotAPath);
    }
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let (byte, was_encoded) = if byte == b'%' {
            let mut digit = || bytes.next().and_then(hex).ok_or(Ambiguous::InvalidEncoding);
            (digit()? * 16 + digit()?, true)
        } else {
            (byte, false)
        };
        match byte {
            b'/' | b'\\' | b'?' | b'#' | b'%' if was_encoded => return Err(Ambiguous::EncodedDelimiter),
            b'\\' => return Err(Ambiguous::Backslash),
            b';' => return Err(Ambiguous::Semicolon),
            _ if byte.is_ascii_control() => return Err(Ambiguous::ControlCharacter),
            _ => decoded.push(byte),
        }
    }
    // Overlong forms of a dot or a slash are no UTF-8 either.
    String::from_utf8(decoded).map_err(|_| Ambiguous::NotText)
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(target: &str) -> Result<String, Ambiguous> {
        NormalPath::read(target).map(|path| path.0)
    }

    #[test]
    fn one_path_has_one_spelling() {
        for target in [
            "/admin/users",
            "/admin/users?x=/public",
            "/admin/users?x#y",
            "/admin/users?//a/../b",
            "/%61dmin/%75sers",
        ] {
            assert_eq!(normal(target).as_deref(), Ok("/admin/users"), "{target}");
        }
        for (target, expected) in [
            ("", "/"),
            ("/", "/"),
            ("?x", "/"),
            ("/a/", "/a/"),
            ("/.well-known/x", "/.well-known/x"),
            ("/...", "/..."),
            ("/A", "/A"),
            ("/a%20b", "/a b"),
            ("/s%C3%B8k", "/s\u{f8}k"),
            ("/a+b", "/a+b"),
        ] {
            assert_eq!(normal(target).as_deref(), Ok(expected), "{target}");
        }
    }

    #[test]
    fn what_servers_differ_about_is_refused() {
        for (target, why) in [
            ("/public%2f..%2fadmin", Ambiguous::EncodedDelimiter),
            ("/public%2Fx", Ambiguous::EncodedDelimiter),
            ("/public/..%5cadmin", Ambiguous::EncodedDelimiter),
            ("/admin%3fx", Ambiguous::EncodedDelimiter),
            ("/admin%23x", Ambiguous::EncodedDelimiter),
            ("/public/%252e%252e/admin", Ambiguous::EncodedDelimiter),
            ("/100%25", Ambiguous::EncodedDelimiter),
            ("/public\\..\\admin", Ambiguous::Backslash),
            ("/public/..;/admin", Ambiguous::Semicolon),
            ("/admin;x=/public", Ambiguous::Semicolon),
            ("/admin%3Bx", Ambiguous::Semicolon),
            ("/admin%00", Ambiguous::ControlCharacter),
            ("/admin%0a", Ambiguous::ControlCharacter),
            ("/admin\u{7f}", Ambiguous::ControlCharacter),
            ("/%", Ambiguous::InvalidEncoding),
            ("/%4", Ambiguous::InvalidEncoding),
            ("/%zz", Ambiguous::InvalidEncoding),
            ("/%u0041", Ambiguous::InvalidEncoding),
            ("/%+1", Ambiguous::InvalidEncoding),
            ("/%c0%ae%c0%ae/admin", Ambiguous::NotText),
            ("/%ff", Ambiguous::NotText),
            ("//", Ambiguous::EmptySegment),
            ("//admin/users", Ambiguous::EmptySegment),
            ("//public/admin/users", Ambiguous::EmptySegment),
            ("/admin///users", Ambiguous::EmptySegment),
            ("/admin//", Ambiguous::EmptySegment),
            ("/..", Ambiguous::DotSegment),
            ("/.", Ambiguous::DotSegment),
            ("/a/.", Ambiguous::DotSegment),
            ("/a/..", Ambiguous::DotSegment),
            ("/./admin/./users", Ambiguous::DotSegment),
            ("/public/../admin/users", Ambiguous::DotSegment),
            ("/admin/../public/users", Ambiguous::DotSegment),
            ("/public/%2e%2E/admin/users", Ambiguous::DotSegment),
            ("/admin/%2e/users", Ambiguous::DotSegment),
            ("/a/../../a", Ambiguous::DotSegment),
            ("/admin#/public", Ambiguous::Fragment),
            ("#", Ambiguous::Fragment),
            ("admin", Ambiguous::NotAPath),
            ("*", Ambiguous::NotAPath),
            ("https://shop.example/", Ambiguous::NotAPath),
        ] {
            assert_eq!(normal(target), Err(why), "{target}");
        }
    }
}
