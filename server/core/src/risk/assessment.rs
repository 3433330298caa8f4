//! What is suspected of a request, all in one place.

use super::signal::{Score, Signal, SignalName};

/// The suspicions about a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assessment {
    /// Those that hold. One with a score of zero is told because something cleared it, and changes nothing.
    pub signals: Vec<Signal>,
    /// Those of which nothing can be said, for want of data. They are not harmless for that.
    pub unknown: Vec<SignalName>,
    /// Whether the device has proved its key from where this request comes from.
    pub proved_here: bool,
    /// Whether the user is usually where this request comes from.
    pub is_known_place: bool,
}

impl Assessment {
    /// How strong a suspicion is; none if nothing is said of it.
    pub fn score(&self, name: SignalName) -> Score {
        let found = self.signals.iter().filter(|signal| signal.name == name).map(|signal| signal.score);
        found.max().unwrap_or(Score::NONE)
    }

    /// The strongest suspicion of all.
    pub fn highest(&self) -> Score {
        self.signals.iter().map(|signal| signal.score).max().unwrap_or(Score::NONE)
    }

    /// Adds a suspicion, if it is one.
    pub(super) fn add(&mut self, signal: Signal) {
        if signal.score > Score::NONE {
            self.signals.push(signal);
        }
    }

    /// Adds what a function could find out, or notes that it could not.
    pub(super) fn add_known(&mut self, name: SignalName, signal: Option<Signal>) {
        match signal {
            Some(signal) => self.add(signal),
            None => self.unknown.push(name),
        }
    }
}

/// What is known of a device from those who manage it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Posture {
    /// It complies with their rules.
    Compliant,
    /// It does not.
    Noncompliant,
    /// They have said nothing, or too long ago: it is not managed.
    #[default]
    Unmanaged,
}

impl Posture {
    /// The word in policies and audit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compliant => "compliant",
            Self::Noncompliant => "noncompliant",
            Self::Unmanaged => "unmanaged",
        }
    }
}

/// What other parties have told of a user or a session, as far as it concerns a session that began before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// How much at risk they see it: 0 to 100.
    pub risk: Score,
    /// Whether a credential was changed since the user authenticated.
    pub credential_changed: bool,
}
