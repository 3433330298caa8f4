//! What somebody asks the browser to open, and what came of it.

use http::Method;
use serde::Serialize;
use url::Url;

use super::fetch_error::FetchError;
use crate::Failure;
use crate::http::{Answer, Request};
use crate::jar::Context;
use crate::origin::{Origin, site_of};

/// Who caused a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Initiator {
    /// The user, by typing it.
    User,
    /// A page of the same origin.
    Site,
    /// A page of this other host.
    Other(String),
}

impl Initiator {
    /// What cookies a navigation with `method` gets.
    pub fn context(&self, method: &Method, origin: &Origin) -> Context {
        match self {
            Self::Other(host) if site_of(host) != site_of(origin.host()) => {
                if method.is_safe() {
                    Context::CrossSiteLink
                } else {
                    Context::CrossSite
                }
            }
            Self::User | Self::Site | Self::Other(_) => Context::SameSite,
        }
    }

    /// The value of `Sec-Fetch-Site`.
    pub fn fetch_site(&self, origin: &Origin) -> &'static str {
        match self {
            Self::User => "none",
            Self::Site => "same-origin",
            Self::Other(host) if site_of(host) == site_of(origin.host()) => "same-site",
            Self::Other(_) => "cross-site",
        }
    }
}

/// A navigation.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Who caused it.
    pub initiator: Initiator,
}

impl Visit {
    /// The user types a URL.
    pub fn typed(url: Url) -> Self {
        Self { method: Method::GET, url, initiator: Initiator::User }
    }

    /// A page of the site posts a form.
    pub fn form(url: Url) -> Self {
        Self { method: Method::POST, url, initiator: Initiator::Site }
    }

    /// A link on another host.
    pub fn link_from(host: &str, url: Url) -> Self {
        Self { method: Method::GET, url, initiator: Initiator::Other(host.to_owned()) }
    }

    /// Where a redirect leads, if the answer is one. A 307 or 308 keeps the method.
    pub fn redirected(&self, answer: &Answer) -> Result<Option<Self>, Failure> {
        let Some(location) = redirect_target(answer, &self.url) else { return Ok(None) };
        let keep = matches!(answer.status, 307 | 308);
        let method = if keep { self.method.clone() } else { Method::GET };
        Ok(Some(Self { method, url: location, initiator: self.initiator.clone() }))
    }
}

/// The absolute target of a redirect.
pub(super) fn redirect_target(answer: &Answer, from: &Url) -> Option<Url> {
    let redirects = matches!(answer.status, 301 | 302 | 303 | 307 | 308);
    answer.first("location").filter(|_| redirects).and_then(|location| from.join(location).ok())
}

/// What the user ends up looking at.
#[derive(Clone, Debug)]
pub struct Page {
    /// The URL after redirects.
    pub url: Url,
    /// The final answer.
    pub answer: Answer,
}

/// A request of the browser's own to one of the two DBSC endpoints, with its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What was sent.
    pub request: Request,
    /// What came back; nothing if the network failed.
    pub answer: Option<Answer>,
}

/// What happened to the browser's bound sessions, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Happening {
    /// The browser forgot a session.
    Ended {
        /// Which.
        session: String,
        /// Why, in Chromium's words.
        why: String,
    },
    /// A refresh did not work, and the session lives on.
    Postponed {
        /// Which.
        session: String,
        /// The reason that `Secure-Session-Skipped` gives.
        reason: &'static str,
    },
    /// A refresh worked.
    Refreshed {
        /// Which.
        session: String,
    },
    /// A session is bound to a fresh key.
    Registered {
        /// Which.
        session: String,
    },
    /// A registration did not work; the user is still logged in.
    RegistrationFailed {
        /// Why.
        why: FetchError,
    },
}
