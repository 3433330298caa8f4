//! A house, made of a configuration and what the files of the configuration hold.

use std::sync::Arc;

use holdfast_audit::{Settings, Target};
use holdfast_core::{Keyring, UnixTime, dpop::Boot, policy::Routes};
use holdfast_policy::{Memory, Policies};
use holdfast_store::{Backend, Store, Unavailable};
use rustls::ServerConfig;

use crate::{
    Clock, Config, StartError,
    assertion::Assertions,
    config::{AppConfig, AuditConfig, RouteConfig},
    devices::Devices,
    geo::{Change, Geo},
    house::{App, Gateways, Holdfast},
    issuers::{self, Issuers},
    limits::{Limits, Load},
    listen::server_config,
    oauth::{AccessTokens, Clients, OAuth},
    random::random,
    risk::Risk,
    secrets::{Secrets, open_to_everybody},
    sessions::Turns,
    signals::{Lasting as LastingSignals, Receivers, Seen, Signals, Streams, Transmitter, told::Told},
    signing::{AuditKeys, SigningKeys},
    sinks::{Prepared, Sinks, Workshop},
    telemetry::{Audit, Log, Metrics, RefusalLines, Sampling, Spans},
};

/// What a configuration names beside itself: read, and found in order.
pub(crate) struct Files<S = Secrets> {
    pub(crate) secrets: S,
    pub(crate) tls: Option<Arc<ServerConfig>>,
    pub(crate) policies: Policies,
    pub(crate) geo: Geo,
    /// What became of databases that were in force.
    pub(crate) geo_changes: Vec<Change>,
    /// What an operator should mend, though the server can work with it.
    pub(crate) warnings: Vec<String>,
}

impl<S> Files<S> {
    /// Reads them all, so that all problems come at once. Secrets are made, if they may be, or read, or only looked at.
    ///
    /// # Errors
    /// A sentence for each file that is not in order.
    pub(crate) fn read(
        config: &Config,
        secrets: impl FnOnce(&Config) -> Result<S, String>,
        former: Option<&Geo>,
    ) -> Result<Self, Vec<String>> {
        let tls = config.public.tls.as_ref().map(server_config).transpose();
        let geo = match former {
            Some(former) => former.followed_by(&config.risk),
            None => Geo::open(&config.risk).map(|geo| (geo, Vec::new())),
        };
        let mut others = Prepared::problems(&config.audit, &Clock::system());
        let receivers = config.signals.receivers.iter().map(|receiver| &receiver.issuer);
        others.extend(issuers::problems("issuers", &config.issuers));
        others.extend(issuers::problems("signals.receivers", receivers));
        match (secrets(config), tls, geo, config.policy.read()) {
            (Ok(secrets), Ok(tls), Ok((geo, geo_changes)), Ok(policies)) if others.is_empty() => {
                let mut warnings = config.warnings(&policies);
                warnings.extend(Prepared::warnings(&config.audit));
                let key = config.public.tls.as_ref();
                warnings.extend(key.and_then(|tls| open_to_everybody("public.tls.key", &tls.key)));
                Ok(Self { secrets, tls, policies, geo, geo_changes, warnings })
            }
            (secrets, tls, geo, policies) => {
                let problems = [secrets.err(), tls.err()].into_iter().flatten();
                let problems = problems.chain(geo.err().into_iter().flatten());
                Err(problems.chain(policies.err().into_iter().flatten()).chain(others).collect())
            }
        }
    }
}

/// What stays when the configuration is loaded anew.
struct Lasting {
    risk: Arc<Memory>,
    geo: Arc<Geo>,
    store: Arc<Store>,
    turns: Arc<Turns>,
    devices: Arc<Devices>,
    told: Arc<Told>,
    seen: Arc<Seen>,
    signals: LastingSignals,
    clock: Clock,
    load: Arc<Load>,
    metrics: Arc<Metrics>,
    log: Log,
    sinks: Arc<Sinks>,
    spans: Arc<Spans>,
    gateway_refusals: Arc<RefusalLines>,
    boot: Boot,
    is_first_run: bool,
}

/// What a store remembers beside sessions.
#[derive(Default)]
pub(crate) struct Remembered {
    pub(crate) devices: Devices,
    pub(crate) told: Told,
    pub(crate) seen: Seen,
    pub(crate) streams: Streams,
}

impl Remembered {
    /// Reads all of it, and gives a sentence for an operator about what could not be read.
    pub(crate) async fn load(store: &Store, now: UnixTime) -> Result<(Self, Option<String>), Unavailable> {
        let (devices, of_devices) = Devices::load(store, now).await?;
        let (told, of_told) = Told::load(store).await?;
        let seen = Seen::load(store).await?;
        let (streams, of_streams) = Streams::load(store).await?;
        let note = (of_devices + of_told + of_streams > 0).then(|| {
            format!(
                "{of_devices} notes about devices, {of_told} about users and {of_streams} about streams of signals could not be read; \
                 what they said is unknown"
            )
        });
        Ok((Self { devices, told, seen, streams }, note))
    }
}

/// The first house of a process.
pub(crate) fn first(
    config: Config,
    secrets: Secrets,
    (geo, policies): (Geo, Policies),
    (store, remembered): (Store, Remembered),
    clock: Clock,
) -> Result<Holdfast, StartError> {
    let boot = random().map_err(|trouble| StartError::Failure(trouble.to_string()))?;
    let log = Log::to_stderr(config.log_requests).map_err(|error| StartError::Failure(error.to_string()))?;
    let metrics = Arc::new(Metrics::new());
    let lasting = Lasting {
        risk: Arc::default(),
        geo: Arc::new(geo),
        is_first_run: store.count() == 0,
        store: Arc::new(store),
        turns: Arc::new(Turns::new()),
        devices: Arc::new(remembered.devices),
        told: Arc::new(remembered.told),
        seen: Arc::new(remembered.seen),
        signals: LastingSignals::new(remembered.streams),
        boot: Boot { id: boot, at: clock.now() },
        load: Arc::new(Load::new()),
        spans: spans(&config, &clock, &log, &metrics)?,
        gateway_refusals: Arc::default(),
        sinks: Arc::default(),
        metrics,
        log,
        clock,
    };
    assemble(config, secrets, policies, lasting, None)
}

/// A house that follows another one in the same process: with its sessions, what it remembers, and what it counted.
pub(crate) fn next(
    former: &Holdfast,
    config: Config,
    secrets: Secrets,
    (geo, policies): (Geo, Policies),
) -> Result<Holdfast, StartError> {
    let lasting = Lasting {
        risk: Arc::clone(&former.risk.memory),
        geo: Arc::new(geo),
        store: Arc::clone(&former.store),
        turns: Arc::clone(&former.turns),
        devices: Arc::clone(&former.devices),
        told: Arc::clone(&former.told),
        seen: Arc::clone(&former.seen),
        signals: former.signals.lasting(),
        clock: former.clock.clone(),
        load: Arc::clone(&former.load),
        metrics: Arc::clone(&former.metrics),
        log: former.log.with_requests(config.log_requests),
        sinks: Arc::clone(&former.sinks),
        spans: Arc::clone(&former.spans),
        gateway_refusals: Arc::clone(&former.gateway_refusals),
        boot: former.oauth.boot,
        is_first_run: former.oauth.is_first_run,
    };
    assemble(config, secrets, policies, lasting, Some(former))
}

fn assemble(
    config: Config,
    secrets: Secrets,
    policies: Policies,
    lasting: Lasting,
    former: Option<&Holdfast>,
) -> Result<Holdfast, StartError> {
    let Lasting {
        risk,
        geo,
        devices,
        told,
        seen,
        signals,
        store,
        turns,
        clock,
        load,
        metrics,
        log,
        sinks,
        spans,
        gateway_refusals,
        boot,
        is_first_run,
    } = lasting;
    let now = clock.now();
    let log = Arc::new(log);
    let audit_keys = AuditKeys::new(&secrets.root_key, &secrets.previous_root_keys)
        .map_err(|what| StartError::Configuration(format!("secrets.root_key_file: {what}")))?;
    let target = audit_target(&config.audit, &audit_keys)?;
    let prepared = Prepared::read(&config.audit, &clock).map_err(StartError::Configuration)?;
    let (signing, assertions) = signing(&secrets, former, now)?;
    let apps: Vec<_> = config.apps.into_iter().map(|app| Arc::new(app_of(app, &config.routes))).collect();
    let algs: Vec<_> = config.dpop.algorithms.iter().map(|algorithm| algorithm.as_str()).collect();
    let issuers =
        Issuers::new(config.issuers, former.map(|former| &former.oauth.issuers), &log, &metrics, now);
    let oauth = OAuth {
        clients: Clients::new(config.clients, &apps),
        // What was verified by the former configuration is verified again by this one.
        tokens: AccessTokens::new(Arc::clone(&signing)),
        issuers: issuers.map_err(|what| StartError::Configuration(format!("issuers: {what}")))?,
        algs: algs.join(" "),
        dpop: config.dpop,
        access_token: config.access_token,
        boot,
        is_first_run,
    };
    let names: Vec<_> = apps.iter().map(|app| Arc::clone(&app.name)).collect();
    let mut poll_tokens = secrets.poll_tokens;
    let receivers = config.signals.receivers.into_iter().map(|receiver| {
        let token = poll_tokens.remove(&receiver.name);
        (receiver, token)
    });
    let receivers = Receivers::new(
        receivers.collect(),
        &names,
        former.map(|former| &former.signals.receivers),
        (&log, &metrics),
        now,
    );
    let receivers =
        receivers.map_err(|what| StartError::Configuration(format!("signals.receivers: {what}")))?;
    let transmitter = match (config.signals.transmitter, secrets.signals_key) {
        (None, _) => None,
        (Some(config), Some(key)) => Some(Transmitter::new(config, key, &signals.streams)),
        (Some(config), None) => Some(Err(format!(
            "key_file: {0} is missing; make it with: (umask 077; openssl genrsa -out {0} 2048)",
            config.key_file.display()
        ))),
    };
    let transmitter = transmitter
        .transpose()
        .map_err(|what| StartError::Configuration(format!("signals.transmitter.{what}")))?;
    let signals = Signals::new(receivers, transmitter.map(Arc::new), signals);
    load.set_patience(config.limits.queue_delay);
    let limits = match former {
        Some(former) if former.limits.config == config.limits => Arc::clone(&former.limits),
        Some(_) | None => Arc::new(Limits::new(config.limits, &clock, &metrics)),
    };
    // Last, since what has been told in the next file cannot be taken back if something else is not in order.
    let former_audit = former.map(|former| &former.audit);
    let audit = match former_audit {
        Some(audit) => audit.followed_by(target, &clock, &log),
        None => Audit::none().followed_by(target, &clock, &log),
    };
    let audit = audit.map_err(|error| StartError::Failure(format!("audit.file: {error}")))?;
    let workshop = Workshop {
        store: Arc::clone(&store),
        clock: clock.clone(),
        log: Arc::clone(&log),
        metrics: Arc::clone(&metrics),
        witness: audit.witness(),
    };
    sinks.follow(prepared, audit.listen().as_ref(), &workshop);
    metrics.expect_objections(policies.rules());
    Ok(Holdfast {
        sinks,
        audit_jwks: audit_keys.jwks.into(),
        apps,
        operators: config.operators,
        policy: config.session,
        hint_name: config.cookie_name.hint(),
        cookie_name: config.cookie_name,
        clear_site_data: config.clear_site_data,
        algorithms: config.algorithms,
        gateways: config.gateways.zip(secrets.gateway).map(|(gateways, secrets)| Gateways {
            trusted: gateways.trusted,
            secrets,
            assertion: gateways.assertion,
        }),
        geo,
        gateway_refusals,
        public_tls: config.public.tls.is_some(),
        risk: Risk { memory: risk, policies: Arc::new(policies), ja4_header: config.risk.ja4_header },
        keyring: Keyring::new(&secrets.root_key, &secrets.previous_root_keys),
        sampling: Sampling::new(&config.telemetry),
        spans,
        assertions,
        signing,
        oauth,
        limits,
        audit,
        log,
        store,
        turns,
        devices,
        told,
        seen,
        signals,
        clock,
        load,
        metrics,
    })
}

/// The file of the audit trail. Opened anew although its name be the same: whoever moves the file away wants a new one.
fn audit_target(config: &AuditConfig, keys: &AuditKeys) -> Result<Option<Target>, StartError> {
    let Some(path) = config.file.as_deref() else { return Ok(None) };
    let settings = Settings { checkpoints: config.checkpoints, rotation: config.rotation };
    let target = Target::open(path, settings, Some(keys.seal())).map_err(|error| {
        StartError::Configuration(format!("audit.file: {} cannot be written: {error}", path.display()))
    })?;
    Ok(Some(target))
}

fn app_of(app: AppConfig, routes: &[RouteConfig]) -> App {
    let routes = routes.iter().filter(|route| route.app == app.name).map(|route| route.route.clone());
    App {
        routes: Routes::new(routes.collect()),
        name: app.name.into(),
        origin: app.origin,
        token: app.token,
        audiences: app.audiences,
        login_url: app.login_url,
        step_up_url: app.step_up_url,
        step_up_acr: app.step_up_acr.map(Into::into),
        return_parameter: app.return_parameter,
    }
}

#[cfg(feature = "otlp")]
fn spans(
    config: &Config,
    clock: &Clock,
    log: &Log,
    metrics: &Arc<Metrics>,
) -> Result<Arc<Spans>, StartError> {
    let log = Arc::new(log.with_requests(false));
    let spans = Spans::start(&config.telemetry, clock, &log, metrics);
    spans.map(Arc::new).map_err(|what| StartError::Failure(format!("telemetry.otlp_endpoint: {what}")))
}

#[cfg(not(feature = "otlp"))]
#[expect(clippy::unnecessary_wraps, reason = "with OTLP it can fail")]
fn spans(_: &Config, _: &Clock, _: &Log, _: &Arc<Metrics>) -> Result<Arc<Spans>, StartError> {
    Ok(Arc::new(Spans))
}

/// The keys that sign, and the assertions that they have signed. The former ones, as long as they come of the same root
/// keys.
fn signing(
    secrets: &Secrets,
    former: Option<&Holdfast>,
    now: UnixTime,
) -> Result<(Arc<SigningKeys>, Arc<Assertions>), StartError> {
    let keys = SigningKeys::new(&secrets.root_key, &secrets.previous_root_keys, now)
        .map_err(|what| StartError::Configuration(format!("secrets.root_key_file: {what}")))?;
    if let Some(former) = former.filter(|former| former.signing.publish_the_same_as(&keys, now)) {
        return Ok((Arc::clone(&former.signing), Arc::clone(&former.assertions)));
    }
    let keys = Arc::new(keys);
    Ok((Arc::clone(&keys), Arc::new(Assertions::new(keys))))
}
