//! A browser's disk: its home, its profile, and the certificates it trusts.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;
use tempfile::TempDir;

use crate::{Authority, run_to_end};

/// The home and profile of one browser. It outlives the browser's processes and is deleted when dropped.
#[derive(Debug)]
pub struct Profile {
    root: TempDir,
}

impl Profile {
    /// A new profile that trusts no certificate authority but those of the browser.
    pub fn new() -> Result<Self> {
        let root = tempfile::Builder::new().prefix("browser-").tempdir()?;
        let profile = Self { root };
        for directory in [profile.home(), profile.data(), profile.temporary()] {
            std::fs::create_dir(directory)?;
        }
        Ok(profile)
    }

    /// A new profile that trusts `authority` as a user's own CA, through the NSS database of its home.
    ///
    /// Trusted for real, and not errors ignored: `--ignore-certificate-errors` switches DBSC off.
    pub fn trusting(authority: &Authority) -> Result<Self> {
        Self::trusting_pem(&authority.certificate())
    }

    /// Like [`Self::trusting`], for a CA certificate that exists only as PEM, such as that of `holdfast dev`.
    pub fn trusting_pem(certificate: &str) -> Result<Self> {
        let profile = Self::new()?;
        let database = profile.home().join(".pki/nssdb");
        std::fs::create_dir_all(&database)?;
        let file = profile.home().join("ca.pem");
        std::fs::write(&file, certificate)?;
        run_to_end(certutil(&database).args(["-N", "--empty-password"]))?;
        run_to_end(certutil(&database).args(["-A", "-t", "C,,", "-n", "holdfast", "-i"]).arg(&file))?;
        Ok(profile)
    }

    /// The directory given to `--user-data-dir`.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    /// What the browser printed, for a test that failed.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    pub(crate) fn temporary(&self) -> PathBuf {
        self.root.path().join("tmp")
    }

    pub(crate) fn active_port_file(&self) -> PathBuf {
        self.data().join("DevToolsActivePort")
    }

    pub(crate) fn open_log(&self) -> Result<File> {
        Ok(OpenOptions::new().create(true).append(true).open(self.log_file())?)
    }

    /// Removes what the last run left to find it by; a killed browser does not tidy up.
    pub(crate) fn forget_last_run(&self) -> Result<()> {
        match std::fs::remove_file(self.active_port_file()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn log_file(&self) -> PathBuf {
        self.root.path().join("chromium.log")
    }
}

impl Drop for Profile {
    /// Chromium's crash handlers put themselves into sessions of their own, out of reach of the browser's process
    /// group. They end when the browser does; until then they may still write into the profile.
    fn drop(&mut self) {
        let deadline = Instant::now() + HANDLERS_LIMIT;
        while is_named_by_a_process(self.root.path()) && Instant::now() < deadline {
            #[expect(clippy::disallowed_methods, reason = "a destructor cannot await")]
            std::thread::sleep(POLL);
        }
    }
}

/// Whether a process has `path` on its command line, as each process of a browser has its profile's.
fn is_named_by_a_process(path: &Path) -> bool {
    let path = path.to_string_lossy();
    let Ok(processes) = std::fs::read_dir("/proc") else { return false };
    let mut files = processes.filter_map(Result::ok).map(|process| process.path().join("cmdline"));
    files.any(|file| std::fs::read(file).is_ok_and(|line| String::from_utf8_lossy(&line).contains(&*path)))
}

fn certutil(database: &Path) -> Command {
    let mut command = Command::new("certutil");
    command.arg("-d").arg(format!("sql:{}", database.display()));
    command
}

const HANDLERS_LIMIT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(5);
