//! Our cookies among all the others.

use holdfast_core::dbsc::CookieName;

/// What a request brings to be recognised by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credential<'a> {
    /// No session cookie.
    None,
    /// One, or several times the same.
    One(&'a str),
    /// Two that differ: somebody has planted one of them, and nobody can say which.
    Several,
}

/// The session cookie among the values of all `Cookie` headers.
///
/// HTTP/2 spreads cookies over several headers (RFC 9113 §8.2.3), so all of them count. A comma ends no cookie: a value
/// that somebody else may set must not be able to bring a second cookie along.
pub(crate) fn credential<'a>(
    values: impl IntoIterator<Item = &'a [u8]>,
    name: &CookieName,
) -> Credential<'a> {
    let mut found = Credential::None;
    for value in values.into_iter().flat_map(|header| cookies_named(header, name.as_str())) {
        match found {
            Credential::None => found = Credential::One(value),
            Credential::One(first) if first == value => {}
            Credential::One(_) | Credential::Several => return Credential::Several,
        }
    }
    found
}

/// Whether the cookie that says "this browser has a bound session" is there.
pub(crate) fn has<'a>(values: impl IntoIterator<Item = &'a [u8]>, name: &CookieName) -> bool {
    values.into_iter().any(|header| cookies_named(header, name.as_str()).any(|value| !value.is_empty()))
}

/// The field is read as bytes: another cookie may hold anything, and must not hide ours. A value of ours that is no text
/// is none that we have made, and is there all the same.
fn cookies_named<'a>(header: &'a [u8], name: &str) -> impl Iterator<Item = &'a str> {
    header.split(|byte| *byte == b';').filter_map(move |pair| {
        let divider = pair.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (pair.get(..divider)?, pair.get(divider + 1..)?);
        let is_ours = trimmed(key) == name.as_bytes();
        is_ours.then(|| std::str::from_utf8(trimmed(value)).unwrap_or(NO_TEXT))
    })
}

fn trimmed(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// No cookie of ours has such a value.
const NO_TEXT: &str = "no text";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_one_and_refuses_two() {
        let name: CookieName = "__Host-holdfast".parse().unwrap();
        let read =
            |headers: &[&'static str]| credential(headers.iter().map(|header| header.as_bytes()), &name);
        assert_eq!(read(&[]), Credential::None);
        assert_eq!(read(&["a=b; __Host-holdfast=x; c=d"]), Credential::One("x"));
        assert_eq!(read(&["a=b", "__Host-holdfast=x", "__Host-holdfast=x"]), Credential::One("x"));
        assert_eq!(read(&["__Host-holdfast=x; __Host-holdfast=y"]), Credential::Several);
        assert_eq!(read(&["__Host-holdfast=x", "__Host-holdfast=y"]), Credential::Several);
        assert_eq!(
            read(&["__Host-holdfast-hint=1; __host-holdfast=x; x__Host-holdfast=y"]),
            Credential::None
        );
        assert_eq!(read(&["a=1,__Host-holdfast=planted"]), Credential::None);
        assert_eq!(read(&["a=1, __Host-holdfast=planted; b=2"]), Credential::None);
        assert_eq!(read(&["__Host-holdfast="]), Credential::One(""));
        assert_eq!(read(&["theme=\u{e9}; __Host-holdfast=x"]), Credential::One("x"));
        let read = |header: &'static [u8]| credential([header], &name);
        assert_eq!(read(b"theme=\xe9\xff; __Host-holdfast=x; b"), Credential::One("x"));
        assert_eq!(read(b"__Host-holdfast=\xff; __Host-holdfast=x"), Credential::Several);
        assert_eq!(read(b"__Host-holdfast=\xff"), Credential::One(NO_TEXT));
    }
}
