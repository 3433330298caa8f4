//! Requests that differ in their DPoP proof alone. All proofs are signed before the first request, and each is used once:
//! a signature costs the client as much as its verification costs the server, and must not be part of what is measured.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use serde_json::json;
use url::Url;

use super::connection::{Connection, Head};
use super::script::CLIENT_IP;
use super::token_client::TokenClient;
use crate::oauth::{NONCE_ENDPOINT, USER_AGENT};
use crate::origin::authority;
use crate::wire::dpop::{Claims, DPOP_NONCE};
use crate::{Failure, Setup};

/// A request with a gap where claims and signature of a proof belong.
pub(super) struct Frame {
    /// What stands before the value of `Content-Length`, where the proof is in the body.
    head: Option<String>,
    before: String,
    after: String,
}

/// Proofs and the requests that they belong into, used from the first to the last.
pub(super) struct Proofs {
    frames: Arc<[Frame]>,
    /// Claims and signatures. The one of number n belongs to the frame of number n, counted round and round.
    proofs: Vec<Box<str>>,
    next: AtomicUsize,
}

impl Frame {
    /// `POST /v1/check` for a page of this client's.
    pub(super) fn check(setup: &Setup, client: &TokenClient) -> Result<Self, Failure> {
        let body = json!({
            "method": "GET",
            "url": setup.origin.at(PAGE)?.as_str(),
            "headers": [
                ["Authorization", format!("DPoP {}", client.access_token)],
                ["DPoP", gap_after_header(client)?],
                ["User-Agent", USER_AGENT],
            ],
            "client_ip": CLIENT_IP,
        });
        let (before, after) = split(&body.to_string());
        let head = format!(
            "POST /v1/check HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: ",
            authority(&setup.api),
            setup.token,
        );
        Ok(Self { head: Some(head), before, after })
    }

    /// `GET /verify/nginx` for a page of this client's.
    pub(super) fn verify(
        setup: &Setup,
        target: &Url,
        client: &TokenClient,
        secret: Option<&str>,
    ) -> Result<Self, Failure> {
        let secret =
            secret.map(|secret| format!("holdfast-gateway-secret: {secret}\r\n")).unwrap_or_default();
        let request = format!(
            "GET /verify/nginx HTTP/1.1\r\nhost: {}\r\nx-original-url: {}\r\nx-original-method: GET\r\n\
             x-forwarded-for: {CLIENT_IP}\r\n{secret}authorization: DPoP {}\r\ndpop: {}\r\n\r\n",
            authority(target),
            setup.origin.at(PAGE)?,
            client.access_token,
            gap_after_header(client)?,
        );
        let (before, after) = split(&request);
        Ok(Self { head: None, before, after })
    }

    fn write(&self, proof: &str, out: &mut Vec<u8>) {
        if let Some(head) = &self.head {
            let length = self.before.len().saturating_add(proof.len()).saturating_add(self.after.len());
            // Writing to memory does not fail.
            drop(write!(out, "{head}{length}\r\n\r\n"));
        }
        for part in [self.before.as_str(), proof, self.after.as_str()] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

impl Proofs {
    /// Signs so many proofs, for each client in turn, on as many threads as there are cores.
    pub(super) fn signed(
        setup: &Setup,
        clients: &[TokenClient],
        frames: &Arc<[Frame]>,
        nonce: Option<&str>,
        count: usize,
    ) -> Result<Self, Failure> {
        let url = setup.origin.at(PAGE)?;
        let sign = |number: usize| -> Result<Box<str>, Failure> {
            let client = number.checked_rem(clients.len()).and_then(|place| clients.get(place));
            let client = client.ok_or_else(|| Failure::Usage("a load needs a session".to_owned()))?;
            let claims = Claims::new(&Method::GET, &url, setup.clock.now())?;
            let claims = claims.for_token(&client.access_token).with_nonce(nonce);
            Ok(client.proof(&claims)?.split_once('.').map_or("", |(_header, rest)| rest).into())
        };
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let share = count.div_ceil(workers).max(1);
        let parts = std::thread::scope(|scope| {
            let from = (0..count).step_by(share);
            let started: Vec<_> = from
                .map(|from| {
                    let numbers = from..from.saturating_add(share).min(count);
                    scope.spawn(move || numbers.map(sign).collect::<Result<Vec<_>, Failure>>())
                })
                .collect();
            let join = |part: std::thread::ScopedJoinHandle<'_, Result<Vec<Box<str>>, Failure>>| {
                part.join().map_err(|_| Failure::Key("a thread that signs has died".to_owned()))?
            };
            started.into_iter().map(join).collect::<Result<Vec<_>, Failure>>()
        })?;
        let proofs = parts.into_iter().flatten().collect();
        Ok(Self { frames: Arc::clone(frames), proofs, next: AtomicUsize::new(0) })
    }

    /// The next request that nobody has sent yet; nothing when all are sent.
    pub(super) fn write_next(&self, out: &mut Vec<u8>) -> Option<()> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let proof = self.proofs.get(number)?;
        let frame = self.frames.get(number.checked_rem(self.frames.len())?)?;
        frame.write(proof, out);
        Some(())
    }

    /// A check is answered with 200 even if the answer is no, and a load of refusals measures something else.
    pub(super) fn judge(
        &self,
        answer: Result<Head, Failure>,
        connection: &Connection,
    ) -> Result<Head, Failure> {
        let head = answer?;
        let is_check = self.frames.first().is_some_and(|frame| frame.head.is_some());
        if !is_check || head.status != 200 || connection.contains(ALLOWED) {
            return Ok(head);
        }
        let body = connection.body(head);
        Err(Failure::Answer(format!("POST /v1/check answered {}", String::from_utf8_lossy(&body))))
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.proofs.len()
    }
}

/// A nonce that is not bound to a key.
pub(super) async fn nonce(setup: &Setup) -> Result<String, Failure> {
    let mut connection = Connection::open(&setup.public).await?;
    let request = format!("HEAD {NONCE_ENDPOINT} HTTP/1.1\r\nhost: {}\r\n\r\n", setup.origin.authority());
    let head = connection.exchange(request.as_bytes()).await?;
    connection.header(DPOP_NONCE).ok_or_else(|| {
        Failure::Answer(format!("HEAD {NONCE_ENDPOINT} answered {} without a nonce", head.status))
    })
}

fn gap_after_header(client: &TokenClient) -> Result<String, Failure> {
    Ok(format!("{}.{GAP}", client.proof_header()?))
}

fn split(text: &str) -> (String, String) {
    text.split_once(GAP)
        .map_or_else(Default::default, |(before, after)| (before.to_owned(), after.to_owned()))
}

/// Neither tokens nor URLs have this in them.
const GAP: &str = "@proof@";

/// A part of each decision that lets a request go on.
const ALLOWED: &[u8] = br#""decision":"allow""#;

const PAGE: &str = "/account";
