//! Counters for Prometheus. Every label value is from a closed list, so no client can make a new time series.

use std::{sync::atomic::AtomicU64, time::Duration};

use holdfast_core::{
    Rule, UnixTime,
    check::{Decision, Reason},
    dbsc::headers::SkipReason,
    risk::{Assessment, Score, SignalName},
};
use holdfast_policy::{Hit, Rule as PolicyRule};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::{EventName, RefusalCode};
use crate::{
    geo::Kind,
    limits::Limit,
    signals::{SentOutcome, SignalOutcome},
};

/// All counters. Those on hot paths are found once and then only incremented.
pub(crate) struct Metrics {
    registry: Registry,
    checks: Vec<(Decision, Reason, Counter)>,
    events: Vec<(EventName, Counter)>,
    rejections: Vec<(Rule, Counter)>,
    skipped: Vec<(SkipReason, Counter)>,
    objections: Family<ObjectionLabels, Counter>,
    suspicions: Vec<(SignalName, Counter)>,
    gateways_refused: Vec<(RefusalCode, Counter)>,
    jwks: [Counter; 2],
    signals: Vec<(SignalOutcome, Counter)>,
    signals_sent: Vec<(SentOutcome, Counter)>,
    signals_waiting: Gauge,
    limited: Vec<(Limit, Counter)>,
    geo_loads: Vec<(Kind, [Counter; 2])>,
    geo_built_at: Family<DatabaseLabels, Gauge>,
    reloads: [Counter; 2],
    loaded_at: Gauge<f64, AtomicU64>,
    #[cfg(feature = "otlp")]
    spans_lost: Counter,
    connections: [Gauge; 2],
    in_flight: [Gauge; 2],
    queue_delay: Gauge<f64, AtomicU64>,
    store_backlog: Gauge<f64, AtomicU64>,
    requests: Vec<(&'static str, &'static str, Counter)>,
    durations: Histogram,
    sessions: Gauge,
    audit_lost: Gauge,
    sinks: Sinks,
}

/// Families of the sinks of the audit trail. Their names are the operator's.
#[derive(Default)]
struct Sinks {
    delivered: Family<SinkLabels, Counter>,
    failures: Family<SinkLabels, Counter>,
    lost: Family<SinkLabels, Counter>,
    failing: Family<SinkLabels, Gauge>,
    lag_lines: Family<SinkLabels, Gauge>,
    lag_bytes: Family<SinkLabels, Gauge>,
}

/// How one sink is doing.
#[derive(Clone)]
pub(crate) struct SinkMetrics {
    /// Events it was told.
    pub(crate) delivered: Counter,
    /// Batches it did not take.
    pub(crate) failures: Counter,
    /// Events it will never be told.
    pub(crate) lost: Counter,
    /// 1 while it takes none.
    pub(crate) failing: Gauge,
    /// Lines it has not been told yet.
    pub(crate) lag_lines: Gauge,
    /// Their bytes.
    pub(crate) lag_bytes: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SinkLabels {
    sink: String,
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
struct ObjectionLabels {
    policy: String,
    decision: &'static str,
    mode: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SuspicionLabels {
    signal: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DatabaseLabels {
    database: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DatabaseLoadLabels {
    database: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabels {
    limit: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ListenerLabels {
    listener: &'static str,
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
        let signals = Family::<OutcomeLabels, Counter>::default();
        registry.register("signals_received", "Shared signals by what became of them", signals.clone());
        let sent = Family::<OutcomeLabels, Counter>::default();
        registry.register("signals_sent", "Attempts to share signals by their outcome", sent.clone());
        let signals_waiting = Gauge::default();
        registry.register("signals_waiting", "Shared signals that wait to be taken", signals_waiting.clone());
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
        let objections = Family::<ObjectionLabels, Counter>::default();
        registry.register(
            "policy_objections",
            "Requests that a policy objected to and had not objected to before",
            objections.clone(),
        );
        let suspicions = Family::<SuspicionLabels, Counter>::default();
        registry.register("risk_signals", "Signals that stood behind an objection", suspicions.clone());
        let sinks = Sinks::register(&mut registry);
        let limited = Family::<LimitLabels, Counter>::default();
        registry.register("limited", "Requests and connections that met a limit", limited.clone());
        let geo_loads = Family::<DatabaseLoadLabels, Counter>::default();
        registry.register("geo_loads", "Attempts to load a database of addresses", geo_loads.clone());
        let geo_built_at = Family::<DatabaseLabels, Gauge>::default();
        registry.register(
            "geo_built_timestamp_seconds",
            "When the databases of addresses in force were made, as they say themselves",
            geo_built_at.clone(),
        );
        let reloads = Family::<OutcomeLabels, Counter>::default();
        registry.register("config_reloads", "Attempts to load the configuration anew", reloads.clone());
        let loaded_at = Gauge::<f64, AtomicU64>::default();
        registry.register(
            "config_last_reload_success_timestamp_seconds",
            "When the configuration in force was loaded",
            loaded_at.clone(),
        );
        #[cfg(feature = "otlp")]
        let spans_lost = Counter::default();
        #[cfg(feature = "otlp")]
        registry.register("spans_lost", "Spans that the collector did not take", spans_lost.clone());
        let connections = Family::<ListenerLabels, Gauge>::default();
        registry.register("connections", "Open connections", connections.clone());
        let in_flight = Family::<ListenerLabels, Gauge>::default();
        registry.register("requests_in_flight", "Requests that are being answered", in_flight.clone());
        let queue_delay = Gauge::<f64, AtomicU64>::default();
        registry.register(
            "queue_delay_seconds",
            "How long work waited for a processor just now",
            queue_delay.clone(),
        );
        let store_backlog = Gauge::<f64, AtomicU64>::default();
        registry.register(
            "store_backlog_seconds",
            "How long the writes that wait for the disk will keep it busy",
            store_backlog.clone(),
        );
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
            objections,
            suspicions: SignalName::ALL
                .iter()
                .map(|name| {
                    (*name, suspicions.get_or_create_owned(&SuspicionLabels { signal: name.as_str() }))
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
            limited: Limit::ALL
                .iter()
                .map(|limit| (*limit, limited.get_or_create_owned(&LimitLabels { limit: limit.as_str() })))
                .collect(),
            geo_loads: Kind::ALL
                .iter()
                .map(|kind| {
                    let labels = |outcome| DatabaseLoadLabels { database: kind.as_str(), outcome };
                    let counter = |outcome| geo_loads.get_or_create_owned(&labels(outcome));
                    (*kind, ["failed", "ok"].map(counter))
                })
                .collect(),
            geo_built_at,
            reloads: ["failed", "ok"].map(|outcome| reloads.get_or_create_owned(&OutcomeLabels { outcome })),
            loaded_at,
            #[cfg(feature = "otlp")]
            spans_lost,
            connections: METERED
                .map(|listener| connections.get_or_create_owned(&ListenerLabels { listener })),
            in_flight: METERED.map(|listener| in_flight.get_or_create_owned(&ListenerLabels { listener })),
            queue_delay,
            signals: SignalOutcome::all()
                .map(|outcome| {
                    let labels = OutcomeLabels { outcome: outcome.as_str() };
                    (outcome, signals.get_or_create_owned(&labels))
                })
                .collect(),
            store_backlog,
            signals_sent: SentOutcome::ALL
                .iter()
                .map(|outcome| {
                    (*outcome, sent.get_or_create_owned(&OutcomeLabels { outcome: outcome.as_str() }))
                })
                .collect(),
            signals_waiting,
            jwks: ["failed", "ok"].map(|outcome| jwks.get_or_create_owned(&OutcomeLabels { outcome })),
            registry,
            durations,
            sessions,
            audit_lost,
            sinks,
        }
    }

    /// How this sink of the audit trail is doing.
    pub(crate) fn sink(&self, name: &str) -> SinkMetrics {
        let labels = SinkLabels { sink: name.to_owned() };
        let Sinks { delivered, failures, lost, failing, lag_lines, lag_bytes } = &self.sinks;
        SinkMetrics {
            delivered: delivered.get_or_create_owned(&labels),
            failures: failures.get_or_create_owned(&labels),
            lost: lost.get_or_create_owned(&labels),
            failing: failing.get_or_create_owned(&labels),
            lag_lines: lag_lines.get_or_create_owned(&labels),
            lag_bytes: lag_bytes.get_or_create_owned(&labels),
        }
    }

    /// Forgets a sink that is configured no more.
    pub(crate) fn forget_sink(&self, name: &str) {
        let labels = SinkLabels { sink: name.to_owned() };
        let Sinks { delivered, failures, lost, failing, lag_lines, lag_bytes } = &self.sinks;
        for counters in [delivered, failures, lost] {
            counters.remove(&labels);
        }
        for gauges in [failing, lag_lines, lag_bytes] {
            gauges.remove(&labels);
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

    /// Policies that may object from now on: their counters begin at zero, so that the first objection is an increase.
    pub(crate) fn expect_objections<'a>(&self, rules: impl Iterator<Item = &'a PolicyRule>) {
        for rule in rules {
            let labels = ObjectionLabels {
                policy: rule.id.to_string(),
                decision: rule.effect.as_str(),
                mode: rule.mode.as_str(),
            };
            drop(self.objections.get_or_create(&labels));
        }
    }

    /// Counts the policies that object to a request.
    pub(crate) fn objections(&self, hits: &[Hit]) {
        for hit in hits {
            let labels = ObjectionLabels {
                policy: hit.id.to_string(),
                decision: hit.decision.as_str(),
                mode: hit.mode.as_str(),
            };
            self.objections.get_or_create(&labels).inc();
        }
    }

    /// Counts what is suspected of it.
    pub(crate) fn suspicions(&self, assessment: &Assessment) {
        for signal in assessment.signals.iter().filter(|signal| signal.score > Score::NONE) {
            let found = self.suspicions.iter().find(|(name, _)| *name == signal.name);
            increment(found.map(|(_, counter)| counter));
        }
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

    /// Counts a shared signal that came.
    pub(crate) fn signal(&self, outcome: SignalOutcome) {
        increment(self.signals.iter().find(|(name, _)| *name == outcome).map(|(_, counter)| counter));
    }

    /// Counts an attempt to share a signal.
    pub(crate) fn signal_sent(&self, outcome: SentOutcome) {
        increment(self.signals_sent.iter().find(|(name, _)| *name == outcome).map(|(_, counter)| counter));
    }

    /// Notes how many signals wait to be taken.
    pub(crate) fn signals_waiting(&self, count: usize) {
        self.signals_waiting.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Counts a request or a connection that met a limit.
    pub(crate) fn limited(&self, limit: Limit) {
        increment(self.limited.iter().find(|(name, _)| *name == limit).map(|(_, counter)| counter));
    }

    /// Notes that a database of addresses is in force, made at this time in seconds since 1970.
    pub(crate) fn geo_loaded(&self, kind: Kind, built_at: u64) {
        let found = self.geo_loads.iter().find(|(name, _)| *name == kind);
        increment(found.map(|(_, [_, ok])| ok));
        let gauge = self.geo_built_at.get_or_create_owned(&DatabaseLabels { database: kind.as_str() });
        gauge.set(i64::try_from(built_at).unwrap_or(i64::MAX));
    }

    /// Counts a database of addresses that is not in order.
    pub(crate) fn geo_refused(&self, kind: Kind) {
        let found = self.geo_loads.iter().find(|(name, _)| *name == kind);
        increment(found.map(|(_, [failed, _])| failed));
    }

    /// Counts an attempt to load the configuration anew.
    pub(crate) fn reload(&self, succeeded: bool) {
        let [failed, ok] = &self.reloads;
        if succeeded {
            ok.inc()
        } else {
            failed.inc()
        };
    }

    /// Notes that a configuration is in force from `now` on.
    pub(crate) fn loaded(&self, now: UnixTime) {
        self.loaded_at.set(Duration::from_millis(now.as_millis()).as_secs_f64());
    }

    /// Counts spans that the collector did not take.
    #[cfg(feature = "otlp")]
    pub(crate) fn spans_lost(&self, count: usize) {
        self.spans_lost.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// Counts a connection in, or out.
    pub(crate) fn connection(&self, is_public: bool, is_open: bool) {
        let [public, internal] = &self.connections;
        let gauge = if is_public { public } else { internal };
        if is_open {
            gauge.inc()
        } else {
            gauge.dec()
        };
    }

    /// Notes how busy the server is: requests being answered on the public and the internal listener, and how long work
    /// waits for a processor, and for the disk.
    pub(crate) fn busy(&self, in_flight: [usize; 2], queue_delay: Duration, store_backlog: Duration) {
        for (gauge, count) in self.in_flight.iter().zip(in_flight) {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.queue_delay.set(queue_delay.as_secs_f64());
        self.store_backlog.set(store_backlog.as_secs_f64());
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

impl Sinks {
    fn register(registry: &mut Registry) -> Self {
        let sinks = Self::default();
        let Self { delivered, failures, lost, failing, lag_lines, lag_bytes } = &sinks;
        registry.register("audit_sink_events", "Audit events that a sink took", delivered.clone());
        registry.register("audit_sink_failures", "Batches that a sink did not take", failures.clone());
        registry.register("audit_sink_lost", "Audit events that a sink will never get", lost.clone());
        registry.register("audit_sink_failing", "1 while a sink takes nothing", failing.clone());
        registry.register("audit_sink_lag_lines", "Audit events that wait for a sink", lag_lines.clone());
        registry.register("audit_sink_lag_bytes", "Bytes that wait for a sink", lag_bytes.clone());
        sinks
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
        // Of these and the following, a public route lets the request through all the same.
        Reason::RiskReprove => &[Decision::Reprove, Decision::Allow],
        Reason::RiskStepUp => &[Decision::StepUp, Decision::Allow],
        // Where sessions are locked and not ended, the user is asked.
        Reason::IdleExpired => &[Decision::Deny, Decision::StepUp, Decision::Allow],
        Reason::AbsoluteExpired
        | Reason::BadCookie
        | Reason::BindingOverdue
        | Reason::CookieExpired
        | Reason::CookieSuperseded
        | Reason::DuplicateCookie
        | Reason::InvalidDpopProof
        | Reason::InvalidToken
        | Reason::NoCredential
        | Reason::PolicyDenied
        | Reason::RiskRevoked
        | Reason::SessionEnded
        | Reason::SessionUnknown
        | Reason::UseDpopNonce => &[Decision::Deny, Decision::Allow],
        Reason::InsufficientScope => &[Decision::Deny],
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

/// Envoy's calls over gRPC are counted among those of the internal listener.
const METERED: [&str; 2] = ["public", "internal"];
const LISTENERS: [&str; 3] = ["public", "internal", "grpc"];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
