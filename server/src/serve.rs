//! From a configuration to a running server, and back.

use std::{fmt, net::SocketAddr, path::Path, sync::Arc};

use axum::Router;
use holdfast_core::UnixTime;
use holdfast_store::{Backend, OpenReport, Store};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    Clock,
    assemble::{self, Files, Remembered},
    config::{Config, Problems, StoreConfig},
    context::RequestIds,
    geo::{Change, tell_of_geo, watch_forever},
    house::Holdfast,
    listen::{Listener, Routes, Service, Shutdown, UnixSocket},
    live::Live,
    random::random,
    reload::reload,
    router,
    secrets::Secrets,
    signals,
    sweeper::{READABLE, sweep_forever},
    telemetry::{Event, EventName},
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
    public_router: impl Fn(Arc<Holdfast>) -> Router + Send + Sync + 'static,
) -> Result<Running, StartError> {
    let files = Files::read(&config, Secrets::load, None);
    let Files { mut secrets, tls, policies, geo, geo_changes: _, warnings: of_files } =
        files.map_err(|problems| StartError::Configuration(problems.join("\n")))?;
    // The sockets come before the store: whoever starts a second server should not wait for a million sessions first.
    let public_socket = bind("public.listen", config.public.listen).await?;
    let internal_socket = bind("internal.listen", config.internal).await?;
    let unix_socket = config.internal_socket.as_deref().map(bind_unix).transpose()?;
    let grpc_socket = match config.gateways.as_ref().and_then(|gateways| gateways.grpc_listen) {
        Some(address) => Some(bind("gateways.grpc_listen", address).await?),
        None => None,
    };
    let mut opened = open_store(&config, clock.now()).await?;
    let (remembered, note) = Remembered::load(&opened.store, clock.now())
        .await
        .map_err(|unavailable| StartError::Failure(format!("store.path: {unavailable}")))?;
    opened.notes.extend(note);
    let mut warnings = std::mem::take(&mut secrets.warnings);
    warnings.extend(of_files);
    let house = assemble::first(config.clone(), secrets, (geo, policies), (opened.store, remembered), clock)?;
    let boot = random().map_err(|trouble| StartError::Failure(trouble.to_string()))?;
    tell_of_start(&house, &warnings, &opened.notes);
    let pulse = Arc::clone(&house.load.pulse);
    let live = Arc::new(Live::new(house, tls, config, Box::new(public_router)));
    let ids = Arc::new(RequestIds::new(boot));
    let service = |routes| Service::new(routes, Arc::clone(&live), Arc::clone(&ids));
    let at_port = |socket, routes| Listener::new(socket, Arc::clone(&live), service(routes));
    let public = at_port(public_socket, Routes::Public);
    let internal = at_port(internal_socket, Routes::Internal);
    let grpc = grpc_socket.map(|socket| at_port(socket, Routes::Grpc));
    let unix = unix_socket.map(|socket| Listener::unix(socket, Arc::clone(&live), service(Routes::Internal)));
    let address =
        |listener: &Listener| listener.address().map_err(|error| StartError::Failure(error.to_string()));
    let (public_addr, internal_addr) = (address(&public)?, address(&internal)?);
    let grpc_addr = grpc.as_ref().map(address).transpose()?;
    let shutdown = Shutdown::new();
    let all = [public, internal].into_iter().chain(unix).chain(grpc);
    let listeners = all.map(|listener| listener.spawn(&shutdown)).collect();
    let geo = tokio::spawn(watch_forever(Arc::clone(&live)));
    let sweeper = tokio::spawn(sweep_forever(Arc::clone(&live), Arc::clone(&ids)));
    let signals = tokio::spawn(signals::run(Arc::clone(&live), ids));
    let pulse = tokio::spawn(async move { pulse.beat_forever().await });
    let house = &live.now().house;
    house.log.info(house.clock.now(), &format!("listening: public {public_addr}, internal {internal_addr}"));
    Ok(Running {
        live,
        public_addr,
        internal_addr,
        grpc_addr,
        shutdown,
        listeners,
        helpers: [sweeper, pulse, geo, signals],
        reloading: tokio::sync::Mutex::new(()),
    })
}

/// Tells of the configuration, of what should be mended in it, and of a store that was not as it should be.
fn tell_of_start(house: &Holdfast, warnings: &[String], notes: &[String]) {
    let now = house.clock.now();
    warnings.iter().for_each(|warning| house.log.warn(now, warning));
    house.metrics.loaded(now);
    let detail = Some(env!("CARGO_PKG_VERSION"));
    house.record(now, &Event { event: Some(EventName::ConfigLoaded), detail, ..Event::default() });
    let loaded: Vec<_> = house.geo.loaded().map(Change::Loaded).collect();
    tell_of_geo(house, &loaded);
    for detail in notes {
        house.log.error(now, detail);
        let event = Event { event: Some(EventName::StoreDamaged), detail: Some(detail), ..Event::default() };
        house.record(now, &event);
    }
}

/// A server that takes requests.
pub struct Running {
    live: Arc<Live>,
    public_addr: SocketAddr,
    internal_addr: SocketAddr,
    grpc_addr: Option<SocketAddr>,
    shutdown: Shutdown,
    listeners: Vec<JoinHandle<()>>,
    helpers: [JoinHandle<()>; 4],
    /// One at a time.
    reloading: tokio::sync::Mutex<()>,
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

    /// Loads the configuration anew: `read` reads it. No connection is closed and no request is lost; what has begun is
    /// finished by the configuration it began with. What was rejected is told in the log and in the audit trail too.
    ///
    /// # Errors
    /// The problems, a line each; the configuration before is then still in force.
    pub async fn reload(
        &self,
        read: impl FnOnce() -> Result<Config, Problems> + Send + 'static,
    ) -> Result<(), String> {
        let _turn = self.reloading.lock().await;
        reload(&self.live, read).await
    }

    /// Takes no more requests, finishes those that have begun, and writes everything down.
    pub async fn stop(self) {
        self.shutdown.begin();
        self.live.now().house.audit.end_listeners();
        self.live.now().house.signals.close();
        for listener in self.listeners {
            let _ = listener.await;
        }
        let house = &self.live.now().house;
        house.signals.drain().await;
        self.helpers.iter().for_each(JoinHandle::abort);
        // The sinks are told of the last lines, and the store notes how far they were told, before it is closed.
        house.audit.close();
        house.sinks.close().await;
        if let Err(unavailable) = house.store.close().await {
            house.log.error(house.clock.now(), &unavailable.to_string());
        }
        house.spans.close().await;
        house.log.info(house.clock.now(), "stopped");
        house.log.close();
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
