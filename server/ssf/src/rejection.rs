//! Why a token is not taken.

use std::fmt;

/// Why a security event token is not taken. The codes are stable: they stand in answers, metrics and audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetRejection {
    /// `alg` is none of those that this issuer may sign with; `none` never is.
    Algorithm,
    /// `aud` does not name this receiver.
    Audience,
    /// An event that is known has members that are missing or are not what its specification says.
    Event,
    /// `events` is missing, empty, or no object of objects.
    Events,
    /// `exp` has passed, beyond the tolerance, or is no number of seconds.
    Expired,
    /// The header brings its own key, which nobody who checks signatures may use.
    HeaderKey,
    /// `iat` is later than this clock says, beyond the tolerance.
    Future,
    /// `iat` is missing, or no number of seconds.
    IssuedAt,
    /// `iss` is not the issuer of this receiver.
    Issuer,
    /// `jti` is missing, or no text of modest length.
    Jti,
    /// The token is no compact JWS of JSON objects, or too large.
    Malformed,
    /// `iat` is further in the past than tokens are remembered.
    Old,
    /// The signature does not fit.
    Signature,
    /// `sub` stands beside `events`: the subject belongs into `sub_id`.
    Subject,
    /// `typ` is not `secevent+jwt`: a token of another kind.
    Type,
    /// The issuer has published no such key.
    UnknownKey,
}

impl SetRejection {
    /// Every rejection.
    pub const ALL: [Self; 16] = [
        Self::Algorithm,
        Self::Audience,
        Self::Event,
        Self::Events,
        Self::Expired,
        Self::HeaderKey,
        Self::Future,
        Self::IssuedAt,
        Self::Issuer,
        Self::Jti,
        Self::Malformed,
        Self::Old,
        Self::Signature,
        Self::Subject,
        Self::Type,
        Self::UnknownKey,
    ];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Algorithm => "set_algorithm",
            Self::Audience => "set_audience",
            Self::Event => "set_event",
            Self::Events => "set_events",
            Self::Expired => "set_expired",
            Self::HeaderKey => "set_header_key",
            Self::Future => "set_future",
            Self::IssuedAt => "set_issued_at",
            Self::Issuer => "set_issuer",
            Self::Jti => "set_jti",
            Self::Malformed => "set_malformed",
            Self::Old => "set_old",
            Self::Signature => "set_signature",
            Self::Subject => "set_subject",
            Self::Type => "set_type",
            Self::UnknownKey => "set_unknown_key",
        }
    }

    /// What the transmitter is told (RFC 8935 §2.4, RFC 8936 §2.6).
    pub const fn error(self) -> DeliveryError {
        match self {
            Self::Algorithm | Self::HeaderKey | Self::Signature | Self::UnknownKey => {
                DeliveryError::InvalidKey
            }
            Self::Audience => DeliveryError::InvalidAudience,
            Self::Issuer => DeliveryError::InvalidIssuer,
            Self::Event
            | Self::Events
            | Self::Expired
            | Self::Future
            | Self::IssuedAt
            | Self::Jti
            | Self::Malformed
            | Self::Old
            | Self::Subject
            | Self::Type => DeliveryError::InvalidRequest,
        }
    }

    /// What happened, whose turn it is, and what would be right.
    pub const fn says(self) -> &'static str {
        match self {
            Self::Algorithm => {
                "alg is none of the algorithms that the receiver expects of this transmitter; sign with RS256 or ES256"
            }
            Self::Audience => "aud does not name this receiver; use the audience that its operator gave",
            Self::Event => {
                "an event has members that are missing or not as its specification says; send it as CAEP or RISC describe it"
            }
            Self::Events => "events must be an object with at least one event, each of them an object",
            Self::Expired => {
                "exp has passed, or is no whole number of seconds since 1970; leave it out, as SSF 1.0 has it"
            }
            Self::HeaderKey => {
                "the header must not bring a key; publish it in the transmitter's JWK set and name it in kid"
            }
            Self::Future => "iat is in the future; one of the two clocks is wrong",
            Self::IssuedAt => "iat must be a whole number of seconds since 1970",
            Self::Issuer => "iss is not the transmitter that this endpoint was made for",
            Self::Jti => "jti must be a text of 1 to 512 bytes",
            Self::Malformed => "the body must be one compact JWS of JSON objects, of at most 16 KiB",
            Self::Old => {
                "iat is further in the past than this receiver looks back; events as old as this one are not taken"
            }
            Self::Signature => "the signature does not fit the published key",
            Self::Subject => "sub must not be there; say whom the event is about in sub_id",
            Self::Type => "typ must be secevent+jwt",
            Self::UnknownKey => "kid names no published key of the transmitter that fits alg",
        }
    }
}

impl fmt::Display for SetRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.says())
    }
}

impl std::error::Error for SetRejection {}

/// The errors of delivery (RFC 8935 §2.4), the same for push and poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryError {
    /// The transmitter is known, and may not send this here.
    AccessDenied,
    /// The transmitter is not known.
    AuthenticationFailed,
    /// The audience is another one.
    InvalidAudience,
    /// The issuer is another one.
    InvalidIssuer,
    /// The key or the signature is not good.
    InvalidKey,
    /// Whatever else is wrong with it.
    InvalidRequest,
}

impl DeliveryError {
    /// Every error.
    pub const ALL: [Self; 6] = [
        Self::AccessDenied,
        Self::AuthenticationFailed,
        Self::InvalidAudience,
        Self::InvalidIssuer,
        Self::InvalidKey,
        Self::InvalidRequest,
    ];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::AuthenticationFailed => "authentication_failed",
            Self::InvalidAudience => "invalid_audience",
            Self::InvalidIssuer => "invalid_issuer",
            Self::InvalidKey => "invalid_key",
            Self::InvalidRequest => "invalid_request",
        }
    }
}
