//! Requests that no HTTP library would send, byte for byte.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use holdfast_tests::Authority;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Sends `request` over TLS as a client of `shop.example`, and gives everything that comes back until the end. The
/// request should ask for the connection to be closed.
pub(crate) async fn over_tls(authority: &Authority, address: SocketAddr, request: &str) -> Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate().as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("shop.example")?;
    exchange(TlsConnector::from(Arc::new(config)).connect(name, stream).await?, request).await
}

/// The same without TLS.
pub(crate) async fn over_tcp(address: SocketAddr, request: &str) -> Result<String> {
    exchange(TcpStream::connect(address).await?, request).await
}

/// The status of an answer.
pub(crate) fn status(answer: &str) -> Result<u16> {
    let status = answer.split(' ').nth(1).with_context(|| format!("no status: {answer}"))?;
    Ok(status.parse()?)
}

/// Every value of a header of an answer.
pub(crate) fn header<'a>(answer: &'a str, name: &str) -> Vec<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Result<String> {
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // Servers may close without saying so in TLS; what has come until then is the answer.
    let _ended = stream.read_to_end(&mut answer).await;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
