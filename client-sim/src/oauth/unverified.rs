//! A look into an access token. A client has no business there, but somebody who judges a server has: is the token bound
//! to the key that asked for it?

use serde_json::Value;

use crate::encoding::from_base64url;

/// The thumbprint of the key that a token says it is bound to. Whether the server signed it is not looked at.
pub(super) fn unverified_key_of(access_token: &str) -> Option<String> {
    let payload = from_base64url(access_token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims.pointer("/cnf/jkt").and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::base64url;

    #[test]
    fn only_a_bound_token_names_a_key() {
        let token = |claims: &str| format!("e30.{}.x", base64url(claims.as_bytes()));
        assert_eq!(unverified_key_of(&token(r#"{"cnf":{"jkt":"k"}}"#)).as_deref(), Some("k"));
        assert_eq!(unverified_key_of(&token("{}")), None);
        assert_eq!(unverified_key_of("opaque"), None);
    }
}
