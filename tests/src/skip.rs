//! Tests that need a program which is not there.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use crate::environment;

/// Something outside this workspace that a test drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prerequisite {
    /// The Apache HTTP server, and LuaSocket for its mod_lua.
    Apache,
    /// The Caddy server.
    Caddy,
    /// A real browser, and `certutil` to make it trust a CA.
    Chromium,
    /// The HAProxy server.
    Haproxy,
    /// The nginx server.
    Nginx,
    /// Node.js and its package manager, for clients from the npm registry.
    Node,
    /// Prometheus and `promtool`, which know whether rules are rules.
    Prometheus,
    /// Python, for the library for it.
    Python,
    /// The syslog server of Debian, with TLS.
    Rsyslog,
    /// `strace`, which says what a program asks of the kernel.
    Strace,
    /// The software TPM.
    Swtpm,
    /// What systemd says of units, users and folders without running.
    Systemd,
    /// `swtpm_setup` and its local CA, which give a software TPM an endorsement certificate.
    SwtpmSetup,
    /// The `tpm2_*` command-line tools.
    Tpm2Tools,
}

/// `Some` when every program of `prerequisites` is installed.
///
/// Otherwise the test is reported as skipped, and `None` tells it to return. In CI (`CI=true`) a missing program is
/// a broken set-up, so this panics instead.
///
/// ```ignore
/// let Some(()) = require(&[Prerequisite::Chromium]) else { return Ok(()) };
/// ```
#[must_use]
pub fn require(prerequisites: &[Prerequisite]) -> Option<()> {
    let needed = prerequisites.iter().flat_map(|prerequisite| prerequisite.programs());
    let missing: Vec<&str> = needed.copied().filter(|program| !is_installed(program)).collect();
    if missing.is_empty() {
        return Some(());
    }
    skip(&format!("not installed: {}", missing.join(", ")));
    None
}

impl Prerequisite {
    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Apache => &["apache2", "/usr/share/lua/5.3/socket/http.lua"],
            Self::Caddy => &["caddy"],
            Self::Chromium => &["chromium", "certutil"],
            Self::Haproxy => &["haproxy"],
            Self::Nginx => &["nginx"],
            Self::Node => &["node", "npm"],
            Self::Prometheus => &["prometheus", "promtool"],
            Self::Python => &["python3"],
            // The directory of libraries is named by the machine; the configuration says if the driver for TLS is missing.
            Self::Rsyslog => &["rsyslogd"],
            Self::Strace => &["strace"],
            Self::Systemd => &["systemd-analyze", "systemd-sysusers", "systemd-tmpfiles"],
            Self::Swtpm => &["swtpm"],
            Self::SwtpmSetup => &["swtpm", "swtpm_setup", "swtpm_localca"],
            Self::Tpm2Tools => &["tpm2_getcap"],
        }
    }
}

/// A library is named by its whole path, which stays what it is below whatever directory.
fn is_installed(program: &str) -> bool {
    let mut directories = environment::search_path();
    // Servers are there, and few users look there.
    directories.push(PathBuf::from("/usr/sbin"));
    directories.iter().any(|directory| directory.join(program).is_file())
}

#[expect(clippy::panic, reason = "a skip in CI would hide a broken set-up")]
#[expect(clippy::print_stderr, reason = "whoever runs the tests reads this")]
fn skip(reason: &str) {
    assert!(!environment::is_ci(), "CI must have everything, but {reason}");
    eprintln!("SKIPPED: {reason}");
    if let Err(error) = append_to_skips(reason) {
        panic!("the file named in HOLDFAST_SKIPS cannot be written: {error}");
    }
}

/// One line per skipped test; `tests/run` counts the lines.
fn append_to_skips(reason: &str) -> std::io::Result<()> {
    let Some(path) = environment::skips_file() else { return Ok(()) };
    let thread = std::thread::current();
    let line = format!("{}: {reason}\n", thread.name().unwrap_or("a test"));
    OpenOptions::new().create(true).append(true).open(path)?.write_all(line.as_bytes())
}
