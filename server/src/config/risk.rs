//! `[risk]`: what suspicions are drawn from.

use std::path::PathBuf;

use super::reader::Reader;

/// What suspicions are drawn from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RiskConfig {
    /// The database that tells who hides behind an address; nobody knows without it.
    pub anonymous: Option<PathBuf>,
    /// The database that tells who announces an address.
    pub asn: Option<PathBuf>,
    /// The database that tells where an address is.
    pub city: Option<PathBuf>,
    /// The field in which a gateway tells how the client's TLS handshake looks (JA4). The gateway must remove it from what
    /// clients send.
    pub ja4_header: Option<http::HeaderName>,
}

pub(super) fn read_risk(mut section: Reader<'_>) -> RiskConfig {
    let risk = RiskConfig {
        anonymous: section.take("anonymous"),
        asn: section.take("asn"),
        city: section.take("city"),
        ja4_header: section.take("ja4_header"),
    };
    section.finish();
    risk
}
