//! The libraries with what they need from their registries, fetched once and kept below `target`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use holdfast_tests::run_to_end;
use serde_json::Value;

/// A driver in another language, ready to run.
pub(crate) struct Script {
    interpreter: PathBuf,
    driver: PathBuf,
}

impl Script {
    /// Walks the plan in `file`: the steps by name, and what came of each.
    pub(crate) fn walk(&self, file: &Path) -> Result<Vec<(String, String)>> {
        let said = run_to_end(Command::new(&self.interpreter).arg(&self.driver).arg(file))?;
        said.lines()
            .map(|line| {
                let step: Value = serde_json::from_str(line).with_context(|| format!("no step: {line}"))?;
                let text = |name: &str| step[name].as_str().unwrap_or_default().to_owned();
                Ok((text("step"), text("outcome")))
            })
            .collect()
    }
}

/// The library for Node, with the packages of its lock file.
pub(crate) fn node() -> Result<Script> {
    let folder = folder("node")?;
    for name in ["holdfast.js", "package.json", "package-lock.json", ".npmrc"] {
        std::fs::copy(sources("node").join(name), folder.join(name))?;
    }
    std::fs::copy(drivers().join("driver.mjs"), folder.join("driver.mjs"))?;
    once(&folder, &["package-lock.json"], || {
        // Nothing of the packages runs before a test runs it.
        let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        run_to_end(Command::new("npm").args(arguments).current_dir(&folder)).map(drop)
    })?;
    Ok(Script { interpreter: "node".into(), driver: folder.join("driver.mjs") })
}

/// The library for Python, with the packages of `tests/clients/requirements.txt` in an environment of its own.
pub(crate) fn python() -> Result<Script> {
    let folder = folder("python")?;
    std::fs::copy(sources("python").join("holdfast.py"), folder.join("holdfast.py"))?;
    for name in ["driver.py", "requirements.txt"] {
        std::fs::copy(drivers().join(name), folder.join(name))?;
    }
    let interpreter = folder.join("venv/bin/python");
    once(&folder, &["requirements.txt"], || {
        run_to_end(Command::new("python3").args(["-m", "venv", "--clear", "venv"]).current_dir(&folder))?;
        // Wheels alone: nothing of the packages runs before a test runs it.
        let arguments =
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"];
        let mut pip = Command::new(&interpreter);
        pip.args(arguments)
            .args(["--require-hashes", "--requirement", "requirements.txt"])
            .current_dir(&folder);
        run_to_end(&mut pip).map(drop)
    })?;
    Ok(Script { interpreter, driver: folder.join("driver.py") })
}

/// Installs, unless exactly these files were installed from before.
fn once(folder: &Path, files: &[&str], install: impl FnOnce() -> Result<()>) -> Result<()> {
    let wanted =
        files.iter().map(|name| std::fs::read(folder.join(name))).collect::<Result<Vec<_>, _>>()?.concat();
    let installed = folder.join("installed");
    if std::fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    install()?;
    Ok(std::fs::write(installed, wanted)?)
}

fn folder(language: &str) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients").join(language);
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn sources(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/clients").join(language)
}

fn drivers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}
