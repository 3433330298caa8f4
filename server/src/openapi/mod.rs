//! What both listeners can be asked, as OpenAPI 3.1: made of the table of routes, the lists of codes and reasons that the
//! server answers with, and a description beside each route.
//!
//! A route enters the table ([`Table`]) together with its description, so that none can be forgotten. The document is
//! also kept at `server/openapi.json`, where a change of it is seen; a test compares the two.

mod answer;
pub(crate) mod browsers;
mod caller;
pub(crate) mod checks;
pub(crate) mod devices;
pub(crate) mod oauth;
mod operation;
pub(crate) mod operations;
mod schemas;
pub(crate) mod sessions;
mod share;
pub(crate) mod signals;
pub(crate) mod store;
mod table;
pub(crate) mod trail;

pub(crate) use operation::Operation;
pub(crate) use table::Table;

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use self::{caller::Listener, table::Route};
use crate::router;

/// The document, as it is served at `/openapi.json` and printed by `holdfast openapi`.
pub(crate) fn document() -> &'static str {
    &DOCUMENT
}

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let tables = [
        (Listener::Public, router::public_table().into_routes()),
        (Listener::Internal, router::internal_table().into_routes()),
    ];
    let mut text = serde_json::to_string_pretty(&describe(&tables)).unwrap_or_default();
    text.push('\n');
    text
});

fn describe(tables: &[(Listener, Vec<Route>)]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for (listener, routes) in tables {
        for route in routes {
            let path = paths.entry(route.template()).or_insert_with(|| json!({}));
            for method in route.methods {
                describe_route(path, method, route, *listener);
            }
        }
    }
    let responses = share::share(&mut paths, "responses");
    let parameters = share::share(&mut paths, "parameters");
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Holdfast",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Binds web sessions and access tokens to device keys.",
            "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "servers": [Listener::Internal.server()],
        "tags": caller::TAGS.map(|(name, says)| json!({ "name": name, "description": says })),
        "paths": paths,
        "components": {
            "securitySchemes": caller::security_schemes(),
            "schemas": schemas::all(),
            "responses": responses,
            "parameters": parameters,
        },
    })
}

/// A route that both listeners answer is one operation with two servers.
fn describe_route(path: &mut Value, method: &str, route: &Route, listener: Listener) {
    let known = path.get_mut(method).and_then(|known| known.get_mut("servers"));
    if let Some(Value::Array(servers)) = known {
        servers.push(listener.server());
        answer::hold_for_both(path, method);
        return;
    }
    let name = route.methods.len() > 1;
    let described = (route.describe)().describe(listener, name.then_some(method));
    if let Value::Object(path) = path {
        path.insert(method.to_owned(), described);
    }
}

const ABOUT: &str = "Both listeners. A path that is not here is 404 with code not_found; another method is 405 with code \
method_not_allowed, and Allow says which. HEAD is answered where GET is.";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use holdfast_core::{check::Reason, session::EndReason};

    use super::*;

    fn parsed() -> Value {
        serde_json::from_str(document()).unwrap()
    }

    fn resolve<'a>(value: &'a Value, document: &'a Value) -> &'a Value {
        let reference =
            value["$ref"].as_str().and_then(|reference| document.pointer(reference.strip_prefix('#')?));
        reference.unwrap_or(value)
    }

    #[test]
    fn the_document_is_the_one_that_is_kept() {
        let kept = include_str!("../../openapi.json");
        assert!(
            kept == document(),
            "server/openapi.json does not describe this server any more; renew it with \
             `cargo run -- openapi > server/openapi.json`, and see what has changed"
        );
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let (document, mut names) = (parsed(), BTreeSet::new());
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let name = operation["operationId"].as_str().unwrap().to_owned();
                assert!(names.insert(name.clone()), "{method} {path}: {name} is taken");
                assert!(operation["responses"]["500"].is_object(), "{method} {path}");
            }
        }
        assert!(names.len() > 30, "{names:?}");
    }

    #[test]
    fn variable_parts_of_paths_are_parameters() {
        let document = parsed();
        for (path, operations) in document["paths"].as_object().unwrap() {
            let variable: Vec<_> =
                path.split(['{', '}']).skip(1).step_by(2).filter(|name| !name.is_empty()).collect();
            for operation in operations.as_object().unwrap().values() {
                let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
                let told: Vec<_> = parameters
                    .iter()
                    .map(|parameter| resolve(parameter, &document))
                    .filter(|parameter| parameter["in"] == "path")
                    .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
                    .collect();
                assert_eq!(told, variable, "{path}");
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn follow(value: &Value, document: &Value) {
            match value {
                Value::Object(members) => {
                    if let Some(Value::String(reference)) = members.get("$ref") {
                        let pointer = reference.strip_prefix('#').expect(reference);
                        assert!(document.pointer(pointer).is_some(), "{reference}");
                    }
                    members.values().for_each(|value| follow(value, document));
                }
                Value::Array(values) => values.iter().for_each(|value| follow(value, document)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let document = parsed();
        follow(&document, &document);
    }

    #[test]
    fn no_reason_is_missing() {
        let document = parsed();
        let listed = |pointer: &str| -> BTreeSet<String> {
            let values = document.pointer(pointer).unwrap().as_array().unwrap();
            values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
        };
        let reasons = Reason::ALL.iter().map(|reason| reason.as_str().to_owned()).collect();
        assert_eq!(listed("/components/schemas/Reason/enum"), reasons);
        let ends = EndReason::ALL.iter().map(|reason| reason.as_str().to_owned()).collect();
        assert_eq!(listed("/components/schemas/EndReason/enum"), ends);
    }
}
