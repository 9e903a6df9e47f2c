//! The inline policy of a role that ends sessions: who is denied everything, with credentials issued before when.
//!
//! One statement lists all clients that share a stamp and a condition key. Statements that are not ours are kept as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::date;

/// Its name, on every role.
pub(crate) const POLICY_NAME: &str = "credvend-revoked";
/// No session of any role lives longer (STS, `AssumeRole`).
pub(crate) const LONGEST_SESSION: Duration = Duration::from_secs(12 * 60 * 60);
const ISSUE_TIME: &str = "aws:TokenIssueTime";
/// `${` begins a policy variable in a value; this is how IAM writes it as text (IAM User Guide, "Policy variables").
const ESCAPED: &str = "${$}{";

/// What tells a client's sessions from others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// The session tag that names the client.
    Tag,
    /// `RoleSessionName`.
    Name,
    /// `SourceIdentity`.
    SourceIdentity,
    /// `sub` of the token that the session was made from at STS itself, of the provider with this URL without its scheme.
    Subject(String),
}

/// Of one client, or of all.
pub(crate) type Marks = BTreeSet<(Key, String)>;

/// The policy's content.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Denials {
    /// Seconds since 1970 → who is denied with what was issued before.
    stamps: BTreeMap<u64, Marks>,
    /// Statements that this program does not write.
    foreign: Vec<Value>,
}

impl Key {
    fn condition_key(&self) -> String {
        match self {
            Self::Tag => format!("aws:PrincipalTag/{}", grant::session::CLIENT_TAG),
            Self::Name => "aws:userid".to_owned(),
            Self::SourceIdentity => "aws:SourceIdentity".to_owned(),
            Self::Subject(provider) => format!("{provider}:sub"),
        }
    }

    fn of_condition_key(name: &str) -> Option<Self> {
        let known = [Self::Tag, Self::Name, Self::SourceIdentity];
        let found = known.into_iter().find(|key| key.condition_key() == name);
        found.or_else(|| Some(Self::Subject(name.strip_suffix(":sub")?.to_owned())))
    }

    /// `aws:userid` is `{role id}:{session name}` (IAM User Guide). A session name holds no colon and no wildcard, so this
    /// matches that name alone; the role is the one that the policy hangs on.
    fn operator(&self) -> (&'static str, &'static str) {
        match self {
            Self::Name => ("StringLike", "*:"),
            Self::Tag | Self::SourceIdentity | Self::Subject(_) => ("StringEquals", ""),
        }
    }

    fn statement(&self, stamp: u64, values: &[&str]) -> Value {
        let (operator, prefix) = self.operator();
        let values: Vec<_> = values.iter().map(|value| format!("{prefix}{}", value.replace("${", ESCAPED))).collect();
        json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {
            operator: {self.condition_key(): values},
            "DateLessThan": {ISSUE_TIME: date::text(stamp).unwrap_or_default()},
        }})
    }
}

impl Denials {
    /// `None` where it is no policy at all.
    pub(crate) fn parse(document: &str) -> Option<Self> {
        let document: Value = serde_json::from_str(document).ok()?;
        let statements = match document.get("Statement")? {
            Value::Array(statements) => statements.clone(),
            one => vec![one.clone()],
        };
        let mut denials = Self::default();
        for statement in statements {
            match read(&statement) {
                Some((stamp, marks)) => denials.stamps.entry(stamp).or_default().extend(marks),
                None => denials.foreign.push(statement),
            }
        }
        Some(denials)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.stamps.is_empty() && self.foreign.is_empty()
    }

    pub(crate) fn document(&self) -> String {
        json!({"Version": "2012-10-17", "Statement": self.statements()}).to_string()
    }

    /// One each line, for a difference.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.statements().iter().map(Value::to_string).collect()
    }

    fn statements(&self) -> Vec<Value> {
        let mut statements = self.foreign.clone();
        for (stamp, marks) in &self.stamps {
            let keys: BTreeSet<_> = marks.iter().map(|(key, _)| key).collect();
            statements.extend(keys.into_iter().map(|key| {
                let values: Vec<_> =
                    marks.iter().filter(|(other, _)| other == key).map(|(_, value)| value.as_str()).collect();
                key.statement(*stamp, &values)
            }));
        }
        statements
    }

    /// Whether all of these are denied with what was issued before `stamp`.
    pub(crate) fn hold(&self, marks: &Marks, stamp: u64) -> bool {
        marks.iter().all(|mark| self.stamp_of(mark).is_some_and(|held| held >= stamp))
    }

    /// The latest stamp of any of them.
    pub(crate) fn latest(&self, marks: &Marks) -> Option<u64> {
        marks.iter().filter_map(|mark| self.stamp_of(mark)).max()
    }

    fn stamp_of(&self, mark: &(Key, String)) -> Option<u64> {
        self.stamps.iter().rev().find(|(_, marks)| marks.contains(mark)).map(|(stamp, _)| *stamp)
    }

    /// Denies these, and nobody else, with what was issued before `stamp`; a later stamp of theirs stays.
    pub(crate) fn deny(&mut self, marks: &Marks, stamp: u64) {
        for mark in marks {
            let stamp = self.stamp_of(mark).unwrap_or_default().max(stamp);
            for held in self.stamps.values_mut() {
                held.remove(mark);
            }
            self.stamps.entry(stamp).or_default().insert(mark.clone());
        }
        self.stamps.retain(|_, marks| !marks.is_empty());
    }

    /// Drops what no session can have outlived.
    pub(crate) fn clear(&mut self, now: u64) {
        self.stamps.retain(|stamp, _| stamp.saturating_add(LONGEST_SESSION.as_secs()) > now);
    }

    /// Puts clients that are still shut out under one stamp, the latest of theirs that has passed: nothing was vended to
    /// them since, so no session is denied that was not before. Clients that were let in again are not among `shut_out`.
    pub(crate) fn fold(&mut self, shut_out: &Marks, now: u64) {
        let past = self.stamps.iter().filter(|(stamp, _)| **stamp <= now);
        let folded: Marks = past.flat_map(|(_, marks)| marks.intersection(shut_out).cloned()).collect();
        if let Some(stamp) = self.latest(&folded).filter(|stamp| *stamp <= now) {
            self.deny(&folded, stamp);
        }
    }
}

/// A statement of ours, and only if writing it again would make the same one.
fn read(statement: &Value) -> Option<(u64, Marks)> {
    let condition = statement["Condition"].as_object()?;
    let stamp = condition.get("DateLessThan")?[ISSUE_TIME].as_str()?;
    let stamp = stamp.parse().ok().and_then(|date: date::DateArgument| date.epoch_seconds(UNIX_EPOCH))?;
    let (operator, test) = condition.iter().find(|(operator, _)| *operator != "DateLessThan")?;
    let (name, values) = test.as_object()?.iter().next()?;
    let key = Key::of_condition_key(name)?;
    let (own_operator, prefix) = key.operator();
    let values: Option<BTreeSet<String>> = values
        .as_array()?
        .iter()
        .map(|value| Some(value.as_str()?.strip_prefix(prefix)?.replace(ESCAPED, "${")))
        .collect();
    let values = values?;
    let again = key.statement(stamp, &values.iter().map(String::as_str).collect::<Vec<_>>());
    let is_ours = operator == own_operator
        && again["Condition"]["DateLessThan"] == condition["DateLessThan"]
        && statement.as_object()?.len() == 4
        && condition.len() == 2
        && test.as_object()?.len() == 1
        && ["Effect", "Action", "Resource"].iter().all(|element| statement[element] == again[element]);
    is_ours.then(|| (stamp, values.into_iter().map(|value| (key.clone(), value)).collect()))
}

/// Whole seconds since 1970.
pub(crate) fn epoch_seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;

    fn client(name: &str) -> Marks {
        Marks::from([(Key::Tag, name.to_owned()), (Key::Name, format!("web-{name}"))])
    }

    fn stamps(denials: &Denials, name: &str) -> Vec<u64> {
        client(name).iter().filter_map(|mark| denials.stamp_of(mark)).collect()
    }

    #[test]
    fn a_client_is_denied_by_tag_and_by_name() {
        let mut denials = Denials::default();
        denials.deny(&client("a"), 1_800_000_000);
        let document: Value = serde_json::from_str(&denials.document()).unwrap();
        let before = json!({"aws:TokenIssueTime": "2027-01-15T08:00:00Z"});
        assert_eq!(
            document,
            json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {
                    "StringEquals": {"aws:PrincipalTag/client_id": ["a"]}, "DateLessThan": before}},
                {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {
                    "StringLike": {"aws:userid": ["*:web-a"]}, "DateLessThan": before}},
            ]})
        );
        assert!(denials.hold(&client("a"), 1_800_000_000));
        assert!(!denials.hold(&client("a"), 1_800_000_001));
        assert!(!denials.hold(&client("b"), 1));
    }

    #[test]
    fn what_was_written_is_read_again() {
        let mut denials = Denials::default();
        denials.deny(&client("a"), 1000);
        denials.deny(&client("b"), 1000);
        denials.deny(&client("c"), 2000);
        denials.deny(&Marks::from([(Key::Subject("idp.example.com/x".to_owned()), "c@clients".to_owned())]), 2000);
        denials.deny(&Marks::from([(Key::SourceIdentity, "c".to_owned())]), 2000);
        assert_eq!(Denials::parse(&denials.document()), Some(denials.clone()));
        assert_eq!(denials.lines().len(), 6, "a statement for each stamp and key");
        assert_eq!(Denials::parse("[]"), None);
        assert_eq!(Denials::parse("not JSON"), None);
    }

    #[test]
    fn a_value_is_no_policy_variable() {
        let subject = Key::Subject("idp.example.com".to_owned());
        for (text, written) in [
            ("${aws:username}", "${$}{aws:username}"),
            ("a${*}b${?}", "a${$}{*}b${$}{?}"),
            ("${$}{x}", "${$}{$}{x}"),
            ("$x{", "$x{"),
        ] {
            let mut denials = Denials::default();
            denials.deny(&Marks::from([(subject.clone(), text.to_owned())]), 1000);
            let document: Value = serde_json::from_str(&denials.document()).unwrap();
            let values = &document["Statement"][0]["Condition"]["StringEquals"]["idp.example.com:sub"];
            assert_eq!(values, &json!([written]));
            assert_eq!(Denials::parse(&denials.document()), Some(denials), "{text}");
        }
    }

    #[test]
    fn statements_of_others_stay() {
        let mut ours = Denials::default();
        ours.deny(&Marks::from([(Key::Tag, "a".to_owned())]), 1000);
        let ours: Value = serde_json::from_str(&ours.lines()[0]).unwrap();
        let changed = |change: &dyn Fn(&mut Value)| {
            let mut statement = ours.clone();
            change(&mut statement);
            statement
        };
        for foreign in [
            changed(&|s| s["Sid"] = json!("mine")),
            changed(&|s| s["Effect"] = json!("Allow")),
            changed(&|s| s["Action"] = json!("s3:*")),
            changed(&|s| s["Condition"]["Bool"] = json!({"aws:SecureTransport": "true"})),
            changed(&|s| s["Condition"]["StringEquals"]["aws:username"] = json!(["a"])),
            changed(&|s| s["Condition"]["StringEquals"] = json!({"aws:username": ["a"]})),
            changed(&|s| s["Condition"]["StringEquals"] = json!({"aws:userid": ["*:a"]})),
            changed(&|s| s["Condition"]["DateLessThan"]["aws:TokenIssueTime"] = json!("2027-01-15")),
            json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}),
            json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition":
                {"StringLike": {"aws:userid": ["AROA:a"]}, "DateLessThan": {"aws:TokenIssueTime": "2027-01-15T08:00:00Z"}}}),
        ] {
            let document = json!({"Version": "2012-10-17", "Statement": foreign}).to_string();
            let mut denials = Denials::parse(&document).unwrap();
            denials.deny(&client("b"), 5000);
            denials.fold(&client("a"), 9000);
            denials.clear(100 * HOUR);
            assert_eq!(denials.lines(), [foreign.to_string()]);
        }
    }

    #[test]
    fn no_other_clients_stamp_moves() {
        let mut denials = Denials::default();
        denials.deny(&client("a"), 1000);
        denials.deny(&client("b"), 1000);
        denials.deny(&client("b"), 2000);
        assert_eq!((stamps(&denials, "a"), stamps(&denials, "b")), (vec![1000, 1000], vec![2000, 2000]));
        // A second operator's older stamp takes nothing back.
        denials.deny(&client("b"), 1500);
        assert_eq!(stamps(&denials, "b"), [2000, 2000]);
    }

    #[test]
    fn folded_are_only_those_who_are_shut_out() {
        let mut denials = Denials::default();
        for (name, stamp) in [("a", 1000), ("b", 2000), ("let-in", 1500), ("c", 3000), ("now", 9000)] {
            denials.deny(&client(name), stamp);
        }
        let shut_out: Marks = ["a", "b", "c", "now"].into_iter().flat_map(client).collect();
        denials.fold(&shut_out, 8000);
        for (name, stamp) in [("a", 3000), ("b", 3000), ("c", 3000), ("let-in", 1500), ("now", 9000)] {
            assert_eq!(stamps(&denials, name), [stamp, stamp], "{name}");
        }
        assert_eq!(denials.lines().len(), 6);
    }

    #[test]
    fn what_no_session_outlives_is_dropped() {
        let mut denials = Denials::default();
        denials.deny(&client("a"), 1000);
        denials.deny(&client("b"), 1001);
        denials.clear(1000 + 12 * HOUR - 1);
        assert_eq!(denials.lines().len(), 4);
        denials.clear(1000 + 12 * HOUR);
        assert_eq!((stamps(&denials, "a"), stamps(&denials, "b")), (vec![], vec![1001, 1001]));
        denials.clear(u64::MAX);
        assert!(denials.is_empty());
    }

    /// 12 hours of revocations of one shared role, with the names that the deployments make.
    #[test]
    fn a_hundred_clients_of_one_role_fit_into_its_policy() {
        let mut denials = Denials::default();
        for number in 0..100 {
            let id = format!("1h57kf5cpq17m0eml12ex{number:05}");
            denials.deny(&Marks::from([(Key::Tag, id.clone()), (Key::Name, format!("web-{number:02}-{id}"))]), 1000);
        }
        assert!(denials.document().len() < 10_240, "{}", denials.document().len());
    }
}
