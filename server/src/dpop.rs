//! DPoP at the edge: proofs that are taken, and the challenges that say why one was not.

use std::{borrow::Cow, time::Duration};

use holdfast_core::{
    Rejection, Rule, UnixTime, Verified,
    dpop::{Expected, Proof, UnverifiedProof, issue_nonce},
    jose::Thumbprint,
};
use holdfast_store::{Backend, Memory};
use http::{HeaderName, HeaderValue};

use crate::{context::Context, error::Trouble, house::Holdfast, respond::header_value};

/// Where proofs are.
pub(crate) const PROOF: HeaderName = HeaderName::from_static("dpop");

/// Where nonces are given.
pub(crate) const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// A proof that was not taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    pub(crate) rejection: Rejection,
    /// The key that it named, if it came to that: the one to bind a nonce to.
    pub(crate) key: Option<Thumbprint>,
}

/// The error code of a refusal (RFC 9449 §12.2, RFC 6750 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorCode {
    InvalidDpopProof,
    InvalidToken,
    UseDpopNonce,
}

impl ErrorCode {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::InvalidToken => "invalid_token",
            Self::UseDpopNonce => "use_dpop_nonce",
        }
    }

    /// What breaking a rule means to an OAuth client.
    pub(crate) const fn of(rule: Rule) -> Self {
        if matches!(rule, Rule::P15 | Rule::P17 | Rule::P18 | Rule::P22) {
            Self::UseDpopNonce
        } else if matches!(
            rule,
            Rule::P20
                | Rule::T01
                | Rule::T02
                | Rule::T03
                | Rule::T04
                | Rule::T05
                | Rule::T06
                | Rule::T07
                | Rule::T08
                | Rule::T09
        ) {
            Self::InvalidToken
        } else {
            Self::InvalidDpopProof
        }
    }
}

/// Reads the proof of a request.
pub(crate) fn read<'a>(
    house: &Holdfast,
    fields: impl Iterator<Item = &'a str>,
) -> Result<UnverifiedProof<'a>, Refused> {
    UnverifiedProof::parse(fields, &house.oauth.dpop.algorithms)
        .map_err(|rejection| Refused { rejection, key: None })
}

/// Judges everything about a proof but whether it was seen before.
pub(crate) fn verify(
    house: &Holdfast,
    proof: UnverifiedProof<'_>,
    expected: &Expected<'_>,
    context: &Context,
) -> Result<Verified<Proof>, Refused> {
    let key = Some(*proof.thumbprint());
    let oauth = &house.oauth;
    let verified = proof.verify(expected, &house.keyring, &oauth.boot, &oauth.dpop, context.now);
    verified.map_err(|rejection| Refused { rejection, key })
}

/// Remembers a proof, so that it is taken once.
pub(crate) async fn remember(
    house: &Holdfast,
    proof: &Verified<Proof>,
    context: &Context,
) -> Result<Result<(), Refused>, Trouble> {
    // P-23 · RFC 9449 §4.3 number 11, §11.1: last, so that a proof which fails uses up nothing.
    let Proof { id, remember_until, thumbprint, .. } = proof.get();
    Ok(match house.store.remember(*id, *remember_until, context.now).await? {
        Memory::First => Ok(()),
        Memory::Seen => Err(Refused { rejection: Rule::P23.into(), key: Some(*thumbprint) }),
    })
}

/// A fresh nonce, bound to the key if it is known.
pub(crate) fn nonce(house: &Holdfast, key: Option<&Thumbprint>, now: UnixTime) -> HeaderValue {
    header_value(issue_nonce(&house.keyring, &house.oauth.boot, key, now))
}

/// A new nonce for a client whose own is in the second half of its life (RFC 9449 §8.2).
pub(crate) fn next_nonce(house: &Holdfast, proof: &Proof, now: UnixTime) -> Option<HeaderValue> {
    (proof.nonce_is_worn == Some(true)).then(|| nonce(house, Some(&proof.thumbprint), now))
}

/// The one challenge of a request that came without anything to judge (RFC 9449 §7.1).
pub(crate) fn bare_challenge(house: &Holdfast) -> HeaderValue {
    header_value(format!("DPoP algs=\"{}\"", house.oauth.algs))
}

/// The one challenge of a request that was refused. `says` is a text of ours; nothing a client sent stands in it.
pub(crate) fn challenge(house: &Holdfast, error: &str, says: &str) -> HeaderValue {
    let says: String = says.chars().filter(|c| (' '..='~').contains(c) && !matches!(c, '"' | '\\')).collect();
    header_value(format!(
        "DPoP error=\"{error}\", error_description=\"{says}\", algs=\"{}\"",
        house.oauth.algs
    ))
}

/// The login that a request lacks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lacking<'a> {
    /// How long ago it may be at most; 0 is a login now.
    pub(crate) max_age: Option<Duration>,
    /// The classes of authentication that are enough, separated by spaces.
    pub(crate) acr_values: Option<&'a str>,
}

/// The challenge of a token whose login is not enough (RFC 9470 §3). The client asks the user again with the same
/// parameters, and comes back with the token of that login.
pub(crate) fn step_up_challenge(house: &Holdfast, says: &str, lacking: Lacking<'_>) -> HeaderValue {
    let max_age = lacking.max_age.map(|age| format!(", max_age=\"{}\"", age.as_secs())).unwrap_or_default();
    let acr = lacking.acr_values.map(|acr| format!(", acr_values=\"{acr}\"")).unwrap_or_default();
    header_value(format!(
        "DPoP error=\"insufficient_user_authentication\", error_description=\"{says}\"{max_age}{acr}, algs=\"{}\"",
        house.oauth.algs
    ))
}

/// The challenge of a token that was granted for less (RFC 6750 §3.1).
pub(crate) fn scope_challenge(house: &Holdfast, scope: &str) -> HeaderValue {
    let algs = &house.oauth.algs;
    header_value(format!("DPoP error=\"insufficient_scope\", scope=\"{scope}\", algs=\"{algs}\""))
}

/// What the one who broke a rule is told of it.
pub(crate) fn description_of(rule: Rule) -> Cow<'static, str> {
    match ErrorCode::of(rule) {
        ErrorCode::UseDpopNonce => "sign a new proof with the nonce in DPoP-Nonce".into(),
        _ if matches!(rule, Rule::P20) => "Invalid DPoP key binding".into(),
        _ if matches!(rule, Rule::T09) => "use the DPoP scheme".into(),
        ErrorCode::InvalidDpopProof | ErrorCode::InvalidToken => broken(rule).into(),
    }
}

/// A rule says what would be right; this says that it was not so.
pub(crate) fn broken(rule: Rule) -> String {
    format!("this was not kept: {}", rule.says())
}
