//! YAML as JSON, for one way of looking at both.

use anyhow::{Result, ensure};
use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

/// Every document of a text.
pub(crate) fn documents(text: &str) -> Result<Vec<Value>> {
    YamlLoader::load_from_str(text)?.iter().map(json).collect()
}

fn json(yaml: &Yaml) -> Result<Value> {
    Ok(match yaml {
        Yaml::Array(items) => Value::Array(items.iter().map(json).collect::<Result<_>>()?),
        Yaml::Boolean(is) => Value::Bool(*is),
        Yaml::Hash(members) => {
            let members = members.iter().map(|(name, value)| {
                ensure!(name.as_str().is_some(), "a key that is no text: {name:?}");
                Ok((name.as_str().unwrap_or_default().to_owned(), json(value)?))
            });
            Value::Object(members.collect::<Result<_>>()?)
        }
        Yaml::Integer(number) => Value::from(*number),
        Yaml::Null => Value::Null,
        Yaml::Real(_) => Value::from(yaml.as_f64()),
        Yaml::String(text) => Value::from(text.as_str()),
        Yaml::Alias(_) | Yaml::BadValue => anyhow::bail!("no aliases here: {yaml:?}"),
    })
}
