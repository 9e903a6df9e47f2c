//! What each step of [`crate::query`] writes into the audit line. The query's text is in none.

use std::sync::Arc;

use audit::{Decision, Outcome, Record, Shown};
use authenticate::{Claims, TrustedIssuer, UnverifiedToken, VerificationKey};
use aws_sdk_athena::types::QueryExecution;
use entrance::{Judged as _, ObservedDenial};
use grant::authorize::Grant;
use grant::role_mapping::RoleMapping;
use grant::session::AssumeRole;
use grant::sts::Assumed;
use serde::Serialize;

use crate::athena::scanned_bytes;
use crate::error::QueryError;
use crate::identifiers::{is_query_id, sha256};
use crate::query::Started;
use crate::request::{LookupRequest, StartRequest};
use crate::results::Rows;
use crate::statement::{Access, Checked};

/// What an audit line says beyond the token.
#[derive(Default, Serialize)]
#[allow(missing_docs)]
pub struct Members {
    pub server_name: Option<String>,
    pub role_arn: Option<String>,
    pub session_name: Option<String>,
    /// It leads from CloudTrail's events back to this line.
    pub access_key_id: Option<String>,
    /// Rules that would have said no, were they enforced.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub observed: Vec<ObservedDenial>,
    /// Of the statement; a dimension of the metric `Queries`.
    pub kind: Option<&'static str>,
    pub query_sha256: Option<String>,
    pub query_id: Option<String>,
    pub state: Option<String>,
    pub scanned_bytes: Option<u64>,
    pub rows: Option<usize>,
}

impl Outcome for QueryError {
    type Members = Members;

    fn code(&self) -> &'static str {
        self.verdict().code
    }

    fn decision(&self) -> Decision {
        if self.verdict().status >= 500 { Decision::Error } else { Decision::Deny }
    }
}

impl Shown<QueryError> for StartRequest {
    fn record(&self, record: &mut Record<Members>) {
        record.presented(&self.access_token);
        record.members.query_sha256 = Some(sha256(&self.query));
    }
}

impl Shown<QueryError> for LookupRequest {
    fn record(&self, record: &mut Record<Members>) {
        record.presented(&self.access_token);
        record.members.query_id = Some(self.query_id.clone()).filter(|id| is_query_id(id));
    }
}

impl Shown<QueryError> for UnverifiedToken<'_> {}

impl Shown<QueryError> for &TrustedIssuer {}

impl Shown<QueryError> for Arc<VerificationKey> {}

impl Shown<QueryError> for Claims {
    fn record(&self, record: &mut Record<Members>) {
        record.verified(self);
    }
}

/// The rate limit, and a query that was stopped.
impl Shown<QueryError> for () {}

impl Shown<QueryError> for Access {}

impl Shown<QueryError> for RoleMapping {
    fn record(&self, record: &mut Record<Members>) {
        record.members.server_name.clone_from(&self.server_name);
        record.members.role_arn = Some(self.role_arn.to_string());
    }
}

impl Shown<QueryError> for Grant {
    fn record(&self, record: &mut Record<Members>) {
        record.members.observed = ObservedDenial::of(self);
    }
}

impl Shown<QueryError> for Checked {
    fn record(&self, record: &mut Record<Members>) {
        record.members.kind = Some(self.kind.name());
    }
}

impl Shown<QueryError> for AssumeRole {
    fn record(&self, record: &mut Record<Members>) {
        record.members.session_name = Some(self.session_name.clone());
    }
}

impl Shown<QueryError> for Assumed {
    fn record(&self, record: &mut Record<Members>) {
        record.members.access_key_id = Some(self.credentials.access_key_id.clone());
    }
}

impl Shown<QueryError> for Started {
    fn record(&self, record: &mut Record<Members>) {
        record.members.query_id = Some(self.query_id.clone());
    }
}

/// A query as it stands.
impl Shown<QueryError> for QueryExecution {
    fn record(&self, record: &mut Record<Members>) {
        let state = self.status().and_then(|status| status.state());
        record.members.state = state.map(|state| state.as_str().to_owned());
        record.members.scanned_bytes = scanned_bytes(self);
        if record.members.query_sha256.is_none() {
            record.members.query_sha256 = self.query().map(sha256);
        }
    }
}

impl Shown<QueryError> for Rows {
    fn record(&self, record: &mut Record<Members>) {
        record.members.rows = Some(self.count);
    }
}
