//! Observe mode: rules of an item that are evaluated and put on record, and not enforced, so that an operator sees whom a
//! new rule would shut out before it does.

use std::collections::{BTreeMap, BTreeSet};

use environment::Variables;
use serde::Deserialize;

use crate::authorize::Denial;

/// The rules that can be observed: those by which an item restricts a client further. Whether a client is disabled, whose
/// tokens an item is for, and all that a token itself must show are always enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// `allowed_scopes`
    AllowedScopes,
    /// `expires_at`
    ExpiresAt,
    /// `source_cidrs`
    SourceCidrs,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AllowedScopes, Self::ExpiresAt, Self::SourceCidrs];

    /// The attribute that states it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AllowedScopes => "allowed_scopes",
            Self::ExpiresAt => "expires_at",
            Self::SourceCidrs => "source_cidrs",
        }
    }

    /// The rule of an attribute, or `None` for one that cannot be observed.
    #[must_use]
    pub fn of_attribute(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }
}

/// A rule that said no and was not enforced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Which rule.
    pub rule: Rule,
    /// What it would have said.
    pub denial: Denial,
}

/// `OBSERVE_RULES`: the rules that are observed for items that do not say so themselves, by the items' keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObservedItems(BTreeMap<String, BTreeSet<Rule>>);

/// `{"source_cidrs": ["CLIENT", "scope#SCOPE"]}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    allowed_scopes: Option<Vec<String>>,
    expires_at: Option<Vec<String>>,
    source_cidrs: Option<Vec<String>>,
}

const VARIABLE: &str = "OBSERVE_RULES";
const EXAMPLE: &str = r#"{"source_cidrs":["6h0example1client"]}"#;

impl ObservedItems {
    /// Reads the variable; faults are noted in `variables`.
    #[must_use]
    pub fn from_env(variables: &Variables<'_>) -> Self {
        let Some(text) = variables.document(VARIABLE) else { return Self::default() };
        parse(&text).unwrap_or_else(|problem| {
            variables.fault(VARIABLE, format_args!("{problem}, for example `{EXAMPLE}`"));
            Self::default()
        })
    }

    /// Whether a rule of the item with this key is observed.
    #[must_use]
    pub fn contains(&self, key: &str, rule: Rule) -> bool {
        self.0.get(key).is_some_and(|rules| rules.contains(&rule))
    }

    /// Number of items that are named.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn parse(text: &str) -> Result<ObservedItems, String> {
    // Serde reads a struct from an array as well, member by member.
    if !text.starts_with('{') {
        return Err("not a JSON object of rules, each with the keys of the items that it is observed for".to_owned());
    }
    let document: Document = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut items: BTreeMap<String, BTreeSet<Rule>> = BTreeMap::new();
    for (rule, keys) in [
        (Rule::AllowedScopes, document.allowed_scopes),
        (Rule::ExpiresAt, document.expires_at),
        (Rule::SourceCidrs, document.source_cidrs),
    ] {
        let Some(keys) = keys else { continue };
        if keys.is_empty() || keys.iter().any(String::is_empty) {
            return Err(format!("`{}` names no item, or an empty one", rule.name()));
        }
        for key in keys {
            items.entry(key).or_default().insert(rule);
        }
    }
    if items.is_empty() { Err("no rule is named".to_owned()) } else { Ok(ObservedItems(items)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ObservedItems, String> {
        let lookup = |name: &str| (name == VARIABLE).then(|| text.to_owned());
        let variables = Variables::new(&lookup);
        let items = ObservedItems::from_env(&variables);
        variables.finish(Some(items)).map_err(|error| error.to_string())
    }

    #[test]
    fn rules_by_the_keys_of_items() {
        let items = read(" {\"source_cidrs\": [\"a\", \"scope#b\"],\n \"expires_at\": [\"a\"]} ").unwrap();
        for (key, rule, observed) in [
            ("a", Rule::SourceCidrs, true),
            ("a", Rule::ExpiresAt, true),
            ("a", Rule::AllowedScopes, false),
            ("scope#b", Rule::SourceCidrs, true),
            ("scope#b", Rule::ExpiresAt, false),
            ("b", Rule::SourceCidrs, false),
            ("A", Rule::SourceCidrs, false),
        ] {
            assert_eq!(items.contains(key, rule), observed, "{key} {rule:?}");
        }
        assert_eq!(items.len(), 2);
        assert!(read("").unwrap().is_empty() && read(" ").unwrap().is_empty());
    }

    /// A rule that is misspelt would be enforced, and one that cannot be observed would be thought not to be.
    #[test]
    fn what_is_not_understood_fails_the_start() {
        for text in [
            "source_cidrs=a",
            "[\"source_cidrs\"]",
            "[[\"a\"]]",
            "{}",
            "{\"source_cidrs\": []}",
            "{\"source_cidrs\": [\"\"]}",
            "{\"source_cidrs\": \"a\"}",
            "{\"source_cidrs\": [1]}",
            "{\"source_cidr\": [\"a\"]}",
            "{\"disabled\": [\"a\"]}",
            "{\"issuer\": [\"a\"]}",
            "{\"required_scopes\": [\"a\"]}",
            "{\"source_cidrs\": [\"a\"], \"source_cidrs\": [\"b\"]}",
            "{\"source_cidrs\": [\"a\"]} x",
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with("OBSERVE_RULES: ") && error.contains("for example `{"), "{text}: {error}");
        }
    }
}
