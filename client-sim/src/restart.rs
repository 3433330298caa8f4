//! Restarting the server, which only the one who runs it can do.

use std::io::BufRead as _;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;

use crate::Failure;

/// A restart in progress.
pub type Restarting<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// Somebody who can restart the server.
pub trait Restart: Send + Sync {
    /// Returns when the old process is gone and the new one was started; it need not answer yet.
    fn restart(&self) -> Restarting<'_>;
}

/// A restart that several parts may ask for.
pub type SharedRestart = Arc<dyn Restart>;

/// A shell command that restarts the server.
#[derive(Clone, Debug)]
pub struct ByCommand(pub String);

impl Restart for ByCommand {
    fn restart(&self) -> Restarting<'_> {
        Box::pin(async {
            let (command, failed) =
                (self.0.clone(), |why: String| Failure::Usage(format!("{}: {why}", self.0)));
            let run = move || {
                // What the command says would stand in the middle of a report.
                let mut shell = std::process::Command::new("sh");
                shell.arg("-c").arg(command).stdin(Stdio::null()).stdout(Stdio::null()).status()
            };
            let status = tokio::task::spawn_blocking(run).await.map_err(|error| failed(error.to_string()))?;
            let status = status.map_err(|error| failed(error.to_string()))?;
            if status.success() { Ok(()) } else { Err(failed(format!("ended with {status}"))) }
        })
    }
}

/// A person at the terminal who restarts the server and then presses Enter.
#[derive(Clone, Copy, Debug)]
pub struct ByHand;

impl Restart for ByHand {
    fn restart(&self) -> Restarting<'_> {
        Box::pin(async {
            let ask = || {
                use std::io::Write as _;
                let mut error = std::io::stderr();
                writeln!(error, "holdfast-sim: restart the server now, then press Enter")?;
                std::io::stdin().lock().read_line(&mut String::new())
            };
            let pressed =
                tokio::task::spawn_blocking(ask).await.map_err(|why| Failure::Usage(why.to_string()))?;
            match pressed {
                Ok(0) => Err(Failure::Usage("nobody is there to restart the server".to_owned())),
                Ok(_) => Ok(()),
                Err(why) => Err(Failure::Usage(format!("standard input: {why}"))),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_restarts_or_says_that_it_did_not() {
        ByCommand("true".to_owned()).restart().await.unwrap();
        let failure = ByCommand("exit 3".to_owned()).restart().await.unwrap_err();
        assert!(failure.to_string().contains("exit 3") && failure.to_string().contains('3'), "{failure}");
    }
}
