//! The AWS SDK clients: one connection pool, explicit deadlines, bounded retries.
//!
//! `aws-config` is left out on purpose: its provider chain costs a Lambda three milliseconds of cold start and finds
//! what the runtime has put into the environment anyway.

use std::path::PathBuf;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedHttpClient, StalledStreamProtectionConfig};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};

use environment::{Endpoint, Variables};
use roots::{EXTRA_FILE_VARIABLES, Roots};

use crate::whole_response::{WholeJson, WholeXml};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(5);
/// The first try and two more: a connection gone stale while frozen costs one of them, unseen by the caller.
const ATTEMPTS: u32 = 3;
const FIRST_BACKOFF: Duration = Duration::from_millis(50);

/// Where the AWS APIs are and whose credentials call them: the SDK's own variables, as far as they are honoured.
pub struct AwsSettings {
    /// `AWS_REGION`.
    pub region: String,
    dynamodb_endpoint: Option<Endpoint>,
    sts_endpoint: Option<Endpoint>,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    extra_ca_files: Vec<PathBuf>,
}

impl AwsSettings {
    /// Reads the SDK's variables; faults are noted in `variables`.
    #[must_use]
    pub fn from_env(variables: &Variables<'_>) -> Option<Self> {
        let region = variables.region("AWS_REGION");
        let access_key_id = variables.required("AWS_ACCESS_KEY_ID", "ASIA… (set by Lambda itself)");
        let secret_access_key = variables.required("AWS_SECRET_ACCESS_KEY", "… (set by Lambda itself)");
        let settings = Self {
            dynamodb_endpoint: variables.aws_endpoint("DYNAMODB"),
            sts_endpoint: variables.aws_endpoint("STS"),
            session_token: variables.optional("AWS_SESSION_TOKEN"),
            extra_ca_files: EXTRA_FILE_VARIABLES
                .iter()
                .filter_map(|name| variables.optional(name))
                .map(PathBuf::from)
                .collect(),
            region: region?,
            access_key_id: access_key_id?,
            secret_access_key: secret_access_key?,
        };
        Some(settings)
    }
}

/// Clients for the two services that vending calls.
pub struct AwsClients {
    /// The mapping table's.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// The credentials'.
    pub sts: aws_sdk_sts::Client,
}

impl AwsClients {
    /// Builds both clients; opens no connection.
    ///
    /// # Errors
    /// When a file of root certificates cannot be read; names the file.
    pub fn new(aws: &AwsSettings) -> Result<Self, String> {
        let http_client = http_client(&aws.extra_ca_files)?;
        let region = Region::new(aws.region.clone());
        let credentials = Credentials::new(
            &aws.access_key_id,
            &aws.secret_access_key,
            aws.session_token.clone(),
            None,
            "environment",
        );
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_BACKOFF);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(TOTAL_TIMEOUT)
            .build();
        let mut dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region.clone())
            .credentials_provider(credentials.clone())
            .http_client(http_client.clone())
            .retry_config(retries.clone())
            .interceptor(WholeJson)
            .timeout_config(timeouts.clone())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        dynamodb.set_endpoint_url(aws.dynamodb_endpoint.as_ref().map(|endpoint| endpoint.as_str().to_owned()));
        let mut sts = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region)
            .credentials_provider(credentials)
            .http_client(http_client)
            .retry_config(retries)
            .interceptor(WholeXml)
            .timeout_config(timeouts)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        sts.set_endpoint_url(aws.sts_endpoint.as_ref().map(|endpoint| endpoint.as_str().to_owned()));
        Ok(Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            sts: aws_sdk_sts::Client::from_conf(sts.build()),
        })
    }
}

fn http_client(extra_ca_files: &[PathBuf]) -> Result<SharedHttpClient, String> {
    let pem = roots::pem(Roots::Amazon, extra_ca_files).map_err(|error| error.to_string())?;
    let roots = TrustStore::empty().with_pem_certificate(pem);
    let tls = TlsContext::builder().with_trust_store(roots).build().map_err(|error| error.to_string())?;
    Ok(Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(tls.clone())
            .proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(aws_sdk_dynamodb::config::RuntimeComponents::sleep_impl));
        connector.build()
    }))
}

/// What went wrong in a call, short enough for an error message and without anything that the service wrote.
pub(crate) fn brief<E, R>(error: &SdkError<E, R>) -> String
where
    SdkError<E, R>: ProvideErrorMetadata,
{
    match error {
        SdkError::TimeoutError(_) => "timed out".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "timed out".to_owned(),
        SdkError::DispatchFailure(_) => "unreachable".to_owned(),
        SdkError::ConstructionFailure(_) => "the request could not be built".to_owned(),
        SdkError::ServiceError(_) => {
            error.code().filter(|code| is_error_code(code)).unwrap_or("an error without a code").to_owned()
        }
        _ => "a response that could not be understood".to_owned(),
    }
}

fn is_error_code(code: &str) -> bool {
    code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}
