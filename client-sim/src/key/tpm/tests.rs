//! TPM keys against a real software TPM, started for the test.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use super::super::{Algorithm, DeviceKey, KeyMaker, Place};
use super::*;
use crate::wire::dpop::{self, Claims};

struct Swtpm {
    process: Child,
    tcti: String,
}

impl Drop for Swtpm {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[tokio::test]
async fn a_tpm_key_signs_many_times_and_survives_a_restart() {
    let state = tempfile::tempdir().unwrap();
    let Some(swtpm) = start(state.path()).await else { return };
    let maker = KeyMaker { place: Place::Tpm(swtpm.tcti.clone()), algorithms: vec![Algorithm::Es256] };
    let key = maker.make(Algorithm::Es256).await.unwrap();
    // More signatures than the TPM has slots: a handle that stays loaded would be noticed.
    for _ in 0..8 {
        assert_verifies(&key, &key.sign(b"message").await.unwrap());
    }
    assert!(maker.make(Algorithm::Rs256).await.is_err());
    let saved = key.saved().unwrap();
    drop(swtpm);

    let Some(again) = start(state.path()).await else { return };
    let SavedKey::Tpm { public, private, .. } = saved else { panic!("a TPM key") };
    let saved = SavedKey::Tpm { tcti: again.tcti.clone(), public, private };
    let restored = DeviceKey::restore(&saved).await.unwrap();
    assert_eq!(restored.jwk(), key.jwk());
    assert_verifies(&key, &restored.sign(b"message").await.unwrap());
}

#[tokio::test]
async fn a_tpm_key_signs_dpop_proofs() {
    let state = tempfile::tempdir().unwrap();
    let Some(swtpm) = start(state.path()).await else { return };
    let maker = KeyMaker { place: Place::Tpm(swtpm.tcti.clone()), algorithms: vec![Algorithm::Es256] };
    let key = maker.make_preferred().await.unwrap();
    let url = url::Url::parse("https://shop.example/account").unwrap();
    let claims = Claims::new(&http::Method::GET, &url, Duration::ZERO).unwrap().for_token("token");
    let proof = dpop::proof(&key, &claims).await.unwrap();
    let (input, signature) = proof.rsplit_once('.').unwrap();
    assert_signs(&key, input.as_bytes(), &from_base64url(signature).unwrap());
}

#[tokio::test]
async fn another_tpm_cannot_use_the_blobs() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(swtpm) = start(one.path()).await else { return };
    let key = DeviceKey::in_tpm(swtpm.tcti.clone(), Algorithm::Es256).await.unwrap();
    let SavedKey::Tpm { public, private, .. } = key.saved().unwrap() else { panic!("a TPM key") };
    let Some(stranger) = start(other.path()).await else { return };
    let stolen = SavedKey::Tpm { tcti: stranger.tcti.clone(), public, private };
    assert!(DeviceKey::restore(&stolen).await.unwrap().sign(b"message").await.is_err());
}

#[test]
fn short_numbers_are_padded_on_the_left() {
    let padded_one = padded(&[7]).unwrap();
    assert_eq!((padded_one[0], padded_one[31]), (0, 7));
    assert!(padded(&[1; 33]).is_err());
}

fn assert_verifies(key: &DeviceKey, signature: &[u8]) {
    assert_signs(key, b"message", signature);
}

fn assert_signs(key: &DeviceKey, message: &[u8], signature: &[u8]) {
    let Jwk::Ec { x, y, .. } = key.jwk() else { panic!("an EC key") };
    let point = [vec![4], from_base64url(x).unwrap(), from_base64url(y).unwrap()].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).unwrap();
    assert!(key.public_der().unwrap().ends_with(&from_base64url(y).unwrap()));
}

/// A software TPM with its state in `directory`; nothing, and a note about it, where none is installed.
async fn start(directory: &Path) -> Option<Swtpm> {
    let port = two_free_ports();
    let process = Command::new("swtpm")
        .args(["socket", "--tpm2", "--flags", "startup-clear,not-need-init"])
        .arg("--tpmstate")
        .arg(format!("dir={}", directory.display()))
        .args(["--server", &format!("type=tcp,port={port}")])
        .args(["--ctrl", &format!("type=tcp,port={}", port + 1)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let process = match process {
        Ok(process) => process,
        Err(error) => {
            skip(&format!("swtpm does not start: {error}"));
            return None;
        }
    };
    let swtpm = Swtpm { process, tcti: format!("swtpm:host=127.0.0.1,port={port}") };
    // Only the control port is tried: a connection to the other one would take the TPM away from its user.
    for _ in 0..100 {
        if std::net::TcpStream::connect(("127.0.0.1", port + 1)).is_ok() {
            return Some(swtpm);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("swtpm does not listen");
}

/// The TCTI expects the control port right after the other one.
fn two_free_ports() -> u16 {
    for _ in 0..100 {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
    panic!("no two ports in a row are free");
}

/// A skipped test is written down where somebody counts them, and is a failure where nothing may be skipped.
#[expect(clippy::disallowed_methods, reason = "tests are told about their surroundings by the environment")]
fn skip(reason: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "nothing is skipped here: {reason}");
    println!("SKIPPED: {reason}");
    if let Ok(path) = std::env::var("HOLDFAST_SKIPS") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        writeln!(file, "client-sim tpm: {reason}").unwrap();
    }
}
