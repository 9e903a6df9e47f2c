//! One item of the mapping table: which role a client may assume, and on which terms.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::AttributeValue;
use environment::{RoleArn, parse_cidr};
use ipnet::IpNet;
use vending_api::S3Permissions;

use crate::observe::Rule;
use crate::s3_prefix;
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
    /// Rules of this item that are put on record and not enforced.
    pub observe: BTreeSet<Rule>,
}

/// `session_policy` of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionPolicy {
    /// Generated from prefix and permissions.
    S3Prefix,
    /// Written by the operator.
    Inline(String),
}

/// What the items of a table are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Credentials for a prefix of a bucket, which each item names.
    Credentials,
    /// Queries: the role alone says what may be read. A policy for a prefix of S3 would forbid Athena itself.
    Queries,
}

impl Purpose {
    /// The variable that names the table.
    #[must_use]
    pub fn table_variable(self) -> &'static str {
        match self {
            Self::Credentials => "DYNAMODB_TABLE",
            Self::Queries => "ROLE_MAPPINGS_TABLE",
        }
    }
}

/// What is wrong with one attribute of an item, without its value: an item may hold secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which attribute.
    pub attribute: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "attribute `{}` {}", self.attribute, self.problem)
    }
}

impl RoleMapping {
    /// A role that no item names, for the tokens of one issuer.
    #[must_use]
    pub fn of_role(key: &str, role_arn: RoleArn, issuer: &str) -> Self {
        Self {
            key: key.to_owned(),
            role_arn,
            server_name: None,
            s3_path_prefix: String::new(),
            s3_permissions: S3Permissions::Write,
            allowed_scopes: None,
            session_policy: None,
            session_duration: None,
            external_id: None,
            disabled: false,
            expires_at: None,
            source_cidrs: None,
            issuer: Some(issuer.to_owned()),
            observe: BTreeSet::new(),
        }
    }

    /// Reads an item. An attribute of the wrong type is a fault, never an absent attribute. `default_issuer` is meant by
    /// an item that names no issuer.
    ///
    /// # Errors
    /// Names every attribute that cannot be used.
    pub fn from_item(
        key: &str,
        attributes: &HashMap<String, AttributeValue>,
        default_issuer: Option<&str>,
        purpose: Purpose,
    ) -> Result<Self, MappingError> {
        let item = Item { attributes, purpose, faults: RefCell::default() };
        let mapping = item.read(key, default_issuer);
        let faults = item.faults.into_inner();
        match mapping {
            Some(mapping) if faults.is_empty() => Ok(mapping),
            _ => Err(MappingError::Misconfigured { key: key.to_owned(), faults }),
        }
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

/// Whether an item is for the tokens of `issuer`, before anything else of it is looked at: a fault of another issuer's item
/// is not this one's. An item whose `issuer` cannot be read may be for anybody, and is reported as the fault it is.
pub(crate) fn may_serve(
    attributes: &HashMap<String, AttributeValue>,
    default_issuer: Option<&str>,
    issuer: &str,
) -> bool {
    match attributes.get("issuer") {
        None => default_issuer == Some(issuer),
        Some(AttributeValue::S(own)) => own == issuer,
        Some(_) => true,
    }
}

/// An item while it is read: a reader gives `None` for what is absent, and for what it has noted as a fault.
struct Item<'a> {
    attributes: &'a HashMap<String, AttributeValue>,
    purpose: Purpose,
    faults: RefCell<Vec<Fault>>,
}

impl Item<'_> {
    /// Everything is read before the first attribute that is missing ends it.
    fn read(&self, key: &str, default_issuer: Option<&str>) -> Option<RoleMapping> {
        let role_arn = self.role_arn();
        let s3_path_prefix = match self.purpose {
            Purpose::Credentials => self.required_text("s3_path_prefix"),
            Purpose::Queries => Some(self.text("s3_path_prefix").unwrap_or_default()),
        };
        let session_policy = self.session_policy();
        let is_held_to_prefix = session_policy == Some(SessionPolicy::S3Prefix);
        if is_held_to_prefix && self.purpose == Purpose::Queries {
            let problem = "is `s3-prefix`, which would forbid Athena itself: leave it out, or write an inline policy";
            self.fault("session_policy", problem);
        } else if is_held_to_prefix
            && s3_path_prefix.as_ref().is_some_and(|prefix| !s3_prefix::fits_into_a_policy(prefix))
        {
            let problem = "holds a character or a path segment that a session policy cannot restrict to";
            self.fault("s3_path_prefix", problem);
        }
        Some(RoleMapping {
            key: key.to_owned(),
            server_name: self.text("server_name").filter(|name| !name.is_empty()),
            s3_permissions: self.permissions(),
            allowed_scopes: self.texts("allowed_scopes"),
            session_policy,
            session_duration: self.session_duration(),
            external_id: self.external_id(),
            disabled: self.flag("disabled"),
            expires_at: self.epoch_seconds("expires_at"),
            source_cidrs: self.networks("source_cidrs"),
            issuer: self.text("issuer").or_else(|| default_issuer.map(str::to_owned)),
            observe: self.rules("observe"),
            role_arn: role_arn?,
            s3_path_prefix: s3_path_prefix?,
        })
    }

    fn fault(&self, attribute: &'static str, problem: &'static str) {
        self.faults.borrow_mut().push(Fault { attribute, problem });
    }

    fn text(&self, name: &'static str) -> Option<String> {
        match self.attributes.get(name)? {
            AttributeValue::S(text) => Some(text.clone()),
            _ => {
                self.fault(name, "is not a string (S)");
                None
            }
        }
    }

    fn required_text(&self, name: &'static str) -> Option<String> {
        if !self.attributes.contains_key(name) {
            self.fault(name, "is missing");
        }
        let text = self.text(name)?;
        if text.is_empty() {
            self.fault(name, "is empty");
            return None;
        }
        Some(text)
    }

    fn texts(&self, name: &'static str) -> Option<Vec<String>> {
        match self.attributes.get(name)? {
            AttributeValue::Ss(texts) => Some(texts.clone()),
            _ => {
                self.fault(name, "is not a string set (SS)");
                None
            }
        }
    }

    fn flag(&self, name: &'static str) -> bool {
        match self.attributes.get(name) {
            None => false,
            Some(AttributeValue::Bool(flag)) => *flag,
            Some(_) => {
                self.fault(name, "is not a boolean (BOOL)");
                false
            }
        }
    }

    fn seconds(&self, name: &'static str) -> Option<u64> {
        let AttributeValue::N(number) = self.attributes.get(name)? else {
            self.fault(name, "is not a number (N)");
            return None;
        };
        let seconds = number.parse().ok();
        if seconds.is_none() {
            self.fault(name, "is not a whole number of seconds");
        }
        seconds
    }

    fn role_arn(&self) -> Option<RoleArn> {
        let name = "role_arn";
        let role_arn = RoleArn::parse(&self.required_text(name)?);
        if role_arn.is_none() {
            self.fault(name, "is not the ARN of an IAM role");
        }
        role_arn
    }

    fn permissions(&self) -> S3Permissions {
        match self.text("s3_permissions").as_deref() {
            None | Some("write") => S3Permissions::Write,
            Some("read-write") => S3Permissions::ReadWrite,
            Some("full") => S3Permissions::Full,
            Some(_) => {
                self.fault("s3_permissions", "is none of write, read-write, full");
                S3Permissions::Write
            }
        }
    }

    fn session_policy(&self) -> Option<SessionPolicy> {
        let name = "session_policy";
        let text = self.text(name)?;
        if text == "s3-prefix" {
            return Some(SessionPolicy::S3Prefix);
        }
        // AssumeRole, `Policy`: [\u0009\u000A\u000D\u0020-\u00FF]+
        let is_refused = |c: char| c > '\u{ff}' || (c < ' ' && !matches!(c, '\t' | '\n' | '\r'));
        if text.chars().count() > MAX_POLICY_LENGTH {
            self.fault(name, "is longer than the 2,048 characters that STS takes");
        } else if text.contains(is_refused) {
            self.fault(name, "holds a character that STS does not take in a policy (above U+00FF, or a control)");
        } else if !matches!(serde_json::from_str(&text), Ok(serde_json::Value::Object(_))) {
            self.fault(name, "is neither `s3-prefix` nor a JSON policy");
        }
        Some(SessionPolicy::Inline(text))
    }

    /// The form of `ExternalId` at STS: `[\w+=,.@:\/-]*`, 2 to 1,224 characters.
    fn external_id(&self) -> Option<String> {
        let id = self.text("external_id")?;
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
        if !(2..=1224).contains(&id.len()) || !id.chars().all(is_allowed) {
            let problem = "does not have the form that STS takes: 2 to 1,224 of A-Z a-z 0-9 _+=,.@:/-";
            self.fault("external_id", problem);
        }
        Some(id)
    }

    fn session_duration(&self) -> Option<Duration> {
        let name = "session_duration_seconds";
        let seconds = self.seconds(name)?;
        if !(900..=3600).contains(&seconds) {
            self.fault(name, "does not lie between 900 and 3600, the bounds of role chaining");
        }
        Some(Duration::from_secs(seconds))
    }

    fn epoch_seconds(&self, name: &'static str) -> Option<SystemTime> {
        let seconds = self.seconds(name)?;
        if seconds > LATEST_DATE {
            self.fault(name, "lies beyond the year 2200: seconds since 1970 are expected, not milliseconds");
            return None;
        }
        Some(UNIX_EPOCH + Duration::from_secs(seconds))
    }

    fn rules(&self, name: &'static str) -> BTreeSet<Rule> {
        let names = self.texts(name).unwrap_or_default();
        let rules = names.iter().map(|name| Rule::of_attribute(name)).collect::<Option<BTreeSet<_>>>();
        if rules.is_none() {
            self.fault(name, "names a rule that cannot be observed: allowed_scopes, expires_at and source_cidrs can");
        }
        rules.unwrap_or_default()
    }

    fn networks(&self, name: &'static str) -> Option<Vec<IpNet>> {
        let networks = self.texts(name)?.iter().map(|text| parse_cidr(text)).collect::<Option<Vec<_>>>();
        if networks.is_none() {
            self.fault(name, "holds something that is not a network in CIDR notation");
        }
        networks
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
        RoleMapping::from_item("a", &attributes, None, Purpose::Credentials).map_err(|error| error.to_string())
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
            ("observe", text("source_cidrs")),
            ("observe", AttributeValue::Bool(true)),
            ("observe", AttributeValue::L(vec![text("source_cidrs")])),
            ("observe", AttributeValue::Ss(vec!["source_cidrs".to_owned(), "canary".to_owned()])),
            ("observe", AttributeValue::Ss(vec!["disabled".to_owned()])),
            ("observe", AttributeValue::Ss(vec!["issuer".to_owned()])),
            ("observe", AttributeValue::Ss(vec!["required_scopes".to_owned()])),
            ("observe", AttributeValue::Ss(vec!["Source_Cidrs".to_owned()])),
            ("observe", AttributeValue::Ss(vec![String::new()])),
        ] {
            let message = item(&[(name, value)]).unwrap_err();
            assert!(message.contains(&format!("`{name}`")), "{message}");
            assert!(!message.contains("canary"), "{message}");
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let message = item(&[
            ("role_arn", text("canary")),
            ("s3_path_prefix", text("logs/*/")),
            ("session_policy", text("s3-prefix")),
            ("s3_permissions", text("canary")),
            ("server_name", AttributeValue::Bool(true)),
            ("allowed_scopes", text("canary")),
            ("session_duration_seconds", AttributeValue::N("1".to_owned())),
            ("external_id", text("canary id")),
            ("disabled", text("true")),
            ("expires_at", AttributeValue::N("1767225600000".to_owned())),
            ("source_cidrs", AttributeValue::Ss(vec!["canary".to_owned()])),
            ("issuer", AttributeValue::Null(true)),
            ("observe", AttributeValue::Ss(vec!["canary".to_owned()])),
        ])
        .unwrap_err();
        let named: std::collections::BTreeSet<_> =
            message.split("attribute `").skip(1).filter_map(|rest| rest.split('`').next()).collect();
        let expected = [
            "allowed_scopes",
            "disabled",
            "expires_at",
            "external_id",
            "issuer",
            "observe",
            "role_arn",
            "s3_path_prefix",
            "s3_permissions",
            "server_name",
            "session_duration_seconds",
            "source_cidrs",
        ];
        assert_eq!(named.into_iter().collect::<Vec<_>>(), expected, "{message}");
        assert!(!message.contains("canary"), "{message}");
        let nothing = RoleMapping::from_item("a", &HashMap::new(), None, Purpose::Credentials).unwrap_err().to_string();
        assert!(nothing.contains("`role_arn` is missing; attribute `s3_path_prefix` is missing"), "{nothing}");
    }

    #[test]
    fn a_prefix_must_fit_only_where_a_policy_is_made_of_it() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        for prefix in ["logs/*/", "logs/../a/", "logs/$x/", "logs//a/"] {
            assert!(item(&[("s3_path_prefix", text(prefix))]).is_ok(), "{prefix}");
            let message = item(&[("s3_path_prefix", text(prefix)), ("session_policy", text("s3-prefix"))]).unwrap_err();
            assert!(message.contains("`s3_path_prefix`"), "{message}");
        }
    }

    /// Terraform is compared with the same table.
    #[test]
    fn attributes_that_terraform_takes_are_taken() {
        let table: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/cases/server-rules/table.json")).unwrap();
        let text = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap().to_owned();
        for row in table["prefixes"].as_array().unwrap() {
            let prefix = AttributeValue::S(text(row, "value"));
            let held =
                item(&[("s3_path_prefix", prefix), ("session_policy", AttributeValue::S("s3-prefix".to_owned()))]);
            assert_eq!(held.is_ok(), row["policy"] == true, "{row}");
            assert!(row["terraform"] != true || held.is_ok(), "Terraform takes what the service refuses: {row}");
        }
        for row in table["external_ids"].as_array().unwrap() {
            let read = item(&[("external_id", AttributeValue::S(text(row, "value")))]);
            assert_eq!(read.is_ok(), row["valid"] == true, "{row}");
        }
        for row in table["expires_at"].as_array().unwrap() {
            let read = item(&[("expires_at", AttributeValue::N(text(row, "epoch_seconds")))]);
            assert_eq!(read.is_ok(), row["valid"] == true, "{row}");
        }
        for attribute in ["source_cidrs", "observe"] {
            for row in table[attribute].as_array().unwrap() {
                let read = item(&[(attribute, AttributeValue::Ss(vec![text(row, "value")]))]);
                assert_eq!(read.is_ok(), row["valid"] == true, "{attribute} {row}");
            }
        }
    }

    #[test]
    fn a_role_is_enough_for_queries() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let read = |policy: Option<&str>| {
            let mut attributes = HashMap::from([("role_arn".to_owned(), text("arn:aws:iam::123456789012:role/a"))]);
            attributes.extend(policy.map(|policy| ("session_policy".to_owned(), text(policy))));
            RoleMapping::from_item("a", &attributes, None, Purpose::Queries).map_err(|error| error.to_string())
        };
        assert_eq!(read(None).unwrap().s3_path_prefix, "");
        assert!(read(Some("{}")).is_ok());
        assert!(read(Some("s3-prefix")).unwrap_err().contains("`session_policy`"));
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
            let attributes = attributes(own);
            let mapping = RoleMapping::from_item("a", &attributes, default, Purpose::Credentials).unwrap();
            assert_eq!(mapping.serves(issuer), serves, "{own:?} {default:?} {issuer}");
            assert_eq!(may_serve(&attributes, default, issuer), serves, "{own:?} {default:?} {issuer}");
        }
        let unreadable = HashMap::from([("issuer".to_owned(), AttributeValue::N("1".to_owned()))]);
        assert!(may_serve(&unreadable, Some("https://a"), "https://b"));
    }
}
