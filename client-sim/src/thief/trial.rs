//! A stage for one attack: an owner with a fresh session, a thief, the server's audit file, and the report.

use std::time::Duration;

use super::attacks::{Act, OwnerAfterwards};
use super::burglar::{Burglar, given_cookie};
use crate::app::{self, Decision, Session};
use crate::audit::Bookmark;
use crate::browser::{BoundSession, Browser, Happening, Refresh, Visit};
use crate::encoding::random_text;
use crate::http::Answer;
use crate::key::{Algorithm, DeviceKey};
use crate::report::Report;
use crate::wire::registration::Offer;
use crate::wire::{CHALLENGE, RESPONSE, challenge};
use crate::{Failure, Setup};

/// An attack in progress.
pub(super) struct Trial<'r> {
    pub(super) setup: Setup,
    pub(super) owner: Browser,
    pub(super) thief: Burglar,
    /// The owner's session id, which is public.
    pub(super) session: String,
    pub(super) report: &'r mut Report,
    audit: Option<Bookmark>,
}

impl<'r> Trial<'r> {
    /// The owner logs in; the browser has not registered yet.
    pub(super) async fn begin(setup: Setup, report: &'r mut Report) -> Result<Self, Failure> {
        let audit = setup.audit.as_deref().map(Bookmark::at_end).transpose()?;
        let mut owner = setup.browser(OWNER_IP)?.registering_later();
        let session = log_in(&mut owner, &setup, "owner").await?;
        let thief = Burglar { network: setup.network(THIEF_IP)? };
        Ok(Self { setup, owner, thief, session, report, audit })
    }

    /// Plays the attack, looks after the owner and reads the audit file.
    pub(super) async fn play(
        &mut self,
        play: for<'a> fn(&'a mut Self) -> Act<'a>,
        owner: OwnerAfterwards,
    ) -> Result<(), Failure> {
        let outcome = play(self).await;
        if outcome.is_ok() {
            match owner {
                OwnerAfterwards::Unharmed => self.owner_is_unharmed().await?,
                OwnerAfterwards::LoggedOut => self.session_is_ended(Some("logout")).await?,
                OwnerAfterwards::SessionEnded => self.session_is_ended(None).await?,
            }
        }
        if let Some(audit) = &self.audit {
            self.report.logged = audit.events()?;
        }
        outcome
    }

    /// The owner's browser registers, and shows its first bound cookie.
    pub(super) async fn bind(&mut self) -> Result<(), Failure> {
        self.owner.register_offers().await?;
        if self.owner.session(&self.session).is_none() {
            let happenings = self.owner.happenings();
            return Err(Failure::Answer(format!("the owner's browser was not bound: {happenings:?}")));
        }
        let decision = self.owners_page().await?;
        if !decision.allows() {
            return Err(Failure::Answer(format!("the bound owner got {}", decision.summary())));
        }
        Ok(())
    }

    /// The owner's browser refreshes: a new cookie, a new generation.
    pub(super) async fn rotate(&mut self) -> Result<(), Failure> {
        match self.owner.refresh(&self.session).await? {
            Refresh::Done => Ok(()),
            failed @ (Refresh::Ended(_) | Refresh::Postponed(_)) => {
                Err(Failure::Answer(format!("the owner's refresh ended as {failed:?}")))
            }
        }
    }

    /// `name=value` of the owner's present session cookie.
    pub(super) fn owners_cookie(&self) -> Result<String, Failure> {
        self.cookie_named(&self.setup.cookie_name)
    }

    /// `name=value` of one of the owner's cookies.
    pub(super) fn cookie_named(&self, name: &str) -> Result<String, Failure> {
        let cookie = self.owner.jar().named(name, self.setup.clock.now());
        let cookie = cookie.ok_or_else(|| Failure::Answer(format!("the owner has no cookie {name}")))?;
        Ok(format!("{}={}", cookie.name, cookie.value))
    }

    /// The offer that came with the owner's login.
    pub(super) fn owners_offer(&self) -> Result<Offer, Failure> {
        let offer = self.owner.waiting_offers().next().cloned();
        offer.ok_or_else(|| Failure::Answer("the login response offered no registration".to_owned()))
    }

    /// The owner's bound session.
    pub(super) fn owners_session(&self) -> Result<&BoundSession, Failure> {
        let session = self.owner.session(&self.session);
        session.ok_or_else(|| Failure::Answer("the owner's browser lost its session".to_owned()))
    }

    /// The last proof that the owner's browser sent, as somebody who reads its traffic sees it.
    pub(super) fn last_proof(&self) -> Result<String, Failure> {
        let proofs = self.owner.exchanges().iter().rev().filter_map(|exchange| {
            exchange.request.headers.get(RESPONSE).and_then(|value| value.to_str().ok())
        });
        let last = proofs.map(str::to_owned).next();
        last.ok_or_else(|| Failure::Answer("the owner's browser sent no proof".to_owned()))
    }

    /// A challenge for the owner's session: anybody who knows the id may ask for one.
    pub(super) async fn challenge(&mut self) -> Result<String, Failure> {
        let answer = self.thief.refresh(&self.session, None).await?;
        self.report.step("asked for a challenge with the session id alone", self.describe(&answer));
        let header = answer.list(CHALLENGE).unwrap_or_default();
        challenge::challenge_for(&header, &self.session)
            .ok_or_else(|| Failure::answer("a refresh without a proof", &answer))
    }

    /// A key of the thief's.
    pub(super) fn thiefs_key(&self) -> Result<DeviceKey, Failure> {
        DeviceKey::software(Algorithm::Es256)
    }

    /// Shows cookies, and notes the decision.
    pub(super) async fn show(&mut self, what: &str, cookies: &str) -> Result<Decision, Failure> {
        let decision = self.thief.page(cookies).await?;
        self.report.step(format!("asked for a page with {what}"), decision.summary());
        Ok(decision)
    }

    /// Shows cookies that must be refused, for one of `reasons` when any are named.
    pub(super) async fn show_refused(
        &mut self,
        what: &str,
        cookies: &str,
        reasons: &[&str],
    ) -> Result<(), Failure> {
        let decision = self.show(what, cookies).await?;
        let expected = reasons.is_empty() || reasons.contains(&decision.reason.as_str());
        self.report.finding(!decision.allows() && expected, format!("{what} is refused"));
        Ok(())
    }

    /// A registration that must be refused: 4xx, but none that a browser or a proxy would act upon.
    pub(super) fn registration_refused(&mut self, did: &str, answer: &Answer) {
        self.report.step(did, self.describe(answer));
        let status = (400..500).contains(&answer.status) && !matches!(answer.status, 401 | 429);
        let html = answer.first("content-type").is_some_and(|kind| kind.contains("html"));
        let refused = status && !html && !self.gives_cookie(answer);
        self.report.finding(refused, format!("refused, without a cookie: {did}"));
    }

    /// A refresh that must be refused with one of `statuses`; a 403 brings a challenge.
    pub(super) fn refresh_refused(&mut self, did: &str, answer: &Answer, statuses: &[u16]) {
        self.report.step(did, self.describe(answer));
        let signable = answer.status != 403 || answer.list(CHALLENGE).is_some();
        let refused = statuses.contains(&answer.status) && signable && !self.gives_cookie(answer);
        self.report.finding(refused, format!("refused, without a cookie: {did}"));
    }

    /// The audit file must name one of these events. Without an audit file there is nothing to judge.
    pub(super) async fn logged(&mut self, events: &[&str]) -> Result<(), Failure> {
        let Some(audit) = &self.audit else { return Ok(()) };
        let logged = audit.events_with(events).await?;
        let found = logged.iter().any(|event| events.contains(&event.event.as_str()));
        self.report.finding(found, format!("the audit file has {}", events.join(" or ")));
        Ok(())
    }

    /// Lets time pass, if whoever started this allowed so much of it.
    pub(super) async fn wait(&self, span: Duration) -> Result<(), Failure> {
        let allowed = self.setup.max_wait;
        if span > allowed {
            let (needed, allowed) = (span.as_secs(), allowed.as_secs());
            return Err(Failure::Usage(format!("this must wait {needed} s; --max-wait allows {allowed} s")));
        }
        self.setup.clock.wait(span).await;
        Ok(())
    }

    /// Whether an answer gives somebody the session cookie.
    pub(super) fn gives_cookie(&self, answer: &Answer) -> bool {
        given_cookie(answer, &self.setup.cookie_name).is_some()
    }

    /// An answer in a few words.
    pub(super) fn describe(&self, answer: &Answer) -> String {
        let challenge = if answer.list(CHALLENGE).is_some() { ", a challenge" } else { "" };
        let cookie = if self.gives_cookie(answer) { ", A COOKIE" } else { ", no cookie" };
        format!("{}{challenge}{cookie}", answer.status)
    }

    /// The session as the app sees it.
    pub(super) async fn session_at_the_app(&self) -> Result<Option<Session>, Failure> {
        self.setup.app(OWNER_IP)?.session(&self.session).await
    }

    async fn owners_page(&mut self) -> Result<Decision, Failure> {
        let page = self.owner.visit(Visit::typed(self.setup.origin.at("/account")?)).await?;
        serde_json::from_slice(&page.answer.body)
            .map_err(|_| Failure::answer("the owner's page", &page.answer))
    }

    /// The owner's page, session and refresh are as if nothing had happened.
    async fn owner_is_unharmed(&mut self) -> Result<(), Failure> {
        if self.owner.session(&self.session).is_none() && self.owner.waiting_offers().next().is_some() {
            self.bind().await?;
        }
        let before = self.owners_page().await?;
        let refresh = self.owner.refresh(&self.session).await?;
        let after = self.owners_page().await?;
        let same = |decision: &Decision| {
            decision.allows() && decision.session.as_ref().is_some_and(|session| session.id == self.session)
        };
        let pages = same(&before) && same(&after);
        let ended = self.owner.happenings().iter().any(|h| matches!(h, Happening::Ended { .. }));
        self.report.finding(pages, "the owner's pages are still allowed, in the same session");
        self.report.finding(refresh == Refresh::Done && !ended, "the owner's browser can still refresh");
        Ok(())
    }

    async fn session_is_ended(&mut self, reason: Option<&str>) -> Result<(), Failure> {
        let session = self.session_at_the_app().await?;
        let ended = session.is_some_and(|session| session.is_ended(reason));
        let by = reason.unwrap_or("the server");
        self.report.finding(ended, format!("the session is ended by {by}, and stays so"));
        Ok(())
    }
}

/// Logs a browser in under a fresh name, and tells the session's id.
pub(super) async fn log_in(browser: &mut Browser, setup: &Setup, who: &str) -> Result<String, Failure> {
    let user = format!("{who}-{}", random_text()?);
    let page = browser.visit(Visit::form(app::login_url(&setup.origin, &user)?)).await?;
    let session: Session =
        serde_json::from_slice(&page.answer.body).map_err(|_| Failure::answer("the login", &page.answer))?;
    Ok(session.id)
}

/// Addresses that belong to nobody (RFC 5737).
pub(super) const OWNER_IP: &str = "203.0.113.7";
pub(super) const THIEF_IP: &str = "198.51.100.9";
