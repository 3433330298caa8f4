//! What the command line says of itself: help, manual pages, completions.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use holdfast_tests::Program;
use holdfast_tests::server::Stage;

fn say(arguments: &[&str]) -> Result<String> {
    let output = Program::Holdfast.command()?.args(arguments).output()?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// The commands that the help lists.
fn commands() -> Result<Vec<String>> {
    let help = say(&["--help"])?;
    let lines = help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let names = lines.take_while(|line| line.starts_with("  ")).filter(|line| !line.starts_with("   "));
    let names: Vec<_> = names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    ensure!(names.len() > 7 && names.iter().any(|name| name == "serve"), "{help}");
    Ok(names.into_iter().filter(|name| name != "help").collect())
}

#[test]
fn every_command_has_a_manual_page() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path().join("man1");
    say(&["man", "--dir", folder.to_str().context("a path")?])?;
    let names =
        std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names: BTreeSet<String> = names.collect::<Result<_>>()?;
    let shown = say(&["man"])?;
    for command in commands()? {
        let page = std::fs::read_to_string(folder.join(format!("holdfast-{command}.1")))?;
        ensure!(page.contains(".TH") && shown.contains(page.trim()), "{command}");
        let help = say(&[&command, "--help"])?;
        let options = help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 2);
        for option in options.map(|option| option.trim_end_matches([',', '>', ']'])) {
            ensure!(page.replace("\\-", "-").contains(option), "{command} {option}: {page}");
        }
        ensure!(names.contains(&format!("holdfast-{command}.1")), "{names:?}");
    }
    ensure!(names.contains("holdfast.1"), "{names:?}");
    Ok(())
}

#[test]
fn bash_understands_the_completions() -> Result<()> {
    let script = say(&["completions", "bash"])?;
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    bash.stdin.take().context("no way in")?.write_all(script.as_bytes())?;
    let output = bash.wait_with_output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    // What a user who presses the tabulator is offered.
    let ask = format!(
        "{script}\nCOMP_WORDS=(holdfast ''); COMP_CWORD=1; _holdfast holdfast '' holdfast; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let output = Command::new("bash").args(["--norc", "-c", &ask]).output()?;
    let offered = String::from_utf8(output.stdout)?;
    for command in commands()? {
        assert!(offered.lines().any(|line| line == command), "{command}: {offered}");
    }
    Ok(())
}

#[test]
fn every_shell_has_completions() -> Result<()> {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = say(&["completions", shell])?;
        assert!(script.contains("check-config") && script.contains("token-file"), "{shell}");
    }
    let output = Program::Holdfast.command()?.args(["completions", "csh"]).output()?;
    assert_eq!(output.status.code(), Some(2));
    Ok(())
}

#[test]
fn wrong_usage_ends_with_code_2_and_says_what_would_be_right() -> Result<()> {
    for (arguments, word) in [
        (vec!["serve"], "--config <FILE>"),
        (vec!["frobnicate"], "frobnicate"),
        (vec!["new-token", "--config", "x"], "--config"),
        (vec!["backup", "--out", "x"], "--token-file <FILE>"),
        (vec!["backup", "--token-file", "/nowhere/token", "--out", "x"], "a file with the operators' token"),
        (vec!["backup", "--token-file", "/dev/null", "--out", "/nowhere/x"], "the folder must exist"),
        (vec!["--data", "x", "serve", "--config", "y"], "--data"),
    ] {
        let output = Program::Holdfast.command()?.args(&arguments).output()?;
        let words = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {words}");
        assert!(words.starts_with("holdfast: ") && words.contains(word), "{arguments:?}: {words}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    Ok(())
}

/// Pages and scripts are for pipes, which may be closed before all is read.
#[test]
fn nobody_has_to_read_to_the_end() -> Result<()> {
    let mut holdfast = Program::Holdfast.command()?.arg("man").stdout(Stdio::piped()).spawn()?;
    drop(holdfast.stdout.take());
    assert_eq!(holdfast.wait()?.code(), Some(0));
    assert!(Stage::new()?.run(&["--version"], &[])?.status.success());
    Ok(())
}
