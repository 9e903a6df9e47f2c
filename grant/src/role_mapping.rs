//! One item of the mapping table: which role a client may assume, and on which terms.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::AttributeValue;
use environment::{RoleArn, parse_cidr};
use ipnet::IpNet;
use vending_api::S3Permissions;

use crate::table::MappingError;

/// One item of the table, typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleMapping {
    /// The item's key: a client id or `scope#…`.
    pub key: String,
    /// The role to assume.
    pub role_arn: RoleArn,
    /// Name of the machine, for session names and tags.
    pub server_name: Option<String>,
    /// Where in the bucket the client may work.
    pub s3_path_prefix: String,
    /// What it may do there. Absent means the least.
    pub s3_permissions: S3Permissions,
    /// Scopes of which a token must hold one; `None` where the item does not say.
    pub allowed_scopes: Option<Vec<String>>,
    /// How the session is restricted beyond the role's own policies.
    pub session_policy: Option<SessionPolicy>,
    /// Lifetime of the credentials.
    pub session_duration: Option<Duration>,
    /// `ExternalId` for the role's trust policy.
    pub external_id: Option<String>,
    /// Switched off by an operator.
    pub disabled: bool,
    /// From this time on nothing is vended.
    pub expires_at: Option<SystemTime>,
    /// Networks the caller must come from; `None` where the item does not say.
    pub source_cidrs: Option<Vec<IpNet>>,
    /// The one issuer whose tokens this item is for.
    pub issuer: Option<String>,
}

/// `session_policy` of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionPolicy {
    /// Generated from prefix and permissions.
    S3Prefix,
    /// Written by the operator.
    Inline(String),
}

impl RoleMapping {
    /// Reads an item. An attribute of the wrong type is a fault, never an absent attribute.
    ///
    /// # Errors
    /// Names the first attribute that cannot be used.
    pub fn from_item(key: &str, item: &HashMap<String, AttributeValue>) -> Result<Self, MappingError> {
        let item = Item { key, attributes: item };
        let role_arn = RoleArn::parse(&item.required_text("role_arn")?)
            .ok_or_else(|| item.fault("role_arn", "is not the ARN of an IAM role"))?;
        Ok(Self {
            key: key.to_owned(),
            role_arn,
            server_name: item.text("server_name")?.filter(|name| !name.is_empty()),
            s3_path_prefix: item.required_text("s3_path_prefix")?,
            s3_permissions: item.permissions()?,
            allowed_scopes: item.texts("allowed_scopes")?,
            session_policy: item.session_policy()?,
            session_duration: item.session_duration()?,
            external_id: item.text("external_id")?,
            disabled: item.flag("disabled")?,
            expires_at: item.epoch_seconds("expires_at")?,
            source_cidrs: item.networks("source_cidrs")?,
            issuer: item.text("issuer")?,
        })
    }

    pub(crate) fn leads_to_the_same_as(&self, other: &Self) -> bool {
        self.role_arn == other.role_arn && self.s3_path_prefix == other.s3_path_prefix
    }
}

struct Item<'a> {
    key: &'a str,
    attributes: &'a HashMap<String, AttributeValue>,
}

impl Item<'_> {
    fn fault(&self, attribute: &'static str, problem: &'static str) -> MappingError {
        MappingError::Misconfigured { key: self.key.to_owned(), attribute, problem }
    }

    fn text(&self, name: &'static str) -> Result<Option<String>, MappingError> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(AttributeValue::S(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.fault(name, "is not a string (S)")),
        }
    }

    fn required_text(&self, name: &'static str) -> Result<String, MappingError> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| self.fault(name, "is missing or empty"))
    }

    fn texts(&self, name: &'static str) -> Result<Option<Vec<String>>, MappingError> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(AttributeValue::Ss(texts)) => Ok(Some(texts.clone())),
            Some(_) => Err(self.fault(name, "is not a string set (SS)")),
        }
    }

    fn flag(&self, name: &'static str) -> Result<bool, MappingError> {
        match self.attributes.get(name) {
            None => Ok(false),
            Some(AttributeValue::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.fault(name, "is not a boolean (BOOL)")),
        }
    }

    fn seconds(&self, name: &'static str) -> Result<Option<u64>, MappingError> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(AttributeValue::N(number)) => {
                number.parse().map(Some).map_err(|_| self.fault(name, "is not a whole number of seconds"))
            }
            Some(_) => Err(self.fault(name, "is not a number (N)")),
        }
    }

    fn permissions(&self) -> Result<S3Permissions, MappingError> {
        match self.text("s3_permissions")?.as_deref() {
            None | Some("write") => Ok(S3Permissions::Write),
            Some("read-write") => Ok(S3Permissions::ReadWrite),
            Some("full") => Ok(S3Permissions::Full),
            Some(_) => Err(self.fault("s3_permissions", "is none of write, read-write, full")),
        }
    }

    fn session_policy(&self) -> Result<Option<SessionPolicy>, MappingError> {
        let name = "session_policy";
        let Some(text) = self.text(name)? else { return Ok(None) };
        if text == "s3-prefix" {
            return Ok(Some(SessionPolicy::S3Prefix));
        }
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(serde_json::Value::Object(_)) => Ok(Some(SessionPolicy::Inline(text))),
            _ => Err(self.fault(name, "is neither `s3-prefix` nor a JSON policy")),
        }
    }

    fn session_duration(&self) -> Result<Option<Duration>, MappingError> {
        let name = "session_duration_seconds";
        match self.seconds(name)? {
            Some(seconds) if !(900..=3600).contains(&seconds) => {
                Err(self.fault(name, "does not lie between 900 and 3600, the bounds of role chaining"))
            }
            seconds => Ok(seconds.map(Duration::from_secs)),
        }
    }

    fn epoch_seconds(&self, name: &'static str) -> Result<Option<SystemTime>, MappingError> {
        let Some(seconds) = self.seconds(name)? else { return Ok(None) };
        let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        time.map(Some).ok_or_else(|| self.fault(name, "is no date"))
    }

    fn networks(&self, name: &'static str) -> Result<Option<Vec<IpNet>>, MappingError> {
        let Some(texts) = self.texts(name)? else { return Ok(None) };
        let networks = texts.iter().map(|text| parse_cidr(text)).collect::<Option<Vec<_>>>();
        networks.map(Some).ok_or_else(|| self.fault(name, "holds something that is no network in CIDR notation"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(extra: &[(&str, AttributeValue)]) -> Result<RoleMapping, String> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let mut attributes = HashMap::from([
            ("role_arn".to_owned(), text("arn:aws:iam::123456789012:role/credvend-a")),
            ("s3_path_prefix".to_owned(), text("logs/a/")),
        ]);
        for (name, value) in extra {
            attributes.insert((*name).to_owned(), value.clone());
        }
        RoleMapping::from_item("a", &attributes).map_err(|error| error.to_string())
    }

    #[test]
    fn two_attributes_are_enough() {
        let mapping = item(&[]).unwrap();
        assert_eq!(mapping.s3_permissions, S3Permissions::Write);
        assert!(!mapping.disabled);
        assert_eq!(mapping.session_policy, None);
    }

    #[test]
    fn every_attribute_is_checked_and_none_is_echoed() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let number = |text: &str| AttributeValue::N(text.to_owned());
        for (name, value) in [
            ("role_arn", text("canary")),
            ("role_arn", text("arn:aws:iam::1:user/canary")),
            ("s3_path_prefix", text("")),
            ("s3_path_prefix", number("1")),
            ("server_name", number("1")),
            ("s3_permissions", text("canary")),
            ("allowed_scopes", text("canary")),
            ("session_policy", text("canary")),
            ("session_policy", text("[]")),
            ("session_duration_seconds", number("3601")),
            ("session_duration_seconds", number("15.5")),
            ("external_id", AttributeValue::Bool(true)),
            ("disabled", text("true")),
            ("expires_at", text("1767225600")),
            ("expires_at", number("99999999999999999999")),
            ("source_cidrs", AttributeValue::Ss(vec!["canary".to_owned()])),
            ("issuer", AttributeValue::Null(true)),
        ] {
            let message = item(&[(name, value)]).unwrap_err();
            assert!(message.contains(&format!("`{name}`")), "{message}");
            assert!(!message.contains("canary"), "{message}");
        }
    }
}
