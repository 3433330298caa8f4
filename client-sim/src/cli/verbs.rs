//! One function a verb.

use std::io::Write;

use serde::Serialize;
use serde_json::{Value, json};

use super::Shown;
use super::options::Options;
use crate::Failure;
use crate::app::{Decision, login_url};
use crate::browser::{Browser, Page, Refresh, Visit};
use crate::http::Answer;
use crate::load::{self, Plan};
use crate::oauth::{Client, Happening, Outcome};
use crate::state::Memory;
use crate::thief::{self, ATTACKS, DPOP_ATTACKS};

/// Logs in and registers. Shown when the session ended up bound.
pub(super) async fn login(options: &Options, out: &mut dyn Write) -> Result<Shown, Failure> {
    let mut browser = browser(options).await?;
    let url = login_url(&options.setup.origin, &options.user)?;
    let page = browser.visit(Visit::form(url)).await?;
    let account = browser.visit(Visit::typed(options.setup.origin.at("/account")?)).await?;
    keep(options, &browser)?;
    let decision = decision(&account.answer);
    let level = decision.as_ref().and_then(|decision| decision.session.as_ref()).map(|s| s.binding.clone());
    let bound = level.is_some_and(|binding| binding.method == "dbsc") && !browser.sessions().is_empty();
    if options.json {
        print(out, &summary(&page, &browser, &decision))?;
    } else {
        line(out, &format!("logged in as {}: {}", options.user, page.answer.status))?;
        tell(out, &browser, &decision)?;
        line(out, if bound { "the session is bound to a key of this browser" } else { "NOT BOUND" })?;
    }
    Ok(bound)
}

/// Opens a page. Shown when it was not refused.
pub(super) async fn get(options: &Options, target: &str, out: &mut dyn Write) -> Result<Shown, Failure> {
    let mut browser = browser(options).await?;
    let page = browser.visit(Visit::typed(options.setup.origin.at(target)?)).await?;
    keep(options, &browser)?;
    let decision = decision(&page.answer);
    if options.json {
        print(out, &summary(&page, &browser, &decision))?;
    } else {
        line(out, &format!("{} {}", page.answer.status, page.url))?;
        tell(out, &browser, &decision)?;
        if decision.is_none() {
            line(out, &page.answer.text())?;
        }
    }
    Ok(page.answer.status < 400)
}

/// Logs in as an OAuth client and redeems the code. Shown when the tokens are bound to the client's key.
pub(super) async fn token(options: &Options, out: &mut dyn Write) -> Result<Shown, Failure> {
    let mut memory = Memory::load(&options.state)?;
    let key = options.setup.keys.make_preferred().await?;
    let mut client = options.setup.oauth_client(CLIENT_IP, key)?;
    let code = client.log_in(&options.user).await?;
    let outcome = client.redeem(&code).await?;
    if outcome == Outcome::Granted {
        memory.client = client.memory()?;
        memory.save(&options.state)?;
    }
    let thumbprint = client.key().jwk().thumbprint()?;
    let grant = client.grant().ok();
    let bound = grant.is_some_and(|grant| grant.unverified_key().as_ref() == Some(&thumbprint));
    if options.json {
        print(
            out,
            &json!({
                "session": code.session,
                "granted": outcome == Outcome::Granted,
                "bound": bound,
                "algorithm": client.key().algorithm().name(),
                "key_thumbprint": thumbprint,
                "scope": grant.and_then(|grant| grant.scope.clone()),
                "expires_at": grant.map(|grant| grant.expires_at),
                "happenings": client.happenings(),
            }),
        )?;
    } else {
        line(out, &format!("{} got a code for session {}", options.user, code.session))?;
        tell_happenings(out, client.happenings())?;
        let scope = grant.and_then(|grant| grant.scope.as_deref()).filter(|scope| !scope.is_empty());
        let scope = scope.map_or_else(|| "no scope".to_owned(), |scope| format!("scope `{scope}`"));
        match &outcome {
            Outcome::Granted => line(out, &format!("  tokens with {scope}, kept in the state file"))?,
            Outcome::Refused(refusal) => line(out, &format!("  refused: {refusal}"))?,
        }
        let key = format!("{} key {thumbprint}", client.key().algorithm().name());
        line(
            out,
            &if bound { format!("the tokens are bound to the {key}") } else { "NOT BOUND".to_owned() },
        )?;
    }
    Ok(bound)
}

/// Opens a page with an access token and a proof. Shown when it was not refused.
pub(super) async fn get_with_token(
    options: &Options,
    target: &str,
    out: &mut dyn Write,
) -> Result<Shown, Failure> {
    let mut memory = Memory::load(&options.state)?;
    let mut client = client(options, &memory).await?.ok_or_else(|| Failure::Usage(NO_TOKENS.to_owned()))?;
    let url = options.setup.origin.at(target)?;
    let answer = client.get(&url).await;
    // Whatever came of the page: a refresh token that was used up on the way is no good any more.
    memory.client = client.memory()?;
    memory.save(&options.state)?;
    let answer = answer?;
    let decision = decision(&answer);
    let body = if decision.is_none() { Some(answer.text()) } else { None };
    if options.json {
        let (status, url, happenings) = (answer.status, url.as_str(), client.happenings());
        let summary = json!({
            "status": status, "url": url, "decision": decision, "body": body, "happenings": happenings,
        });
        print(out, &summary)?;
    } else {
        line(out, &format!("{} {url}", answer.status))?;
        tell_happenings(out, client.happenings())?;
        tell_decision(out, &decision)?;
        body.map_or(Ok(()), |body| line(out, &body))?;
    }
    Ok(answer.status < 400)
}

/// Refreshes every bound session, and the tokens. Shown when all were renewed, and there was something to renew.
pub(super) async fn refresh(options: &Options, out: &mut dyn Write) -> Result<Shown, Failure> {
    let mut browser = browser(options).await?;
    let ids: Vec<String> = browser.sessions().iter().map(|session| session.id().to_owned()).collect();
    let mut memory = Memory::load(&options.state)?;
    let mut client = client(options, &memory).await?;
    let mut renewed = !ids.is_empty() || client.is_some();
    for id in &ids {
        renewed &= browser.refresh(id).await? == Refresh::Done;
    }
    keep(options, &browser)?;
    if let Some(client) = &mut client {
        renewed &= client.refresh().await? == Outcome::Granted;
        memory = Memory { client: client.memory()?, ..browser.memory()? };
        memory.save(&options.state)?;
    }
    let tokens = client.as_ref().map_or(&[][..], Client::happenings);
    if options.json {
        let happenings = browser.happenings();
        print(out, &json!({ "renewed": renewed, "happenings": happenings, "token_happenings": tokens }))?;
    } else {
        tell(out, &browser, &None)?;
        tell_happenings(out, tokens)?;
        line(out, if renewed { "renewed" } else { "NOT RENEWED: log in first, or see above" })?;
    }
    Ok(renewed)
}

/// Plays attacks, one after another.
pub(super) async fn attack(
    options: &Options,
    names: &[String],
    out: &mut dyn Write,
) -> Result<Shown, Failure> {
    let mut reports = Vec::new();
    for attack in thief::select(&options.setup, names)? {
        let report = thief::play(&options.setup, attack).await;
        if !options.json {
            report.tell(out).and_then(|()| out.flush()).map_err(unwritten)?;
        }
        reports.push(report);
    }
    let held = reports.iter().filter(|report| report.held).count();
    let not_run: Vec<&str> = reports.iter().filter(|r| r.not_run.is_some()).map(|r| r.attack).collect();
    let played = reports.len().saturating_sub(not_run.len());
    if options.json {
        print(out, &json!({ "held": held, "played": played, "not_run": not_run, "attacks": reports }))?;
    } else {
        let but = if not_run.is_empty() { "" } else { "; NOT RUN: " };
        line(out, &format!("{held} of {played} held{but}{}", not_run.join(", ")))?;
    }
    let asked_in_vain = names.iter().any(|name| not_run.contains(&name.as_str()));
    Ok(held == played && !asked_in_vain)
}

/// Lists the attacks.
pub(super) fn list_attacks(options: &Options, out: &mut dyn Write) -> Result<Shown, Failure> {
    if options.json {
        let list = ATTACKS
            .iter()
            .chain(DPOP_ATTACKS)
            .map(|attack| json!({ "name": attack.name, "promise": attack.promise }));
        print(out, &list.collect::<Vec<Value>>())?;
    } else {
        for attack in ATTACKS.iter().chain(DPOP_ATTACKS) {
            line(out, &format!("{:40}{}", attack.name, attack.promise))?;
        }
    }
    Ok(true)
}

/// Puts a load on the server. Shown when every request was answered with success.
pub(super) async fn load(options: &Options, plan: &Plan, out: &mut dyn Write) -> Result<Shown, Failure> {
    let summary = load::run(&options.setup, plan).await?;
    if options.json {
        print(out, &summary)?;
    } else {
        summary.tell(out).map_err(unwritten)?;
    }
    Ok(summary.all_good())
}

async fn browser(options: &Options) -> Result<Browser, Failure> {
    let memory = Memory::load(&options.state)?;
    Ok(options.setup.browser(CLIENT_IP)?.with_memory(memory).await)
}

/// The client that an earlier run left.
async fn client(options: &Options, memory: &Memory) -> Result<Option<Client>, Failure> {
    match memory.client.clone() {
        Some(saved) => options.setup.restored_client(CLIENT_IP, saved).await.map(Some),
        None => Ok(None),
    }
}

/// Writes down what the browser holds, and leaves an OAuth client beside it as it was.
fn keep(options: &Options, browser: &Browser) -> Result<(), Failure> {
    let client = Memory::load(&options.state)?.client;
    Memory { client, ..browser.memory()? }.save(&options.state)
}

/// The simulated app writes its decision into its pages; Holdfast's own pages have none.
fn decision(answer: &Answer) -> Option<Decision> {
    serde_json::from_slice(&answer.body).ok()
}

fn summary(page: &Page, browser: &Browser, decision: &Option<Decision>) -> Value {
    json!({
        "status": page.answer.status,
        "url": page.url.as_str(),
        "decision": decision,
        "body": if decision.is_none() { Some(page.answer.text()) } else { None },
        "happenings": browser.happenings(),
    })
}

fn tell(out: &mut dyn Write, browser: &Browser, decision: &Option<Decision>) -> Result<(), Failure> {
    for happening in browser.happenings() {
        line(out, &format!("  {}", serde_json::to_string(happening).unwrap_or_default()))?;
    }
    tell_decision(out, decision)
}

fn tell_happenings(out: &mut dyn Write, happenings: &[Happening]) -> Result<(), Failure> {
    for happening in happenings {
        line(out, &format!("  {}", serde_json::to_string(happening).unwrap_or_default()))?;
    }
    Ok(())
}

fn tell_decision(out: &mut dyn Write, decision: &Option<Decision>) -> Result<(), Failure> {
    let Some(decision) = decision else { return Ok(()) };
    line(out, &format!("  decision {}", decision.summary()))?;
    let Some(session) = &decision.session else { return Ok(()) };
    let binding = &session.binding;
    line(out, &format!("  session {} of {}: {} {}", session.id, session.user, binding.method, binding.level))
}

fn print(out: &mut dyn Write, value: &impl Serialize) -> Result<(), Failure> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(|error| Failure::File(error.to_string()))?;
    line(out, "")
}

fn line(out: &mut dyn Write, text: &str) -> Result<(), Failure> {
    writeln!(out, "{text}").map_err(unwritten)
}

fn unwritten(error: std::io::Error) -> Failure {
    Failure::File(format!("standard output: {error}"))
}

const NO_TOKENS: &str = "there are no tokens in the state file: ask for some with `token` first";

/// An address that belongs to nobody (RFC 5737).
const CLIENT_IP: &str = "203.0.113.7";
