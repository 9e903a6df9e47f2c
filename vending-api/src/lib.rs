//! The wire contract between the vending API and its clients: serde types and nothing else.
//!
//! `docs/` and `GET /openapi.json` describe the same in prose and in OpenAPI.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// Body of `POST /credentials` and `POST /explain`; every member is optional and can only narrow what the client's
/// mapping grants. Members that are not known here are ignored (RFC 6749 §3.2).
#[derive(Default, Clone, Deserialize, Serialize)]
pub struct CredentialsRequest {
    /// The access token, for callers that do not send it as `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    /// Lifetime of the credentials in seconds, 900 to 3600.
    #[serde(default, deserialize_with = "whole_number", skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u32>,
    /// A prefix under the mapping's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3_path_prefix: Option<String>,
    /// A level not above the mapping's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3_permissions: Option<S3Permissions>,
}

/// JSON has one kind of number: 3600.0 and 3.6e3 are integers as much as 3600 (JSON Schema 2020-12, 6.1.1), and programs
/// whose numbers are all floating-point write them.
fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let Some(number) = Option::<f64>::deserialize(deserializer)? else { return Ok(None) };
    if number.fract() != 0.0 || !(0.0..=f64::from(u32::MAX)).contains(&number) {
        return Err(serde::de::Error::custom("not a whole number of seconds"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole and within the bounds of u32"
    )]
    Ok(Some(number as u32))
}

/// What a session may do below its prefix. The order is the order of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum S3Permissions {
    /// Put objects.
    Write,
    /// Put and get objects.
    ReadWrite,
    /// Put, get, delete and list objects.
    Full,
}

/// 200 body of `POST /credentials`.
#[derive(Clone, Deserialize, Serialize)]
pub struct CredentialsResponse {
    /// The temporary credentials.
    pub credentials: Credentials,
    /// The bucket that the service was configured with; empty where it was configured with none.
    pub s3_bucket: String,
    /// The prefix that the client may use.
    pub s3_path_prefix: String,
    /// The region of the bucket.
    pub aws_region: String,
    /// The role that was assumed.
    #[serde(default)]
    pub role_arn: String,
    /// The account that the credentials belong to, which is the role's.
    #[serde(default)]
    pub account_id: String,
    /// `RoleSessionName` of the session.
    #[serde(default)]
    pub session_name: String,
    /// `SourceIdentity` of the session, where one was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
    /// Names this request in the service's logs.
    #[serde(default)]
    pub request_id: String,
}

/// Temporary AWS credentials as STS made them.
#[derive(Clone, Deserialize, Serialize)]
pub struct Credentials {
    /// `ASIA…`
    pub access_key_id: String,
    /// Signs requests.
    pub secret_access_key: String,
    /// Goes with every request.
    pub session_token: String,
    /// When the credentials end: RFC 3339, whole seconds, UTC with `Z`.
    pub expiration: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("expiration", &self.expiration)
            .finish_non_exhaustive()
    }
}

/// 200 body of `GET /credentials`: the container credentials format of the AWS SDKs.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerCredentials {
    /// `ASIA…`
    pub access_key_id: String,
    /// Signs requests.
    pub secret_access_key: String,
    /// Goes with every request.
    pub token: String,
    /// When the credentials end. Whole seconds and `Z`: some parsers switch refresh off for anything else.
    pub expiration: String,
    /// The role that was assumed.
    pub role_arn: String,
    /// The account that the credentials belong to: SDKs with `account_id_endpoint_mode=required` fail without it.
    pub account_id: String,
}

/// Body of every response that is not a success.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct ErrorResponse {
    /// A stable code.
    pub error: String,
    /// One sentence for people.
    pub error_description: String,
    /// Names this request in the service's logs.
    #[serde(default)]
    pub request_id: String,
    /// Whether the same request may succeed later.
    #[serde(default)]
    pub retryable: bool,
    /// `POST /explain` only: the steps taken before the one that refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<ExplainStep>,
}

/// 200 body of `POST /explain`: the decision without the credentials.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct ExplainResponse {
    /// `allow` or `deny`.
    pub decision: String,
    /// The code that `POST /credentials` would respond with, if it refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why, in one sentence.
    pub reason: String,
    /// Every step taken; the first one whose result is `deny` is the rule that said no.
    pub steps: Vec<ExplainStep>,
    /// Names this request in the service's logs.
    pub request_id: String,
}

/// One step of a decision.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct ExplainStep {
    /// Name of the step.
    pub step: String,
    /// `ok`, `deny` or `error`.
    pub result: String,
    /// What the step looked at and what it found.
    pub detail: serde_json::Value,
}
