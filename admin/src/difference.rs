//! What a command changes: between an item as it was read and as it shall be.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use aws_sdk_dynamodb::types::AttributeValue;
use environment::visible;
use serde_json::{Value, json};

use crate::item::{Attributes, Item, attributes_to_json};
use crate::value;

/// One item's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    Create(Item),
    Update { key: String, before: Attributes, after: Attributes },
    Delete(Item),
}

impl Change {
    /// `None` where both are the same.
    pub(crate) fn between(before: Option<Item>, after: Option<Item>) -> Option<Self> {
        match (before, after) {
            (None, None) => None,
            (None, Some(after)) => Some(Self::Create(after)),
            (Some(before), None) => Some(Self::Delete(before)),
            (Some(before), Some(after)) if before.attributes == after.attributes => None,
            (Some(before), Some(after)) => {
                Some(Self::Update { key: after.key, before: before.attributes, after: after.attributes })
            }
        }
    }

    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Create(item) | Self::Delete(item) => &item.key,
            Self::Update { key, .. } => key,
        }
    }

    pub(crate) fn is_deletion(&self) -> bool {
        matches!(self, Self::Delete(_))
    }

    fn sides(&self) -> (Option<&Attributes>, Option<&Attributes>) {
        match self {
            Self::Create(item) => (None, Some(&item.attributes)),
            Self::Update { before, after, .. } => (Some(before), Some(after)),
            Self::Delete(item) => (Some(&item.attributes), None),
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Update { .. } => "update",
            Self::Delete(_) => "delete",
        }
    }

    /// The item's name, then a line for each attribute that goes, and for each that comes.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("{} {}\n", self.word(), visible(self.key()));
        let (before, after) = self.sides();
        for name in changed_names(before, after) {
            for (sign, side) in [('-', before), ('+', after)] {
                if let Some(attribute) = side.and_then(|attributes| attributes.get(name)) {
                    let shown = value::to_json(name, attribute).to_string();
                    // Writing to a string cannot fail.
                    let _ = writeln!(text, "  {sign} {} = {}", visible(name), visible(&shown));
                }
            }
        }
        text
    }

    pub(crate) fn to_json(&self) -> Value {
        let (before, after) = self.sides();
        json!({
            "client_id": self.key(),
            "change": self.word(),
            "before": before.map(attributes_to_json),
            "after": after.map(attributes_to_json),
        })
    }
}

/// The names whose values differ.
pub(crate) fn changed_names<'a>(before: Option<&'a Attributes>, after: Option<&'a Attributes>) -> Vec<&'a str> {
    let value = |side: Option<&'a Attributes>, name: &str| -> Option<&'a AttributeValue> { side?.get(name) };
    let names: BTreeSet<_> = [before, after].into_iter().flatten().flat_map(Attributes::keys).collect();
    names.into_iter().map(String::as_str).filter(|name| value(before, name) != value(after, name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(pairs: &[(&str, &str)]) -> Item {
        let attributes = pairs.iter().map(|(name, text)| ((*name).to_owned(), AttributeValue::S((*text).to_owned())));
        Item { key: "a".to_owned(), attributes: attributes.collect() }
    }

    #[test]
    fn only_what_differs_is_shown() {
        let (before, after) =
            (item(&[("a", "1"), ("b", "2"), ("c", "3")]), item(&[("a", "1"), ("b", "4"), ("d", "\n")]));
        assert_eq!(Change::between(Some(before.clone()), Some(before.clone())), None);
        let change = Change::between(Some(before.clone()), Some(after)).unwrap();
        assert_eq!(change.to_text(), "update a\n  - b = \"2\"\n  + b = \"4\"\n  - c = \"3\"\n  + d = \"\\n\"\n");
        assert_eq!(Change::between(None, Some(before.clone())).unwrap().to_json()["before"], Value::Null);
        assert_eq!(Change::between(Some(before), None).unwrap().to_json()["change"], "delete");
    }
}
