//! IAM policy documents as IAM hands them out: enough of their grammar to see what a statement names.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// A document that was read. IAM hands it out percent-encoded (RFC 3986).
#[derive(Debug, Clone, Default)]
pub(crate) struct PolicyDocument(Value);

impl PolicyDocument {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(&decoded(text)?).ok().filter(Value::is_object).map(Self)
    }

    /// A single statement may stand for a list of one.
    pub(crate) fn statements(&self) -> impl Iterator<Item = Statement<'_>> {
        let statements = &self.0["Statement"];
        let listed = statements.as_array().map(Vec::as_slice);
        listed.unwrap_or_else(|| std::slice::from_ref(statements)).iter().filter(|one| one.is_object()).map(Statement)
    }
}

/// The document's text, which the SDK leaves as IAM hands it out. `None` for what is no UTF-8.
pub(crate) fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if text.trim_start().starts_with('{') { Some(text.into()) } else { percent_decode_str(text).decode_utf8().ok() }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Statement<'a>(&'a Value);

impl<'a> Statement<'a> {
    pub(crate) fn allows(self) -> bool {
        self.0["Effect"] == "Allow"
    }

    /// Whether it is about this action, `NotAction` included.
    pub(crate) fn names_action(self, action: &str) -> bool {
        let action = action.to_ascii_lowercase();
        let named = |element: &str| {
            listed(&self.0[element]).iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &action))
        };
        if self.0["NotAction"].is_null() { named("Action") } else { !named("NotAction") }
    }

    /// `None` for `NotResource`, which names everything else.
    pub(crate) fn resources(self) -> Option<Vec<&'a str>> {
        self.0["NotResource"].is_null().then(|| listed(&self.0["Resource"]))
    }

    /// Kind (`AWS`, `Service`, `Federated`, `*`) and name; `None` for `NotPrincipal`, which names everybody else.
    pub(crate) fn principals(self) -> Option<Vec<(&'a str, &'a str)>> {
        if !self.0["NotPrincipal"].is_null() {
            return None;
        }
        let principal = &self.0["Principal"];
        if let Some(everybody) = principal.as_str() {
            return Some(vec![("*", everybody)]);
        }
        let kinds = principal.as_object().into_iter().flatten();
        Some(kinds.flat_map(|(kind, names)| listed(names).into_iter().map(|name| (kind.as_str(), name))).collect())
    }

    /// Operator, key and values.
    pub(crate) fn conditions(self) -> impl Iterator<Item = (&'a str, &'a str, Vec<&'a str>)> {
        let operators = self.0["Condition"].as_object().into_iter().flatten();
        operators.flat_map(|(operator, tests)| {
            let tests = tests.as_object().into_iter().flatten();
            tests.map(move |(key, values)| (operator.as_str(), key.as_str(), listed(values)))
        })
    }
}

fn listed(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        value => value.as_str().into_iter().collect(),
    }
}

/// `*` stands for any text, `?` for one character.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut read, mut retry) = (0, 0, None);
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                retry = Some((at, read));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == text[read] => (at, read) = (at + 1, read + 1),
            // The last `*` takes one character more.
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    (at, read) = (star + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|left| *left == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, is_match) in [
            ("", "", true),
            ("*", "", true),
            ("a", "", false),
            ("s3:*", "s3:getobject", true),
            ("s3:get*", "s3:putobject", false),
            ("s3:?etobject", "s3:getobject", true),
            ("*object", "s3:getobject", true),
            ("*a*b", "xaybzb", true),
            ("*a*b", "xaybz", false),
            ("a*", "a", true),
            ("a?", "a", false),
        ] {
            assert_eq!(matches(pattern, text), is_match, "{pattern} {text}");
        }
    }

    #[test]
    fn documents_as_iam_hands_them_out() {
        let plain = r#"{"Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*", "Principal": "*"}}"#;
        let encoded = "%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22NotAction%22%3A%22iam%3A%2A%22%2C\
                       %22Principal%22%3A%7B%22AWS%22%3A%5B%22a%22%2C%22b%22%5D%7D%7D%5D%7D";
        let (plain, encoded) = (PolicyDocument::parse(plain).unwrap(), PolicyDocument::parse(encoded).unwrap());
        let [plain] = plain.statements().collect::<Vec<_>>()[..] else { panic!("one statement") };
        assert!(plain.allows() && plain.names_action("s3:GetObject") && !plain.names_action("s3:PutObject"));
        assert_eq!((plain.resources(), plain.principals()), (Some(vec!["*"]), Some(vec![("*", "*")])));
        let [encoded] = encoded.statements().collect::<Vec<_>>()[..] else { panic!("one statement") };
        assert!(encoded.names_action("s3:GetObject") && !encoded.names_action("iam:PassRole"));
        assert_eq!(encoded.principals(), Some(vec![("AWS", "a"), ("AWS", "b")]));
        for text in ["", "[]", "%7B", "%ff", "null"] {
            assert!(PolicyDocument::parse(text).is_none(), "{text}");
        }
    }
}
