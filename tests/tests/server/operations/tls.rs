//! What only a connection with TLS shows: certificates that change, HTTP/2 clients that ask nothing, places by address.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use holdfast_tests::Authority;
use holdfast_tests::server::{Server, Settings};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A server with a certificate of this authority, and what it is set up with.
async fn server(authority: &Authority, settings: Settings) -> Result<(Server, Settings)> {
    let folder = tempfile::tempdir()?;
    authority.issue(&["shop.example"])?.write_to(folder.path())?;
    let settings = settings.set("public.tls.cert", "cert.pem").set("public.tls.key", "key.pem");
    Ok((Server::in_folder(folder, settings.clone()).await?, settings))
}

async fn connect(
    authority: &Authority,
    address: SocketAddr,
    protocol: &[u8],
) -> Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate().as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(address).await?;
    Ok(TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("shop.example")?, stream).await?)
}

fn certificate(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(|chain| chain.first())
        .map(|first| first.to_vec())
        .unwrap_or_default()
}

/// Asks over a connection that stays open, and reads until the keys have come.
async fn asks(stream: &mut TlsStream<TcpStream>) -> Result<()> {
    stream.write_all(b"GET /_holdfast/jwks HTTP/1.1\r\nHost: shop.example\r\n\r\n").await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"]}") {
        let read = timeout(PATIENCE, stream.read_buf(&mut answer)).await??;
        ensure!(read > 0, "closed: {}", String::from_utf8_lossy(&answer));
    }
    ensure!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    Ok(())
}

#[tokio::test]
async fn a_new_certificate_is_seen_by_new_connections_and_old_ones_go_on() -> Result<()> {
    let authority = Authority::new()?;
    let (server, settings) = server(&authority, Settings::default()).await?;
    let mut old = connect(&authority, server.public_addr(), b"http/1.1").await?;
    asks(&mut old).await?;

    authority.issue(&["shop.example"])?.write_to(server.folder())?;
    server.reload(settings.clone()).await?;
    let mut new = connect(&authority, server.public_addr(), b"http/1.1").await?;
    assert_ne!(certificate(&old), certificate(&new));
    asks(&mut new).await?;
    asks(&mut old).await?;

    // A key that does not fit its certificate is refused, and nobody notices.
    std::fs::write(server.folder().join("key.pem"), authority.issue(&["shop.example"])?.key)?;
    let told = server.reload(settings).await.err().context("it was taken")?.to_string();
    assert!(told.contains("public.tls"), "{told}");
    let again = connect(&authority, server.public_addr(), b"http/1.1").await?;
    assert_eq!(certificate(&again), certificate(&new));
    asks(&mut old).await
}

#[tokio::test]
async fn an_http2_client_that_only_answers_pings_loses_its_place() -> Result<()> {
    let authority = Authority::new()?;
    let settings = Settings::default().set("limits.idle_timeout", "1s").set("limits.streams", "7");
    let (server, _) = server(&authority, settings).await?;
    let mut stream = connect(&authority, server.public_addr(), b"h2").await?;
    // RFC 9113 §3.4: the preface, and a SETTINGS frame without a setting.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await?;
    let (mut streams, mut said_goodbye) = (None, false);
    let ended = timeout(PATIENCE, async {
        while let Some((kind, flags, payload)) = frame(&mut stream).await {
            match kind {
                0x4 if flags & 1 == 0 => streams = streams.or_else(|| setting(&payload, 3)),
                0x6 if flags & 1 == 0 => {
                    let answer = [&b"\0\0\x08\x06\x01\0\0\0\0"[..], &payload].concat();
                    if stream.write_all(&answer).await.is_err() {
                        break;
                    }
                }
                0x7 => said_goodbye = true,
                _ => {}
            }
        }
    });
    ended.await.context("it is still there")?;
    assert!(said_goodbye, "with GOAWAY");
    assert_eq!(streams, Some(7), "SETTINGS_MAX_CONCURRENT_STREAMS");
    assert_eq!(server.metric("holdfast_limited_total{limit=\"idle_timeout\"}").await?, 1);
    Ok(())
}

/// The next frame's type, flags and payload; `None` when the connection is closed.
async fn frame(stream: &mut TlsStream<TcpStream>) -> Option<(u8, u8, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let [a, b, c, kind, flags, ..] = head;
    let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?];
    stream.read_exact(&mut payload).await.ok()?;
    Some((kind, flags, payload))
}

/// The value of a setting (RFC 9113 §6.5.1).
fn setting(payload: &[u8], id: u16) -> Option<u32> {
    payload.chunks_exact(6).find_map(|entry| {
        let [a, b, value @ ..] = entry else { return None };
        (u16::from_be_bytes([*a, *b]) == id).then(|| u32::from_be_bytes(value.try_into().unwrap_or_default()))
    })
}

#[tokio::test]
async fn one_address_holds_only_so_many_connections() -> Result<()> {
    let authority = Authority::new()?;
    let settings = Settings::default().set("limits.connections_per_address", "2");
    let (server, _) = server(&authority, settings).await?;
    let mut first = connect(&authority, server.public_addr(), b"http/1.1").await?;
    let second = connect(&authority, server.public_addr(), b"http/1.1").await?;
    assert!(connect(&authority, server.public_addr(), b"http/1.1").await.is_err());
    assert_eq!(server.metric("holdfast_limited_total{limit=\"connections_per_address\"}").await?, 1);
    assert_eq!(server.metric("holdfast_connections{listener=\"public\"}").await?, 2);
    asks(&mut first).await?;
    drop(second);
    for _ in 0..500 {
        if connect(&authority, server.public_addr(), b"http/1.1").await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    anyhow::bail!("the place was not given back")
}

const PATIENCE: Duration = Duration::from_secs(20);
