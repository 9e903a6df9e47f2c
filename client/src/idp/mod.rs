//! Getting a token from the identity provider.

mod auth0;
mod client_assertion;
mod client_credentials;
mod cognito;
mod discovery;
mod entra;
pub(crate) mod error;
mod file;
mod github;
pub(crate) mod metadata;
mod oidc;
mod token_response;
pub(crate) mod unverified_claims;

use std::fmt;

use self::client_credentials::ClientCredentials;
use self::error::IdpError;
use self::file::TokenFile;
use self::github::GitHub;
use crate::access_token::AccessToken;
use crate::freshness::call::Call;
use crate::secret::SecretSource;
use crate::timestamp;
use environment::Variables;

/// What `IDP_TYPE` can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdpType {
    Auth0,
    Cognito,
    Entra,
    GitHub,
    Oidc,
    File,
}

/// Where tokens come from.
pub(crate) enum IdentityProvider {
    /// The client credentials grant (RFC 6749 §4.4): Auth0, Cognito, Entra ID, and any other issuer.
    ClientCredentials(ClientCredentials),
    /// The runner of a GitHub Actions job.
    GitHub(GitHub),
    /// A file that another program keeps fresh.
    File(TokenFile),
}

impl IdpType {
    pub(crate) const NAMES: [(&'static str, Self); 6] = [
        ("auth0", Self::Auth0),
        ("cognito", Self::Cognito),
        ("entra", Self::Entra),
        ("github", Self::GitHub),
        ("oidc", Self::Oidc),
        ("file", Self::File),
    ];

    /// Reads `IDP_TYPE`; the default is the one of the deployments that exist.
    pub(crate) fn from_env(variables: &Variables<'_>) -> Option<Self> {
        let Some(given) = variables.optional("IDP_TYPE") else {
            variables.assume("IDP_TYPE is not set, so it is auth0");
            return Some(Self::Auth0);
        };
        let found = Self::NAMES.into_iter().find(|(name, _)| given.eq_ignore_ascii_case(name));
        if found.is_none() {
            let names = Self::NAMES.map(|(name, _)| name).join(", ");
            variables.fault("IDP_TYPE", format_args!("`{given}` is none of {names}"));
        }
        found.map(|(_, idp_type)| idp_type)
    }
}

impl IdentityProvider {
    pub(crate) fn from_env(idp_type: IdpType, variables: &Variables<'_>) -> Option<Self> {
        match idp_type {
            IdpType::Auth0 => auth0::from_env(variables).map(Self::ClientCredentials),
            IdpType::Cognito => cognito::from_env(variables).map(Self::ClientCredentials),
            IdpType::Entra => entra::from_env(variables).map(Self::ClientCredentials),
            IdpType::Oidc => oidc::from_env(variables).map(Self::ClientCredentials),
            IdpType::GitHub => GitHub::from_env(variables).map(Self::GitHub),
            IdpType::File => TokenFile::from_env(variables).map(Self::File),
        }
    }

    pub(crate) async fn token(&self, call: &mut Call<'_>) -> Result<AccessToken, IdpError> {
        match self {
            Self::ClientCredentials(client) => client.token(call).await,
            Self::GitHub(github) => github.token(call).await,
            Self::File(file) => file.token(timestamp::now()),
        }
    }

    /// Tokens of the client credentials grant are billed; the others are free, and those of a file are there already.
    pub(crate) fn has_billed_tokens(&self) -> bool {
        matches!(self, Self::ClientCredentials(_))
    }

    pub(crate) fn client_id(&self) -> Option<&str> {
        match self {
            Self::ClientCredentials(client) => Some(&client.client_id),
            Self::GitHub(_) | Self::File(_) => None,
        }
    }

    /// The secrets that have a place of their own.
    pub(crate) fn secrets(&self) -> &[SecretSource] {
        match self {
            Self::ClientCredentials(client) => &client.secrets,
            Self::GitHub(_) | Self::File(_) => &[],
        }
    }

    /// All that tells this request for a token from another one, without a secret.
    pub(crate) fn identity(&self) -> Vec<String> {
        match self {
            Self::ClientCredentials(client) => client.identity(),
            Self::GitHub(github) => github.identity(),
            Self::File(file) => vec!["file".to_owned(), file.path.display().to_string()],
        }
    }
}

/// Where a token is asked for.
impl fmt::Display for IdentityProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClientCredentials(client) => write!(formatter, "{}", client.source),
            Self::GitHub(github) => write!(formatter, "{}", github.endpoint),
            Self::File(file) => write!(formatter, "`{}`", file.path.display()),
        }
    }
}
