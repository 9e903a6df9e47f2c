//! Reads a file of items. All its faults are told at once.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read as _;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::error::Error;
use crate::item::{Attributes, Item, KEY, check_key};
use crate::value;

/// A table of a million items is not kept in a file.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;
/// So many faults are named.
const NAMED: usize = 20;

/// `{"clients": [{"client_id": …}, …]}`
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "$schema")]
    _schema: Option<String>,
    clients: Vec<Members>,
}

/// An object's members as they stand. A name that comes twice is a fault: readers differ on which of the two counts.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfAnObject;
        impl<'de> Visitor<'de> for OfAnObject {
            type Value = Members;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object with the attributes of a client")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(OfAnObject)
    }
}

pub(super) fn items(path: &Path) -> Result<Vec<Item>, Error> {
    let problem = |problem: String| Error::File { path: path.to_owned(), problem };
    let text = text(path).map_err(|error| problem(error.to_string()))?;
    let is_toml = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    let file: File = if is_toml {
        toml::from_str(&text).map_err(|error| problem(error.to_string()))?
    } else if !text.trim_start().starts_with('{') {
        // Serde reads a struct from an array as well, member by member.
        return Err(problem("is not a JSON object: {\"clients\": [{\"client_id\": …}, …]}".to_owned()));
    } else {
        serde_json::from_str(&text).map_err(|error| problem(error.to_string()))?
    };
    items_of(file).map_err(|mut faults| {
        let more = faults.len().saturating_sub(NAMED);
        faults.truncate(NAMED);
        let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
        problem(format!("{}{rest}; nothing was written", faults.join("; ")))
    })
}

fn text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().take(MAX_FILE_BYTES).read_to_string(&mut text)?;
    } else {
        std::fs::File::open(path)?.take(MAX_FILE_BYTES).read_to_string(&mut text)?;
    }
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

fn items_of(file: File) -> Result<Vec<Item>, Vec<String>> {
    let (mut items, mut faults, mut keys) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (number, Members(members)) in file.clients.into_iter().enumerate() {
        match item(members) {
            Ok(item) if !keys.insert(item.key.clone()) => faults.push(format!("{:?} stands there twice", item.key)),
            Ok(item) => items.push(item),
            Err(problem) => faults.push(format!("client {}: {problem}", number + 1)),
        }
    }
    if faults.is_empty() { Ok(items) } else { Err(faults) }
}

fn item(members: Vec<(String, Value)>) -> Result<Item, String> {
    let (mut key, mut attributes) = (None, Attributes::new());
    for (name, json) in members {
        let is_new = if name == KEY {
            let Value::String(text) = json else { return Err(format!("`{KEY}` is not a string")) };
            check_key(&text).map_err(|problem| format!("`{KEY}` {problem}"))?;
            key.replace(text).is_none()
        } else {
            let attribute = value::from_json(&name, &json).map_err(|problem| format!("`{name}` {problem}"))?;
            attributes.insert(name.clone(), attribute).is_none()
        };
        if !is_new {
            return Err(format!("`{name}` stands there twice"));
        }
    }
    let key = key.ok_or_else(|| format!("`{KEY}` is missing"))?;
    Ok(Item { key, attributes })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use aws_sdk_dynamodb::types::AttributeValue;

    use super::super::file::{to_json, to_toml};
    use super::*;

    fn read(name: &str, text: &str) -> Result<Vec<Item>, String> {
        let folder = std::env::temp_dir().join(format!("credvend-admin-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        items(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn what_was_exported_is_read_as_it_was() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let attributes: Attributes = [
            ("role_arn", text("arn:aws:iam::123456789012:role/a")),
            ("allowed_scopes", AttributeValue::Ss(vec!["a".to_owned(), "b".to_owned()])),
            ("disabled", AttributeValue::Bool(false)),
            ("expires_at", AttributeValue::N("1767225600".to_owned())),
            ("session_policy", text("{\"Version\": \"2012-10-17\"}\n")),
            ("a note", text("\"quoted\" [[clients]] \u{1b} ü")),
            ("tags", AttributeValue::M(HashMap::from([("b.c".to_owned(), AttributeValue::L(vec![text("d")]))]))),
            ("price", AttributeValue::N("1.50".to_owned())),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        let items = vec![
            Item { key: "a".to_owned(), attributes },
            Item { key: "scope#b/c".to_owned(), attributes: Attributes::new() },
        ];
        assert_eq!(read("round.json", &to_json(&items)).unwrap(), items);
        assert_eq!(read("round.toml", &to_toml(&items).unwrap()).unwrap(), items);
        assert_eq!(read("empty.json", &to_json(&[])).unwrap(), []);
        let null = [("a".to_owned(), AttributeValue::Null(true))].into();
        assert!(to_toml(&[Item { key: "n".to_owned(), attributes: null }]).is_err());
    }

    #[test]
    fn every_fault_is_told() {
        for (text, named) in [
            ("", "is not a JSON object"),
            ("[null, []]", "is not a JSON object"),
            ("{", "EOF"),
            (r#"{"clients": [], "client": []}"#, "client"),
            (r#"{"clients": [{"role_arn": "a"}]}"#, "client 1: `client_id` is missing"),
            (r#"{"clients": [{"client_id": 1}]}"#, "`client_id` is not a string"),
            (r#"{"clients": [{"client_id": ""}]}"#, "`client_id` is empty"),
            (r#"{"clients": [{"client_id": "a"}, {"client_id": "a"}]}"#, "\"a\" stands there twice"),
            (r#"{"clients": [{"client_id": "a", "issuer": "b", "issuer": "c"}]}"#, "`issuer` stands there twice"),
            (r#"{"clients": [{"client_id": "a", "client_id": "b"}]}"#, "`client_id` stands there twice"),
            (
                r#"{"clients": [{"client_id": "a", "allowed_scopes": []}, {"client_id": "b", "x": [1]}]}"#,
                "client 2: `x` is a list",
            ),
            (
                r#"{"clients": [{"client_id": "a", "allowed_scopes": []}, {"client_id": "b", "x": [1]}]}"#,
                "client 1: `allowed_scopes`",
            ),
        ] {
            let error = read("fault.json", text).unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
