//! The attributes of a mapping item and their types in the table, for the programs that write items.

/// A type of DynamoDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeType {
    /// `S`
    String,
    /// `SS`
    StringSet,
    /// `N`
    Number,
    /// `BOOL`
    Boolean,
}

/// Everything that [`crate::role_mapping::RoleMapping::from_item`] reads, beside the item's key.
pub const ATTRIBUTES: [(&str, AttributeType); 13] = [
    ("role_arn", AttributeType::String),
    ("server_name", AttributeType::String),
    ("s3_path_prefix", AttributeType::String),
    ("s3_permissions", AttributeType::String),
    ("allowed_scopes", AttributeType::StringSet),
    ("session_policy", AttributeType::String),
    ("session_duration_seconds", AttributeType::Number),
    ("external_id", AttributeType::String),
    ("disabled", AttributeType::Boolean),
    ("expires_at", AttributeType::Number),
    ("source_cidrs", AttributeType::StringSet),
    ("issuer", AttributeType::String),
    ("observe", AttributeType::StringSet),
];

/// The type of an attribute, or `None` for one that means nothing to the service.
#[must_use]
pub fn attribute_type(name: &str) -> Option<AttributeType> {
    ATTRIBUTES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use aws_sdk_dynamodb::types::AttributeValue;

    use super::*;
    use crate::role_mapping::{Purpose, RoleMapping};

    /// A list has the type of no attribute, so an item of lists alone has a fault for each attribute that is read.
    #[test]
    fn the_list_names_what_is_read() {
        let names = ATTRIBUTES.map(|(name, _)| name);
        let list = || AttributeValue::L(Vec::new());
        let item: HashMap<_, _> = names.iter().map(|name| ((*name).to_owned(), list())).collect();
        let message = RoleMapping::from_item("a", &item, None, Purpose::Credentials).unwrap_err().to_string();
        let read: BTreeSet<_> =
            message.split("attribute `").skip(1).filter_map(|rest| rest.split('`').next()).collect();
        assert_eq!(read, BTreeSet::from(names), "{message}");
        for (name, kind) in ATTRIBUTES {
            let (word, value) = match kind {
                AttributeType::String => ("(S)", AttributeValue::S("x".to_owned())),
                AttributeType::StringSet => ("(SS)", AttributeValue::Ss(vec!["x".to_owned()])),
                AttributeType::Number => ("(N)", AttributeValue::N("1".to_owned())),
                AttributeType::Boolean => ("(BOOL)", AttributeValue::Bool(true)),
            };
            let wrong =
                RoleMapping::from_item("a", &HashMap::from([(name.to_owned(), list())]), None, Purpose::Credentials);
            assert!(wrong.unwrap_err().to_string().contains(word), "{name}");
            let right =
                RoleMapping::from_item("a", &HashMap::from([(name.to_owned(), value)]), None, Purpose::Credentials);
            assert!(!right.unwrap_err().to_string().contains(word), "{name}");
        }
    }
}
