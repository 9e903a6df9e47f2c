//! The token endpoint and the vending API, asked as a client asks them.

use std::time::Duration;

use environment::{Endpoint, visible};
use http_client::{BuildError, HttpClient, Limits, Request, RequestError, Response};
use roots::Roots;
use serde::Deserialize;
use thiserror::Error;

use crate::network::Network;

const LIMITS: Limits = Limits { connect: Duration::from_secs(5), total: Duration::from_secs(10), max_body: 256 * 1024 };

/// Where tokens and credentials come from.
pub(crate) struct AsClient {
    http: HttpClient,
    token_endpoint: Endpoint,
    credentials: Endpoint,
}

/// Why there is no token, or no credentials.
#[derive(Debug, Error)]
pub(crate) enum AskError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("{endpoint}: status {status}, {code}")]
    Status { endpoint: Endpoint, status: u16, code: String },
    #[error("{endpoint}: a response that is no {expected}")]
    Unusable { endpoint: Endpoint, expected: &'static str },
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl AsClient {
    /// `api` is the vending API's URL, with or without `/credentials`.
    pub(crate) fn new(network: &Network, token_endpoint: Endpoint, api: &Endpoint) -> Result<Self, BuildError> {
        let base = api.path().trim_end_matches('/');
        let base = base.strip_suffix("/credentials").unwrap_or(base);
        let credentials = api.with_path(&format!("{base}/credentials"));
        let http = HttpClient::new(Roots::System, &network.extra_ca, &network.proxy, LIMITS)?;
        Ok(Self { http, token_endpoint, credentials })
    }

    /// An access token for this client.
    pub(crate) async fn token(&self, client_id: &str, secret: &str) -> Result<String, AskError> {
        let request = Request::post_form(&self.token_endpoint, &[("grant_type", "client_credentials")]);
        let response = self.http.send(request.basic(client_id, secret)).await?;
        if response.status != 200 {
            return Err(AskError::refused(&self.token_endpoint, &response));
        }
        let token: TokenResponse = serde_json::from_slice(&response.body)
            .map_err(|_| AskError::Unusable { endpoint: self.token_endpoint.clone(), expected: "token as JSON" })?;
        Ok(token.access_token)
    }

    /// What the vending API says to this token.
    pub(crate) async fn vend(&self, token: &str) -> Result<Response, RequestError> {
        self.http.send(Request::post_json(&self.credentials, b"{}".to_vec()).bearer(token)).await
    }

    /// The vending API has not given what it is asked for.
    pub(crate) fn not_vended(&self, response: &Response) -> AskError {
        match response.status {
            200 => AskError::Unusable { endpoint: self.credentials.clone(), expected: "credentials as JSON" },
            _ => AskError::refused(&self.credentials, response),
        }
    }
}

impl AskError {
    fn refused(endpoint: &Endpoint, response: &Response) -> Self {
        let code = code_of(&response.body).unwrap_or_else(|| WITHOUT_CODE.to_owned());
        Self::Status { endpoint: endpoint.clone(), status: response.status, code }
    }
}

/// Said where there is no [`code_of`] a response.
pub(crate) const WITHOUT_CODE: &str = "without an error's code";

/// The code of an error. It is text of somebody's, so it is cut and made visible.
pub(crate) fn code_of(body: &[u8]) -> Option<String> {
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    Some(visible(&refusal.error).chars().take(80).collect())
}
