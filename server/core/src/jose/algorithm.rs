//! The signature algorithms, a closed list.

use std::{fmt, str::FromStr};

/// A signature algorithm by its JOSE name (RFC 7518 §3.1, RFC 8037 §3.1). What is not here does not exist; `none` least
/// of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519. RFC 8037 calls it `EdDSA`, RFC 9864 `Ed25519`; both names are read, the first is written.
    EdDsa,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [Self::Es256, Self::EdDsa, Self::Ps256, Self::Rs256];

    /// What a browser can sign a DBSC proof with (DBSC §9.1).
    pub const DBSC: &[Self] = &[Self::Es256, Self::Rs256];

    /// What a DPoP proof may be signed with unless the operator says otherwise.
    pub const DPOP: &[Self] = &[Self::Es256, Self::EdDsa, Self::Ps256];

    /// The name in a header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
        }
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        match name {
            "ES256" => Ok(Self::Es256),
            "EdDSA" | "Ed25519" => Ok(Self::EdDsa),
            "PS256" => Ok(Self::Ps256),
            "RS256" => Ok(Self::Rs256),
            _ => Err(UnknownAlgorithm),
        }
    }
}

/// The name is of no algorithm spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownAlgorithm;

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the algorithms are \"ES256\", \"EdDSA\", \"PS256\" and \"RS256\"")
    }
}

impl std::error::Error for UnknownAlgorithm {}
