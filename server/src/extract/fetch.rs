//! What browsers say about where a request comes from (Fetch Metadata, RFC 6454 §7).

use holdfast_core::Origin;
use http::{HeaderMap, HeaderName, header};

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
    /// `Accept` and `X-Requested-With`: what tells a page from a script where a browser sends no Fetch Metadata. A script
    /// can forge them, and only loses by it.
    pub(crate) accept: Option<&'a str>,
    pub(crate) requested_with: Option<&'a str>,
}

impl<'a> FetchMetadata<'a> {
    /// Reads the fields of a request.
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        Self::read(|name| {
            only(headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("unreadable")))
        })
    }

    /// Reads the fields through `field`, which finds a header by its lower-case name.
    pub(crate) fn read(field: impl Fn(HeaderName) -> Option<&'a str>) -> Self {
        Self {
            site: field(SEC_FETCH_SITE),
            mode: field(SEC_FETCH_MODE),
            dest: field(SEC_FETCH_DEST),
            origin: field(header::ORIGIN),
            accept: field(header::ACCEPT),
            requested_with: field(X_REQUESTED_WITH),
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

    /// Whether a page is being opened, so that a person would see where a redirect leads.
    pub(crate) fn is_navigation(&self) -> bool {
        match self.mode {
            Some(mode) => mode == "navigate",
            None => self.requested_with.is_none() && self.accept.is_some_and(accepts_html),
        }
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

/// Whether HTML is named among what the client takes (RFC 9110 §12.5.1). `*/*` is what scripts send.
fn accepts_html(accept: &str) -> bool {
    accept.split(',').any(|range| {
        let (kind, parameters) = range.split_once(';').unwrap_or((range, ""));
        let quality = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("q="));
        let is_refused = quality.is_some_and(|q| q.trim().parse::<f32>().is_ok_and(|quality| quality <= 0.0));
        kind.trim().eq_ignore_ascii_case("text/html") && !is_refused
    })
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(site: Option<&'static str>, origin: Option<&'static str>) -> FetchMetadata<'static> {
        FetchMetadata {
            site,
            origin,
            mode: Some("navigate"),
            dest: Some("document"),
            accept: None,
            requested_with: None,
        }
    }

    #[test]
    fn pages_are_told_from_scripts() {
        let read = |mode, accept, requested_with| {
            FetchMetadata { mode, accept, requested_with, ..FetchMetadata::default() }.is_navigation()
        };
        let html = Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
        assert!(read(Some("navigate"), None, None) && read(None, html, None));
        assert!(read(None, Some("application/json, TEXT/HTML ;q=0.1"), None));
        for (mode, accept, requested_with) in [
            (None, None, None),
            (None, Some("*/*"), None),
            (None, Some("application/json"), None),
            (None, Some("text/html;q=0"), None),
            (None, Some("text/html; level=1; q=0.0"), None),
            (None, Some("text/htmlx"), None),
            (None, html, Some("XMLHttpRequest")),
            (Some("cors"), html, None),
            (Some("no-cors"), html, None),
            (Some("same-origin"), html, None),
            (Some("repeated"), html, None),
            (Some(""), html, None),
        ] {
            assert!(!read(mode, accept, requested_with), "{mode:?} {accept:?} {requested_with:?}");
        }
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
