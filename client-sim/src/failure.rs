//! What can go wrong outside of the protocol itself.

use std::fmt;

/// Why a step could not be carried out.
///
/// A server that says no is an answer, not a failure: failures are about the tool's own means.
#[derive(Debug)]
pub enum Failure {
    /// An answer that Holdfast's contract does not know.
    Answer(String),
    /// A file that could not be read, written or understood.
    File(String),
    /// A key could not be made, loaded or used.
    Key(String),
    /// The other side could not be reached, or hung up.
    Network(String),
    /// The arguments make no sense together.
    Usage(String),
}

impl Failure {
    /// An answer outside of the contract: what was asked, and what came back.
    pub fn answer(asked: &str, answer: &crate::http::Answer) -> Self {
        let body: String = answer.text().chars().take(200).collect();
        Self::Answer(format!("{asked} answered {} {body}", answer.status))
    }

    /// A key operation that did not work, with the library's own words.
    pub fn key(doing: &str, why: impl fmt::Display) -> Self {
        Self::Key(format!("{doing}: {why}"))
    }

    /// A file operation that did not work.
    pub fn file(path: &std::path::Path, why: impl fmt::Display) -> Self {
        Self::File(format!("{}: {why}", path.display()))
    }

    /// A connection that did not work.
    pub fn network(doing: &str, why: impl fmt::Display) -> Self {
        Self::Network(format!("{doing}: {why}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(why) => write!(f, "unexpected answer: {why}"),
            Self::File(why) => write!(f, "file: {why}"),
            Self::Key(why) => write!(f, "key: {why}"),
            Self::Network(why) => write!(f, "network: {why}"),
            Self::Usage(why) => write!(f, "{why}"),
        }
    }
}

impl std::error::Error for Failure {}
