//! What the context of a request adds to its verdict, and how that is told.

use holdfast_core::{
    Method,
    check::{Decision, Reason, Verdict},
    risk::Score,
    session::{EndReason, Session},
};
use holdfast_policy::{Demand, Effect};
use holdfast_ssf::RiskLevel;
use holdfast_store::{Backend, Found};

use super::{Question, why::of_policies};
use crate::{
    context::Context,
    error::Trouble,
    extract::authorization::Authorization,
    house::Holdfast,
    risk::{self, Sees, Weighed},
    sessions,
    telemetry::{Event, EventName},
};

/// Weighs the context of a request whose session and credential are in order. A copy of a replaced cookie is noted, and
/// stays refused.
pub(super) async fn weigh(
    house: &Holdfast,
    question: &Question<'_>,
    verdict: &Verdict,
    found: Option<&Found>,
    cookie: Option<u32>,
    context: &Context,
) -> Result<Option<Weighed>, Trouble> {
    let Some(found) = found.filter(|_| verdict.decision == Decision::Allow || verdict.stale_copy) else {
        return Ok(None);
    };
    let is_proved = matches!(question.authorization, Authorization::Dpop(_));
    let sees = Sees { is_proved, is_stale_copy: verdict.stale_copy, cookie };
    risk::weigh(house, question, found.session.record(), sees, context).await.map(Some)
}

/// What policies have made of a request.
pub(super) struct Ruled {
    pub(super) verdict: Verdict,
    /// What the one that decided says to the client.
    pub(super) says: Option<Box<str>>,
    /// The session as it is now, if it was ended for it.
    pub(super) ended: Option<Found>,
}

/// What the policies make of a request that could go on without them.
pub(super) async fn rule_on(
    house: &Holdfast,
    verdict: Verdict,
    weighed: &Weighed,
    found: Option<&Found>,
    context: &Context,
) -> Result<Ruled, Trouble> {
    let untouched = Ruled { verdict, says: None, ended: None };
    let (ruling, Some(found)) = (&weighed.answer.outcome.ruling, found) else { return Ok(untouched) };
    if verdict.decision != Decision::Allow {
        return Ok(untouched);
    }
    let record = found.session.record();
    let answer = |decision, reason| Verdict { decision, reason, stale_copy: false };
    let mut ended = None;
    let verdict = match ruling.effect {
        None | Some(Effect::Flag) => return Ok(untouched),
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
            let why = of_policies(&house.risk.policies, ruling, &weighed.answer.outcome.assessment);
            sessions::end_because(house, record.id, EndReason::Risk, Some(&why), context).await?;
            // Read again, since another request may have ended it first, and for a reason of its own.
            ended = house.store.load(record.id).await?;
            answer(Decision::Deny, Reason::RiskRevoked)
        }
    };
    Ok(Ruled { verdict, says: ruling.says().map(Box::from), ended })
}

/// Tells whoever wants shared signals, once, that a session is in danger (CAEP risk-level-change).
pub(super) fn tell_others(house: &Holdfast, weighed: &Weighed, session: &Session, context: &Context) {
    let asks = weighed.answer.outcome.ruling.effect.is_some_and(|effect| effect > Effect::Flag);
    if !weighed.answer.is_news || !asks {
        return;
    }
    let level = match weighed.answer.outcome.assessment.highest() {
        score if score >= Score::GRAVE => RiskLevel::High,
        score if score >= Score::STRANGE => RiskLevel::Medium,
        _ => return,
    };
    let why = weighed.answer.outcome.ruling.says().unwrap_or("policies object to a request");
    house.signals.tell_risk(house, session, level, why, context.now);
}

/// Tells, once, that policies have something against a request.
pub(super) fn report_news(house: &Holdfast, weighed: &Weighed, event: &Event<'_>, context: &Context) {
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
    let says = says.or_else(|| ruling.not_permitted.then_some(NOT_PERMITTED));
    house.record(context.now, &Event { event: Some(EventName::RiskRaised), detail: says, ..event.clone() });
}

/// Said where no policy speaks for itself.
const NOT_PERMITTED: &str = "no policy permits this request";

/// What the trail says of a session whose device proves its key from where it is not.
pub(crate) const PROVED_ELSEWHERE: &str = "the device has proved its key as often as it was asked to, and each time from another \
    address or browser than its requests come from; a gateway may tell two addresses of one client, see holdfast doctor";
