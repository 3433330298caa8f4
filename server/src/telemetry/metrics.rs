//! Counters for Prometheus. Every label value is from a closed list, so no client can make a new time series.

use holdfast_core::{
    Rule,
    check::{Decision, Reason},
    dbsc::headers::SkipReason,
};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::{EventName, RefusalCode};

/// All counters. Those on hot paths are found once and then only incremented.
pub(crate) struct Metrics {
    registry: Registry,
    checks: Vec<(Decision, Reason, Counter)>,
    events: Vec<(EventName, Counter)>,
    rejections: Vec<(Rule, Counter)>,
    skipped: Vec<(SkipReason, Counter)>,
    gateways_refused: Vec<(RefusalCode, Counter)>,
    jwks: [Counter; 2],
    requests: Vec<(&'static str, &'static str, Counter)>,
    durations: Histogram,
    sessions: Gauge,
    audit_lost: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    listener: &'static str,
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CheckLabels {
    decision: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    event: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RuleLabels {
    rule: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

impl Metrics {
    /// All counters at zero.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("holdfast");
        let checks = Family::<CheckLabels, Counter>::default();
        registry.register("checks", "Checks by decision and reason", checks.clone());
        let events = Family::<EventLabels, Counter>::default();
        registry.register("events", "Audit events by name", events.clone());
        let rejections = Family::<RuleLabels, Counter>::default();
        registry.register("proofs_rejected", "Rejected proofs by rule", rejections.clone());
        let skipped = Family::<ReasonLabels, Counter>::default();
        registry.register("refreshes_skipped", "Refreshes that browsers say they gave up", skipped.clone());
        let refused = Family::<ReasonLabels, Counter>::default();
        registry.register("gateway_refused", "Questions of gateways that were refused", refused.clone());
        let jwks = Family::<OutcomeLabels, Counter>::default();
        registry.register("jwks_fetches", "Attempts to get the keys of other issuers", jwks.clone());
        let requests = Family::<RequestLabels, Counter>::default();
        registry.register("requests", "Requests by listener and class of status", requests.clone());
        let durations = Histogram::new([
            0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0,
        ]);
        registry.register("request_duration_seconds", "Time to answer a request", durations.clone());
        let sessions = Gauge::default();
        registry.register("sessions", "Sessions remembered, ended ones included", sessions.clone());
        let audit_lost = Gauge::default();
        registry.register("audit_events_lost", "Audit events that the disk did not take", audit_lost.clone());
        let check = |decision: Decision, reason: Reason| {
            let labels = CheckLabels { decision: decision.as_str(), reason: reason.as_str() };
            (decision, reason, checks.get_or_create_owned(&labels))
        };
        Self {
            checks: Reason::ALL
                .iter()
                .flat_map(|reason| {
                    possible_decisions(*reason).iter().map(|decision| check(*decision, *reason))
                })
                .collect(),
            events: EventName::ALL
                .iter()
                .map(|event| (*event, events.get_or_create_owned(&EventLabels { event: event.as_str() })))
                .collect(),
            rejections: Rule::ALL
                .iter()
                .map(|rule| {
                    let labels = RuleLabels { rule: rule.id(), code: rule.code() };
                    (*rule, rejections.get_or_create_owned(&labels))
                })
                .collect(),
            skipped: SkipReason::ALL
                .iter()
                .map(|reason| {
                    (*reason, skipped.get_or_create_owned(&ReasonLabels { reason: reason.as_str() }))
                })
                .collect(),
            gateways_refused: RefusalCode::ALL
                .iter()
                .map(|code| (*code, refused.get_or_create_owned(&ReasonLabels { reason: code.as_str() })))
                .collect(),
            requests: LISTENERS
                .iter()
                .flat_map(|listener| CLASSES.iter().map(|class| (*listener, *class)))
                .map(|(listener, class)| {
                    (listener, class, requests.get_or_create_owned(&RequestLabels { listener, class }))
                })
                .collect(),
            jwks: ["failed", "ok"].map(|outcome| jwks.get_or_create_owned(&OutcomeLabels { outcome })),
            registry,
            durations,
            sessions,
            audit_lost,
        }
    }

    /// Counts a check.
    pub(crate) fn check(&self, decision: Decision, reason: Reason) {
        increment(
            self.checks
                .iter()
                .find(|(d, r, _)| (*d, *r) == (decision, reason))
                .map(|(_, _, counter)| counter),
        );
    }

    /// Counts an event.
    pub(crate) fn event(&self, event: EventName) {
        increment(self.events.iter().find(|(name, _)| *name == event).map(|(_, counter)| counter));
    }

    /// Counts a rejected proof.
    pub(crate) fn rejection(&self, rule: Rule) {
        increment(self.rejections.iter().find(|(name, _)| *name == rule).map(|(_, counter)| counter));
    }

    /// Counts a gateway's question that was refused.
    pub(crate) fn gateway_refused(&self, code: RefusalCode) {
        let found = self.gateways_refused.iter().find(|(name, _)| *name == code);
        increment(found.map(|(_, counter)| counter));
    }

    /// Counts a refresh that a browser says it gave up.
    pub(crate) fn skipped(&self, reason: SkipReason) {
        increment(self.skipped.iter().find(|(name, _)| *name == reason).map(|(_, counter)| counter));
    }

    /// Counts an attempt to get the keys of another issuer.
    pub(crate) fn jwks(&self, succeeded: bool) {
        let [failed, ok] = &self.jwks;
        if succeeded {
            ok.inc()
        } else {
            failed.inc()
        };
    }

    /// Counts a request.
    pub(crate) fn request(&self, listener: &'static str, status: u16, seconds: f64) {
        let class = class_of(status);
        increment(
            self.requests
                .iter()
                .find(|(l, c, _)| *l == listener && *c == class)
                .map(|(_, _, counter)| counter),
        );
        self.durations.observe(seconds);
    }

    /// All of it, in the text format of OpenMetrics.
    pub(crate) fn render(&self, sessions: usize, audit_lost: u64) -> String {
        self.sessions.set(i64::try_from(sessions).unwrap_or(i64::MAX));
        self.audit_lost.set(i64::try_from(audit_lost).unwrap_or(i64::MAX));
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn increment(counter: Option<&Counter>) {
    if let Some(counter) = counter {
        counter.inc();
    }
}

const fn possible_decisions(reason: Reason) -> &'static [Decision] {
    match reason {
        Reason::Ok => &[Decision::Allow],
        Reason::AuthTooOld | Reason::BindingRequired => &[Decision::StepUp],
        Reason::ProofTooOld => &[Decision::Reprove, Decision::StepUp],
        // Of these, a public route lets the request through all the same.
        Reason::AbsoluteExpired
        | Reason::BadCookie
        | Reason::BindingOverdue
        | Reason::CookieExpired
        | Reason::CookieSuperseded
        | Reason::DuplicateCookie
        | Reason::IdleExpired
        | Reason::InvalidDpopProof
        | Reason::InvalidToken
        | Reason::NoCredential
        | Reason::SessionEnded
        | Reason::SessionUnknown
        | Reason::UseDpopNonce => &[Decision::Deny, Decision::Allow],
        Reason::InsufficientScope | Reason::PolicyDenied => &[Decision::Deny],
    }
}

const fn class_of(status: u16) -> &'static str {
    match status {
        0..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

const LISTENERS: [&str; 3] = ["public", "internal", "grpc"];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
