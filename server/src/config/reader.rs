//! Takes typed values out of a table, and notices what nobody took.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use ipnet::IpNet;

use super::{
    problem::Problem,
    source::{Located, Node, Place},
};
use crate::token::{MalformedTokenHash, TOKEN_PREFIX, TokenHash};

/// A table being read. Each `take` removes a key; [`Reader::finish`] refuses the keys that are left.
pub(super) struct Reader<'p> {
    path: String,
    place: Place,
    table: BTreeMap<String, Located>,
    taken: Vec<(&'static str, Option<Place>)>,
    base: PathBuf,
    problems: &'p mut Vec<Problem>,
}

impl<'p> Reader<'p> {
    pub(super) fn new(root: Located, base: &Path, problems: &'p mut Vec<Problem>) -> Self {
        let Located { node, place } = root;
        let table = if let Node::Table(table) = node { table } else { BTreeMap::new() };
        Self { path: String::new(), place, table, taken: Vec::new(), base: base.to_owned(), problems }
    }

    /// The table of that name, empty if it is absent.
    pub(super) fn section(&mut self, key: &'static str) -> Reader<'_> {
        let found = self.remove(key);
        self.enter(key.to_owned(), found)
    }

    /// The table of that name, if it is there.
    pub(super) fn optional_section(&mut self, key: &'static str) -> Option<Reader<'_>> {
        let found = self.remove(key)?;
        Some(self.enter(key.to_owned(), Some(found)))
    }

    /// Reads each table of a list of tables.
    pub(super) fn sections<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(Reader<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(found) = self.remove(key) else { return Vec::new() };
        let Node::List(list) = found.node else {
            let path = self.path_of(key);
            self.report(&found.place, key, format!("this is a list of tables; write [[{path}]]"));
            return Vec::new();
        };
        let entries = list.into_iter().enumerate();
        entries.filter_map(|(index, entry)| read(self.enter(format!("{key}.{index}"), Some(entry)))).collect()
    }

    /// A value that `parse` understands.
    pub(super) fn take<T: Value>(&mut self, key: &'static str) -> Option<T> {
        let found = self.remove(key)?;
        match T::read(&found.node, &self.base) {
            Ok(value) => Some(value),
            Err(what) => {
                self.report(&found.place, key, what);
                None
            }
        }
    }

    /// A value that must be there.
    pub(super) fn require<T: Value>(&mut self, key: &'static str, example: &str) -> Option<T> {
        if self.table.contains_key(key) {
            return self.take(key);
        }
        self.taken.push((key, None));
        let place = self.place.clone();
        self.report(&place, key, format!("this key is missing; write for example {key} = {example}"));
        None
    }

    /// A value, or its default.
    pub(super) fn take_or<T: Value>(&mut self, key: &'static str, default: T) -> T {
        self.take(key).unwrap_or(default)
    }

    /// A problem with a key of this table.
    pub(super) fn problem(&mut self, key: &str, what: impl Into<String>) {
        let written = self.taken.iter().find(|(name, _)| *name == key).and_then(|(_, place)| place.clone());
        let place = written.unwrap_or_else(|| self.place.clone());
        self.report(&place, key, what.into());
    }

    /// How many tables the list of that name has.
    pub(super) fn count(&self, key: &str) -> usize {
        match self.table.get(key).map(|found| &found.node) {
            Some(Node::List(list)) => list.len(),
            Some(_) => 1,
            None => 0,
        }
    }

    /// Whether the key is written.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Whether the key is there as a table.
    pub(super) fn is_table(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|found| matches!(found.node, Node::Table(_)))
    }

    /// Refuses the keys that nobody took.
    pub(super) fn finish(mut self) {
        let known = self.taken.iter().map(|(key, _)| *key).collect::<Vec<_>>().join(", ");
        for (key, found) in std::mem::take(&mut self.table) {
            self.report(&found.place, &key, format!("there is no such key; the keys here are {known}"));
        }
    }

    fn enter(&mut self, key: String, found: Option<Located>) -> Reader<'_> {
        let path = self.path_of(&key);
        let place = found.as_ref().map_or_else(|| self.place.clone(), |found| found.place.clone());
        let table = match found.map(|found| found.node) {
            None => BTreeMap::new(),
            Some(Node::Table(table)) => table,
            Some(_) => {
                self.report(&place, &key, format!("this is a table; write [{path}]"));
                BTreeMap::new()
            }
        };
        Reader { path, place, table, taken: Vec::new(), base: self.base.clone(), problems: self.problems }
    }

    fn remove(&mut self, key: &'static str) -> Option<Located> {
        let found = self.table.remove(key);
        self.taken.push((key, found.as_ref().map(|found| found.place.clone())));
        found
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn report(&mut self, place: &Place, key: &str, what: String) {
        let key = self.path_of(key);
        self.problems.push(Problem { place: Some(place.clone()), key, what });
    }
}

/// A type that a configuration value can be read into, once and for all.
pub(super) trait Value: Sized {
    /// Reads the value; `Err` says what would be right.
    fn read(node: &Node, base: &Path) -> Result<Self, String>;
}

/// A type that is written as a text.
macro_rules! text_values {
    ($($type:ty: $parse:expr;)+) => {
        $(impl Value for $type {
            fn read(node: &Node, _base: &Path) -> Result<Self, String> {
                let text = text_of(node)?;
                let parse: fn(&str) -> Result<Self, String> = $parse;
                parse(text).map_err(|right| format!("{text:?} does not fit: {right}"))
            }
        })+
    };
}

text_values! {
    String: |text| Ok(text.to_owned());
    Duration: |text| holdfast_core::parse_duration(text).map_err(|error| error.to_string());
    IpNet: |text| {
        let address = || text.parse::<std::net::IpAddr>().map(IpNet::from);
        text.parse().or_else(|_| address()).map_err(|_| "a network is an IP address and a prefix, such as \"10.0.0.0/8\"".to_owned())
    };
    super::profile::Justification: |text| text.parse();
    super::profile::Profile: |text| text.parse();
    holdfast_core::Origin: |text| text.parse().map_err(|error: holdfast_core::origin::MalformedOrigin| error.to_string());
    holdfast_core::dbsc::CookieName: |text| text.parse().map_err(|error: holdfast_core::dbsc::MalformedCookieName| error.to_string());
    holdfast_policy::Mode: |text| text.parse().map_err(|error: holdfast_policy::UnknownMode| error.to_string());
    http::HeaderName: |text| text.parse().map_err(|_| "a field name has letters, digits and \"-\", such as \"X-JA4\"".to_owned());
    holdfast_core::Level: |text| text.parse().map_err(|error: holdfast_core::level::UnknownLevel| error.to_string());
    holdfast_core::page::PageAddress: |text| text.parse().map_err(|error: holdfast_core::page::MalformedPage| error.to_string());
    holdfast_core::page::ParameterName: |text| text.parse().map_err(|error: holdfast_core::page::MalformedParameter| error.to_string());
    holdfast_core::policy::MethodName: |text| text.parse().map_err(|error: holdfast_core::policy::MalformedMethod| error.to_string());
    holdfast_core::policy::PathPattern: |text| text.parse().map_err(|error: holdfast_core::policy::MalformedPattern| error.to_string());
    holdfast_core::policy::Unbound: |text| text.parse().map_err(|error: holdfast_core::policy::UnknownUnbound| error.to_string());
    holdfast_core::jose::Algorithm: |text| text.parse().map_err(|error: holdfast_core::jose::UnknownAlgorithm| error.to_string());
}

impl Value for SocketAddr {
    fn read(node: &Node, _base: &Path) -> Result<Self, String> {
        // A port alone is a number to TOML.
        let (Node::Text(text) | Node::Variable(text) | Node::Integer(text)) = node else {
            return Err(text_of(node).err().unwrap_or_default());
        };
        text.parse().map_err(|_| {
            format!(
                "{text:?} does not fit: an address is an IP address and a port, such as \"127.0.0.1:8444\""
            )
        })
    }
}

impl Value for TokenHash {
    /// What was written is not repeated: it may be the token.
    fn read(node: &Node, _base: &Path) -> Result<Self, String> {
        let (Node::Text(text) | Node::Variable(text)) = node else {
            return Err(MalformedTokenHash.to_string());
        };
        text.parse().map_err(|malformed: MalformedTokenHash| {
            match text.trim_start().starts_with(TOKEN_PREFIX) {
                true => format!("this is the token itself; its hash belongs here: {malformed}"),
                false => malformed.to_string(),
            }
        })
    }
}

impl Value for PathBuf {
    fn read(node: &Node, base: &Path) -> Result<Self, String> {
        match text_of(node)? {
            "" => Err("a path is not empty".to_owned()),
            // A path in the file is meant from where the file is, not from where the server was started.
            text => Ok(base.join(text)),
        }
    }
}

impl Value for bool {
    fn read(node: &Node, _base: &Path) -> Result<Self, String> {
        match node {
            Node::Boolean(value) => Ok(*value),
            Node::Variable(text) if text == "true" => Ok(true),
            Node::Variable(text) if text == "false" => Ok(false),
            Node::Integer(_)
            | Node::List(_)
            | Node::Table(_)
            | Node::Text(_)
            | Node::Unwanted(_)
            | Node::Variable(_) => Err("this is true or false, without quotes".to_owned()),
        }
    }
}

impl Value for usize {
    fn read(node: &Node, _base: &Path) -> Result<Self, String> {
        let (Node::Integer(digits) | Node::Variable(digits)) = node else {
            return Err("this is a whole number, without quotes".to_owned());
        };
        digits
            .parse()
            .map_err(|_| format!("{digits:?} does not fit: this is a whole number that is not negative"))
    }
}

impl Value for u32 {
    fn read(node: &Node, base: &Path) -> Result<Self, String> {
        let number = usize::read(node, base)?;
        Self::try_from(number).map_err(|_| format!("{number} does not fit: this is at most {}", Self::MAX))
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ByteSize(pub(super) u64);

impl Value for ByteSize {
    fn read(node: &Node, _base: &Path) -> Result<Self, String> {
        let text = text_of(node)?;
        let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
        let read = units.into_iter().find_map(|(unit, shift)| {
            let digits = text.strip_suffix(unit)?;
            let number: u64 = digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))?;
            number.checked_mul(1 << shift)
        });
        read.map(Self).ok_or_else(|| {
            format!("{text:?} does not fit: a size is a number and a unit, such as \"256MiB\"")
        })
    }
}

impl<T: Value> Value for Vec<T> {
    fn read(node: &Node, base: &Path) -> Result<Self, String> {
        match node {
            Node::List(list) => list.iter().map(|element| T::read(&element.node, base)).collect(),
            Node::Variable(text) => {
                let elements = text.split(',').map(str::trim).filter(|element| !element.is_empty());
                elements.map(|element| T::read(&Node::Variable(element.to_owned()), base)).collect()
            }
            Node::Boolean(_) | Node::Integer(_) | Node::Table(_) | Node::Text(_) | Node::Unwanted(_) => {
                Err("this is a list, such as [\"a\", \"b\"]".to_owned())
            }
        }
    }
}

fn text_of(node: &Node) -> Result<&str, String> {
    match node {
        Node::Text(text) | Node::Variable(text) => Ok(text),
        Node::Boolean(_) => Err("this is a text in quotes, not true or false".to_owned()),
        Node::Integer(digits) => {
            Err(format!("this is a text in quotes, not a number; was \"{digits}\" meant, with a unit?"))
        }
        Node::List(_) => Err("this is a text in quotes, not a list".to_owned()),
        Node::Table(_) => Err("this is a text in quotes, not a table".to_owned()),
        Node::Unwanted(kind) => Err(format!("this is a text in quotes, not {kind}")),
    }
}
