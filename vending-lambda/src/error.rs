//! Why a request got no credentials, and the one table from that to what the caller is told; the verdicts that all
//! APIs share stand in `entrance`.

use authenticate::TokenError;
use authenticate::{AuthenticationError, BearerError, KeyError, RateLimited};
use entrance::audit_line::AuditError;
use entrance::{Judged, RequestError, Verdict};
use thiserror::Error;

use grant::authorize::Denial;
use grant::session::SessionError;
use grant::sts::StsError;
use grant::table::MappingError;

/// Every way a request can end without credentials.
#[derive(Debug, Error)]
#[allow(missing_docs)] // Each variant wraps the error of the step it is named after.
pub enum VendError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Authentication(#[from] AuthenticationError),
    #[error(transparent)]
    Mapping(#[from] MappingError),
    #[error(transparent)]
    Denied(#[from] Denial),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Sts(#[from] StsError),
    #[error("the decision could not be put on record: {0}")]
    Audit(#[from] AuditError),
}

impl From<BearerError> for VendError {
    fn from(error: BearerError) -> Self {
        Self::Authentication(error.into())
    }
}

impl From<TokenError> for VendError {
    fn from(error: TokenError) -> Self {
        Self::Authentication(error.into())
    }
}

impl From<KeyError> for VendError {
    fn from(error: KeyError) -> Self {
        Self::Authentication(error.into())
    }
}

impl From<RateLimited> for VendError {
    fn from(error: RateLimited) -> Self {
        Self::Authentication(error.into())
    }
}

/// The endpoint's whole contract for errors.
impl Judged for VendError {
    fn verdict(&self) -> Verdict {
        match self {
            Self::Request(error) => error.verdict(),
            Self::Authentication(error) => error.verdict(),
            Self::Mapping(error) => error.verdict(),
            Self::Denied(denial) => denial.verdict(),
            Self::Session(error) => error.verdict(),
            Self::Sts(error) => error.verdict(),
            Self::Audit(error) => error.verdict(),
        }
    }
}

impl VendError {
    /// Whether nothing was decided: the caller asked too often, or the service or what it depends on failed.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self.verdict().status, 429 | 500..)
    }
}
