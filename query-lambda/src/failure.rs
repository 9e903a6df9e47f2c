//! A query that Athena ran and that did not succeed: whose fault that is, and what of Athena's words is passed on.

use aws_sdk_athena::types::{QueryExecutionState, QueryExecutionStatus};

/// Longest part of Athena's words that is passed on, in characters.
const MAX_REASON: usize = 1000;
/// Longest part of them that is looked at: each name that is left out makes room for what follows it.
const MAX_READ: usize = 4 * MAX_REASON;
/// How Lake Formation's, Glue's, IAM's and S3's no reads when it comes through Athena.
const DENIALS: [&str; 9] = [
    "insufficient permissions",
    "insufficient lake formation permission",
    "not authorized to perform",
    "not authorized to access",
    "does not have any privilege",
    "access denied",
    "accessdenied",
    "access_denied",
    "permission denied",
];
/// How a quota of Athena, Glue or S3 reads there.
const THROTTLES: [&str; 5] = ["rate exceeded", "throttl", "slow down", "reduce your request rate", "too many requests"];
/// `ErrorCategory` of what is Athena's own fault.
const SYSTEM: i32 = 1;

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The statement's.
    Caller,
    /// Something says that the role may not.
    Permission,
    /// Nobody's: there is too much to do at the moment.
    Quota,
    /// Athena's or a dependency's of it.
    Service,
}

/// Why a query did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Whose fault it is.
    pub fault: Fault,
    /// For the caller alone: it may repeat parts of the query.
    pub reason: String,
}

impl Failure {
    /// `None` for a query that still runs or has succeeded.
    pub(crate) fn of(status: &QueryExecutionStatus) -> Option<Self> {
        let reason = status.state_change_reason().unwrap_or_default();
        let error = status.athena_error();
        match status.state() {
            Some(QueryExecutionState::Cancelled) => {
                let reason = if reason.is_empty() { "The query was stopped." } else { reason };
                Some(Self { fault: Fault::Caller, reason: trimmed(reason) })
            }
            Some(QueryExecutionState::Failed) => {
                let reason = if reason.is_empty() {
                    error.and_then(|error| error.error_message()).unwrap_or("Athena gives no reason.")
                } else {
                    reason
                };
                let is_own = error.is_some_and(|error| error.error_category() == Some(SYSTEM) || error.retryable());
                let fault = if is_denial(reason) {
                    Fault::Permission
                } else if holds(reason, &THROTTLES) {
                    Fault::Quota
                } else if is_own {
                    Fault::Service
                } else {
                    Fault::Caller
                };
                Some(Self { fault, reason: trimmed(reason) })
            }
            _ => None,
        }
    }
}

/// Whether Athena's words say that somebody may not do something.
pub(crate) fn is_denial(reason: &str) -> bool {
    holds(reason, &DENIALS)
}

fn holds(reason: &str, words: &[&str]) -> bool {
    let reason = reason.to_ascii_lowercase();
    words.iter().any(|word| reason.contains(word))
}

/// Athena's words without ARNs, places in S3 and control characters: they name accounts, roles and buckets.
pub(crate) fn trimmed(reason: &str) -> String {
    let mut kept = String::with_capacity(reason.len().min(MAX_REASON));
    let end = reason.char_indices().nth(MAX_READ).map_or(reason.len(), |(index, _)| index);
    let mut rest = &reason[..end];
    while let Some(start) = next_name(rest) {
        kept.push_str(&rest[..start]);
        kept.push('…');
        let ends = |c: char| c.is_whitespace() || "\"'`,;()[]{}<>|".contains(c);
        rest = &rest[start..];
        rest = &rest[rest.find(ends).unwrap_or(rest.len())..];
    }
    kept.push_str(rest);
    kept.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_REASON).collect()
}

/// Where the first ARN or place in S3 begins.
fn next_name(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    ["arn:", "s3://", "s3a://", "s3n://", "http://", "https://"].iter().filter_map(|start| lower.find(start)).min()
}

#[cfg(test)]
mod tests {
    use aws_sdk_athena::types::AthenaError;

    use super::*;

    fn failure(state: QueryExecutionState, reason: &str, category: i32, retryable: bool) -> Option<Failure> {
        let error = AthenaError::builder().error_category(category).retryable(retryable).build();
        let status = QueryExecutionStatus::builder().state(state).state_change_reason(reason).athena_error(error);
        Failure::of(&status.build())
    }

    #[test]
    fn whose_fault_it_is() {
        for (reason, category, retryable, fault) in [
            ("DIVISION_BY_ZERO: Division by zero", 2, false, Fault::Caller),
            ("TABLE_NOT_FOUND: line 1:15: Table 'a.b.c' does not exist", 2, false, Fault::Caller),
            ("Query exhausted resources at this scale factor", 2, false, Fault::Caller),
            ("Insufficient permissions to execute the query. x", 2, false, Fault::Permission),
            ("User: arn:x is not authorized to perform: glue:GetTable", 2, false, Fault::Permission),
            (
                "COLUMN_NOT_FOUND: Column 'a' cannot be resolved or requester is not authorized to access requested resources",
                2,
                false,
                Fault::Permission,
            ),
            ("Access Denied (Service: Amazon S3; Status Code: 403)", 1, true, Fault::Permission),
            ("GENERIC_INTERNAL_ERROR: null", 1, false, Fault::Service),
            ("Please reduce your request rate", 2, true, Fault::Quota),
            ("Rate exceeded (Service: AWSGlue; Status Code: 400)", 2, false, Fault::Quota),
            ("HIVE_METASTORE_ERROR: timeout", 2, true, Fault::Service),
            ("", 3, false, Fault::Caller),
        ] {
            let found = failure(QueryExecutionState::Failed, reason, category, retryable).unwrap();
            assert_eq!(found.fault, fault, "{reason}");
        }
        let stopped = failure(QueryExecutionState::Cancelled, "", 2, false).unwrap();
        assert_eq!((stopped.fault, stopped.reason.as_str()), (Fault::Caller, "The query was stopped."));
        for state in [QueryExecutionState::Queued, QueryExecutionState::Running, QueryExecutionState::Succeeded] {
            assert_eq!(failure(state, "access denied", 2, false), None);
        }
    }

    #[test]
    fn neither_arns_nor_places_are_passed_on() {
        for (reason, kept) in [
            ("a arn:aws:iam::123456789012:role/x b", "a … b"),
            ("on resource: ARN:aws:glue:eu-west-1:123456789012:table/a/b", "on resource: …"),
            (
                "HIVE_CURSOR_ERROR: s3://bucket/x.parquet is no file (s3a://b/c), S3://d",
                "HIVE_CURSOR_ERROR: … is no file (…), …",
            ),
            ("see https://bucket.s3.eu-west-1.amazonaws.com/x?y=z", "see …"),
            ("line 1:8: Column 'a' cannot be resolved", "line 1:8: Column 'a' cannot be resolved"),
            ("two\nlines", "two lines"),
            ("\u{130}arn:x \u{130}", "\u{130}… \u{130}"),
        ] {
            assert_eq!(trimmed(reason), kept);
        }
        assert_eq!(trimmed(&"\u{e9}".repeat(2000)).chars().count(), MAX_REASON);
    }
}
