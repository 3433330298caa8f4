//! `SameSite`, and from where a request was caused.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A cookie's `SameSite` attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SameSite {
    /// Also on links from other sites.
    Lax,
    /// Always.
    None,
    /// Never when another site caused the request.
    Strict,
    /// Not said: Lax, and for two minutes also on cross-site posts.
    #[default]
    Unspecified,
}

/// Who caused a request, as far as cookies care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// The user or the site itself.
    SameSite,
    /// A top-level navigation with a safe method, from another site.
    CrossSiteLink,
    /// Anything else from another site.
    CrossSite,
}

impl Context {
    /// Whether a cookie with this attribute and age travels.
    pub fn lets_through(self, same_site: SameSite, age: Duration) -> bool {
        match self {
            Self::SameSite => true,
            Self::CrossSiteLink => same_site != SameSite::Strict,
            Self::CrossSite => match same_site {
                SameSite::None => true,
                SameSite::Unspecified => age <= LAX_ALLOWING_UNSAFE,
                SameSite::Lax | SameSite::Strict => false,
            },
        }
    }
}

/// Chromium's "Lax + POST" grace for cookies that say nothing.
const LAX_ALLOWING_UNSAFE: Duration = Duration::from_secs(120);
