//! A proof that was already used: right away, many times at once, later, and after a restart.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tokio::sync::Barrier;

use crate::Failure;
use crate::app::{App, Decision};
use crate::http::Request;
use crate::thief::token_trial::{TokenTrial, is_refusal};

/// The owner's last request, word for word, once more.
pub(in crate::thief) async fn once(trial: &mut TokenTrial<'_>) -> Result<(), Failure> {
    trial.redeem().await?;
    trial.report.had("the access token, and the proof of the owner's last request");
    let request = trial.stolen(Some(&trial.last_proof()?))?;
    trial.show_refused("sent the owner's request again", &request, &["invalid_dpop_proof"]).await?;
    let mut elsewhere = request;
    elsewhere.url.set_query(Some("another=1"));
    let did = "sent it again with another query, which no proof covers";
    trial.show_refused(did, &elsewhere, &["invalid_dpop_proof"]).await
}

/// Held up on its way, and then sent on 64 connections at the same moment.
pub(in crate::thief) async fn at_once(trial: &mut TokenTrial<'_>) -> Result<(), Failure> {
    trial.redeem().await?;
    trial.report.had("the access token, and a proof of the owner's that was never used");
    let request = trial.stolen(Some(&trial.owners_proof().await?))?;
    let decisions = all_at_once(trial.resource()?, &request).await?;
    let allowed = decisions.iter().filter(|decision| decision.allows()).count();
    let refused = decisions.iter().filter(|decision| is_refusal(decision, &["invalid_dpop_proof"])).count();
    trial.report.step(
        format!("sent the same proof on {COPIES} connections at once"),
        format!("{allowed} allowed, {refused} refused as replays"),
    );
    trial.report.finding(allowed == 1, "exactly one passes");
    trial.report.finding(refused == COPIES.saturating_sub(1), "all others are refused as replays");
    Ok(())
}

/// Every second, from the first use until long after the proof is stale. It is dated ahead as far as is accepted; if the
/// server wants nonces from everybody, it has one and lives as long as that.
pub(in crate::thief) async fn after_its_life(trial: &mut TokenTrial<'_>) -> Result<(), Failure> {
    trial.redeem().await?;
    let request = ahead(trial).await?;
    let (age, skew) = (trial.setup.proof_age, trial.setup.proof_skew);
    let has_nonce = trial.owners_claims()?.nonce.is_some();
    let life = if has_nonce { trial.setup.nonce_life } else { age.saturating_add(skew).saturating_add(skew) };
    let needed = life.saturating_add(SLACK);
    if needed > trial.setup.max_wait {
        let (needed, allowed) = (needed.as_secs(), trial.setup.max_wait.as_secs());
        trial.not_run(format!("this must wait {needed} s; --max-wait allows {allowed} s"));
        return Ok(());
    }
    trial.report.had("the access token, and a proof of the owner's that is dated ahead and used right away");
    let first = trial.show("watched the owner use it", &request).await?;
    trial.report.finding(first.allows(), "the first use is the owner's");

    let started = trial.now();
    let (mut tries, mut allowed) = (0_usize, 0_usize);
    while trial.now().saturating_sub(started) < needed {
        trial.setup.clock.wait(STEP).await;
        tries = tries.saturating_add(1);
        allowed = allowed.saturating_add(usize::from(trial.resource()?.check(&request).await?.allows()));
    }
    let span = trial.now().saturating_sub(started).as_secs();
    trial.report.step(
        format!("sent it again every second for {span} s"),
        format!("allowed {allowed} times of {tries}"),
    );
    trial.report.finding(allowed == 0, "it is refused as long as it is fresh, and when it is stale");
    Ok(())
}

/// What was used, and what was kept for this moment.
pub(in crate::thief) async fn after_restart(trial: &mut TokenTrial<'_>) -> Result<(), Failure> {
    let Some(restart) = trial.setup.restart.clone() else {
        trial.not_run("only you can restart the server: say how with --restart-command or --restart-by-hand");
        return Ok(());
    };
    trial.redeem().await?;
    trial.report.had("the access token, two proofs that the owner used, and one that was never used");
    let used = trial.stolen(Some(&trial.last_proof()?))?;
    let dated_ahead = ahead(trial).await?;
    let first = trial.show("watched the owner use a proof that is dated ahead", &dated_ahead).await?;
    trial.report.finding(first.allows(), "the first use is the owner's");
    let kept = trial.stolen(Some(&trial.owners_proof().await?))?;

    restart.restart().await?;
    ready(trial.resource()?).await?;
    trial.report.step("waited for the server to restart", "it answers again");
    if trial.resource()?.session(&trial.code.session).await?.is_none() {
        trial.not_run("the server has lost its sessions: it must keep them on disk for this");
        return Ok(());
    }
    let errors = &["use_dpop_nonce", "invalid_dpop_proof"];
    for (did, request) in [
        ("sent the used proof again", &used),
        ("sent the proof again that is dated ahead", &dated_ahead),
        ("sent the proof from before that was never used", &kept),
    ] {
        trial.show_refused(did, request, errors).await?;
    }
    Ok(())
}

/// A request with a proof that is dated ahead, as far as clocks may be off, and has the longest life of all.
async fn ahead(trial: &TokenTrial<'_>) -> Result<Request, Failure> {
    let mut claims = trial.owners_claims()?;
    claims.iat = claims.iat.saturating_add(trial.setup.proof_skew.as_secs().saturating_sub(1));
    trial.stolen(Some(&trial.owner.prove(&claims).await?))
}

/// The same question from many tasks. Each opens its connection first and then waits for the others.
async fn all_at_once(app: &App, request: &Request) -> Result<Vec<Decision>, Failure> {
    let barrier = Arc::new(Barrier::new(COPIES));
    let warm_up = Request::new(Method::GET, request.url.clone());
    let tasks: Vec<_> = (0..COPIES)
        .map(|_| {
            let (app, barrier) = (app.clone(), Arc::clone(&barrier));
            let (warm_up, request) = (warm_up.clone(), request.clone());
            tokio::spawn(async move {
                let opened = app.check(&warm_up).await;
                // Nobody may stay away from the barrier, or the others would wait for ever.
                barrier.wait().await;
                opened?;
                app.check(&request).await
            })
        })
        .collect();
    let mut decisions = Vec::with_capacity(COPIES);
    for task in tasks {
        decisions.push(task.await.map_err(|error| Failure::network("asking 64 times", error))??);
    }
    Ok(decisions)
}

/// Waits in real time until the server answers, because that time is real.
async fn ready(app: &App) -> Result<(), Failure> {
    for _ in 0..READY_TRIES {
        if app.is_ready().await {
            return Ok(());
        }
        tokio::time::sleep(READY_STEP).await;
    }
    Err(Failure::Network("the server does not answer after its restart".to_owned()))
}

/// As in the issue: 64 equal proofs.
const COPIES: usize = 64;

/// Between two tries.
const STEP: Duration = Duration::from_secs(1);

/// Beyond the last second at which the proof could be taken.
const SLACK: Duration = Duration::from_secs(10);

const READY_STEP: Duration = Duration::from_millis(100);

/// Half a minute in all.
const READY_TRIES: usize = 300;
