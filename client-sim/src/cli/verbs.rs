//! One function a verb.

use std::io::Write;

use serde::Serialize;
use serde_json::{Value, json};

use super::Shown;
use super::options::Options;
use crate::Failure;
use crate::app::{Decision, login_url};
use crate::browser::{Browser, Page, Refresh, Visit};
use crate::load::{self, Plan};
use crate::state::Memory;
use crate::thief::{self, ATTACKS};

/// Logs in and registers. Shown when the session ended up bound.
pub(super) async fn login(options: &Options, out: &mut dyn Write) -> Result<Shown, Failure> {
    let mut browser = browser(options).await?;
    let url = login_url(&options.setup.origin, &options.user)?;
    let page = browser.visit(Visit::form(url)).await?;
    let account = browser.visit(Visit::typed(options.setup.origin.at("/account")?)).await?;
    browser.memory()?.save(&options.state)?;
    let decision = decision(&account);
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
    browser.memory()?.save(&options.state)?;
    let decision = decision(&page);
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

/// Refreshes every bound session. Shown when all were renewed, and there was one.
pub(super) async fn refresh(options: &Options, out: &mut dyn Write) -> Result<Shown, Failure> {
    let mut browser = browser(options).await?;
    let ids: Vec<String> = browser.sessions().iter().map(|session| session.id().to_owned()).collect();
    let mut renewed = !ids.is_empty();
    for id in &ids {
        renewed &= browser.refresh(id).await? == Refresh::Done;
    }
    browser.memory()?.save(&options.state)?;
    if options.json {
        print(out, &json!({ "renewed": renewed, "happenings": browser.happenings() }))?;
    } else {
        tell(out, &browser, &None)?;
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
    for attack in thief::select(names)? {
        let report = thief::play(&options.setup, attack).await;
        if !options.json {
            report.tell(out).and_then(|()| out.flush()).map_err(unwritten)?;
        }
        reports.push(report);
    }
    let held = reports.iter().filter(|report| report.held).count();
    if options.json {
        print(out, &json!({ "held": held, "played": reports.len(), "attacks": reports }))?;
    } else {
        line(out, &format!("{held} of {} held", reports.len()))?;
    }
    Ok(held == reports.len())
}

/// Lists the attacks.
pub(super) fn list_attacks(options: &Options, out: &mut dyn Write) -> Result<Shown, Failure> {
    if options.json {
        let list = ATTACKS.iter().map(|attack| json!({ "name": attack.name, "promise": attack.promise }));
        print(out, &list.collect::<Vec<Value>>())?;
    } else {
        for attack in ATTACKS {
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

/// The simulated app writes its decision into its pages; Holdfast's own pages have none.
fn decision(page: &Page) -> Option<Decision> {
    serde_json::from_slice(&page.answer.body).ok()
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

/// An address that belongs to nobody (RFC 5737).
const CLIENT_IP: &str = "203.0.113.7";
