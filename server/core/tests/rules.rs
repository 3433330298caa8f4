//! One rule, one name, four places: the rules in the code, the rows in `spec-notes/requirements`, the comments above the
//! checks, and the vectors. This test keeps the four equal.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a file that cannot be read fails the test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use holdfast_core::Rule;
use serde::Deserialize;

#[test]
fn the_rows_are_the_rules() {
    let rows = rows();
    let of_code: Vec<_> = Rule::ALL.iter().map(|rule| rule.id()).collect();
    let ids: BTreeSet<_> = rows.iter().map(|row| row.id.as_str()).collect();
    let unknown: Vec<_> = ids.iter().filter(|id| !of_code.contains(*id)).collect();
    let missing: Vec<_> = of_code.iter().filter(|id| !ids.contains(*id)).collect();
    assert!(unknown.is_empty(), "rows of no rule: {unknown:?}");
    assert!(missing.is_empty(), "rules without a row: {missing:?}");
    assert_eq!(ids.len(), rows.len(), "two rows have one id");
    for rule in Rule::ALL {
        let row = rows.iter().find(|row| row.id == rule.id()).unwrap();
        assert_eq!(row.code, rule.code(), "code of {}", row.id);
        assert_eq!(row.cite, rule.citation(), "cite of {}", row.id);
        assert_eq!(row.says, rule.says(), "says of {}", row.id);
    }
}

#[test]
fn rules_have_one_name_each() {
    let ids: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.id()).collect();
    assert_eq!(ids.len(), Rule::ALL.len());
    for rule in Rule::ALL {
        assert_eq!(rule_of_comment(&format!("// {} · a citation: a reason.", rule.id())), Some(rule.id()));
    }
}

/// A comment that names no rule is stale; a rule that no comment names is not checked anywhere, as far as one can see.
#[test]
fn every_check_has_its_comment() {
    let comments = comments();
    let rows = rows();
    for (id, paths) in &comments {
        let row = rows.iter().find(|row| &row.id == id);
        let row = row.unwrap_or_else(|| panic!("{paths:?} has a comment for {id}, which is no rule"));
        // The server may check a rule once more, earlier; the place in the row must be one of them.
        let there = paths.iter().any(|path| path.starts_with(&row.place));
        assert!(there, "{id} is checked in {paths:?}, its row says {:?}", row.place);
    }
    let missing: Vec<_> = rows
        .iter()
        .filter(|row| !comments.contains_key(&row.id))
        .map(|row| format!("{} (expected in {})", row.id, row.place.display()))
        .collect();
    assert!(missing.is_empty(), "no comment `// <rule> · …` stands above a check of: {}", missing.join(", "));
}

#[test]
fn every_rule_has_the_vectors_that_its_row_names() {
    let vectors = vectors();
    for row in rows() {
        let expected: BTreeSet<_> = row.vectors.iter().cloned().collect();
        let found = vectors.get(&row.id).cloned().unwrap_or_default();
        assert!(!found.is_empty(), "no vector breaks {}", row.id);
        assert_eq!(expected.len(), row.vectors.len(), "{} names a vector twice", row.id);
        assert_eq!(
            expected, found,
            "the row of {} (left) and the vectors that name it (right) differ",
            row.id
        );
    }
    let ids: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.id()).collect();
    let stale: Vec<_> = vectors.keys().filter(|id| !ids.contains(id.as_str())).collect();
    assert!(stale.is_empty(), "vectors name rules that are none: {stale:?}");
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Requirements {
    rule: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    code: String,
    cite: String,
    says: String,
    /// The file of the check, or the folder it is in.
    #[serde(rename = "where")]
    place: PathBuf,
    vectors: Vec<String>,
}

/// A file of vectors, as far as it concerns rules.
#[derive(Deserialize)]
struct VectorFile {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    rule: Option<String>,
}

fn rows() -> Vec<Row> {
    files_below(&root().join("spec-notes/requirements"), "toml")
        .iter()
        .flat_map(|path| {
            let text = fs::read_to_string(path).unwrap();
            let file: Requirements =
                toml::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            file.rule
        })
        .collect()
}

/// The rules that comments name, each with the files of the comments.
fn comments() -> BTreeMap<String, BTreeSet<PathBuf>> {
    let mut comments: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for folder in ["server/core/src", "server/src"] {
        for path in files_below(&root().join(folder), "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let place = path.strip_prefix(root()).unwrap().to_owned();
            for id in text.lines().filter_map(rule_of_comment) {
                comments.entry(id.to_owned()).or_default().insert(place.clone());
            }
        }
    }
    comments
}

/// The id in a line such as `// D-REG-02 · DBSC §9.9: the reason.`
fn rule_of_comment(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let text = line.strip_prefix("/// ").or_else(|| line.strip_prefix("// "))?;
    let (id, _citation) = text.split_once(" · ")?;
    let (series, number) = id.rsplit_once('-')?;
    let is_id = number.len() == 2
        && number.bytes().all(|b| b.is_ascii_digit())
        && series.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    is_id.then_some(id)
}

/// The names of the vectors that break each rule.
fn vectors() -> BTreeMap<String, BTreeSet<String>> {
    let mut vectors: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let shelf = root().join("tests/vectors");
    for path in files_below(&shelf, "json") {
        // What lies on the shelf itself is a capture or the keys; the vectors are in its folders, but for
        // the shape of other people's events.
        if path.parent() == Some(shelf.as_path()) || path.starts_with(shelf.join("ocsf")) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let file: VectorFile =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        for vector in file.vectors {
            let Some(rule) = vector.rule else { continue };
            let first = vectors.entry(rule).or_default().insert(vector.name.clone());
            assert!(first, "two vectors are named {}", vector.name);
        }
    }
    vectors
}

fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}")) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}
