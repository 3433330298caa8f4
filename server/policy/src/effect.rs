//! What a policy can have done about a request.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$meta:meta])* $name:ident, $unknown:ident, $says:literal; $($(#[doc = $doc:literal])+ $variant:ident = $word:literal;)+) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl $name {
            /// Each of them, the weakest first.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word in policies, configuration and audit.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = $unknown;

            fn from_str(text: &str) -> Result<Self, $unknown> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text).ok_or($unknown)
            }
        }

        #[doc = concat!("The text names none: ", $says, ".")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $unknown;

        impl fmt::Display for $unknown {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($says)
            }
        }

        impl std::error::Error for $unknown {}
    };
}

words! {
    /// What a policy can have done. The order is the strength: of several the strongest is done.
    ///
    /// A proof is stronger than a step-up because a thief can be handed a password, and not the device: what both are
    /// demanded of, the device is asked first.
    Effect, UnknownEffect,
    "the decisions are \"flag\", \"step_up\", \"reprove\", \"deny\" and \"revoke\"";
    /// The request goes on, and the audit trail tells of it.
    Flag = "flag";
    /// The user authenticates again.
    StepUp = "step_up";
    /// The device proves its key now. A session without a key cannot, and its user authenticates again.
    Reprove = "reprove";
    /// The request is refused.
    Deny = "deny";
    /// The session ends.
    Revoke = "revoke";
}

words! {
    /// How much a policy may do yet.
    Mode, UnknownMode,
    "the modes are \"observe\", \"additive\" and \"enforce\"";
    /// It is told what it would have done, and nothing is done.
    Observe = "observe";
    /// It may demand more of the user or the device, and refuse or end nothing: a step-up takes the place of that.
    Additive = "additive";
    /// It does what it says.
    Enforce = "enforce";
}

impl Mode {
    /// What is left of an effect.
    pub fn allows(self, effect: Effect) -> Effect {
        match (self, effect) {
            (Self::Observe, _) => Effect::Flag,
            (Self::Additive, Effect::Deny | Effect::Revoke) => Effect::StepUp,
            (Self::Additive | Self::Enforce, effect) => effect,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_takes_away_and_never_adds() {
        for mode in Mode::ALL {
            for effect in Effect::ALL {
                assert!(mode.allows(*effect) <= *effect);
            }
        }
        assert_eq!(Mode::Additive.allows(Effect::Revoke), Effect::StepUp);
        assert_eq!(Mode::Additive.allows(Effect::Reprove), Effect::Reprove);
        assert_eq!(Mode::Enforce.allows(Effect::Revoke), Effect::Revoke);
        assert!(Effect::Reprove > Effect::StepUp);
    }
}
