//! Why a request got no rows, and the one table from that to what the caller is told; the verdicts that all APIs share
//! stand in `entrance`.

use authenticate::{AuthenticationError, BearerError, KeyError, RateLimited, TokenError};
use entrance::audit_line::AuditError;
use entrance::{Judged, RequestError, Verdict};
use grant::authorize::Denial;
use grant::session::SessionError;
use grant::sts::StsError;
use grant::table::MappingError;
use thiserror::Error;

use crate::athena::AthenaError;
use crate::failure::{Failure, Fault};
use crate::scopes::NoScope;
use crate::statement::{Access, Kind, StatementError};

/// Every way a request can end without what it asked for. `Display` goes into the audit line, and so has nothing of the
/// query; [`QueryError::description`] is for the caller.
#[derive(Debug, Error)]
#[allow(missing_docs)] // Most variants wrap the error of the step that they are named after.
pub enum QueryError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Authentication(#[from] AuthenticationError),
    #[error(transparent)]
    Scope(#[from] NoScope),
    #[error(transparent)]
    Mapping(#[from] MappingError),
    #[error(transparent)]
    Denied(#[from] Denial),
    /// A parameter that is not what it should be.
    #[error("{0}")]
    Parameter(&'static str),
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// Understood, and not for this token.
    #[error("{} needs the scope {}, which the token does not hold{}", kind.name(), needs.name(), why(*reason))]
    NotAllowed { kind: Kind, needs: Access, reason: Option<&'static str> },
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Sts(#[from] StsError),
    #[error(transparent)]
    Athena(#[from] AthenaError),
    /// Athena ran it, and it did not succeed.
    #[error("the query did not succeed")]
    Failed(Failure),
    /// Another client's, or nobody's.
    #[error("this is not a query of this client")]
    NotYours,
    /// The workgroup puts results where their owner cannot be told.
    #[error(
        "the workgroup of ATHENA_WORKGROUP puts results elsewhere than into the client's folder below ATHENA_OUTPUT_BUCKET"
    )]
    Misplaced,
    #[error("a row of the result is larger than the 4 MiB that a response may have: select less of it")]
    RowTooLarge,
    /// The response would come too late.
    #[error("the query API had no time left before its deadline")]
    OutOfTime,
    /// The start of a statement that does more than read has failed, and nobody knows whether it arrived.
    #[error(
        "whether Athena has started the statement is not known: look at what it would have changed before you send it again, \
         or send it with an `idempotency_key`, under which it runs once"
    )]
    MayRun,
    /// Nobody hears of this one.
    #[error("the caller has gone away, and its query was stopped")]
    CallerGone,
    #[error("the decision could not be put on record: {0}")]
    Audit(#[from] AuditError),
}

fn why(reason: Option<&str>) -> String {
    reason.map(|reason| format!(": {reason}")).unwrap_or_default()
}

/// The endpoint's whole contract for errors.
impl Judged for QueryError {
    fn verdict(&self) -> Verdict {
        match self {
            Self::Request(error) => error.verdict(),
            Self::Authentication(error) => error.verdict(),
            Self::Scope(_) => Verdict::refusal(403, "insufficient_scope"),
            Self::Mapping(error) => error.verdict(),
            Self::Denied(denial) => denial.verdict(),
            Self::Parameter(_) => Verdict::refusal(400, "invalid_query"),
            Self::Statement(error) => match error {
                StatementError::TooLarge => Verdict::refusal(413, "request_too_large"),
                StatementError::Invalid(_) | StatementError::InvalidAt(..) => Verdict::refusal(400, "invalid_query"),
                StatementError::NeverAllowed(_) => Verdict::refusal(403, "statement_not_allowed"),
                StatementError::NotChecked => Verdict::unavailable("query_unavailable"),
            },
            Self::NotAllowed { .. } => Verdict::refusal(403, "statement_not_allowed"),
            Self::Session(error) => error.verdict(),
            Self::Sts(error) => error.verdict(),
            Self::Athena(error) => match error {
                AthenaError::Statement { .. } | AthenaError::NoSuchPage => Verdict::refusal(400, "invalid_query"),
                AthenaError::Conflict => Verdict::refusal(409, "idempotency_conflict"),
                AthenaError::Denied { .. } => Verdict::refusal(403, "permission_denied"),
                AthenaError::TooMany => Verdict::in_a_moment(429, "too_many_queries"),
                AthenaError::Misconfigured => Verdict::refusal(500, "misconfigured"),
                AthenaError::TooLarge => Verdict::refusal(422, "row_too_large"),
                AthenaError::NoSuchQuery | AthenaError::Unavailable { .. } => Verdict::unavailable("query_unavailable"),
            },
            Self::Failed(failure) => match failure.fault {
                Fault::Caller => Verdict::refusal(422, "query_failed"),
                Fault::Permission => Verdict::refusal(403, "permission_denied"),
                Fault::Quota => Verdict::in_a_moment(429, "too_many_queries"),
                Fault::Service => Verdict::unavailable("query_unavailable"),
            },
            Self::NotYours => Verdict::refusal(403, "not_your_query"),
            Self::Misplaced => Verdict::refusal(500, "misconfigured"),
            Self::RowTooLarge => Verdict::refusal(422, "row_too_large"),
            Self::OutOfTime => Verdict::unavailable("query_unavailable"),
            // Whoever obeys a `Retry-After` would change things twice.
            Self::MayRun => Verdict::refusal(503, "query_unavailable"),
            Self::CallerGone => Verdict::refusal(499, "caller_gone"),
            Self::Audit(error) => error.verdict(),
        }
    }
}

impl QueryError {
    /// One sentence for the caller, with Athena's own words where there are any.
    #[must_use]
    pub fn description(&self) -> String {
        let words = match self {
            Self::Athena(error) => error.words(),
            Self::Failed(failure) => Some(failure.reason.as_str()),
            _ => None,
        };
        words.map_or_else(|| self.to_string(), |words| format!("{self}: {words}"))
    }
}

impl From<BearerError> for QueryError {
    fn from(error: BearerError) -> Self {
        Self::Authentication(error.into())
    }
}

impl From<TokenError> for QueryError {
    fn from(error: TokenError) -> Self {
        Self::Authentication(error.into())
    }
}

impl From<KeyError> for QueryError {
    fn from(error: KeyError) -> Self {
        Self::Authentication(error.into())
    }
}

impl From<RateLimited> for QueryError {
    fn from(error: RateLimited) -> Self {
        Self::Authentication(error.into())
    }
}
