//! Rules that are observed and would have said no, as audit lines and explanations show them.

use grant::authorize::Grant;
use serde::Serialize;

use crate::verdict::Judged as _;

/// A rule that said no and was not enforced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObservedDenial {
    /// The attribute that states the rule.
    pub rule: &'static str,
    /// The code of the refusal that it would have been.
    pub code: &'static str,
    /// Its sentence.
    pub reason: String,
}

impl ObservedDenial {
    /// All of a grant.
    #[must_use]
    pub fn of(grant: &Grant) -> Vec<Self> {
        let shown = |observed: &grant::observe::Observed| Self {
            rule: observed.rule.name(),
            code: observed.denial.verdict().code,
            reason: observed.denial.to_string(),
        };
        grant.observed.iter().map(shown).collect()
    }
}
