//! The AWS SDK clients: one connection pool, explicit deadlines, bounded retries.
//!
//! The loader of `aws-config` is left out on purpose: it costs a Lambda three milliseconds of cold start and finds what
//! the runtime has put into the environment anyway. Its providers of credentials are used where the environment has none.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, StalledStreamProtectionConfig};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_transport::{ProxyFailure, TransportError, causes, https_client};
use environment::{Endpoint, Proxy, Variables};
use roots::{EXTRA_FILE_VARIABLES, Roots};

use crate::own_credentials::OwnCredentials;
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
    credentials: OwnCredentials,
    use_fips: bool,
    use_dual_stack: bool,
    extra_ca_files: Vec<PathBuf>,
    proxy: Proxy,
}

impl AwsSettings {
    /// Reads the SDK's variables; faults are noted in `variables`.
    #[must_use]
    pub fn from_env(variables: &Variables<'_>) -> Option<Self> {
        let region = variables.region("AWS_REGION");
        let credentials = OwnCredentials::from_env(variables);
        let (dynamodb_endpoint, sts_endpoint) = (variables.aws_endpoint("DYNAMODB"), variables.aws_endpoint("STS"));
        let is_true = |name| variables.choice(name, &[("true", true), ("false", false)]).unwrap_or(false);
        let use_fips = is_true("AWS_USE_FIPS_ENDPOINT");
        let use_dual_stack = is_true("AWS_USE_DUALSTACK_ENDPOINT");
        if (use_fips || use_dual_stack) && (dynamodb_endpoint.is_some() || sts_endpoint.is_some()) {
            let name = if use_fips { "AWS_USE_FIPS_ENDPOINT" } else { "AWS_USE_DUALSTACK_ENDPOINT" };
            variables.fault(name, "chooses among AWS's own endpoints, and AWS_ENDPOINT_URL… names another: remove one");
        }
        let settings = Self {
            dynamodb_endpoint,
            sts_endpoint,
            use_fips,
            use_dual_stack,
            proxy: Proxy::from_env(variables),
            extra_ca_files: EXTRA_FILE_VARIABLES
                .iter()
                .filter_map(|name| variables.optional(name))
                .map(PathBuf::from)
                .collect(),
            region: region?,
            credentials: credentials?,
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
    pub fn new(aws: AwsSettings) -> Result<Self, TransportError> {
        let http_client = https_client(Roots::Amazon, &aws.extra_ca_files, &aws.proxy)?;
        let region = Region::new(aws.region);
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_BACKOFF);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(TOTAL_TIMEOUT)
            .build();
        let provider_config = ProviderConfig::without_region()
            .with_region(Some(region.clone()))
            .with_use_fips(Some(aws.use_fips))
            .with_use_dual_stack(Some(aws.use_dual_stack))
            .with_http_client(http_client.clone());
        let credentials = aws.credentials.provider(&provider_config);
        let mut dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region.clone())
            .credentials_provider(credentials.clone())
            .http_client(http_client.clone())
            .retry_config(retries.clone())
            .interceptor(WholeJson)
            .timeout_config(timeouts.clone())
            .use_fips(aws.use_fips)
            .use_dual_stack(aws.use_dual_stack)
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
            .use_fips(aws.use_fips)
            .use_dual_stack(aws.use_dual_stack)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        sts.set_endpoint_url(aws.sts_endpoint.as_ref().map(|endpoint| endpoint.as_str().to_owned()));
        Ok(Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            sts: aws_sdk_sts::Client::from_conf(sts.build()),
        })
    }
}

/// What went wrong in a call, short enough for an error message and without anything that the service wrote.
pub(crate) fn brief<E, R>(error: &SdkError<E, R>) -> String
where
    E: Error + 'static,
    R: fmt::Debug + 'static,
    SdkError<E, R>: ProvideErrorMetadata,
{
    // Before the lack of credentials, which the proxy may be the cause of. Its address is not for everyone: `/ready`
    // shows these words to every caller.
    match ProxyFailure::find(error) {
        Some(ProxyFailure::Authentication(_)) => {
            return "the proxy in HTTPS_PROXY refused its user name and password (407)".to_owned();
        }
        Some(ProxyFailure::Unusable { .. }) => return "the proxy in HTTPS_PROXY cannot be used".to_owned(),
        None => {}
    }
    if causes(error).any(<dyn Error>::is::<CredentialsError>) {
        return "the service has no credentials of its own: neither the environment nor web identity, container endpoint \
                or instance metadata gave any"
            .to_owned();
    }
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
