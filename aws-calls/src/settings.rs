//! One set of connections, with explicit deadlines and bounded retries, for all SDK clients of a service.
//!
//! The loader of `aws-config` is left out on purpose: it costs a Lambda three milliseconds of cold start and finds what
//! the runtime has put into the environment anyway. Its providers of credentials are used where the environment has none.

use std::path::PathBuf;
use std::time::Duration;

use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_transport::{TransportError, https_client};
use environment::{Endpoint, Proxy, Variables};
use roots::{EXTRA_FILE_VARIABLES, Roots};

use crate::own_credentials::OwnCredentials;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(5);
/// The first try and two more: a connection gone stale while frozen costs one of them, unseen by the caller.
const ATTEMPTS: u32 = 3;
const FIRST_BACKOFF: Duration = Duration::from_millis(50);

/// Who calls AWS, and what.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    /// The program: its session's name where it exchanges a web identity.
    pub program: &'static str,
    /// The variable that names the region.
    pub region_variable: &'static str,
    /// The services that it calls, as they stand in `AWS_ENDPOINT_URL_…`.
    pub services: &'static [&'static str],
}

/// Where the AWS APIs are and whose credentials call them: the SDK's own variables, as far as they are honoured.
pub struct AwsSettings {
    /// The region of every call.
    pub region: String,
    endpoints: Vec<(&'static str, Endpoint)>,
    credentials: OwnCredentials,
    use_fips: bool,
    use_dual_stack: bool,
    extra_ca_files: Vec<PathBuf>,
    proxy: Proxy,
}

impl AwsSettings {
    /// Reads the SDK's variables; faults are noted in `variables`.
    #[must_use]
    pub fn from_env(variables: &Variables<'_>, caller: &Caller) -> Option<Self> {
        let region = variables.region(caller.region_variable);
        let credentials = OwnCredentials::from_env(variables, caller.program);
        let endpoint = |service: &&'static str| Some((*service, variables.aws_endpoint(service)?));
        let endpoints: Vec<_> = caller.services.iter().filter_map(endpoint).collect();
        let is_true = |name| variables.flag(name).unwrap_or(false);
        let use_fips = is_true("AWS_USE_FIPS_ENDPOINT");
        let use_dual_stack = is_true("AWS_USE_DUALSTACK_ENDPOINT");
        if (use_fips || use_dual_stack) && !endpoints.is_empty() {
            let name = if use_fips { "AWS_USE_FIPS_ENDPOINT" } else { "AWS_USE_DUALSTACK_ENDPOINT" };
            variables.fault(name, "chooses among AWS's own endpoints, and AWS_ENDPOINT_URL… names another: remove one");
        }
        let settings = Self {
            endpoints,
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

/// What every SDK client of a service has in common.
pub struct AwsCalls {
    config: SdkConfig,
    endpoints: Vec<(&'static str, Endpoint)>,
}

impl AwsCalls {
    /// Opens no connection.
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
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region)
            .credentials_provider(aws.credentials.provider(&provider_config))
            .http_client(http_client)
            .retry_config(retries)
            .timeout_config(timeouts)
            .use_fips(aws.use_fips)
            .use_dual_stack(aws.use_dual_stack)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        Ok(Self { config, endpoints: aws.endpoints })
    }

    /// The configuration of the client for one of [`Caller::services`].
    #[must_use]
    pub fn service(&self, service: &str) -> SdkConfig {
        let endpoint = self.endpoints.iter().find(|(known, _)| *known == service);
        let mut config = self.config.clone().into_builder();
        config.set_endpoint_url(endpoint.map(|(_, endpoint)| endpoint.as_str().to_owned()));
        config.build()
    }
}
