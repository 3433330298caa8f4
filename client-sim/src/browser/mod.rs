//! The user agent: cookies, keys and bound sessions, by the rules that Chromium 156 keeps.

mod backoff;
mod fetch_error;
mod network;
mod quota;
mod refresh;
mod register;
mod session;
#[cfg(test)]
mod tests;
mod visit;

use std::time::Duration;

use http::Method;
use url::Url;

use crate::Failure;
use crate::clock::SharedClock;
use crate::http::{Answer, Request};
use crate::jar::{Context, Jar};
use crate::key::{DeviceKey, KeyMaker};
use crate::state::{Memory, SavedSession};
use crate::wire::instructions::Instructions;
use crate::wire::registration::{Offer, offers};
use crate::wire::skipped::{Reason, skipped};
use crate::wire::{CHALLENGE, REGISTRATION, SKIPPED, challenge};

pub use fetch_error::FetchError;
pub use network::Network;
pub use quota::SigningQuota;
pub use refresh::Refresh;
pub use session::{BoundSession, Need, Source};
pub use visit::{Exchange, Happening, Initiator, Page, Visit};

/// A simulated browser with one profile.
pub struct Browser {
    network: Network,
    clock: SharedClock,
    keys: KeyMaker,
    jar: Jar,
    sessions: Vec<BoundSession>,
    quota: Option<SigningQuota>,
    offers: Vec<(Offer, Context)>,
    registers: bool,
    exchanges: Vec<Exchange>,
    happenings: Vec<Happening>,
}

impl Browser {
    /// An empty profile.
    pub fn new(network: Network, clock: SharedClock, keys: KeyMaker) -> Self {
        Self {
            network,
            clock,
            keys,
            jar: Jar::default(),
            sessions: Vec::new(),
            quota: Some(SigningQuota::default()),
            offers: Vec::new(),
            registers: true,
            exchanges: Vec::new(),
            happenings: Vec::new(),
        }
    }

    /// Signs as often as asked.
    pub fn without_quota(mut self) -> Self {
        self.quota = None;
        self
    }

    /// Keeps registration offers for [`Browser::register_offers`] instead of acting on them at once.
    pub fn registering_later(mut self) -> Self {
        self.registers = false;
        self
    }

    /// Opens a page, following its redirects.
    ///
    /// # Errors
    ///
    /// Only what a user would see as "this site can't be reached". Whatever happens to bound sessions on the way is
    /// told by [`Browser::happenings`].
    pub async fn visit(&mut self, visit: Visit) -> Result<Page, Failure> {
        let mut visit = visit;
        for _ in 0..MAX_REDIRECTS {
            let answer = self.fetch(&visit).await?;
            match visit.redirected(&answer)? {
                Some(next) => visit = next,
                None => return Ok(Page { url: visit.url, answer }),
            }
        }
        Err(Failure::Network(format!("{} redirects too often", visit.url)))
    }

    /// The cookies.
    pub fn jar(&self) -> &Jar {
        &self.jar
    }

    /// The cookies, to lose or plant some.
    pub fn jar_mut(&mut self) -> &mut Jar {
        &mut self.jar
    }

    /// The bound sessions.
    pub fn sessions(&self) -> &[BoundSession] {
        &self.sessions
    }

    /// A bound session by id.
    pub fn session(&self, id: &str) -> Option<&BoundSession> {
        self.sessions.iter().find(|session| session.id() == id)
    }

    /// Everything that was said at the two DBSC endpoints.
    pub fn exchanges(&self) -> &[Exchange] {
        &self.exchanges
    }

    /// What became of the bound sessions so far.
    pub fn happenings(&self) -> &[Happening] {
        &self.happenings
    }

    /// Offers that were seen and not acted on.
    pub fn waiting_offers(&self) -> impl Iterator<Item = &Offer> {
        self.offers.iter().map(|(offer, _)| offer)
    }

    /// The site and how it is reached.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// What survives a restart.
    pub fn memory(&self) -> Result<Memory, Failure> {
        let saved = |session: &BoundSession| {
            let (body, from) = (session.source.body.clone(), session.source.from.to_string());
            Ok(SavedSession { instructions: body, from, key: session.key.saved()? })
        };
        let sessions = self.sessions.iter().map(saved).collect::<Result<_, Failure>>()?;
        Ok(Memory { cookies: self.jar.clone(), sessions, client: None })
    }

    /// Starts with what an earlier run left. A session whose key cannot be loaded is lost, as in a real browser.
    pub async fn with_memory(mut self, memory: Memory) -> Self {
        self.jar = memory.cookies;
        for saved in memory.sessions {
            let id = saved.id();
            match self.restored(saved).await {
                Some(session) => self.sessions.push(session),
                None => self.note_end(&id, "FailedToRestoreKey"),
            }
        }
        self
    }

    async fn restored(&self, saved: SavedSession) -> Option<BoundSession> {
        let from = Url::parse(&saved.from).ok()?;
        let instructions = Instructions::parse(&saved.instructions, &from, self.now()).ok()?;
        let key = DeviceKey::restore(&saved.key.reached_at(&self.keys.place)).await.ok()?;
        Some(BoundSession::new(instructions, Source { body: saved.instructions, from }, key))
    }

    /// One request and everything that belongs to it: held before, read after, refreshed beside.
    async fn fetch(&mut self, visit: &Visit) -> Result<Answer, Failure> {
        let context = visit.initiator.context(&visit.method, &self.network.origin);
        let skipped = self.hold(visit, context).await?;
        let expiring = self.sessions_needing(Need::Soon, visit, context);
        let request = self.navigation(visit, context, &skipped)?;
        let answer = self.network.send(&request).await?;
        let caused = visit.initiator.context(&Method::POST, &self.network.origin);
        self.read(&answer, &visit.url, caused);
        if self.registers {
            self.register_offers().await?;
        }
        for id in expiring {
            self.refresh_beside(&id, caused).await?;
        }
        Ok(answer)
    }

    /// Refreshes every session that the request needs and may wait for, one after another.
    async fn hold(&mut self, visit: &Visit, context: Context) -> Result<Vec<(Reason, String)>, Failure> {
        let mut skipped = Vec::new();
        let caused = visit.initiator.context(&Method::POST, &self.network.origin);
        for id in self.sessions_needing(Need::Now, visit, context) {
            match self.refresh_as(&id, caused).await? {
                Refresh::Postponed(reason) => skipped.push((reason, id)),
                Refresh::Done | Refresh::Ended(_) => {}
            }
        }
        Ok(skipped)
    }

    fn sessions_needing(&self, need: Need, visit: &Visit, context: Context) -> Vec<String> {
        let now = self.now();
        let wanted = |session: &&BoundSession| {
            session.need(&visit.url, context, &self.jar, now) == need
                && session.may_be_refreshed_for(&visit.initiator)
                && (need == Need::Now || !session.proactive_failed)
        };
        self.sessions.iter().filter(wanted).map(|session| session.id().to_owned()).collect()
    }

    fn navigation(
        &self,
        visit: &Visit,
        context: Context,
        failed: &[(Reason, String)],
    ) -> Result<Request, Failure> {
        let origin = &self.network.origin;
        let mut request = Request::new(visit.method.clone(), visit.url.clone())
            .header("user-agent", USER_AGENT)?
            .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")?
            .header("sec-fetch-dest", "document")?
            .header("sec-fetch-mode", "navigate")?
            .header("sec-fetch-site", visit.initiator.fetch_site(origin))?;
        if !visit.method.is_safe() {
            request = match &visit.initiator {
                Initiator::User | Initiator::Site => request.header("origin", &origin.serialized())?,
                Initiator::Other(host) => request.header("origin", &format!("https://{host}"))?,
            };
        }
        if let Some(cookies) = self.jar.header(&visit.url, context, self.now()) {
            request = request.header("cookie", &cookies)?;
        }
        let failed: Vec<(Reason, &str)> = failed.iter().map(|(reason, id)| (*reason, id.as_str())).collect();
        match skipped(&failed) {
            Some(header) => request.header(SKIPPED, &header),
            None => Ok(request),
        }
    }

    /// Takes from an answer what concerns cookies and bound sessions.
    fn read(&mut self, answer: &Answer, url: &Url, caused: Context) {
        let now = self.now();
        self.clear_site_data(answer);
        for line in answer.set_cookies() {
            self.jar.take(line, url, now);
        }
        if let Some(header) = answer.list(CHALLENGE) {
            for session in self.sessions.iter_mut().filter(|session| session.listens_to(url)) {
                if let Some(text) = challenge::challenge_for(&header, session.id()) {
                    session.challenge = Some(text);
                }
            }
        }
        if let Some(header) = answer.list(REGISTRATION) {
            self.offers.extend(offers(&header, url).into_iter().map(|offer| (offer, caused)));
        }
    }

    /// `"cookies"`, `"storage"` and `"*"` end bound sessions; `"storage"` leaves the cookies.
    fn clear_site_data(&mut self, answer: &Answer) {
        let header = answer.list("clear-site-data").unwrap_or_default();
        let says = |word: &str| header.contains(&format!("\"{word}\""));
        if says("cookies") || says("*") {
            self.jar.clear();
        }
        if says("cookies") || says("storage") || says("*") {
            let ids: Vec<String> = self.sessions.drain(..).map(|session| session.id().to_owned()).collect();
            ids.iter().for_each(|id| self.note_end(id, "StoragePartitionCleared"));
        }
    }

    fn session_mut(&mut self, id: &str) -> Option<&mut BoundSession> {
        self.sessions.iter_mut().find(|session| session.id() == id)
    }

    fn end(&mut self, id: &str, why: FetchError) {
        self.sessions.retain(|session| session.id() != id);
        self.note_end(id, &why.to_string());
    }

    fn note_end(&mut self, id: &str, why: &str) {
        self.happenings.push(Happening::Ended { session: id.to_owned(), why: why.to_owned() });
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Whether one more signature is allowed now.
    fn may_sign(&mut self) -> bool {
        let now = self.now();
        self.quota.as_mut().is_none_or(|quota| quota.take(now))
    }
}

/// What the browser calls itself.
pub const USER_AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) holdfast-sim";

/// Chromium gives up a little later.
const MAX_REDIRECTS: usize = 20;
