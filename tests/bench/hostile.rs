//! Many who do nothing, more refreshes than can be done, reloads under load, and strangers who mean it badly.

use std::{
    net::SocketAddr,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{
    demand::{Table, load_average},
    listening::Listening,
    program,
    report::Line,
    server::{Kind, LOAD_CORE, Load, Server, pinned},
};

/// What can be measured by itself.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Idle,
    Reload,
    Overload,
    Attacks,
}

impl Part {
    pub(crate) const ALL: [Self; 4] = [Self::Idle, Self::Reload, Self::Overload, Self::Attacks];

    pub(crate) const fn flag(self) -> &'static str {
        match self {
            Self::Idle => "--idle",
            Self::Reload => "--reload",
            Self::Overload => "--overload",
            Self::Attacks => "--attacks",
        }
    }

    fn measure(self, seconds: u32, table: &mut Table) -> Result<()> {
        match self {
            Self::Idle => idle(table),
            Self::Reload => reload(seconds, table),
            Self::Overload => {
                [Kind::Memory, Kind::Sled].into_iter().try_for_each(|kind| overload(kind, seconds, table))
            }
            Self::Attacks => [("slowloris", 5 * seconds), ("headers", seconds), ("garbage", 10 * seconds)]
                .into_iter()
                .try_for_each(|(attack, seconds)| attacked(attack, seconds, table)),
        }
    }
}

pub(crate) fn measure(parts: &[Part], seconds: u32) -> Result<()> {
    let mut table = Table::begin("Hostile load")?;
    for part in parts {
        part.measure(seconds, &mut table)?;
    }
    table.note(&format!("load average of the machine at the end: {}", load_average()?));
    Ok(())
}

/// Ten thousand connections that have asked once.
fn idle(table: &mut Table) -> Result<()> {
    // Longer than it takes to open them all on a slow machine.
    let server = Server::start_with(Kind::Memory, "[limits]\nheader_timeout = \"5m\"\n")?;
    let before = server.memory()?.resident;
    let held = Listening::start(&mut attack("idle", server.public(), 120)?)?;
    let (open, memory) = (held.address().to_owned(), server.memory()?);
    let measured = format!("{} MB with {open} open, {before} MB before", memory.resident);
    table.row(
        "10,000 idle connections",
        "at most 200 MB",
        &measured,
        memory.resident <= 200 && open == "10000",
    );
    Ok(())
}

/// A reload every 200 ms while checks are asked.
fn reload(seconds: u32, table: &mut Table) -> Result<()> {
    let server = Server::start(Kind::Sled)?;
    let is_over = AtomicBool::new(false);
    for load in ["verify", "refresh"] {
        is_over.store(false, Ordering::Relaxed);
        let (line, reloads) = std::thread::scope(|scope| -> Result<_> {
            let reloading = scope.spawn(|| reload_until(&is_over, &server));
            let line = server.load(&Load::new(load, SESSIONS, seconds).rate(RELOAD_RATE));
            is_over.store(true, Ordering::Relaxed);
            let reloads = reloading.join().ok().context("the thread that reloads has died")??;
            Ok((line?, reloads))
        })?;
        let failed = line.failures();
        let measured = format!("{failed} of {}, {reloads} reloads", line.requests);
        let row = format!("{load}, a reload every 200 ms: failed requests");
        table.row(&row, "0", &measured, failed == 0 && reloads > 0);
    }
    let taken = server.log()?.matches("the configuration was loaded anew").count();
    table.note(&format!("the server says that it loaded its configuration {taken} times"));
    Ok(())
}

fn reload_until(is_over: &AtomicBool, server: &Server) -> Result<u32> {
    let mut reloads = 0;
    while !is_over.load(Ordering::Relaxed) {
        let told = Command::new("kill").args(["-HUP", &server.pid().to_string()]).status()?;
        ensure!(told.success(), "the server is gone");
        reloads += 1;
        std::thread::park_timeout(Duration::from_millis(200));
    }
    Ok(reloads)
}

/// Three times as many refreshes a second as the server can do, whatever it answers, with proofs that were signed
/// beforehand; then each session refreshes once more. A refresh that was turned away is asked again. What waits in the
/// load generator counts as waiting too.
fn overload(kind: Kind, seconds: u32, table: &mut Table) -> Result<()> {
    let name = kind.name();
    let full = Server::start(kind)?.load(&Load::new("refresh", SESSIONS, seconds))?;
    ensure!(full.failures() == 0, "{} refreshes fail without an overload", full.failures());
    let many = SESSIONS_A_SECOND * usize::try_from(seconds)?;
    let server = Server::start(kind)?;
    let overload = Load::new("refresh", many, seconds).connections(CONNECTIONS).rate(OVERLOAD * full.rps);
    let line = server.load(&overload.presigned().afterwards())?;
    table.note(&format!(
        "{name}: full rate {:.0} refreshes a second; {:.1} times that were asked: {:?}, {} without an answer",
        full.rps,
        line.rps / full.rps,
        line.statuses,
        line.errors
    ));
    let p99 = line.p99_us_of_status.get(&200).copied().unwrap_or(f64::INFINITY) / 1000.0;
    let times = line.rps / full.rps;
    let row = format!("{name}: {times:.1} times as many refreshes as can be done: p99 of the answered");
    // An overload that did not come about proves nothing.
    let is_met = p99 <= 50.0 && times >= 0.9 * OVERLOAD;
    table.row(&row, "at most 50 ms, at 3 times", &format!("{p99:.1} ms"), is_met);
    let others = line.statuses.iter().filter(|(status, _)| ![200, 503].contains(*status));
    let others = others.map(|(_, count)| count).sum::<u64>() + line.errors;
    table.row(&format!("{name}: answers other than 200 and 503"), "0", &others.to_string(), others == 0);
    // One that is told 503 here lives too: its browser comes again.
    let of = |status| line.afterwards.get(&status).copied().unwrap_or(0);
    let destroyed = u64::try_from(many)?.saturating_sub(of(200) + of(503));
    let measured = format!("{destroyed}; once more: {:?}", line.afterwards);
    table.row(&format!("{name}: sessions destroyed"), "0", &measured, destroyed == 0);
    Ok(())
}

/// An honest client that refreshes, alone and then beside an attack.
fn attacked(kind: &str, seconds: u32, table: &mut Table) -> Result<()> {
    let server = Server::start(Kind::Memory)?;
    let honest = |seconds| server.load(&Load::new("refresh", 200, seconds).rate(200.0).connections(8));
    let alone = honest(5)?;
    let before = server.memory()?.resident;
    let attacker = attack(kind, server.public(), seconds)?.stdout(Stdio::piped()).spawn()?;
    let beside: Result<Line> = honest(seconds);
    let done = attacker.wait_with_output()?;
    let (done, beside) = (String::from_utf8(done.stdout)?.trim().to_owned(), beside?);
    let memory = server.memory()?;
    let (p99, failed) = (beside.p99_us / 1000.0, beside.failures());
    let measured =
        format!("{p99:.1} ms, {failed} of {} failed; alone {:.1} ms", beside.requests, alone.p99_us / 1000.0);
    let unit = if kind == "slowloris" { "connections" } else { "requests" };
    let row = format!("{kind} ({done} {unit}): honest p99");
    table.row(&row, "under 10 ms, none failed", &measured, p99 < 10.0 && failed == 0);
    let measured = format!("{before} MB, then {} MB, {} MB at most", memory.resident, memory.peak);
    table.row(
        &format!("{kind}: memory"),
        "flat (at most 100 MB more)",
        &measured,
        memory.peak <= before + 100,
    );
    Ok(())
}

/// This program as an attacker, who gets of the load's core what nobody else wants: attackers have machines of their own,
/// and must not be what the honest client waits for.
fn attack(kind: &str, at: SocketAddr, seconds: u32) -> Result<Command> {
    let own = program("holdfast-bench")?;
    let mut command = pinned(LOAD_CORE, "chrt".as_ref());
    command.args(["--idle", "0"]).arg(own).args(["attack", kind, &at.to_string(), &seconds.to_string()]);
    Ok(command)
}

const SESSIONS: usize = 2_000;
/// More sessions than are answered in a second, so that hardly a refresh is signed while the overload lasts.
const SESSIONS_A_SECOND: usize = 6_000;
const RELOAD_RATE: f64 = 1_000.0;
const OVERLOAD: f64 = 3.0;
/// So many that none has to wait for the answer to its last question before it asks the next.
const CONNECTIONS: u32 = 1_024;
