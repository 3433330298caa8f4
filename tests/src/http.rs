//! An HTTP client that does nothing by itself: no redirects, no cookies, no proxies.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Result;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};
use rustls::crypto::aws_lc_rs;

use crate::Authority;

/// A client that trusts `authority` alone and finds every host name on loopback.
pub fn client(authority: &Authority) -> Result<Client> {
    client_trusting_pem(&authority.certificate())
}

/// Like [`client`], for a CA certificate that exists only as PEM, such as that of `holdfast dev`.
pub fn client_trusting_pem(certificate: &str) -> Result<Client> {
    let root = Certificate::from_pem(certificate.as_bytes())?;
    Ok(builder().tls_certs_only([root]).build()?)
}

/// Clients of HTTP/1.1 and of HTTP/2 that trust `authority` alone and find every host at `address`, where a proxy stands
/// for port 443: `https://shop.example/` is the proxy's.
pub fn clients_behind(authority: &Authority, address: SocketAddr) -> Result<[Client; 2]> {
    let root = Certificate::from_pem(authority.certificate().as_bytes())?;
    let builder = || builder().tls_certs_only([root.clone()]).dns_resolver(Arc::new(Behind(address)));
    Ok([builder().http1_only().build()?, builder().http2_prior_knowledge().build()?])
}

/// A client for plain HTTP on loopback, where the internal listener is.
pub fn plain_client() -> Result<Client> {
    Ok(builder().tls_certs_only([]).build()?)
}

fn builder() -> reqwest::ClientBuilder {
    // The provider is one for the whole process; whoever came first has installed the same one.
    let _installed_before = aws_lc_rs::default_provider().install_default();
    Client::builder().redirect(Policy::none()).no_proxy().dns_resolver(Arc::new(Loopback))
}

#[derive(Debug)]
struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, _name: Name) -> Resolving {
        found(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }
}

#[derive(Debug)]
struct Behind(SocketAddr);

impl Resolve for Behind {
    fn resolve(&self, _name: Name) -> Resolving {
        found(self.0)
    }
}

/// An address with a port serves addresses that name none.
fn found(address: SocketAddr) -> Resolving {
    let addresses: Addrs = Box::new(std::iter::once(address));
    Box::pin(std::future::ready(Ok(addresses)))
}
