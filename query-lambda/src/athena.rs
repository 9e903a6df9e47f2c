//! Athena's API, as a client's session, and what its refusals mean.

use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

use aws_calls::{AtMost, AwsCalls, SdkConfig, WholeJson, brief, is_too_large};
use aws_sdk_athena::Client;
use aws_sdk_athena::config::Credentials as SdkCredentials;
use aws_sdk_athena::config::timeout::TimeoutConfig;
use aws_sdk_athena::config::{Builder, SharedCredentialsProvider};
use aws_sdk_athena::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_athena::operation::get_query_results::GetQueryResultsOutput;
use aws_sdk_athena::types::{QueryExecution, QueryExecutionContext, ResultConfiguration, WorkGroupConfiguration};
use thiserror::Error;
use vending_api::Credentials;

use crate::config::ATHENA;
use crate::failure::{is_denial, trimmed};
use crate::output::OwnerFolder;

/// Results of a thousand rows take longer than an item of a table.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(8);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(16);
/// The largest response that is read: a row that fits into one of ours fits into this one.
pub(crate) const MAX_RESPONSE_BYTES: usize = 16 << 20;

/// Why a call of Athena failed. `Display` has nothing of what Athena wrote, since that may repeat a part of the query;
/// `AthenaError::words` has it for the caller.
#[derive(Debug, Error)]
pub enum AthenaError {
    /// The statement cannot be run at all.
    #[error("Athena refuses the statement")]
    Statement {
        /// Athena's words.
        words: String,
    },
    /// The same token for another query.
    #[error("this `idempotency_key` was used for another query")]
    Conflict,
    /// IAM, Lake Formation, Glue or S3 say no.
    #[error("the role is not permitted what this needs")]
    Denied {
        /// Athena's words.
        words: String,
    },
    /// As many queries as the account may run, or as many calls.
    #[error("Athena has too many queries to run at the moment")]
    TooMany,
    /// What this service sends is wrong, and not the query: workgroup, result location.
    #[error("the query API is set up in a way that Athena refuses: check ATHENA_WORKGROUP and ATHENA_OUTPUT_BUCKET")]
    Misconfigured,
    /// There is no such query.
    #[error("Athena has no such query")]
    NoSuchQuery,
    /// The token of a page.
    #[error("Athena does not know this page of the result")]
    NoSuchPage,
    /// More bytes than are read.
    #[error("the response of Athena is larger than {MAX_RESPONSE_BYTES} bytes")]
    TooLarge,
    /// Down, slow, or not to be understood.
    #[error("Athena cannot be used at the moment ({problem})")]
    Unavailable {
        /// In one word.
        problem: String,
    },
}

impl AthenaError {
    /// What Athena said, without ARNs and places in S3.
    pub(crate) fn words(&self) -> Option<&str> {
        match self {
            Self::Statement { words } | Self::Denied { words } if !words.is_empty() => Some(words),
            _ => None,
        }
    }
}

/// Athena in the service's region.
pub struct Athena {
    config: SdkConfig,
    workgroup: Option<String>,
    /// The service's own.
    own: Client,
}

/// Athena, as one client's session.
#[derive(Clone)]
pub struct Session {
    client: Client,
    workgroup: Option<String>,
}

/// What starts a query.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) query: String,
    pub(crate) database: String,
    pub(crate) folder: OwnerFolder,
    pub(crate) token: String,
}

/// What the service may know of its workgroup.
pub(crate) enum WorkGroup {
    Known(Box<WorkGroupConfiguration>),
    /// There is none of that name.
    Missing,
    /// `athena:GetWorkGroup` is not allowed.
    NotReadable,
}

impl Athena {
    /// Nothing is called yet.
    #[must_use]
    pub fn new(aws: &AwsCalls, workgroup: Option<String>) -> Self {
        let config = aws.service(ATHENA);
        let timeouts = config.timeout_config().map(TimeoutConfig::to_builder).unwrap_or_default();
        let timeouts = timeouts.operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(TOTAL_TIMEOUT).build();
        let config = config.into_builder().timeout_config(timeouts).build();
        let own = client(&config);
        Self { config, workgroup, own }
    }

    /// As the session that these credentials are of.
    #[must_use]
    pub fn session(&self, credentials: &Credentials) -> Session {
        let Credentials { access_key_id, secret_access_key, session_token, .. } = credentials;
        let own =
            SdkCredentials::new(access_key_id, secret_access_key, Some(session_token.clone()), None, "assumed role");
        let config = self.config.clone().into_builder().credentials_provider(SharedCredentialsProvider::new(own));
        Session { client: client(&config.build()), workgroup: self.workgroup.clone() }
    }

    /// The workgroup's name; Athena's own default where none is set.
    pub(crate) fn workgroup(&self) -> &str {
        self.workgroup.as_deref().unwrap_or("primary")
    }

    /// What the workgroup says of results.
    pub(crate) async fn work_group(&self) -> Result<WorkGroup, AthenaError> {
        match self.own.get_work_group().work_group(self.workgroup()).send().await {
            Ok(output) => {
                let configuration = output.work_group.and_then(|group| group.configuration).ok_or_else(not_whole)?;
                Ok(WorkGroup::Known(Box::new(configuration)))
            }
            Err(error) => match explained(&error, None) {
                AthenaError::Denied { .. } => Ok(WorkGroup::NotReadable),
                AthenaError::Statement { .. } | AthenaError::Misconfigured => Ok(WorkGroup::Missing),
                error => Err(error),
            },
        }
    }
}

impl Session {
    /// Starts a query, or finds the one that was started with the same token.
    pub(crate) async fn start(&self, start: &Start) -> Result<String, AthenaError> {
        let context = QueryExecutionContext::builder().database(&start.database).build();
        let location = ResultConfiguration::builder().output_location(start.folder.as_str()).build();
        let sent = self
            .client
            .start_query_execution()
            .query_string(&start.query)
            .client_request_token(&start.token)
            .query_execution_context(context)
            .result_configuration(location)
            .set_work_group(self.workgroup.clone());
        match sent.send().await {
            Ok(output) => output.query_execution_id.filter(|id| !id.is_empty()).ok_or_else(not_whole),
            Err(error) => {
                let refused = error.as_service_error().and_then(|error| {
                    match error {
                    aws_sdk_athena::operation::start_query_execution::StartQueryExecutionError::InvalidRequestException(
                        refused,
                    ) => refused.athena_error_code(),
                    _ => None,
                }
                });
                Err(explained(&error, refused))
            }
        }
    }

    /// What Athena knows of a query.
    pub(crate) async fn execution(&self, query_id: &str) -> Result<QueryExecution, AthenaError> {
        let output = self.client.get_query_execution().query_execution_id(query_id).send().await;
        let execution = output.map_err(|error| of_query(explained(&error, None)))?.query_execution;
        let whole = execution.filter(|found| found.status().is_some_and(|status| status.state().is_some()));
        whole.filter(|found| found.query_execution_id() == Some(query_id)).ok_or_else(not_whole)
    }

    /// A page of its result.
    pub(crate) async fn results(
        &self,
        query_id: &str,
        token: Option<&str>,
        size: usize,
    ) -> Result<GetQueryResultsOutput, AthenaError> {
        let sent =
            self.client.get_query_results().query_execution_id(query_id).set_next_token(token.map(str::to_owned));
        let output =
            sent.max_results(i32::try_from(size).unwrap_or(1)).send().await.map_err(|error| {
                match explained(&error, None) {
                    AthenaError::Statement { .. } if token.is_some() => AthenaError::NoSuchPage,
                    AthenaError::Statement { .. } => not_whole(),
                    error => error,
                }
            })?;
        if output.result_set().is_none_or(|set| set.result_set_metadata().is_none()) {
            return Err(not_whole());
        }
        Ok(output)
    }

    /// Stops a query; one that has ended stays as it is.
    pub(crate) async fn stop(&self, query_id: &str) -> Result<(), AthenaError> {
        let sent = self.client.stop_query_execution().query_execution_id(query_id).send().await;
        sent.map(|_| ()).map_err(|error| of_query(explained(&error, None)))
    }
}

/// What Athena bills for, as soon as it tells.
pub(crate) fn scanned_bytes(execution: &QueryExecution) -> Option<u64> {
    let scanned = execution.statistics()?.data_scanned_in_bytes()?;
    u64::try_from(scanned).ok()
}

fn client(config: &SdkConfig) -> Client {
    let bound = AtMost(MAX_RESPONSE_BYTES);
    let config = Builder::from(config).interceptor(WholeJson).interceptor(bound).retry_classifier(bound);
    Client::from_conf(config.build())
}

fn not_whole() -> AthenaError {
    AthenaError::Unavailable { problem: "a response that is not whole".to_owned() }
}

/// For calls that name a query: what is wrong with them is the query's id.
fn of_query(error: AthenaError) -> AthenaError {
    match error {
        AthenaError::Statement { .. } | AthenaError::Misconfigured => AthenaError::NoSuchQuery,
        error => error,
    }
}

/// Sorts an error. `refused` is the finer code of an `InvalidRequestException`.
fn explained<E, R>(error: &SdkError<E, R>, refused: Option<&str>) -> AthenaError
where
    E: Error + 'static,
    R: Debug + 'static,
    SdkError<E, R>: ProvideErrorMetadata,
{
    let message = error.message().unwrap_or_default();
    match error.code() {
        _ if is_too_large(error) => AthenaError::TooLarge,
        Some("AccessDeniedException" | "AccessDenied") => AthenaError::Denied { words: trimmed(message) },
        Some("TooManyRequestsException" | "ThrottlingException" | "Throttling" | "RequestLimitExceeded") => {
            AthenaError::TooMany
        }
        Some("InvalidRequestException") => invalid_request(message, refused),
        _ => AthenaError::Unavailable { problem: brief(error) },
    }
}

fn invalid_request(message: &str, refused: Option<&str>) -> AthenaError {
    let lower = message.to_ascii_lowercase();
    let is_ours = ["workgroup", "output bucket", "output location", "s3 location", "outputlocation"];
    if refused == Some("IDEMPOTENT_PARAMETER_MISMATCH") || lower.contains("idempotent parameter") {
        AthenaError::Conflict
    } else if is_denial(message) {
        AthenaError::Denied { words: trimmed(message) }
    } else if is_ours.iter().any(|ours| lower.contains(ours)) && !lower.starts_with("line ") {
        AthenaError::Misconfigured
    } else {
        AthenaError::Statement { words: trimmed(message) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_athena_refuses_is_somebodys_fault() {
        let kind = |message: &str, code| match invalid_request(message, code) {
            AthenaError::Statement { .. } => "statement",
            AthenaError::Conflict => "conflict",
            AthenaError::Denied { .. } => "denied",
            AthenaError::Misconfigured => "misconfigured",
            other => panic!("{other}"),
        };
        for (message, code, expected) in [
            ("line 1:8: mismatched input 'x'", Some("MALFORMED_QUERY"), "statement"),
            ("line 1:8: mismatched input 'workgroup'", Some("MALFORMED_QUERY"), "statement"),
            ("Idempotent parameters do not match", None, "conflict"),
            ("something", Some("IDEMPOTENT_PARAMETER_MISMATCH"), "conflict"),
            ("Insufficient permissions to execute the query.", None, "denied"),
            ("WorkGroup credvend is not found.", None, "misconfigured"),
            ("Unable to verify/create output bucket results", None, "misconfigured"),
            ("No output location provided. An output location is required", None, "misconfigured"),
        ] {
            assert_eq!(kind(message, code), expected, "{message}");
        }
    }
}
