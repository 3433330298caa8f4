//! `holdfast audit`: whether a trail is as it was written, and the keys that say so.

use std::{
    fmt::Write,
    fs::File,
    io::{self, BufReader},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Subcommand};
use holdfast_audit::{Expected, Keys, Report, Verifier, first_line};
use zeroize::Zeroizing;

use super::Exit;
use crate::{root_keys::RootKeys, signing::AuditKeys};

/// What `holdfast audit` must be told.
#[derive(Args, Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, PartialEq, Eq, Subcommand)]
enum Command {
    /// The public keys that checkpoints are verified with, as a JWK set. Keep it where the trail is kept.
    Keys(KeysOf),
    /// Finds any line that was changed, cut, moved or put in, and says which.
    ///
    /// The files may be given in any order. Exit code 0 if the trail is as it was written, 1 if it is not, and with --complete 3
    /// if it is as far as it is signed, and lines follow that no checkpoint covers.
    Verify(Verify),
}

#[derive(Args, Debug, PartialEq, Eq)]
struct KeysOf {
    /// The file of the root keys, as in secrets.root_key_file.
    #[arg(long, value_name = "FILE")]
    root_key_file: PathBuf,
}

#[derive(Args, Debug, PartialEq, Eq)]
struct Verify {
    /// The files of the trail: audit.file, and those that were put aside.
    #[arg(required = true, value_name = "TRAIL")]
    files: Vec<PathBuf>,
    /// The keys that checkpoints are verified with, as GET /v1/audit/jwks gives them.
    #[arg(long, value_name = "FILE", conflicts_with = "root_key_file")]
    jwks: Option<PathBuf>,
    /// The file of the root keys, from which they are made.
    #[arg(long, value_name = "FILE")]
    root_key_file: Option<PathBuf>,
    /// The line that the trail begins with, if older files were removed on purpose, as audit.keep does.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    from_seq: u64,
    /// audit.checkpoint_interval in seconds, if it was ever more than 300.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    checkpoint_interval: u64,
    /// audit.checkpoint_lines at its highest. Less than the default finds more.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    checkpoint_lines: u64,
    /// Answers with exit code 3 if lines follow the last signed checkpoint, which whoever can write the file may have forged. A
    /// server that stops, and each file that is put aside, end with a checkpoint.
    #[arg(long)]
    complete: bool,
}

pub(super) fn audit(arguments: &Arguments) -> Exit {
    match &arguments.command {
        Command::Keys(of) => match keys_of(&of.root_key_file) {
            Ok(keys) => Exit::done(keys.jwks),
            Err(what) => Exit::usage(what),
        },
        Command::Verify(verify) => match judge(verify) {
            Ok(report) => told(&report, verify.complete),
            Err(what) => Exit::usage(what),
        },
    }
}

fn keys_of(file: &Path) -> Result<AuditKeys, String> {
    let text = std::fs::read_to_string(file).map(Zeroizing::new).map_err(|error| unreadable(file, &error))?;
    let keys = RootKeys::parse(&text).map_err(|what| format!("{} {what}", file.display()))?;
    let (current, former) = keys.into_keys();
    AuditKeys::new(&current, &former)
}

fn judge(verify: &Verify) -> Result<Report, String> {
    let keys = match (&verify.jwks, &verify.root_key_file) {
        (Some(file), _) => {
            let bytes = std::fs::read(file).map_err(|error| unreadable(file, &error))?;
            Some(Keys::from_jwks(&bytes).map_err(|what| format!("{}: {what}", file.display()))?)
        }
        (None, Some(file)) => Some(keys_of(file)?.public()),
        (None, None) if verify.complete => return Err(NEEDS_KEYS.to_owned()),
        (None, None) => None,
    };
    let mut files = Vec::new();
    for path in &verify.files {
        let told = |error| unreadable(path, &error);
        let file = File::open(path).map_err(told)?;
        if !file.metadata().map_err(told)?.is_file() {
            return Err(format!("{} is no file", path.display()));
        }
        // What has no line of the chain is told of last.
        files.push((first_line(&file).map_err(told)?.unwrap_or(u64::MAX), path, file));
    }
    files.sort_by_key(|(first, _, _)| *first);
    let expected = Expected {
        first: verify.from_seq,
        lines: verify.checkpoint_lines,
        span: Duration::from_secs(verify.checkpoint_interval),
    };
    let mut verifier = Verifier::new(keys.as_ref()).expecting(expected);
    for (_, path, file) in files {
        let text = BufReader::with_capacity(1 << 20, file);
        verifier.file(&path.display().to_string(), text).map_err(|error| unreadable(path, &error))?;
    }
    Ok(verifier.finish())
}

/// What is to be done about faults.
const WHAT_NOW: &str = "what now: the number after a file's name is the line in it. Leave the files as they are, and copy them and the output of this \
     command elsewhere. Lines before the first fault that a checkpoint signs can be relied on. A sink, a backup or another copy has what the lines \
     were: compare by seq and hash\n";

fn unreadable(file: &Path, error: &io::Error) -> String {
    format!("{} cannot be read: {error}", file.display())
}

fn told(report: &Report, complete: bool) -> Exit {
    let mut words = String::new();
    for fault in &report.faults {
        let _ = writeln!(words, "{fault}");
    }
    if !report.faults.is_empty() {
        words.push_str(WHAT_NOW);
    }
    for note in &report.notes {
        let _ = writeln!(words, "note: {note}");
    }
    let (code, verdict) = match report.faults.len() {
        0 if complete && report.unsigned > 0 => {
            (INCOMPLETE, "not complete, in order as far as it is signed".to_owned())
        }
        0 => (0, "in order".to_owned()),
        1 => (1, "1 fault".to_owned()),
        many => (1, format!("{many} faults")),
    };
    let (lines, checkpoints) = (report.lines, report.checkpoints);
    let _ = write!(words, "{verdict}: {lines} lines, {checkpoints} checkpoints");
    if report.unsigned > 0 {
        let _ = write!(words, ", the last {} not signed", report.unsigned);
    }
    if let Some(end) = report.last {
        let _ = write!(words, ", ending with line {}, hash {}", end.seq, end.hash);
    }
    Exit::answer(code, words)
}

/// For scripts that must tell it from a trail that was changed.
const INCOMPLETE: u8 = 3;

const NEEDS_KEYS: &str =
    "--complete needs --jwks or --root-key-file: without keys no line is known to be signed";

#[cfg(test)]
mod tests {
    use std::{fs, sync::Arc};

    use holdfast_audit::{Checkpoints, Observer, Settings, Target, Trail};
    use holdfast_core::{RootKey, UnixTime};

    use super::*;

    struct Nobody;

    impl Observer for Nobody {
        fn written(&self, _: u64) {}
        fn failing(&self, _: &io::Error) {}
        fn works_again(&self) {}
    }

    fn write_trail(path: &Path, root: u8, lines: u32) {
        let keys = AuditKeys::new(&RootKey::from_bytes([root; 32]), &[]).unwrap();
        let checkpoints = Checkpoints { lines: 10, span: std::time::Duration::from_secs(60) };
        let target = Target::open(path, Settings { checkpoints, rotation: None }, Some(keys.seal())).unwrap();
        let now = Box::new(|| UnixTime::from_secs(1_795_341_600));
        let trail = Trail::begin(target, now, Box::new(Nobody), Arc::default()).unwrap();
        for number in 0..lines {
            let line = format!("{{\"time\":\"t\",\"event\":\"x\",\"n\":{number}}}");
            trail.line(|out| out.extend_from_slice(line.as_bytes()));
        }
        trail.close();
    }

    fn run(folder: &Path, file: &str, root_key: &str) -> (u8, String) {
        let exit = audit(&Arguments {
            command: Command::Verify(Verify {
                root_key_file: Some(folder.join(root_key)),
                ..of(folder.join(file))
            }),
        });
        (exit.code, exit.words)
    }

    fn of(file: PathBuf) -> Verify {
        Verify {
            files: vec![file],
            jwks: None,
            root_key_file: None,
            from_seq: 1,
            checkpoint_interval: 300,
            checkpoint_lines: 10_000,
            complete: false,
        }
    }

    #[test]
    fn signatures_are_checked_with_the_keys_of_the_root_key() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let hex = |byte: u8| format!("{byte:02x}").repeat(32);
        fs::write(folder.join("root.key"), format!("{}\n", hex(1))).unwrap();
        fs::write(folder.join("rotated.key"), format!("{}\n{}\n", hex(2), hex(1))).unwrap();
        fs::write(folder.join("other.key"), format!("{}\n", hex(3))).unwrap();
        write_trail(&folder.join("audit.jsonl"), 1, 35);

        let (code, words) = run(folder, "audit.jsonl", "root.key");
        assert!(code == 0 && words.starts_with("in order: 40 lines, 4 checkpoints, ending with"), "{words}");
        assert_eq!(run(folder, "audit.jsonl", "rotated.key").0, 0, "former keys are known");
        let (code, words) = run(folder, "audit.jsonl", "other.key");
        assert!(
            code == 1
                && words.contains("5 faults")
                && words.contains("can have forged every line")
                && words.contains("not among the given ones"),
            "{words}"
        );
        let (code, words) = run(folder, "audit.jsonl", "none.key");
        assert!(code == 2 && words.contains("none.key cannot be read"), "{words}");
        assert_eq!(run(folder, "none.jsonl", "root.key").0, 2);

        // Somebody who can write the file, and hash, but has no key.
        write_trail(&folder.join("forged.jsonl"), 4, 35);
        let (code, words) = run(folder, "forged.jsonl", "root.key");
        assert!(code == 1, "{words}");
        // The signature of another place of the chain does not serve.
        let text = fs::read_to_string(folder.join("audit.jsonl")).unwrap();
        let jws: Vec<_> = text
            .lines()
            .filter_map(|line| line.split("\"checkpoint\":\"").nth(1)?.split('"').next())
            .collect();
        fs::write(folder.join("moved.jsonl"), text.replace(jws[1], jws[0])).unwrap();
        let (code, words) = run(folder, "moved.jsonl", "root.key");
        assert!(code == 1 && words.contains("signs another place"), "{words}");
        assert!(
            words.contains("moved.jsonl:") && words.contains("\nwhat now: the number after a file's name"),
            "{words}"
        );
        // What is no trail at all is told of as a whole.
        fs::write(folder.join("empty.jsonl"), "").unwrap();
        let (code, words) = run(folder, "empty.jsonl", "root.key");
        assert!(
            code == 1
                && words.contains("empty.jsonl: there is no line of a chain: the file is empty, or is no"),
            "{words}"
        );
    }

    #[test]
    fn a_trail_is_complete_if_its_end_is_signed() {
        let folder = tempfile::tempdir().unwrap();
        let (trail, root) = (folder.path().join("audit.jsonl"), folder.path().join("root.key"));
        fs::write(&root, "01".repeat(32)).unwrap();
        write_trail(&trail, 1, 15);
        let verify = |complete| {
            let key = Some(root.clone());
            let exit = audit(&Arguments {
                command: Command::Verify(Verify { root_key_file: key, complete, ..of(trail.clone()) }),
            });
            (exit.code, exit.words)
        };
        assert_eq!(verify(true).0, 0, "a server that stops signs the end");

        // Whoever can write the file puts lines behind it, soon enough and well chained.
        let text = fs::read(&trail).unwrap();
        let last = text.split_inclusive(|byte| *byte == b'\n').next_back().unwrap();
        let mut link = holdfast_audit::ChainedLine::read(last.trim_ascii_end()).unwrap().link();
        let mut forged = text.clone();
        for number in 0..2 {
            let line = format!("{{\"time\":\"2026-11-22T10:00:0{number}.000Z\",\"event\":\"x\"}}");
            link = link.append(line.as_bytes(), &mut forged);
        }
        fs::write(&trail, forged).unwrap();
        let (code, words) = verify(false);
        assert!(code == 0 && words.contains("in order: 20 lines"), "{words}");
        assert!(
            words.contains("the last 2, since 2026-11-22T10:00:00.000Z as they say themselves"),
            "{words}"
        );
        let (code, words) = verify(true);
        assert!(code == 3 && words.contains("not complete, in order as far as it is signed"), "{words}");
        // A fault is one, complete or not.
        fs::write(&trail, &text[40..]).unwrap();
        assert_eq!((verify(false).0, verify(true).0), (1, 1));
        // And nobody can say so without keys.
        let exit =
            audit(&Arguments { command: Command::Verify(Verify { complete: true, ..of(trail.clone()) }) });
        assert!(exit.code == 2 && exit.words.contains("needs --jwks or --root-key-file"), "{}", exit.words);
    }

    #[test]
    fn keys_are_a_set_that_verifies() {
        let folder = tempfile::tempdir().unwrap();
        let (trail, root, set) = (
            folder.path().join("audit.jsonl"),
            folder.path().join("root.key"),
            folder.path().join("jwks.json"),
        );
        fs::write(&root, "01".repeat(32)).unwrap();
        write_trail(&trail, 1, 5);
        let exit = audit(&Arguments { command: Command::Keys(KeysOf { root_key_file: root.clone() }) });
        fs::write(&set, exit.words).unwrap();
        let verify = |jwks: &Path| {
            let verify = Verify { jwks: Some(jwks.to_owned()), ..of(trail.clone()) };
            audit(&Arguments { command: Command::Verify(verify) })
        };
        assert_eq!(verify(&set).code, 0);
        assert_eq!(verify(&root).code, 2, "no set");
        assert!(!fs::read_to_string(&set).unwrap().contains("\"d\""));
    }
}
