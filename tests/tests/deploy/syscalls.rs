//! The system calls that the unit forbids are none that the server makes: seen with strace, from start to stop.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use holdfast_tests::server::Stage;
use holdfast_tests::{HoldfastProcess, Prerequisite, Program, require, run_to_end};
use reqwest::Method;

use crate::files::text;

#[tokio::test]
async fn the_server_needs_no_system_call_that_the_unit_forbids() -> Result<()> {
    let Some(()) = require(&[Prerequisite::Systemd, Prerequisite::Strace]) else { return Ok(()) };
    let stage = Stage::new()?;
    let trace = trace_of_a_life(&stage).await?;
    let made: BTreeSet<String> = trace.lines().filter_map(name_of).collect();
    assert!(made.contains("accept4") && made.contains("execve") && made.len() > 30, "{made:?}");

    let (allowed, forbidden) = filter_of_the_unit()?;
    let refused: Vec<_> =
        made.iter().filter(|name| !allowed.contains(*name) || forbidden.contains(*name)).collect();
    assert!(refused.is_empty(), "the unit would refuse {refused:?}");
    // MemoryDenyWriteExecute and RestrictAddressFamilies.
    let is_code = |line: &&str| {
        line.contains("PROT_WRITE|PROT_EXEC") || line.contains("mprotect(") && line.contains("PROT_EXEC")
    };
    assert_eq!(trace.lines().find(is_code), None, "memory that is written and run");
    let families = trace.lines().filter_map(|line| line.split_once(" socket(")?.1.split(',').next());
    let families: BTreeSet<&str> = families.collect();
    let unit = text("systemd/holdfast.service")?;
    let allowed_families =
        unit.lines().find_map(|line| line.strip_prefix("RestrictAddressFamilies=")).unwrap_or_default();
    assert!(families.contains("AF_INET"), "{families:?}");
    assert!(
        families.iter().all(|family| allowed_families.split(' ').any(|allowed| allowed == *family)),
        "{families:?}"
    );
    assert!(forbidden.contains("setuid") && !allowed.contains("mount"), "this test sees what is forbidden");
    Ok(())
}

/// What strace has seen: a login, a check, a refresh that is refused, readiness, and a stop in order; everything written to the disk.
async fn trace_of_a_life(stage: &Stage) -> Result<String> {
    let trace = stage.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(["--follow-forks", "--quiet=all", "--output"]).arg(&trace).arg(Program::Holdfast.path()?);
    let server = HoldfastProcess::spawn_by(strace, stage.path(), &stage.config)?;
    server.becomes_ready(stage.api.internal_addr()).await?;

    let login = stage.api.login("alice").await?;
    stage.api.check(&login.cookie).await?;
    stage.api.refresh(&login.id, None).await?;
    stage.api.revoke(&login.id).await?;
    stage.api.internal(Method::GET, "/metrics").send().await?.expect(200)?;
    // Not strace itself, which would pass the signal on and stop looking.
    let pid = traced(server.id())?;
    run_to_end(Command::new("kill").arg("-TERM").arg(pid))?;
    ensure!(server.ends().await?.success(), "the traced server failed");

    Ok(std::fs::read_to_string(trace)?)
}

/// `1234 openat(…` and `1234 <... openat resumed>…`, and nothing of lines about signals and exits.
fn name_of(line: &str) -> Option<String> {
    let call = line.split_once(' ')?.1.trim_start();
    let name = call.strip_prefix("<... ").unwrap_or(call);
    let end = name.find(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))?;
    let is_call = name[end..].starts_with('(') || name[end..].starts_with(" resumed");
    (is_call && end > 0).then(|| name[..end].to_owned())
}

/// What systemd says is in the sets that the unit names: those that it allows, and those that it takes away again.
fn filter_of_the_unit() -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let unit = text("systemd/holdfast.service")?;
    let (mut allowed, mut forbidden) = (BTreeSet::new(), BTreeSet::new());
    for filter in unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let (sets, into) = match filter.strip_prefix('~') {
            Some(sets) => (sets, &mut forbidden),
            None => (filter, &mut allowed),
        };
        for set in sets.split_whitespace() {
            members(set, into)?;
        }
    }
    Ok((allowed, forbidden))
}

/// The calls of a set, and those of the sets within it.
fn members(set: &str, into: &mut BTreeSet<String>) -> Result<()> {
    let listed = run_to_end(Command::new("systemd-analyze").args(["syscall-filter", "--no-pager", set]))?;
    for name in
        listed.lines().skip(1).map(str::trim).filter(|name| !name.is_empty() && !name.starts_with('#'))
    {
        match name.starts_with('@') {
            true => members(name, into)?,
            false => drop(into.insert(name.to_owned())),
        }
    }
    Ok(())
}

/// The process that strace, of this id, has started.
fn traced(strace: u32) -> Result<String> {
    let children = std::fs::read_to_string(format!("/proc/{strace}/task/{strace}/children"))?;
    Ok(children.split_whitespace().next().context("strace has started nothing")?.to_owned())
}
