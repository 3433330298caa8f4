//! Whom an event is about (RFC 9493, SSF 1.0 §3).

use holdfast_core::jose::{Object, Value};

/// Whom an event is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// Several aspects of one principal; those that are not here are left out.
    Complex {
        /// The user.
        user: Option<Identifier>,
        /// The session.
        session: Option<Identifier>,
        /// The device.
        device: Option<Identifier>,
    },
    /// One identifier, of a user or whatever the event is about.
    Simple(Identifier),
}

/// One subject identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identifier {
    /// `account`: an `acct:` URI, without its scheme.
    Account(String),
    /// `aliases`: several names of one.
    Aliases(Vec<Identifier>),
    /// `email`.
    Email(String),
    /// `iss_sub`: a user of an issuer.
    IssSub {
        /// The issuer.
        iss: String,
        /// Its name for the user.
        sub: String,
    },
    /// `opaque`: a text that transmitter and receiver have agreed on.
    Opaque(String),
    /// Of a format that names nobody here, by the name of the format.
    Other(String),
}

impl Subject {
    /// Reads a subject. `None` if it is none that could be understood.
    pub fn read(object: &Object) -> Option<Self> {
        let aspects = ["user", "session", "device", "tenant", "org_unit", "group", "application"];
        let format = object.text("format");
        // Drafts before SSF 1.0 left the format of complex subjects out.
        let is_complex = format == Some("complex")
            || (format.is_none() && aspects.iter().any(|name| object.member(name).is_some()));
        if !is_complex {
            return Identifier::read(object).map(Self::Simple);
        }
        // An aspect that is there and cannot be read makes the whole unreadable: with less of it more would be meant.
        let aspect = |name: &str| match object.member(name) {
            None => Some(None),
            Some(value) => Identifier::read(value.as_object()?).map(Some),
        };
        Some(Self::Complex { user: aspect("user")?, session: aspect("session")?, device: aspect("device")? })
    }
}

impl Identifier {
    /// Reads an identifier. `None` if members of its format are missing.
    pub fn read(object: &Object) -> Option<Self> {
        Self::read_within(object, true)
    }

    fn read_within(object: &Object, may_have_aliases: bool) -> Option<Self> {
        let text = |name: &str| object.text(name).filter(|text| is_modest(text)).map(str::to_owned);
        match object.text("format")? {
            "account" => text("uri")?.strip_prefix("acct:").map(|rest| Self::Account(rest.to_owned())),
            "email" => text("email").map(Self::Email),
            "iss_sub" => Some(Self::IssSub { iss: text("iss")?, sub: text("sub")? }),
            "opaque" => text("id").map(Self::Opaque),
            // RFC 9493 §3.2.8: aliases are not nested.
            "aliases" if may_have_aliases => {
                let Some(Value::Array(names)) = object.member("identifiers") else { return None };
                let names: Option<Vec<_>> =
                    names.iter().map(|name| Self::read_within(name.as_object()?, false)).collect();
                names.filter(|names| !names.is_empty()).map(Self::Aliases)
            }
            other => is_modest(other).then(|| Self::Other(other.to_owned())),
        }
    }
}

/// Names of users are shorter; what is longer names nobody, and need not be carried around.
fn is_modest(text: &str) -> bool {
    (1..=MOST_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

const MOST_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<Subject> {
        Subject::read(&Object::parse(json.as_bytes()).unwrap())
    }

    #[test]
    fn reads_what_the_profile_names() {
        let simple = |identifier| Some(Subject::Simple(identifier));
        let iss_sub = Identifier::IssSub { iss: "https://id.example".into(), sub: "alice".into() };
        for (json, expected) in [
            (r#"{"format":"email","email":"a@b.example"}"#, simple(Identifier::Email("a@b.example".into()))),
            (r#"{"format":"iss_sub","iss":"https://id.example","sub":"alice"}"#, simple(iss_sub.clone())),
            (r#"{"format":"opaque","id":"hs_x"}"#, simple(Identifier::Opaque("hs_x".into()))),
            (
                r#"{"format":"account","uri":"acct:a@b.example"}"#,
                simple(Identifier::Account("a@b.example".into())),
            ),
            (r#"{"format":"did","url":"did:example:1"}"#, simple(Identifier::Other("did".into()))),
            (
                r#"{"format":"aliases","identifiers":[{"format":"email","email":"a@b"},{"format":"opaque","id":"1"}]}"#,
                simple(Identifier::Aliases(vec![
                    Identifier::Email("a@b".into()),
                    Identifier::Opaque("1".into()),
                ])),
            ),
            (
                r#"{"format":"complex","user":{"format":"iss_sub","iss":"https://id.example","sub":"alice"},"tenant":7}"#,
                Some(Subject::Complex { user: Some(iss_sub), session: None, device: None }),
            ),
            (
                r#"{"session":{"format":"opaque","id":"s"},"device":{"format":"opaque","id":"d"}}"#,
                Some(Subject::Complex {
                    user: None,
                    session: Some(Identifier::Opaque("s".into())),
                    device: Some(Identifier::Opaque("d".into())),
                }),
            ),
        ] {
            assert_eq!(read(json), expected, "{json}");
        }
    }

    #[test]
    fn what_is_incomplete_names_nobody() {
        let long = format!(r#"{{"format":"opaque","id":"{}"}}"#, "x".repeat(513));
        for json in [
            "{}",
            r#"{"format":7}"#,
            r#"{"format":"email"}"#,
            r#"{"format":"email","email":""}"#,
            r#"{"format":"email","email":["a@b"]}"#,
            r#"{"format":"email","email":"a\u0000b"}"#,
            r#"{"format":"iss_sub","sub":"alice"}"#,
            r#"{"format":"iss_sub","iss":"https://id.example"}"#,
            r#"{"format":"account","uri":"a@b.example"}"#,
            r#"{"format":"aliases","identifiers":[]}"#,
            r#"{"format":"aliases","identifiers":{}}"#,
            r#"{"format":"aliases","identifiers":[{"format":"email"}]}"#,
            r#"{"format":"complex","user":"alice"}"#,
            r#"{"format":"complex","user":{"format":"iss_sub"},"session":{"format":"opaque","id":"s"}}"#,
            &long,
        ] {
            assert_eq!(read(json), None, "{json}");
        }
        let nested = r#"{"format":"aliases","identifiers":[{"format":"aliases","identifiers":[{"format":"opaque","id":"1"}]}]}"#;
        let object = Object::parse_within(nested.as_bytes(), holdfast_core::jose::Limits::DOCUMENT).unwrap();
        assert_eq!(
            Subject::read(&object),
            Some(Subject::Simple(Identifier::Aliases(vec![Identifier::Other("aliases".into())]))),
            "a nested alias names nobody"
        );
    }
}
