//! The files that the trail and its sinks write, kept apart.
//!
//! A sink that wrote into the trail would end its chain, and one that turned its pages there would move it away. So would two
//! sinks in one file to each other. The same file has many names, and they are all looked at.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Component, Path, PathBuf},
};

use crate::config::{AuditConfig, SinkKind};

/// A sentence for each file sink that would write into the trail, or into the file of another sink.
pub(super) fn problems(config: &AuditConfig) -> Vec<String> {
    let trail = config.file.as_deref().map(|path| ("audit.file".to_owned(), Written::at(path)));
    let mut taken: Vec<_> = trail.into_iter().collect();
    let mut problems = Vec::new();
    for (index, sink) in config.sinks.iter().enumerate() {
        let SinkKind::File { path, .. } = &sink.kind else { continue };
        let (key, written) = (format!("audit.sinks.{index}.path"), Written::at(path));
        let path = path.display();
        for (other, place) in &taken {
            let is_trail = other == "audit.file";
            if written.is(place) {
                let costs = if is_trail {
                    "the lines of the sink would break the chain of the trail"
                } else {
                    "the two would write into each other's lines"
                };
                problems.push(format!(
                    "{key}: {path} is the file of {other}; {costs}: give the sink its own file"
                ));
            } else if written.has_a_page_of(place) {
                let whose = if is_trail { "the trail" } else { "one sink" };
                problems.push(format!(
                    "{key}: {path} has a name that {other} gives to full files, or the other way round; the files of {whose} \
                     would be taken for the other's: give the sink its own name"
                ));
            }
        }
        taken.push((key, written));
    }
    problems
}

/// A file, by what its name leads to.
struct Written {
    path: PathBuf,
    /// The device and the file on it, if it is there.
    identity: Option<(u64, u64)>,
}

impl Written {
    fn at(path: &Path) -> Self {
        let identity = fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
        Self { path: resolve(path), identity }
    }

    fn is(&self, other: &Self) -> bool {
        self.path == other.path || (self.identity.is_some() && self.identity == other.identity)
    }

    /// Whether one of the two has a name that full files of the other get: `events.1`, `audit.jsonl-20261126`.
    fn has_a_page_of(&self, other: &Self) -> bool {
        let is_page = |page: &Path, of: &Path| {
            let names = page.file_name().zip(of.file_name()).filter(|_| page.parent() == of.parent());
            let rest = names.and_then(|(page, of)| page.as_bytes().strip_prefix(of.as_bytes()));
            rest.is_some_and(|rest| {
                rest == b".next"
                    || matches!(rest.split_first(), Some((b'.' | b'-', number))
                        if number.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-'))
            })
        };
        is_page(&self.path, &other.path) || is_page(&other.path, &self.path)
    }
}

/// Where a path leads, also if the file is not there yet, or its folder.
fn resolve(path: &Path) -> PathBuf {
    let mut path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // A link to a file that is still to be made leads to where it will be made.
    for _ in 0..MOST_LINKS {
        path = resolve_folder(&path);
        let Ok(target) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("/")).join(target);
    }
    path
}

/// The path with the links of its folder followed, and its last part as it is.
fn resolve_folder(path: &Path) -> PathBuf {
    let mut folder = path.parent().unwrap_or(Path::new("/")).to_owned();
    let mut missing: Vec<OsString> = Vec::new();
    let mut found = loop {
        match fs::canonicalize(&folder) {
            Ok(found) => break found,
            Err(error) if error.kind() != io::ErrorKind::NotFound => break folder,
            Err(_) => {}
        }
        let Some(last) = folder.components().next_back().filter(|last| *last != Component::RootDir) else {
            break folder;
        };
        missing.push(last.as_os_str().to_owned());
        folder.pop();
    };
    // What is not there has no links in it, so a way back is one step back.
    for part in missing.into_iter().rev().chain(path.file_name().map(OsString::from)) {
        match part.as_bytes() {
            b".." => drop(found.pop()),
            _ => found.push(part),
        }
    }
    found
}

/// As many as Linux follows.
const MOST_LINKS: usize = 40;

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, path::Path};

    use super::*;
    use crate::{Config, config::smallest};

    fn problems_in(folder: &Path, audit: &str, sinks: &[&str]) -> Vec<String> {
        let sinks = sinks.iter().enumerate().map(|(index, path)| {
            format!("[[audit.sinks]]\nname = \"sink-{index}\"\nkind = \"file\"\npath = \"{path}\"\n")
        });
        let more =
            format!("[store]\nkind = \"memory\"\n[audit]\nfile = \"{audit}\"\n{}", sinks.collect::<String>());
        let text = smallest(&"1".repeat(64), &more);
        problems(&Config::parse(&text, "holdfast.toml", folder, []).unwrap().audit)
    }

    #[test]
    fn the_trail_is_no_sink_however_it_is_spelt() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::create_dir_all(folder.join("log/deep")).unwrap();
        symlink(folder.join("log"), folder.join("logs")).unwrap();
        symlink("audit.jsonl", folder.join("log/alias")).unwrap();
        symlink("alias", folder.join("log/alias-of-alias")).unwrap();
        let absolute = folder.join("log/audit.jsonl").display().to_string();
        let spelt = [
            "log/audit.jsonl",
            "./log/./audit.jsonl",
            "log//audit.jsonl",
            "log/deep/../audit.jsonl",
            "logs/audit.jsonl",
            "logs/deep/../audit.jsonl",
            "log/alias",
            "logs/alias-of-alias",
            &absolute,
        ];
        // Once while there is no trail yet, and once when there is one.
        for is_there in [false, true] {
            if is_there {
                fs::write(&absolute, "").unwrap();
                fs::hard_link(&absolute, folder.join("twin")).unwrap();
            }
            for path in spelt.into_iter().chain(is_there.then_some("twin")) {
                let told = problems_in(folder, "log/audit.jsonl", &["others", path]);
                assert_eq!(told.len(), 1, "{path}: {told:?}");
                assert!(told[0].starts_with("audit.sinks.1.path: "), "{told:?}");
                assert!(
                    told[0].contains("is the file of audit.file; the lines of the sink would break"),
                    "{told:?}"
                );
                let turned = problems_in(folder, path, &["log/audit.jsonl"]);
                assert_eq!(turned.len(), 1, "{path}: {turned:?}");
            }
        }
        // A folder that is still to be made.
        assert_eq!(problems_in(folder, "new/audit.jsonl", &["new/x/../audit.jsonl"]).len(), 1);
    }

    #[test]
    fn two_sinks_have_two_files() {
        let folder = tempfile::tempdir().unwrap();
        symlink("events", folder.path().join("alias")).unwrap();
        for path in ["events", "./events", "alias"] {
            let told = problems_in(folder.path(), "audit.jsonl", &["events", path]);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].starts_with("audit.sinks.1.path: "), "{told:?}");
            assert!(told[0].contains("is the file of audit.sinks.0.path; the two would write"), "{told:?}");
        }
    }

    #[test]
    fn full_files_are_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        for (audit, sinks) in [
            ("audit.jsonl", ["audit.jsonl.1", "x"]),
            ("audit.jsonl", ["audit.jsonl-20261126", "x"]),
            ("audit.jsonl", ["audit.jsonl.next", "x"]),
            ("events.1", ["x", "events"]),
            ("audit.jsonl", ["events", "events.2"]),
        ] {
            let told = problems_in(folder.path(), audit, &sinks);
            assert_eq!(told.len(), 1, "{audit} {sinks:?}: {told:?}");
            assert!(told[0].contains("give the sink its own name"), "{told:?}");
        }
    }

    #[test]
    fn files_side_by_side_are_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let sinks = ["audit.jsonl.ocsf", "audit.cef", "other/audit.jsonl", "audit.jsonlx.1"];
        assert_eq!(problems_in(folder.path(), "audit.jsonl", &sinks), Vec::<String>::new());
    }
}
