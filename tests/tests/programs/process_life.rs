//! How the program starts and stops, and what it says when it cannot.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use holdfast_tests::server::{AuditFile, Stage, TOKEN};
use holdfast_tests::{HoldfastProcess, ProcessGroup, Program};
use reqwest::Method;
use serde_json::json;

/// SIGTERM: sessions, their last use, their confirmation and the audit trail are all written.
#[tokio::test]
async fn a_stopped_server_loses_nothing() -> Result<()> {
    let mut stage = Stage::new()?;
    let server = stage.start().await?;
    let login = stage.api.login("alice").await?;
    let bound = stage.api.bind_login(&login).await?;
    // The use of a session is told to the second of a real clock.
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(stage.api.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
    let before = stage.api.session(&bound.id).await?;
    assert!(before.at("/last_seen_at") != before.at("/created_at"));
    assert_eq!(server.stop().await?.code(), Some(0));

    let audit = AuditFile::new(stage.path().join("audit.jsonl"));
    for (event, count) in [("session.created", 1), ("session.bound", 1), ("session.checked", 1)] {
        assert_eq!(audit.named(event).len(), count, "{event}");
    }
    let server = stage.start().await?;
    assert_eq!(stage.api.session(&bound.id).await?.json(), before.json());
    assert_eq!(stage.api.check(&login.cookie).await?.verdict(), ("deny", "cookie_superseded"));
    assert!(server.stop().await?.success());
    Ok(())
}

/// A request that has begun is finished, not cut off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_server_finishes_what_it_has_begun() -> Result<()> {
    let mut stage = Stage::new()?;
    let server = stage.start().await?;
    let api = stage.api.clone();
    let logins = tokio::spawn(async move {
        let mut told = Vec::new();
        // Whoever was not answered has no session to miss.
        while let Ok(login) = api.login("alice").await {
            told.push(login);
        }
        told
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(server.stop().await?.success());
    let told = logins.await?;
    let server = stage.start().await?;
    assert!(!told.is_empty());
    for login in told {
        assert_eq!(stage.api.check(&login.cookie).await?.verdict(), ("allow", "ok"));
    }
    server.kill()?;
    Ok(())
}

#[tokio::test]
async fn one_store_has_one_server() -> Result<()> {
    let mut stage = Stage::new()?;
    let server = stage.start().await?;
    let other = Stage::new()?;
    let data = stage.path().join("data").display().to_string();
    let second = other.run(&["serve", "--config", "holdfast.toml"], &[("HOLDFAST__STORE__PATH", &data)])?;
    says(&second, 1, &["store.path", &data]);
    assert_eq!(stage.api.login("alice").await?.answer.status, 201, "the first is not disturbed");
    server.kill()?;
    Ok(())
}

#[tokio::test]
async fn a_taken_port_is_told() -> Result<()> {
    let mut stage = Stage::new()?;
    let server = stage.start().await?;
    for (key, address) in [("public", stage.api.public_addr()), ("internal", stage.api.internal_addr())] {
        let other = Stage::new()?;
        let name = format!("HOLDFAST__{}__LISTEN", key.to_uppercase());
        let second = other.run(&["serve", "--config", "holdfast.toml"], &[(&name, &address.to_string())])?;
        says(&second, 1, &[&format!("{key}.listen"), &address.to_string()]);
        assert!(!other.path().join("data").exists(), "it looks for the sockets first");
    }
    server.kill()?;
    Ok(())
}

#[tokio::test]
async fn wrong_configurations_are_told_with_their_place() -> Result<()> {
    let good = Stage::new()?;
    assert_eq!(good.run(&["check-config", "--config", "holdfast.toml"], &[])?.status.code(), Some(0));
    assert!(
        !good.path().join("data").exists() && !good.path().join("root.key").exists(),
        "a look changes nothing"
    );
    for (from, to, words) in [
        ("tls = \"off\"", "tls = \"on\"", &["holdfast.toml:", "public.tls"][..]),
        ("kind = \"sled\"", "kind = \"postgres\"", &["holdfast.toml:", "store.kind"]),
        ("[session]", "[session]\nidle = \"30\"", &["holdfast.toml:", "session.idle"]),
        ("[session]", "[session]\nidel = \"30m\"", &["holdfast.toml:", "session.idel"]),
        ("[session]", "[session]\nunbound = \"perhaps\"", &["holdfast.toml:", "session.unbound"]),
        ("[session]", "[session", &["holdfast.toml:"]),
        ("https://shop.example", "http://shop.example", &["holdfast.toml:", "apps.0.origin"]),
        ("https://shop.example", "https://shop.example/", &["holdfast.toml:", "apps.0.origin"]),
    ] {
        let mut stage = Stage::new()?;
        stage.config = stage.config.replacen(from, to, 1);
        for command in ["check-config", "serve"] {
            says(&stage.run(&[command, "--config", "holdfast.toml"], &[])?, 2, words);
        }
    }
    says(&good.run(&["serve", "--config", "absent.toml"], &[])?, 2, &["absent.toml"]);
    says(&good.run(&["serve"], &[])?, 2, &["--config"]);
    says(&good.run(&["frobnicate"], &[])?, 2, &["frobnicate"]);
    Ok(())
}

#[tokio::test]
async fn a_sink_keeps_off_the_trail() -> Result<()> {
    let mut stage = Stage::new()?;
    stage.config.push_str("\n[[audit.sinks]]\nname = \"siem\"\nkind = \"file\"\npath = \"./audit.jsonl\"\n");
    for command in ["check-config", "serve"] {
        let output = stage.run(&[command, "--config", "holdfast.toml"], &[])?;
        says(&output, 2, &["audit.sinks.0.path", "is the file of audit.file"]);
    }
    assert!(!stage.path().join("audit.jsonl").exists());
    Ok(())
}

#[tokio::test]
async fn a_start_warns_of_what_check_config_warns_of() -> Result<()> {
    let mut stage = Stage::new()?;
    stage.config = stage.config.replacen("[session]", "[session]\nsoft_lock = true", 1);
    stage.config.push_str(
        "\n[[audit.sinks]]\nname = \"siem\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:9/\"\nsecret_file = \"sink.secret\"\n",
    );
    let secret = stage.path().join("sink.secret");
    std::fs::write(&secret, "0123456789abcdef0123456789abcdef")?;
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644))?;
    let warnings = [
        "apps.0.step_up_url: this is missing, and users of ".to_owned(),
        format!("audit.sinks.0.secret_file: {} can be read by everybody", secret.display()),
    ];
    let checked = spoken(&stage.run(&["check-config", "--config", "holdfast.toml"], &[])?);
    let server = stage.start().await?;
    // The log is written beside the answers, and is whole when the server has ended.
    let log = server.log_at_its_end().await?;
    for warning in &warnings {
        // The relative name is what the server was given.
        let warning = warning.replace(&format!("{}/", stage.path().display()), "");
        let (before, after) = warning.split_once(": ").unwrap_or_default();
        for said in [&checked, &log] {
            assert!(said.contains(before) && said.contains(after), "{warning}: {said}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn secrets_that_are_none_are_refused() -> Result<()> {
    for (text, words) in [
        ("", "64 hex digits"),
        ("xyz", "64 hex digits"),
        (&"a".repeat(63), "64 hex digits"),
        (&"g".repeat(64), "64 hex digits"),
        (&"0".repeat(64), "nothing but zeros in line 1"),
        (&format!("{0}\n{0}\n", "ab".repeat(32)), "line 2 a key that stands above it"),
    ] {
        let stage = Stage::new()?;
        let file = stage.path().join("root.key");
        std::fs::write(&file, text)?;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
        for command in ["check-config", "serve"] {
            let output = stage.run(&[command, "--config", "holdfast.toml"], &[])?;
            says(&output, 2, &["secrets.root_key_file", words]);
            assert!(text.len() < 10 || !spoken(&output).contains(text), "a secret is not repeated");
        }
    }
    // A folder cannot be read, not even by root.
    let stage = Stage::new()?;
    std::fs::create_dir(stage.path().join("root.key"))?;
    says(&stage.run(&["serve", "--config", "holdfast.toml"], &[])?, 2, &["secrets.root_key_file"]);
    Ok(())
}

#[tokio::test]
async fn a_root_key_is_made_once_for_its_owner_alone() -> Result<()> {
    let mut stage = Stage::new()?;
    let server = stage.start().await?;
    let file = stage.path().join("root.key");
    let made = std::fs::read_to_string(&file)?;
    assert!(made.trim().len() == 64 && made.trim().bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(std::fs::metadata(&file)?.permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(stage.path().join("audit.jsonl"))?.permissions().mode() & 0o777, 0o600);
    server.kill()?;
    let server = stage.start().await?;
    assert_eq!(std::fs::read_to_string(&file)?, made);
    server.kill()?;
    Ok(())
}

#[tokio::test]
async fn variables_win_over_the_file() -> Result<()> {
    let stage = Stage::new()?;
    let check =
        |variables: &[(&str, &str)]| stage.run(&["check-config", "--config", "holdfast.toml"], variables);
    assert_eq!(
        check(&[("HOLDFAST__SESSION__IDLE", "30m"), ("HOLDFAST_UNRELATED", "x")])?.status.code(),
        Some(0)
    );
    for (name, value) in [
        ("HOLDFAST__SESSION__IDLE", "soon"),
        ("HOLDFAST__SESSION__IDEL", "30m"),
        ("HOLDFAST__STORE__KIND", "x"),
        ("HOLDFAST__APPS__0__ORIGIN", "shop"),
        ("HOLDFAST__APPS__7__NAME", "x"),
        ("HOLDFAST__DBSC__ALGORITHMS", "none"),
        ("HOLDFAST____X", "1"),
    ] {
        says(&check(&[(name, value)])?, 2, &[&format!("environment variable {name}")]);
    }
    Ok(())
}

#[tokio::test]
async fn a_new_token_comes_with_its_line() -> Result<()> {
    let mut stage = Stage::new()?;
    let output = stage.run(&["new-token"], &[])?;
    assert_eq!(output.status.code(), Some(0));
    let words = String::from_utf8(output.stdout)?;
    let token = words.lines().next().context("no token")?.trim().to_owned();
    let line = words.lines().find(|line| line.starts_with("token_sha256 = \"")).context("no line")?;
    let old =
        stage.config.lines().find(|line| line.starts_with("token_sha256")).context("no app")?.to_owned();
    stage.config = stage.config.replacen(&old, line, 1);
    let server = stage.start().await?;
    let call = |token: &str| {
        stage.api.with_token(token, Method::POST, "/v1/sessions").json(&json!({ "user": "alice" })).send()
    };
    call(&token).await?.expect(201)?;
    call(TOKEN).await?.expect(401)?;
    server.kill()?;
    let again = String::from_utf8(stage.run(&["new-token"], &[])?.stdout)?;
    assert!(!again.contains(&token));
    Ok(())
}

/// A disk that takes no more bytes: nothing new is promised, nobody is blamed, and who is in stays in.
#[tokio::test]
async fn a_full_disk_is_our_trouble_alone() -> Result<()> {
    let mut stage = Stage::new()?;
    let server = stage.start().await?;
    let (login, bound) = (stage.api.login("alice").await?, stage.api.bind("bob").await?);
    server.stop().await?;
    let server = start_with_small_files(&stage).await?;

    let mut failed = None;
    for number in 0..50_000 {
        let body = json!({ "user": format!("user-{number}"), "attributes": { "x": "y".repeat(3000) } });
        let answer = stage.api.app(Method::POST, "/v1/sessions").json(&body).send().await?;
        assert!(matches!(answer.status, 201 | 503), "{}", answer.text);
        if answer.status == 503 {
            failed = Some(answer);
            break;
        }
    }
    let failed = failed.context("the disk was never full")?;
    assert!(failed.is_problem() && failed.header("retry-after").is_some(), "{}", failed.text);
    let answer = stage.api.refresh(&bound.id, Some(&bound.device.refresh(&bound.challenge))).await?;
    assert!(matches!(answer.status, 200 | 503), "a 4xx would end the browser's session: {}", answer.text);
    for cookie in [&login.cookie, &bound.cookie] {
        assert_eq!(stage.api.check(cookie).await?.verdict(), ("allow", "ok"));
    }
    assert!(!server.has_exited()?);
    server.finish()?;

    let server = stage.start().await?;
    assert_eq!(stage.api.check(&login.cookie).await?.verdict(), ("allow", "ok"));
    server.kill()?;
    Ok(())
}

/// Starts the server under a limit on the size of files, which answers further writes as a full disk does. SIGXFSZ is
/// ignored, as on a machine whose disk is full there is no signal either.
async fn start_with_small_files(stage: &Stage) -> Result<ProcessGroup> {
    let script = "trap '' XFSZ; ulimit -f 4096; exec \"$0\" serve --config holdfast.toml";
    let log = std::fs::File::create(stage.path().join("full.log"))?;
    let group = ProcessGroup::start(
        Command::new("bash")
            .args(["-c", script])
            .arg(Program::Holdfast.path()?)
            .current_dir(stage.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log),
    )?;
    for _ in 0..1500 {
        let ready = stage.api.internal(Method::GET, "/readyz").send().await;
        if ready.is_ok_and(|answer| answer.status == 200) {
            return Ok(group);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    anyhow::bail!("not ready: {}", std::fs::read_to_string(stage.path().join("full.log"))?)
}

/// A program that crashed in its first moment would look like one that is not ready.
#[tokio::test]
async fn a_server_that_cannot_write_its_audit_file_does_not_start() -> Result<()> {
    let stage = Stage::new()?;
    std::fs::create_dir(stage.path().join("audit.jsonl"))?;
    let status = HoldfastProcess::spawn(stage.path(), &stage.config)?.ends().await?;
    assert_eq!(status.code(), Some(2));
    Ok(())
}

/// The exit code, and words that must be in what was said: one short text, not a backtrace.
fn says(output: &Output, code: i32, words: &[&str]) {
    let text = spoken(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
    assert!(!text.contains("panicked") && text.lines().count() < 15, "{text}");
}

fn spoken(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
