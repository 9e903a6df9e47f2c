//! Items as a file: `{"clients": [{"client_id": …}, …]}`, or `[[clients]]` in TOML.

use serde_json::Value;

use crate::error::Error;
use crate::item::Item;

/// Where the schema's own text is, for editors.
const SCHEMA_NAME: &str = "credvend-clients.schema.json";

/// One item a line, so that a version control system shows what has changed.
pub(super) fn to_json(items: &[Item]) -> String {
    let lines: Vec<_> = items.iter().map(|item| format!("    {}", item.to_json())).collect();
    format!("{{\n  \"$schema\": \"{SCHEMA_NAME}\",\n  \"clients\": [\n{}\n  ]\n}}\n", lines.join(",\n"))
}

/// # Errors
/// Where an item holds what TOML cannot: null.
pub(super) fn to_toml(items: &[Item]) -> Result<String, Error> {
    let not_in_toml = |item: &Item| Error::NotInToml { id: item.key.clone() };
    let clients = items.iter().map(|item| to_toml_value(&item.to_json()).ok_or_else(|| not_in_toml(item)));
    let clients = toml::Value::Array(clients.collect::<Result<_, _>>()?);
    toml::to_string(&toml::Table::from_iter([("clients".to_owned(), clients)])).map_err(Error::Toml)
}

fn to_toml_value(value: &Value) -> Option<toml::Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(flag) => toml::Value::Boolean(*flag),
        Value::Number(number) => toml::Value::Integer(number.as_i64()?),
        Value::String(text) => toml::Value::String(text.clone()),
        Value::Array(values) => toml::Value::Array(values.iter().map(to_toml_value).collect::<Option<_>>()?),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| Some((name.clone(), to_toml_value(value)?)));
            toml::Value::Table(members.collect::<Option<_>>()?)
        }
    })
}
