//! `holdfast serve`, and running a server until somebody stops it.

use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};

use super::Exit;
use crate::{Clock, Config, Running, StartError, serve};

/// Reads the configuration and serves until SIGTERM or SIGINT.
pub(super) fn serve_file(file: &Path, environment: Vec<(String, String)>) -> Exit {
    match Config::load(file, environment) {
        Err(problems) => Exit::usage(format!("the configuration has problems\n{problems}")),
        Ok(config) => run(serve(config, Clock::system()), |_| {}),
    }
}

/// Runs what `start` starts, says `hello` when it takes requests, and stops it in order.
pub(super) fn run(
    start: impl Future<Output = Result<Running, StartError>>,
    hello: impl FnOnce(&Running),
) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Exit::failed(format!("the system gives no threads: {error}")),
    };
    runtime.block_on(async {
        let running = match start.await {
            Ok(running) => running,
            Err(error) => return error.into(),
        };
        hello(&running);
        match wait_for_stop().await {
            Ok(()) => {
                running.stop().await;
                Exit::done("")
            }
            Err(error) => Exit::failed(format!("signals cannot be heard: {error}")),
        }
    })
}

async fn wait_for_stop() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
