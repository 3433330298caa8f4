//! The benchmark of the whole server: see `tests/bench/run`.

mod attack;
mod demand;
mod dpop;
mod floor;
mod gateways;
mod hostile;
mod listening;
mod peers;
mod report;
mod risk;
mod server;
mod signals;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};

use dpop::Against;
use report::{Report, beside_both, beside_route};
use server::{Kind, Load, Server};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    match arguments.first().map(String::as_str) {
        Some("attack") => {
            let [_, kind, at, seconds] = arguments else { bail!("usage: attack KIND ADDRESS SECONDS") };
            attack::run(kind, at.parse()?, seconds.parse()?)
        }
        Some("route") => floor::serve_bare_route(),
        Some("verify") => floor::verify_for(seconds(arguments)?),
        Some("risk") => risk::simulate(arguments.get(1..).unwrap_or_default()),
        Some("all") => {
            let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
            if has("--signals") {
                return signals::measure();
            }
            let hostile: Vec<_> = hostile::Part::ALL.into_iter().filter(|part| has(part.flag())).collect();
            let hostile = if has("--hostile") { hostile::Part::ALL.to_vec() } else { hostile };
            if has("--gateways") || !hostile.is_empty() {
                return demanded(has("--gateways"), &hostile, seconds(arguments)?);
            }
            all(&Plan {
                seconds: seconds(arguments)?,
                cookies: !has("--dpop"),
                million: has("--million"),
                peers: has("--peers"),
                remembered: has("--remembered"),
            })
        }
        _ => bail!(
            "usage: tests/bench/run [--seconds S] [--dpop] [--peers] [--million] [--remembered] [--gateways] [--hostile | --idle --reload --overload --attacks] [--signals], or tests/bench/run --risk [USERS DAYS SEED]"
        ),
    }
}

/// What has a demand beside it.
fn demanded(gateways: bool, hostile: &[hostile::Part], seconds: u32) -> Result<()> {
    if gateways {
        gateways::measure(seconds)?;
    }
    if !hostile.is_empty() {
        hostile::measure(hostile, seconds)?;
    }
    Ok(())
}

struct Plan {
    seconds: u32,
    cookies: bool,
    million: bool,
    peers: bool,
    remembered: bool,
}

/// Everything, the floor first.
fn all(plan: &Plan) -> Result<()> {
    let mut report = Report::default();
    let route = floor::measure_route(plan.seconds)?;
    report.line("bare axum route", &route, &[]);
    let verify = floor::measure_verify(plan.seconds)?;
    report.line("bare P-256 verification", &verify, &[]);
    if plan.cookies {
        for kind in [Kind::Memory, Kind::Sled] {
            measure_store(plan, kind, &mut report)?;
        }
    }
    let best_peer = if plan.peers { Some(peers::measure(plan, &mut report)?) } else { None };
    let against = Against { best_peer: best_peer.as_ref() };
    dpop::measure(plan, &against, &mut report)?;
    if plan.remembered {
        dpop::measure_remembered(&report)?;
    }
    if plan.million {
        for kind in [Kind::Memory, Kind::Sled] {
            measure_million(kind, &mut report)?;
        }
    }
    Ok(())
}

fn measure_store(plan: &Plan, kind: Kind, report: &mut Report) -> Result<()> {
    let (name, seconds) = (kind.name(), plan.seconds);
    let measure = |load: &'static str, sessions: usize| {
        let server = Server::start(kind)?;
        floor::beside_floor(|| server.load(&Load::new(load, sessions, seconds)))
    };
    for load in ["check", "verify"] {
        let line = measure(load, 100_000)?;
        report.line(&format!("{name}: {load}, 100,000 sessions"), &line, &[beside_route(&line)]);
    }
    let line = measure("refresh", 2_000)?;
    report.line(&format!("{name}: refresh, 32 clients"), &line, &[beside_both(&line)]);
    let line = measure("register", 10_000 * usize::try_from(seconds)?)?;
    report.line(&format!("{name}: register, 32 clients"), &line, &[beside_both(&line)]);
    Ok(())
}

fn measure_million(kind: Kind, report: &mut Report) -> Result<()> {
    let server = Server::start(kind)?;
    server.load(&Load::new("sessions", 1_000_000, 3600))?;
    let filled = server.memory()?.resident;
    let name = kind.name();
    report.note(&format!("{name}: 1,000,000 bound sessions, resident {filled} MB"));
    if kind == Kind::Sled {
        let (server, seconds) = server.restart()?;
        let reopened = server.memory()?.resident;
        report.note(&format!("{name}: ready again in {seconds:.1} s, resident {reopened} MB"));
    }
    Ok(())
}

fn seconds(arguments: &[String]) -> Result<u32> {
    match arguments.iter().position(|argument| argument == "--seconds") {
        None => Ok(8),
        Some(at) => arguments
            .get(at + 1)
            .context("--seconds wants a number")?
            .parse()
            .context("--seconds wants a number"),
    }
}

/// A program of this build.
fn program(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let path = own.parent().context("this program is in no folder")?.join(name);
    if path.exists() { Ok(path) } else { bail!("{name} is not built; start with tests/bench/run") }
}
