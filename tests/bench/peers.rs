//! Other verifiers of DPoP proofs, each in a small server that is asked what Holdfast is asked: the same request with
//! the same tokens, which a Holdfast beside it has issued, and proofs that are as fresh.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    Plan, floor,
    listening::Listening,
    program,
    report::{Line, Report},
    server::{Kind, Load, ORIGIN, SERVER_CORE, Server, pinned},
};

/// A verifier, and what it does about replays.
struct Peer {
    name: &'static str,
    replays: &'static str,
    language: Language,
}

#[derive(Clone, Copy)]
enum Language {
    JavaScript,
    Rust,
}

/// Measures all of them and returns the one that does most with a second of CPU.
pub(crate) fn measure(plan: &Plan, report: &mut Report) -> Result<Line> {
    let lines: Vec<(&Peer, Line)> = PEERS
        .iter()
        .map(|peer| Ok((peer, ask(peer, plan.seconds).with_context(|| format!("measuring {}", peer.name))?)))
        .collect::<Result<_>>()?;
    let best = lines.iter().map(|(_, line)| line);
    let best = best.max_by(|a, b| a.of_verification().total_cmp(&b.of_verification()));
    let best = best.context("no peers")?.clone();
    for (Peer { name, replays, .. }, line) in &lines {
        let verification = compared(line);
        let ratio = format!("{:.2} of the best peer", line.of_verification() / best.of_verification());
        report.line(name, line, &[verification, ratio, (*replays).to_owned()]);
    }
    Ok(best)
}

fn ask(peer: &Peer, seconds: u32) -> Result<Line> {
    let issuer = Server::start(Kind::Memory)?;
    let listening = Listening::start(peer.command()?.args([ORIGIN, &issuer.jwks()]))?;
    // A program in JavaScript is compiled while it runs.
    let load =
        |seconds| Load::new("dpop-verify", TOKENS, seconds).proofs(PROOFS_A_SECOND * seconds).at(&listening);
    issuer.load(&load(WARM_UP))?;
    floor::beside_floor(|| issuer.load(&load(seconds)))
}

/// The line beside a bare verification, in words.
pub(crate) fn compared(line: &Line) -> String {
    format!("{:.2} of a bare verification ({:.0} us)", line.of_verification(), line.verification)
}

impl Peer {
    fn command(&self) -> Result<Command> {
        let folder = folder()?;
        Ok(match self.language {
            Language::JavaScript => {
                let mut command = pinned(SERVER_CORE, Path::new("node"));
                command.arg(folder.join(self.name).with_extension("js")).env("NODE_ENV", "production");
                command
            }
            Language::Rust => pinned(
                SERVER_CORE,
                &folder.join("build/release").join(format!("holdfast-bench-{}", self.name)),
            ),
        })
    }
}

/// Where `tests/bench/run` has put them: beside the builds of this program.
fn folder() -> Result<PathBuf> {
    let own = program("holdfast-bench")?;
    Ok(own.ancestors().nth(2).context("this program is in no folder")?.join("bench-peers"))
}

/// More than any of them checks.
const PROOFS_A_SECOND: u32 = 6_000;

/// Seconds that are not counted.
const WARM_UP: u32 = 3;

/// Access tokens in use at once.
pub(crate) const TOKENS: usize = 1_000;

const PEERS: [Peer; 4] = [
    Peer { name: "oauth4webapi", replays: "takes replays", language: Language::JavaScript },
    Peer { name: "express-oauth2-jwt-bearer", replays: "takes replays", language: Language::JavaScript },
    Peer { name: "oidc-provider", replays: "refuses replays", language: Language::JavaScript },
    Peer { name: "dpop-verifier", replays: "refuses replays", language: Language::Rust },
];
