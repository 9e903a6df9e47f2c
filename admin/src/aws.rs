//! AWS, with the operator's credentials: as the AWS CLI finds them.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_transport::{ProxyFailure, causes, https_client};
use environment::{Lookup, Variables, is_host};
use roots::Roots;
use thiserror::Error;

use crate::cli::GlobalOptions;
use crate::error::Error;
use crate::governed::Governed;
use crate::network::Network;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// One page of a scan is at most 1 MB.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(120);

/// A call that AWS has not answered as it should.
#[derive(Debug, Error)]
#[error("{operation}: {problem}")]
pub(crate) struct AwsError {
    operation: &'static str,
    problem: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Configuration,
    Refused,
    Unavailable,
    Conflict,
}

/// Region, credentials and endpoints as the AWS CLI finds them.
pub(crate) async fn settings(
    options: &GlobalOptions,
    governed: &Governed,
    lookup: Lookup<'_>,
) -> Result<SdkConfig, Error> {
    let variables = Variables::new(lookup);
    let network = Network::from_env(&variables);
    // The SDK reads these by itself, and takes plain http to any host.
    for service in ["DYNAMODB", "STS", "IAM", "COGNITO_IDENTITY_PROVIDER", "CLOUDWATCH_LOGS"] {
        let _ = variables.aws_endpoint(service);
    }
    let () = variables.finish(Some(()))?;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(TOTAL_TIMEOUT)
        .build();
    let http_client = https_client(Roots::System, &network.extra_ca, &network.proxy)?;
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).http_client(http_client.clone()).timeout_config(timeouts);
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &options.profile {
        // As with the AWS CLI, a profile that is named wins over keys in the environment: they may be another account's.
        let region = options.region.clone().or_else(|| variables_region(lookup));
        let settings =
            ProviderConfig::without_region().with_region(region.map(Region::new)).with_http_client(http_client);
        let credentials = ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&settings).build();
        loader = loader.profile_name(profile).credentials_provider(credentials);
    }
    let found = loader.load().await;
    // The SDK takes an empty variable for a region.
    let is_region = found.region().is_some_and(|region| is_host(region.as_ref()));
    match &governed.region {
        _ if is_region => Ok(found),
        Some(region) => Ok(found.into_builder().region(Region::new(region.clone())).build()),
        None => Err(Error::NoRegion),
    }
}

/// For the calls that a profile's credentials need, at STS or SSO.
fn variables_region(lookup: Lookup<'_>) -> Option<String> {
    ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| lookup(name)).filter(|region| is_host(region))
}

impl AwsError {
    /// From the SDK's error: what failed, why, and what to do.
    pub(crate) fn new<E, R>(operation: &'static str, error: &SdkError<E, R>) -> Self
    where
        E: StdError + 'static,
        R: fmt::Debug + 'static,
        SdkError<E, R>: ProvideErrorMetadata,
    {
        let (kind, problem) = explain(operation, error);
        Self { operation, problem, kind }
    }

    pub(crate) fn unexpected(operation: &'static str, problem: &str) -> Self {
        Self { operation, problem: problem.to_owned(), kind: Kind::Unavailable }
    }

    /// Whether trying again makes sense.
    pub(crate) fn is_unavailable(&self) -> bool {
        self.kind == Kind::Unavailable
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Configuration => 1,
            Kind::Refused => 3,
            Kind::Unavailable => 4,
            Kind::Conflict => 5,
        }
    }

    /// Whether AWS was changing the same at that moment.
    pub(crate) fn is_conflict(&self) -> bool {
        self.kind == Kind::Conflict
    }
}

fn explain<E, R>(operation: &str, error: &SdkError<E, R>) -> (Kind, String)
where
    E: StdError + 'static,
    R: fmt::Debug + 'static,
    SdkError<E, R>: ProvideErrorMetadata,
{
    match ProxyFailure::find(error) {
        Some(ProxyFailure::Authentication(_)) => {
            return (Kind::Refused, "the proxy in HTTPS_PROXY refused its user name and password (407)".to_owned());
        }
        Some(ProxyFailure::Unusable { .. }) => {
            return (Kind::Configuration, "the proxy in HTTPS_PROXY cannot be used".to_owned());
        }
        None => {}
    }
    if causes(error).any(<dyn StdError>::is::<CredentialsError>) {
        let words: Vec<_> = causes(error).map(ToString::to_string).collect();
        let problem = format!(
            "no AWS credentials: neither the environment nor the profile has any, or there is no such profile; sign in \
             (`aws sso login`), or name a profile with --profile ({})",
            words.last().map(String::as_str).unwrap_or_default()
        );
        return (Kind::Configuration, problem);
    }
    let code = error.code().unwrap_or_default();
    let message = error.message().unwrap_or_default();
    match error {
        SdkError::ServiceError(_) => (kind_of(code), format!("{code}: {message}{}", advice(operation, code))),
        SdkError::TimeoutError(_) => (Kind::Unavailable, "AWS did not answer in time; try again".to_owned()),
        SdkError::DispatchFailure(_) => {
            let words: Vec<_> = causes(error).map(ToString::to_string).collect();
            (
                Kind::Unavailable,
                format!("AWS cannot be reached: {}", words.last().map(String::as_str).unwrap_or_default()),
            )
        }
        _ => (Kind::Unavailable, format!("a response that could not be understood: {}", DisplayErrorContext(error))),
    }
}

fn kind_of(code: &str) -> Kind {
    match code {
        "AccessDeniedException"
        | "AccessDenied"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "ExpiredTokenException"
        | "ExpiredToken"
        | "InvalidClientTokenId" => Kind::Refused,
        "ConcurrentModification" => Kind::Conflict,
        "ThrottlingException"
        | "Throttling"
        | "ServiceFailure"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "InternalServerError"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "TooManyRequestsException"
        | "InternalErrorException"
        | "InternalServerException" => Kind::Unavailable,
        _ => Kind::Configuration,
    }
}

fn advice(operation: &str, code: &str) -> &'static str {
    match code {
        "ResourceNotFoundException" if operation.starts_with("logs:") => " (check --log-group and --region)",
        "ResourceNotFoundException" if operation.starts_with("cognito-idp:") => " (check the id and --user-pool-id)",
        "ResourceNotFoundException" => " (check --table and --region)",
        "ExpiredTokenException" | "ExpiredToken" => " (sign in again)",
        "ValidationException" => " (the table's partition key must be `client_id`, a string, with no sort key)",
        _ => "",
    }
}
