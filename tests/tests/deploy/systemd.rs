//! The unit, and the user and folders that it needs, judged by systemd's own tools. None of them needs systemd to run.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Result, ensure};
use holdfast_tests::{Prerequisite, Program, require, run_to_end};

use crate::files::{configuration, deploy, text, value};

/// `systemd-analyze verify` takes a misspelled key for a remark, so it must have none at all.
#[test]
fn the_unit_is_one_without_a_remark() -> Result<()> {
    let Some(()) = require(&[Prerequisite::Systemd]) else { return Ok(()) };
    let unit = text("systemd/holdfast.service")?;
    let output = verify(&unit, false)?;
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success(), "{}", output.status);

    let output = verify(&unit, true)?;
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "with credentials.conf");

    let misspelled = unit.replace("ProtectHome=", "ProtectHom=");
    assert!(!verify(&misspelled, false)?.stderr.is_empty(), "this test sees mistakes");
    Ok(())
}

#[test]
fn the_unit_leaves_little_to_whoever_breaks_in() -> Result<()> {
    let Some(()) = require(&[Prerequisite::Systemd]) else { return Ok(()) };
    let exposure = |unit: &str| -> Result<Output> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("holdfast.service");
        std::fs::write(&file, unit)?;
        let arguments = ["security", "--no-pager", "--offline=true", THRESHOLD];
        Ok(Command::new("systemd-analyze").args(arguments).arg(file).output()?)
    };
    let unit = text("systemd/holdfast.service")?;
    let output = exposure(&unit)?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));

    let loose = unit.replace("SystemCallFilter=", "#").replace("CapabilityBoundingSet=", "#");
    assert!(!exposure(&loose)?.status.success(), "this test sees what is missing");
    Ok(())
}

/// The paths of the configuration are those that the unit, the user and the folders allow.
#[test]
fn the_configuration_writes_where_the_unit_lets_it() -> Result<()> {
    let unit = text("systemd/holdfast.service")?;
    let configuration = configuration("systemd/holdfast.toml")?;
    assert!(unit.contains("\nStateDirectory=holdfast\n") && unit.contains("\nProtectSystem=strict\n"));
    for (table, key) in [("store", "path"), ("secrets", "root_key_file"), ("audit", "file")] {
        let path = value(&configuration, table, key).unwrap_or_default();
        assert!(path.starts_with("/var/lib/holdfast/"), "{table}.{key} = {path}");
    }
    for line in [
        "\nNoNewPrivileges=yes\n",
        "\nMemoryDenyWriteExecute=yes\n",
        "\nRestrictPreventExitStatus",
        "\nUMask=0077\n",
        "\nLimitNOFILE=65536\n",
    ] {
        let line = line.replace("RestrictPrevent", "RestartPrevent");
        assert!(unit.contains(&line), "{line}");
    }
    Ok(())
}

/// In an empty folder in place of `/`: the user is made, and the folders and files belong to whom they must.
#[test]
fn the_user_and_its_folders_are_made() -> Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let Some(()) = require(&[Prerequisite::Systemd]) else { return Ok(()) };
    let root = tempfile::tempdir()?;
    let at = |path: &str| root.path().join(path);
    std::fs::create_dir_all(at("etc"))?;
    let option = format!("--root={}", root.path().display());
    let file = |name: &str| deploy("systemd").join(name);
    run_to_end(Command::new("systemd-sysusers").arg(&option).arg(file("holdfast.sysusers")))?;
    let passwd = std::fs::read_to_string(at("etc/passwd"))?;
    let fields: Vec<&str> =
        passwd.lines().find(|line| line.starts_with("holdfast:")).unwrap_or("").split(':').collect();
    let [_, _, id, group, _, home, shell] = fields.as_slice() else { anyhow::bail!("{passwd}") };
    assert_eq!((*home, shell.ends_with("/nologin")), ("/var/lib/holdfast", true));

    if !is_root()? {
        return Ok(());
    }
    std::fs::create_dir_all(at("etc/holdfast"))?;
    std::fs::write(at("etc/holdfast/gateway.secret"), "secret")?;
    let mut tmpfiles = Command::new("systemd-tmpfiles");
    run_to_end(tmpfiles.arg(&option).arg("--create").arg(file("holdfast.tmpfiles")))?;
    for (path, mode) in [("etc/holdfast", 0o750), ("etc/holdfast/gateway.secret", 0o640)] {
        let metadata = std::fs::metadata(at(path))?;
        assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{path}");
        assert_eq!((metadata.uid(), metadata.gid().to_string()), (0, (*group).to_owned()), "{path}: {id}");
    }
    Ok(())
}

/// Verifies a unit whose programs are those that are built, where the paths of an installation are not.
fn verify(unit: &str, with_credentials: bool) -> Result<Output> {
    let folder = tempfile::tempdir()?;
    let program = Program::Holdfast.path()?;
    let unit = unit.replace("/usr/local/bin/holdfast ", &format!("{} ", program.display()));
    ensure!(!unit.contains("=/usr/local/bin"), "a path that was not replaced");
    std::fs::write(folder.path().join("holdfast.service"), unit)?;
    if with_credentials {
        let drop_ins = folder.path().join("holdfast.service.d");
        std::fs::create_dir(&drop_ins)?;
        std::fs::copy(deploy("systemd/credentials.conf"), drop_ins.join("credentials.conf"))?;
    }
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no", "--recursive-errors=one", "./holdfast.service"]);
    // As on a machine without units of its own.
    command.env("SYSTEMD_UNIT_PATH", format!("{}:", folder.path().display()));
    Ok(command.current_dir(folder.path()).output()?)
}

fn is_root() -> Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(std::fs::metadata(Path::new("/proc/self"))?.uid() == 0)
}

/// In tenths: 1.5 of 10. What is left is the network, which is the server's purpose.
const THRESHOLD: &str = "--threshold=15";
