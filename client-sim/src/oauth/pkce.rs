//! Proof Key for Code Exchange (RFC 7636), always by S256.

use crate::Failure;
use crate::encoding::{base64url, random_text};
use crate::key::sha256;

/// A secret of the client's, of which only the hash travels before the code does.
pub(crate) struct Verifier(String);

impl Verifier {
    /// 256 random bits: 44 characters.
    pub(crate) fn draw() -> Result<Self, Failure> {
        Ok(Self(random_text()? + &random_text()?))
    }

    pub(crate) fn challenge(&self) -> String {
        base64url(&sha256(self.0.as_bytes()))
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_the_one_of_the_rfc() {
        // RFC 7636 appendix B.
        let verifier = Verifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned());
        assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!((43..=128).contains(&Verifier::draw().unwrap().into_text().len()));
    }
}
