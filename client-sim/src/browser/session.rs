//! A device bound session as the browser keeps it.

use std::time::Duration;

use url::Url;

use super::backoff::Backoff;
use super::visit::Initiator;
use crate::jar::{Context, Cookie, Jar};
use crate::key::DeviceKey;
use crate::origin::{same_site, site_of};
use crate::wire::instructions::Instructions;

/// A bound session: what the server instructed, and the key.
#[derive(Debug)]
pub struct BoundSession {
    /// What the server said last.
    pub instructions: Instructions,
    /// The instructions as received, and from where: stored and parsed again.
    pub source: Source,
    /// The key, which never leaves the device.
    pub key: DeviceKey,
    /// The next challenge, if one came. In memory alone: after a restart the first refresh goes without a proof.
    pub challenge: Option<String>,
    /// The last challenge that was signed, and its proof: sent again as it is, which costs no signature.
    pub signed: Option<(String, String)>,
    /// When to leave the endpoint alone.
    pub backoff: Backoff,
    /// A proactive refresh that failed is not repeated before a success.
    pub proactive_failed: bool,
}

/// Instructions as they arrived.
#[derive(Clone, Debug)]
pub struct Source {
    /// The body.
    pub body: String,
    /// The URL that answered with it.
    pub from: Url,
}

/// How well the bound cookies cover a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing to do.
    Nothing,
    /// All there, but one ends soon: refresh beside the request.
    Soon,
    /// One is missing: hold the request.
    Now,
}

impl BoundSession {
    /// A session that was just registered.
    pub fn new(instructions: Instructions, source: Source, key: DeviceKey) -> Self {
        Self {
            instructions,
            source,
            key,
            challenge: None,
            signed: None,
            backoff: Backoff::default(),
            proactive_failed: false,
        }
    }

    /// The session's id.
    pub fn id(&self) -> &str {
        &self.instructions.id
    }

    /// What a request to `url` needs from this session.
    pub fn need(&self, url: &Url, context: Context, jar: &Jar, now: Duration) -> Need {
        if !self.instructions.scope.covers(url) {
            return Need::Nothing;
        }
        let sent =
            |cookie: &&Cookie| Cookie { created_at: now, ..(*cookie).clone() }.goes_to(url, context, now);
        let needs = self.instructions.credentials.iter().filter(sent).map(|wanted| {
            match jar.matching(wanted, now).map(|cookie| cookie.remaining(now)) {
                None => Need::Now,
                Some(Some(left)) if left <= PROACTIVE => Need::Soon,
                Some(_) => Need::Nothing,
            }
        });
        needs
            .max_by_key(|need| match need {
                Need::Nothing => 0,
                Need::Soon => 1,
                Need::Now => 2,
            })
            .unwrap_or(Need::Nothing)
    }

    /// Whether a request caused by `initiator` may make this session refresh.
    pub fn may_be_refreshed_for(&self, initiator: &Initiator) -> bool {
        match initiator {
            Initiator::User | Initiator::Site => true,
            Initiator::Other(host) => {
                let scope = &self.instructions.scope;
                let own = site_of(scope.origin.host_str().unwrap_or_default());
                let inside = scope.include_site && site_of(host) == own;
                inside || self.instructions.initiators.iter().any(|pattern| pattern.matches(host))
            }
        }
    }

    /// Whether a challenge on a response of `url` counts: it must be one that could set a bound cookie.
    pub fn listens_to(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let could_set = |cookie: &Cookie| !cookie.host_only || cookie.domain == host;
        same_site(url, &self.instructions.scope.origin) && self.instructions.credentials.iter().any(could_set)
    }
}

/// With so little left, Chromium refreshes beside the request.
const PROACTIVE: Duration = Duration::from_secs(120);
