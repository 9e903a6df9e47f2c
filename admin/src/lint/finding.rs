//! The rules of `lint`, and what they find.

pub(crate) use crate::cli::FindingLevel as Level;

impl Level {
    /// SARIF's own word (2.1.0 §3.27.10).
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// Something that is looked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Stable.
    pub(crate) id: &'static str,
    /// Its level in most cases.
    pub(crate) level: Level,
    pub(crate) summary: &'static str,
}

/// One item breaks one rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) rule: &'static Rule,
    pub(crate) level: Level,
    /// Key of the item.
    pub(crate) item: String,
    pub(crate) problem: String,
    pub(crate) fix: String,
}

impl Finding {
    pub(crate) fn new(rule: &'static Rule, item: &str, problem: String, fix: impl Into<String>) -> Self {
        Self { rule, level: rule.level, item: item.to_owned(), problem, fix: fix.into() }
    }

    pub(crate) fn at(mut self, level: Level) -> Self {
        self.level = level;
        self
    }
}

const fn rule(id: &'static str, level: Level, summary: &'static str) -> Rule {
    Rule { id, level, summary }
}

pub(crate) static MISCONFIGURED: Rule = rule("misconfigured-item", Level::Error, "The service cannot use the item.");
pub(crate) static WITHOUT_ISSUER: Rule = rule(
    "item-without-issuer",
    Level::Warning,
    "Several issuers are trusted, and the item does not say whose tokens it is for.",
);
pub(crate) static SCOPE_SHADOWED: Rule = rule(
    "scope-shadowed",
    Level::Warning,
    "Another scope's item decides in this one's place for tokens that hold both scopes.",
);
pub(crate) static SCOPE_BEHIND_CLIENT: Rule =
    rule("scope-behind-client", Level::Note, "A client whose item is deleted goes on with the item of its scope.");
pub(crate) static POLICY_NEAR_LIMIT: Rule =
    rule("session-policy-near-limit", Level::Warning, "The session policy nearly has the size that STS refuses.");
pub(crate) static OVERLAP: Rule = rule("prefixes-overlap", Level::Warning, "Two items reach the same keys.");
pub(crate) static ROLE_MISSING: Rule = rule("role-missing", Level::Error, "The item's role does not exist.");
pub(crate) static ROLE_WIDER: Rule = rule(
    "role-wider-than-prefix",
    Level::Error,
    "The role reaches beyond the item's prefix, and no session policy holds the session to it.",
);
pub(crate) static TRUST: Rule =
    rule("trust-lets-others-assume", Level::Error, "Somebody else than the vending function may assume the role.");
pub(crate) static UNUSED: Rule = rule("client-unused", Level::Note, "The client has not come for 90 days.");

pub(crate) static OBSERVED: Rule =
    rule("rules-observed", Level::Note, "Rules of the item are put on record only: they refuse nobody.");

/// All of them, in the order of their numbers in SARIF.
pub(crate) fn rules() -> [&'static Rule; 11] {
    [
        &MISCONFIGURED,
        &WITHOUT_ISSUER,
        &SCOPE_SHADOWED,
        &SCOPE_BEHIND_CLIENT,
        &POLICY_NEAR_LIMIT,
        &OVERLAP,
        &ROLE_MISSING,
        &ROLE_WIDER,
        &TRUST,
        &UNUSED,
        &OBSERVED,
    ]
}
