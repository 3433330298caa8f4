//! Where a value came from: the file with its lines, and the environment that wins over it.

use std::{collections::BTreeMap, fmt};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::problem::Problem;

/// A configuration as it was written, every value with its place.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Boolean(bool),
    Integer(String),
    List(Vec<Located>),
    Table(BTreeMap<String, Located>),
    Text(String),
    /// A value of a type that no key wants.
    Unwanted(&'static str),
    /// The text of an environment variable; its key says how to read it.
    Variable(String),
}

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Located {
    pub(super) node: Node,
    pub(super) place: Place,
}

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A line of the configuration file, counted from 1.
    Line { file: String, line: usize },
    /// An environment variable.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, line } => write!(f, "{file}:{line}"),
            Self::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// Reads the file's text.
pub(super) fn parse(text: &str, file: &str) -> Result<Located, Problem> {
    let place = |offset: usize| {
        let before = text.as_bytes().get(..offset).unwrap_or_default();
        Place::Line { file: file.to_owned(), line: 1 + before.iter().filter(|byte| **byte == b'\n').count() }
    };
    match DeTable::parse(text) {
        Ok(table) => Ok(Located { node: convert_table(table.get_ref(), &place), place: place(0) }),
        Err(error) => {
            let place = place(error.span().map_or(0, |span| span.start));
            Err(Problem {
                place: Some(place),
                key: String::new(),
                what: format!("this is not TOML: {}", error.message()),
            })
        }
    }
}

/// Lays the environment over the file: `HOLDFAST__SESSION__IDLE` is `session.idle`, `HOLDFAST__APPS__0__NAME` the name
/// of the first app.
pub(super) fn overlay(
    root: &mut Located,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    // In the order of their names: the environment has none, and entry 0 of a list comes before entry 1.
    let variables: BTreeMap<String, String> = variables.into_iter().collect();
    for (name, value) in variables {
        let Some(path) = name.strip_prefix("HOLDFAST__") else { continue };
        let path: Vec<String> = path.split("__").map(str::to_ascii_lowercase).collect();
        let place = Place::Variable(name);
        if let Err(what) = insert(root, &path, &value, &place) {
            problems.push(Problem { place: Some(place), key: path.join("."), what });
        }
    }
    problems
}

fn insert(at: &mut Located, path: &[String], value: &str, place: &Place) -> Result<(), String> {
    let Some((key, rest)) = path.split_first() else {
        *at = Located { node: Node::Variable(value.to_owned()), place: place.clone() };
        return Ok(());
    };
    if key.is_empty() {
        return Err("the name has an empty part; write for example HOLDFAST__SESSION__IDLE".to_owned());
    }
    let empty = || Located { node: Node::Table(BTreeMap::new()), place: place.clone() };
    if let Ok(index) = key.parse::<usize>() {
        // A number names an entry of a list; the list grows by one at most, so that no entry is left empty.
        if matches!(&at.node, Node::Table(table) if table.is_empty()) {
            at.node = Node::List(Vec::new());
        }
        let Node::List(list) = &mut at.node else { return Err("this is not a list".to_owned()) };
        if index == list.len() {
            list.push(empty());
        }
        let length = list.len();
        let entry = list
            .get_mut(index)
            .ok_or_else(|| format!("the list has {length} entries; the next one is {length}"))?;
        return insert(entry, rest, value, place);
    }
    // `tls = "off"` in the file gives way to `tls.cert` in the environment.
    if !matches!(at.node, Node::Table(_)) {
        *at = empty();
    }
    let Node::Table(table) = &mut at.node else { return Ok(()) };
    insert(table.entry(key.clone()).or_insert_with(empty), rest, value, place)
}

fn convert_table(table: &DeTable<'_>, place: &impl Fn(usize) -> Place) -> Node {
    let entries = table.iter().map(|(key, value)| (key.get_ref().to_string(), convert(value, place)));
    Node::Table(entries.collect())
}

fn convert(value: &Spanned<DeValue<'_>>, place: &impl Fn(usize) -> Place) -> Located {
    let node = match value.get_ref() {
        DeValue::Array(array) => Node::List(array.iter().map(|element| convert(element, place)).collect()),
        DeValue::Boolean(boolean) => Node::Boolean(*boolean),
        DeValue::Datetime(_) => Node::Unwanted("a date"),
        DeValue::Float(_) => Node::Unwanted("a fraction"),
        DeValue::Integer(integer) => Node::Integer(integer.as_str().to_owned()),
        DeValue::String(text) => Node::Text(text.to_string()),
        DeValue::Table(table) => convert_table(table, place),
    };
    Located { node, place: place(value.span().start) }
}
