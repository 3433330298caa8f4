//! The accept loop and its connections.

use std::{error::Error, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use hyper::{
    rt::{Read, Write},
    server::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{
    Service,
    arrival::{Arrivals, Arriving},
    head::read_head,
    patient::Patient,
    places::{Place, Places},
    quiet::Quiet,
    request::{PeerService, Routes},
    socket::{Socket, Stream, UnixSocket},
    turn::Turn,
};
use crate::{config::LimitsConfig, context::Peer, limits::Limit, live::Live};

/// A bound socket and how it is served.
pub(crate) struct Listener {
    socket: Socket,
    shared: Arc<Shared>,
}

/// Tells every listener to stop. Dropping it does so too.
#[derive(Debug)]
pub(crate) struct Shutdown(watch::Sender<bool>);

impl Shutdown {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }

    fn subscribe(&self) -> watch::Receiver<bool> {
        self.0.subscribe()
    }
}

impl Listener {
    /// A listener at a port.
    pub(crate) fn new(socket: TcpListener, live: Arc<Live>, service: Service) -> Self {
        Self::of(Socket::Tcp(socket), live, service)
    }

    /// One at a Unix socket.
    pub(crate) fn unix(socket: UnixSocket, live: Arc<Live>, service: Service) -> Self {
        Self::of(Socket::Unix(socket), live, service)
    }

    fn of(socket: Socket, live: Arc<Live>, service: Service) -> Self {
        Self { socket, shared: Arc::new(Shared { live, service, places: Arc::new(Places::default()) }) }
    }

    /// The address it listens at. A Unix socket has none.
    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.address()
    }

    /// Serves until told to stop, then finishes what has begun. The task ends when the last connection has.
    pub(crate) fn spawn(self, shutdown: &Shutdown) -> tokio::task::JoinHandle<()> {
        tokio::spawn(self.serve(shutdown.subscribe()))
    }

    async fn serve(self, mut stop: watch::Receiver<bool>) {
        // Each connection holds a sender; when there are none left, all connections are closed.
        let (open, mut closed) = mpsc::channel::<()>(1);
        loop {
            // A server that is full must still hear that it shall stop.
            let accepted = tokio::select! {
                accepted = self.accept() => accepted,
                _ = stop.wait_for(|stopping| *stopping) => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let Some(place) = self.shared.place_for(peer) else { continue };
                    let (shared, stop, open) = (Arc::clone(&self.shared), stop.clone(), open.clone());
                    // From here on it waits for its turn.
                    let arrivals = Arc::new(Arrivals::new(shared.service.queue()));
                    tokio::spawn(async move {
                        shared.serve(stream, peer, arrivals, stop).await;
                        drop((place, open));
                    });
                }
                // Out of file descriptors, or the client is gone already: others may have better luck in a moment.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
        drop((self.socket, open));
        let _ = timeout(DRAIN, closed.recv()).await;
    }

    /// A connection, once there is a place for it.
    async fn accept(&self) -> std::io::Result<(Stream, Peer)> {
        let Shared { live, places, .. } = &*self.shared;
        let most = || live.now().house.limits.config.connections;
        if !places.has_room(most()) {
            live.now().house.metrics.limited(Limit::Connections);
            places.room(most).await;
        }
        self.socket.accept().await
    }
}

struct Shared {
    live: Arc<Live>,
    service: Service,
    places: Arc<Places>,
}

impl Shared {
    /// A place for a connection; `None` if its address has enough of them. Gateways stand for many clients.
    fn place_for(&self, peer: Peer) -> Option<Place> {
        let served = self.live.now();
        let (house, limits) = (&served.house, &served.house.limits);
        let counted = peer.address().filter(|ip| self.is_public() && house.limits_by_address(*ip));
        let prefix = counted.map(|ip| limits.prefixes.of(ip));
        let place = Places::take(
            &self.places,
            prefix,
            limits.config.connections_per_address,
            (Arc::clone(&house.metrics), self.is_public()),
        );
        if place.is_none() {
            house.metrics.limited(Limit::ConnectionsPerAddress);
        }
        place
    }

    async fn serve(&self, stream: Stream, peer: Peer, arrivals: Arc<Arrivals>, stop: watch::Receiver<bool>) {
        // A connection keeps the certificate and the patience that it began with. Its requests are served as of their time.
        let served = self.live.now();
        let limits = served.house.limits.config.clone();
        let tls = served.tls.as_ref().filter(|_| self.is_public()).map(Arc::clone);
        drop(served);
        let is_http2 = self.service.routes() == Routes::Grpc;
        let stream = match stream {
            Stream::Unix(stream) => {
                let stream = Arriving::new(stream, Arc::clone(&arrivals));
                return self.speak(is_http2, stream, (peer, arrivals), &limits, stop).await;
            }
            Stream::Tcp(stream) => stream,
        };
        let _ = stream.set_nodelay(true);
        let stream = Arriving::new(stream, Arc::clone(&arrivals));
        match tls {
            None => self.speak(is_http2, stream, (peer, arrivals), &limits, stop).await,
            Some(tls) => {
                // In a box: the task of a connection without TLS, or after its handshake, needs no room for one.
                let accepting = Box::pin(TlsAcceptor::from(tls).accept(stream));
                if let Ok(Ok(stream)) = timeout(HANDSHAKE, accepting).await {
                    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    self.speak(is_http2, stream, (peer, arrivals), &limits, stop).await;
                }
            }
        }
    }

    async fn speak(
        &self,
        is_http2: bool,
        mut stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        (peer, arrivals): (Peer, Arc<Arrivals>),
        limits: &LimitsConfig,
        mut stop: watch::Receiver<bool>,
    ) {
        let head = if is_http2 { Some(Vec::new()) } else { self.head(&mut stream, limits, &mut stop).await };
        let Some(head) = head else { return };
        let quiet = is_http2.then(|| Arc::new(Quiet::new()));
        let turn = Turn::default();
        let busy = quiet.as_ref().map(Arc::clone);
        let service = self.service.for_peer(peer, limits.body_timeout, &turn, arrivals, busy);
        let stream = TokioIo::new(Patient::new(head, stream, limits.write_timeout, turn));
        match quiet {
            None => {
                let connection = Box::pin(http1(limits).serve_connection(stream, service));
                self.until_its_end(connection, std::future::pending(), stop).await;
            }
            Some(quiet) => {
                let connection = Box::pin(http2(limits).serve_connection(stream, service));
                self.until_its_end(connection, quiet.for_longer_than(limits.idle_timeout), stop).await;
            }
        }
    }

    /// The head of the first request, or whatever else came first; `None` if nothing came in time.
    async fn head(
        &self,
        stream: &mut (impl AsyncRead + Unpin),
        limits: &LimitsConfig,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<Vec<u8>> {
        let mut head = Vec::new();
        let read = tokio::select! {
            read = timeout(limits.header_timeout, read_head(stream, &mut head)) => Some(read),
            _ = stop.wait_for(|stopping| *stopping) => None,
        };
        let read = match read {
            Some(read) => read.inspect_err(|_elapsed| self.limited(Limit::HeaderTimeout)).ok()?,
            // A request that has begun is served, also while the server stops.
            None => {
                let patience = if head.is_empty() { Duration::ZERO } else { DRAIN };
                timeout(patience, read_head(stream, &mut head)).await.ok()?
            }
        };
        read.ok().filter(|()| !head.is_empty()).map(|()| head)
    }

    fn is_public(&self) -> bool {
        self.service.routes() == Routes::Public
    }

    async fn until_its_end(
        &self,
        // In a box: the task would otherwise hold room for it at each step that it is handed on.
        mut connection: Pin<Box<impl Polite>>,
        idle: impl Future<Output = ()>,
        mut stop: watch::Receiver<bool>,
    ) {
        let patience = tokio::select! {
            // First, so that a request whose head is here has begun before the connection is told to take no more.
            biased;
            ended = connection.as_mut() => return self.count(&ended),
            () = idle => {
                self.limited(Limit::IdleTimeout);
                LAST_WORDS
            }
            _ = stop.wait_for(|stopping| *stopping) => DRAIN,
        };
        connection.as_mut().take_no_more();
        if let Ok(ended) = timeout(patience, connection).await {
            self.count(&ended);
        }
    }

    /// Counts a connection that ended because its client was too slow. One that breaks off, or speaks no HTTP, is its own
    /// affair.
    fn count(&self, ended: &hyper::Result<()>) {
        let Err(error) = ended else { return };
        let cause = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
        if cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::TimedOut) {
            self.limited(Limit::WriteTimeout);
        } else if error.is_timeout() {
            self.limited(Limit::HeaderTimeout);
        }
    }

    fn limited(&self, limit: Limit) {
        self.live.now().house.metrics.limited(limit);
    }
}

/// A connection that can be asked to end.
trait Polite: Future<Output = hyper::Result<()>> {
    /// Finishes the requests that have begun, and takes no more.
    fn take_no_more(self: Pin<&mut Self>);
}

impl<I: Read + Write + Unpin> Polite for http1::Connection<I, PeerService> {
    fn take_no_more(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I: Read + Write + Unpin> Polite for http2::Connection<I, PeerService, TokioExecutor> {
    fn take_no_more(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

// The version is settled before the first byte, by ALPN or by what the listener is for: a guess would wait for ever for a client
// that says nothing.

fn http1(limits: &LimitsConfig) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(MOST_HEADER_BYTES);
    builder
}

fn http2(limits: &LimitsConfig) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(MOST_HEADER_BYTES_U32)
        .max_concurrent_streams(limits.streams)
        .keep_alive_interval(KEEP_ALIVE);
    builder
}

const HANDSHAKE: Duration = Duration::from_secs(10);

const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// How often an HTTP/2 client is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// How long a stopping server waits for requests that have begun.
const DRAIN: Duration = Duration::from_secs(10);

/// How long a client that has asked nothing may take to say goodbye.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A proof of 64 KiB must still be read, to be refused with a reason.
const MOST_HEADER_BYTES: usize = 128 * 1024;
const MOST_HEADER_BYTES_U32: u32 = 128 * 1024;
