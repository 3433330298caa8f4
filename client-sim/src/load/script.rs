//! What each connection asks, as bytes that are ready to be sent.

use std::sync::Arc;

use serde_json::json;
use url::Url;

use super::client::Client;
use super::connection::{Connection, Head};
use super::proving::Proofs;
use super::token_client::TokenClient;
use crate::http::Request;
use crate::origin::authority;
use crate::{Failure, Setup};

/// The questions of one connection.
pub(super) enum Script {
    /// The same requests, round and round.
    Fixed { requests: Arc<Vec<Vec<u8>>>, next: usize },
    /// Every request has a proof of its own; all connections take from the same heap.
    Proving { proofs: Arc<Proofs>, warm_up: Option<Arc<Proofs>>, request: Vec<u8> },
    /// Each session refreshes in turn.
    Refreshing { clients: Vec<Client>, next: usize, setup: Arc<Setup> },
    /// Each session registers once.
    Registering { clients: std::vec::IntoIter<Client>, setup: Arc<Setup> },
    /// Each OAuth client refreshes its tokens in turn.
    Renewing { clients: Vec<TokenClient>, next: usize, setup: Arc<Setup> },
}

impl Script {
    /// All connections share the requests, each starting at another place.
    pub(super) fn fixed(requests: Vec<Vec<u8>>, connections: usize) -> Vec<Self> {
        let requests = Arc::new(requests);
        let step = requests.len().checked_div(connections).unwrap_or(0).max(1);
        (0..connections).map(|n| Self::Fixed { requests: Arc::clone(&requests), next: n * step }).collect()
    }

    /// The same questions once more, where asking changes nothing.
    pub(super) fn again(&self) -> Option<Self> {
        match self {
            Self::Fixed { requests, next } => {
                Some(Self::Fixed { requests: Arc::clone(requests), next: *next })
            }
            Self::Proving { warm_up, .. } => {
                let proofs = Arc::clone(warm_up.as_ref()?);
                Some(Self::Proving { proofs, warm_up: None, request: Vec::new() })
            }
            Self::Refreshing { .. } | Self::Registering { .. } | Self::Renewing { .. } => None,
        }
    }

    /// How many questions there are before they come round.
    pub(super) fn questions(&self) -> usize {
        match self {
            Self::Fixed { requests, .. } => requests.len(),
            Self::Proving { proofs, .. } => proofs.count(),
            Self::Refreshing { clients, .. } => clients.len(),
            Self::Registering { clients, .. } => clients.len(),
            Self::Renewing { clients, .. } => clients.len(),
        }
    }

    /// All connections share the proofs.
    pub(super) fn proving(
        proofs: &Arc<Proofs>,
        warm_up: Option<&Arc<Proofs>>,
        connections: usize,
    ) -> Vec<Self> {
        let script = || Self::Proving {
            proofs: Arc::clone(proofs),
            warm_up: warm_up.map(Arc::clone),
            request: Vec::new(),
        };
        (0..connections).map(|_| script()).collect()
    }

    /// Each connection owns some of the OAuth clients.
    pub(super) fn renewing(clients: Vec<TokenClient>, connections: usize, setup: &Setup) -> Vec<Self> {
        let setup = Arc::new(setup.clone());
        let parts = dealt(clients, connections).into_iter();
        parts.map(|clients| Self::Renewing { clients, next: 0, setup: Arc::clone(&setup) }).collect()
    }

    /// Each connection owns some of the sessions.
    pub(super) fn refreshing(clients: Vec<Client>, connections: usize, setup: &Setup) -> Vec<Self> {
        let setup = Arc::new(setup.clone());
        let parts = dealt(clients, connections).into_iter();
        parts.map(|clients| Self::Refreshing { clients, next: 0, setup: Arc::clone(&setup) }).collect()
    }

    /// Each connection owns some of the sessions.
    pub(super) fn registering(clients: Vec<Client>, connections: usize, setup: &Setup) -> Vec<Self> {
        let setup = Arc::new(setup.clone());
        let parts = dealt(clients, connections).into_iter();
        parts.map(|c| Self::Registering { clients: c.into_iter(), setup: Arc::clone(&setup) }).collect()
    }

    /// Asks the next question; nothing when all is asked.
    pub(super) async fn ask(&mut self, connection: &mut Connection) -> Option<Result<Head, Failure>> {
        match self {
            Self::Fixed { requests, next } => {
                let request = requests.get(next.checked_rem(requests.len())?)?;
                *next = next.wrapping_add(1);
                Some(connection.exchange(request).await)
            }
            Self::Proving { proofs, request, .. } => {
                request.clear();
                proofs.write_next(request)?;
                Some(proofs.judge(connection.exchange(request).await, connection))
            }
            Self::Renewing { clients, next, setup } => {
                let place = next.checked_rem(clients.len())?;
                *next = next.wrapping_add(1);
                let client = clients.get_mut(place)?;
                Some(client.renew(setup, connection).await)
            }
            Self::Refreshing { clients, next, setup } => {
                let place = next.checked_rem(clients.len())?;
                *next = next.wrapping_add(1);
                let client = clients.get_mut(place)?;
                Some(refresh_once(client, setup, connection).await)
            }
            Self::Registering { clients, setup } => {
                let client = clients.next()?;
                let request = client.registration(setup);
                Some(match request {
                    Ok(request) => connection.exchange(&request).await,
                    Err(failure) => Err(failure),
                })
            }
        }
    }
}

async fn refresh_once(
    client: &mut Client,
    setup: &Setup,
    connection: &mut Connection,
) -> Result<Head, Failure> {
    let head = connection.exchange(client.refresh(setup)?).await?;
    client.read(setup, connection, head);
    Ok(head)
}

fn dealt<C>(clients: Vec<C>, connections: usize) -> Vec<Vec<C>> {
    let mut hands: Vec<Vec<C>> = (0..connections).map(|_| Vec::new()).collect();
    let mut dealt = clients.into_iter();
    while dealt.len() > 0 {
        for (hand, client) in hands.iter_mut().zip(dealt.by_ref()) {
            hand.push(client);
        }
    }
    hands.retain(|hand| !hand.is_empty());
    hands
}

/// A plain `GET`.
pub(super) fn get(url: &Url) -> Result<Vec<u8>, Failure> {
    let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    Ok(format!("GET {target} HTTP/1.1\r\nhost: {}\r\n\r\n", authority(url)).into_bytes())
}

/// `POST /v1/sessions`.
pub(super) fn create(setup: &Setup, user: &str) -> Result<Vec<u8>, Failure> {
    Ok(api_post(setup, "/v1/sessions", &json!({ "user": user, "client": { "ip": CLIENT_IP } }).to_string()))
}

/// `POST /v1/check` for a page of this client's.
pub(super) fn check(setup: &Setup, client: &Client) -> Result<Vec<u8>, Failure> {
    let body = json!({
        "method": "GET",
        "url": setup.origin.at("/account")?.as_str(),
        "headers": [["Cookie", client.cookie], ["User-Agent", crate::browser::USER_AGENT]],
        "client_ip": CLIENT_IP,
    });
    Ok(api_post(setup, "/v1/check", &body.to_string()))
}

/// `GET /verify/nginx` for a page of this client's.
pub(super) fn verify(setup: &Setup, client: &Client, secret: Option<&str>) -> Result<Vec<u8>, Failure> {
    let secret = secret.map(|secret| format!("holdfast-gateway-secret: {secret}\r\n")).unwrap_or_default();
    Ok(format!(
        "GET /verify/nginx HTTP/1.1\r\nhost: {}\r\nx-original-url: {}\r\nx-original-method: GET\r\n\
         x-forwarded-for: {CLIENT_IP}\r\n{secret}cookie: {}\r\n\r\n",
        authority(&setup.api),
        setup.origin.at("/account")?,
        client.cookie,
    )
    .into_bytes())
}

/// `GET` of a page behind a gateway, by the app's own name.
pub(super) fn page(setup: &Setup, target: &Url, client: &Client) -> Vec<u8> {
    let (path, host) = (target.path(), setup.origin.authority());
    format!("GET {path} HTTP/1.1\r\nhost: {host}\r\ncookie: {}\r\n\r\n", client.cookie).into_bytes()
}

/// A registration, as Chromium sends it.
pub(super) fn register(setup: &Setup, path: &str, proof: &str, cookie: &str) -> Vec<u8> {
    endpoint_post(setup, path, &format!("secure-session-response: {proof}\r\ncookie: {cookie}\r\n"))
}

/// A refresh, as Chromium sends it.
pub(super) fn refresh(setup: &Setup, session: &str, proof: Option<&str>, cookie: &str) -> Vec<u8> {
    let proof = proof.map(|proof| format!("secure-session-response: {proof}\r\n")).unwrap_or_default();
    let extra = format!("sec-secure-session-id: {session}\r\n{proof}cookie: {cookie}\r\n");
    endpoint_post(setup, "/_holdfast/dbsc/refresh", &extra)
}

fn endpoint_post(setup: &Setup, path: &str, extra: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\nsec-fetch-mode: no-cors\r\n\
         sec-fetch-dest: empty\r\nsec-fetch-site: same-origin\r\norigin: {}\r\n{extra}\r\n",
        setup.origin.authority(),
        setup.origin.serialized(),
    )
    .into_bytes()
}

/// Any request, as bytes.
pub(super) fn bytes(request: &Request) -> Vec<u8> {
    let (method, url) = (&request.method, &request.url);
    let mut bytes = format!("{method} {} HTTP/1.1\r\nhost: {}\r\n", url.path(), authority(url)).into_bytes();
    for (name, value) in &request.headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", request.body.len()).as_bytes());
    bytes.extend_from_slice(&request.body);
    bytes
}

pub(super) fn api_post(setup: &Setup, path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        authority(&setup.api),
        setup.token,
        body.len(),
    )
    .into_bytes()
}

/// An address that belongs to nobody (RFC 5737).
pub(super) const CLIENT_IP: &str = "203.0.113.7";
