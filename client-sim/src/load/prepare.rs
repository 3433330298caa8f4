//! Sessions for a load, made through the real endpoints, several at once.

use std::sync::Arc;

use super::Plan;
use super::client::Client;
use super::connection::Connection;
use super::drive::Tally;
use crate::encoding::random_text;
use crate::{Failure, Setup};

/// Sessions that are ready to be used, and what making them took.
pub(super) struct Prepared {
    pub(super) clients: Vec<Client>,
    pub(super) tally: Tally,
}

impl Prepared {
    /// Created and bound.
    pub(super) async fn bound(setup: &Setup, plan: &Plan) -> Result<Self, Failure> {
        Self::make(setup, plan, true).await
    }

    /// Created, with an offer that nobody has taken yet.
    pub(super) async fn unbound(setup: &Setup, plan: &Plan) -> Result<Self, Failure> {
        Self::make(setup, plan, false).await
    }

    async fn make(setup: &Setup, plan: &Plan, bind: bool) -> Result<Self, Failure> {
        let workers = plan.connections.clamp(1, WORKERS);
        let run = random_text()?;
        let setup = Arc::new(setup.clone());
        let tasks: Vec<_> = (0..workers)
            .map(|worker| {
                let numbers: Vec<usize> = (worker..plan.sessions).step_by(workers).collect();
                tokio::spawn(several(Arc::clone(&setup), run.clone(), numbers, bind))
            })
            .collect();
        let mut prepared = Self { clients: Vec::with_capacity(plan.sessions), tally: Tally::default() };
        for task in tasks {
            let part = task.await.map_err(|error| Failure::network("preparing sessions", error))??;
            prepared.clients.extend(part.clients);
            prepared.tally.add(part.tally);
        }
        Ok(prepared)
    }
}

async fn several(
    setup: Arc<Setup>,
    run: String,
    numbers: Vec<usize>,
    bind: bool,
) -> Result<Prepared, Failure> {
    let mut api = Connection::open(&setup.api).await?;
    let mut public = if bind { Some(Connection::open(&setup.public).await?) } else { None };
    let mut prepared = Prepared { clients: Vec::new(), tally: Tally::default() };
    for number in numbers {
        let started = std::time::Instant::now();
        // A user of its own for each session: otherwise `max_per_user` would end the earlier ones.
        let (mut client, mut status) =
            Client::create(&setup, &mut api, &format!("load-{run}-{number}")).await?;
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
