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
pub(crate) fn credential<'a>(values: impl IntoIterator<Item = &'a str>, name: &CookieName) -> Credential<'a> {
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
pub(crate) fn has<'a>(values: impl IntoIterator<Item = &'a str>, name: &CookieName) -> bool {
    values.into_iter().any(|header| cookies_named(header, name.as_str()).any(|value| !value.is_empty()))
}

fn cookies_named<'a>(header: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    header.split(';').filter_map(move |pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim_matches([' ', '\t']) == name).then(|| value.trim_matches([' ', '\t']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_one_and_refuses_two() {
        let name: CookieName = "__Host-holdfast".parse().unwrap();
        let read = |headers: &[&'static str]| credential(headers.iter().copied(), &name);
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
    }
}
