//! The accept loop and its connections.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{
    Service,
    socket::{Socket, Stream},
};
use crate::context::Peer;

/// A bound socket and how it is served.
pub(crate) struct Listener {
    socket: Socket,
    tls: Option<TlsAcceptor>,
    service: Service,
    plain: PlainVersion,
}

/// The version of HTTP where there is no TLS to settle it.
#[derive(Clone, Copy)]
enum PlainVersion {
    Http1,
    Http2,
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
    pub(crate) const fn new(socket: TcpListener, tls: Option<TlsAcceptor>, service: Service) -> Self {
        Self { socket: Socket::Tcp(socket), tls, service, plain: PlainVersion::Http1 }
    }

    /// One for gRPC, which is HTTP/2 without TLS.
    pub(crate) const fn http2(socket: TcpListener, service: Service) -> Self {
        Self { socket: Socket::Tcp(socket), tls: None, service, plain: PlainVersion::Http2 }
    }

    /// One at a Unix socket.
    pub(crate) const fn unix(socket: super::UnixSocket, service: Service) -> Self {
        Self { socket: Socket::Unix(socket), tls: None, service, plain: PlainVersion::Http1 }
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
        let graceful = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let connections = Arc::new(Connections {
            tls: self.tls,
            service: self.service,
            plain: self.plain,
            http1: builder().http1_only(),
            http2: builder().http2_only(),
        });
        loop {
            // A server that is full must still hear that it shall stop.
            let accepted = tokio::select! {
                accepted = accept(&self.socket, &places) => accepted,
                _ = stop.wait_for(|stopping| *stopping) => break,
            };
            match accepted {
                Ok((stream, peer, place)) => {
                    let connections = Arc::clone(&connections);
                    let watcher = graceful.watcher();
                    tokio::spawn(async move {
                        connections.serve(stream, peer, watcher).await;
                        drop(place);
                    });
                }
                // Out of file descriptors, or the client is gone already: others may have better luck in a moment.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
        drop(self.socket);
        let _ = timeout(DRAIN, graceful.shutdown()).await;
    }
}

/// A connection, once there is a place for it.
async fn accept(
    socket: &Socket,
    places: &Arc<Semaphore>,
) -> std::io::Result<(Stream, Peer, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, peer) = socket.accept().await?;
    Ok((stream, peer, place))
}

struct Connections {
    tls: Option<TlsAcceptor>,
    service: Service,
    plain: PlainVersion,
    /// The version is settled before the first byte, by ALPN or by there being no TLS: a guess would wait for ever for a
    /// client that says nothing.
    http1: Builder<TokioExecutor>,
    http2: Builder<TokioExecutor>,
}

impl Connections {
    async fn serve(&self, stream: Stream, peer: Peer, watcher: hyper_util::server::graceful::Watcher) {
        let plain = match self.plain {
            PlainVersion::Http1 => &self.http1,
            PlainVersion::Http2 => &self.http2,
        };
        let stream = match stream {
            Stream::Unix(stream) => return self.speak(plain, stream, peer, watcher).await,
            Stream::Tcp(stream) => stream,
        };
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => self.speak(plain, stream, peer, watcher).await,
            Some(tls) => {
                if let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.accept(stream)).await {
                    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    let builder = if is_http2 { &self.http2 } else { &self.http1 };
                    self.speak(builder, stream, peer, watcher).await;
                }
            }
        }
    }

    async fn speak(
        &self,
        builder: &Builder<TokioExecutor>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Peer,
        watcher: hyper_util::server::graceful::Watcher,
    ) {
        let service = self.service.for_peer(peer);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        // A client that breaks off, or speaks no HTTP, is its own affair.
        let _ = watcher.watch(connection.into_owned()).await;
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ)
        .max_buf_size(MOST_HEADER_BYTES)
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(MOST_HEADER_BYTES_U32)
        .max_concurrent_streams(128)
        .keep_alive_interval(HEADER_READ);
    builder
}

/// Enough for every client of a large site behind one server, and few enough not to run out of memory.
const MOST_CONNECTIONS: usize = 16_384;

/// A slow client may take so long to send its headers, and a quiet one to send the next request.
const HEADER_READ: Duration = Duration::from_secs(30);

const HANDSHAKE: Duration = Duration::from_secs(10);

const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// How long a stopping server waits for requests that have begun.
const DRAIN: Duration = Duration::from_secs(10);

/// A proof of 64 KiB must still be read, to be refused with a reason.
const MOST_HEADER_BYTES: usize = 128 * 1024;
const MOST_HEADER_BYTES_U32: u32 = 128 * 1024;
