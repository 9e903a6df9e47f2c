//! What each step of [`crate::vend`] shows in `/explain` and writes into the audit line, and the answer of `/explain`.

use std::sync::Arc;

use audit::{Decision, Outcome, Record, Shown, Trail};
use authenticate::TrustedIssuer;
use authenticate::{Claims, UnverifiedToken, VerificationKey};
use entrance::{Judged as _, ObservedDenial};
use serde::Serialize;
use serde_json::{Value, json};
use vending_api::{ExplainResponse, ExplainStep};

use crate::error::VendError;
use crate::request::VendRequest;
use grant::authorize::Grant;
use grant::role_mapping::{RoleMapping, SessionPolicy};
use grant::session::AssumeRole;
use grant::sts::Assumed;

/// What an audit line says beyond the token.
#[derive(Default, Serialize)]
#[allow(missing_docs)]
pub struct Members {
    pub server_name: Option<String>,
    pub role_arn: Option<String>,
    pub session_name: Option<String>,
    /// The key id of what was vended: it leads from any CloudTrail event back to this line.
    pub access_key_id: Option<String>,
    /// Whether an earlier request of the client has got these credentials, too: STS was not called.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
    /// Rules that would have said no, were they enforced.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub observed: Vec<ObservedDenial>,
}

impl Outcome for VendError {
    type Members = Members;

    fn code(&self) -> &'static str {
        self.verdict().code
    }

    fn decision(&self) -> Decision {
        if self.verdict().status >= 500 { Decision::Error } else { Decision::Deny }
    }
}

impl Shown<VendError> for VendRequest {
    fn record(&self, record: &mut Record<Members>) {
        record.presented(&self.access_token);
    }
}

impl Shown<VendError> for UnverifiedToken<'_> {
    fn detail(&self, _: &Record<Members>) -> Value {
        json!({"kid": self.key_id()})
    }
}

impl Shown<VendError> for &TrustedIssuer {
    fn detail(&self, _: &Record<Members>) -> Value {
        json!({"iss": self.rules.url})
    }
}

impl Shown<VendError> for Arc<VerificationKey> {
    fn detail(&self, _: &Record<Members>) -> Value {
        json!({"kid": self.key_id()})
    }
}

impl Shown<VendError> for Claims {
    fn record(&self, record: &mut Record<Members>) {
        record.verified(self);
    }

    fn detail(&self, _: &Record<Members>) -> Value {
        json!({"client_id": self.client_id(), "scopes": self.scopes(), "jti": self.token_id()})
    }
}

/// The rate limit.
impl Shown<VendError> for () {}

/// The client may see its own item, but not another issuer's client of the same name, and not the conditions that an
/// attacker with its token would have to meet.
impl Shown<VendError> for RoleMapping {
    fn record(&self, record: &mut Record<Members>) {
        record.members.server_name.clone_from(&self.server_name);
        record.members.role_arn = Some(self.role_arn.to_string());
    }

    fn detail(&self, record: &Record<Members>) -> Value {
        if !record.issuer().is_some_and(|issuer| self.serves(issuer)) {
            return json!({"item": self.key});
        }
        let session_policy = self.session_policy.as_ref().map(|policy| match policy {
            SessionPolicy::S3Prefix => "s3-prefix",
            SessionPolicy::Inline(_) => "inline",
        });
        json!({
            "item": self.key,
            "role_arn": self.role_arn.as_str(),
            "server_name": self.server_name,
            "s3_path_prefix": self.s3_path_prefix,
            "s3_permissions": self.s3_permissions,
            "allowed_scopes": self.allowed_scopes,
            "session_policy": session_policy,
            "external_id": self.external_id.is_some(),
            "source_cidrs": self.source_cidrs.is_some(),
        })
    }
}

impl Shown<VendError> for Grant {
    fn record(&self, record: &mut Record<Members>) {
        record.members.observed = ObservedDenial::of(self);
    }

    fn detail(&self, record: &Record<Members>) -> Value {
        json!({
            "source_ip": record.source_ip,
            "s3_path_prefix": self.s3_path_prefix,
            "s3_permissions": self.s3_permissions,
            "duration_seconds": self.duration.as_secs(),
            "observed": record.members.observed,
        })
    }
}

impl Shown<VendError> for AssumeRole {
    fn record(&self, record: &mut Record<Members>) {
        record.members.session_name = Some(self.session_name.clone());
    }

    fn detail(&self, _: &Record<Members>) -> Value {
        json!({
            "session_name": self.session_name,
            "source_identity": self.source_identity,
            "tags": self.tags.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            "session_policy": self.policy.as_deref().and_then(|policy| serde_json::from_str::<Value>(policy).ok()),
        })
    }
}

impl Shown<VendError> for Assumed {
    fn record(&self, record: &mut Record<Members>) {
        record.members.access_key_id = Some(self.credentials.access_key_id.clone());
        record.members.kept = self.were_kept;
    }
}

/// The steps as the wire has them.
#[must_use]
pub fn steps(trail: Trail<VendError>) -> Vec<ExplainStep> {
    let shown = |step: audit::Step| ExplainStep {
        step: step.name.to_owned(),
        result: step.result.to_owned(),
        detail: step.detail,
    };
    trail.into_steps().into_iter().map(shown).collect()
}

/// The explanation of a decision that was reached.
#[must_use]
pub fn explanation(
    error: Option<&VendError>,
    observed: &[ObservedDenial],
    steps: Vec<ExplainStep>,
    request_id: &str,
) -> ExplainResponse {
    ExplainResponse {
        decision: error.map_or("allow", |error| error.decision().as_str()).to_owned(),
        code: error.map(|error| error.code().to_owned()),
        reason: error.map_or_else(|| reason_to_allow(observed), ToString::to_string),
        steps,
        request_id: request_id.to_owned(),
    }
}

fn reason_to_allow(observed: &[ObservedDenial]) -> String {
    let met = if observed.is_empty() {
        "every rule is met".to_owned()
    } else {
        let rules: Vec<_> = observed.iter().map(|denial| denial.rule).collect();
        format!("every rule that is enforced is met; {} would say no, and is only observed", rules.join(", "))
    };
    format!("{met}; the role itself is assumed by /credentials only")
}
