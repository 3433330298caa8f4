//! What Holdfast stands on: nothing can be faster than these.

use std::{
    io::Write,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
    },
};

use crate::{
    listening::Listening,
    program,
    report::Line,
    server::{SERVER_CORE, pinned, simulate},
};

/// A route that answers 200 and does nothing, served as axum serves by itself.
pub(crate) fn serve_bare_route() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        writeln!(std::io::stdout(), "{}", socket.local_addr()?)?;
        let routes = axum::Router::new().route("/", axum::routing::get(|| async { "ok" }));
        axum::serve(socket, routes).await?;
        Ok(())
    })
}

/// Verifies one signature again and again, and prints how often.
pub(crate) fn verify_for(seconds: u32) -> Result<()> {
    let random = SystemRandom::new();
    let pkcs8 =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).ok().context("no key")?;
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).ok().context("no key")?;
    let message = [7_u8; 200];
    let signature = pair.sign(&random, &message).ok().context("no signature")?;
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref());
    let (started, mut count) = (Instant::now(), 0_u64);
    while started.elapsed() < Duration::from_secs(u64::from(seconds)) {
        for _ in 0..100 {
            if key.verify(&message, signature.as_ref()).is_err() {
                bail!("the signature does not verify");
            }
        }
        count += 100;
    }
    let done = f64::from(u32::try_from(count)?);
    let (per_second, per_cpu_second) = (done / started.elapsed().as_secs_f64(), done / own_cpu_seconds()?);
    writeln!(
        std::io::stdout(),
        "{{\"requests\":{count},\"rps\":{per_second},\"per_cpu_second\":{per_cpu_second}}}"
    )?;
    Ok(())
}

/// User and system time of this process, as the load generator reads that of a server. On a machine with others, the
/// time that passes is more.
fn own_cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, rest) = stat.rsplit_once(')').context("/proc/self/stat is strange")?;
    let mut times = rest.split_whitespace().skip(11);
    let mut ticks = || -> Result<u32> { Ok(times.next().context("/proc/self/stat is short")?.parse()?) };
    let hundredths = ticks()? + ticks()?;
    Ok(f64::from(hundredths) / 100.0)
}

pub(crate) fn measure_route(seconds: u32) -> Result<Line> {
    let route = Listening::start(pinned(SERVER_CORE, &program("holdfast-bench")?).arg("route"))?;
    let (pid, seconds) = (route.pid().to_string(), seconds.to_string());
    let fixed = ["load", "url", &route.url("/"), "--warm", "--connections", "32"];
    simulate(&[&fixed[..], &["--seconds", &seconds, "--pid", &pid]].concat())
}

/// Measures something between two bare verifications and two bare routes: a shared machine may be twice as fast a minute
/// later. It may also stand still for a moment, so the faster of the two is kept, and the ratio to it flatters nobody.
pub(crate) fn beside_floor(measure: impl FnOnce() -> Result<Line>) -> Result<Line> {
    let before = (measure_verify(1)?, measure_route(2)?);
    let line = measure()?;
    let after = (measure_verify(1)?, measure_route(2)?);
    let faster = |one: &Line, other: &Line| one.cpu_micros().min(other.cpu_micros());
    Ok(Line { verification: faster(&before.0, &after.0), route: faster(&before.1, &after.1), ..line })
}

/// On the server's core, where the server will verify.
pub(crate) fn measure_verify(seconds: u32) -> Result<Line> {
    let mut command: Command = pinned(SERVER_CORE, &program("holdfast-bench")?);
    let output = command.args(["verify", "--seconds", &seconds.to_string()]).output()?;
    serde_json::from_slice(&output.stdout).context("the verification said nothing")
}
