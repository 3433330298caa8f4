//! Answers the question "may this request go on?" for whoever asks it: an app, a gateway, the demo.

mod client;
mod token;

use std::{net::IpAddr, sync::Arc};

use holdfast_core::{
    Level, Method, Rule, SessionId,
    check::{Decision, Reason, Verdict, judge_cookie, judge_session},
    cookie::AuthenticCookie,
    oauth::AccessToken,
    policy::{Access, Ambiguous, Demands, Route},
    risk::ClientFields,
    session::{EndReason, Session},
};
use holdfast_policy::{Demand, Effect};
use holdfast_ssf::RiskLevel;
use holdfast_store::{Backend, Found};
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::{
    assertion::Subject,
    context::Context,
    dpop::{self, Refused},
    error::Trouble,
    extract::{
        authorization::Authorization,
        cookies::{self, Credential},
        fetch::{FetchMetadata, only},
        user_agent,
    },
    house::{App, Holdfast, of_session},
    risk::{self, Sees, Weighed},
    sessions,
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
    /// The route that is about it.
    pub(crate) route: Result<Option<&'a Route>, Ambiguous>,
    /// What the route and whoever asks demand of it.
    pub(crate) demands: Demands,
    pub(crate) client_ip: Option<IpAddr>,
    pub(crate) user_agent: Option<&'a str>,
    /// What the client says of itself, to be compared.
    pub(crate) says: ClientFields<'a>,
}

impl<'a> Question<'a> {
    /// Reads what a request says of itself; `fields` gives the values of those that have a name. What is demanded of it is
    /// what its route demands, and its client's address is not known.
    pub(crate) fn read<V: Iterator<Item = &'a [u8]>>(
        house: &Holdfast,
        app: &'a App,
        method: &'a str,
        target: Option<&'a str>,
        fields: impl Fn(HeaderName) -> V,
    ) -> Self {
        let values = |name| fields(name).map(|value| std::str::from_utf8(value).unwrap_or_default());
        let route = target.map_or(Ok(None), |target| app.routes.find(method, target));
        let demands = route.ok().flatten().map(|route| route.demands().into_owned()).unwrap_or_default();
        Self {
            app,
            method,
            target,
            route,
            demands,
            credential: cookies::credential(fields(header::COOKIE), &house.cookie_name),
            authorization: Authorization::read(values(header::AUTHORIZATION)),
            proofs: values(dpop::PROOF).collect(),
            hint: cookies::has(fields(header::COOKIE), &house.hint_name),
            fetch: FetchMetadata::read(|name| only(values(name))),
            client_ip: None,
            user_agent: values(header::USER_AGENT).next().map(user_agent),
            says: ClientFields {
                user_agent: values(header::USER_AGENT).next(),
                brands: values(BRANDS).next(),
                mobile: values(MOBILE).next(),
                platform: values(PLATFORM).next(),
                languages: values(header::ACCEPT_LANGUAGE).next(),
                ja4: house.risk.ja4_header.clone().and_then(|name| values(name).next()),
            },
        }
    }

    /// Whoever asks has the client's own fields before them: what is not there was not sent.
    pub(crate) fn heard(self) -> Self {
        let user_agent = Some(self.says.user_agent.unwrap_or_default());
        Self { says: ClientFields { user_agent, ..self.says }, ..self }
    }

    /// Demands more: of each, the stricter holds.
    pub(crate) fn demanding(self, more: &Demands) -> Self {
        Self { demands: self.demands.and(more), ..self }
    }

    /// Whether a request without a session may go on: the route is public, and whoever asks demands nothing either.
    fn lets_anybody_through(&self) -> bool {
        matches!(self.route, Ok(Some(Route { access: Access::Public, .. }))) && self.demands.is_empty()
    }

    /// The words that the route has for the audit trail.
    pub(crate) fn tags(&self) -> &[Box<str>] {
        self.route.ok().flatten().map_or(&[], |route| &route.tags)
    }
}

/// What was decided, and what to tell the client if it may not go on.
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    /// The session, if it is one of this app; also when it was refused.
    pub(crate) found: Option<Found>,
    /// The token of another issuer that was taken; it has no session here.
    pub(crate) foreign: Option<Arc<AccessToken>>,
    /// The request may go on as nobody's: its route is public.
    is_anonymous: bool,
    /// What the policy that refused it says to the client.
    pub(crate) says: Option<Box<str>>,
    /// Why no route could be found for it.
    pub(crate) ambiguous: Option<Ambiguous>,
    pub(crate) status: StatusCode,
    /// Where to send the client, with a status that redirects.
    pub(crate) location: Option<String>,
    /// The cookie to take from the client.
    pub(crate) set_cookie: Option<String>,
    /// `WWW-Authenticate`: how the client may authenticate, and what was wrong.
    pub(crate) challenge: Option<HeaderValue>,
    /// `DPoP-Nonce`: for the client's next proof, also when this one was taken.
    pub(crate) nonce: Option<HeaderValue>,
}

/// Whose an allowed request is. All of it is empty for nobody's.
#[derive(Default)]
pub(crate) struct Identity<'a> {
    pub(crate) user: &'a str,
    pub(crate) session: Option<SessionId>,
    pub(crate) binding: &'a str,
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
        if self.is_anonymous {
            return Some(Identity::default());
        }
        if let Some(found) = &self.found {
            let record = found.session.record();
            let grant = record.grant.as_deref();
            return Some(Identity {
                user: &record.user,
                session: Some(record.id),
                binding: found.session.level().as_str(),
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
            binding: Level::Software.as_str(),
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
    let weighed = weigh(house, question, &verdict, found.as_ref(), context).await?;
    let (verdict, says) = match &weighed {
        Some(weighed) => rule_on(house, verdict, weighed, found.as_ref(), context).await?,
        None => (verdict, None),
    };
    if let (Decision::Allow, Some(found)) = (verdict.decision, &found) {
        house.store.touch(found.session.record().id, context.now, confirms);
    }
    // Whatever was wrong with the credential, nobody needs one here; and it gives nobody an identity.
    let is_anonymous = verdict.decision != Decision::Allow && question.lets_anybody_through();
    let verdict = if is_anonymous { Verdict { decision: Decision::Allow, ..verdict } } else { verdict };
    if let (Some(weighed), Some(found)) = (&weighed, &found) {
        tell_others(house, weighed, &found.session, context);
    }
    house.metrics.check(verdict.decision, verdict.reason);
    let rule = refused.map(|refused| refused.rejection.rule);
    if let Some(rule) = rule {
        house.metrics.rejection(rule);
    }
    let judged = Reported {
        verdict: &verdict,
        rule,
        found: found.as_ref(),
        foreign: foreign.as_deref(),
        is_anonymous,
        weighed: weighed.as_ref(),
    };
    report(house, question, &judged, context);
    let nonce = match refused.filter(|_| verdict.reason == Reason::UseDpopNonce) {
        Some(refused) => Some(dpop::nonce(house, refused.key.as_ref(), context.now)),
        None => nonce,
    };
    let told = client::tell(house, question, &verdict, rule);
    Ok(Answer {
        verdict,
        // The session of a credential that was not good is not told to the app: somebody would take it for the user's.
        found: found.filter(|_| !is_anonymous),
        foreign,
        is_anonymous,
        says,
        ambiguous: question.route.err(),
        status: told.status,
        location: told.location,
        set_cookie: told.set_cookie,
        challenge: told.challenge,
        nonce,
    })
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
    // What servers differ about may be one route's for us and another's for the app.
    if question.route.is_err() {
        return Ok(Judged::denied(Reason::PolicyDenied));
    }
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
        let requirements = &question.demands.requirements;
        judge_session(&cookie, &found.session, found.activity, requirements, &house.policy, context.now)
    });
    let confirms = cookie.get().generation > 0;
    Ok(Judged { verdict, found: Some(found), confirms, ..Judged::denied(verdict.reason) })
}

/// What is told of a judged request.
struct Reported<'a> {
    verdict: &'a Verdict,
    rule: Option<Rule>,
    found: Option<&'a Found>,
    foreign: Option<&'a AccessToken>,
    is_anonymous: bool,
    weighed: Option<&'a Weighed>,
}

/// Weighs the context of a request whose session and credential are in order. A copy of a replaced cookie is noted, and
/// stays refused.
async fn weigh(
    house: &Holdfast,
    question: &Question<'_>,
    verdict: &Verdict,
    found: Option<&Found>,
    context: &Context,
) -> Result<Option<Weighed>, Trouble> {
    let Some(found) = found.filter(|_| verdict.decision == Decision::Allow || verdict.stale_copy) else {
        return Ok(None);
    };
    let is_proved = matches!(question.authorization, Authorization::Dpop(_));
    let sees = Sees { is_proved, is_stale_copy: verdict.stale_copy };
    risk::weigh(house, question, found.session.record(), sees, context).await.map(Some)
}

/// What the policies make of a request that could go on without them, and what they say to its client.
async fn rule_on(
    house: &Holdfast,
    verdict: Verdict,
    weighed: &Weighed,
    found: Option<&Found>,
    context: &Context,
) -> Result<(Verdict, Option<Box<str>>), Trouble> {
    let (ruling, Some(found)) = (&weighed.answer.outcome.ruling, found) else { return Ok((verdict, None)) };
    if verdict.decision != Decision::Allow {
        return Ok((verdict, None));
    }
    let record = found.session.record();
    let answer = |decision, reason| Verdict { decision, reason, stale_copy: false };
    let verdict = match ruling.effect {
        None | Some(Effect::Flag) => return Ok((verdict, None)),
        Some(Effect::StepUp) => answer(Decision::StepUp, Reason::RiskStepUp),
        // Only a browser can be sent to prove its key; without a key, and where each request proves it, the user is asked.
        Some(Effect::Reprove) => match &record.binding {
            Some(binding) if binding.method == Method::Dbsc && weighed.demand == Demand::Proof => {
                answer(Decision::Reprove, Reason::RiskReprove)
            }
            Some(_) | None => answer(Decision::StepUp, Reason::RiskStepUp),
        },
        Some(Effect::Deny) => answer(Decision::Deny, Reason::PolicyDenied),
        Some(Effect::Revoke) => {
            sessions::end(house, record.id, EndReason::Risk, context).await?;
            answer(Decision::Deny, Reason::RiskRevoked)
        }
    };
    Ok((verdict, ruling.says().map(Box::from)))
}

/// Tells whoever wants shared signals, once, that a session is in danger (CAEP risk-level-change).
fn tell_others(house: &Holdfast, weighed: &Weighed, session: &Session, context: &Context) {
    let asks = weighed.answer.outcome.ruling.effect.is_some_and(|effect| effect > Effect::Flag);
    if !weighed.answer.is_news || !asks {
        return;
    }
    let level = match weighed.answer.outcome.assessment.highest().get() {
        70.. => RiskLevel::High,
        40.. => RiskLevel::Medium,
        _ => return,
    };
    let why = weighed.answer.outcome.ruling.says().unwrap_or("policies object to a request");
    house.signals.tell_risk(house, session, (level, Some(RiskLevel::Low)), why, context.now);
}

/// Tells, once, that policies have something against a request.
fn report_news(house: &Holdfast, weighed: &Weighed, event: &Event<'_>, context: &Context) {
    if !weighed.answer.is_news {
        return;
    }
    let ruling = &weighed.answer.outcome.ruling;
    for error in &ruling.errors {
        house.log.error(context.now, &format!("a policy could not be evaluated: {error}"));
        let failed = Event { event: Some(EventName::PolicyFailed), detail: Some(error), ..event.clone() };
        house.record(context.now, &failed);
    }
    house.metrics.objections(&ruling.hits);
    house.metrics.suspicions(&weighed.answer.outcome.assessment);
    let says = ruling.hits.first().and_then(|hit| hit.says.as_deref());
    house.record(context.now, &Event { event: Some(EventName::RiskRaised), detail: says, ..event.clone() });
}

fn report(house: &Holdfast, question: &Question<'_>, reported: &Reported<'_>, context: &Context) {
    let Reported { verdict, rule, found, foreign, is_anonymous, weighed } = *reported;
    let name = match verdict.decision {
        Decision::Allow if is_anonymous => EventName::RequestAnonymous,
        Decision::Allow => EventName::SessionChecked,
        Decision::Deny | Decision::Reprove | Decision::StepUp => EventName::SessionDenied,
    };
    let ambiguous = question.route.err().map(|why| why.to_string());
    // Once more after the policies, so that whoever looks for the reason finds it in this event.
    let in_vain = verdict.reason == Reason::RiskStepUp
        && weighed.is_some_and(|weighed| weighed.demand == Demand::Login);
    let event = Event {
        event: Some(name),
        app: Some(&question.app.name),
        reason: Some(verdict.reason.as_str()),
        decision: Some(verdict.decision.as_str()),
        rule,
        client_ip: question.client_ip,
        user_agent: question.user_agent,
        request_id: Some(context.request_id.as_str()),
        trace_id: context.trace_id(),
        detail: ambiguous.as_deref().or(in_vain.then_some(PROVED_ELSEWHERE)),
        tags: question.tags(),
        risk: weighed.map(|weighed| weighed.json.as_str()),
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
    if let Some(weighed) = weighed {
        report_news(house, weighed, &event, context);
    }
    house.record(context.now, &event);
}

/// What the trail says of a session whose device proves its key from where it is not.
pub(crate) const PROVED_ELSEWHERE: &str = "the device has proved its key as often as it was asked to, and each time from another \
    address or browser than its requests come from; a gateway may tell two addresses of one client, see holdfast doctor";

const BRANDS: HeaderName = HeaderName::from_static("sec-ch-ua");
const MOBILE: HeaderName = HeaderName::from_static("sec-ch-ua-mobile");
const PLATFORM: HeaderName = HeaderName::from_static("sec-ch-ua-platform");
