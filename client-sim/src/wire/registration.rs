//! `Secure-Session-Registration`: the server offers to bind this login to a key.

use sfv::{BareItem, InnerList, List, ListEntry, Parameters, Parser};
use url::Url;

use super::string_of;
use crate::key::Algorithm;
use crate::origin::same_site;

/// One offer that the browser would act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The algorithms the browser knows, in the server's order.
    pub algorithms: Vec<Algorithm>,
    /// Where to register, resolved against the response's URL.
    pub endpoint: Url,
    /// What to sign. Without it Chromium registers without any proof.
    pub challenge: Option<String>,
    /// A value to copy into the proof.
    pub authorization: Option<String>,
}

/// Reads every usable offer of a header that came with the response from `from`.
///
/// A syntax error anywhere loses all offers of the response; an entry that is merely wrong is skipped.
pub fn offers(header: &str, from: &Url) -> Vec<Offer> {
    let Ok(list) = Parser::new(header).parse::<List>() else { return Vec::new() };
    list.iter()
        .filter_map(|entry| match entry {
            ListEntry::InnerList(inner) => offer(inner, from),
            ListEntry::Item(_) => None,
        })
        .collect()
}

fn offer(inner: &InnerList, from: &Url) -> Option<Offer> {
    let algorithms: Vec<Algorithm> = inner
        .items
        .iter()
        .filter_map(|item| item.bare_item.as_token().and_then(|token| Algorithm::named(token.as_str())))
        .collect();
    let path = string_of(parameter(&inner.params, "path")?)?;
    let endpoint = from.join(&path).ok()?;
    let secure = endpoint.scheme() == "https" && same_site(&endpoint, from);
    if algorithms.is_empty() || !secure {
        return None;
    }
    let challenge = optional_string(&inner.params, "challenge").ok()?;
    let authorization = optional_string(&inner.params, "authorization").ok()?;
    Some(Offer { algorithms, endpoint, challenge, authorization })
}

fn parameter<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a BareItem> {
    parameters.iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| value)
}

/// Absent is fine; present with another type spoils the entry.
fn optional_string(parameters: &Parameters, name: &str) -> Result<Option<String>, NotAString> {
    parameter(parameters, name).map(|item| string_of(item).ok_or(NotAString)).transpose()
}

struct NotAString;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Vec<Offer> {
        offers(header, &Url::parse("https://shop.example/login/now").unwrap())
    }

    #[test]
    fn the_servers_order_is_kept_and_unknown_names_are_skipped() {
        let offer = read(r#"(none RS256 ES256);path="/r";challenge="c";authorization="a""#).remove(0);
        assert_eq!(offer.algorithms, [Algorithm::Rs256, Algorithm::Es256]);
        assert_eq!(offer.endpoint.as_str(), "https://shop.example/r");
        assert_eq!(offer.challenge.as_deref(), Some("c"));
        assert_eq!(offer.authorization.as_deref(), Some("a"));
    }

    #[test]
    fn what_chromium_ignores_is_ignored() {
        for header in [
            r#"ES256;path="/r";challenge="c""#,
            r#"("ES256");path="/r";challenge="c""#,
            r#"(es256);path="/r";challenge="c""#,
            r#"(ES256);challenge="c""#,
            r#"(ES256);path="/r";challenge=c"#,
            r#"(ES256);path="/r";challenge="c";authorization=a"#,
            r#"(ES256);path="http://shop.example/r";challenge="c""#,
            r#"(ES256);path="https://other.example/r";challenge="c""#,
            r#"(ES256);path="/r";challenge="c","#,
            r#"(ES256) ;path="/r";challenge="c""#,
        ] {
            assert_eq!(read(header), [], "{header}");
        }
    }

    #[test]
    fn two_entries_are_two_offers() {
        assert_eq!(read(r#"(ES256);path="/a";challenge="1", (ES256);path="/b";challenge="2""#).len(), 2);
    }
}
