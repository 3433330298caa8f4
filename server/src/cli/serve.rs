//! `holdfast serve`, and running a server until somebody stops it.

use std::path::Path;

use tokio::signal::unix::{Signal, SignalKind, signal};

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
        // Before anybody can see that the server is ready: whoever then stops it must be heard.
        let mut stop = match Stop::listen() {
            Ok(stop) => stop,
            Err(error) => return Exit::failed(format!("signals cannot be heard: {error}")),
        };
        let running = match start.await {
            Ok(running) => running,
            Err(error) => return error.into(),
        };
        hello(&running);
        stop.wait().await;
        running.stop().await;
        Exit::done("")
    })
}

/// The two signals that stop a server in order. One that comes during the start stops it once it has started.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
