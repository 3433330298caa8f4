//! Registration: a browser brings the key it has made (DBSC §8.8).

use super::{AuthenticChallenge, Challenge, Purpose, challenge::authorization_of, headers};
use crate::{
    Keyring, Level, Method, Origin, Rejection, Rule, SessionId, UnixTime, Verified,
    dbsc::REGISTER_PATH,
    jose::{Algorithm, PublicKey, UnverifiedJws},
    policy::SessionPolicy,
    secret::SecretText,
};

/// The value of `Secure-Session-Registration` for a session that began at `now`. `random` is fresh.
///
/// `None` if a text cannot stand in a structured field, which is never so for what this server makes itself.
pub fn offer(
    session: SessionId,
    random: [u8; 16],
    algorithms: &[Algorithm],
    keyring: &Keyring,
    policy: &SessionPolicy,
    now: UnixTime,
) -> Option<String> {
    let expires_at = now.after(policy.registration_window);
    let challenge =
        Challenge { purpose: Purpose::Register, session, generation: 0, expires_at, random }.seal(keyring);
    let authorization = authorization_of(keyring, &challenge)?;
    headers::write_registration(algorithms, REGISTER_PATH, &challenge, authorization.reveal())
}

/// A registration proof whose challenge is ours and alive, and whose signature is not yet checked.
#[derive(Debug)]
pub struct UnverifiedRegistration<'a> {
    jws: UnverifiedJws<'a>,
    challenge: AuthenticChallenge,
    authorization: SecretText,
}

impl<'a> UnverifiedRegistration<'a> {
    /// Reads a proof and judges what costs no signature.
    ///
    /// # Errors
    /// `J-01` to `J-06`, `D-REG-02`, `D-REG-05` to `D-REG-08`.
    pub fn parse(proof: &'a str, keyring: &Keyring, now: UnixTime) -> Result<Self, Rejection> {
        let jws = UnverifiedJws::parse(proof)?;
        // D-REG-02 · DBSC §9.9, RFC 8725 §3.11: a JWT made for something else is no proof.
        if jws.typ() != Some(PROOF_TYPE) {
            return Err(Rule::DReg02.into());
        }
        // D-REG-05 · DBSC §9.9: without a challenge a proof could be of any age.
        let text = jws.unverified_jti().ok_or(Rejection::of(Rule::DReg05))?;
        // D-REG-06 · DBSC §8.8: the challenge binds the proof to a login that this server has seen.
        let challenge = AuthenticChallenge::open(keyring, text).ok_or(Rejection::of(Rule::DReg06))?;
        // D-REG-07 · DBSC §8.8, RFC 8725 §3.12: a refresh proof must not bind a key.
        if challenge.get().purpose != Purpose::Register {
            return Err(Rule::DReg07.into());
        }
        // D-REG-08 · DBSC §5: an offer is for the login that has just happened.
        if now >= challenge.get().expires_at {
            return Err(Rule::DReg08.into());
        }
        let authorization = authorization_of(keyring, text).ok_or(Rejection::of(Rule::DReg06))?;
        Ok(Self { jws, challenge, authorization })
    }

    /// The session that the challenge was issued for; the one to load.
    pub fn session(&self) -> SessionId {
        self.challenge.get().session
    }

    /// Verifies the proof with the key it brings.
    ///
    /// # Errors
    /// `D-REG-03`, `D-REG-04`, `K-01` to `K-05`, `D-REG-09` to `D-REG-11`.
    pub fn verify(self, offered: &[Algorithm], origin: &Origin) -> Result<Verified<Registration>, Rejection> {
        // D-REG-03 · DBSC §9.1, §9.9, RFC 8725 §3.1: the server chooses the algorithms, not the proof.
        let algorithm = self
            .jws
            .algorithm()
            .filter(|algorithm| offered.contains(algorithm))
            .ok_or(Rejection::of(Rule::DReg03))?;
        // D-REG-04 · DBSC §9.9: registration brings the key; there is no other moment for it.
        let jwk = self.jws.jwk().ok_or(Rejection::of(Rule::DReg04))?;
        let key = PublicKey::from_jwk(jwk, algorithm)?;
        // D-REG-10 · DBSC §9.9, RFC 7515 §5.2: whoever brings a key must hold its private half.
        let jws = self.jws.verify(&key, Rule::DReg10)?;
        let claims = jws.claims();
        // D-REG-09 · DBSC §8.8, §9.9: proof and login belong together, also where no cookie came along.
        let presented = claims.text("authorization").ok_or(Rejection::of(Rule::DReg09))?;
        let _matches = self.authorization.matches(presented).ok_or(Rejection::of(Rule::DReg09))?;
        // D-REG-11 · RFC 7519 §4.1.3, RFC 8725 §3.9: a proof for another address is not for us.
        if claims.member("aud").is_some_and(|aud| aud.as_text() != Some(&origin.address_of(REGISTER_PATH))) {
            return Err(Rule::DReg11.into());
        }
        // A browser claims hardware and cannot prove it: the level says so.
        let session = self.challenge.get().session;
        let registration = Registration { session, method: Method::Dbsc, level: Level::Hardware, key };
        Ok(Verified::assertion(registration))
    }
}

/// A key to bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The session that the challenge was issued for: the only one it can be bound to.
    pub session: SessionId,
    /// By which protocol it came.
    pub method: Method,
    /// How much it is worth.
    pub level: Level,
    /// The key.
    pub key: PublicKey,
}

/// `typ` of every proof by a browser.
pub(super) const PROOF_TYPE: &str = "dbsc+jwt";
