//! A configuration that is loaded anew: nobody loses a request, and a bad one changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use holdfast_tests::server::{
    AuditFile, GATEWAY_SECRET, ORIGIN, OTHER_TOKEN, Server, Settings, Stage, TOKEN,
};
use reqwest::Method;

/// Logins, registrations, refreshes and checks by eight at a time, while the configuration changes forty times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_while_the_configuration_changes() -> Result<()> {
    // One session asks more often here than any browser does, and the clock stands still, so that nothing is given back.
    let settings = || Settings::default().on_disk().set("limits.session_burst", "1000000");
    let server = Server::with(settings()).await?;
    let (stopping, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let api = holdfast_tests::server::Api::at(server.public_addr(), server.internal_addr());
            let (stopping, served) = (Arc::clone(&stopping), Arc::clone(&served));
            tokio::spawn(async move {
                let api = api?;
                let mut bound = api.bind(&format!("user-{worker}")).await?;
                while !stopping.load(Ordering::Relaxed) {
                    api.renew(&mut bound).await?;
                    let verdict = api.check(&bound.cookie).await?;
                    anyhow::ensure!(verdict.verdict() == ("allow", "ok"), "{}", verdict.text);
                    served.fetch_add(2, Ordering::Relaxed);
                }
                Ok::<_, anyhow::Error>(())
            })
        })
        .collect();
    for round in 0..40 {
        let before = served.load(Ordering::Relaxed);
        let idle = format!("{}m", 30 + round);
        server.reload(settings().set("session.idle", &idle)).await?;
        // Each configuration serves somebody.
        while served.load(Ordering::Relaxed) < before + 10
            && !workers.iter().any(|worker| worker.is_finished())
        {
            tokio::task::yield_now().await;
        }
    }
    stopping.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await??;
    }
    assert_eq!(reloads(&server, "ok").await?, 40);
    Ok(())
}

#[tokio::test]
async fn a_bad_configuration_changes_nothing_and_is_told() -> Result<()> {
    let server = Server::with(Settings::default().behind_gateways()).await?;
    let bound = server.bind("alice").await?;
    let good = Settings::default().behind_gateways();
    let mut refused = 0;
    for (settings, says) in [
        (good.clone().set("session.idle", "soon"), "session.idle"),
        (good.clone().set("sesion.idle", "1h"), "sesion"),
        (good.clone().set("secrets.root_key_file", "absent.key"), "secrets.root_key_file"),
        (good.clone().set("gateways.secret_file", "absent.secret"), "gateways.secret_file"),
        (
            good.clone().set("public.tls.cert", "absent.pem").set("public.tls.key", "absent.pem"),
            "public.tls.cert",
        ),
        (
            good.clone()
                .set("issuers.0.issuer", "https://id.example")
                .set("issuers.0.jwks_file", "absent.json"),
            "absent.json",
        ),
        (good.clone().set("audit.file", "absent/audit.jsonl"), "audit.file"),
        (
            good.clone()
                .set("audit.sinks.0.name", "siem")
                .set("audit.sinks.0.kind", "file")
                .set("audit.sinks.0.path", "./audit.jsonl"),
            "is the file of audit.file",
        ),
        (good.clone().set("public.listen", "127.0.0.1:9"), "public.listen: this cannot change"),
        (good.clone().set("internal.listen", "127.0.0.1:9"), "internal.listen: this cannot change"),
        (good.clone().on_disk(), "store: this cannot change"),
    ] {
        let told = server.reload(settings).await.err().context(says)?.to_string();
        assert!(told.contains(says), "{says}: {told}");
        refused += 1;
        assert_eq!(server.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
    }
    assert!(!server.folder().join("absent.key").exists(), "no root key is made while the server runs");
    let rejected = server.audit().wait_for("config.rejected", refused).await?;
    let detail = rejected.first().and_then(|event| event.get("detail")?.as_str()).context("no detail")?;
    assert!(detail.contains("session.idle"), "{detail}");
    assert_eq!(reloads(&server, "failed").await?, u64::try_from(refused)?);
    assert_eq!(reloads(&server, "ok").await?, 0);
    server.reload(good.set("session.idle", "2h")).await?;
    assert_eq!(server.audit().wait_for("config.loaded", 2).await?.len(), 2);
    Ok(())
}

/// How a gateway with this secret is answered about nobody.
async fn ask_with(server: &Server, secret: &str) -> Result<u16> {
    let call = server.internal(Method::GET, "/verify/nginx").header("holdfast-gateway-secret", secret);
    let call = call.header("x-original-method", "GET").header("x-original-url", &format!("{ORIGIN}/"));
    Ok(call.send().await?.status)
}

#[tokio::test]
async fn a_rotated_gateway_secret_holds_from_the_next_request() -> Result<()> {
    let settings = Settings::default().behind_gateways();
    let server = Server::with(settings.clone()).await?;
    let ask = async |secret: &str| ask_with(&server, secret).await;
    assert_eq!(ask(GATEWAY_SECRET).await?, 401);
    std::fs::write(server.folder().join("gateway.secret"), "another-secret-of-gateways")?;
    assert_eq!(ask(GATEWAY_SECRET).await?, 401, "not before it is loaded");
    server.reload(settings).await?;
    assert_eq!((ask(GATEWAY_SECRET).await?, ask("another-secret-of-gateways").await?), (403, 401));
    Ok(())
}

#[tokio::test]
async fn while_the_gateway_secret_is_changed_the_former_one_is_taken_too() -> Result<()> {
    let settings = Settings::default().behind_gateways();
    let server = Server::with(settings.clone()).await?;
    let ask = async |secret: &str| ask_with(&server, secret).await;
    let next = "another-secret-of-gateways";
    let write = |text: &str| std::fs::write(server.folder().join("gateway.secret"), text);
    write(&format!("{next}\n{GATEWAY_SECRET}\n"))?;
    server.reload(settings.clone()).await?;
    assert_eq!((ask(GATEWAY_SECRET).await?, ask(next).await?), (401, 401));
    assert_eq!(ask(&format!("{next}{GATEWAY_SECRET}")).await?, 403);
    for (text, says) in [
        (format!("{next}\n{next}"), "the same secret twice"),
        (format!("{next}\n{GATEWAY_SECRET}\na-third-secret-of-gateways"), "must hold one line"),
        (format!("{next}\n\n{GATEWAY_SECRET}"), "must hold one line"),
        (format!("{next}\nformer secret of gateways"), "must hold one line"),
        (format!("{next}\n#2026-11"), "must hold one line"),
        (String::new(), "must hold one line"),
    ] {
        write(&text)?;
        let refused = server.reload(settings.clone()).await;
        assert!(refused.is_err_and(|error| format!("{error:?}").contains(says)), "{text:?}");
        assert_eq!((ask(GATEWAY_SECRET).await?, ask(next).await?), (401, 401), "what was in force still is");
    }
    write(&format!("{next}\n"))?;
    server.reload(settings).await?;
    assert_eq!((ask(GATEWAY_SECRET).await?, ask(next).await?), (403, 401));
    Ok(())
}

/// What was remembered is not forgotten: proofs that were seen, nonces, and how much somebody has asked.
#[tokio::test]
async fn what_was_remembered_is_not_forgotten() -> Result<()> {
    let settings = Settings::default().behind_gateways();
    let strict = settings.clone().set("limits.address_rate", "1").set("limits.address_burst", "1");
    let server = Server::with(strict.clone()).await?;
    server.advance(120);
    let granted = server.grant("alice").await?;
    let proof = server.proof(&granted);
    assert_eq!(server.call(&granted, &proof).await?.verdict(), ("allow", "ok"));
    let stranger = async || {
        let call = server.public(Method::GET, "/_holdfast/jwks").header("x-forwarded-for", "203.0.113.7");
        Ok::<_, anyhow::Error>(call.send().await?.status)
    };
    assert_eq!((stranger().await?, stranger().await?), (200, 429));
    server.reload(strict.set("session.idle", "2h")).await?;
    assert_eq!(server.call(&granted, &proof).await?.verdict(), ("deny", "invalid_dpop_proof"));
    assert_eq!(stranger().await?, 429);
    server.rotate(&granted, &granted.refresh_token).await?.expect(200)?;
    server.reload(settings).await?;
    assert_eq!((stranger().await?, stranger().await?), (200, 200), "other limits begin anew");
    Ok(())
}

/// logrotate moves the file away and sends SIGHUP.
#[tokio::test]
async fn an_audit_file_that_was_moved_away_is_begun_anew() -> Result<()> {
    let server = Server::start().await?;
    server.login("alice").await?;
    server.audit().wait_for("session.created", 1).await?;
    let aside = server.folder().join("audit.jsonl.1");
    std::fs::rename(server.audit_path(), &aside)?;
    server.login("bob").await?;
    AuditFile::new(aside.clone()).wait_for("session.created", 2).await?;
    server.reload(Settings::default()).await?;
    server.login("carol").await?;
    let created = server.audit().wait_for("session.created", 1).await?;
    assert_eq!(created.len(), 1);
    assert_eq!(AuditFile::new(aside).named("session.created").len(), 2);
    Ok(())
}

/// The program itself, told by a signal.
#[tokio::test]
async fn at_sighup_the_file_is_read_again() -> Result<()> {
    let mut stage = Stage::new()?;
    let server = stage.start().await?;
    let audit = AuditFile::new(stage.path().join("audit.jsonl"));
    let login = stage.api.login("alice").await?;
    let other = async |stage: &Stage| {
        let body = serde_json::json!({ "user": "mallory" });
        let call = stage.api.with_token(OTHER_TOKEN, Method::POST, "/v1/sessions").json(&body);
        Ok::<_, anyhow::Error>(call.send().await?.status)
    };
    assert_eq!(other(&stage).await?, 201);

    let file = stage.path().join("holdfast.toml");
    std::fs::write(&file, stage.config.replace("[session]", "[sesion]"))?;
    server.hang_up()?;
    audit.wait_for("config.rejected", 1).await?;
    // The log is written by another thread than the audit trail.
    for _ in 0..500 {
        if server.log().contains("sesion") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(server.log().contains("the configuration was not loaded: holdfast.toml:"), "{}", server.log());
    assert_eq!(stage.api.check(&login.cookie).await?.verdict(), ("allow", "ok"));

    // A living session whose app has another name for a while: its browser keeps it, and nobody is told of it.
    let bound = stage.api.bind("alice").await?;
    let refresh = async |stage: &Stage| {
        let call = stage.api.public(Method::POST, "/_holdfast/dbsc/refresh");
        Ok::<_, anyhow::Error>(call.header("sec-secure-session-id", &bound.id).send().await?.status)
    };
    assert_eq!(refresh(&stage).await?, 403);
    std::fs::write(
        &file,
        stage
            .config
            .replace("name = \"shop\"", "name = \"moved\"")
            .replace("app = \"shop\"", "app = \"moved\""),
    )?;
    server.hang_up()?;
    audit.wait_for("config.loaded", 2).await?;
    assert_eq!(refresh(&stage).await?, 503);
    let own = stage.api.public(Method::GET, "/_holdfast/session").cookie(&bound.cookie).send().await?;
    assert_eq!(own.status, 401);
    std::fs::write(&file, &stage.config)?;
    server.hang_up()?;
    audit.wait_for("config.loaded", 3).await?;
    assert_eq!(refresh(&stage).await?, 403);

    // The app "other" is gone, and its audience with it.
    let from = stage.config.find("[[apps]]\nname = \"other\"").context("other")?;
    let to = stage.config.get(from..).and_then(|rest| rest.find("[[clients]]")).context("clients")? + from;
    let mut config = stage.config.clone();
    config.replace_range(from..to, "");
    std::fs::write(&file, config)?;
    server.hang_up()?;
    audit.wait_for("config.loaded", 4).await?;
    assert_eq!(other(&stage).await?, 401, "an app that was removed is refused");
    assert_eq!(stage.api.check(&login.cookie).await?.verdict(), ("allow", "ok"));
    let answer = stage.api.with_token(TOKEN, Method::GET, "/v1/sessions").send().await?;
    assert_eq!(answer.status, 200);
    assert!(server.stop().await?.success(), "it stops as before");
    Ok(())
}

async fn reloads(server: &Server, outcome: &str) -> Result<u64> {
    server.metric(&format!("holdfast_config_reloads_total{{outcome=\"{outcome}\"}}")).await
}
