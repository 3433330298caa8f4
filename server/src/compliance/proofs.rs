//! Finds the tests that rows name, in the sources.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The folder of the whole project.
pub(super) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every test of the workspace, as `program::module::name` or `crate::module::name`.
pub(super) fn tests() -> BTreeSet<String> {
    let project = project();
    let mut found = BTreeSet::new();
    for (folder, name) in CRATES {
        let folder = project.join(folder);
        walk(&folder.join("src"), name, &mut found);
        programs(&folder.join("tests"), &mut found);
    }
    programs(&project.join("tests/tests"), &mut found);
    found
}

/// Each file or folder below is a test program.
fn programs(folder: &Path, found: &mut BTreeSet<String>) {
    for path in entries(folder) {
        let name = stem(&path);
        if path.is_dir() {
            walk(&path, &name, found);
        } else if is_rust(&path) {
            read(&path, &name, found);
        }
    }
}

/// A folder of modules, named as the compiler names them.
fn walk(folder: &Path, module: &str, found: &mut BTreeSet<String>) {
    for path in entries(folder) {
        let name = stem(&path);
        let inner = match name.as_str() {
            "main" | "lib" | "mod" if !path.is_dir() => module.to_owned(),
            _ => format!("{module}::{name}"),
        };
        if path.is_dir() {
            walk(&path, &inner, found);
        } else if is_rust(&path) {
            read(&path, &inner, found);
        }
    }
}

/// The functions below a test attribute. Where the file has a module of tests, they are in it.
fn read(file: &Path, module: &str, found: &mut BTreeSet<String>) {
    let text = fs::read_to_string(file).unwrap();
    let mut is_test = false;
    let mut inner = "";
    for line in text.lines().map(str::trim) {
        if line == "mod tests {" {
            inner = "::tests";
        }
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(name) = line.split_once("fn ").and_then(|(_, rest)| rest.split(['(', '<']).next())
            && is_test
            && !line.starts_with("//")
        {
            found.insert(format!("{module}{inner}::{name}"));
            is_test = false;
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

const CRATES: [(&str, &str); 7] = [
    ("server", "holdfast"),
    ("server/audit", "holdfast_audit"),
    ("server/core", "holdfast_core"),
    ("server/policy", "holdfast_policy"),
    ("server/ssf", "holdfast_ssf"),
    ("server/store", "holdfast_store"),
    ("client-sim", "client_sim"),
];
