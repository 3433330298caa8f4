//! A grant: what an app has given to an OAuth client in a user's name, from the code to the last refresh.

use std::{sync::Arc, time::Duration};

use subtle::ConstantTimeEq;

use super::{AuthenticCode, AuthenticRefreshToken, RefreshToken, code::challenge_of_verifier};
use crate::{
    Level, Method, Rejection, Rule, UnixTime, Verified,
    dpop::Proof,
    jose::Thumbprint,
    session::{Binding, Session},
};

/// What was granted, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The client that it was granted to.
    pub client_id: Arc<str>,
    /// The scope, as it stands in the token (RFC 6749 §3.3). May be empty.
    pub scope: Box<str>,
    /// Where the access tokens are good: `aud`.
    pub audience: Box<str>,
    /// How far it has come.
    pub state: GrantState,
}

/// How far a grant has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantState {
    /// A code is out.
    Offered(Offer),
    /// The code was redeemed.
    Running {
        /// SHA-256 of the current refresh token's secret.
        token_hash: [u8; 32],
    },
}

/// What must come back with a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Where the code was sent (RFC 6749 §4.1.3).
    pub redirect_uri: Box<str>,
    /// The challenge whose verifier must come (RFC 7636), if the client sent one.
    pub code_challenge: Option<[u8; 32]>,
    /// The key that must sign (`dpop_jkt`, RFC 9449 §10), if the client named one.
    pub key: Option<Thumbprint>,
}

/// A request to redeem a code, by an authenticated client.
#[derive(Clone, Copy, Debug)]
pub struct Redemption<'a> {
    /// Who asks.
    pub client_id: &'a str,
    /// The `redirect_uri` of the request.
    pub redirect_uri: Option<&'a str>,
    /// The `code_verifier` of the request.
    pub code_verifier: Option<&'a str>,
}

/// What a refresh token did.
#[derive(Clone, Debug)]
pub enum Exchange {
    /// It was taken: here is the next generation, to be stored, and its token.
    Rotated(Session, RefreshToken),
    /// It had just been taken: the same successor is the answer again, and nothing changes.
    Repeated(RefreshToken),
}

impl Session {
    /// Redeems a code: binds the grant to the key of the proof, once.
    ///
    /// # Errors
    /// `G-02` to `G-07`, `G-11`; the session stays as it is. After `G-03` it must be ended: somebody else has the code.
    pub fn redeem(
        &self,
        code: &AuthenticCode,
        request: &Redemption<'_>,
        proof: &Verified<Proof>,
        first: &RefreshToken,
        now: UnixTime,
    ) -> Result<Self, Rejection> {
        let grant = self.grant_of(request.client_id)?;
        // G-02 · RFC 6749 §4.1.2: a code is on its way for a moment. Later it is nothing at all, least of all a way to log a
        // user out: codes stand in histories and logs.
        if now >= code.expires_at() {
            return Err(Rule::G02.into());
        }
        // G-03 · RFC 6749 §4.1.2, §10.5, RFC 9700 §2.1.1: a code that comes twice was stolen, and nobody knows by whom.
        let GrantState::Offered(offer) = &grant.state else { return Err(Rule::G03.into()) };
        // G-05 · RFC 6749 §4.1.3: a code that was sent elsewhere is not brought here.
        if request.redirect_uri != Some(&*offer.redirect_uri) {
            return Err(Rule::G05.into());
        }
        // G-06 · RFC 7636 §4.6, RFC 9700 §2.1.1: only who asked for the code knows the verifier; and a verifier without a
        // challenge is a downgrade.
        let verifier =
            request.code_verifier.map(|text| challenge_of_verifier(text).ok_or(Rule::G06)).transpose()?;
        let fits = match (offer.code_challenge, verifier) {
            (None, None) => true,
            (Some(challenge), Some(verifier)) => bool::from(challenge.ct_eq(&verifier)),
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !fits {
            return Err(Rule::G06.into());
        }
        let proof = proof.get();
        // G-07 · RFC 9449 §10: the key was named before the code went out.
        if offer.key.is_some_and(|key| key != proof.thumbprint) {
            return Err(Rule::G07.into());
        }
        Ok(self.changed(|record| {
            record.binding = Some(Box::new(Binding {
                method: Method::Dpop,
                // Nothing says where an OAuth client keeps its key.
                level: Level::Software,
                key: proof.key.clone(),
                bound_at: now,
                last_proof_at: now,
                generation: 1,
            }));
            if let Some(grant) = &mut record.grant {
                grant.state = GrantState::Running { token_hash: first.hash() };
            }
        }))
    }

    /// Takes a refresh token: to the next one, or, for a token that has just been taken, nowhere.
    ///
    /// # Errors
    /// `G-04`, `G-08` to `G-11`; the session stays as it is. After `G-10` it must be ended: two hold one token.
    pub fn exchange(
        &self,
        token: &AuthenticRefreshToken,
        client_id: &str,
        proof: &Verified<Proof>,
        now: UnixTime,
    ) -> Result<Exchange, Rejection> {
        let record = self.record();
        // G-09 · RFC 9449 §5, RFC 9700 §2.2.2: a copied token without the key is worth nothing, and its use is noticed,
        // whichever client the thief says it is.
        if record.binding.as_ref().is_some_and(|binding| binding.key.thumbprint() != proof.get().thumbprint) {
            return Err(Rule::G09.into());
        }
        let grant = self.grant_of(client_id)?;
        let (GrantState::Running { token_hash }, Some(binding)) = (&grant.state, &record.binding) else {
            return Err(Rule::G08.into());
        };
        if token.generation() == binding.generation {
            // G-08 · RFC 6749 §5.2: the number alone is no token.
            let next = token.successor().filter(|_| token.is(token_hash)).ok_or(Rejection::of(Rule::G08))?;
            return Ok(Exchange::Rotated(self.rotated(next, now), next.clone()));
        }
        // G-10 · RFC 9700 §4.14.2: an answer may be lost, and two workers may share a key; later, a token that comes
        // again has been copied together with its key.
        let is_young = now < binding.last_proof_at.after(REUSE_GRACE);
        let successor = token.successor_of(token_hash).filter(|_| is_young);
        successor.map(|next| Exchange::Repeated(next.clone())).ok_or(Rule::G10.into())
    }

    /// Whether a refresh token would be taken from its owner at `now`.
    pub fn would_take(&self, token: &AuthenticRefreshToken, now: UnixTime) -> bool {
        let record = self.record();
        let Some(GrantState::Running { token_hash }) = record.grant.as_ref().map(|grant| &grant.state) else {
            return false;
        };
        let taken_at = record.binding.as_ref().map_or(UnixTime::EPOCH, |binding| binding.last_proof_at);
        record.ended.is_none()
            && (token.is(token_hash)
                || token.successor_of(token_hash).is_some() && now < taken_at.after(REUSE_GRACE))
    }

    /// The grant, if there is one, the session lives, and the client is the one it was made for.
    fn grant_of(&self, client_id: &str) -> Result<&Grant, Rejection> {
        let record = self.record();
        // G-11 · RFC 6749 §5.2: with the session ends what it granted. A session of a browser grants nothing.
        let grant =
            record.grant.as_deref().filter(|_| record.ended.is_none()).ok_or(Rejection::of(Rule::G11))?;
        // G-04 · RFC 6749 §5.2, §10.5: a code or token is no use to another client.
        if *grant.client_id == *client_id { Ok(grant) } else { Err(Rule::G04.into()) }
    }

    fn rotated(&self, next: &RefreshToken, now: UnixTime) -> Self {
        self.changed(|record| {
            if let Some(binding) = &mut record.binding {
                binding.generation = binding.generation.saturating_add(1);
                binding.last_proof_at = now;
            }
            if let Some(grant) = &mut record.grant {
                grant.state = GrantState::Running { token_hash: next.hash() };
            }
        })
    }
}

/// How long a refresh token that was taken gets the same successor again.
const REUSE_GRACE: Duration = Duration::from_secs(60);
