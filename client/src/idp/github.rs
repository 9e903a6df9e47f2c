//! GitHub Actions: the runner gives a job's steps a URL and a token for asking for an OIDC token.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_client::{Endpoint, Request};
use serde::Deserialize;

use super::client_credentials::is_bearer_token;
use super::error::{IdpError, without_token};
use super::unverified_claims::UnverifiedClaims;
use crate::access_token::AccessToken;
use crate::freshness::call::Call;
use crate::secret::Secret;
use crate::timestamp;
use environment::Variables;

/// A job that may ask for tokens.
pub(crate) struct GitHub {
    /// With the audience in its query.
    pub(crate) endpoint: Endpoint,
    request_token: Secret,
}

#[derive(Deserialize)]
struct RunnerResponse {
    value: Secret,
}

impl GitHub {
    /// Reads what the runner has set, and `GITHUB_AUDIENCE`; `None` when a fault was noted.
    pub(crate) fn from_env(variables: &Variables<'_>) -> Option<Self> {
        const URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
        const TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
        const WHO_SETS_IT: &str = "the runner sets it in a job that says `permissions: id-token: write`";
        let (url, token) = (variables.optional(URL), variables.optional(TOKEN));
        for (name, value) in [(URL, &url), (TOKEN, &token)] {
            if value.is_none() {
                variables.missing(name, WHO_SETS_IT);
            }
        }
        // What IAM's own action for GitHub asks for.
        let audience = variables.optional("GITHUB_AUDIENCE").unwrap_or_else(|| "sts.amazonaws.com".to_owned());
        let endpoint = variables.endpoint(URL, &url?, "https://run.actions.githubusercontent.com/…")?;
        Some(Self { endpoint: endpoint.with_query("audience", &audience), request_token: Secret::new(token?) })
    }

    pub(crate) async fn token(&self, call: &mut Call<'_>) -> Result<AccessToken, IdpError> {
        let endpoint = self.endpoint.clone();
        let obtained_at = timestamp::now();
        let response = call.send(Request::get(&endpoint).bearer(self.request_token.expose())).await?;
        match response.status {
            200 => {}
            status @ (401 | 403) => return Err(IdpError::RefusedByRunner { endpoint, status }),
            status => {
                let retry_after = response.retry_after(obtained_at);
                return Err(IdpError::Answered { endpoint, status, code: None, retry_after });
            }
        }
        let Ok(RunnerResponse { value }) = serde_json::from_slice(&response.body) else {
            return Err(without_token(endpoint, &response.body, "not with a JSON object that holds `value`"));
        };
        if !is_bearer_token(value.expose()) {
            return Err(IdpError::NoToken { endpoint, problem: "its `value` is not a token" });
        }
        // GitHub's tokens live for five minutes.
        let usual = obtained_at + Duration::from_secs(300);
        let expires_at =
            UnverifiedClaims::parse(value.expose()).and_then(|claims| claims.expires_at()).unwrap_or(usual);
        Ok(AccessToken { value, obtained_at, expires_at })
    }

    /// Two jobs of one self-hosted runner are two identities: the request token tells them apart, by its digest.
    pub(crate) fn identity(&self) -> Vec<String> {
        let job = digest(&SHA256, self.request_token.expose().as_bytes());
        vec!["github".to_owned(), self.endpoint.as_str().to_owned(), URL_SAFE_NO_PAD.encode(job)]
    }
}
