//! `holdfast serve`, and running a server until somebody stops it.

use std::path::Path;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Exit;
use crate::{Clock, Config, Running, StartError, config::Problems, serve};

/// Reads the configuration and serves until SIGTERM or SIGINT. At SIGHUP it reads the configuration again.
pub(super) fn serve_file(file: &Path, environment: Vec<(String, String)>) -> Exit {
    let file = file.to_owned();
    let read = move || Config::load(&file, environment.clone());
    match read() {
        Err(problems) => Exit::usage(format!("the configuration has problems\n{problems}")),
        Ok(config) => run(serve(config, Clock::system()), Some(read), |_| {}),
    }
}

/// Runs what `start` starts, says `hello` when it takes requests, and stops it in order. At SIGHUP the configuration is
/// loaded anew, if there is something to read it from.
pub(super) fn run(
    start: impl Future<Output = Result<Running, StartError>>,
    read: Option<impl Fn() -> Result<Config, Problems> + Clone + Send + 'static>,
    hello: impl FnOnce(&Running),
) -> Exit {
    // What the disk is done with comes from another thread, and the runtime looks there only now and then while it has work
    // of its own: those who are nearly served would wait for those who have just come.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = match runtime.global_queue_interval(ELSEWHERE).event_interval(TIMERS).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Exit::failed(format!("the system gives no threads: {error}")),
    };
    runtime.block_on(async {
        // Before anybody can see that the server is ready: whoever then stops it must be heard.
        let signals = Stop::listen().and_then(|stop| Ok((stop, read.map(Hangup::listen).transpose()?)));
        let (mut stop, mut hangup) = match signals {
            Ok(signals) => signals,
            Err(error) => return Exit::failed(format!("signals cannot be heard: {error}")),
        };
        let running = match start.await {
            Ok(running) => running,
            Err(error) => return error.into(),
        };
        hello(&running);
        loop {
            tokio::select! {
                () = stop.wait() => break,
                read = next(&mut hangup) => {
                    // What is wrong with it is told by the log.
                    let _ = running.reload(read).await;
                }
            }
        }
        running.stop().await;
        Exit::done("")
    })
}

/// After so many tasks the runtime looks at its timers, among them the pulse, which must not be late for that alone.
const TIMERS: u32 = 16;

/// At every second task the runtime looks first at what other threads have woken.
const ELSEWHERE: u32 = 2;

/// The signal that has the configuration read again, and how to read it. One that comes during the start is heard after it.
struct Hangup<F> {
    signal: Signal,
    read: F,
}

impl<F: Clone> Hangup<F> {
    fn listen(read: F) -> std::io::Result<Self> {
        Ok(Self { signal: signal(SignalKind::hangup())?, read })
    }
}

async fn next<F: Clone>(hangup: &mut Option<Hangup<F>>) -> F {
    if let Some(Hangup { signal, read }) = hangup
        && signal.recv().await.is_some()
    {
        return read.clone();
    }
    std::future::pending().await
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
