//! A stage for one attack on tokens: an owner whose app has just handed over a code, a thief, and the report.

use std::time::Duration;

use http::Method;
use url::Url;

use super::attacks::{Act, OwnerAfterwards};
use super::trial::{OWNER_IP, THIEF_IP};
use crate::app::{App, Decision};
use crate::audit::Bookmark;
use crate::browser::Network;
use crate::encoding::random_text;
use crate::http::{Answer, Request};
use crate::key::{Algorithm, DeviceKey};
use crate::oauth::{Client, Code, Grant, Outcome};
use crate::report::Report;
use crate::wire::dpop::{Claims, DPOP, challenge_error};
use crate::{Failure, Setup};

/// An attack in progress.
pub(super) struct TokenTrial<'r> {
    pub(super) setup: Setup,
    pub(super) owner: Client,
    /// The owner's code, not yet redeemed at the beginning.
    pub(super) code: Code,
    pub(super) thief: Network,
    pub(super) report: &'r mut Report,
    audit: Option<Bookmark>,
}

impl<'r> TokenTrial<'r> {
    /// The owner logs in; the code is not redeemed yet.
    pub(super) async fn begin(setup: Setup, report: &'r mut Report) -> Result<Self, Failure> {
        let audit = setup.audit.as_deref().map(Bookmark::at_end).transpose()?;
        let owner = setup.oauth_client(OWNER_IP, setup.keys.make_preferred().await?)?;
        let code = owner.log_in(&format!("owner-{}", random_text()?)).await?;
        let thief = setup.network(THIEF_IP)?;
        Ok(Self { setup, owner, code, thief, report, audit })
    }

    /// Plays the attack, looks after the owner and reads the audit file.
    pub(super) async fn play(
        &mut self,
        play: for<'a> fn(&'a mut Self) -> Act<'a>,
        owner: OwnerAfterwards,
    ) -> Result<(), Failure> {
        let outcome = play(self).await;
        if outcome.is_ok() && self.report.not_run.is_none() {
            match owner {
                OwnerAfterwards::Unharmed => self.owner_is_unharmed().await?,
                OwnerAfterwards::LoggedOut => self.owner_is_out(Some("logout")).await?,
                OwnerAfterwards::SessionEnded => self.owner_is_out(None).await?,
            }
        }
        if let Some(audit) = &self.audit {
            self.report.logged = audit.events()?;
        }
        outcome
    }

    /// The owner redeems the code, and uses what comes of it.
    pub(super) async fn redeem(&mut self) -> Result<(), Failure> {
        let outcome = self.owner.redeem(&self.code).await?;
        if outcome != Outcome::Granted {
            return Err(Failure::Answer(format!("the owner's code was not redeemed: {outcome}")));
        }
        let decision = self.owners_page().await?;
        if decision.allows() {
            return Ok(());
        }
        Err(Failure::Answer(format!("the owner's good token and proof got {}", decision.summary())))
    }

    /// The page that everybody wants.
    pub(super) fn page(&self) -> Result<Url, Failure> {
        self.setup.origin.at("/account")
    }

    /// The owner's access token.
    pub(super) fn access_token(&self) -> Result<String, Failure> {
        Ok(self.owner.grant()?.access_token.clone())
    }

    /// What the owner's client would sign for the page now.
    pub(super) fn owners_claims(&self) -> Result<Claims, Failure> {
        let url = self.page()?;
        let claims = Claims::new(&Method::GET, &url, self.now())?;
        let claims = claims.with_nonce(self.owner.nonces().for_url(&url));
        Ok(claims.for_token(&self.owner.grant()?.access_token))
    }

    /// A fresh proof of the owner's for the page.
    pub(super) async fn owners_proof(&self) -> Result<String, Failure> {
        self.owner.prove(&self.owners_claims()?).await
    }

    /// The proof of the owner's last request, as somebody who reads its traffic sees it.
    pub(super) fn last_proof(&self) -> Result<String, Failure> {
        let request = self.owner.sent().last();
        let proof = request.and_then(|request| request.headers.get(DPOP)?.to_str().ok());
        proof.map(str::to_owned).ok_or_else(|| Failure::Answer("the owner sent no proof".to_owned()))
    }

    /// The thief as a client of his own, with a key of his own.
    pub(super) fn thiefs_client(&self) -> Result<Client, Failure> {
        self.setup.oauth_client(THIEF_IP, DeviceKey::software(Algorithm::Es256)?)
    }

    /// The page, asked for with the owner's token and this proof.
    pub(super) fn stolen(&self, proof: Option<&str>) -> Result<Request, Failure> {
        self.presented(&Method::GET, self.page()?, "DPoP", proof)
    }

    /// Any request with the owner's token, in any scheme.
    pub(super) fn presented(
        &self,
        method: &Method,
        url: Url,
        scheme: &str,
        proof: Option<&str>,
    ) -> Result<Request, Failure> {
        let request = Request::new(method.clone(), url)
            .header("user-agent", crate::oauth::USER_AGENT)?
            .header("authorization", &format!("{scheme} {}", self.owner.grant()?.access_token))?;
        match proof {
            Some(proof) => request.header(DPOP, proof),
            None => Ok(request),
        }
    }

    /// The thief asks, and the decision is noted.
    pub(super) async fn show(&mut self, did: &str, request: &Request) -> Result<Decision, Failure> {
        let decision = self.resource()?.check(request).await?;
        self.report.step(did, described(&decision));
        Ok(decision)
    }

    /// The thief asks, and must be refused with one of `errors`.
    pub(super) async fn show_refused(
        &mut self,
        did: &str,
        request: &Request,
        errors: &[&str],
    ) -> Result<(), Failure> {
        let decision = self.show(did, request).await?;
        self.report.finding(is_refusal(&decision, errors), format!("refused: {did}"));
        Ok(())
    }

    /// The app that the thief asks.
    pub(super) fn resource(&self) -> Result<&App, Failure> {
        let app = self.thief.app.as_ref();
        app.ok_or_else(|| Failure::Usage("the thief needs an app to rob".to_owned()))
    }

    /// The thief sends a request to the token endpoint, as it is, and must be refused with one of `errors`.
    pub(super) async fn send_refused(
        &mut self,
        did: &str,
        request: &Request,
        errors: &[&str],
    ) -> Result<(), Failure> {
        let answer = self.thief.send(request).await?;
        let outcome = outcome(&answer, self.now())?;
        self.no_tokens(did, &outcome, errors);
        Ok(())
    }

    /// An outcome at the token endpoint that must be one of `errors`.
    pub(super) fn no_tokens(&mut self, did: &str, outcome: &Outcome, errors: &[&str]) {
        self.report.step(did, outcome.to_string());
        let refused = match outcome {
            Outcome::Granted => false,
            Outcome::Refused(refusal) => refusal.status == 400 && errors.contains(&refusal.error.as_str()),
        };
        self.report.finding(refused, format!("refused, without tokens: {did}"));
    }

    /// The audit file must name one of these events. Without an audit file there is nothing to judge.
    pub(super) async fn logged(&mut self, events: &[&str]) -> Result<(), Failure> {
        let Some(audit) = &self.audit else { return Ok(()) };
        let logged = audit.events_with(events).await?;
        let found = logged.iter().any(|event| events.contains(&event.event.as_str()));
        self.report.finding(found, format!("the audit file has {}", events.join(" or ")));
        Ok(())
    }

    /// The attack cannot be played here.
    pub(super) fn not_run(&mut self, why: impl Into<String>) {
        self.report.not_run = Some(why.into());
    }

    pub(super) fn now(&self) -> Duration {
        self.setup.clock.now()
    }

    /// The owner's client opens its page. A token that has expired meanwhile is nobody's fault; one that the server takes
    /// no longer is told as it is.
    pub(super) async fn owners_page(&mut self) -> Result<Decision, Failure> {
        let url = self.page()?;
        self.owner.refresh_if_expired().await?;
        let answer = self.owner.call(&Method::GET, &url).await?;
        serde_json::from_slice(&answer.body).map_err(|_| Failure::answer("the owner's page", &answer))
    }

    /// The owner's page, session and refresh are as if nothing had happened.
    async fn owner_is_unharmed(&mut self) -> Result<(), Failure> {
        if self.owner.grant().is_err() {
            self.redeem().await?;
        }
        let before = self.owners_page().await?;
        let refresh = self.owner.refresh().await?;
        let after = self.owners_page().await?;
        let same = |decision: &Decision| {
            let session = decision.session.as_ref();
            decision.allows() && session.is_some_and(|session| session.id == self.code.session)
        };
        let pages = same(&before) && same(&after);
        self.report.finding(pages, "the owner's pages are still allowed, in the same session");
        self.report.finding(refresh == Outcome::Granted, "the owner's client can still refresh");
        Ok(())
    }

    async fn owner_is_out(&mut self, reason: Option<&str>) -> Result<(), Failure> {
        let session = self.setup.app(OWNER_IP)?.session(&self.code.session).await?;
        let ended = session.is_some_and(|session| session.is_ended(reason));
        self.report.finding(ended, "the session is ended, and stays so");
        let page = self.owners_page().await?;
        let refresh = self.owner.refresh().await?;
        let dead = is_refusal(&page, &["invalid_token"]) && refresh != Outcome::Granted;
        self.report.finding(dead, "neither the access token nor the refresh token is good for anything");
        Ok(())
    }
}

/// Whether a decision says no as RFC 9449 §7.1 wants it said: 401, one challenge of the DPoP scheme with one of `errors`,
/// and a nonce with it if one is demanded.
pub(super) fn is_refusal(decision: &Decision, errors: &[&str]) -> bool {
    let [challenge] = *decision.header_values("www-authenticate") else { return false };
    let error = challenge_error(challenge).filter(|error| errors.contains(error));
    let nonces = decision.header_values("dpop-nonce").len();
    let nonce_fits = if error == Some("use_dpop_nonce") { nonces == 1 } else { nonces <= 1 };
    !decision.allows() && decision.status == 401 && error.is_some() && nonce_fits
}

/// What a raw answer of the token endpoint means.
fn outcome(answer: &Answer, now: Duration) -> Result<Outcome, Failure> {
    Ok(Grant::read(answer, now)?.map_or_else(Outcome::Refused, |_tokens| Outcome::Granted))
}

fn described(decision: &Decision) -> String {
    match decision.header_values("www-authenticate").first() {
        Some(challenge) => format!("{}, {challenge}", decision.summary()),
        None => decision.summary(),
    }
}
