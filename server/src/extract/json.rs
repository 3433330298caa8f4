//! JSON bodies of the internal API.

use std::{fmt, marker::PhantomData};

use axum::{body::Body, extract::FromRequest};
use http::{Request, header};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::respond::{Problem, ProblemCode};

/// A body of at most 64 KiB that is the JSON of a `T`, and nothing else.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Problem> {
        let is_json = request.headers().get(header::CONTENT_TYPE).is_none_or(|value| {
            let kind = value.to_str().unwrap_or_default();
            kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
        });
        if !is_json {
            let detail = "this call takes Content-Type: application/json";
            return Err(Problem::of(ProblemCode::NotJson, detail));
        }
        let declared =
            request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if declared.is_some_and(|length: u64| length > MAX_BODY_BYTES_U64) {
            return Err(too_large());
        }
        let bytes = super::body::read(request.into_body(), MAX_BODY_BYTES).await.ok_or_else(too_large)?;
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        serde_json::from_slice(bytes)
            .map(|Object(value)| Self(value))
            .map_err(|error| Problem::bad_request(format!("the body is not what this call takes: {error}")))
    }
}

/// A JSON object that is read as a `T`. A derived `Deserialize` would also take an array of the values.
#[derive(Debug, Default)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Members(PhantomData)).map(Self)
    }
}

struct Members<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}

fn too_large() -> Problem {
    let detail = "the body is larger than 64 KiB, or it broke off, or it did not come in time";
    Problem::of(ProblemCode::BodyTooLarge, detail)
}

const MAX_BODY_BYTES: usize = 64 * 1024;
const MAX_BODY_BYTES_U64: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Pair {
        a: u8,
        b: Option<u8>,
    }

    #[test]
    fn an_object_is_no_array() {
        let read =
            |text| serde_json::from_str::<Object<Pair>>(text).map(|Object(pair)| (pair.a, pair.b)).ok();
        assert_eq!(read(r#"{"a":1,"b":2}"#), Some((1, Some(2))));
        assert_eq!(read(r#"{"a":1}"#), Some((1, None)));
        for text in ["[1,2]", "[1]", "null", "1", r#""a""#, r#"{"a":1,"c":2}"#, r#"{"a":1,"a":1}"#, "{}"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
