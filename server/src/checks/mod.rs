//! Answers the question "may this request go on?" for whoever asks it: an app, a gateway, the demo.

mod token;

use std::{net::IpAddr, sync::Arc};

use holdfast_core::{
    Level, Rule, SessionId,
    check::{Decision, Reason, Verdict, judge_cookie, judge_session},
    cookie::AuthenticCookie,
    dbsc::expire_cookie,
    oauth::AccessToken,
    origin::LocalPath,
    policy::Requirements,
};
use holdfast_store::{Backend, Found};
use http::{HeaderValue, StatusCode};

use crate::{
    assertion::Subject,
    context::Context,
    dpop::{self, Refused},
    error::Trouble,
    extract::{
        authorization::Authorization,
        cookies::{self, Credential},
        fetch::{FetchMetadata, only},
    },
    house::{App, Holdfast, of_session},
    telemetry::{Event, EventName},
};

/// A request to decide about.
pub(crate) struct Question<'a> {
    pub(crate) app: &'a App,
    pub(crate) method: &'a str,
    /// Path and query, as the client sent them; absent if the address is not one of the app.
    pub(crate) target: Option<&'a str>,
    pub(crate) credential: Credential<'a>,
    pub(crate) authorization: Authorization<'a>,
    /// The values of its `DPoP` fields.
    pub(crate) proofs: Vec<&'a str>,
    /// Whether the browser says that it has a bound session.
    pub(crate) hint: bool,
    pub(crate) fetch: FetchMetadata<'a>,
    pub(crate) requirements: Requirements,
    /// The words that the scope of an OAuth client must hold; a browser has no scope, and needs none.
    pub(crate) scope: Option<&'a str>,
    pub(crate) client_ip: Option<IpAddr>,
    pub(crate) user_agent: Option<&'a str>,
}

impl<'a> Question<'a> {
    /// Reads what a request says of itself; `values` gives those of its fields that have a name. Nothing is demanded of it,
    /// and its client's address is not known.
    pub(crate) fn read<V: Iterator<Item = &'a str>>(
        house: &Holdfast,
        app: &'a App,
        method: &'a str,
        target: Option<&'a str>,
        values: impl Fn(&'static str) -> V,
    ) -> Self {
        Self {
            app,
            method,
            target,
            credential: cookies::credential(values("cookie"), &house.cookie_name),
            authorization: Authorization::read(values("authorization")),
            proofs: values(dpop::PROOF).collect(),
            hint: cookies::has(values("cookie"), &house.hint_name),
            fetch: FetchMetadata::read(|name| only(values(name))),
            requirements: Requirements::default(),
            scope: None,
            client_ip: None,
            user_agent: values("user-agent").next(),
        }
    }
}

/// What was decided, and what to tell the client if it may not go on.
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    /// The session, if it is one of this app; also when it was refused.
    pub(crate) found: Option<Found>,
    /// The token of another issuer that was taken; it has no session here.
    pub(crate) foreign: Option<Arc<AccessToken>>,
    pub(crate) status: StatusCode,
    /// Where to send the client, with status 307.
    pub(crate) location: Option<String>,
    /// The cookie to take from the client.
    pub(crate) set_cookie: Option<String>,
    /// `WWW-Authenticate`: how the client may authenticate, and what was wrong.
    pub(crate) challenge: Option<HeaderValue>,
    /// `DPoP-Nonce`: for the client's next proof, also when this one was taken.
    pub(crate) nonce: Option<HeaderValue>,
}

/// Whose an allowed request is.
pub(crate) struct Identity<'a> {
    pub(crate) user: &'a str,
    pub(crate) session: Option<SessionId>,
    pub(crate) binding: Level,
    /// The OAuth client that acts for the user, and what it was granted. A browser is no client, and may do everything.
    pub(crate) client: &'a str,
    pub(crate) scope: &'a str,
    /// Who vouches for the user, if it is not the app itself.
    pub(crate) issuer: &'a str,
}

impl Answer {
    /// Whose the request is, if it may go on.
    pub(crate) fn identity(&self) -> Option<Identity<'_>> {
        if self.verdict.decision != Decision::Allow {
            return None;
        }
        if let Some(found) = &self.found {
            let record = found.session.record();
            let grant = record.grant.as_deref();
            return Some(Identity {
                user: &record.user,
                session: Some(record.id),
                binding: found.session.level(),
                client: grant.map_or("", |grant| &grant.client_id),
                scope: grant.map_or("", |grant| &grant.scope),
                issuer: "",
            });
        }
        // A token of another issuer: all that is known of its key is that there is one.
        let token = self.foreign.as_ref()?;
        Some(Identity {
            user: &token.subject,
            session: None,
            binding: Level::Software,
            client: token.client_id.as_deref().unwrap_or_default(),
            scope: token.scope.as_deref().unwrap_or_default(),
            issuer: &token.issuer,
        })
    }
}

/// Decides. Writes nothing but the note that the session was used.
pub(crate) async fn check(
    house: &Holdfast,
    question: &Question<'_>,
    context: &Context,
) -> Result<Answer, Trouble> {
    let Judged { verdict, found, foreign, confirms, nonce, refused } =
        judge(house, question, context).await?;
    if let (Decision::Allow, Some(found)) = (verdict.decision, &found) {
        house.store.touch(found.session.record().id, context.now, confirms);
    }
    house.metrics.check(verdict.decision, verdict.reason);
    let rule = refused.map(|refused| refused.rejection.rule);
    if let Some(rule) = rule {
        house.metrics.rejection(rule);
    }
    report(house, question, &verdict, rule, found.as_ref(), foreign.as_deref(), context);
    let nonce = match refused.filter(|_| verdict.reason == Reason::UseDpopNonce) {
        Some(refused) => Some(dpop::nonce(house, refused.key.as_ref(), context.now)),
        None => nonce,
    };
    let answer = answer(house, question, verdict, found);
    let is_challenged =
        answer.status == StatusCode::UNAUTHORIZED || verdict.reason == Reason::InsufficientScope;
    let challenge = is_challenged.then(|| challenge(house, question, &verdict, rule)).flatten();
    Ok(Answer { foreign, challenge, nonce, ..answer })
}

/// The signed identity of an allowed request.
pub(crate) fn assertion(
    house: &Holdfast,
    question: &Question<'_>,
    found: &Found,
    context: &Context,
) -> Option<HeaderValue> {
    let path = question.target?.split(['?', '#']).next().filter(|path| !path.is_empty()).unwrap_or("/");
    let subject =
        Subject { session: &found.session, origin: &question.app.origin, method: question.method, path };
    house.assertions.about(subject, context.now)
}

struct Judged {
    verdict: Verdict,
    found: Option<Found>,
    /// The token of another issuer that was taken.
    foreign: Option<Arc<AccessToken>>,
    /// The cookie is of a bound generation: its browser has stored what binding gave it. Or the proof has a nonce.
    confirms: bool,
    /// A nonce for the client's next proof.
    nonce: Option<HeaderValue>,
    /// Why token or proof were not taken.
    refused: Option<Refused>,
}

impl Judged {
    const fn denied(reason: Reason) -> Self {
        Self {
            verdict: Verdict::deny(reason),
            found: None,
            foreign: None,
            confirms: false,
            nonce: None,
            refused: None,
        }
    }

    fn refused(refused: Refused, found: Option<Found>) -> Self {
        Self { found, refused: Some(refused), ..Self::denied(token::reason_of(&refused)) }
    }
}

async fn judge(house: &Holdfast, question: &Question<'_>, context: &Context) -> Result<Judged, Trouble> {
    // A cookie is good on its own origin and nowhere else.
    let Some(target) = question.target else { return Ok(Judged::denied(Reason::PolicyDenied)) };
    match question.authorization {
        Authorization::Dpop(text) => return token::judge(house, question, target, text, context).await,
        Authorization::Several => return Ok(Judged::denied(Reason::InvalidToken)),
        Authorization::Bearer(text) => {
            if let Some(refused) = token::bearer_refusal(house, text) {
                return Ok(Judged::refused(refused, None));
            }
        }
        Authorization::None => {}
    }
    let value = match question.credential {
        Credential::None => return Ok(Judged::denied(Reason::NoCredential)),
        Credential::Several => return Ok(Judged::denied(Reason::DuplicateCookie)),
        Credential::One(value) => value,
    };
    // The MAC is checked before the store is asked anything, so that made-up cookies cost it nothing.
    let Some(cookie) = AuthenticCookie::open(&house.keyring, value) else {
        return Ok(Judged::denied(Reason::BadCookie));
    };
    let found = house.store.load(cookie.get().session).await?;
    // Another app's session is no session here, whatever its cookie proves.
    let Some(found) = found.filter(|found| *found.session.record().app == *question.app.name) else {
        return Ok(Judged::denied(Reason::SessionUnknown));
    };
    let verdict = judge_cookie(&cookie, context.now).err().unwrap_or_else(|| {
        let requirements = &question.requirements;
        judge_session(&cookie, &found.session, found.activity, requirements, &house.policy, context.now)
    });
    let confirms = cookie.get().generation > 0;
    Ok(Judged { verdict, found: Some(found), confirms, ..Judged::denied(verdict.reason) })
}

fn answer(house: &Holdfast, question: &Question<'_>, verdict: Verdict, found: Option<Found>) -> Answer {
    let answer = |status, location, set_cookie| Answer {
        verdict,
        found,
        foreign: None,
        status,
        location,
        set_cookie,
        challenge: None,
        nonce: None,
    };
    match verdict.decision {
        Decision::Allow => answer(StatusCode::OK, None, None),
        // The browser finds its bound cookie gone, refreshes, and so proves its key before it repeats the request.
        Decision::Reprove => {
            let again = question.target.and_then(local).unwrap_or_else(|| "/".to_owned());
            answer(StatusCode::TEMPORARY_REDIRECT, Some(again), Some(expire_cookie(&house.cookie_name)))
        }
        Decision::Deny if may_resume(question, verdict.reason) => {
            let resume = question
                .target
                .and_then(local)
                .map(|target| format!("{RESUME_PATH}?to={}", percent_encode(&target)));
            match resume {
                Some(resume) => answer(StatusCode::TEMPORARY_REDIRECT, Some(resume), None),
                None => answer(StatusCode::UNAUTHORIZED, None, None),
            }
        }
        Decision::Deny if matches!(verdict.reason, Reason::PolicyDenied | Reason::InsufficientScope) => {
            answer(StatusCode::FORBIDDEN, None, None)
        }
        Decision::Deny | Decision::StepUp => answer(StatusCode::UNAUTHORIZED, None, None),
    }
}

/// The one challenge of a 401 (RFC 9110 §11.6.1, RFC 9449 §7.1). A session cookie has no scheme: whoever came with one
/// gets none.
fn challenge(
    house: &Holdfast,
    question: &Question<'_>,
    verdict: &Verdict,
    rule: Option<Rule>,
) -> Option<HeaderValue> {
    match (question.authorization, rule) {
        (_, Some(rule)) => {
            let code = dpop::ErrorCode::of(rule).as_str();
            Some(dpop::challenge(house, code, &dpop::description_of(rule)))
        }
        (Authorization::Several, None) => {
            Some(dpop::challenge(house, "invalid_request", "send exactly one Authorization header"))
        }
        (Authorization::Dpop(_), None) if verdict.reason == Reason::InsufficientScope => {
            Some(dpop::scope_challenge(house, question.scope.unwrap_or_default()))
        }
        (Authorization::Dpop(_), None) => {
            // RFC 9470 §3: what the token lacks is a fresher or stronger login.
            let code = match verdict.decision {
                Decision::StepUp => "insufficient_user_authentication",
                Decision::Allow | Decision::Deny | Decision::Reprove => "invalid_token",
            };
            Some(dpop::challenge(house, code, verdict.reason.says()))
        }
        (Authorization::Bearer(_) | Authorization::None, None) => {
            (verdict.reason == Reason::NoCredential).then(|| dpop::bare_challenge(house))
        }
    }
}

/// A link from another site comes without the bound cookie, and the browser may not refresh for it. One reload from our
/// own site, and only from there, settles whether the session is still there.
fn may_resume(question: &Question<'_>, reason: Reason) -> bool {
    reason == Reason::NoCredential && question.hint && question.fetch.is_foreign_navigation(question.method)
}

fn local(target: &str) -> Option<String> {
    let target = target.split('#').next().unwrap_or_default();
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    target.parse::<LocalPath>().ok().map(|path| path.as_str().to_owned())
}

/// Percent-encodes a target so that it stands in a query as one value (RFC 3986 §3.4).
fn percent_encode(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

fn report(
    house: &Holdfast,
    question: &Question<'_>,
    verdict: &Verdict,
    rule: Option<Rule>,
    found: Option<&Found>,
    foreign: Option<&AccessToken>,
    context: &Context,
) {
    let name = match verdict.decision {
        Decision::Allow => EventName::SessionChecked,
        Decision::Deny | Decision::Reprove | Decision::StepUp => EventName::SessionDenied,
    };
    let event = Event {
        event: Some(name),
        app: Some(&question.app.name),
        reason: Some(verdict.reason.as_str()),
        rule,
        client_ip: question.client_ip,
        user_agent: question.user_agent,
        request_id: Some(context.request_id.as_str()),
        trace_id: context.trace_id(),
        ..Event::default()
    };
    let vouched = foreign.map(|token| format!("vouched for by {}", token.issuer));
    let event = match (found, foreign) {
        (Some(found), _) => of_session(&found.session, context, event),
        (None, Some(token)) => Event { user: Some(&token.subject), detail: vouched.as_deref(), ..event },
        (None, None) => event,
    };
    // A token with somebody else's key is a stolen one.
    if matches!(rule, Some(Rule::P20)) {
        let stolen = Event { event: Some(EventName::TokenStolen), ..event.clone() };
        house.record(context.now, &stolen);
    }
    if verdict.stale_copy {
        let detail = "a copy of a cookie that the owner's browser has replaced is in use";
        house.record(
            context.now,
            &Event { event: Some(EventName::CookieStale), detail: Some(detail), ..event.clone() },
        );
    }
    house.record(context.now, &event);
}

/// Where the one-reload page is.
pub(crate) const RESUME_PATH: &str = "/_holdfast/resume";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_stay_on_their_origin() {
        assert_eq!(local("/orders?x=1#top").as_deref(), Some("/orders?x=1"));
        assert_eq!(local("").as_deref(), Some("/"));
        assert_eq!(local("?x").as_deref(), Some("/?x"));
        assert_eq!(local("//evil.example/"), None);
        assert_eq!(percent_encode("/a?x=1&y=é"), "/a%3Fx%3D1%26y%3D%C3%A9");
    }
}
