//! Whether an answer is one that `server/openapi.json` describes. Every test that asks a server through [`super::Api`] is
//! also a test of the description.

use std::sync::LazyLock;

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::Method;
use serde_json::{Map, Value};

use super::Answer;

/// Checks status, headers and body. What is no route is 404, and another method 405.
pub(super) fn is_described(method: &Method, path: &str, answer: &Answer) -> Result<()> {
    let Some(operations) = operations_of(path) else {
        // Whoever asks too much is told so before anybody looks at what was asked for.
        let is_limited = matches!(answer.code(), "rate_limited" | "overloaded");
        ensure!(answer.status == 404 || is_limited, "no route is described: {}", answer.status);
        return Ok(());
    };
    // HEAD goes with GET, and a route of any method takes those that OpenAPI has no word for.
    let goes_with_get = (method == Method::HEAD && !operations.contains_key("head"))
        || (!NAMED.contains(&method.as_str()) && operations.contains_key("trace"));
    let name = if goes_with_get { "get".to_owned() } else { method.as_str().to_ascii_lowercase() };
    let Some(operation) = operations.get(&name) else {
        // A route of the other listener, or another method.
        ensure!(matches!(answer.status, 404 | 405), "no such method is described: {}", answer.status);
        return Ok(());
    };
    if answer.status == 404 && answer.code() == "not_found" {
        return Ok(());
    }
    let described = operation.pointer(&format!("/responses/{}", answer.status)).context("the status")?;
    let described = described.get("$ref").map_or(Ok(described), follow)?;
    headers_are_described(described, answer)?;
    let content = described.get("content").and_then(Value::as_object);
    if answer.text.is_empty() && (content.is_none() || method == Method::HEAD) {
        return Ok(());
    }
    let (media, schema) = content.and_then(|content| content.iter().next()).context("a body")?;
    let told = answer.header("content-type").unwrap_or_default();
    ensure!(told.split(';').next() == Some(media), "the content type {told}");
    if media.ends_with("json") {
        let schema = schema.get("schema").context("a schema")?;
        fits(schema, answer.json()).with_context(|| format!("the body {}", answer.text))?;
    }
    Ok(())
}

fn headers_are_described(described: &Value, answer: &Answer) -> Result<()> {
    let none = Map::new();
    let headers = described.get("headers").and_then(Value::as_object).unwrap_or(&none);
    for (name, header) in headers {
        let is_there = answer.headers.contains_key(name.as_str());
        ensure!(is_there || header["required"] == false, "the header {name} is missing");
    }
    for name in answer.headers.keys() {
        let is_told = headers.keys().any(|told| told.eq_ignore_ascii_case(name.as_str()));
        ensure!(is_told || OF_HTTP.contains(&name.as_str()), "the header {name}");
    }
    Ok(())
}

/// The operations of a path: of the one without variable parts, if there is one.
fn operations_of(path: &str) -> Option<&'static Map<String, Value>> {
    let paths = DOCUMENT.get("paths")?.as_object()?;
    let exact = paths.get(path);
    exact
        .or_else(|| paths.iter().find(|(template, _)| leads_to(template, path)).map(|(_, found)| found))?
        .as_object()
}

fn leads_to(template: &str, path: &str) -> bool {
    // The one part that may hold slashes.
    if let Some(prefix) = template.strip_suffix("{path}") {
        return path.len() > prefix.len() && path.starts_with(prefix);
    }
    let (told, asked) = (template.split('/'), path.split('/'));
    told.clone().count() == asked.clone().count()
        && told.zip(asked).all(|(told, asked)| told == asked || told.starts_with('{') && !asked.is_empty())
}

/// The keywords of JSON Schema that the description uses. One that is not known here fails, so that none is passed over.
fn fits(schema: &Value, value: &Value) -> Result<()> {
    if let Value::Bool(may_be) = schema {
        ensure!(*may_be, "nothing may stand here: {value}");
        return Ok(());
    }
    let schema = schema.as_object().context("a schema is an object")?;
    for (keyword, says) in schema {
        match keyword.as_str() {
            "$ref" => fits(follow(says)?, value)?,
            "type" => ensure!(is_of_type(says, value), "{value} is no {says}"),
            "enum" => ensure!(items(says).contains(value), "{value} is none of {says}"),
            "const" => ensure!(says == value, "{value} is not {says}"),
            "allOf" => items(says).iter().try_for_each(|schema| fits(schema, value))?,
            "oneOf" => {
                let fitting = items(says).iter().filter(|schema| fits(schema, value).is_ok()).count();
                ensure!(fitting == 1, "{value} fits {fitting} of {says}");
            }
            "required" => {
                for name in items(says) {
                    let name = name.as_str().unwrap_or_default();
                    ensure!(value.get(name).is_some(), "{name} is missing");
                }
            }
            "properties" => {
                for (name, schema) in says.as_object().into_iter().flatten() {
                    let member = value.get(name);
                    member.map_or(Ok(()), |member| fits(schema, member)).with_context(|| name.clone())?;
                }
            }
            "additionalProperties" => {
                let told = schema.get("properties").and_then(Value::as_object);
                for name in value.as_object().into_iter().flat_map(Map::keys) {
                    ensure!(told.is_some_and(|told| told.contains_key(name)), "{name} is not told");
                }
            }
            "items" if schema.contains_key("prefixItems") => {}
            "items" => items(value).iter().try_for_each(|item| fits(says, item))?,
            "prefixItems" => {
                let mut pairs = items(says).iter().zip(items(value));
                pairs.try_for_each(|(schema, item)| fits(schema, item))?;
            }
            "minItems" | "maxItems" => {
                let (length, limit) = (u64::try_from(items(value).len())?, says.as_u64().unwrap_or_default());
                ensure!(
                    if keyword == "minItems" { length >= limit } else { length <= limit },
                    "{length} items"
                );
            }
            // Of what is no number, these say nothing.
            "minimum" | "maximum" if !value.is_number() => {}
            "minimum" => ensure!(value.as_i64() >= says.as_i64(), "{value} is less than {says}"),
            "maximum" => ensure!(value.as_i64() <= says.as_i64(), "{value} is more than {says}"),
            // What these say is for people, or for requests.
            "description" | "format" | "pattern" => {}
            other => bail!("the tests do not know the keyword {other}"),
        }
    }
    Ok(())
}

fn follow(reference: &Value) -> Result<&'static Value> {
    let pointer = reference.as_str().and_then(|text| text.strip_prefix('#')).context("a reference")?;
    DOCUMENT.pointer(pointer).with_context(|| format!("nothing at {pointer}"))
}

fn is_of_type(says: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str() {
        Some("array") => value.is_array(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("null") => value.is_null(),
        Some("object") => value.is_object(),
        Some("string") => value.is_string(),
        _ => false,
    };
    is(says) || items(says).iter().any(is)
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../server/openapi.json")).unwrap_or_default());

/// The methods that OpenAPI 3.1 can name.
const NAMED: [&str; 8] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];

/// Headers of the transport, which no description repeats.
const OF_HTTP: [&str; 7] = [
    "allow",
    "connection",
    "content-length",
    "content-type",
    "date",
    "strict-transport-security",
    "transfer-encoding",
];
