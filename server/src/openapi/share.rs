//! What many operations have in common, told once.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Moves responses or parameters that stand in more than one operation into a table, and puts references in their place.
///
/// The name of a response is that of the first operation that has it, and its status; that of a parameter is its own.
pub(super) fn share(paths: &mut Map<String, Value>, kind: &str) -> Value {
    let mut seen: BTreeMap<String, (usize, String)> = BTreeMap::new();
    each(paths, kind, |name, value| {
        seen.entry(value.to_string()).or_insert_with(|| (0, name.to_owned())).0 += 1;
    });
    seen.retain(|_, (count, _)| *count > 1);
    let mut shared: Map<String, Value> = Map::new();
    for (text, (_, name)) in &mut seen {
        // Two parameters of one name may say different things.
        let free = (1..).map(|number| if number == 1 { name.clone() } else { format!("{name}{number}") });
        if let (Some(free), Ok(value)) =
            (free.into_iter().find(|free| !shared.contains_key(free)), serde_json::from_str(text))
        {
            name.clone_from(&free);
            shared.insert(free, value);
        }
    }
    each(paths, kind, |_, value| {
        if let Some((_, name)) = seen.get(&value.to_string()) {
            *value = json!({ "$ref": format!("#/components/{kind}/{name}") });
        }
    });
    shared.into()
}

/// Shows every response or parameter with a name for it.
fn each(paths: &mut Map<String, Value>, kind: &str, mut show: impl FnMut(&str, &mut Value)) {
    let operations = paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    for operation in operations {
        let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned();
        match operation.get_mut(kind) {
            Some(Value::Object(answers)) => {
                answers.iter_mut().for_each(|(status, answer)| show(&format!("{id}{status}"), answer));
            }
            Some(Value::Array(parameters)) => {
                for parameter in parameters {
                    let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
                    show(&name, parameter);
                }
            }
            _ => {}
        }
    }
}
