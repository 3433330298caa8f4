//! A security event token (RFC 8417), before and after it was verified.

use std::time::Duration;

use holdfast_core::{
    Rule, UnixTime,
    jose::{Algorithm, Object, PublicKey, UnverifiedJws, Value},
};

use crate::{
    SetRejection, Subject,
    event::{Happened, seconds},
};

/// What a token is sent as, and what its `typ` says (RFC 8417 §7.2).
pub const MEDIA_TYPE: &str = "application/secevent+jwt";

/// A token that was read and not yet verified. Nothing it says is true yet.
#[derive(Debug)]
pub struct UnverifiedSet<'a>(UnverifiedJws<'a>);

/// What is expected of a token.
#[derive(Clone, Copy, Debug)]
pub struct Expectation<'a> {
    /// Its issuer.
    pub issuer: &'a str,
    /// One of these must stand in `aud`.
    pub audiences: &'a [String],
    /// The time.
    pub now: UnixTime,
    /// How far the clocks of both may be apart.
    pub tolerance: Duration,
    /// How long ago it may have been issued: no longer than tokens are remembered, or an old one could come again.
    pub max_age: Duration,
}

/// A token whose issuer said what it says.
#[derive(Clone, Debug)]
pub struct VerifiedSet {
    jti: String,
    issued_at: UnixTime,
    subject: Option<Object>,
    events: Vec<Happened>,
}

impl<'a> UnverifiedSet<'a> {
    /// Reads a token, and judges what costs no signature.
    ///
    /// # Errors
    /// [`SetRejection::Malformed`], [`SetRejection::Type`], [`SetRejection::HeaderKey`].
    pub fn parse(text: &'a str) -> Result<Self, SetRejection> {
        let jws = UnverifiedJws::parse_token(text).map_err(|_| SetRejection::Malformed)?;
        // RFC 8417 §2.3, RFC 8725 §3.11: whatever else this issuer signs is no event.
        let typ = jws.typ().unwrap_or_default();
        let short =
            typ.get(.."application/".len()).filter(|prefix| prefix.eq_ignore_ascii_case("application/"));
        let typ = short.and_then(|prefix| typ.get(prefix.len()..)).unwrap_or(typ);
        if !typ.eq_ignore_ascii_case("secevent+jwt") {
            return Err(SetRejection::Type);
        }
        // RFC 8725 §3.10: a key that comes with the token proves nothing.
        if jws.has_jwk() {
            return Err(SetRejection::HeaderKey);
        }
        Ok(Self(jws))
    }

    /// The algorithm that the header names, if it is one of `allowed`.
    ///
    /// # Errors
    /// [`SetRejection::Algorithm`].
    pub fn algorithm(&self, allowed: &[Algorithm]) -> Result<Algorithm, SetRejection> {
        self.0.algorithm().filter(|named| allowed.contains(named)).ok_or(SetRejection::Algorithm)
    }

    /// The `kid` of the header.
    pub fn key_id(&self) -> Option<&str> {
        self.0.key_id()
    }

    /// When it says that it was issued: for putting several into an order, and for nothing else.
    pub fn claimed_time(&self) -> Option<UnixTime> {
        seconds(self.0.unverified_claims(), "iat")
    }

    /// Judges what the payload says of its sender, before its key is looked for: whoever sends tokens of somebody else
    /// causes no work.
    ///
    /// # Errors
    /// [`SetRejection::Issuer`], [`SetRejection::Audience`].
    pub fn is_for(&self, expected: &Expectation<'_>) -> Result<(), SetRejection> {
        let claims = self.0.unverified_claims();
        if claims.text("iss") != Some(expected.issuer) {
            return Err(SetRejection::Issuer);
        }
        let is_ours = |audience: &str| expected.audiences.iter().any(|own| own == audience);
        let named = match claims.member("aud") {
            Some(Value::Text(audience)) => is_ours(audience),
            Some(Value::Array(audiences)) => audiences.iter().filter_map(Value::as_text).any(is_ours),
            Some(Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_)) | None => false,
        };
        if named { Ok(()) } else { Err(SetRejection::Audience) }
    }

    /// Verifies it with the published key that its header names.
    ///
    /// # Errors
    /// The first thing that is not as expected.
    pub fn verify(self, key: &PublicKey, expected: &Expectation<'_>) -> Result<VerifiedSet, SetRejection> {
        self.is_for(expected)?;
        // The rule is the core's own; what the transmitter is told is ours.
        let verified = self.0.verify(key, Rule::T01).map_err(|_| SetRejection::Signature)?;
        let claims = verified.claims();
        let issued_at = seconds(claims, "iat").ok_or(SetRejection::IssuedAt)?;
        if issued_at > expected.now.after(expected.tolerance) {
            return Err(SetRejection::Future);
        }
        if expected.now.since(issued_at) > expected.max_age {
            return Err(SetRejection::Old);
        }
        refuse_end(claims, expected)?;
        // SSF 1.0 §4.1.2, RFC 8417 §2.2: with `sub` it might be taken for a token of another kind, or be about two.
        if claims.member("sub").is_some() {
            return Err(SetRejection::Subject);
        }
        let jti = claims.text("jti").filter(|jti| (1..=MOST_JTI_BYTES).contains(&jti.len()));
        let jti = jti.ok_or(SetRejection::Jti)?.to_owned();
        let events = read_events(claims)?;
        let subject = claims.member("sub_id").and_then(Value::as_object).cloned();
        Ok(VerifiedSet { jti, issued_at, subject, events })
    }
}

/// Nobody has to say when a token ends (RFC 8417 §2.2 advises against it). Where somebody does, it holds.
fn refuse_end(claims: &Object, expected: &Expectation<'_>) -> Result<(), SetRejection> {
    if claims.member("exp").is_none() {
        return Ok(());
    }
    let expires_at = seconds(claims, "exp").ok_or(SetRejection::Expired)?;
    // RFC 7519 §4.1.4: on or after it.
    if expected.now >= expires_at.after(expected.tolerance) { Err(SetRejection::Expired) } else { Ok(()) }
}

fn read_events(claims: &Object) -> Result<Vec<Happened>, SetRejection> {
    let events = claims.member("events").and_then(Value::as_object).ok_or(SetRejection::Events)?;
    let events: Vec<_> = events
        .names()
        .map(|uri| {
            let body = events.member(uri).and_then(Value::as_object).ok_or(SetRejection::Events)?;
            Happened::read(uri, body).map_err(|_| SetRejection::Event)
        })
        .collect::<Result<_, _>>()?;
    if events.is_empty() { Err(SetRejection::Events) } else { Ok(events) }
}

impl VerifiedSet {
    /// Its name, of which its issuer gives each to one token.
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// When it was issued.
    pub const fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// What happened: one event by the interoperability profile, several by RFC 8417.
    pub fn events(&self) -> &[Happened] {
        &self.events
    }

    /// Whom an event is about: `sub_id` of the token (SSF 1.0 §4), or else `subject` of the event, where drafts had it.
    /// `None` if there is nobody, or nobody who could be understood.
    pub fn subject_of(&self, event: &Happened) -> Option<Subject> {
        Subject::read(self.subject.as_ref().or(event.subject.as_ref())?)
    }
}

const MOST_JTI_BYTES: usize = 512;

#[cfg(test)]
mod tests;
