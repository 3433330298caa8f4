//! What a check adds to a request through nginx, beside the same nginx without it.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{
    demand::Table,
    listening::Listening,
    program,
    report::Line,
    server::{Kind, Load, ORIGIN, SECRET, SERVER_CORE, Server, free_address, pinned},
};

pub(crate) fn measure(seconds: u32) -> Result<()> {
    let mut table = Table::begin("Through nginx, at 2,000 requests a second")?;
    for kind in [Kind::Memory, Kind::Sled] {
        measure_store(kind, seconds, &mut table)?;
    }
    Ok(())
}

/// Rounds with and without by turns: a shared machine may be twice as fast a minute later. The middle one counts.
fn measure_store(kind: Kind, seconds: u32, table: &mut Table) -> Result<()> {
    let server = Server::start(kind)?;
    let app = Listening::start(pinned(SERVER_CORE, &program("holdfast-bench")?).arg("route"))?;
    let nginx = Nginx::start(&server, &app)?;
    let ask = |address: SocketAddr| {
        let page = Load::new("page", SESSIONS, seconds).rate(RATE).page(&format!("http://{address}/"));
        let line = server.load(&page)?;
        ensure!(line.failures() == 0, "{} of {} pages were not shown", line.failures(), line.requests);
        Ok(line)
    };
    let mut rounds = Vec::new();
    for number in 1..=ROUNDS {
        let (plain, guarded): (Line, Line) = (ask(nginx.plain)?, ask(nginx.guarded)?);
        table.note(&format!(
            "{} round {number}: without p50 {:.0} us, p99 {:.0} us; with p50 {:.0} us, p99 {:.0} us; {:.0} and {:.0} a second",
            kind.name(), plain.p50_us, plain.p99_us, guarded.p50_us, guarded.p99_us, plain.rps, guarded.rps,
        ));
        rounds.push((guarded.p50_us - plain.p50_us, guarded.p99_us - plain.p99_us));
    }
    let (p50, p99): (Vec<f64>, Vec<f64>) = rounds.into_iter().unzip();
    for (what, most, added) in [("p50", 0.3, p50), ("p99", 2.0, p99)] {
        let added = middle(added) / 1000.0;
        let row = format!("{}: added {what}", kind.name());
        table.row(&row, &format!("at most {most} ms"), &format!("{added:.2} ms"), added <= most);
    }
    Ok(())
}

/// Two servers, one of which asks Holdfast; killed when dropped.
struct Nginx {
    child: Child,
    plain: SocketAddr,
    guarded: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Nginx {
    fn start(server: &Server, app: &Listening) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (plain, guarded) = (free_address()?, free_address()?);
        let names = [
            ("@folder@", folder.path().display().to_string()),
            ("@app@", app.address().to_owned()),
            ("@internal@", server.internal().to_string()),
            ("@plain@", plain.to_string()),
            ("@guarded@", guarded.to_string()),
            ("@origin@", ORIGIN.to_owned()),
            ("@secret@", SECRET.to_owned()),
        ];
        let fill = |text: String, (name, value): &(&str, String)| text.replace(name, value);
        let file = folder.path().join("nginx.conf");
        fs::write(&file, names.iter().fold(CONFIGURATION.to_owned(), fill))?;
        let mut command: Command = pinned(SERVER_CORE, "nginx".as_ref());
        command
            .arg("-c")
            .arg(&file)
            .arg("-p")
            .arg(folder.path())
            .arg("-e")
            .arg(folder.path().join("nginx.log"));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let nginx =
            Self { child: child.context("taskset cannot be started")?, plain, guarded, _folder: folder };
        nginx.wait_until_listening()?;
        Ok(nginx)
    }

    fn wait_until_listening(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(self.guarded).is_err() {
            ensure!(Instant::now() < deadline, "nginx did not start; is it installed?");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

const CONFIGURATION: &str = include_str!("nginx.conf");
const SESSIONS: usize = 1_000;
const RATE: f64 = 2_000.0;
const ROUNDS: u32 = 5;
