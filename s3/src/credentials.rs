//! Who signs: a named identity through the credential helper, else the standard AWS chain.

use std::error::Error as StdError;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::error::CredentialsError as ProviderError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use serde::Deserialize;

use crate::chain;
use crate::cli::IdentityOptions;
use crate::config::{Config, StaticCredentials};
use crate::kind::Kind;
use crate::request::causes;
use crate::roots::RootsError;

const HELPER: &str = "credvend";

/// No credentials.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CredentialsError {
    #[error("`{program}` cannot be run for credentials: {cause}")]
    Helper { program: String, cause: String },
    /// It has said why on the same stderr.
    #[error("`{program} get-credentials` gave no credentials ({status}); see its message")]
    Refused { program: String, status: String, kind: Kind },
    #[error("`{program} get-credentials` printed something other than credentials")]
    Malformed { program: String },
    #[error(
        "no AWS credentials were found (environment, profile, web identity, container, instance): set them, or name an \
         identity with --identity or --env-file"
    )]
    NotFound,
    /// The SDK names neither file nor variable.
    #[error(
        "the AWS chain gave no credentials: {cause}; check that what AWS_PROFILE, AWS_WEB_IDENTITY_TOKEN_FILE or \
         AWS_CONTAINER_… name exists, and that `credvend serve` runs"
    )]
    Chain { cause: String, kind: Kind },
}

impl CredentialsError {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Helper { .. } | Self::Malformed { .. } | Self::NotFound => Kind::Configuration,
            Self::Refused { kind, .. } | Self::Chain { kind, .. } => *kind,
        }
    }

    /// The reason behind an error of the SDK, if it is the lack of credentials.
    pub(crate) fn find(error: &(dyn StdError + 'static)) -> Option<Self> {
        let provider = causes(error).find_map(|cause| cause.downcast_ref::<ProviderError>())?;
        if let Some(own) = causes(provider).find_map(|cause| cause.downcast_ref::<Self>()) {
            return Some(own.clone());
        }
        if matches!(provider, ProviderError::CredentialsNotLoaded(_)) {
            return Some(Self::NotFound);
        }
        let words: Vec<_> = causes(provider).map(ToString::to_string).collect();
        Some(Self::Chain { cause: words.join(": "), kind: chain::kind(provider) })
    }
}

/// Builds the provider; `https` makes a client for the links of the chain that ask over the network.
pub(crate) async fn provider(
    options: &IdentityOptions,
    config: &Config,
    https: impl FnOnce() -> Result<SharedHttpClient, RootsError>,
) -> Result<SharedCredentialsProvider, RootsError> {
    if let Some(helper) = Helper::new(options) {
        return Ok(SharedCredentialsProvider::new(helper));
    }
    if let Some(own) = &config.static_credentials {
        return Ok(SharedCredentialsProvider::new(credentials(own)));
    }
    let region = Region::new(config.region.clone());
    let settings = ProviderConfig::without_region()
        .with_region(Some(region.clone()))
        .with_behavior_version(Some(BehaviorVersion::latest()))
        .with_http_client(https()?);
    let chain = DefaultCredentialsChain::builder().configure(settings).region(region).build().await;
    Ok(SharedCredentialsProvider::new(chain))
}

fn credentials(own: &StaticCredentials) -> Credentials {
    Credentials::new(&own.access_key_id, &own.secret_access_key, own.session_token.clone(), None, "environment")
}

/// `credvend … get-credentials`, asked again whenever what it gave is about to expire.
#[derive(Debug)]
struct Helper {
    program: PathBuf,
    arguments: Vec<OsString>,
}

/// What a `credential_process` prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    version: u8,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

impl Helper {
    fn new(options: &IdentityOptions) -> Option<Self> {
        let given = [
            ("--env-file", options.env_file.as_ref().map(OsString::from)),
            ("--identity", options.identity.as_ref().map(OsString::from)),
            ("--config", options.config.as_ref().map(OsString::from)),
        ];
        let mut arguments: Vec<_> =
            given.into_iter().filter_map(|(name, value)| Some([OsString::from(name), value?])).flatten().collect();
        if arguments.is_empty() {
            return None;
        }
        arguments.push("get-credentials".into());
        Some(Self { program: beside_this_program(), arguments })
    }

    async fn run(&self) -> Result<Credentials, CredentialsError> {
        let program = self.program.display().to_string();
        let mut command = tokio::process::Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        // Not `output`, which takes stderr, too: why there are no credentials is for whoever ran this.
        let run = async { command.spawn()?.wait_with_output().await };
        let output = run
            .await
            .map_err(|cause| CredentialsError::Helper { program: program.clone(), cause: cause.to_string() })?;
        if !output.status.success() {
            let kind = Kind::of_exit_code(output.status.code());
            return Err(CredentialsError::Refused { program, status: output.status.to_string(), kind });
        }
        // The parser's own words are left out: they may quote what was printed.
        let printed: Option<Printed> = serde_json::from_slice(&output.stdout).ok();
        printed.and_then(Printed::credentials).ok_or(CredentialsError::Malformed { program })
    }
}

impl Printed {
    fn credentials(self) -> Option<Credentials> {
        let expires_at = match self.expiration {
            Some(text) => Some(DateTime::from_str(&text, DateTimeFormat::DateTime).ok()?.try_into().ok()?),
            None => None,
        };
        let Self { version, access_key_id, secret_access_key, session_token, .. } = self;
        (version == 1).then(|| Credentials::new(access_key_id, secret_access_key, session_token, expires_at, HELPER))
    }
}

impl ProvideCredentials for Helper {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.run().await.map_err(ProviderError::provider_error) })
    }
}

/// The credential helper that was installed beside this program, else the one in `PATH`.
fn beside_this_program() -> PathBuf {
    let beside = std::env::current_exe().ok().map(|path| path.with_file_name(HELPER));
    beside.filter(|path| path.exists()).unwrap_or_else(|| HELPER.into())
}
