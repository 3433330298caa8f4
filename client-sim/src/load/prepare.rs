//! Sessions for a load, made through the real endpoints, several at once.

use std::sync::Arc;

use super::Plan;
use super::client::Client;
use super::connection::Connection;
use super::drive::Tally;
use super::token_client::TokenClient;
use crate::encoding::random_text;
use crate::{Failure, Setup};

/// Sessions that are ready to be used, and what making them took.
pub(super) struct Prepared {
    pub(super) clients: Vec<Client>,
    pub(super) token_clients: Vec<TokenClient>,
    pub(super) tally: Tally,
}

/// How far a session is brought.
#[derive(Clone, Copy)]
enum Wanted {
    Bound,
    Tokens,
    Unbound,
}

impl Prepared {
    /// Created and bound.
    pub(super) async fn bound(setup: &Setup, plan: &Plan) -> Result<Self, Failure> {
        Self::make(setup, plan, Wanted::Bound).await
    }

    /// Created, with an offer that nobody has taken yet.
    pub(super) async fn unbound(setup: &Setup, plan: &Plan) -> Result<Self, Failure> {
        Self::make(setup, plan, Wanted::Unbound).await
    }

    /// Sessions of OAuth clients that have redeemed their codes.
    pub(super) async fn with_tokens(setup: &Setup, plan: &Plan) -> Result<Self, Failure> {
        Self::make(setup, plan, Wanted::Tokens).await
    }

    fn empty() -> Self {
        Self { clients: Vec::new(), token_clients: Vec::new(), tally: Tally::default() }
    }

    async fn make(setup: &Setup, plan: &Plan, wanted: Wanted) -> Result<Self, Failure> {
        let workers = plan.connections.clamp(1, WORKERS);
        let run = random_text()?;
        let setup = Arc::new(setup.clone());
        let tasks: Vec<_> = (0..workers)
            .map(|worker| {
                let numbers: Vec<usize> = (worker..plan.sessions).step_by(workers).collect();
                tokio::spawn(several(Arc::clone(&setup), run.clone(), numbers, wanted))
            })
            .collect();
        let mut prepared = Self::empty();
        for task in tasks {
            let part = task.await.map_err(|error| Failure::network("preparing sessions", error))??;
            prepared.clients.extend(part.clients);
            prepared.token_clients.extend(part.token_clients);
            prepared.tally.add(part.tally);
        }
        Ok(prepared)
    }
}

async fn several(
    setup: Arc<Setup>,
    run: String,
    numbers: Vec<usize>,
    wanted: Wanted,
) -> Result<Prepared, Failure> {
    let mut api = Connection::open(&setup.api).await?;
    let mut public = match wanted {
        Wanted::Bound | Wanted::Tokens => Some(Connection::open(&setup.public).await?),
        Wanted::Unbound => None,
    };
    let mut prepared = Prepared::empty();
    for number in numbers {
        let started = std::time::Instant::now();
        // A user of its own for each session: otherwise `max_per_user` would end the earlier ones.
        let user = format!("load-{run}-{number}");
        if let (Wanted::Tokens, Some(public)) = (wanted, &mut public) {
            prepared.token_clients.push(TokenClient::create(&setup, &mut api, public, &user).await?);
            prepared.tally.count(200, started.elapsed());
            continue;
        }
        let (mut client, mut status) = Client::create(&setup, &mut api, &user).await?;
        if let Some(public) = &mut public {
            let head = public.exchange(&client.registration(&setup)?).await?;
            client.read(&setup, public, head);
            status = head.status;
        }
        prepared.tally.count(status, started.elapsed());
        prepared.clients.push(client);
    }
    Ok(prepared)
}

/// Connections that prepare at once; more would only wait for the same server.
const WORKERS: usize = 16;
