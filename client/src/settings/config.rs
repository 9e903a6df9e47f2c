//! The configuration: everything the environment says, checked and typed.

use std::path::PathBuf;

use aws_lc_rs::digest::{Context, SHA256};

use crate::exchange::Exchange;
use crate::idp::{IdentityProvider, IdpType};
use environment::{ConfigError, Proxy, Variables, cache_dir};
use http_client::EXTRA_FILE_VARIABLES;

/// What a run works with.
pub(crate) struct Config {
    pub(crate) idp: IdentityProvider,
    pub(crate) exchange: Exchange,
    /// `None` where no variable says where a cache could be.
    pub(crate) cache_dir: Option<PathBuf>,
    /// Files of certificate authorities on top of the system's.
    pub(crate) extra_ca: Vec<PathBuf>,
    pub(crate) proxy: Proxy,
    /// What consumers are told.
    pub(crate) region: Option<String>,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// All missing names and all faults, in one.
    pub(crate) fn from_env(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let variables = Variables::new(lookup);
        let Some(idp_type) = IdpType::from_env(&variables) else { return variables.finish(None) };
        let idp = IdentityProvider::from_env(idp_type, &variables);
        let client_id = idp.as_ref().and_then(IdentityProvider::client_id);
        let exchange = Exchange::from_env(idp_type, client_id, &variables);
        let (cache_dir, extra_ca, proxy) = (cache_dir(&variables), extra_ca(&variables), Proxy::from_env(&variables));
        let region = variables.optional("AWS_REGION").or_else(|| variables.optional("AWS_DEFAULT_REGION"));
        let config = match (idp, exchange) {
            (Some(idp), Some(exchange)) => Some(Self { idp, exchange, cache_dir, extra_ca, proxy, region }),
            _ => None,
        };
        variables.finish(config)
    }

    /// Names the cache files: equal for equal requests, without a trace of the secret, so a rotation keeps the cache.
    pub(crate) fn cache_id(&self) -> String {
        digest(self.idp.identity().iter().chain(&self.exchange.identity()))
    }
}

/// What a run works with that hands on the token itself, and exchanges it for nothing.
pub(crate) struct TokenConfig {
    pub(crate) idp_type: IdpType,
    pub(crate) idp: IdentityProvider,
    pub(crate) cache_dir: Option<PathBuf>,
    pub(crate) extra_ca: Vec<PathBuf>,
    pub(crate) proxy: Proxy,
    /// Where the exchange is configured as well, that of [`Config`]: one token then does for both.
    pub(crate) cache_id: String,
}

impl TokenConfig {
    /// Reads the environment, as for [`Config`].
    pub(crate) fn from_env(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Ok(Self::from_env_with(lookup, |_| Some(()))?.0)
    }

    /// With what else a command reads, so that one message names everything that is missing.
    pub(crate) fn from_env_with<T>(
        lookup: &dyn Fn(&str) -> Option<String>,
        more: impl FnOnce(&Variables<'_>) -> Option<T>,
    ) -> Result<(Self, T), ConfigError> {
        let variables = Variables::new(lookup);
        let more = more(&variables);
        let Some(idp_type) = IdpType::from_env(&variables) else { return variables.finish(None) };
        let idp = IdentityProvider::from_env(idp_type, &variables);
        let (cache_dir, extra_ca, proxy) = (cache_dir(&variables), extra_ca(&variables), Proxy::from_env(&variables));
        let config = idp.map(|idp| {
            // Whatever is wrong with the exchange is no fault here.
            let others = Variables::new(lookup);
            let exchange = Exchange::from_env(idp_type, idp.client_id(), &others);
            let exchange = others.finish(exchange).map(|exchange| exchange.identity()).unwrap_or_default();
            let cache_id = digest(idp.identity().iter().chain(&exchange));
            Self { idp_type, idp, cache_dir, extra_ca, proxy, cache_id }
        });
        variables.finish(config.zip(more))
    }
}

fn digest<'a>(parts: impl Iterator<Item = &'a String>) -> String {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let digest = context.finish();
    digest.as_ref()[..16]
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

fn extra_ca(variables: &Variables<'_>) -> Vec<PathBuf> {
    EXTRA_FILE_VARIABLES.iter().filter_map(|name| variables.optional(name)).map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: [(&str, &str); 6] = [
        ("IDP_TYPE", "cognito"),
        ("AWS_REGION", "eu-west-1"),
        ("COGNITO_DOMAIN", "my-pool"),
        ("COGNITO_CLIENT_ID", "abc"),
        ("COGNITO_CLIENT_SECRET", "hunter2"),
        ("COGNITO_CREDENTIAL_API_URL", "https://api.example/prod/credentials"),
    ];

    fn config(changes: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_env(&|name| {
            changes.iter().chain(&COMPLETE).find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn refused(changes: &[(&str, &str)]) -> String {
        config(changes).err().unwrap().to_string()
    }

    #[test]
    fn the_variables_of_today_are_enough() {
        let config = config(&[]).unwrap();
        let expected = "https://my-pool.auth.eu-west-1.amazoncognito.com/oauth2/token";
        assert_eq!(config.idp.to_string(), expected);
        assert_eq!(config.idp.identity(), [expected, "abc"], "no scope is asked for");
        assert_eq!(config.exchange.endpoint().as_str(), "https://api.example/prod/credentials");
        assert_eq!(config.cache_dir, None);
    }

    #[test]
    fn all_missing_names_are_in_one_message() {
        let blank: Vec<_> = COMPLETE[1..].iter().map(|(name, _)| (*name, " ")).collect();
        assert_eq!(
            refused(&blank),
            "missing environment variables: COGNITO_DOMAIN (for example `my-pool` or `auth.example.com`), \
             AWS_REGION (for example `eu-west-1`; a custom host in COGNITO_DOMAIN needs none), \
             COGNITO_CLIENT_ID (for example `6h0example1client`), \
             COGNITO_CLIENT_SECRET (or its file: COGNITO_CLIENT_SECRET_FILE), \
             COGNITO_CREDENTIAL_API_URL (for example `https://api.example.com/credentials`)"
        );
    }

    #[test]
    fn faults_and_missing_names_come_together() {
        let message = refused(&[("COGNITO_CLIENT_ID", ""), ("COGNITO_CREDENTIAL_API_URL", "http://api.example/")]);
        assert_eq!(
            message,
            "missing environment variables: COGNITO_CLIENT_ID (for example `6h0example1client`); \
             COGNITO_CREDENTIAL_API_URL: plain http is accepted for loopback addresses only, and `api.example` is \
             none: use https, for example `https://api.example.com/credentials`"
        );
    }

    #[test]
    fn auth0_is_the_default_and_a_typo_is_told_with_what_there_is() {
        let message = refused(&[("IDP_TYPE", ""), ("AWS_REGION", "")]);
        for name in ["AUTH0_DOMAIN", "AUTH0_CLIENT_ID", "AUTH0_CLIENT_SECRET", "AUTH0_AUDIENCE", "AWS_ROLE_ARN"] {
            assert!(message.contains(&format!("{name} (")), "{name} is not in {message}");
        }
        assert!(message.ends_with(" (IDP_TYPE is not set, so it is auth0)"), "{message}");
        assert_eq!(
            refused(&[("IDP_TYPE", "okta")]),
            "IDP_TYPE: `okta` is none of auth0, cognito, entra, github, oidc, file"
        );
        config(&[("IDP_TYPE", "Cognito")]).unwrap();
    }

    #[test]
    fn one_exchange_and_only_one() {
        let file = [("IDP_TYPE", "file"), ("OIDC_TOKEN_FILE", "/token")];
        let with = |more: &[(&'static str, &'static str)]| [&file[..], more].concat();
        let role = ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/a");
        let api = ("CREDENTIAL_API_URL", "https://api.example");
        assert!(refused(&with(&[])).contains("AWS_ROLE_ARN (for example"));
        assert!(refused(&with(&[role, api])).contains("either by the vending API or by STS"));
        let sts = config(&with(&[role])).unwrap();
        assert_eq!(sts.exchange.endpoint().as_str(), "https://sts.eu-west-1.amazonaws.com/");
        let vending = config(&with(&[api])).unwrap();
        assert_eq!(vending.exchange.endpoint().as_str(), "https://api.example/credentials");
        assert_ne!(sts.cache_id(), vending.cache_id());
        let longer = config(&with(&[role, ("AWS_ROLE_DURATION_SECONDS", "7200")])).unwrap();
        assert_ne!(sts.cache_id(), longer.cache_id());
    }

    #[test]
    fn a_token_needs_no_exchange_and_shares_the_cache_of_one() {
        let token = |changes: &[(&str, &str)]| {
            TokenConfig::from_env(&|name| {
                changes.iter().chain(&COMPLETE).find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(token(&[]).unwrap_or_else(|_| panic!()).cache_id, config(&[]).unwrap().cache_id());
        let alone = token(&[("COGNITO_CREDENTIAL_API_URL", "")]).unwrap_or_else(|error| panic!("{error}"));
        assert_ne!(alone.cache_id, config(&[]).unwrap().cache_id());
        assert!(token(&[("COGNITO_CLIENT_ID", "")]).err().unwrap().to_string().contains("COGNITO_CLIENT_ID"));
    }

    #[test]
    fn the_cache_id_follows_everything_but_the_secret() {
        let id = |changes: &[(&str, &str)]| config(changes).unwrap().cache_id();
        assert_eq!(id(&[]).len(), 32);
        assert_eq!(id(&[]), id(&[("COGNITO_CLIENT_SECRET", "other")]));
        for change in [
            ("COGNITO_CLIENT_ID", "abd"),
            ("COGNITO_SCOPES", "a/b"),
            ("COGNITO_DOMAIN", "other"),
            ("COGNITO_CREDENTIAL_API_URL", "https://api.example/dev/credentials"),
        ] {
            assert_ne!(id(&[]), id(&[change]), "{change:?}");
        }
    }
}
