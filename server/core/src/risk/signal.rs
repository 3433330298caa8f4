//! The names of suspicions, and how strong they are.

use std::fmt;

macro_rules! signals {
    ($($(#[doc = $says:literal])+ $variant:ident = $word:literal;)+) => {
        /// A suspicion. The words are stable: they stand in policies, metrics and audit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum SignalName {
            $($(#[doc = $says])+ $variant,)+
        }

        impl SignalName {
            /// Every suspicion.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word in policies and audit.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// What it means, as a sentence.
            pub const fn says(self) -> &'static str {
                match self { $(Self::$variant => concat!($($says,)+).trim_ascii(),)+ }
            }

            /// The name of a word.
            pub fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|name| name.as_str() == word)
            }
        }
    };
}

signals! {
    /// The client is a program, and no browser, or one that is steered by a program.
    AgentAutomation = "agent.automation";
    /// The client is another one than at login, by what it says of itself.
    AgentChanged = "agent.changed";
    /// The browser could have bound the session to its device, and did not: somebody in between may have kept it from it.
    BindingMissing = "binding.missing_on_capable_browser";
    /// Another key was bound for this user's browser a short while before.
    BindingReboundSoon = "binding.rebound_soon";
    /// A copy of a cookie is in use that the owner's browser has long replaced.
    CookieStale = "cookie.stale";
    /// The device does not comply with the rules of those who manage it.
    DeviceNoncompliant = "device.noncompliant";
    /// Nothing is known of the device.
    DeviceUnknown = "device.unknown";
    /// More is fetched from routes that export data than the session usually does.
    ExportBurst = "export.burst";
    /// The login was weaker than those that the user usually makes.
    LoginWeak = "login.weak";
    /// The client uses a network that hides its users.
    NetworkAnonymizer = "network.anonymizer";
    /// The session is used from another network than before.
    NetworkChanged = "network.changed";
    /// The client is in a data centre.
    NetworkHosting = "network.hosting";
    /// The user has begun many sessions in a short time, or in several countries.
    SessionConcurrency = "session.concurrency";
    /// Somebody else has told that the user's credentials have changed since the login.
    SharedCredential = "shared.credential";
    /// Somebody else has told that the user or the session is at risk.
    SharedRisk = "shared.risk";
    /// The user is on two continents at once.
    TravelContinents = "travel.continents";
    /// Nobody travels from the last place to this one so fast.
    TravelImpossible = "travel.impossible";
}

impl fmt::Display for SignalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How strong a suspicion is: 0 is none, 100 could not be stronger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Score(u8);

impl Score {
    /// No suspicion.
    pub const NONE: Self = Self(0);
    /// The strongest.
    pub const FULL: Self = Self(100);

    /// From here on something is not believed to be the owner's doing, and nothing is learned from it.
    pub const STRANGE: Self = Self(40);
    /// From here on others are told that the danger is high.
    pub const GRAVE: Self = Self(70);

    /// A score; whatever is more than 100 is 100.
    pub const fn new(score: u8) -> Self {
        if score > 100 { Self::FULL } else { Self(score) }
    }

    /// A score from a share of the whole; what is no number is the strongest.
    pub fn of_share(share: f64) -> Self {
        if share.is_nan() {
            return Self::FULL;
        }
        #[expect(
            clippy::as_conversions,
            reason = "between 0 and 100, so nothing is cut off but the fraction"
        )]
        #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "the same")]
        let score = (share.clamp(0.0, 1.0) * 100.0).round() as u8;
        Self(score)
    }

    /// The number.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// A part of it.
    #[must_use]
    pub fn damped(self, factor: f64) -> Self {
        Self::of_share(f64::from(self.0) / 100.0 * factor)
    }
}

/// A suspicion, how strong it is, and what it was drawn from.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Which.
    pub name: SignalName,
    /// How strong.
    pub score: Score,
    /// From what: names and values, for whoever wants to follow the reasoning.
    pub factors: Vec<(&'static str, Factor)>,
}

impl Signal {
    /// A suspicion without factors yet.
    pub const fn new(name: SignalName, score: Score) -> Self {
        Self { name, score, factors: Vec::new() }
    }

    /// With one more factor.
    #[must_use]
    pub fn because(mut self, name: &'static str, factor: impl Into<Factor>) -> Self {
        self.factors.push((name, factor.into()));
        self
    }
}

/// What a suspicion was drawn from.
#[derive(Clone, Debug, PartialEq)]
pub enum Factor {
    /// A count, a distance in kilometres, a span in seconds.
    Number(u64),
    /// A word of this program or of a database. Never anything that a client wrote.
    Word(Box<str>),
}

impl From<u64> for Factor {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<f64> for Factor {
    /// To the next whole number: people read it.
    #[expect(clippy::as_conversions, reason = "the conversion saturates")]
    #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "the same")]
    fn from(number: f64) -> Self {
        Self::Number(number.round() as u64)
    }
}

impl From<u32> for Factor {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<&str> for Factor {
    fn from(word: &str) -> Self {
        Self::Word(word.into())
    }
}

impl From<String> for Factor {
    fn from(word: String) -> Self {
        Self::Word(word.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_stay_within_their_bounds() {
        assert_eq!(Score::new(255), Score::FULL);
        assert_eq!(Score::of_share(-3.0), Score::NONE);
        assert_eq!(Score::of_share(f64::NAN), Score::FULL);
        assert_eq!(Score::of_share(0.456).get(), 46);
        assert_eq!(Score::new(80).damped(0.3).get(), 24);
        assert_eq!(Score::new(80).damped(7.0), Score::FULL);
    }

    #[test]
    fn each_word_names_one() {
        for name in SignalName::ALL {
            assert_eq!(SignalName::of(name.as_str()), Some(*name));
            assert!(name.says().ends_with('.'));
        }
        assert_eq!(SignalName::of("time.unusual"), None);
    }
}
