//! The accept loop and its connections.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::Service;

/// A bound socket and how it is served.
pub(crate) struct Listener {
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
    service: Service,
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
        Self { socket, tls, service }
    }

    /// The address it listens at.
    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until told to stop, then finishes what has begun. The task ends when the last connection has.
    pub(crate) fn spawn(self, shutdown: &Shutdown) -> tokio::task::JoinHandle<()> {
        tokio::spawn(self.serve(shutdown.subscribe()))
    }

    async fn serve(self, mut stop: watch::Receiver<bool>) {
        let graceful = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let connections = Arc::new(Connections { tls: self.tls, service: self.service, builder: builder() });
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                _ = stop.wait_for(|stopping| *stopping) => break,
            };
            match accepted {
                Ok((stream, peer)) => {
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

struct Connections {
    tls: Option<TlsAcceptor>,
    service: Service,
    builder: Builder<TokioExecutor>,
}

impl Connections {
    async fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        watcher: hyper_util::server::graceful::Watcher,
    ) {
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => self.speak(stream, peer, watcher).await,
            Some(tls) => {
                if let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.accept(stream)).await {
                    self.speak(stream, peer, watcher).await;
                }
            }
        }
    }

    async fn speak(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        watcher: hyper_util::server::graceful::Watcher,
    ) {
        let service = self.service.for_peer(peer.ip().to_canonical());
        let connection = self.builder.serve_connection(TokioIo::new(stream), service);
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
