//! What Chromium calls the ways in which a registration or a refresh goes wrong.

use serde::Serialize;

/// A `fetchResult` other than success, by Chromium's own name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names are Chromium's and say what they mean")]
pub enum FetchError {
    BoundCookieSetForbidden,
    CrossOriginRegistrationSiteNotIncluded,
    EmptyScopeSpecificationDomain,
    EmptyScopeSpecificationPath,
    EmptySessionConfig,
    InvalidChallenge,
    InvalidConfigJson,
    InvalidCredentialsCookieUnpermittedAttribute,
    InvalidCredentialsEmptyName,
    InvalidCredentialsType,
    InvalidRefreshUrl,
    InvalidScopeIncludeSite,
    InvalidScopeOrigin,
    InvalidScopeRuleHostPattern,
    InvalidScopeRulePath,
    InvalidScopeSpecification,
    InvalidScopeSpecificationType,
    InvalidSessionId,
    MismatchedSessionId,
    MissingScope,
    MissingScopeIncludeSite,
    MissingScopeSpecificationType,
    NetError,
    NoCredentials,
    PersistentHttpError,
    RefreshInitiatorInvalidHostPattern,
    RefreshInitiatorNotString,
    RefreshUrlSameSiteMismatch,
    RegistrationAttemptedChallenge,
    ScopeOriginContainsPath,
    ScopeOriginSameSiteMismatch,
    ServerRequestedTermination,
    SigningKeyGenerationError,
    SigningQuotaExceeded,
    TooManyChallenges,
    TransientHttpError,
}

impl std::fmt::Display for FetchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}
