//! An issuer's metadata (OIDC Discovery 1.0): where its token endpoint is and how clients authenticate there.

use std::time::{Duration, SystemTime};

use http_client::{Endpoint, Request};
use serde::Deserialize;

use super::error::IdpError;
use super::metadata::Metadata;
use crate::freshness::call::Call;
use crate::timestamp;

/// Issuers move their endpoints about never; a day bounds how long one that does is not noticed.
const MAX_AGE: Duration = Duration::from_secs(24 * 3600);

/// An issuer as it is configured.
pub(crate) struct Issuer {
    /// Byte for byte what `iss` and the metadata say.
    pub(crate) name: String,
    pub(crate) configuration: Endpoint,
}

/// The same, checked.
pub(crate) struct Discovered {
    pub(crate) token_endpoint: Endpoint,
    pub(crate) takes_basic: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    token_endpoint: String,
    /// OIDC Discovery 1.0 §3: left out, it means `client_secret_basic`.
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

impl Issuer {
    pub(crate) fn new(name: String, endpoint: &Endpoint) -> Self {
        // OIDC Discovery 1.0 §4: a slash at the end is removed before the path is appended.
        let base = endpoint.path().trim_end_matches('/');
        let configuration = endpoint.with_path(&format!("{base}/.well-known/openid-configuration"));
        Self { name, configuration }
    }

    pub(crate) async fn metadata(&self, call: &mut Call<'_>) -> Result<Discovered, IdpError> {
        let now = timestamp::now();
        let cached = call.cache.and_then(|cache| cache.metadata().unwrap_or_default());
        let fresh = cached.filter(|metadata| now.duration_since(metadata.fetched_at).is_ok_and(|age| age < MAX_AGE));
        if let Some(discovered) = fresh.and_then(|metadata| self.check(&metadata).ok()) {
            return Ok(discovered);
        }
        call.log.debug(format_args!("asking {} for the token endpoint", self.configuration));
        let metadata = self.fetch(call, now).await?;
        let discovered = self.check(&metadata)?;
        if let Some(cache) = call.cache
            && let Err(error) = cache.store_metadata(&metadata)
        {
            call.log.warn(format_args!("the issuer's metadata is not cached: {error}"));
        }
        Ok(discovered)
    }

    async fn fetch(&self, call: &mut Call<'_>, now: SystemTime) -> Result<Metadata, IdpError> {
        let endpoint = self.configuration.clone();
        let response = call.send(Request::get(&endpoint)).await?;
        if response.status != 200 {
            let retry_after = response.retry_after(now);
            return Err(IdpError::Answered { endpoint, status: response.status, code: None, retry_after });
        }
        let Ok(document) = serde_json::from_slice::<Document>(&response.body) else {
            let problem = "not with OpenID metadata that holds `issuer` and `token_endpoint`";
            return Err(IdpError::Unusable { endpoint, problem });
        };
        // OIDC Discovery 1.0 §4.3: otherwise one issuer could speak for another.
        if document.issuer != self.name {
            return Err(self.unbelievable(format!(
                "is the metadata of `{}`, not of `{}`: write OIDC_ISSUER exactly as the issuer calls itself",
                document.issuer.escape_debug().take(200).collect::<String>(),
                self.name
            )));
        }
        let methods = document.token_endpoint_auth_methods_supported;
        let takes_basic = methods.is_none_or(|methods| {
            let takes = |wanted: &str| methods.iter().any(|method| method == wanted);
            takes("client_secret_basic") || !takes("client_secret_post")
        });
        Ok(Metadata { token_endpoint: document.token_endpoint, takes_basic, fetched_at: now })
    }

    fn check(&self, metadata: &Metadata) -> Result<Discovered, IdpError> {
        let token_endpoint = Endpoint::parse(&metadata.token_endpoint)
            .map_err(|error| self.unbelievable(format!("names a token endpoint that is not used: {error}")))?;
        Ok(Discovered { token_endpoint, takes_basic: metadata.takes_basic })
    }

    fn unbelievable(&self, problem: String) -> IdpError {
        IdpError::Metadata { endpoint: self.configuration.clone(), problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_metadata_is() {
        for (name, expected) in [
            ("https://idp.example", "https://idp.example/.well-known/openid-configuration"),
            ("https://idp.example/", "https://idp.example/.well-known/openid-configuration"),
            ("https://idp.example/realms/a", "https://idp.example/realms/a/.well-known/openid-configuration"),
        ] {
            let issuer = Issuer::new(name.to_owned(), &Endpoint::parse(name).unwrap());
            assert_eq!(issuer.configuration.as_str(), expected);
        }
    }
}
