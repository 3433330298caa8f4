//! What bound tokens cost Holdfast, with replay protection, the look at the session, and audit.

use anyhow::Result;

use crate::{
    Plan, floor,
    peers::{TOKENS, compared},
    report::{Line, Report, beside_both},
    server::{Kind, Load, Server},
};

/// What the figures are compared with.
pub(crate) struct Against<'a> {
    pub(crate) best_peer: Option<&'a Line>,
}

impl Against<'_> {
    fn ratios(&self, line: &Line) -> Vec<String> {
        let to = |peer: &Line| line.of_verification() / peer.of_verification();
        let peer = self.best_peer.map(|peer| format!("{:.1} x the best peer", to(peer)));
        std::iter::once(compared(line)).chain(peer).collect()
    }
}

pub(crate) fn measure(plan: &Plan, against: &Against<'_>, report: &mut Report) -> Result<()> {
    for kind in [Kind::Memory, Kind::Sled] {
        let name = kind.name();
        for load in ["dpop-check", "dpop-verify"] {
            let asked = Load::new(load, TOKENS, plan.seconds);
            let server = Server::start(kind)?;
            let line = floor::beside_floor(|| server.load(&asked))?;
            report.line(&format!("{name}: {load}, 1,000 tokens"), &line, &against.ratios(&line));
            let line = Server::start(kind)?.load(&asked.rate(line.rps * 0.8))?;
            report.line(&format!("{name}: {load}, at 80 % of that"), &line, &[]);
        }
        let server = Server::start(kind)?;
        let refresh = Load::new("dpop-refresh", 2_000, plan.seconds);
        let line = floor::beside_floor(|| server.load(&refresh))?;
        report.line(&format!("{name}: dpop-refresh, 32 clients"), &line, &[beside_both(&line)]);
    }
    Ok(())
}

/// Memory with many proofs remembered at once. Proofs with a nonce are remembered as long as it lives, which is made
/// long here so that none is forgotten before the last one came.
pub(crate) fn measure_remembered(report: &Report) -> Result<()> {
    let server =
        Server::start_with(Kind::Memory, "[dpop]\nnonce_life = \"1h\"\n[oauth]\naccess_token = \"15m\"\n")?;
    server.load(&Load::new("dpop-verify", TOKENS, 1))?;
    let base = server.memory()?;
    let line = server.load(&Load::new("dpop-verify", TOKENS, 3600).with_nonces(REMEMBERED))?;
    let filled = server.memory()?;
    let failures = line.failures();
    report.note(&format!(
        "memory: {} remembered proofs ({failures} refused): resident {} MB before, {} MB after, {} MB at the peak; \
         they took {} MB",
        line.requests,
        base.resident,
        filled.resident,
        filled.peak,
        filled.peak.saturating_sub(base.resident),
    ));
    Ok(())
}

/// 20,000 a second for 80 seconds.
const REMEMBERED: u32 = 1_600_000;
