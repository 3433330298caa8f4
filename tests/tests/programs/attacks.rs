//! The thief of `client-sim`, with every attack it knows, against keys of every kind.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use client_sim::clock::{Clock, SharedClock, Wait};
use client_sim::key::{Algorithm, KeyMaker, Place};
use client_sim::oauth::Registration;
use client_sim::origin::Origin;
use client_sim::report::Report;
use client_sim::restart::{Restart, Restarting};
use client_sim::thief::{ATTACKS, Attack, DPOP_ATTACKS, play};
use client_sim::{Failure, Setup};
use holdfast_tests::server::{CLIENT, ORIGIN, REDIRECT_URI, Server, Settings, TOKEN};
use holdfast_tests::{Prerequisite, Swtpm, TpmIdentity, require};
use tokio::sync::Mutex;

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

#[tokio::test]
async fn every_attack_on_tokens_of_es256_keys_in_software_is_held() -> Result<()> {
    hold_tokens(KeyMaker { place: Place::Software, algorithms: vec![Algorithm::Es256] }).await
}

#[tokio::test]
async fn every_attack_on_tokens_of_eddsa_keys_in_software_is_held() -> Result<()> {
    hold_tokens(KeyMaker { place: Place::Software, algorithms: vec![Algorithm::EdDsa] }).await
}

#[tokio::test]
async fn every_attack_on_tokens_of_ps256_keys_in_software_is_held() -> Result<()> {
    hold_tokens(KeyMaker { place: Place::Software, algorithms: vec![Algorithm::Ps256] }).await
}

#[tokio::test]
async fn every_attack_on_tokens_of_keys_in_a_tpm_is_held() -> Result<()> {
    let Some(()) = require(&[Prerequisite::Swtpm]) else { return Ok(()) };
    let tpm = Swtpm::start(TpmIdentity::Blank).await?;
    hold_tokens(KeyMaker { place: Place::Tpm(tpm.tcti()), algorithms: vec![Algorithm::Es256] }).await
}

async fn hold(keys: KeyMaker) -> Result<()> {
    let server = Server::with(Settings::default()).await?;
    assert!(ATTACKS.len() >= 19, "the thief has forgotten something");
    hold_all(&setup(&server, keys)?, ATTACKS).await
}

/// The sessions are on disk, since one of these attacks has the server restarted.
async fn hold_tokens(keys: KeyMaker) -> Result<()> {
    let settings = Settings::default().on_disk();
    let server = Server::with(settings.clone()).await?;
    let mut setup = setup(&server, keys)?;
    setup.client =
        Some(Registration { redirect_uri: REDIRECT_URI.to_owned(), ..Registration::public(CLIENT) });
    setup.restart = Some(Arc::new(RestartedServer::new(server, settings)));
    assert!(DPOP_ATTACKS.len() >= 15, "the thief has forgotten something");
    hold_all(&setup, DPOP_ATTACKS).await
}

async fn hold_all(setup: &Setup, attacks: &'static [Attack]) -> Result<()> {
    let mut broken = Vec::new();
    for attack in attacks {
        let report = play(setup, attack).await;
        assert_eq!((report.attack, &report.not_run), (attack.name, &None));
        if !report.held {
            broken.push(report);
        }
    }
    assert!(broken.is_empty(), "{}", told(&broken));
    Ok(())
}

fn setup(server: &Server, keys: KeyMaker) -> Result<Setup> {
    let failed = |failure: Failure| anyhow!("{failure}");
    let public = format!("http://{}", server.public_addr()).parse()?;
    let api = format!("http://{}", server.internal_addr()).parse()?;
    let clock: SharedClock = Arc::new(ServersClock(server.clock()));
    let mut setup = Setup::new(Origin::parse(ORIGIN).map_err(failed)?, public, api, TOKEN.to_owned(), clock);
    setup.keys = keys;
    setup.audit = Some(AsRef::<Path>::as_ref(&server.audit_path()).to_owned());
    Ok(setup)
}

/// The server, which the thief can have restarted. It comes back at the addresses where it was.
struct RestartedServer {
    server: Mutex<Option<Server>>,
    settings: Settings,
}

impl RestartedServer {
    fn new(server: Server, settings: Settings) -> Self {
        let settings = settings
            .set("public.listen", &server.public_addr().to_string())
            .set("internal.listen", &server.internal_addr().to_string());
        Self { server: Mutex::new(Some(server)), settings }
    }
}

impl Restart for RestartedServer {
    fn restart(&self) -> Restarting<'_> {
        Box::pin(async {
            let mut server = self.server.lock().await;
            let running = server.take().ok_or(Failure::Usage("the server did not come back".to_owned()))?;
            let restarted = running.restart_with(self.settings.clone()).await;
            *server = Some(restarted.map_err(|why| Failure::network("restarting the server", why))?);
            Ok(())
        })
    }
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

fn told(reports: &[Report]) -> String {
    let mut text = Vec::new();
    for report in reports {
        let _written = report.tell(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}
