//! The profiles of NIST SP 800-63B-4: how long sessions of an assurance level live, and what exceeds that.

use std::{fmt, str::FromStr, time::Duration};

use holdfast_core::{policy::SessionPolicy, write_duration};

/// An authenticator assurance level whose clauses on sessions the configuration follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// AAL1: some confidence.
    NistAal1,
    /// AAL2: two factors at the login.
    NistAal2,
    /// AAL3: two factors, one of them hardware.
    NistAal3,
}

/// How the limits of sessions were chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lifetimes {
    /// The profile that they follow; none if absent.
    pub profile: Option<Profile>,
    /// Why some of them do not, in the operator's words.
    pub justification: Option<Justification>,
    /// Where they do not.
    pub deviations: Vec<Deviation>,
}

/// A value that exceeds a clause of the profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// The key in `[session]`.
    pub key: &'static str,
    /// The value that is in force.
    pub value: String,
    /// The clause.
    pub clause: &'static Clause,
}

/// What a profile says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clause {
    /// Its section in NIST SP 800-63B-4.
    pub section: &'static str,
    /// How much it binds.
    pub weight: Weight,
    /// The key in `[session]`.
    pub key: &'static str,
    /// What the key may be.
    pub limit: Limit,
}

/// How much a clause binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Nothing replaces it.
    Shall,
    /// Whoever deviates says why.
    Should,
}

/// What a key may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// A span, no longer than this one.
    AtMost(Duration),
    /// A switch that stays off.
    Off,
}

/// Why an operator deviates: a sentence or a few, for whoever audits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Justification(String);

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::NistAal1, Self::NistAal2, Self::NistAal3];

    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NistAal1 => "nist-aal1",
            Self::NistAal2 => "nist-aal2",
            Self::NistAal3 => "nist-aal3",
        }
    }

    /// The assurance level, as NIST writes it.
    pub const fn level(self) -> &'static str {
        match self {
            Self::NistAal1 => "AAL1",
            Self::NistAal2 => "AAL2",
            Self::NistAal3 => "AAL3",
        }
    }

    /// What holds where nothing is written.
    pub fn defaults(self) -> SessionPolicy {
        let (idle, absolute) = match self {
            // The clause has no limit for idleness; ASVS 7.3.1 wants one.
            Self::NistAal1 => (7 * DAY, 30 * DAY),
            Self::NistAal2 => (HOUR, DAY),
            Self::NistAal3 => (HOUR / 4, 12 * HOUR),
        };
        SessionPolicy {
            idle,
            absolute,
            soft_lock: self == Self::NistAal2,
            unbound_persistent: false,
            ..SessionPolicy::default()
        }
    }

    /// Its clauses about values of the configuration.
    pub const fn clauses(self) -> &'static [Clause] {
        match self {
            Self::NistAal1 => {
                const { &[Clause::span("2.1.3", Weight::Should, "absolute", 30 * DAY.as_secs()), Clause::bearer()] }
            }
            Self::NistAal2 => {
                const {
                    &[
                        Clause::span("2.2.3", Weight::Should, "absolute", DAY.as_secs()),
                        Clause::span("2.2.3", Weight::Should, "idle", HOUR.as_secs()),
                        Clause::bearer(),
                    ]
                }
            }
            Self::NistAal3 => {
                const {
                    &[
                        Clause::span("2.3.3", Weight::Shall, "absolute", 12 * HOUR.as_secs()),
                        Clause::span("2.3.3", Weight::Should, "idle", HOUR.as_secs() / 4),
                        // One factor after a pause is for AAL2; here the whole login is due again.
                        Clause {
                            section: "2.3.3",
                            weight: Weight::Shall,
                            key: "soft_lock",
                            limit: Limit::Off,
                        },
                        Clause::bearer(),
                    ]
                }
            }
        }
    }

    /// Where a policy exceeds what the profile says.
    pub fn deviations(self, policy: &SessionPolicy) -> Vec<Deviation> {
        let exceeded = self.clauses().iter().filter_map(|clause| {
            let value = clause.exceeded_by(policy)?;
            Some(Deviation { key: clause.key, value, clause })
        });
        exceeded.collect()
    }
}

impl Clause {
    const fn span(section: &'static str, weight: Weight, key: &'static str, seconds: u64) -> Self {
        Self { section, weight, key, limit: Limit::AtMost(Duration::from_secs(seconds)) }
    }

    /// A secret that anybody can use who has it should be gone when the browser is closed.
    const fn bearer() -> Self {
        Self { section: "5.1", weight: Weight::Should, key: "unbound_persistent", limit: Limit::Off }
    }

    /// The value that exceeds this clause, as it would be written. `None` if it does not.
    fn exceeded_by(&self, policy: &SessionPolicy) -> Option<String> {
        match self.limit {
            Limit::AtMost(most) => {
                let span = if self.key == "idle" { policy.idle } else { policy.absolute };
                (span > most).then(|| write_duration(span))
            }
            Limit::Off => {
                let is_on =
                    if self.key == "soft_lock" { policy.soft_lock } else { policy.unbound_persistent };
                is_on.then(|| "true".to_owned())
            }
        }
    }
}

impl fmt::Display for Clause {
    /// What the clause says of its key: `NIST SP 800-63B-4 §2.3.3: absolute SHALL be at most 12h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = match self.weight {
            Weight::Shall => "SHALL",
            Weight::Should => "SHOULD",
        };
        write!(f, "NIST SP 800-63B-4 §{}: {} {weight} be ", self.section, self.key)?;
        match self.limit {
            Limit::AtMost(most) => write!(f, "at most {}", write_duration(most)),
            Limit::Off => f.write_str("false"),
        }
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|profile| profile.as_str() == text);
        found.ok_or_else(|| {
            "the profiles are \"nist-aal1\", \"nist-aal2\" and \"nist-aal3\"; without one, leave the key out".to_owned()
        })
    }
}

impl Justification {
    /// Its words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Justification {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let is_readable = (LEAST_WORDS..=MOST_WORDS).contains(&text.chars().count());
        if is_readable && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "a justification is one line of {LEAST_WORDS} to {MOST_WORDS} characters that says why, for whoever audits"
            ))
        }
    }
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// So many characters that `"yes"` and `"n/a"` are no reason.
const LEAST_WORDS: usize = 10;
const MOST_WORDS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_a_profile_are_within_it() {
        for profile in Profile::ALL {
            assert_eq!(profile.as_str().parse(), Ok(profile));
            assert_eq!(profile.deviations(&profile.defaults()), [], "{profile:?}");
        }
        let locks = Profile::ALL.map(|profile| profile.defaults().soft_lock);
        assert_eq!(locks, [false, true, false]);
    }

    #[test]
    fn each_clause_is_exceeded_alone() {
        for profile in Profile::ALL {
            for clause in profile.clauses() {
                let mut policy = profile.defaults();
                let second = Duration::from_secs(1);
                match (clause.key, clause.limit) {
                    ("absolute", Limit::AtMost(most)) => policy.absolute = most + second,
                    ("idle", Limit::AtMost(most)) => policy.idle = most + second,
                    ("soft_lock", Limit::Off) => policy.soft_lock = true,
                    ("unbound_persistent", Limit::Off) => policy.unbound_persistent = true,
                    other => panic!("no such clause: {other:?}"),
                }
                let found: Vec<_> = profile.deviations(&policy).iter().map(|found| found.clause).collect();
                assert_eq!(found, [clause], "{profile:?}");
            }
        }
    }

    #[test]
    fn a_reason_has_words() {
        assert!("tills are left open in the shop".parse::<Justification>().is_ok());
        let long = "x".repeat(1001);
        for text in ["", "   ", "yes", "because\u{7}of the bell", "two\nlines of it all", &long] {
            assert!(text.parse::<Justification>().is_err(), "{text:?}");
        }
    }
}
