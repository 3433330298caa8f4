//! The root key rotates by command, and nobody is logged out.

use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result};
use holdfast_tests::HoldfastProcess;
use holdfast_tests::server::{AuditFile, COOKIE, Device, ORIGIN, Proof, Stage, TOKEN_URL};
use reqwest::Method;
use serde_json::{Value, json};

const ROTATE: [&str; 3] = ["rotate-root-key", "--config", "holdfast.toml"];

#[tokio::test]
async fn a_rotated_root_key_logs_nobody_out() -> Result<()> {
    let mut stage = Stage::new()?;
    let server = stage.start().await?;
    let mut bound = stage.api.bind("alice").await?;
    let login = stage.api.login("bob").await?;
    let (device, granted) = grant(&stage).await?;
    let assertion = assertion(&stage, &bound.cookie).await?;

    let output = stage.run(&ROTATE, &[])?;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(words.contains("SIGHUP") && words.contains("kept: 1"), "{words}");
    let file = stage.path().join("root.key");
    let text = std::fs::read_to_string(&file)?;
    assert_eq!(std::fs::metadata(&file)?.permissions().mode() & 0o777, 0o600);
    let lines: Vec<_> = text.lines().collect();
    let [new, old] = lines.as_slice() else { panic!("not two lines") };
    assert!(new.len() == 64 && old.contains("# retired 20"), "the former key says since when");
    assert!(!words.contains(new) && !words.contains(old.get(..64).context("short")?));
    taken(&stage, &server, 2).await?;

    // What the former key has sealed and signed is as good as before.
    assert_eq!(stage.api.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
    assert_eq!(stage.api.check(&login.cookie).await?.verdict(), ("allow", "ok"));
    stage.api.renew(&mut bound).await?;
    assert_eq!(stage.api.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
    stage.api.bind_login(&login).await?;
    let proof = Proof::new(&device, "POST", TOKEN_URL, now()?).sign(&device);
    let refreshed = stage.api.refresh_token(granted.text_at("/refresh_token")?, &proof).await?;
    assert_eq!(refreshed.status, 200, "{}", refreshed.text);
    let token = granted.text_at("/access_token")?;
    let proof = Proof::new(&device, "GET", &format!("{ORIGIN}/orders"), now()?).over(token).sign(&device);
    assert_eq!(stage.api.check_token(&format!("DPoP {token}"), &[&proof]).await?.verdict(), ("allow", "ok"));
    // An app that has the former assertion finds its key, and new ones are signed by another.
    let keys = stage.api.public(Method::GET, "/_holdfast/jwks").send().await?.text;
    let fresh = self::assertion(&stage, &bound.cookie).await?;
    assert_ne!(kid(&assertion)?, kid(&fresh)?);
    assert!(keys.contains(&kid(&assertion)?) && keys.contains(&kid(&fresh)?), "{keys}");
    // And a restart finds both keys again.
    server.stop().await?;
    let server = stage.start().await?;
    stage.api.renew(&mut bound).await?;
    server.kill()?;
    Ok(())
}

#[tokio::test]
async fn a_forgotten_key_opens_nothing_any_more() -> Result<()> {
    let mut stage = Stage::new()?;
    let server = stage.start().await?;
    let login = stage.api.login("alice").await?;
    let assertion = assertion(&stage, &login.cookie).await?;
    let keep = stage.run(&[&ROTATE[..], &["--forget-older-than", "24h"]].concat(), &[])?;
    assert!(String::from_utf8_lossy(&keep.stdout).contains("kept: 1; forgotten: 0"));
    taken(&stage, &server, 2).await?;
    assert_eq!(stage.api.check(&login.cookie).await?.verdict(), ("allow", "ok"));
    let forget = stage.run(&[&ROTATE[..], &["--forget-older-than", "0s"]].concat(), &[])?;
    let words = String::from_utf8_lossy(&forget.stdout).into_owned();
    assert!(words.contains("kept: 0; forgotten: 2") && words.contains("log in again"), "{words}");
    taken(&stage, &server, 3).await?;
    assert_eq!(stage.api.check(&login.cookie).await?.verdict(), ("deny", "bad_cookie"));
    let keys = stage.api.public(Method::GET, "/_holdfast/jwks").send().await?.text;
    assert!(!keys.contains(&kid(&assertion)?));
    server.kill()?;
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_rotated_is_told_and_stays() -> Result<()> {
    let mut stage = Stage::new()?;
    let absent = stage.run(&ROTATE, &[])?;
    assert_eq!(absent.status.code(), Some(1));
    assert!(!stage.path().join("root.key").exists(), "making the first one is the server's affair");
    stage.start().await?.stop().await?;
    let file = stage.path().join("root.key");
    let before = std::fs::read_to_string(&file)?;
    std::fs::write(stage.path().join("root.key.new"), "")?;
    let busy = stage.run(&ROTATE, &[])?;
    assert_eq!(busy.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&busy.stderr).contains("another rotation"));
    std::fs::remove_file(stage.path().join("root.key.new"))?;
    assert_eq!(std::fs::read_to_string(&file)?, before);
    std::fs::write(&file, format!("{before}not a key\n"))?;
    let broken = stage.run(&ROTATE, &[])?;
    assert_eq!(broken.status.code(), Some(1));
    let words = String::from_utf8_lossy(&broken.stderr).into_owned();
    assert!(words.contains("line 2") && !words.contains(before.trim()), "{words}");
    for slip in [
        &["rotate-root-key"][..],
        &["rotate-root-key", "--config", "holdfast.toml", "--forget-older-than", "soon"],
    ] {
        assert_eq!(stage.run(slip, &[])?.status.code(), Some(2), "{slip:?}");
    }
    Ok(())
}

/// Sends SIGHUP, and waits until so many configurations were loaded.
async fn taken(stage: &Stage, server: &HoldfastProcess, loaded: usize) -> Result<()> {
    server.hang_up()?;
    AuditFile::new(stage.path().join("audit.jsonl")).wait_for("config.loaded", loaded).await?;
    Ok(())
}

async fn grant(stage: &Stage) -> Result<(Device, holdfast_tests::server::Answer)> {
    let code = stage.api.authorize("carol", json!({})).await?.expect(201)?;
    let device = Device::new()?;
    let proof = Proof::new(&device, "POST", TOKEN_URL, now()?).sign(&device);
    let mut granted = stage.api.redeem(code.text_at("/code")?, &proof).await?;
    if granted.status == 400 {
        // A server that was just started wants to see a nonce.
        let nonce = granted.header("dpop-nonce").context(granted.text.clone())?;
        let proof = Proof::new(&device, "POST", TOKEN_URL, now()?).claim("nonce", nonce).sign(&device);
        granted = stage.api.redeem(code.text_at("/code")?, &proof).await?;
    }
    Ok((device, granted.expect(200)?))
}

async fn assertion(stage: &Stage, cookie: &str) -> Result<String> {
    let question = json!({ "headers": [["Cookie", format!("{COOKIE}={cookie}")]] });
    let answer = stage.api.ask(question).await?;
    let headers: Vec<(String, String)> = serde_json::from_value(answer.at("/request_headers").clone())?;
    let found = headers.into_iter().find(|(name, _)| name == "Holdfast-Assertion");
    Ok(found.context("no assertion")?.1)
}

fn kid(jwt: &str) -> Result<String> {
    use base64::Engine as _;
    let header = jwt.split('.').next().context("no JWT")?;
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header)?;
    let header: Value = serde_json::from_slice(&header)?;
    Ok(header.get("kid").and_then(Value::as_str).context("no kid")?.to_owned())
}

fn now() -> Result<u64> {
    Ok(holdfast::Clock::system().now().as_secs())
}
