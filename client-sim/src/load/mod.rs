//! The same questions, many times a second: how much work one server process does with a second of CPU.
//!
//! The client is written by hand over plain TCP, because the one who measures must cost less than the one measured.

mod client;
mod connection;
mod drive;
mod pace;
mod prepare;
mod process;
mod proving;
mod script;
mod summary;
#[cfg(test)]
mod tests;
mod token_client;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use url::Url;

use crate::{Failure, Setup};
use drive::Until;
use pace::Pace;
use prepare::Prepared;
use proving::{Frame, Proofs};
use script::Script;
pub use summary::Summary;

/// What to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `POST /v1/check`.
    Check,
    /// `POST /v1/check` with an access token and a DPoP proof of its own each time.
    DpopCheck,
    /// Refreshes of tokens, each with a proof that is signed on the fly.
    DpopRefresh,
    /// `GET /verify/nginx` with an access token and a DPoP proof of its own each time.
    DpopVerify,
    /// `GET` of a page behind a gateway, with the cookie of a bound session.
    Page,
    /// DBSC refreshes, signed on the fly.
    Refresh,
    /// DBSC registrations, each of a new session.
    Register,
    /// Only create and bind sessions.
    Sessions,
    /// `GET` of any plain-http URL, for comparison.
    Url(Url),
    /// `GET /verify/nginx`.
    Verify,
}

impl Kind {
    /// The name on the command line and in the summary.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::DpopCheck => "dpop-check",
            Self::DpopRefresh => "dpop-refresh",
            Self::DpopVerify => "dpop-verify",
            Self::Page => "page",
            Self::Refresh => "refresh",
            Self::Register => "register",
            Self::Sessions => "sessions",
            Self::Url(_) => "url",
            Self::Verify => "verify",
        }
    }
}

/// How much, for how long.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What to ask for.
    pub kind: Kind,
    /// How many sessions to prepare and to spread the questions over.
    pub sessions: usize,
    /// How many connections ask at once.
    pub connections: usize,
    /// For how long.
    pub span: Duration,
    /// Whether each question is asked once, uncounted, before the counting begins.
    pub warm: bool,
    /// How many DPoP proofs to sign beforehand. Each is used once, so the load ends with the last of them.
    pub proofs: usize,
    /// Whether DPoP proofs carry a nonce: they then live as long as it does, and not as long as proofs without one.
    pub nonces: bool,
    /// The server process whose CPU time is counted.
    pub pid: Option<u32>,
    /// What a gateway sends in `Holdfast-Gateway-Secret`.
    pub gateway_secret: Option<String>,
    /// How many questions a second all connections together ask; as many as are answered if nothing is said.
    pub rate: Option<NonZeroU32>,
    /// Another server that is asked what `dpop-verify` asks, with tokens and proofs of this one; the page of `page`.
    pub target: Option<Url>,
    /// Whether each question is asked once more after the load, calmly: a session that lived through it refreshes.
    pub afterwards: bool,
    /// Whether the first refresh of each session is signed before the load begins: signing costs the client as much as
    /// verifying costs the server, which could not be overloaded otherwise.
    pub presigned: bool,
}

/// Prepares the sessions, then asks until the time is over or nothing is left to ask.
pub async fn run(setup: &Setup, plan: &Plan) -> Result<Summary, Failure> {
    if plan.kind == Kind::Sessions {
        return sessions_alone(setup, plan).await;
    }
    let (target, scripts) = scripts(setup, plan).await?;
    if plan.warm {
        warm_up(&target, &scripts).await?;
    }
    let opened = drive::open(&target, scripts).await?;
    let cpu = plan.pid.map(process::cpu_time).transpose()?;
    let started = Instant::now();
    let pace = plan.rate.map(|rate| Pace { started, rate });
    let (tally, scripts) = drive::all(&target, opened, Until::Moment(started + plan.span), pace).await?;
    let (took, cpu) = (started.elapsed(), spent(plan.pid, cpu)?);
    let mut summary = Summary::new(plan.kind.name(), tally, took, cpu);
    if plan.afterwards {
        tokio::time::sleep(REST).await;
        let opened = drive::open(&target, scripts).await?;
        let calm = Some(Pace { started: Instant::now(), rate: CALM });
        let (tally, _scripts) = drive::all(&target, opened, Until::Round, calm).await?;
        summary = summary.with_afterwards(&tally);
    }
    Ok(summary)
}

/// Asks each question once, uncounted, so that what is measured is not the first time of everything.
async fn warm_up(target: &Url, scripts: &[Script]) -> Result<(), Failure> {
    let again: Vec<Script> = scripts.iter().filter_map(Script::again).collect();
    let questions = again.first().map_or(0, Script::questions).div_ceil(again.len().max(1));
    let opened = drive::open(target, again).await?;
    drive::all(target, opened, Until::Questions(questions), None).await.map(|_outcome| ())
}

async fn sessions_alone(setup: &Setup, plan: &Plan) -> Result<Summary, Failure> {
    let cpu = plan.pid.map(process::cpu_time).transpose()?;
    let started = Instant::now();
    let prepared = Prepared::bound(setup, plan).await?;
    let cpu = spent(plan.pid, cpu)?;
    Ok(Summary::new(plan.kind.name(), prepared.tally, started.elapsed(), cpu))
}

/// One script for each connection, and where they connect to.
async fn scripts(setup: &Setup, plan: &Plan) -> Result<(Url, Vec<Script>), Failure> {
    let connections = plan.connections.max(1);
    match &plan.kind {
        Kind::Url(url) => {
            let request = script::get(url)?;
            Ok((url.clone(), Script::fixed(vec![request], connections)))
        }
        Kind::Check | Kind::Sessions => {
            let prepared = Prepared::bound(setup, plan).await?;
            let requests = prepared.clients.iter().map(|client| script::check(setup, client));
            Ok((setup.api.clone(), Script::fixed(requests.collect::<Result<_, _>>()?, connections)))
        }
        Kind::DpopCheck => Ok((setup.api.clone(), proving(setup, plan).await?)),
        Kind::DpopVerify => {
            let target = plan.target.as_ref().unwrap_or(&setup.api);
            Ok((target.clone(), proving(setup, plan).await?))
        }
        Kind::DpopRefresh => {
            let prepared = Prepared::with_tokens(setup, plan).await?;
            Ok((setup.public.clone(), Script::renewing(prepared.token_clients, connections, setup)))
        }
        Kind::Verify => {
            let prepared = Prepared::bound(setup, plan).await?;
            let secret = plan.gateway_secret.as_deref();
            let requests = prepared.clients.iter().map(|client| script::verify(setup, client, secret));
            Ok((setup.api.clone(), Script::fixed(requests.collect::<Result<_, _>>()?, connections)))
        }
        Kind::Page => {
            let target = plan.target.as_ref();
            let target = target.ok_or_else(|| Failure::Usage("`load page` needs a --target".to_owned()))?;
            let prepared = Prepared::bound(setup, plan).await?;
            let requests = prepared.clients.iter().map(|client| script::page(setup, target, client));
            Ok((target.clone(), Script::fixed(requests.collect(), connections)))
        }
        Kind::Refresh => {
            let mut prepared = Prepared::bound(setup, plan).await?;
            if plan.presigned {
                prepared
                    .clients
                    .iter_mut()
                    .try_for_each(|client| client.refresh(setup).map(|_request| ()))?;
            }
            Ok((setup.public.clone(), Script::refreshing(prepared.clients, connections, setup)))
        }
        Kind::Register => {
            let prepared = Prepared::unbound(setup, plan).await?;
            Ok((setup.public.clone(), Script::registering(prepared.clients, connections, setup)))
        }
    }
}

/// Scripts whose proofs are all signed before the first question.
async fn proving(setup: &Setup, plan: &Plan) -> Result<Vec<Script>, Failure> {
    let clients = Prepared::with_tokens(setup, plan).await?.token_clients;
    let (is_gateway, secret) = (plan.kind == Kind::DpopVerify, plan.gateway_secret.as_deref());
    let target = plan.target.as_ref().unwrap_or(&setup.api);
    let frame = |client| {
        if is_gateway { Frame::verify(setup, target, client, secret) } else { Frame::check(setup, client) }
    };
    let frames = clients.iter().map(frame);
    let frames: Arc<[Frame]> = frames.collect::<Result<_, _>>()?;
    let nonce = if plan.nonces { Some(proving::nonce(setup).await?) } else { None };
    let proofs = |count| Proofs::signed(setup, &clients, &frames, nonce.as_deref(), count).map(Arc::new);
    let warm_up = if plan.warm { Some(proofs(clients.len())?) } else { None };
    Ok(Script::proving(&proofs(plan.proofs)?, warm_up.as_ref(), plan.connections.max(1)))
}

fn spent(pid: Option<u32>, before: Option<Duration>) -> Result<Option<Duration>, Failure> {
    let after = pid.map(process::cpu_time).transpose()?;
    Ok(after.zip(before).map(|(after, before)| after.saturating_sub(before)))
}

/// What an overloaded server is given to come to rest.
const REST: Duration = Duration::from_secs(1);

/// Questions a second of a load that is none.
const CALM: NonZeroU32 = NonZeroU32::new(1_000).unwrap();
