//! JSON objects, read strictly: no duplicate members, modest depth and size, nothing behind the end.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::{Rejection, Rule};

/// A JSON object whose members all have different names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object(Vec<(String, Value)>);

impl Object {
    /// Reads an object that fills `bytes` completely.
    ///
    /// # Errors
    /// `J-04` if it is not such an object, `J-05` if a member is named twice, at any depth.
    pub fn parse(bytes: &[u8]) -> Result<Self, Rejection> {
        Self::parse_within(bytes, Limits::PROOF)
    }

    /// As [`Object::parse`], with other limits.
    ///
    /// # Errors
    /// `J-04`, `J-05`.
    pub fn parse_within(bytes: &[u8], limits: Limits) -> Result<Self, Rejection> {
        let mut duplicate = false;
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let seed = ValueSeed { depth_left: limits.depth, members: limits.members, duplicate: &mut duplicate };
        let value = seed.deserialize(&mut reader);
        let ended = reader.end();
        // J-05 · RFC 7515 §4, RFC 8725 §2.4: two readers must not see two different objects in one text.
        if duplicate {
            return Err(Rule::J05.into());
        }
        // J-04 · RFC 7515 §4, RFC 8259: header and payload are JSON objects, and nothing else.
        match (value, ended) {
            (Ok(Value::Object(object)), Ok(())) => Ok(object),
            _ => Err(Rule::J04.into()),
        }
    }

    /// The member of that name.
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The member of that name, if it is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.member(name).and_then(Value::as_text)
    }

    /// The names of the members, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

/// How deep and how wide an object may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    depth: u8,
    members: usize,
}

impl Limits {
    /// What browsers and clients send. An attested proof nests three deep, and one more is room enough; the largest object
    /// in use, an RSA key with all its members, has a third of the members.
    pub const PROOF: Self = Self { depth: 4, members: 32 };

    /// What issuers write into tokens and key sets: groups by the hundred, roles in objects of objects.
    pub const DOCUMENT: Self = Self { depth: 8, members: 512 };
}

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// An array.
    Array(Vec<Value>),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// Any number. No rule of this house reads one as a float; RFC 7493 §2.2 says why.
    Number(serde_json::Number),
    /// An object.
    Object(Object),
    /// A text.
    Text(String),
}

impl Value {
    /// The text, if this is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Array(_) | Self::Bool(_) | Self::Null | Self::Number(_) | Self::Object(_) => None,
        }
    }

    /// The object, if this is one.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            Self::Array(_) | Self::Bool(_) | Self::Null | Self::Number(_) | Self::Text(_) => None,
        }
    }
}

/// Reads one value with so many levels of nesting left.
struct ValueSeed<'a> {
    depth_left: u8,
    members: usize,
    duplicate: &'a mut bool,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value of modest depth and size")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let depth_left = self.depth_left.checked_sub(1).ok_or_else(|| A::Error::custom("too deep"))?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(ValueSeed {
            depth_left,
            members: self.members,
            duplicate: self.duplicate,
        })? {
            if array.len() == self.members {
                return Err(A::Error::custom("too many elements"));
            }
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let depth_left = self.depth_left.checked_sub(1).ok_or_else(|| A::Error::custom("too deep"))?;
        let mut object = Object::default();
        while let Some(name) = members.next_key::<String>()? {
            if object.member(&name).is_some() {
                *self.duplicate = true;
                return Err(A::Error::custom("duplicate member"));
            }
            if object.0.len() == self.members {
                return Err(A::Error::custom("too many members"));
            }
            let value = members.next_value_seed(ValueSeed {
                depth_left,
                members: self.members,
                duplicate: self.duplicate,
            })?;
            object.0.push((name, value));
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Option<Rule> {
        Object::parse(text.as_bytes()).err().map(|rejection| rejection.rule)
    }

    #[test]
    fn reads_an_object() {
        let object = Object::parse(br#" {"a":"b","c":{"d":[1,-2,0.5,null,true]}} "#).unwrap();
        assert_eq!(object.text("a"), Some("b"));
        assert!(object.member("c").and_then(Value::as_object).is_some());
        assert_eq!(object.text("c"), None);
        assert_eq!(object.names().collect::<Vec<_>>(), ["a", "c"]);
    }

    #[test]
    fn refuses_duplicates_at_any_depth_and_in_any_spelling() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":{"a":1,"a":2}}"#,
            r#"{"x":[{"a":1,"a":2}]}"#,
        ] {
            assert_eq!(rule(text), Some(Rule::J05), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_object() {
        for text in [
            "",
            "[]",
            "1",
            "null",
            "\"a\"",
            "{}x",
            "{} {}",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            "\u{feff}{}",
            "{\"a\":01}",
            "{\"a\":1e999}",
            "{\"a\":NaN}",
            "{/**/}",
            "{\"a\":\"\t\"}",
            "{\"a\":\"\\ud800\"}",
        ] {
            assert_eq!(rule(text), Some(Rule::J04), "{text:?}");
        }
        assert_eq!(Object::parse(b"{\"a\":\"\xff\"}").err(), Some(Rule::J04.into()), "not UTF-8");
    }

    #[test]
    fn depth_and_size_have_a_limit() {
        assert_eq!(rule(r#"{"a":{"b":{"c":{}}}}"#), None);
        assert_eq!(rule(r#"{"a":{"b":{"c":{"d":{}}}}}"#), Some(Rule::J04));
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(rule(&deep), Some(Rule::J04));
        let object = |members: usize| {
            format!("{{{}}}", (0..members).map(|n| format!("\"m{n}\":0")).collect::<Vec<_>>().join(","))
        };
        assert_eq!(rule(&object(32)), None);
        assert_eq!(rule(&object(33)), Some(Rule::J04));
    }
}
