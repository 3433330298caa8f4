//! A syslog server over TCP (RFC 6587, octet counting) or TLS (RFC 5425).
//!
//! Syslog acknowledges nothing. A line counts as arrived when the connection has stood for a moment after it was sent; when
//! the connection breaks, what was sent less than a moment before is sent again over the next one.

use std::{collections::VecDeque, path::Path, sync::Arc, time::Duration};

use futures_util::FutureExt;
use holdfast_audit::format::frame;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::TlsConnector;

use super::{Failure, Told};

/// The server, and the connection to it if there is one.
pub(super) struct Syslog {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    connection: Option<Box<dyn Connection>>,
    /// The last line of each batch that was sent over this connection, and when.
    sent: VecDeque<(u64, Instant)>,
}

trait Connection: AsyncRead + AsyncWrite + Unpin + Send + Sync {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Connection for T {}

impl Syslog {
    /// # Errors
    /// The key of the sink that is not in order, and what it should be.
    pub(super) fn new(host: &str, port: u16, ca_file: Option<&Path>) -> Result<Self, String> {
        let tls = match ca_file {
            None => None,
            Some(file) => {
                let name = ServerName::try_from(host.to_owned())
                    .map_err(|_| format!("address: {host:?} is no name that a certificate could have"))?;
                Some((connector(file)?, name))
            }
        };
        Ok(Self { host: host.to_owned(), port, tls, connection: None, sent: VecDeque::new() })
    }

    /// Sends a batch.
    pub(super) async fn send(&mut self, batch: &[Told]) -> Result<(), Failure> {
        if self.connection.as_mut().is_some_and(|connection| !is_open(connection)) {
            self.hang_up();
            // What this connection had not yet carried for certain comes again: the caller goes back to it.
            return Err(Failure::new("it has closed the connection"));
        }
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => {
                let connection = connect(&self.host, self.port, self.tls.as_ref()).await?;
                self.connection.insert(connection)
            }
        };
        let mut bytes = Vec::new();
        batch.iter().for_each(|told| frame(&told.text, &mut bytes));
        let written = async {
            connection.write_all(&bytes).await?;
            connection.flush().await
        };
        let written: std::io::Result<()> = written.await;
        match (written, batch.last()) {
            (Ok(()), last) => {
                self.sent.extend(last.map(|told| (told.seq, Instant::now())));
                Ok(())
            }
            (Err(error), _) => {
                self.hang_up();
                Err(Failure::new(format!("the connection broke: {error}")))
            }
        }
    }

    /// Ends the connection without a word.
    pub(super) fn hang_up(&mut self) {
        self.connection = None;
        self.sent.clear();
    }

    /// The last line that was sent long enough ago over a connection that still stands.
    pub(super) fn settled(&mut self) -> Option<u64> {
        if !self.connection.as_mut().is_some_and(is_open) {
            return None;
        }
        let mut settled = None;
        while let Some((seq, at)) = self.sent.front().copied() {
            if at.elapsed() < SETTLING {
                break;
            }
            settled = Some(seq);
            self.sent.pop_front();
        }
        settled
    }

    /// Says goodbye, and waits for the server to say so too: it has then read everything.
    pub(super) async fn finish(&mut self) -> Option<u64> {
        let mut connection = self.connection.take()?;
        let goodbye = async {
            connection.shutdown().await.ok()?;
            let mut rest = [0; 64];
            while connection.read(&mut rest).await.ok()? > 0 {}
            Some(())
        };
        let answered = timeout(GOODBYE, goodbye).await.ok().flatten();
        answered.and_then(|()| self.sent.back().map(|(seq, _)| *seq))
    }

    /// Whether the server has gone away before something that was sent can be said to have arrived.
    pub(super) fn is_broken(&mut self) -> bool {
        if self.connection.as_mut().is_none_or(is_open) {
            return false;
        }
        let was_waiting = !self.sent.is_empty();
        self.hang_up();
        was_waiting
    }
}

/// A server has nothing to say; its end of the line is the one thing to be heard.
fn is_open(connection: &mut Box<dyn Connection>) -> bool {
    let mut word = [0; 64];
    !matches!(connection.read(&mut word).now_or_never(), Some(Ok(0) | Err(_)))
}

async fn connect(
    host: &str,
    port: u16,
    tls: Option<&(TlsConnector, ServerName<'static>)>,
) -> Result<Box<dyn Connection>, Failure> {
    let stream = TcpStream::connect((host, port)).await;
    let stream = stream.map_err(|error| Failure::new(format!("it cannot be reached: {error}")))?;
    let _ = stream.set_nodelay(true);
    match tls {
        None => Ok(Box::new(stream)),
        Some((connector, name)) => {
            let secured = connector.connect(name.clone(), stream).await;
            let secured = secured.map_err(|error| Failure::new(format!("TLS: {error}")))?;
            Ok(Box::new(secured))
        }
    }
}

fn connector(file: &Path) -> Result<TlsConnector, String> {
    let told = |what: String| format!("ca_file: {} {what}", file.display());
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| told(format!("cannot be read: {error}")))?;
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(told("holds no certificate in PEM".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| told(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A server that dies has its end of the line closed by its machine at once; one whose machine dies is noticed later, and
/// what it had not read is lost: syslog knows no better.
const SETTLING: Duration = Duration::from_secs(2);

const GOODBYE: Duration = Duration::from_secs(1);
