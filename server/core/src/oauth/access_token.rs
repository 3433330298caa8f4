//! Access tokens (RFC 9068), as whoever checks them reads them.

use crate::{
    Rejection, Rule, SessionId, UnixTime, Verified,
    dpop::numeric_date,
    jose::{Object, PublicKey, Thumbprint, UnverifiedJws, Value},
};

/// An access token that was read, and is not yet verified. Nothing it says is true yet.
#[derive(Debug)]
pub struct UnverifiedAccessToken<'a> {
    jws: UnverifiedJws<'a>,
    issuer: String,
}

/// Where and when an access token must be good.
#[derive(Clone, Copy, Debug)]
pub struct TokenExpectation<'a> {
    /// The names of this resource, any of which `aud` may hold; `None` for whoever only asks what a token is.
    pub audiences: Option<&'a [&'a str]>,
    /// Now.
    pub now: UnixTime,
    /// How far the clock of the issuer may be off.
    pub skew: std::time::Duration,
}

/// What an access token says, all of it proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// Who issued it.
    pub issuer: Box<str>,
    /// The user.
    pub subject: Box<str>,
    /// The client it was issued to, if it says so.
    pub client_id: Option<Box<str>>,
    /// Its scope.
    pub scope: Option<Box<str>>,
    /// Where it is good.
    pub audience: Vec<Box<str>>,
    /// Its session here, if it was issued here.
    pub session: Option<SessionId>,
    /// Its own name.
    pub id: Option<Box<str>>,
    /// The key it is bound to: `cnf.jkt`.
    pub key: Option<Thumbprint>,
    /// When it was issued.
    pub issued_at: UnixTime,
    /// From when on it is good.
    pub not_before: UnixTime,
    /// When it stops being accepted.
    pub expires_at: UnixTime,
}

impl<'a> UnverifiedAccessToken<'a> {
    /// Reads a token.
    ///
    /// # Errors
    /// `T-01`.
    pub fn parse(text: &'a str) -> Result<Self, Rejection> {
        // T-01 · RFC 9068 §4, RFC 8725 §3.11: a JWT made for something else, an ID token say, is no access token.
        let jws = UnverifiedJws::parse_token(text).map_err(|_| Rejection::of(Rule::T01))?;
        let is_access_token = jws.typ().is_some_and(|typ| {
            typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt")
        });
        let issuer = jws.unverified_claims().text("iss").filter(|_| is_access_token);
        let issuer = issuer.ok_or(Rejection::of(Rule::T01))?.to_owned();
        Ok(Self { jws, issuer })
    }

    /// Who is said to have issued it; the one whose keys to look for.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The key that is said to have signed it.
    pub fn key_id(&self) -> Option<&str> {
        self.jws.key_id()
    }

    /// The `alg` of its header.
    pub fn algorithm(&self) -> Option<crate::jose::Algorithm> {
        self.jws.algorithm()
    }

    /// Verifies the token with a key of its issuer.
    ///
    /// # Errors
    /// `T-01`, `T-03` to `T-07`.
    pub fn verify(
        self,
        key: &PublicKey,
        expected: &TokenExpectation<'_>,
    ) -> Result<Verified<AccessToken>, Rejection> {
        // T-03 · RFC 9068 §4, RFC 8725 §3.1: the key says what its algorithm is, not the token.
        if self.jws.algorithm() != Some(key.algorithm()) {
            return Err(Rule::T03.into());
        }
        // T-04 · RFC 9068 §4, RFC 7515 §5.2: anybody can write a token.
        let jws = self.jws.verify(key, Rule::T04)?;
        let token = read(jws.claims(), &self.issuer).ok_or(Rejection::of(Rule::T01))?;
        token.judge(expected)?;
        Ok(Verified::assertion(token))
    }
}

impl AccessToken {
    /// Judges what changes while a token that was verified is remembered: where it is used, and when.
    ///
    /// # Errors
    /// `T-05` to `T-07`.
    pub fn judge(&self, expected: &TokenExpectation<'_>) -> Result<(), Rejection> {
        // T-05 · RFC 9068 §4, RFC 8725 §3.9: a token for another resource must not be passed on to this one.
        let is_here = |names: &[&str]| self.audience.iter().any(|audience| names.contains(&&**audience));
        if !expected.audiences.is_none_or(is_here) {
            return Err(Rule::T05.into());
        }
        // T-06 · RFC 9068 §4, RFC 7519 §4.1.4: short lives are the point.
        if expected.now >= self.expires_at.after(expected.skew) {
            return Err(Rule::T06.into());
        }
        // T-07 · RFC 7519 §4.1.5, §4.1.6: a token from the future was made by a wrong clock or a wrong hand, unless its
        // issuer says from when on it is good.
        if self.issued_at.max(self.not_before) > expected.now.after(expected.skew) {
            return Err(Rule::T07.into());
        }
        Ok(())
    }
}

fn read(claims: &Object, issuer: &str) -> Option<AccessToken> {
    let text = |name: &str| claims.member(name).map(|value| value.as_text().map(Box::<str>::from));
    let audience = match claims.member("aud")? {
        Value::Text(one) => vec![one.as_str().into()],
        Value::Array(several) => {
            several.iter().map(|aud| aud.as_text().map(Into::into)).collect::<Option<_>>()?
        }
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) => return None,
    };
    let key = match claims.member("cnf") {
        None => None,
        Some(confirmation) => match confirmation.as_object()?.member("jkt") {
            // Bound to something that is no DPoP key: not a token for here.
            None => return None,
            Some(jkt) => Some(Thumbprint::from_text(jkt.as_text()?)?),
        },
    };
    Some(AccessToken {
        issuer: issuer.into(),
        subject: text("sub")??,
        client_id: text("client_id").map_or(Some(None), |client| client.map(Some))?,
        scope: text("scope").map_or(Some(None), |scope| scope.map(Some))?,
        audience,
        session: claims.text("sid").and_then(|sid| sid.parse().ok()),
        id: text("jti").map_or(Some(None), |id| id.map(Some))?,
        key,
        issued_at: numeric_date(claims.member("iat")?)?,
        not_before: claims.member("nbf").map_or(Some(UnixTime::EPOCH), numeric_date)?,
        expires_at: numeric_date(claims.member("exp")?)?,
    })
}
