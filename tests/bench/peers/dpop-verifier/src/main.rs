//! The crate dpop-verifier behind axum, with a replay store in memory and `jsonwebtoken` for the access token, answering
//! the question of a gateway: `GET /verify/nginx`.

use std::{
    collections::{HashMap, HashSet},
    io::{Read, Write},
    net::TcpStream,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use async_trait::async_trait;
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::get,
};
use dpop_verifier::{DpopError, DpopVerifier, ReplayContext, ReplayStore};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde::Deserialize;

#[derive(Deserialize)]
struct Claims {
    sub: String,
    cnf: Confirmation,
}

#[derive(Deserialize)]
struct Confirmation {
    jkt: String,
}

struct Peer {
    keys: HashMap<String, DecodingKey>,
    validation: Validation,
    verifier: DpopVerifier,
    replays: Replays,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let issuer = arguments.next().context("the issuer is missing")?;
    let jwks = fetch(&arguments.next().context("the address of the keys is missing")?)?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&[&issuer]);
    validation.set_audience(&[&issuer]);
    let key = |jwk: &jsonwebtoken::jwk::Jwk| {
        let id = jwk.common.key_id.clone().context("a key without an id")?;
        Ok((id, DecodingKey::from_jwk(jwk)?))
    };
    let keys = jwks.keys.iter().map(key).collect::<Result<_>>()?;
    let verifier = DpopVerifier::new().with_max_age_seconds(LIFE.as_secs().try_into()?);
    let peer = Arc::new(Peer { keys, validation, verifier, replays: Replays::default() });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        writeln!(std::io::stdout(), "{}", socket.local_addr()?)?;
        let routes = Router::new().route("/verify/nginx", get(answer)).with_state(peer);
        axum::serve(socket, routes).await?;
        Ok(())
    })
}

async fn answer(
    State(peer): State<Arc<Peer>>,
    headers: HeaderMap,
) -> Result<[(&'static str, String); 1], (StatusCode, [(&'static str, &'static str); 1])> {
    match verify(&peer, &headers).await {
        Some(subject) => Ok([("x-subject", subject)]),
        None => Err((StatusCode::UNAUTHORIZED, [("www-authenticate", "DPoP error=\"invalid_token\"")])),
    }
}

async fn verify(peer: &Peer, headers: &HeaderMap) -> Option<String> {
    let header = |name: &str| headers.get(name)?.to_str().ok();
    let token = header("authorization")?.strip_prefix("DPoP ")?;
    let key = peer.keys.get(&decode_header(token).ok()?.kid?)?;
    let claims = decode::<Claims>(token, key, &peer.validation).ok()?.claims;
    let (url, method) = (header("x-original-url")?, header("x-original-method")?);
    let proof = header("dpop")?;
    let mut replays = peer.replays.clone();
    let verified = peer.verifier.verify(&mut replays, proof, url, method, Some(token)).await.ok()?;
    (verified.jkt == claims.cnf.jkt).then_some(claims.sub)
}

/// The proofs of the last minutes. A proof may be forgotten when it is too old to be taken: it is in the younger half for
/// one life and in the older half for another.
#[derive(Clone, Default)]
struct Replays(Arc<Mutex<Halves>>);

struct Halves {
    begun: Instant,
    younger: HashSet<[u8; 32]>,
    older: HashSet<[u8; 32]>,
}

impl Default for Halves {
    fn default() -> Self {
        Self { begun: Instant::now(), younger: HashSet::new(), older: HashSet::new() }
    }
}

#[async_trait]
impl ReplayStore for Replays {
    async fn insert_once(&mut self, jti: [u8; 32], _context: ReplayContext<'_>) -> Result<bool, DpopError> {
        let mut halves = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if halves.begun.elapsed() > LIFE {
            halves.begun = Instant::now();
            halves.older = std::mem::take(&mut halves.younger);
        }
        Ok(!halves.older.contains(&jti) && halves.younger.insert(jti))
    }
}

/// One `GET` of a small document.
fn fetch(address: &str) -> Result<JwkSet> {
    let rest = address.strip_prefix("http://").context("only plain http")?;
    let (host, path) = rest.split_once('/').context("no path")?;
    let mut stream = TcpStream::connect(host)?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").context("no HTTP")?;
    serde_json::from_str(body).context("no JWK set")
}

/// How long a proof is good, and remembered at least.
const LIFE: Duration = Duration::from_secs(300);
