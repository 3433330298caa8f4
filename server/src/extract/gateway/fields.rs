//! The header fields of a gateway's question, each read in one way.

use http::{HeaderMap, HeaderName, Method};

use super::Refusal;

/// The one value of a header that the gateway must send exactly once.
pub(super) fn only(headers: &HeaderMap, name: HeaderName) -> Result<&str, Refusal> {
    let mut values = headers.get_all(&name).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Refusal::request(format!("the gateway must send {name} exactly once")));
    };
    value.to_str().map_err(|_| Refusal::request(format!("{name} holds bytes that are no text")))
}

/// A method, as the header `name` gives it.
pub(super) fn method_of(headers: &HeaderMap, name: HeaderName) -> Result<&str, Refusal> {
    method(only(headers, name.clone())?, name.as_str())
}

/// A method, as `name` gives it.
pub(super) fn method<'a>(text: &'a str, name: &str) -> Result<&'a str, Refusal> {
    let is_method = text.len() <= MOST_METHOD_BYTES && Method::from_bytes(text.as_bytes()).is_ok();
    if is_method { Ok(text) } else { Err(Refusal::request(format!("{name} holds no method, such as GET"))) }
}

/// The absolute address of a request from its parts. A target that names an origin itself must name this one: the app
/// may believe it.
pub(super) fn address(scheme: &str, host: &str, target: &str) -> Result<String, Refusal> {
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(Refusal::request("the scheme that the gateway tells is neither http nor https"));
    }
    let may_stand_in_a_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    if host.is_empty() || !host.bytes().all(may_stand_in_a_host) {
        return Err(Refusal::request("the host that the gateway tells is no host"));
    }
    let origin = format!("{scheme}://{host}");
    if target.is_empty() || target.starts_with(['/', '?']) {
        return Ok(origin + target);
    }
    // RFC 9112 §3.2.2: a request may name its target in full.
    match target.split_at_checked(origin.len()) {
        Some((head, rest))
            if head.eq_ignore_ascii_case(&origin) && (rest.is_empty() || rest.starts_with(['/', '?'])) =>
        {
            Ok(origin + rest)
        }
        _ => Err(Refusal::request(
            "the request target is neither a path nor an address of the host that it was sent to",
        )),
    }
}

/// Two names for one host that differ: whoever believes the one is told of another app than whoever believes the other.
pub(super) fn refuse_two_hosts<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), Refusal> {
    let mut names = names.into_iter();
    let Some(first) = names.next() else { return Ok(()) };
    if names.all(|name| name.eq_ignore_ascii_case(first)) {
        Ok(())
    } else {
        Err(Refusal::request("Host and :authority differ; the gateway must settle which is meant"))
    }
}

/// Refuses headers that some back ends read as one of ours: `Holdfast_User` and `Holdfast.User` reach a CGI program as
/// `HTTP_HOLDFAST_USER` (GHSA-vjrc-mh2v-45x6 and its kin).
pub(super) fn refuse_aliases(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.keys().any(|name| imitates_ours(name.as_str())) {
        let detail =
            "a request header imitates one of the identity headers with another sign in place of \"-\"";
        return Err(Refusal::new(crate::telemetry::RefusalCode::Policy, detail));
    }
    Ok(())
}

/// Refuses more header fields than any browser sends through any gateway.
pub(super) fn refuse_too_much(headers: &HeaderMap) -> Result<(), Refusal> {
    let bytes: usize =
        headers.iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD_OVERHEAD).sum();
    if bytes > MOST_BYTES {
        return Err(Refusal::request("the request has more than 64 KiB of header fields"));
    }
    Ok(())
}

/// Whether a name, in lower case, is one of ours but for signs that some back ends do not tell from `-`.
fn imitates_ours(name: &str) -> bool {
    let ours = b"holdfast-";
    let Some(head) = name.as_bytes().get(..ours.len()) else { return false };
    let folded = |byte: u8| if byte.is_ascii_alphanumeric() { byte } else { b'-' };
    let is_sign = |byte: &u8| !byte.is_ascii_alphanumeric() && *byte != b'-';
    head.iter().map(|byte| folded(*byte)).eq(ours.iter().copied()) && name.as_bytes().iter().any(is_sign)
}

const MOST_BYTES: usize = 64 * 1024;

/// `: ` and the end of the line.
const FIELD_OVERHEAD: usize = 4;

const MOST_METHOD_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_put_together_in_one_way() {
        let read = |target| address("https", "shop.example", target).ok();
        for (target, expected) in [
            ("/orders?x=1", "https://shop.example/orders?x=1"),
            ("", "https://shop.example"),
            ("?x", "https://shop.example?x"),
            ("//evil.example/", "https://shop.example//evil.example/"),
            ("https://shop.example/orders", "https://shop.example/orders"),
            ("HTTPS://SHOP.example", "https://shop.example"),
        ] {
            assert_eq!(read(target).as_deref(), Some(expected), "{target}");
        }
        for target in [
            "*",
            "orders",
            "@evil.example/",
            ":443/",
            ".evil.example/",
            "https://evil.example/",
            "https://shop.example.evil/",
            "https://shop.example@evil/",
            "http://shop.example/",
            "#x",
        ] {
            assert_eq!(read(target), None, "{target}");
        }
        for (scheme, host) in [
            ("https", ""),
            ("https", "shop.example/x"),
            ("https", "a@shop.example"),
            ("https", "shop.example, evil.example"),
            ("https", "shop.example\\"),
            ("https,http", "shop.example"),
            ("", "shop.example"),
            ("ftp", "shop.example"),
        ] {
            assert!(address(scheme, host, "/").is_err(), "{scheme} {host}");
        }
    }

    #[test]
    fn names_that_read_like_ours_are_told() {
        for name in [
            "holdfast_user",
            "holdfast.user",
            "holdfast-user_",
            "holdfast~user",
            "holdfast!session",
            "holdfast-a.b",
        ] {
            assert!(imitates_ours(name), "{name}");
        }
        for name in
            ["holdfast-user", "holdfast", "holdfastuser", "x_request_id", "x-holdfast_user", "holdfast-"]
        {
            assert!(!imitates_ours(name), "{name}");
        }
    }
}
