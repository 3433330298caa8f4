//! The messages of `ext_authz` in the server are those of the files in `server/proto`: each name, type and number.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Of each message, what stands at each number.
type Messages = BTreeMap<String, BTreeMap<u32, String>>;

#[test]
fn the_messages_are_those_of_the_files() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server");
    let mut described = Messages::new();
    for file in [
        "envoy/service/auth/v3/external_auth.proto",
        "envoy/service/auth/v3/attribute_context.proto",
        "envoy/config/core/v3/address.proto",
        "envoy/config/core/v3/base.proto",
        "envoy/type/v3/http_status.proto",
        "google/rpc/status.proto",
    ] {
        described.append(&mut described_in(&std::fs::read_to_string(root.join("proto").join(file))?)?);
    }
    let written = written_in(&std::fs::read_to_string(root.join("src/ext_authz/proto.rs"))?)?;
    assert_eq!(written, described);
    assert!(described.len() > 12 && described["CheckResponse"].len() == 3, "{described:?}");
    Ok(())
}

/// The messages of a `.proto` file: `type name` by number. A choice belongs to the message around it.
fn described_in(text: &str) -> Result<Messages> {
    let mut messages = Messages::new();
    let mut open: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        if let Some(name) = line.strip_prefix("message ").and_then(|rest| rest.strip_suffix(" {")) {
            open.push(name.to_owned());
            messages.entry(name.to_owned()).or_default();
        } else if line.ends_with('{') {
            // A choice, or the service, which is none of the messages.
            open.push(open.last().cloned().unwrap_or_default());
        } else if line == "}" {
            open.pop();
        } else if let Some((field, number)) = line.strip_suffix(';').and_then(|line| line.rsplit_once(" = "))
            && let Some(message) = open.last().filter(|name| !name.is_empty())
        {
            let (kind, name) = field.rsplit_once(' ').context(line.to_owned())?;
            let kind = kind.replace("repeated ", "repeated:").replace(' ', "");
            let kind: String = kind.split(':').map(short).collect::<Vec<_>>().join(":");
            messages.entry(message.clone()).or_default().insert(number.parse()?, format!("{kind} {name}"));
        }
    }
    Ok(messages)
}

/// A type without its package.
fn short(kind: &str) -> String {
    if kind.starts_with("map<") {
        kind.to_owned()
    } else {
        kind.rsplit('.').next().unwrap_or(kind).to_owned()
    }
}

/// The messages of the server: the attributes of prost, and what they stand above.
fn written_in(text: &str) -> Result<Messages> {
    let mut messages = Messages::new();
    let (mut message, mut attribute) = (String::new(), String::new());
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        if let Some(name) = line.strip_prefix("pub(crate) struct ").and_then(|rest| rest.strip_suffix(" {")) {
            message = name.to_owned();
            messages.entry(message.clone()).or_default();
        } else if line.starts_with("pub(crate) enum HttpResponse") {
            message = "CheckResponse".to_owned();
        } else if let Some(inner) = line.strip_prefix("#[prost(").and_then(|rest| rest.strip_suffix(")]")) {
            attribute = inner.to_owned();
        } else if !attribute.is_empty() {
            let number = attribute.rsplit("tag = \"").next().and_then(|rest| rest.strip_suffix('"'));
            // The choice itself has no number; its members come below.
            if !attribute.starts_with("oneof") {
                let (kind, name) = field_of(&attribute, line).context(line.to_owned())?;
                let number = number.context(attribute.clone())?.parse()?;
                messages.entry(message.clone()).or_default().insert(number, format!("{kind} {name}"));
            }
            attribute.clear();
        }
    }
    Ok(messages)
}

/// Type and name of a field, in the words of a `.proto` file.
fn field_of(attribute: &str, line: &str) -> Option<(String, String)> {
    let line = line.trim_end_matches(',');
    let (name, rust) = match line.strip_prefix("pub(crate) ") {
        Some(field) => field.split_once(": ").map(|(name, rust)| (name.to_owned(), rust))?,
        // A member of a choice: `OkResponse(OkHttpResponse)` is `ok_response`.
        None => line.strip_suffix(')')?.split_once('(').map(|(name, rust)| (snake(name), rust))?,
    };
    let inner = ["Option<", "Vec<"]
        .iter()
        .find_map(|outer| rust.strip_prefix(outer)?.strip_suffix('>'))
        .unwrap_or(rust);
    let kind = match attribute.split([',', ' ']).next()? {
        "message" if inner == "bool" => "BoolValue".to_owned(),
        "message" => inner.to_owned(),
        "map" => "map<string,string>".to_owned(),
        other => other.to_owned(),
    };
    let repeated = if attribute.contains("repeated") { "repeated:" } else { "" };
    Some((format!("{repeated}{kind}"), name))
}

fn snake(name: &str) -> String {
    name.chars().enumerate().fold(String::new(), |mut snake, (index, letter)| {
        if index > 0 && letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
        snake
    })
}
