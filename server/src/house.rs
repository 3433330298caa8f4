//! What the process owns, in one place.

use std::{net::IpAddr, sync::Arc};

use holdfast_core::{
    Keyring, Origin, UnixTime,
    dbsc::CookieName,
    jose::Algorithm,
    page::{PageAddress, ParameterName},
    policy::{Routes, SessionPolicy},
    secret::SecretText,
    session::{Activity, Session, Standing},
};
use holdfast_store::{Backend, Store};
use ipnet::IpNet;

use crate::{
    Clock,
    assertion::Assertions,
    context::Context,
    devices::Devices,
    error::Trouble,
    geo::Geo,
    limits::{Limits, Load},
    oauth::OAuth,
    risk::Risk,
    sessions::Turns,
    signals::{Seen, Signals, told::Told},
    signing::SigningKeys,
    sinks::Sinks,
    telemetry::{Audit, Event, EventName, Log, Metrics, RefusalLines, Sampling, Spans},
    token::TokenHash,
};

/// Everything the handlers work with. Nothing here is global, so a test can have many.
pub(crate) struct Holdfast {
    pub(crate) apps: Vec<Arc<App>>,
    pub(crate) operators: Option<TokenHash>,
    pub(crate) policy: SessionPolicy,
    pub(crate) cookie_name: CookieName,
    pub(crate) hint_name: CookieName,
    pub(crate) clear_site_data: bool,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) oauth: OAuth,
    pub(crate) signing: Arc<SigningKeys>,
    pub(crate) geo: Arc<Geo>,
    pub(crate) gateways: Option<Gateways>,
    pub(crate) gateway_refusals: Arc<RefusalLines>,
    pub(crate) public_tls: bool,
    pub(crate) risk: Risk,
    pub(crate) keyring: Keyring,
    pub(crate) assertions: Arc<Assertions>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) sampling: Sampling,
    pub(crate) spans: Arc<Spans>,
    pub(crate) audit: Audit,
    /// Whoever else is told what the audit trail tells.
    pub(crate) sinks: Arc<Sinks>,
    /// The public keys of the audit trail, as a document.
    pub(crate) audit_jwks: Box<str>,
    pub(crate) log: Arc<Log>,
    pub(crate) store: Arc<Store>,
    pub(crate) turns: Arc<Turns>,
    /// What is known of devices.
    pub(crate) devices: Arc<Devices>,
    /// What other parties told of users and sessions.
    pub(crate) told: Arc<Told>,
    /// The tokens that told it.
    pub(crate) seen: Arc<Seen>,
    pub(crate) signals: Signals,
    pub(crate) clock: Clock,
    pub(crate) load: Arc<Load>,
    pub(crate) metrics: Arc<Metrics>,
}

/// A protected app.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) name: Arc<str>,
    pub(crate) origin: Origin,
    pub(crate) token: TokenHash,
    /// What else `aud` of an access token may call it.
    pub(crate) audiences: Vec<String>,
    /// Where a browser without a session is sent, and one whose user must authenticate again.
    pub(crate) login_url: Option<PageAddress>,
    pub(crate) step_up_url: Option<PageAddress>,
    /// What an OAuth client has to ask for when a login is not enough.
    pub(crate) step_up_acr: Option<Box<str>>,
    pub(crate) return_parameter: ParameterName,
    /// What is demanded of requests by their method and path.
    pub(crate) routes: Routes,
}

/// Who may ask as a gateway.
#[derive(Debug)]
pub(crate) struct Gateways {
    pub(crate) trusted: Vec<IpNet>,
    /// Any of them may be shown.
    pub(crate) secrets: Vec<SecretText>,
    /// Whether each allowed request carries a signed assertion.
    pub(crate) assertion: bool,
}

impl Gateways {
    /// Whether a gateway may have this address.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|network| network.contains(&address))
    }
}

impl Holdfast {
    pub(crate) fn app_named(&self, name: &str) -> Option<&Arc<App>> {
        self.apps.iter().find(|app| *app.name == *name)
    }

    /// The app that has this token. Every token is compared, so that the time tells nothing about which one came close.
    pub(crate) fn app_of_token(&self, presented: &TokenHash) -> Option<&Arc<App>> {
        self.apps.iter().fold(None, |found, app| app.token.matches(presented).map(|_matches| app).or(found))
    }

    /// The app that an address belongs to, and the path within it.
    pub(crate) fn app_of_address<'a>(&self, address: &'a str) -> Option<(&Arc<App>, &'a str)> {
        self.apps.iter().find_map(|app| Some((app, app.origin.path_of(address)?)))
    }

    /// Whether what comes from this address is limited by it. A gateway speaks for many clients; and where TLS ends at a
    /// proxy that is not named as one, every address is the proxy's.
    pub(crate) fn limits_by_address(&self, address: IpAddr) -> bool {
        match &self.gateways {
            Some(gateways) => !gateways.trusts(address),
            None => self.public_tls,
        }
    }

    /// Whether there is time for one more durable write; else the request that needs it is turned away.
    pub(crate) fn admit_write(&self, context: &Context) -> Result<(), Trouble> {
        self.limits.admit_write(self.load.public.queue(), context.waited, self.store.backlog())
    }

    /// How a session stands now.
    pub(crate) fn standing(&self, session: &Session, activity: Activity, now: UnixTime) -> Standing {
        session.standing(activity, &self.policy, now)
    }

    /// Counts what browsers say about refreshes they gave up. It changes no decision: anybody can send the field.
    pub(crate) fn count_skipped<'a>(&self, values: impl Iterator<Item = &'a [u8]>) {
        let texts = values.filter_map(|value| std::str::from_utf8(value).ok());
        for reason in texts.flat_map(holdfast_core::dbsc::headers::read_skipped) {
            self.metrics.skipped(reason);
        }
    }

    /// Writes an event and counts it.
    pub(crate) fn record(&self, now: UnixTime, event: &Event<'_>) {
        if let Some(name) = event.event {
            self.metrics.event(name);
        }
        self.audit.record(now, event);
        self.signals.notice(self, now, event);
    }

    /// Writes an event about a session.
    pub(crate) fn record_of(&self, name: EventName, session: &Session, context: &Context, about: Event<'_>) {
        let client = session.record().client.as_ref();
        let event = Event {
            event: Some(name),
            client_ip: about.client_ip.or_else(|| client.and_then(|client| client.ip)),
            user_agent: about.user_agent.or_else(|| client.and_then(|client| client.user_agent.as_deref())),
            ..about
        };
        self.record(context.now, &of_session(session, context, event));
        // A login resets the absolute limit: so it is told apart from a mere change of the id.
        let record = session.record();
        if name == EventName::SessionRegenerated && record.began_at == record.created_at {
            self.signals.notice_assurance(self, session, context.now);
        }
    }
}

/// An event with what the session and the request know.
pub(crate) fn of_session<'a>(session: &'a Session, context: &'a Context, about: Event<'a>) -> Event<'a> {
    let record = session.record();
    Event {
        app: Some(&record.app),
        user: Some(&record.user),
        session: Some(record.id),
        binding: Some(session.level().as_str()),
        request_id: Some(context.request_id.as_str()),
        trace_id: context.trace_id(),
        ..about
    }
}
