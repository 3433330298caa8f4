//! The software TPM of the harness: it starts, keeps its state over a power cut, and ends.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use holdfast_tests::{Prerequisite, Swtpm, TpmIdentity, require, run_to_end};

#[tokio::test]
async fn state_outlives_a_power_cut() -> Result<()> {
    let Some(()) = require(&[Prerequisite::Swtpm, Prerequisite::Tpm2Tools]) else { return Ok(()) };
    let scratch = tempfile::tempdir()?;
    let tpm = Swtpm::start(TpmIdentity::Blank).await?;
    make_persistent_key(&tpm, scratch.path())?;
    let before = public_key(&tpm)?;

    let tpm = tpm.restart().await?;

    assert_eq!(public_key(&tpm)?, before);
    Ok(())
}

#[tokio::test]
async fn two_tpms_are_strangers() -> Result<()> {
    let Some(()) = require(&[Prerequisite::Swtpm, Prerequisite::Tpm2Tools]) else { return Ok(()) };
    let scratch = tempfile::tempdir()?;
    let (one, other) = (Swtpm::start(TpmIdentity::Blank).await?, Swtpm::start(TpmIdentity::Blank).await?);
    make_persistent_key(&one, scratch.path())?;
    make_persistent_key(&other, scratch.path())?;

    assert_ne!(public_key(&one)?, public_key(&other)?);
    Ok(())
}

#[tokio::test]
async fn a_certified_tpm_carries_its_certificate() -> Result<()> {
    let Some(()) = require(&[Prerequisite::SwtpmSetup, Prerequisite::Tpm2Tools]) else { return Ok(()) };
    let tpm = Swtpm::start(TpmIdentity::Certified).await?;

    let indices = tpm2(&tpm, "tpm2_getcap", &["handles-nv-index"])?;

    assert!(indices.contains(RSA_EK_CERTIFICATE), "{indices}");
    assert!(tpm.authorities()?.iter().all(|authority| authority.contains("BEGIN CERTIFICATE")));
    Ok(())
}

/// A storage root key where the TCG says that it belongs.
fn make_persistent_key(tpm: &Swtpm, scratch: &Path) -> Result<()> {
    let context = scratch.join("srk.ctx").display().to_string();
    tpm2(
        tpm,
        "tpm2_createprimary",
        &["--hierarchy", "o", "--key-algorithm", "ecc", "--key-context", &context],
    )?;
    tpm2(tpm, "tpm2_evictcontrol", &["--hierarchy", "o", "--object-context", &context, STORAGE_ROOT_KEY])?;
    Ok(())
}

fn public_key(tpm: &Swtpm) -> Result<String> {
    tpm2(tpm, "tpm2_readpublic", &["--object-context", STORAGE_ROOT_KEY])
}

fn tpm2(tpm: &Swtpm, tool: &str, arguments: &[&str]) -> Result<String> {
    run_to_end(Command::new(tool).args(arguments).env("TPM2TOOLS_TCTI", tpm.tcti()))
}

const STORAGE_ROOT_KEY: &str = "0x81000001";
const RSA_EK_CERTIFICATE: &str = "0x1C00002";
