//! Why a request was refused, in a sentence of the audit trail: whoever asks finds the answer in one event.

use std::{borrow::Cow, fmt::Write};

use holdfast_core::{
    Method, UnixTime,
    check::{Decision, Reason, Verdict},
    risk::{Assessment, Factor, Score, Signal},
    session::Session,
};
use holdfast_policy::{Effect, Hit, Mode, Policies, Ruling};
use holdfast_store::Found;

use super::{Question, weighing::PROVED_ELSEWHERE};
use crate::{house::Holdfast, risk::Weighed};

/// The sentence; none if the request was not refused.
pub(super) fn refusal(
    house: &Holdfast,
    question: &Question<'_>,
    (verdict, weighed, found): (&Verdict, Option<&Weighed>, Option<&Found>),
    now: UnixTime,
) -> Option<Cow<'static, str>> {
    if verdict.decision == Decision::Allow {
        return None;
    }
    if let Err(ambiguous) = question.route {
        return Some(ambiguous.to_string().into());
    }
    if question.target.is_none() {
        return Some("The address of the request is none of the app's.".into());
    }
    let session = found.map(|found| &found.session);
    let by_policies = matches!(
        verdict.reason,
        Reason::PolicyDenied | Reason::RiskReprove | Reason::RiskRevoked | Reason::RiskStepUp
    );
    if let (true, Some(weighed)) = (by_policies, weighed) {
        let outcome = &weighed.answer.outcome;
        let mut says = of_policies(&house.risk.policies, &outcome.ruling, &outcome.assessment);
        if outcome.ruling.effect == Some(Effect::Reprove) && verdict.reason == Reason::RiskStepUp {
            let binding = session.and_then(|session| session.record().binding.as_deref());
            let why = match binding {
                None => "the session has no key to prove",
                Some(binding) if binding.method != Method::Dbsc => "each request proves the key already",
                Some(_) => PROVED_ELSEWHERE,
            };
            let _ = write!(says, " Its user has to authenticate again: {why}");
        }
        return Some(says.into());
    }
    let unmet = session.and_then(|session| unmet(question, verdict.reason, session, now));
    Some(unmet.map_or(verdict.reason.says().into(), Into::into))
}

/// What was demanded of the session, and what it has.
fn unmet(question: &Question<'_>, reason: Reason, session: &Session, now: UnixTime) -> Option<String> {
    let (demanded, record) = (&question.demands.requirements, session.record());
    if reason == Reason::AuthTooOld {
        let (most, is) = (demanded.max_auth_age?.as_secs(), now.since(record.authenticated_at()).as_secs());
        return Some(format!(
            "The request needs a login of the last {most} seconds, and the user's was {is} seconds ago."
        ));
    }
    if reason == Reason::ProofTooOld {
        let most = demanded.max_proof_age?.as_secs();
        let is = match &record.binding {
            Some(binding) => {
                format!("the last one was {} seconds ago", now.since(binding.last_proof_at).as_secs())
            }
            None => "the session has no key".to_owned(),
        };
        return Some(format!(
            "The request needs a proof by the device of the last {most} seconds, and {is}."
        ));
    }
    if reason == Reason::BindingRequired {
        let (least, is) = (demanded.binding?.as_str(), session.level().as_str());
        return Some(format!(
            "The request needs a session that is bound at the level {least}, and this one is at {is}."
        ));
    }
    None
}

/// What the strongest policy has against a request, from what, and who else has something against it.
pub(super) fn of_policies(policies: &Policies, ruling: &Ruling, assessment: &Assessment) -> String {
    let strongest = ruling.hits.iter().find(|hit| Some(hit.mode.allows(hit.decision)) == ruling.effect);
    let Some(strongest) = strongest else {
        return match ruling.errors.first() {
            Some(error) => {
                format!("A policy could not be evaluated, and the request is refused for it: {error}")
            }
            None => "No policy permits the request.".to_owned(),
        };
    };
    let mut says = format!("The policy {:?} {}", strongest.id, does(strongest));
    let rule = policies.rules().find(|rule| rule.id == strongest.id);
    let looks_at = rule.map(|rule| &rule.signals);
    let mut signals: Vec<_> = assessment
        .signals
        .iter()
        .filter(|signal| {
            signal.score > Score::NONE && looks_at.is_some_and(|names| names.contains(&signal.name))
        })
        .collect();
    signals.sort_by_key(|signal| std::cmp::Reverse(signal.score));
    match (signals.as_slice(), &strongest.says) {
        ([], Some(text)) => {
            let _ = write!(says, ": {text}");
        }
        ([], None) => says.push('.'),
        (all, _) => {
            for (index, signal) in all.iter().take(MOST_SIGNALS).enumerate() {
                says.push_str(if index == 0 { " because of " } else { "; " });
                tell(&mut says, signal);
            }
            says.push('.');
        }
    }
    let others: Vec<_> =
        ruling.hits.iter().filter(|hit| hit.id != strongest.id).map(|hit| format!("{:?}", hit.id)).collect();
    if !others.is_empty() {
        let shown = others.get(..MOST_OTHERS).unwrap_or(&others).join(", ");
        let more = others.len().saturating_sub(MOST_OTHERS);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = write!(says, " Also against it: {shown}{more}.");
    }
    says
}

/// What a policy that decided has done.
const fn does(hit: &Hit) -> &'static str {
    match (hit.mode, hit.decision) {
        (Mode::Additive, Effect::Deny) => {
            "asks for a login, and would refuse the request if it were enforced,"
        }
        (Mode::Additive, Effect::Revoke) => {
            "asks for a login, and would end the session if it were enforced,"
        }
        (_, Effect::Flag) | (Mode::Observe, _) => "only tells of the request",
        (_, Effect::StepUp) => "asks for a login",
        (_, Effect::Reprove) => "asks the device for a proof",
        (Mode::Enforce, Effect::Deny) => "refuses the request",
        (Mode::Enforce, Effect::Revoke) => "ends the session",
    }
}

/// `network.changed with a score of 70, from GB AS2856 to NL AS1136 (how: another country)`.
fn tell(says: &mut String, signal: &Signal) {
    let _ = write!(says, "{} with a score of {}", signal.name, signal.score.get());
    let ends = |wanted| signal.factors.iter().find(|(name, _)| *name == wanted).map(|(_, factor)| factor);
    if let (Some(from), Some(to)) = (ends("from"), ends("to")) {
        let _ = write!(says, ", from {} to {}", word(from), word(to));
    }
    let others = signal.factors.iter().filter(|(name, _)| !matches!(*name, "from" | "to"));
    let others: Vec<_> =
        others.map(|(name, factor)| format!("{}: {}", name.replace('_', " "), word(factor))).collect();
    if !others.is_empty() {
        let _ = write!(says, " ({})", others.join(", "));
    }
}

fn word(factor: &Factor) -> Cow<'_, str> {
    match factor {
        Factor::Number(number) => number.to_string().into(),
        Factor::Word(word) => (&**word).into(),
    }
}

/// The strongest are enough to understand it; the event has all of them in `risk`.
const MOST_SIGNALS: usize = 3;
const MOST_OTHERS: usize = 4;

#[cfg(test)]
mod tests {
    use holdfast_core::risk::SignalName;
    use holdfast_policy::Modes;

    use super::*;

    fn policies(modes: &Modes) -> Policies {
        let text = r#"permit (principal, action, resource);
@id("moved") @decision("step_up") @says("Log in.")
forbid (principal, action, resource) when { context.signals["network.changed"] >= 50 };
@id("any") @decision("deny")
forbid (principal, action, resource) when { context.risk >= 10 };
@id("staff") @decision("deny") @says("Staff only.")
forbid (principal, action, resource) when { context.auth.several_factors };
@id("other") forbid (principal, action, resource) when { context.session_age > 5 };
"#;
        Policies::parse(text, modes).unwrap()
    }

    fn says(hits: &[(&str, Effect, Mode)], signals: Vec<Signal>) -> String {
        let modes = Modes::default();
        let policies = policies(&modes);
        let hit = |(id, decision, mode): &(&str, Effect, Mode)| {
            let rule = policies.rules().find(|rule| &*rule.id == *id).unwrap();
            Hit { id: (*id).into(), decision: *decision, mode: *mode, says: rule.says.clone() }
        };
        let hits: Vec<_> = hits.iter().map(hit).collect();
        let effect = hits.first().map(|hit| hit.mode.allows(hit.decision));
        let ruling = Ruling { effect, hits, ..Ruling::default() };
        of_policies(&policies, &ruling, &Assessment { signals, ..Assessment::default() })
    }

    fn moved() -> Signal {
        let signal = Signal::new(SignalName::NetworkChanged, Score::new(70));
        signal.because("how", "another country").because("from", "GB AS2856").because("to", "NL AS1136")
    }

    #[test]
    fn one_sentence_names_policy_signal_score_and_both_ends() {
        let cleared = Signal::new(SignalName::TravelImpossible, Score::NONE).because("cleared_by", "proof");
        let fast = Signal::new(SignalName::TravelImpossible, Score::FULL).because("km_h", 5000.0);
        assert_eq!(
            says(&[("moved", Effect::StepUp, Mode::Enforce)], vec![cleared, moved()]),
            "The policy \"moved\" asks for a login because of network.changed with a score of 70, from GB AS2856 to NL AS1136 \
             (how: another country)."
        );
        assert_eq!(
            says(
                &[("any", Effect::Deny, Mode::Additive), ("moved", Effect::StepUp, Mode::Observe)],
                vec![moved(), fast]
            ),
            "The policy \"any\" asks for a login, and would refuse the request if it were enforced, because of travel.impossible \
             with a score of 100 (km h: 5000); network.changed with a score of 70, from GB AS2856 to NL AS1136 (how: another \
             country). Also against it: \"moved\"."
        );
    }

    #[test]
    fn a_policy_that_looks_at_no_signal_speaks_for_itself() {
        let staff = ("staff", Effect::Deny, Mode::Enforce);
        assert_eq!(says(&[staff], vec![moved()]), "The policy \"staff\" refuses the request: Staff only.");
        assert_eq!(
            says(&[("other", Effect::Revoke, Mode::Enforce)], vec![moved()]),
            "The policy \"other\" ends the session."
        );
        assert_eq!(says(&[], Vec::new()), "No policy permits the request.");
    }
}
