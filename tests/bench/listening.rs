//! A program that prints the address at which it listens, on the server's core.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};

/// Killed when dropped.
pub(crate) struct Listening {
    child: Child,
    address: String,
}

impl Listening {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let child = command.stdout(Stdio::piped()).spawn().context("a program cannot be started")?;
        let mut listening = Self { child, address: String::new() };
        let output = listening.child.stdout.take().context("no output")?;
        BufReader::new(output).read_line(&mut listening.address)?;
        ensure!(!listening.address.trim().is_empty(), "a program ended before it listened");
        Ok(listening)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// What it printed.
    pub(crate) fn address(&self) -> &str {
        self.address.trim()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
