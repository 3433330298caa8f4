//! A child process together with everything that it starts.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, Result};
pub use rustix::process::Signal;
use rustix::process::{Pid, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use tokio::time::{Instant, sleep};

/// A child in a process group of its own. Dropping it ends the whole group.
///
/// The leader is not reaped before the group has been killed: until then its id cannot belong to anybody else, so the
/// signals reach exactly what was started here.
#[derive(Debug)]
pub struct ProcessGroup {
    leader: Child,
    id: Pid,
}

impl ProcessGroup {
    /// Starts `command` as the leader of a new process group.
    pub fn start(command: &mut Command) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let leader = command.process_group(0).spawn().with_context(|| format!("cannot start {program}"))?;
        let id =
            i32::try_from(leader.id()).ok().and_then(Pid::from_raw).context("a process id out of range")?;
        Ok(Self { leader, id })
    }

    /// The leader's process id, which is also the group's.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.leader.id()
    }

    /// Sends a signal to the leader alone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(self.id, signal)?)
    }

    /// Whether the leader has ended. It is left for [`Self::finish`] to collect.
    pub fn has_exited(&self) -> Result<bool> {
        let peek = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(self.id), peek)?.is_some())
    }

    /// Waits until the leader has ended; `false` when it still runs after `limit`.
    pub async fn exits_within(&self, limit: Duration) -> Result<bool> {
        let deadline = Instant::now() + limit;
        while !self.has_exited()? {
            if Instant::now() >= deadline {
                return Ok(false);
            }
            sleep(POLL).await;
        }
        Ok(true)
    }

    /// Ends what is left of the group and tells how the leader ended.
    pub fn finish(mut self) -> Result<ExitStatus> {
        self.end()
    }

    fn end(&mut self) -> Result<ExitStatus> {
        // After the leader has been reaped there is nothing to ask about, and its id may be somebody else's.
        if self.has_exited().is_ok() {
            let _nobody_left = kill_process_group(self.id, Signal::KILL);
        }
        Ok(self.leader.wait()?)
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        let _ended = self.end();
    }
}

const POLL: Duration = Duration::from_millis(10);
