//! The bucket: the SDK's client for it, and what all transfers of a run share.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use aws_runtime::auth::PayloadSigningOverride;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, ConfigBag, IdentityCache, Intercept, Region, RequestChecksumCalculation,
    ResponseChecksumValidation, RuntimeComponents,
};
use aws_sdk_s3::error::BoxError;
use aws_transport::{https_client, plain_client};
use roots::Roots;
use tokio::sync::Semaphore;

use crate::cli::IdentityOptions;
use crate::config::Config;
use crate::credentials;
use crate::error::Error;
use crate::key::PathPrefix;
use crate::output::uri;
use crate::progress::Progress;
use crate::request::RequestError;
use crate::response::{AsTheServerAsks, MAX_RETRY_AFTER, OfS3};
use crate::workers::WORKERS;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Until a response's head is there. Bodies have no such limit: the SDK ends a stream that stands still.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);
/// More time for what is sent: a connection slower than this is taken for broken.
const SLOWEST_BYTES_PER_SECOND: u64 = 16 * 1024;
/// `credvend get-credentials` retries for 30 s; five seconds, the SDK's own limit, would cut it short.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(60);
const ATTEMPTS: u32 = 5;
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
/// For the clean-up at the end.
const FAREWELL: Duration = Duration::from_secs(5);

/// One bucket.
pub(crate) struct Store {
    pub(crate) client: Client,
    pub(crate) bucket: String,
    pub(crate) path_prefix: PathPrefix,
    /// Where S3 is, to tell one's uploads from another's.
    pub(crate) endpoint: String,
    pub(crate) cache_dir: Option<PathBuf>,
    /// Payloads are signed where TLS does not protect them.
    pub(crate) signs_payloads: bool,
    pub(crate) slots: Semaphore,
    pub(crate) progress: Progress,
    orphans: RefCell<Vec<Orphan>>,
}

/// An upload in parts that no later run will resume. S3 keeps, and bills, its parts until it is aborted.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Orphan {
    pub(crate) key: String,
    pub(crate) upload_id: String,
}

impl Store {
    pub(crate) async fn open(identity: &IdentityOptions, config: Config) -> Result<Self, Error> {
        let is_plain_http = config.endpoint.as_ref().is_some_and(|endpoint| endpoint.is_plain_http);
        let provider = credentials::provider(identity, &config).await?;
        let http_client =
            if is_plain_http { plain_client()? } else { https_client(Roots::System, &config.extra_ca, &config.proxy)? };
        let mut builder = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(config.region.clone()))
            .credentials_provider(provider)
            .http_client(http_client)
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(ATTEMPTS)
                    .with_initial_backoff(FIRST_BACKOFF)
                    .with_max_backoff(MAX_RETRY_AFTER),
            )
            .retry_classifier(AsTheServerAsks)
            .interceptor(OfS3)
            .identity_cache(IdentityCache::lazy().load_timeout(CREDENTIALS_TIMEOUT).build())
            .timeout_config(timeouts(0))
            // Checksums are ours: computed over parts in any order, and verified over what came in pieces.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .use_fips(config.use_fips)
            .use_dual_stack(config.use_dual_stack);
        if let Some(endpoint) = &config.endpoint {
            // Few servers but AWS's have a name for each bucket.
            builder = builder.endpoint_url(&endpoint.url).force_path_style(true);
        }
        Ok(Self {
            client: Client::from_conf(builder.build()),
            endpoint: config.endpoint.map_or_else(|| config.region.clone(), |endpoint| endpoint.url),
            bucket: config.bucket,
            path_prefix: config.path_prefix,
            cache_dir: config.cache_dir,
            signs_payloads: is_plain_http,
            slots: Semaphore::new(WORKERS),
            progress: Progress::new(),
            orphans: RefCell::default(),
        })
    }

    pub(crate) fn uri(&self, key: &str) -> String {
        uri(&self.bucket, key)
    }

    /// Whether the server responds to a listing as S3 does, even if with a refusal. Asked after a response that any web server
    /// could have sent.
    pub(crate) async fn speaks_s3(&self, key: &str) -> bool {
        match self.client.list_objects_v2().bucket(&self.bucket).prefix(key).max_keys(1).send().await {
            Ok(_) => true,
            Err(error) => RequestError::new(String::new(), "s3:ListBucket", &self.path_prefix, error).is_from_s3(),
        }
    }

    /// Has an upload aborted at the end of this run.
    pub(crate) fn adopt(&self, orphan: Orphan) {
        self.orphans.borrow_mut().push(orphan);
    }

    /// It is completed, or remembered elsewhere.
    pub(crate) fn release(&self, orphan: &Orphan) {
        self.orphans.borrow_mut().retain(|other| other != orphan);
    }

    /// Aborts these uploads, as far as that can be done in a moment. The bucket's lifecycle removes the rest.
    pub(crate) async fn abort_orphans(&self) {
        for Orphan { key, upload_id } in self.orphans.take() {
            let abort = self.client.abort_multipart_upload().bucket(&self.bucket).key(key).upload_id(upload_id).send();
            let _ = tokio::time::timeout(FAREWELL, abort).await;
        }
    }
}

/// The limits of a request that sends so many bytes.
pub(crate) fn timeouts(bytes: u64) -> TimeoutConfig {
    let attempt = ATTEMPT_TIMEOUT + Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND);
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(attempt).build()
}

/// How a body is signed that the SDK does not hold in memory.
#[derive(Debug, Clone)]
pub(crate) struct PayloadSignature(pub(crate) PayloadSigningOverride);

impl Intercept for PayloadSignature {
    fn name(&self) -> &'static str {
        "PayloadSignature"
    }

    fn modify_before_signing(
        &self,
        _: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        settings: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        settings.interceptor_state().store_put(self.0.clone());
        Ok(())
    }
}
