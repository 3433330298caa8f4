//! Refresh: a browser proves that it still holds the key (DBSC §8.8).

use super::{AuthenticChallenge, Challenge, Purpose, REFRESH_PATH, registration::PROOF_TYPE};
use crate::{
    Keyring, Method, Origin, Rejection, Rule, SessionId, UnixTime,
    jose::UnverifiedJws,
    policy::SessionPolicy,
    session::{Record, Session},
};

/// A refresh proof that was read and not yet verified.
#[derive(Debug)]
pub struct UnverifiedRefresh<'a> {
    jws: UnverifiedJws<'a>,
}

impl<'a> UnverifiedRefresh<'a> {
    /// Reads a proof.
    ///
    /// # Errors
    /// `J-01` to `J-06`, `D-REF-03`, `D-REF-04`, `D-REF-07`: these say that the sender is no browser, and a fresh
    /// challenge would not help it.
    pub fn parse(proof: &'a str) -> Result<Self, Rejection> {
        let jws = UnverifiedJws::parse(proof)?;
        // D-REF-03 · DBSC §9.9, RFC 8725 §3.11: a JWT made for something else is no proof.
        if jws.typ() != Some(PROOF_TYPE) {
            return Err(Rule::DRef03.into());
        }
        // D-REF-04 · DBSC §9.9, RFC 8725 §3.10: the key was fixed at registration, and no proof may bring another.
        if jws.has_jwk() {
            return Err(Rule::DRef04.into());
        }
        // D-REF-07 · DBSC §9.9: without a challenge a proof could be of any age.
        if jws.unverified_jti().is_none() {
            return Err(Rule::DRef07.into());
        }
        Ok(Self { jws })
    }

    /// Verifies the proof with the key of `session`, which the caller has found alive.
    ///
    /// # Errors
    /// `D-REF-02`, `D-REF-05`, `D-REF-06`, `D-REF-08` to `D-REF-13`. The answer to all of them is a fresh challenge:
    /// they happen to honest browsers whose answer got lost.
    pub fn verify(
        self,
        session: &Session,
        keyring: &Keyring,
        origin: &Origin,
        policy: &SessionPolicy,
        now: UnixTime,
    ) -> Result<FreshProof, Rejection> {
        // D-REF-02 · DBSC §8.8: nothing can be proven about a session without a key.
        let binding = session.record().binding.as_ref().filter(|binding| binding.method == Method::Dbsc);
        let binding = binding.ok_or(Rejection::of(Rule::DRef02))?;
        // D-REF-05 · DBSC §9.9, RFC 8725 §3.1: the key says what its algorithm is, not the proof.
        if self.jws.algorithm() != Some(binding.key.algorithm()) {
            return Err(Rule::DRef05.into());
        }
        let text = self.jws.unverified_jti().ok_or(Rejection::of(Rule::DRef07))?;
        // D-REF-08 · DBSC §8.8: a challenge of our own costs a MAC to recognise, a signature fifty times as much.
        let challenge = AuthenticChallenge::open(keyring, text).ok_or(Rejection::of(Rule::DRef08))?;
        let freshness = judge_challenge(challenge.get(), session, policy, now)?;
        // D-REF-06 · DBSC §9.9, RFC 7515 §5.2: the one fact that a copied cookie cannot bring along.
        let jws = self.jws.verify(&binding.key, Rule::DRef06)?;
        // D-REF-13 · RFC 7519 §4.1.3, RFC 8725 §3.9: a proof for another address is not for us.
        let audience = jws.claims().member("aud");
        if audience.is_some_and(|aud| aud.as_text() != Some(&origin.address_of(REFRESH_PATH))) {
            return Err(Rule::DRef13.into());
        }
        let record = session.record();
        Ok(FreshProof::assertion(record.id, record.revision, freshness))
    }
}

/// A proof by the bound key over a challenge that is current or has just been. It is good for the session, and the
/// revision of it, that it was judged against: proven for one, it moves no other.
#[derive(Debug)]
pub struct FreshProof {
    session: SessionId,
    revision: u64,
    freshness: Freshness,
}

impl FreshProof {
    /// Asserts that every rule of a refresh has been checked just now.
    const fn assertion(session: SessionId, revision: u64, freshness: Freshness) -> Self {
        Self { session, revision, freshness }
    }

    /// How new the challenge is, if the proof was judged against this very record.
    pub(crate) fn into_freshness(self, record: &Record) -> Option<Freshness> {
        (self.session == record.id && self.revision == record.revision).then_some(self.freshness)
    }
}

/// How new the challenge of a proof is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It is the current one, and the proof moves the session on.
    Current,
    /// A proof for it was taken a moment ago: an answer was lost, or several requests ask at once.
    JustTaken,
}

/// Whether the challenge was made for this refresh.
fn judge_challenge(
    challenge: &Challenge,
    session: &Session,
    policy: &SessionPolicy,
    now: UnixTime,
) -> Result<Freshness, Rejection> {
    // D-REF-09 · DBSC §8.8, RFC 8725 §3.12: a registration proof must not refresh.
    if challenge.purpose != Purpose::Refresh {
        return Err(Rule::DRef09.into());
    }
    // D-REF-10 · DBSC §8.8: nothing else in a proof names the session.
    if challenge.session != session.record().id {
        return Err(Rule::DRef10.into());
    }
    // D-REF-11 · DBSC §5: challenges are short-lived.
    if now >= challenge.expires_at {
        return Err(Rule::DRef11.into());
    }
    // D-REF-12 · DBSC §5: a proof is taken once; its repetition, for a moment, changes nothing and gets the same answer.
    let taken_at = session.record().binding.as_ref().map_or(UnixTime::EPOCH, |binding| binding.last_proof_at);
    if challenge.generation == session.generation() {
        Ok(Freshness::Current)
    } else if challenge.generation.checked_add(1) == Some(session.generation())
        && now < taken_at.after(policy.cookie_overlap)
    {
        Ok(Freshness::JustTaken)
    } else {
        Err(Rule::DRef12.into())
    }
}
