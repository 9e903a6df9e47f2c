//! Attribute values as JSON, there and back without a loss.
//!
//! An attribute that the service reads has a type, so its value is plain JSON: a string set is an array. Of other
//! attributes, strings, booleans, null and whole numbers are plain JSON too; everything else, and a known attribute of the
//! wrong type, stands as DynamoDB writes it: `{"SS": ["a"]}`, `{"M": {…}}`.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as STANDARD;
use grant::attributes::{AttributeType, attribute_type};
use serde_json::{Map, Value, json};
use thiserror::Error;

/// Why a JSON value is not an attribute's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum ValueError {
    #[error(
        "is an empty list, and a set of DynamoDB holds at least one value: leave the attribute out where every value is meant"
    )]
    EmptySet,
    #[error("is a list of something other than strings")]
    NotStrings,
    #[error(
        "is a list: write {{\"SS\": [\"a\"]}} for a set of strings, or {{\"L\": [{{\"S\": \"a\"}}]}} for a list, as DynamoDB does"
    )]
    AmbiguousList,
    #[error(
        "is an object that is not written as DynamoDB writes one: {{\"M\": {{…}}}}, with one member that is a type"
    )]
    NotTyped,
    #[error("holds something else than its type (`S`, `N`, `BOOL`, …) says")]
    WrongType,
    #[error("nests deeper than DynamoDB's 32 levels")]
    TooDeep,
}

/// Levels of lists and maps (Amazon DynamoDB, "Data types").
const MAX_DEPTH: u32 = 32;

/// The value as it stands in a file or a response.
pub(crate) fn to_json(name: &str, value: &AttributeValue) -> Value {
    match (value, attribute_type(name)) {
        (AttributeValue::S(text), Some(AttributeType::String) | None) => json!(text),
        (AttributeValue::Bool(flag), Some(AttributeType::Boolean) | None) => json!(flag),
        (AttributeValue::Ss(texts), Some(AttributeType::StringSet)) => json!(texts),
        (AttributeValue::Null(true), None) => Value::Null,
        (AttributeValue::N(number), Some(AttributeType::Number) | None) => match number.parse::<i64>() {
            Ok(whole) if whole.to_string() == *number => json!(whole),
            _ => typed(value),
        },
        _ => typed(value),
    }
}

/// The value that a file gives an attribute.
pub(crate) fn from_json(name: &str, value: &Value) -> Result<AttributeValue, ValueError> {
    match value {
        Value::String(text) => Ok(AttributeValue::S(text.clone())),
        Value::Bool(flag) => Ok(AttributeValue::Bool(*flag)),
        Value::Number(number) => Ok(AttributeValue::N(number.to_string())),
        Value::Null => Ok(AttributeValue::Null(true)),
        Value::Array(values) if attribute_type(name) == Some(AttributeType::StringSet) => string_set(values),
        Value::Array(_) => Err(ValueError::AmbiguousList),
        Value::Object(_) => from_typed(value, MAX_DEPTH),
    }
}

/// Sets have no order: the same set is always the same value here.
pub(crate) fn normalised(value: AttributeValue) -> AttributeValue {
    match value {
        AttributeValue::Ss(mut texts) => {
            texts.sort_unstable();
            AttributeValue::Ss(texts)
        }
        AttributeValue::Ns(mut numbers) => {
            numbers.sort_unstable();
            AttributeValue::Ns(numbers)
        }
        AttributeValue::Bs(mut blobs) => {
            blobs.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
            AttributeValue::Bs(blobs)
        }
        AttributeValue::L(values) => AttributeValue::L(values.into_iter().map(normalised).collect()),
        AttributeValue::M(members) => {
            AttributeValue::M(members.into_iter().map(|(name, value)| (name, normalised(value))).collect())
        }
        other => other,
    }
}

fn string_set(values: &[Value]) -> Result<AttributeValue, ValueError> {
    let texts = values.iter().map(|value| value.as_str().map(str::to_owned));
    let mut texts = texts.collect::<Option<Vec<_>>>().ok_or(ValueError::NotStrings)?;
    if texts.is_empty() {
        return Err(ValueError::EmptySet);
    }
    texts.sort_unstable();
    texts.dedup();
    Ok(AttributeValue::Ss(texts))
}

/// As DynamoDB's API writes it.
fn typed(value: &AttributeValue) -> Value {
    let base64 = |blob: &Blob| STANDARD.encode(blob.as_ref());
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::Bool(flag) => json!({"BOOL": flag}),
        AttributeValue::Null(flag) => json!({"NULL": flag}),
        AttributeValue::Ss(texts) => json!({"SS": texts}),
        AttributeValue::Ns(numbers) => json!({"NS": numbers}),
        AttributeValue::B(blob) => json!({"B": base64(blob)}),
        AttributeValue::Bs(blobs) => json!({"BS": blobs.iter().map(base64).collect::<Vec<_>>()}),
        AttributeValue::L(values) => json!({"L": values.iter().map(typed).collect::<Vec<_>>()}),
        AttributeValue::M(members) => {
            json!({"M": members.iter().map(|(name, value)| (name.clone(), typed(value))).collect::<Map<_, _>>()})
        }
        // A type of a later DynamoDB: the SDK holds no value of it.
        _ => Value::Null,
    }
}

fn from_typed(value: &Value, levels: u32) -> Result<AttributeValue, ValueError> {
    let levels = levels.checked_sub(1).ok_or(ValueError::TooDeep)?;
    let Value::Object(members) = value else { return Err(ValueError::NotTyped) };
    let mut members = members.iter();
    let (Some((kind, value)), None) = (members.next(), members.next()) else { return Err(ValueError::NotTyped) };
    let texts = || -> Option<Vec<String>> { value.as_array()?.iter().map(|v| v.as_str().map(str::to_owned)).collect() };
    let set = |texts: Option<Vec<String>>| match texts {
        Some(texts) if texts.is_empty() => Err(ValueError::EmptySet),
        texts => texts.ok_or(ValueError::WrongType),
    };
    let blob = |text: &str| STANDARD.decode(text).map(Blob::new).map_err(|_| ValueError::WrongType);
    let text = || value.as_str().ok_or(ValueError::WrongType);
    let found = match kind.as_str() {
        "S" => AttributeValue::S(text()?.to_owned()),
        "N" => AttributeValue::N(text()?.to_owned()),
        "BOOL" => AttributeValue::Bool(value.as_bool().ok_or(ValueError::WrongType)?),
        "NULL" => AttributeValue::Null(value.as_bool().ok_or(ValueError::WrongType)?),
        "B" => AttributeValue::B(blob(text()?)?),
        "SS" => AttributeValue::Ss(set(texts())?),
        "NS" => AttributeValue::Ns(set(texts())?),
        "BS" => AttributeValue::Bs(set(texts())?.iter().map(|text| blob(text)).collect::<Result<_, _>>()?),
        "L" => {
            let values = value.as_array().ok_or(ValueError::WrongType)?;
            AttributeValue::L(values.iter().map(|value| from_typed(value, levels)).collect::<Result<_, _>>()?)
        }
        "M" => {
            let members = value.as_object().ok_or(ValueError::WrongType)?;
            let members = members.iter().map(|(name, value)| Ok((name.clone(), from_typed(value, levels)?)));
            AttributeValue::M(members.collect::<Result<_, ValueError>>()?)
        }
        _ => return Err(ValueError::NotTyped),
    };
    Ok(normalised(found))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_round_trip_changes_nothing() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let number = |text: &str| AttributeValue::N(text.to_owned());
        let texts = |texts: &[&str]| AttributeValue::Ss(texts.iter().map(|text| (*text).to_owned()).collect());
        let map = |value: AttributeValue| AttributeValue::M(HashMap::from([("SS".to_owned(), value)]));
        for (name, value, plain) in [
            ("role_arn", text("a"), true),
            ("role_arn", number("1"), false),
            ("disabled", AttributeValue::Bool(true), true),
            ("disabled", text("true"), false),
            ("disabled", AttributeValue::Null(true), false),
            ("allowed_scopes", texts(&["a", "b"]), true),
            ("allowed_scopes", text("a"), false),
            ("allowed_scopes", AttributeValue::L(vec![text("a")]), false),
            ("expires_at", number("1767225600"), true),
            ("expires_at", number("1.5"), false),
            ("expires_at", number("99999999999999999999"), false),
            ("expires_at", text("1"), false),
            ("owner", text("team-a"), true),
            ("owner", text(""), true),
            ("owner", number("-7"), true),
            ("owner", number("1E+2"), false),
            ("owner", number("-0"), false),
            ("owner", AttributeValue::Null(true), true),
            ("owner", AttributeValue::Null(false), false),
            ("owner", texts(&["a"]), false),
            ("owner", AttributeValue::Ns(vec!["1".to_owned(), "2.5".to_owned()]), false),
            ("owner", AttributeValue::B(Blob::new([0, 255])), false),
            ("owner", AttributeValue::Bs(vec![Blob::new([0]), Blob::new([1])]), false),
            ("owner", AttributeValue::L(vec![number("1"), AttributeValue::L(Vec::new())]), false),
            ("owner", map(texts(&["a"])), false),
            ("owner", map(map(text("a"))), false),
            ("owner", AttributeValue::M(HashMap::new()), false),
        ] {
            let json = to_json(name, &value);
            assert_eq!(!json.is_object(), plain, "{name} {value:?}: {json}");
            assert_eq!(from_json(name, &json).as_ref(), Ok(&value), "{json}");
        }
    }

    #[test]
    fn what_is_no_value() {
        for (name, json, error) in [
            ("allowed_scopes", json!([]), ValueError::EmptySet),
            ("allowed_scopes", json!({"SS": []}), ValueError::EmptySet),
            ("allowed_scopes", json!(["a", 1]), ValueError::NotStrings),
            ("owner", json!(["a"]), ValueError::AmbiguousList),
            ("owner", json!({}), ValueError::NotTyped),
            ("owner", json!({"a": "b"}), ValueError::NotTyped),
            ("owner", json!({"S": "a", "N": "1"}), ValueError::NotTyped),
            ("owner", json!({"L": ["a"]}), ValueError::NotTyped),
            ("owner", json!({"N": 1}), ValueError::WrongType),
            ("owner", json!({"B": "%"}), ValueError::WrongType),
            ("owner", json!({"SS": [1]}), ValueError::WrongType),
        ] {
            assert_eq!(from_json(name, &json), Err(error), "{name} {json}");
        }
        let deep = (0..100).fold(json!({"S": "a"}), |value, _| json!({"L": [value]}));
        assert_eq!(from_json("owner", &deep), Err(ValueError::TooDeep));
    }

    #[test]
    fn sets_have_no_order() {
        let set = |texts: &[&str]| AttributeValue::Ss(texts.iter().map(|text| (*text).to_owned()).collect());
        assert_eq!(normalised(set(&["b", "a"])), set(&["a", "b"]));
        assert_eq!(from_json("allowed_scopes", &json!(["b", "a", "b"])), Ok(set(&["a", "b"])));
    }
}
