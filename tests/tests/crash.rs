//! The real program, killed in the middle of its work: what it has acknowledged is there afterwards.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use holdfast_tests::server::{Api, Bound, Device, Login, Stage};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// What a client was told, and may rely on.
#[derive(Default)]
struct Told {
    created: Vec<Login>,
    bound: Vec<(Bound, u64)>,
    revoked: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_remembers_what_it_said() -> Result<()> {
    let mut stage = Stage::new()?;
    let told = Arc::new(Mutex::new(Told::default()));
    for cycle in 0..cycles() {
        let server = stage.start().await?;
        check_all(&stage.api, &told).await.with_context(|| format!("after {cycle} crashes"))?;
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let (api, told) = (stage.api.clone(), Arc::clone(&told));
            clients.spawn(async move {
                // The first error is the crash.
                while work(&api, &told, number).await.is_ok() {}
            });
        }
        // Kill at another moment in each cycle: real time is the point here.
        tokio::time::sleep(Duration::from_millis(150 + 97 * cycle)).await;
        server.kill()?;
        while clients.join_next().await.is_some() {}
    }
    let server = stage.start().await?;
    check_all(&stage.api, &told).await?;
    let told = told.lock().await;
    assert!(told.created.len() > 20 && told.revoked.len() > 5, "the clients have hardly begun");
    assert!(told.bound.iter().any(|(_, proofs)| *proofs > 1), "nobody has refreshed");
    drop(told);
    assert!(server.stop().await?.success());
    Ok(())
}

/// One life: log in, bind, refresh a few times, and sometimes end.
async fn work(api: &Api, told: &Mutex<Told>, number: usize) -> Result<()> {
    let login = api.login(&format!("user-{number}")).await?;
    told.lock().await.created.push(login.clone());
    if number.is_multiple_of(3) {
        api.revoke(&login.id).await?;
        told.lock().await.revoked.push(login.id);
        return Ok(());
    }
    let device = Device::new()?;
    let answer = api.register(&device.registration(&login.offer)).await?.expect(200)?;
    let mut bound = Bound::read(&login.id, device, &answer)?;
    let mut proofs = 1;
    for _ in 0..3 {
        let before = (bound.cookie.clone(), bound.challenge.clone());
        // An answer that was lost may still have moved the session on.
        let renewed = api.renew(&mut bound).await;
        if renewed.is_err() {
            (bound.cookie, bound.challenge) = before;
            told.lock().await.bound.push((bound, proofs));
            return renewed.map(|_| ());
        }
        proofs += 1;
    }
    told.lock().await.bound.push((bound, proofs));
    Ok(())
}

async fn check_all(api: &Api, told: &Mutex<Told>) -> Result<()> {
    let mut told = told.lock().await;
    for id in &told.revoked {
        let session = api.session(id).await?.expect(200)?;
        assert_eq!(session.text_at("/state")?, "ended", "{id} was revoked");
    }
    for login in &told.created {
        api.session(&login.id).await?.expect(200).with_context(|| format!("{} was created", login.id))?;
        if told.revoked.contains(&login.id) {
            assert_eq!(api.check(&login.cookie).await?.verdict().0, "deny", "{} was revoked", login.id);
        }
    }
    for (bound, proofs) in &mut told.bound {
        let session = api.session(&bound.id).await?.expect(200)?;
        assert_eq!(
            session.text_at("/binding/key_thumbprint")?,
            bound.device.thumbprint(),
            "{} was bound",
            bound.id
        );
        let remembered = session.at("/binding/proofs").as_u64().unwrap_or(0);
        assert!(
            (*proofs..=*proofs + 1).contains(&remembered),
            "{}: {remembered} of {proofs} proofs",
            bound.id
        );
        if session.text_at("/state")? == "active" && *proofs < 6 {
            // The device goes on where it was, or is asked once more.
            let proof = bound.device.refresh(&bound.challenge);
            let mut answer = api.refresh(&bound.id, Some(&proof)).await?;
            if let Some(challenge) = answer.challenge(&bound.id).filter(|_| answer.status == 403) {
                answer = api.refresh(&bound.id, Some(&bound.device.refresh(&challenge))).await?;
            }
            bound.take(&answer.expect(200)?)?;
            assert_eq!(api.check(&bound.cookie).await?.verdict(), ("allow", "ok"), "{}", bound.id);
            let session = api.session(&bound.id).await?;
            *proofs = session.at("/binding/proofs").as_u64().context("proofs")?;
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a soak of this one test is asked for by its own variable")]
fn cycles() -> u64 {
    std::env::var("HOLDFAST_CRASH_CYCLES").ok().and_then(|count| count.parse().ok()).unwrap_or(5)
}

const CLIENTS: usize = 8;
