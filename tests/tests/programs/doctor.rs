//! `holdfast doctor` in front of gateways with one fault each: it must find that, and nothing else.

use std::collections::BTreeSet;
use std::process::Output;

use anyhow::{Context as _, Result, bail, ensure};
use holdfast_tests::server::{GATEWAY_SECRET, ORIGIN, Stage, TOKEN};
use holdfast_tests::{Authority, HoldfastProcess, Program};
use serde_json::{Value, json};

use crate::faulty_gateway::{Fault, start};

/// A real Holdfast, in front of which gateways come and go.
struct Clinic {
    stage: Stage,
    authority: Authority,
    _server: HoldfastProcess,
}

impl Clinic {
    async fn open() -> Result<Self> {
        let mut stage = Stage::new()?;
        stage.config += "\n[gateways]\ntrusted = [\"127.0.0.1/32\"]\nsecret_file = \"gateway.secret\"\n";
        let authority = Authority::new()?;
        let write = |name: &str, text: String| std::fs::write(stage.path().join(name), text);
        write("gateway.secret", GATEWAY_SECRET.to_owned())?;
        write("app.token", format!("{TOKEN}\n"))?;
        write("ca.pem", authority.certificate())?;
        let server = stage.start().await?;
        Ok(Self { stage, authority, _server: server })
    }

    /// The command, with everything that it can be given.
    async fn examine(&self, fault: Fault) -> Result<Output> {
        self.run(fault, ORIGIN, &["--token-file", "app.token", "--echo", "/headers", "--json"]).await
    }

    async fn run(&self, fault: Fault, url: &str, more: &[&str]) -> Result<Output> {
        let places = (self.stage.api.public_addr(), self.stage.api.internal_addr());
        let site = start(&self.authority, &["shop.example", "www.shop.example"], fault, places).await?;
        let mut command = Program::Holdfast.command()?;
        command.args(["doctor", "--config", "holdfast.toml", "--ca", "ca.pem", "--url", url]);
        command.args(["--connect", &site.address().to_string()]).args(more).current_dir(self.stage.path());
        Ok(tokio::task::spawn_blocking(move || command.output()).await??)
    }

    /// Each fault is found under its name and no other.
    async fn find(&self, faults: &[(Fault, &[&str])]) -> Result<()> {
        let mut wrong = Vec::new();
        for (fault, expected) in faults {
            let output = self.examine(*fault).await?;
            let text = said(&output);
            ensure!(output.status.code() == Some(1), "{fault:?}: {text}");
            for secret in [TOKEN, GATEWAY_SECRET, "__Host-holdfast=", "doctor-forged"] {
                ensure!(!text.contains(secret), "{fault:?} shows {secret}: {text}");
            }
            let ids = ids(&output)?;
            if !ids.iter().eq(expected.iter().collect::<BTreeSet<_>>()) {
                wrong.push(format!("{fault:?}: {ids:?} instead of {expected:?}\n{text}"));
            }
        }
        ensure!(wrong.is_empty(), "{}", wrong.join("\n\n"));
        Ok(())
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

fn report(output: &Output) -> Result<Value> {
    serde_json::from_slice(&output.stdout).with_context(|| said(output))
}

fn ids(output: &Output) -> Result<BTreeSet<String>> {
    let report = report(output)?;
    let findings = report.get("findings").and_then(Value::as_array).context("findings")?;
    Ok(findings.iter().filter_map(|finding| Some(finding.get("id")?.as_str()?.to_owned())).collect())
}

#[tokio::test]
async fn a_sound_gateway_is_well() -> Result<()> {
    let clinic = Clinic::open().await?;
    let output = clinic.examine(Fault::Nothing).await?;
    ensure!(output.status.code() == Some(0), "{}", said(&output));
    let report = report(&output)?;
    ensure!(report["well"] == true && report["not_checked"] == json!([]), "{report}");
    ensure!(report["registered_but_never_refreshes"].is_null(), "{report}");

    // What was not looked at is not well.
    for (more, missing) in
        [(&["--token-file", "app.token"][..], "--echo"), (&["--echo", "/headers"], "--token-file")]
    {
        let output = clinic.run(Fault::Nothing, ORIGIN, more).await?;
        let text = said(&output);
        ensure!(output.status.code() == Some(1), "{text}");
        ensure!(text.contains("NOT CHECKED") && text.contains(missing) && !text.contains("FOUND"), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn what_keeps_browsers_from_refreshing() -> Result<()> {
    let clinic = Clinic::open().await?;
    let faults: &[(Fault, &[&str])] = &[
        (Fault::DbscNotRouted, &["dbsc_not_routed"]),
        (Fault::DbscBehindAuth, &["dbsc_behind_auth"]),
        (Fault::ErrorPages, &["dbsc_answer_replaced"]),
        (Fault::RateLimit, &["dbsc_rate_limited"]),
        (Fault::DropsChallenge, &["dbsc_header_dropped"]),
        (Fault::DropsSessionId, &["dbsc_header_dropped"]),
        (Fault::UnquotesChallenge, &["dbsc_header_damaged"]),
        (Fault::CookieWithoutSecure, &["cookie_changed"]),
        (Fault::CookieWithDomain, &["cookie_changed"]),
        (Fault::CookiesJoined, &["cookie_changed"]),
        (Fault::RewritesOrigin, &["scope_origin_mismatch"]),
    ];
    clinic.find(faults).await?;
    let report = report(&clinic.examine(Fault::ErrorPages).await?)?;
    let told = &report["registered_but_never_refreshes"];
    ensure!(told["causes"] == json!(["dbsc_answer_replaced"]), "{report}");
    ensure!(
        told["explanation"].as_str().is_some_and(|text| text.contains("session.bound without")),
        "{report}"
    );
    let finding = &report["findings"][0];
    ensure!(finding["sent"] == "POST /_holdfast/dbsc/refresh for an unknown session", "{report}");
    ensure!(finding["came"] == "404 text/html" && finding["recipe"] == "location /_holdfast/ {", "{report}");
    Ok(())
}

#[tokio::test]
async fn what_lets_strangers_be_somebody() -> Result<()> {
    let clinic = Clinic::open().await?;
    let faults: &[(Fault, &[&str])] = &[
        (Fault::DoesNotAsk, &["page_unprotected", "identity_header_missing"]),
        (Fault::WrongSecret, &["page_refused"]),
        (Fault::RefusalIsAnError, &["refusal_failing"]),
        (Fault::KeepsIdentity, &["identity_header_forged"]),
        (Fault::HidesAliases, &["identity_header_alias"]),
        (Fault::ForgetsIdentity, &["identity_header_missing"]),
        (Fault::BelievesHost, &["forwarded_believed"]),
        (Fault::BelievesMethod, &["forwarded_believed"]),
        (Fault::BelievesAddress, &["client_address_believed"]),
        (Fault::ForgetsAddress, &["client_address_differs"]),
        (Fault::TellsForwarded, &["forwarded_to_app"]),
        (Fault::PicksACookie, &["duplicate_cookie_hidden"]),
    ];
    clinic.find(faults).await?;
    let report = report(&clinic.examine(Fault::ForgetsIdentity).await?)?;
    ensure!(
        report["findings"][0]["came"] == "the app did not get Holdfast-User, Holdfast-Session",
        "{report}"
    );
    Ok(())
}

#[tokio::test]
async fn what_else_is_wrong() -> Result<()> {
    let clinic = Clinic::open().await?;
    let faults: &[(Fault, &[&str])] = &[
        (Fault::NoHsts, &["hsts_missing"]),
        (Fault::WrongClock, &["clock_skew"]),
        (Fault::DropsNonce, &["dpop_nonce_dropped"]),
        (Fault::DropsAuthenticate, &["dpop_challenge_dropped"]),
        (Fault::DropsAuthorization, &["dpop_challenge_dropped"]),
        (Fault::HandsOnVerify, &["internal_reachable"]),
        (Fault::HandsOnMetrics, &["internal_reachable"]),
        (Fault::SecretToTheApp, &["gateway_secret_leaked"]),
        (Fault::NoMetadata, &["metadata_not_routed"]),
    ];
    clinic.find(faults).await?;

    let other = clinic.run(Fault::Nothing, "https://www.shop.example", &["--json"]).await?;
    ensure!(other.status.code() == Some(1), "{}", said(&other));
    assert_eq!(ids(&other)?, BTreeSet::from(["origin_mismatch".to_owned()]));

    // What earlier days have written.
    let line = |event: &str, reason: Value| {
        let line = json!({ "time": "2026-01-02T03:04:05.000Z", "event": event, "user": "alice", "reason": reason,
            "session": "hs_AAAAAAAAAAAAAAAAAAAAAA", "binding": "hardware" });
        format!("{line}\n")
    };
    let trail = clinic.stage.path().join("audit.jsonl");
    let lines = line("session.bound", Value::Null) + &line("session.denied", json!("cookie_expired"));
    std::fs::write(&trail, std::fs::read_to_string(&trail)? + &lines)?;
    let output = clinic.examine(Fault::Nothing).await?;
    assert_eq!(ids(&output)?, BTreeSet::from(["registered_never_refreshes".to_owned()]));
    Ok(())
}

#[tokio::test]
async fn it_must_be_told_what_it_needs() -> Result<()> {
    let clinic = Clinic::open().await?;
    for (url, more, word) in [
        ("http://shop.example", &[][..], "--url"),
        ("https://shop.example/app", &[], "--url"),
        (ORIGIN, &["--token-file", "nowhere"], "--token-file nowhere"),
        (ORIGIN, &["--echo", "//evil.example"], "--echo"),
        (ORIGIN, &["--page", "x"], "--page"),
        (ORIGIN, &["--api", "localhost"], "--api"),
    ] {
        let output = clinic.run(Fault::Nothing, url, more).await?;
        let text = said(&output);
        ensure!(output.status.code() == Some(2) && text.contains(word), "{url} {more:?}: {text}");
    }
    let no_certificate = ["doctor", "--url", ORIGIN, "--config", "holdfast.toml", "--ca", "app.token"];
    let output = clinic.stage.run(&no_certificate, &[])?;
    ensure!(output.status.code() == Some(2) && said(&output).contains("--ca:"), "{}", said(&output));
    let output = clinic.stage.run(&["doctor", "--url", ORIGIN, "--config", "nowhere.toml"], &[])?;
    ensure!(output.status.code() == Some(2) && said(&output).contains("nowhere.toml"), "{}", said(&output));

    // Nobody is there: that is found, and all the rest is not well.
    let nobody = format!("127.0.0.1:{}", holdfast_tests::free_port()?);
    let output = clinic.stage.run(
        &["doctor", "--url", ORIGIN, "--config", "holdfast.toml", "--connect", &nobody, "--json"],
        &[],
    )?;
    ensure!(output.status.code() == Some(1), "{}", said(&output));
    let report = report(&output)?;
    let [finding] = report["findings"].as_array().context("findings")?.as_slice() else { bail!("{report}") };
    ensure!(finding["id"] == "unreachable" && report["not_checked"][0].is_object(), "{report}");
    Ok(())
}
