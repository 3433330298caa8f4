//! The thief of `client-sim`, with every attack it knows, against keys of every kind.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use client_sim::Setup;
use client_sim::clock::{Clock, SharedClock, Wait};
use client_sim::key::{Algorithm, KeyMaker, Place};
use client_sim::origin::Origin;
use client_sim::thief::{ATTACKS, play};
use holdfast_tests::server::{ORIGIN, Server, Settings, TOKEN};
use holdfast_tests::{Prerequisite, Swtpm, TpmIdentity, require};

#[tokio::test]
async fn every_attack_on_es256_keys_in_software_is_held() -> Result<()> {
    hold(KeyMaker { place: Place::Software, algorithms: vec![Algorithm::Es256] }).await
}

#[tokio::test]
async fn every_attack_on_rs256_keys_in_software_is_held() -> Result<()> {
    hold(KeyMaker { place: Place::Software, algorithms: vec![Algorithm::Rs256] }).await
}

#[tokio::test]
async fn every_attack_on_keys_in_a_tpm_is_held() -> Result<()> {
    let Some(()) = require(&[Prerequisite::Swtpm]) else { return Ok(()) };
    let tpm = Swtpm::start(TpmIdentity::Blank).await?;
    hold(KeyMaker { place: Place::Tpm(tpm.tcti()), algorithms: vec![Algorithm::Es256] }).await
}

async fn hold(keys: KeyMaker) -> Result<()> {
    let server = Server::with(Settings::default()).await?;
    let setup = setup(&server, keys)?;
    let mut broken = Vec::new();
    for attack in ATTACKS {
        let report = play(&setup, attack).await;
        assert_eq!(report.attack, attack.name);
        if !report.held {
            broken.push(report);
        }
    }
    assert!(ATTACKS.len() >= 19, "the thief has forgotten something");
    assert!(broken.is_empty(), "{}", told(&broken));
    Ok(())
}

fn setup(server: &Server, keys: KeyMaker) -> Result<Setup> {
    let failed = |failure: client_sim::Failure| anyhow!("{failure}");
    let public = format!("http://{}", server.public_addr()).parse()?;
    let api = format!("http://{}", server.internal_addr()).parse()?;
    let clock: SharedClock = Arc::new(ServersClock(server.clock()));
    let mut setup = Setup::new(Origin::parse(ORIGIN).map_err(failed)?, public, api, TOKEN.to_owned(), clock);
    setup.keys = keys;
    setup.audit = Some(AsRef::<Path>::as_ref(&server.audit_path()).to_owned());
    Ok(setup)
}

/// The clock of the server, which jumps when the thief waits.
struct ServersClock(holdfast::Clock);

impl Clock for ServersClock {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.now().as_millis())
    }

    fn wait(&self, span: Duration) -> Wait<'_> {
        self.0.advance(span);
        Box::pin(std::future::ready(()))
    }
}

fn told(reports: &[client_sim::report::Report]) -> String {
    let mut text = Vec::new();
    for report in reports {
        let _written = report.tell(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}
