//! Answers the question "may this request go on?" for whoever asks it: an app, a gateway, the demo.

mod client;
mod token;
mod weighing;
mod why;

pub(crate) use weighing::PROVED_ELSEWHERE;

use std::{net::IpAddr, sync::Arc};

use holdfast_core::{
    Level, Rule, SessionId,
    check::{Decision, Reason, Verdict, judge_cookie, judge_session},
    cookie::AuthenticCookie,
    oauth::AccessToken,
    policy::{Access, Ambiguous, Demands, Route},
    risk::ClientFields,
};
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
    risk::Weighed,
    telemetry::{Event, EventName},
};
use weighing::{Ruled, report_news, rule_on, tell_others, weigh};

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
    let Judged { verdict, found, foreign, confirms, cookie, nonce, refused } =
        judge(house, question, context).await?;
    let weighed = weigh(house, question, &verdict, found.as_ref(), cookie, context).await?;
    let Ruled { verdict, says, ended } = match &weighed {
        Some(weighed) => rule_on(house, verdict, weighed, found.as_ref(), context).await?,
        None => Ruled { verdict, says: None, ended: None },
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
        found: ended.or(found).filter(|_| !is_anonymous),
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
    /// The generation of the cookie.
    cookie: Option<u32>,
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
            cookie: None,
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
    let generation = cookie.get().generation;
    let (confirms, cookie) = (generation > 0, Some(generation));
    Ok(Judged { verdict, found: Some(found), confirms, cookie, ..Judged::denied(verdict.reason) })
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

fn report(house: &Holdfast, question: &Question<'_>, reported: &Reported<'_>, context: &Context) {
    let Reported { verdict, rule, found, foreign, is_anonymous, weighed } = *reported;
    let name = match verdict.decision {
        Decision::Allow if is_anonymous => EventName::RequestAnonymous,
        Decision::Allow => EventName::SessionChecked,
        Decision::Deny | Decision::Reprove | Decision::StepUp => EventName::SessionDenied,
    };
    let refusal = why::refusal(house, question, (verdict, weighed, found), context.now);
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
        detail: refusal.as_deref(),
        tags: question.tags(),
        risk: weighed.map(|weighed| weighed.json.as_str()),
        ..Event::default()
    };
    let vouched = foreign.map(|token| format!("vouched for by {}", token.issuer));
    let event = match (found, foreign) {
        (Some(found), _) => of_session(&found.session, context, event),
        (None, Some(token)) => {
            Event { user: Some(&token.subject), detail: event.detail.or(vouched.as_deref()), ..event }
        }
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

const BRANDS: HeaderName = HeaderName::from_static("sec-ch-ua");
const MOBILE: HeaderName = HeaderName::from_static("sec-ch-ua-mobile");
const PLATFORM: HeaderName = HeaderName::from_static("sec-ch-ua-platform");
