//! A small HTTPS site inside the test: the protected app, an identity provider, or a page of somebody else.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::Authority;

/// A site that answers on loopback under every host name of its certificate, by HTTP/2 or HTTP/1.1.
#[derive(Debug)]
pub struct Site {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Site {
    /// Serves `router` as `hosts`, on a port of the system's choice.
    pub async fn start(authority: &Authority, hosts: &[&str], router: Router) -> Result<Self> {
        let acceptor = acceptor(authority, hosts)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept_all(listener, acceptor, router));
        Ok(Self { address, accepting })
    }

    /// The origin under one of the site's host names, without a slash at the end.
    #[must_use]
    pub fn origin(&self, host: &str) -> String {
        format!("https://{host}:{}", self.address.port())
    }

    /// Where the site listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept_all(listener: TcpListener, acceptor: TlsAcceptor, router: Router) {
    while let Ok((stream, _peer)) = listener.accept().await {
        tokio::spawn(serve(stream, acceptor.clone(), router.clone()));
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, router: Router) {
    // A browser drops speculative connections at any point; that is not the site's trouble.
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = TowerToHyperService::new(router);
    let server = auto::Builder::new(TokioExecutor::new());
    let _closed = server.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
}

fn acceptor(authority: &Authority, hosts: &[&str]) -> Result<TlsAcceptor> {
    let issued = authority.issue(hosts)?;
    let chain = vec![CertificateDer::from_pem_slice(issued.certificate.as_bytes())?];
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
