//! From a configuration to a running server, and back.

use std::{fmt, net::SocketAddr, path::Path, sync::Arc};

use axum::Router;
use holdfast_core::{Keyring, UnixTime, dpop::Boot, policy::Routes};
use holdfast_store::{Backend, OpenReport, Store};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    Clock,
    assertion::Assertions,
    config::{AppConfig, Config, RouteConfig, StoreConfig},
    context::RequestIds,
    house::{App, Gateways, Holdfast},
    issuers::Issuers,
    listen::{Listener, Service, Shutdown, UnixSocket, acceptor},
    oauth::{AccessTokens, Clients, OAuth},
    random::random,
    router,
    secrets::Secrets,
    sessions::Turns,
    signing::SigningKeys,
    sweeper::{READABLE, sweep_forever},
    telemetry::{Audit, Event, EventName, Log, Metrics, RefusalLines},
};

/// Starts a server. When this returns, both listeners take requests.
///
/// # Errors
/// [`StartError`], in one sentence.
pub async fn serve(config: Config, clock: Clock) -> Result<Running, StartError> {
    serve_with(config, clock, router::public).await
}

/// As [`serve`], with a public table of routes of the caller's choice.
pub(crate) async fn serve_with(
    config: Config,
    clock: Clock,
    public_router: impl FnOnce(Arc<Holdfast>) -> Router,
) -> Result<Running, StartError> {
    let mut secrets = Secrets::load(&config).map_err(StartError::Configuration)?;
    let tls = config.public.tls.as_ref().map(acceptor).transpose().map_err(StartError::Configuration)?;
    // The sockets come before the store: whoever starts a second server should not wait for a million sessions first.
    let public_socket = bind("public.listen", config.public.listen).await?;
    let internal_socket = bind("internal.listen", config.internal).await?;
    let unix_socket = config.internal_socket.as_deref().map(bind_unix).transpose()?;
    let grpc_socket = match config.gateways.as_ref().and_then(|gateways| gateways.grpc_listen) {
        Some(address) => Some(bind("gateways.grpc_listen", address).await?),
        None => None,
    };
    let opened = open_store(&config, clock.now()).await?;
    let warnings = std::mem::take(&mut secrets.warnings);
    let house = Arc::new(build(config, secrets, opened.store, clock)?);
    warnings.iter().for_each(|warning| house.log.warn(house.clock.now(), warning));
    house.record(
        house.clock.now(),
        &Event {
            event: Some(EventName::ConfigLoaded),
            detail: Some(env!("CARGO_PKG_VERSION")),
            ..Event::default()
        },
    );
    for detail in opened.notes {
        house.log.error(house.clock.now(), &detail);
        let event = Event { event: Some(EventName::StoreDamaged), detail: Some(&detail), ..Event::default() };
        house.record(house.clock.now(), &event);
    }
    let boot = random().map_err(|trouble| StartError::Failure(trouble.to_string()))?;
    let ids = Arc::new(RequestIds::new(boot));
    let public = Service::public(Arc::clone(&house), public_router(Arc::clone(&house)), Arc::clone(&ids));
    let internal =
        Service::internal(Arc::clone(&house), router::internal(Arc::clone(&house)), Arc::clone(&ids));
    let unix = unix_socket.map(|socket| Listener::unix(socket, internal.clone()));
    let grpc = grpc_socket.map(|socket| {
        let service = Service::grpc(Arc::clone(&house), router::grpc(Arc::clone(&house)), Arc::clone(&ids));
        Listener::http2(socket, service)
    });
    let public = Listener::new(public_socket, tls, public);
    let internal = Listener::new(internal_socket, None, internal);
    let address =
        |listener: &Listener| listener.address().map_err(|error| StartError::Failure(error.to_string()));
    let (public_addr, internal_addr) = (address(&public)?, address(&internal)?);
    let grpc_addr = grpc.as_ref().map(address).transpose()?;
    let shutdown = Shutdown::new();
    let all = [public, internal].into_iter().chain(unix).chain(grpc);
    let listeners = all.map(|listener| listener.spawn(&shutdown)).collect();
    let sweeper = tokio::spawn(sweep_forever(Arc::clone(&house), ids));
    house.log.info(house.clock.now(), &format!("listening: public {public_addr}, internal {internal_addr}"));
    Ok(Running { house, public_addr, internal_addr, grpc_addr, shutdown, listeners, sweeper })
}

/// A server that takes requests.
pub struct Running {
    house: Arc<Holdfast>,
    public_addr: SocketAddr,
    internal_addr: SocketAddr,
    grpc_addr: Option<SocketAddr>,
    shutdown: Shutdown,
    listeners: Vec<JoinHandle<()>>,
    sweeper: JoinHandle<()>,
}

impl Running {
    /// Where browsers reach it.
    pub const fn public_addr(&self) -> SocketAddr {
        self.public_addr
    }

    /// Where app back ends reach it.
    pub const fn internal_addr(&self) -> SocketAddr {
        self.internal_addr
    }

    /// Where Envoy reaches it over gRPC, if it may.
    pub const fn grpc_addr(&self) -> Option<SocketAddr> {
        self.grpc_addr
    }

    /// Takes no more requests, finishes those that have begun, and writes everything down.
    pub async fn stop(self) {
        self.shutdown.begin();
        for listener in self.listeners {
            let _ = listener.await;
        }
        self.sweeper.abort();
        if let Err(unavailable) = self.house.store.close().await {
            self.house.log.error(self.house.clock.now(), &unavailable.to_string());
        }
        self.house.log.info(self.house.clock.now(), "stopped");
        self.house.audit.close();
        self.house.log.close();
    }
}

/// Why a server does not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// The configuration names something that is not as it must be.
    Configuration(String),
    /// The machine does not give what is needed.
    Failure(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(sentence) | Self::Failure(sentence) => f.write_str(sentence),
        }
    }
}

impl std::error::Error for StartError {}

struct Opened {
    store: Store,
    /// What an operator must hear of.
    notes: Vec<String>,
}

async fn open_store(config: &Config, now: UnixTime) -> Result<Opened, StartError> {
    let path = match &config.store {
        StoreConfig::Memory => return Ok(Opened { store: Store::memory(), notes: Vec::new() }),
        StoreConfig::Sled(path) => path.clone(),
    };
    let keep_endings = config.session.absolute.saturating_add(READABLE);
    let opened = tokio::task::spawn_blocking(move || Store::open_sled(&path, now, keep_endings)).await;
    match opened {
        Ok(Ok((store, report))) => Ok(Opened { store, notes: notes_of(&report) }),
        Ok(Err(error)) => Err(StartError::Failure(format!("store.path: {error}"))),
        Err(_panic) => Err(StartError::Failure("store.path: the store could not be opened".to_owned())),
    }
}

/// What an operator must hear of an opening that was not as it should be.
fn notes_of(report: &OpenReport) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(aside) = &report.moved_aside {
        let damage = report.damage.as_deref().unwrap_or("it could not be read");
        let aside = aside.display();
        notes.push(format!(
            "the store was damaged ({damage}) and moved aside to {aside}; everybody has to log in again"
        ));
    }
    let counted = [
        (report.unreadable, "records of the store could not be read; their sessions are refused"),
        (
            report.ended_by_journal,
            "sessions were alive in the store and ended in the journal; they stay ended",
        ),
        (report.journal_damaged, "entries of the journal of endings could not be read"),
    ];
    notes.extend(
        counted.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")),
    );
    notes
}

async fn bind(key: &str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| {
        let what = if error.kind() == std::io::ErrorKind::AddrInUse {
            "another program listens there; stop it, or choose another address".to_owned()
        } else {
            error.to_string()
        };
        StartError::Failure(format!("{key}: cannot listen at {address}: {what}"))
    })
}

fn bind_unix(path: &Path) -> Result<UnixSocket, StartError> {
    UnixSocket::bind(path).map_err(|error| {
        StartError::Failure(format!("internal.socket: cannot listen at {}: {error}", path.display()))
    })
}

fn build_app(app: AppConfig, routes: &[RouteConfig]) -> App {
    let routes = routes.iter().filter(|route| route.app == app.name).map(|route| route.route.clone());
    App {
        routes: Routes::new(routes.collect()),
        name: app.name.into(),
        origin: app.origin,
        token: app.token,
        audiences: app.audiences,
        login_url: app.login_url,
        step_up_url: app.step_up_url,
        return_parameter: app.return_parameter,
    }
}

fn build(config: Config, secrets: Secrets, store: Store, clock: Clock) -> Result<Holdfast, StartError> {
    let audit = match &config.audit {
        None => Audit::none(),
        Some(file) => Audit::to_file(file).map_err(|error| {
            StartError::Configuration(format!("audit.file: {} cannot be written: {error}", file.display()))
        })?,
    };
    let log = Log::to_stderr(config.log_requests).map_err(|error| StartError::Failure(error.to_string()))?;
    let (log, metrics) = (Arc::new(log), Arc::new(Metrics::new()));
    let keyring = Keyring::new(&secrets.root_key, &secrets.previous_root_keys);
    let signing = SigningKeys::new(&secrets.root_key, &secrets.previous_root_keys, clock.now())
        .map_err(|what| StartError::Configuration(format!("secrets.root_key_file: {what}")))?;
    let signing = Arc::new(signing);
    let apps: Vec<_> = config.apps.into_iter().map(|app| Arc::new(build_app(app, &config.routes))).collect();
    let algs: Vec<_> = config.dpop.algorithms.iter().map(|algorithm| algorithm.as_str()).collect();
    let boot = random().map_err(|trouble| StartError::Failure(trouble.to_string()))?;
    let oauth = OAuth {
        clients: Clients::new(config.clients, &apps),
        tokens: AccessTokens::new(Arc::clone(&signing)),
        issuers: Issuers::new(config.issuers, &log, &metrics, clock.now())
            .map_err(StartError::Configuration)?,
        algs: algs.join(" "),
        dpop: config.dpop,
        access_token: config.access_token,
        boot: Boot { id: boot, at: clock.now() },
        is_first_run: store.count() == 0,
    };
    Ok(Holdfast {
        apps,
        operators: config.operators,
        policy: config.session,
        hint_name: config.cookie_name.hint(),
        cookie_name: config.cookie_name,
        clear_site_data: config.clear_site_data,
        algorithms: config.algorithms,
        gateways: config.gateways.zip(secrets.gateway).map(|(gateways, secret)| Gateways {
            trusted: gateways.trusted,
            secret,
            assertion: gateways.assertion,
        }),
        gateway_refusals: RefusalLines::default(),
        public_tls: config.public.tls.is_some(),
        keyring,
        assertions: Assertions::new(Arc::clone(&signing)),
        signing,
        oauth,
        store,
        turns: Turns::new(),
        clock,
        audit,
        log,
        metrics,
    })
}
