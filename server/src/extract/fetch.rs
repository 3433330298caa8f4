//! What browsers say about where a request comes from (Fetch Metadata, RFC 6454 §7).

use holdfast_core::Origin;
use http::HeaderMap;

/// The one value of a field. A field that is repeated, or no text, is none of the values that allow anything.
pub(crate) fn only<'a>(mut values: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let first = values.next()?;
    Some(if values.next().is_some() { "repeated" } else { first })
}

/// The fields that page script cannot forge.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FetchMetadata<'a> {
    pub(crate) site: Option<&'a str>,
    pub(crate) mode: Option<&'a str>,
    pub(crate) dest: Option<&'a str>,
    pub(crate) origin: Option<&'a str>,
}

impl<'a> FetchMetadata<'a> {
    /// Reads the fields of a request.
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        Self::read(|name| {
            only(headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("unreadable")))
        })
    }

    /// Reads the fields through `field`, which finds a header by its lower-case name.
    pub(crate) fn read(field: impl Fn(&'static str) -> Option<&'a str>) -> Self {
        Self {
            site: field("sec-fetch-site"),
            mode: field("sec-fetch-mode"),
            dest: field("sec-fetch-dest"),
            origin: field("origin"),
        }
    }

    /// Whether this is a page being opened by a link, a form or a script of another site: the case in which a browser
    /// may not refresh, and one reload from our own site helps.
    pub(crate) fn is_foreign_navigation(&self, method: &str) -> bool {
        matches!(method, "GET" | "HEAD")
            && self.mode == Some("navigate")
            && self.dest == Some("document")
            && matches!(self.site, Some("cross-site" | "same-site"))
    }

    /// Whether nothing here says that the request was made by another origin than `own`. Absent fields say nothing:
    /// not every client is a browser.
    pub(crate) fn is_from(&self, own: &Origin) -> bool {
        let site = self.site.is_none_or(|site| matches!(site, "same-origin" | "none"));
        site && self.origin.is_none_or(|origin| origin == own.as_str())
    }

    /// Whether nothing here says that the request was made by another site. Browsers send proofs from the origin that
    /// configured the endpoint, which may be a sibling of the endpoint's own.
    pub(crate) fn is_same_site(&self, own: &Origin) -> bool {
        match self.site {
            Some("same-origin" | "none") | None => self.origin.is_none_or(|origin| origin == own.as_str()),
            Some("same-site") => true,
            Some(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(site: Option<&'static str>, origin: Option<&'static str>) -> FetchMetadata<'static> {
        FetchMetadata { site, origin, mode: Some("navigate"), dest: Some("document") }
    }

    #[test]
    fn only_pages_opened_from_elsewhere_are_foreign() {
        assert!(metadata(Some("cross-site"), None).is_foreign_navigation("GET"));
        for (site, method) in
            [(Some("cross-site"), "POST"), (Some("same-origin"), "GET"), (Some("none"), "GET"), (None, "GET")]
        {
            assert!(!metadata(site, None).is_foreign_navigation(method), "{site:?} {method}");
        }
        let image = FetchMetadata { dest: Some("image"), ..metadata(Some("cross-site"), None) };
        assert!(!image.is_foreign_navigation("GET"));
    }

    #[test]
    fn other_origins_are_told_apart() {
        let own: Origin = "https://shop.example".parse().unwrap();
        for (site, origin, from, same_site) in [
            (Some("same-origin"), Some("https://shop.example"), true, true),
            (None, None, true, true),
            (Some("none"), None, true, true),
            (Some("same-site"), Some("https://www.shop.example"), false, true),
            (Some("cross-site"), Some("https://shop.example"), false, false),
            (None, Some("https://evil.example"), false, false),
            (Some("same-origin"), Some("https://evil.example"), false, false),
            (None, Some("null"), false, false),
            (Some("nonsense"), None, false, false),
        ] {
            assert_eq!(metadata(site, origin).is_from(&own), from, "{site:?} {origin:?}");
            assert_eq!(metadata(site, origin).is_same_site(&own), same_site, "{site:?} {origin:?}");
        }
    }
}
