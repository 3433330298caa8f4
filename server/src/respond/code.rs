//! The stable words of answers: what apps, logs and metrics tell them apart by.

use holdfast_core::{Rule, check::Reason};
use holdfast_ssf::DeliveryError;
use http::StatusCode;

use crate::telemetry::RefusalCode;

/// The stable code of an answer, on its way to the client, to log and to metrics. It comes from one of the lists of this
/// server, so that whoever describes an answer can name all that may stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Code(&'static str);

impl Code {
    /// The word on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        self.0
    }
}

impl From<ProblemCode> for Code {
    fn from(code: ProblemCode) -> Self {
        Self(code.as_str())
    }
}

impl From<OAuthError> for Code {
    fn from(error: OAuthError) -> Self {
        Self(error.as_str())
    }
}

impl From<Reason> for Code {
    fn from(reason: Reason) -> Self {
        Self(reason.as_str())
    }
}

impl From<RefusalCode> for Code {
    fn from(code: RefusalCode) -> Self {
        Self(code.as_str())
    }
}

impl From<DeliveryError> for Code {
    fn from(error: DeliveryError) -> Self {
        Self(error.as_str())
    }
}

impl From<Rule> for Code {
    fn from(rule: Rule) -> Self {
        Self(rule.code())
    }
}

macro_rules! problem_codes {
    ($($(#[doc = $says:literal])+ $variant:ident = $status:ident $word:literal;)+) => {
        /// Why a request was not served, where neither a check nor a protocol rule says so.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum ProblemCode {
            $($(#[doc = $says])+ $variant,)+
        }

        impl ProblemCode {
            /// The word on the wire.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The status that goes with it.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// What it means.
            pub(crate) const fn says(self) -> &'static str {
                match self { $(Self::$variant => concat!($($says,)+).trim_ascii(),)+ }
            }
        }
    };
}

problem_codes! {
    /// The app of this session is not configured at the moment. Nothing was decided.
    AppUnconfigured = SERVICE_UNAVAILABLE "app_unconfigured";
    /// No audit trail is kept here.
    AuditOff = NOT_FOUND "audit_off";
    /// A file of the audit trail cannot be read. Nothing was decided.
    AuditUnreadable = SERVICE_UNAVAILABLE "audit_unreadable";
    /// The file is no backup, not whole, or not this server's. Nothing of it was taken.
    BadBackup = BAD_REQUEST "bad_backup";
    /// The request is not what the call takes; the detail says what is.
    BadRequest = BAD_REQUEST "bad_request";
    /// The body is larger than this call takes, or it did not come in time.
    BodyTooLarge = PAYLOAD_TOO_LARGE "body_too_large";
    /// The session kept changing while the request was served. Nothing was decided.
    Contention = SERVICE_UNAVAILABLE "contention";
    /// Another origin has posted this.
    CrossOrigin = FORBIDDEN "cross_origin";
    /// An operator's token where an app's is needed, or the other way round.
    Forbidden = FORBIDDEN "forbidden";
    /// The gateway has sent a header twice, unreadably or not at all.
    GatewayRequest = FORBIDDEN "gateway_request";
    /// The secret of the gateway is another one.
    GatewaySecret = FORBIDDEN "gateway_secret";
    /// The address is none of a gateway.
    GatewayUntrusted = FORBIDDEN "gateway_untrusted";
    /// No gateway is configured.
    GatewaysOff = FORBIDDEN "gateways_off";
    /// A fault of the server's.
    InternalError = INTERNAL_SERVER_ERROR "internal_error";
    /// The issuer of the access token has never told its keys. Nothing was decided.
    IssuerUnavailable = SERVICE_UNAVAILABLE "issuer_unavailable";
    /// Nothing that is still good is known of this device from the caller.
    DeviceUnknown = NOT_FOUND "device_unknown";
    /// The caller has told of as many devices as are remembered of one caller.
    DevicesFull = INSUFFICIENT_STORAGE "devices_full";
    /// The endpoint takes another method; Allow says which.
    MethodNotAllowed = METHOD_NOT_ALLOWED "method_not_allowed";
    /// The thief of the demo has no such copy.
    NoCopy = BAD_REQUEST "no_copy";
    /// There is nothing at this address.
    NotFound = NOT_FOUND "not_found";
    /// The body is declared as something other than application/json.
    NotJson = UNSUPPORTED_MEDIA_TYPE "not_json";
    /// There is more to do than can be done in time. Nothing was changed.
    Overloaded = SERVICE_UNAVAILABLE "overloaded";
    /// A proof is needed: sign the challenge.
    ProofRequired = FORBIDDEN "proof_required";
    /// The operating system gives no randomness. Nothing was decided.
    RandomnessUnavailable = SERVICE_UNAVAILABLE "randomness_unavailable";
    /// There were too many requests from this address, or of this session. Nothing was changed.
    RateLimited = SERVICE_UNAVAILABLE "rate_limited";
    /// The session was not used for too long: only a new login of its user opens it.
    SessionLocked = CONFLICT "session_locked";
    /// There is no session of this id that the caller may see, or it has ended and the call needs a living one.
    SessionUnknown = NOT_FOUND "session_unknown";
    /// The receiver has a stream already.
    StreamExists = CONFLICT "stream_exists";
    /// The receiver has no such stream.
    StreamUnknown = NOT_FOUND "stream_unknown";
    /// The store does not answer. Nothing was decided.
    StoreUnavailable = SERVICE_UNAVAILABLE "store_unavailable";
    /// There are as many listeners as this server has places for.
    TooManyListeners = SERVICE_UNAVAILABLE "too_many_listeners";
    /// No API token, more than one, or one that is not known.
    Unauthorized = UNAUTHORIZED "unauthorized";
    /// Host is the origin of no app, and there are several.
    UnknownOrigin = MISDIRECTED_REQUEST "unknown_origin";
}

/// The errors of the OAuth endpoints (RFC 6749 §5.2, RFC 7009 §2.2.1, RFC 9449 §5 and §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OAuthError {
    InvalidClient,
    InvalidDpopProof,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    InvalidToken,
    UnsupportedGrantType,
    UnsupportedTokenType,
    UseDpopNonce,
}

impl OAuthError {
    /// Every error.
    pub(crate) const ALL: [Self; 9] = [
        Self::InvalidClient,
        Self::InvalidDpopProof,
        Self::InvalidGrant,
        Self::InvalidRequest,
        Self::InvalidScope,
        Self::InvalidToken,
        Self::UnsupportedGrantType,
        Self::UnsupportedTokenType,
        Self::UseDpopNonce,
    ];

    /// The word on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidClient => "invalid_client",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidToken => "invalid_token",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::UseDpopNonce => "use_dpop_nonce",
        }
    }
}
