//! One item of the mapping table: which role a client may assume, and on which terms.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::AttributeValue;
use environment::{RoleArn, parse_cidr};
use ipnet::IpNet;
use vending_api::S3Permissions;

use crate::session::MAX_POLICY_LENGTH;
use crate::table::MappingError;

/// The first second of the year 2200.
const LATEST_DATE: u64 = 7_258_118_400;

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
    /// The one issuer whose tokens this item is for; `None` is for nobody's.
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
    /// Reads an item. An attribute of the wrong type is a fault, never an absent attribute. `default_issuer` is meant by
    /// an item that names no issuer.
    ///
    /// # Errors
    /// Names the first attribute that cannot be used.
    pub fn from_item(
        key: &str,
        item: &HashMap<String, AttributeValue>,
        default_issuer: Option<&str>,
    ) -> Result<Self, MappingError> {
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
            external_id: item.external_id()?,
            disabled: item.flag("disabled")?,
            expires_at: item.epoch_seconds("expires_at")?,
            source_cidrs: item.networks("source_cidrs")?,
            issuer: item.text("issuer")?.or_else(|| default_issuer.map(str::to_owned)),
        })
    }

    /// Whether it is for the tokens of `issuer`.
    #[must_use]
    pub fn serves(&self, issuer: &str) -> bool {
        self.issuer.as_deref() == Some(issuer)
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
        if text.chars().count() > MAX_POLICY_LENGTH {
            return Err(self.fault(name, "is longer than the 2,048 characters that STS takes"));
        }
        // AssumeRole, `Policy`: [\u0009\u000A\u000D\u0020-\u00FF]+
        if text.contains(|c: char| c > '\u{ff}' || (c < ' ' && !matches!(c, '\t' | '\n' | '\r'))) {
            return Err(
                self.fault(name, "holds a character that STS does not take in a policy (above U+00FF, or a control)")
            );
        }
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(serde_json::Value::Object(_)) => Ok(Some(SessionPolicy::Inline(text))),
            _ => Err(self.fault(name, "is neither `s3-prefix` nor a JSON policy")),
        }
    }

    /// The form of `ExternalId` at STS: `[\w+=,.@:\/-]*`, 2 to 1,224 characters.
    fn external_id(&self) -> Result<Option<String>, MappingError> {
        let id = self.text("external_id")?;
        let fits = |id: &str| {
            (2..=1224).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c))
        };
        match id.as_deref() {
            Some(text) if !fits(text) => {
                Err(self
                    .fault("external_id", "does not have the form that STS takes: 2 to 1,224 of A-Z a-z 0-9 _+=,.@:/-"))
            }
            _ => Ok(id),
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
        if seconds > LATEST_DATE {
            return Err(
                self.fault(name, "lies beyond the year 2200: seconds since 1970 are expected, not milliseconds")
            );
        }
        Ok(Some(UNIX_EPOCH + Duration::from_secs(seconds)))
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
        RoleMapping::from_item("a", &attributes, None).map_err(|error| error.to_string())
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
            ("session_policy", text(&format!("{{\"canary\":\"{}\"}}", "x".repeat(2048)))),
            ("session_policy", text("{\"canary\":\"\u{100}\"}")),
            ("session_policy", text("{\"canary\":\"\u{1f600}\"}")),
            ("external_id", AttributeValue::Bool(true)),
            ("external_id", text("canary id")),
            ("external_id", text("c")),
            ("disabled", text("true")),
            ("expires_at", text("1767225600")),
            ("expires_at", number("99999999999999999999")),
            ("expires_at", number("1767225600000")),
            ("expires_at", number("7258118401")),
            ("expires_at", number("-1")),
            ("source_cidrs", AttributeValue::Ss(vec!["canary".to_owned()])),
            ("issuer", AttributeValue::Null(true)),
        ] {
            let message = item(&[(name, value)]).unwrap_err();
            assert!(message.contains(&format!("`{name}`")), "{message}");
            assert!(!message.contains("canary"), "{message}");
        }
    }

    #[test]
    fn dates_up_to_the_year_2200() {
        for (seconds, date) in [("0", 0), ("1767225600", 1_767_225_600), ("7258118400", LATEST_DATE)] {
            let expires_at = item(&[("expires_at", AttributeValue::N(seconds.to_owned()))]).unwrap().expires_at;
            assert_eq!(expires_at, Some(UNIX_EPOCH + Duration::from_secs(date)), "{seconds}");
        }
    }

    #[test]
    fn an_item_without_an_issuer_is_for_the_default_one() {
        let attributes = |issuer: Option<&str>| {
            let mut attributes = HashMap::from([
                ("role_arn".to_owned(), AttributeValue::S("arn:aws:iam::123456789012:role/a".to_owned())),
                ("s3_path_prefix".to_owned(), AttributeValue::S("a/".to_owned())),
            ]);
            attributes.extend(issuer.map(|issuer| ("issuer".to_owned(), AttributeValue::S(issuer.to_owned()))));
            attributes
        };
        for (own, default, issuer, serves) in [
            (None, Some("https://a"), "https://a", true),
            (None, Some("https://a"), "https://b", false),
            (None, None, "https://a", false),
            (Some("https://b"), Some("https://a"), "https://b", true),
            (Some("https://b"), Some("https://a"), "https://a", false),
            (Some("https://b"), None, "https://b", true),
            (Some(""), Some("https://a"), "https://a", false),
        ] {
            let mapping = RoleMapping::from_item("a", &attributes(own), default).unwrap();
            assert_eq!(mapping.serves(issuer), serves, "{own:?} {default:?} {issuer}");
        }
    }
}
