//! An item of the table, as it stands there: attributes that the service does not know are kept.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use aws_sdk_dynamodb::types::AttributeValue;
use grant::observe::{ObservedItems, Rule};
use grant::role_mapping::{Fault, Purpose, RoleMapping};
use grant::table::MappingError;
use serde_json::{Map, Value};

use crate::value;

/// The table's partition key.
pub(crate) const KEY: &str = "client_id";
/// Keys that begin so are for scopes (interfaces §1).
pub(crate) const SCOPE_PREFIX: &str = "scope#";
/// Longest partition key of DynamoDB, in bytes.
const MAX_KEY_BYTES: usize = 2048;

pub(crate) type Attributes = BTreeMap<String, AttributeValue>;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) key: String,
    pub(crate) attributes: Attributes,
}

/// What the service makes of an item now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Active,
    Disabled,
    Expired,
    Misconfigured(Vec<Fault>),
}

impl State {
    /// One word of a listing.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Misconfigured(_) => "misconfigured",
        }
    }
}

impl Item {
    /// `None` where the key is missing, which no table with this key can hold.
    pub(crate) fn from_table(mut attributes: HashMap<String, AttributeValue>) -> Option<Self> {
        let Some(AttributeValue::S(key)) = attributes.remove(KEY) else { return None };
        let attributes = attributes.into_iter().map(|(name, value)| (name, value::normalised(value))).collect();
        Some(Self { key, attributes })
    }

    pub(crate) fn into_table(self) -> HashMap<String, AttributeValue> {
        let mut attributes: HashMap<_, _> = self.attributes.into_iter().collect();
        attributes.insert(KEY.to_owned(), AttributeValue::S(self.key));
        attributes
    }

    /// The service's own reading of it.
    pub(crate) fn mapping(&self, default_issuer: Option<&str>) -> Result<RoleMapping, Vec<Fault>> {
        let attributes = self.attributes.clone().into_iter().collect();
        RoleMapping::from_item(&self.key, &attributes, default_issuer, Purpose::Credentials).map_err(
            |error| match error {
                MappingError::Misconfigured { faults, .. } => faults,
                // Nothing is looked up, so nothing else can go wrong.
                _ => Vec::new(),
            },
        )
    }

    /// `observed`: what the service's environment has it observe, where that is known.
    pub(crate) fn state(&self, observed: Option<&ObservedItems>, now: SystemTime) -> State {
        match self.mapping(None) {
            Err(faults) => State::Misconfigured(faults),
            Ok(mapping) if mapping.disabled => State::Disabled,
            Ok(mapping) if is_expired(&mapping, observed, now) => State::Expired,
            Ok(_) => State::Active,
        }
    }

    pub(crate) fn is_for_a_scope(&self) -> bool {
        self.key.starts_with(SCOPE_PREFIX)
    }

    /// The text of an attribute, where it is one.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.as_s().ok().map(String::as_str)
    }

    /// The values of a string set, where an attribute is one.
    pub(crate) fn texts(&self, name: &str) -> Option<&[String]> {
        self.attributes.get(name)?.as_ss().ok().map(Vec::as_slice)
    }

    pub(crate) fn epoch_seconds(&self, name: &str) -> Option<u64> {
        self.attributes.get(name)?.as_n().ok()?.parse().ok()
    }

    /// As in a file: the key first.
    pub(crate) fn to_json(&self) -> Value {
        let mut members = Map::new();
        members.insert(KEY.to_owned(), Value::String(self.key.clone()));
        members.extend(attributes_to_json(&self.attributes));
        Value::Object(members)
    }
}

/// Whether the item's time has ended, and that is enforced.
pub(crate) fn is_expired(mapping: &RoleMapping, observed: Option<&ObservedItems>, now: SystemTime) -> bool {
    let rule = Rule::ExpiresAt;
    let is_observed =
        mapping.observe.contains(&rule) || observed.is_some_and(|items| items.contains(&mapping.key, rule));
    mapping.expires_at.is_some_and(|at| now >= at) && !is_observed
}

pub(crate) fn attributes_to_json(attributes: &Attributes) -> Map<String, Value> {
    attributes.iter().map(|(name, attribute)| (name.clone(), value::to_json(name, attribute))).collect()
}

/// What no item can be stored under.
pub(crate) fn check_key(key: &str) -> Result<(), &'static str> {
    if key.is_empty() || key == SCOPE_PREFIX {
        return Err("is empty");
    }
    if key.len() > MAX_KEY_BYTES {
        return Err("is longer than the 2,048 bytes that DynamoDB takes as a key");
    }
    if key.contains(char::is_control) || key.trim() != key {
        return Err("holds a control character, or white space at an end: no token can name it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use environment::Variables;

    use super::*;

    fn item(observe: &[&str]) -> Item {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let mut attributes = Attributes::from([
            ("role_arn".to_owned(), text("arn:aws:iam::123456789012:role/r")),
            ("s3_path_prefix".to_owned(), text("a/")),
            ("expires_at".to_owned(), AttributeValue::N("1000".to_owned())),
        ]);
        if !observe.is_empty() {
            let rules = observe.iter().map(|rule| (*rule).to_owned()).collect();
            attributes.insert("observe".to_owned(), AttributeValue::Ss(rules));
        }
        Item { key: "a".to_owned(), attributes }
    }

    #[test]
    fn an_item_whose_end_is_only_observed_has_not_expired() {
        for (own, variable, at, expected) in [
            (&[][..], "", 999, State::Active),
            (&[], "", 1000, State::Expired),
            (&["expires_at"], "", 1000, State::Active),
            (&[], r#"{"expires_at":["a"]}"#, 1000, State::Active),
            (&[], r#"{"expires_at":["b"]}"#, 1000, State::Expired),
            (&[], r#"{"source_cidrs":["a"]}"#, 1000, State::Expired),
        ] {
            let lookup = |name: &str| (name == "OBSERVE_RULES" && !variable.is_empty()).then(|| variable.to_owned());
            let observed = ObservedItems::from_env(&Variables::new(&lookup));
            let now = UNIX_EPOCH + Duration::from_secs(at);
            assert_eq!(item(own).state(Some(&observed), now), expected, "{own:?} {variable} {at}");
            let is_expired = is_expired(&item(own).mapping(None).unwrap(), Some(&observed), now);
            assert_eq!(is_expired, expected == State::Expired, "{own:?} {variable} {at}");
        }
        assert_eq!(item(&[]).state(None, UNIX_EPOCH + Duration::from_secs(1000)), State::Expired);
    }
}
