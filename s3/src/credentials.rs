//! Who signs: a named identity through the credential helper, else the standard AWS chain.

use std::error::Error as StdError;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError as ProviderError;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_transport::{TransportError, causes, https_client};
use roots::Roots;

use crate::chain;
use crate::cli::IdentityOptions;
use crate::config::{Config, StaticCredentials};
use crate::credential_helper::Helper;
use crate::kind::Kind;

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

pub(crate) async fn provider(
    options: &IdentityOptions,
    config: &Config,
) -> Result<SharedCredentialsProvider, TransportError> {
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
        .with_http_client(https_client(Roots::System, &config.extra_ca, &config.proxy)?);
    let chain = DefaultCredentialsChain::builder().configure(settings).region(region).build().await;
    Ok(SharedCredentialsProvider::new(chain))
}

fn credentials(own: &StaticCredentials) -> Credentials {
    Credentials::new(&own.access_key_id, &own.secret_access_key, own.session_token.clone(), None, "environment")
}
