//! The proof that comes with a request (RFC 9449 §4).

use std::time::Duration;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Boot, LiveNonce, TargetUri};
use crate::{
    Keyring, Rejection, Rule, UnixTime, Verified,
    jose::{Algorithm, Object, PublicKey, Thumbprint, UnverifiedJws, Value},
};

/// How proofs are judged. The configuration's `[dpop]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DpopPolicy {
    /// What proofs may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// How old a proof without a nonce may be.
    pub max_age: Duration,
    /// How far the clocks of clients may be off, on top of that and into the future.
    pub skew: Duration,
    /// How long a nonce lives.
    pub nonce_life: Duration,
    /// Whether every proof needs a nonce.
    pub always_nonce: bool,
}

impl Default for DpopPolicy {
    /// The defaults of the configuration.
    fn default() -> Self {
        Self {
            algorithms: Algorithm::DPOP.to_vec(),
            max_age: Duration::from_secs(60),
            skew: Duration::from_secs(15),
            nonce_life: Duration::from_secs(300),
            always_nonce: false,
        }
    }
}

/// The request that a proof must be for.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Its method, as it was sent.
    pub method: &'a str,
    /// Its address. `None` if it is no address, and then no proof fits.
    pub target: Option<&'a TargetUri>,
    /// The access token that comes with it; `None` at a token endpoint.
    pub token: Option<BoundToken<'a>>,
    /// Whether the client must show a nonce, by what is known of it.
    pub nonce: NonceDemand,
}

/// An access token, as far as a proof is concerned.
#[derive(Clone, Copy, Debug)]
pub struct BoundToken<'a> {
    /// SHA-256 of its text.
    pub hash: &'a [u8; 32],
    /// The key that it is bound to: `cnf.jkt`.
    pub key: &'a Thumbprint,
}

/// Whether a proof needs a nonce although the policy does not ask every proof for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceDemand {
    /// What the proof goes with was issued by this run of the server, so the proof cannot be older than the run.
    No,
    /// The proof may be older than this run, which would not know it again: it shows a nonce, or was made after the run
    /// began by every clock that is accepted.
    UnlessYounger,
    /// The client has shown nonces before, and may not fall back to a proof without one (RFC 9449 §11.3).
    Yes,
}

impl NonceDemand {
    /// What to demand of a client that has shown a nonce before or not, with a proof that cannot be older than this run or
    /// may be.
    pub const fn of(has_shown_one: bool, cannot_be_older: bool) -> Self {
        match (has_shown_one, cannot_be_older) {
            (true, _) => Self::Yes,
            (false, true) => Self::No,
            (false, false) => Self::UnlessYounger,
        }
    }
}

/// A proof that was read, and is not yet judged. Nothing it says is true yet.
#[derive(Debug)]
pub struct UnverifiedProof<'a> {
    jws: UnverifiedJws<'a>,
    key: PublicKey,
    thumbprint: Thumbprint,
}

impl<'a> UnverifiedProof<'a> {
    /// Reads the values of the request's `DPoP` fields. A value that is not ASCII is passed as an empty one.
    ///
    /// # Errors
    /// `P-01` to `P-05`, `J-02` to `J-06`, `K-01` to `K-06`. All of them are decided before any cryptography but a look
    /// at whether the key is one.
    pub fn parse(
        mut fields: impl Iterator<Item = &'a str>,
        algorithms: &[Algorithm],
    ) -> Result<Self, Rejection> {
        // P-01 · RFC 9449 §4.3 number 1: of two proofs, who could say which one was meant?
        let (Some(text), None) = (fields.next(), fields.next()) else { return Err(Rule::P01.into()) };
        if text.contains([',', ' ', '\t']) {
            return Err(Rule::P01.into());
        }
        // P-02 · RFC 8725 §3.11: proofs have half a kilobyte; a long one is an attack on our time.
        if text.len() > MAX_BYTES {
            return Err(Rule::P02.into());
        }
        let jws = UnverifiedJws::parse(text)?;
        // P-03 · RFC 9449 §4.3 number 4, RFC 8725 §3.11: a JWT made for something else is no proof.
        if jws.typ() != Some("dpop+jwt") {
            return Err(Rule::P03.into());
        }
        // P-04 · RFC 9449 §4.3 number 5, RFC 8725 §3.1: the server chooses the algorithms, not the proof.
        let algorithm = jws.algorithm().filter(|algorithm| algorithms.contains(algorithm));
        let algorithm = algorithm.ok_or(Rejection::of(Rule::P04))?;
        // P-05 · RFC 9449 §4.2: a proof brings its key.
        let jwk = jws.jwk().ok_or(Rejection::of(Rule::P05))?;
        let key = PublicKey::from_jwk(jwk, algorithm)?;
        let thumbprint = key.thumbprint();
        Ok(Self { jws, key, thumbprint })
    }

    /// The key that the proof brings. Whoever sent it may not hold it.
    pub const fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// Judges everything but whether the proof was seen before, the signature last.
    ///
    /// # Errors
    /// `P-06` to `P-21`.
    pub fn verify(
        self,
        expected: &Expected<'_>,
        keyring: &Keyring,
        boot: &Boot,
        policy: &DpopPolicy,
        now: UnixTime,
    ) -> Result<Verified<Proof>, Rejection> {
        let claims = self.jws.unverified_claims();
        let jti = unverified_jti(claims)?;
        judge_request(claims, expected)?;
        self.judge_token(claims, expected)?;
        let nonce = self.judge_nonce(claims, expected, keyring, boot, policy, now)?;
        let remember_until = judge_time(claims, expected, nonce.as_ref(), boot, policy, now)?;
        let id = replay_id(&self.thumbprint, jti);
        // P-19 · RFC 9449 §4.3 number 6: whoever brings a key must hold its private half.
        let _signed = self.jws.verify(&self.key, Rule::P19)?;
        Ok(Verified::assertion(Proof {
            thumbprint: self.thumbprint,
            key: self.key,
            id,
            remember_until,
            nonce_is_worn: nonce.map(|nonce| nonce.is_worn(now)),
        }))
    }

    fn judge_token(&self, claims: &Object, expected: &Expected<'_>) -> Result<(), Rejection> {
        let ath = claims.member("ath");
        let Some(token) = expected.token else {
            // P-12 · RFC 9449 §5: a proof made for a resource must not fetch tokens.
            return if ath.is_none() { Ok(()) } else { Err(Rule::P12.into()) };
        };
        // P-13 · RFC 9449 §4.2, §7.1: with an access token, the proof names it.
        let ath = ath.and_then(Value::as_text).ok_or(Rejection::of(Rule::P13))?;
        // P-14 · RFC 9449 §4.3 number 11: a proof made for one token is not good for another.
        let expected_ath = crate::jose::encode(token.hash);
        if !bool::from(ath.as_bytes().ct_eq(expected_ath.as_bytes())) {
            return Err(Rule::P14.into());
        }
        // P-20 · RFC 9449 §4.3 number 12, §7.1: the thief's own key is not the one that the token is bound to.
        if self.thumbprint != *token.key {
            return Err(Rule::P20.into());
        }
        Ok(())
    }

    fn judge_nonce(
        &self,
        claims: &Object,
        expected: &Expected<'_>,
        keyring: &Keyring,
        boot: &Boot,
        policy: &DpopPolicy,
        now: UnixTime,
    ) -> Result<Option<LiveNonce>, Rejection> {
        let Some(nonce) = claims.member("nonce") else {
            // P-15 · RFC 9449 §8, §11.3: whoever was given a nonce, or needs one, cannot leave it out.
            let needs_one = policy.always_nonce || expected.nonce == NonceDemand::Yes;
            return if needs_one { Err(Rule::P15.into()) } else { Ok(None) };
        };
        // P-16 · RFC 9449 §4.2: a nonce is a text.
        let nonce = nonce.as_text().ok_or(Rejection::of(Rule::P16))?;
        // P-17 · RFC 9449 §4.3 number 10: a nonce that is there is judged, asked for or not.
        LiveNonce::open(keyring, boot, nonce, &self.thumbprint, policy.nonce_life, now)
            .map(Some)
            .ok_or(Rule::P17.into())
    }
}

/// A proof that keeps every rule but one: whether it is the first time that it is seen is for a memory to say, and is
/// asked last, so that no proof that fails uses up another.
#[derive(Debug)]
pub struct Proof {
    /// The key that signed it.
    pub key: PublicKey,
    /// RFC 7638 of the key.
    pub thumbprint: Thumbprint,
    /// What to remember of it. It names key and `jti`, not the text: the signature of a proof can be changed into
    /// another that fits as well.
    pub id: [u8; 16],
    /// How long to remember it: as long as it would be accepted.
    pub remember_until: UnixTime,
    /// `Some` if it has a nonce, and then whether it is time for the next one.
    pub nonce_is_worn: Option<bool>,
}

fn unverified_jti(claims: &Object) -> Result<&str, Rejection> {
    // P-06 · RFC 9449 §4.2, §11.1: without an identifier a proof could be used again.
    claims
        .text("jti")
        .filter(|jti| !jti.is_empty() && jti.len() <= MAX_JTI_BYTES)
        .ok_or(Rejection::of(Rule::P06))
}

fn judge_request(claims: &Object, expected: &Expected<'_>) -> Result<(), Rejection> {
    // P-07 · RFC 9449 §4.2: the proof names a method.
    let htm = claims.text("htm").ok_or(Rejection::of(Rule::P07))?;
    // P-08 · RFC 9449 §4.2: the proof names an address.
    let htu = claims.text("htu").ok_or(Rejection::of(Rule::P08))?;
    // P-09 · RFC 9449 §4.3 number 8, RFC 9110 §9.1: methods are compared with case.
    if htm != expected.method {
        return Err(Rule::P09.into());
    }
    // P-10 · RFC 9449 §4.3 number 9: a proof made for one resource is not good for another.
    let htu = TargetUri::parse(htu).ok_or(Rejection::of(Rule::P10))?;
    if expected.target != Some(&htu) {
        return Err(Rule::P10.into());
    }
    Ok(())
}

/// Judges the times of a proof, and says until when it would be accepted.
fn judge_time(
    claims: &Object,
    expected: &Expected<'_>,
    nonce: Option<&LiveNonce>,
    boot: &Boot,
    policy: &DpopPolicy,
    now: UnixTime,
) -> Result<UnixTime, Rejection> {
    // P-11 · RFC 9449 §4.2, RFC 7519 §2: a time is a number of seconds that a calendar knows.
    let iat = claims.member("iat").and_then(numeric_date).ok_or(Rejection::of(Rule::P11))?;
    let bound =
        |name: &str| claims.member(name).map(|value| numeric_date(value).ok_or(Rule::P21)).transpose();
    let (expires_at, not_before) = (bound("exp")?, bound("nbf")?);
    // P-21 · RFC 7519 §4.1.4, §4.1.5: RFC 9449 asks for no such claim, and forbids none; it is honoured.
    if expires_at.is_some_and(|end| now >= end.after(policy.skew))
        || not_before.is_some_and(|begin| begin > now.after(policy.skew))
    {
        return Err(Rule::P21.into());
    }
    if let Some(nonce) = nonce {
        // The nonce says when the proof was made, better than the client's clock does (RFC 9449 §11.1).
        return Ok(nonce.expires_at());
    }
    // Seconds against seconds, as clients count; what is accepted is remembered a second longer.
    let (now, iat) = (UnixTime::from_secs(now.as_secs()), UnixTime::from_secs(iat.as_secs()));
    let latest = policy.max_age.saturating_add(policy.skew);
    // P-18 · RFC 9449 §4.3 number 11, §11.1: a proof is for now.
    if now.since(iat) > latest || iat > now.after(policy.skew) {
        return Err(Rule::P18.into());
    }
    // P-22 · RFC 9449 §11.1: this run does not know what an earlier one has seen.
    let is_younger = iat > boot.at.after(policy.skew);
    if expected.nonce == NonceDemand::UnlessYounger && !is_younger {
        return Err(Rule::P22.into());
    }
    Ok(iat.after(latest).after(Duration::from_secs(1)))
}

/// A `NumericDate` (RFC 7519 §2) between 1970 and 9999.
pub(crate) fn numeric_date(value: &Value) -> Option<UnixTime> {
    let Value::Number(number) = value else { return None };
    match number.as_u64() {
        Some(seconds) => (seconds <= END_OF_CALENDAR).then(|| UnixTime::from_secs(seconds)),
        None => {
            let seconds = Duration::try_from_secs_f64(number.as_f64()?).ok()?;
            (seconds.as_secs() <= END_OF_CALENDAR).then(|| UnixTime::EPOCH.after(seconds))
        }
    }
}

fn replay_id(key: &Thumbprint, jti: &str) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(key.as_bytes());
    hash.update([0]);
    hash.update(jti.as_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    digest.first_chunk::<16>().copied().unwrap_or_default()
}

const MAX_BYTES: usize = 4096;

const MAX_JTI_BYTES: usize = 256;

/// The last second of the year 9999.
const END_OF_CALENDAR: u64 = 253_402_300_799;
