//! How a session is bound, and how much that is worth.

use std::{fmt, str::FromStr};

/// How strongly a session is bound to a device, from nothing to a proven chip. The order is the strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Not bound: whoever holds the cookie holds the session.
    None,
    /// Bound to a key that is known to live in software.
    Software,
    /// Bound to a key that the browser claims to keep in hardware. Nothing proves it.
    Hardware,
    /// Bound to a key that a certificate chain proves to live in a TPM.
    Attested,
}

impl Level {
    /// Every level, weakest first.
    pub const ALL: [Self; 4] = [Self::None, Self::Software, Self::Hardware, Self::Attested];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Software => "software",
            Self::Hardware => "hardware",
            Self::Attested => "attested",
        }
    }

    /// The strength as a number, for storage and cookies.
    pub const fn as_byte(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Software => 1,
            Self::Hardware => 2,
            Self::Attested => 3,
        }
    }

    /// The level of a stored number.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_byte() == byte)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        Self::ALL.into_iter().find(|level| level.as_str() == text).ok_or(UnknownLevel)
    }
}

/// The text names no level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownLevel;

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a binding level is \"none\", \"software\", \"hardware\" or \"attested\"")
    }
}

impl std::error::Error for UnknownLevel {}

/// By which protocol a session was bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Device Bound Session Credentials, spoken by browsers.
    Dbsc,
    /// Demonstrating Proof of Possession (RFC 9449), spoken by OAuth clients.
    Dpop,
}

impl Method {
    /// Every protocol.
    pub const ALL: [Self; 2] = [Self::Dbsc, Self::Dpop];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dbsc => "dbsc",
            Self::Dpop => "dpop",
        }
    }
}
