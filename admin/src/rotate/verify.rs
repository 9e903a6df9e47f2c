//! Whether the new secret works: it gets a token, and the token gets credentials.

use std::path::PathBuf;
use std::time::Duration;

use environment::{Endpoint, EndpointError, Lookup, Partition, Proxy, Variables};
use http_client::{EXTRA_FILE_VARIABLES, HttpClient, Limits, Request, RequestError, Response};
use roots::Roots;
use serde::Deserialize;
use thiserror::Error;
use tokio::time::Instant;
use vending_api::CredentialsResponse;

use super::new_secret::NewSecret;
use super::secrets::Secrets;
use crate::cli::RotateArguments;
use crate::error::Error;

/// Cognito's servers do not all know a new secret at once.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(1);
const LIMITS: Limits = Limits { connect: Duration::from_secs(5), total: Duration::from_secs(10), max_body: 256 * 1024 };

/// Where tokens and credentials come from.
pub(super) struct Verifier {
    http: HttpClient,
    token_endpoint: Endpoint,
    credentials: Endpoint,
}

/// The vending API knew the client.
pub(super) enum Vend {
    Credentials,
    /// It refuses this client, or from here: the code.
    Refused(String),
}

/// Why the new secret was not found to work.
#[derive(Debug, Error)]
pub(super) enum VerifyError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("{endpoint}: status {status}, {code}")]
    Status { endpoint: Endpoint, status: u16, code: String },
    #[error("{endpoint}: a response that is no {expected}")]
    Unusable { endpoint: Endpoint, expected: &'static str },
}

impl VerifyError {
    /// Exit status 3: refused; 4: unavailable.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Status { status, .. } if (400..500).contains(status) && *status != 429)
    }

    /// A new secret is refused until it is known everywhere, and so is its token where the service cannot decide.
    fn may_pass(&self) -> bool {
        match self {
            Self::Status { status, code, .. } => {
                code == "invalid_client" || matches!(status, 401 | 408 | 429) || *status >= 500
            }
            Self::Request(_) | Self::Unusable { .. } => true,
        }
    }
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Verifier {
    pub(super) async fn new(arguments: &RotateArguments, secrets: &Secrets, lookup: Lookup<'_>) -> Result<Self, Error> {
        let variables = Variables::new(lookup);
        let token_endpoint = arguments.token_endpoint.clone().or_else(|| variables.optional("COGNITO_TOKEN_ENDPOINT"));
        let api_url = arguments.api_url.clone().or_else(|| variables.optional("COGNITO_CREDENTIAL_API_URL"));
        let extra_ca: Vec<_> =
            EXTRA_FILE_VARIABLES.iter().filter_map(|name| variables.optional(name)).map(PathBuf::from).collect();
        let proxy = Proxy::from_env(&variables);
        let () = variables.finish(Some(()))?;
        let api = parse(&api_url.ok_or(Error::NoApiUrl)?)?;
        let base = api.path().trim_end_matches('/');
        let base = base.strip_suffix("/credentials").unwrap_or(base);
        let credentials = api.with_path(&format!("{base}/credentials"));
        let token_endpoint = match token_endpoint {
            Some(url) => url,
            None => token_endpoint_of(secrets).await?,
        };
        let http = HttpClient::new(Roots::System, &extra_ca, &proxy, LIMITS)?;
        Ok(Self { http, token_endpoint: parse(&token_endpoint)?, credentials })
    }

    /// Tries until it works, for half a minute.
    pub(super) async fn verify(&self, client_id: &str, secret: &NewSecret) -> Result<Vend, VerifyError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.try_once(client_id, secret).await {
                Err(error) if error.may_pass() && Instant::now() + PAUSE < deadline => tokio::time::sleep(PAUSE).await,
                result => return result,
            }
        }
    }

    async fn try_once(&self, client_id: &str, secret: &NewSecret) -> Result<Vend, VerifyError> {
        let request = Request::post_form(&self.token_endpoint, &[("grant_type", "client_credentials")]);
        let response = self.http.send(request.basic(client_id, secret.expose())).await?;
        if response.status != 200 {
            return Err(refusal(&self.token_endpoint, &response));
        }
        let token: TokenResponse = serde_json::from_slice(&response.body)
            .map_err(|_| VerifyError::Unusable { endpoint: self.token_endpoint.clone(), expected: "token as JSON" })?;
        let request = Request::post_json(&self.credentials, b"{}".to_vec()).bearer(&token.access_token);
        let response = self.http.send(request).await?;
        match response.status {
            200 => {
                serde_json::from_slice::<CredentialsResponse>(&response.body).map(|_| Vend::Credentials).map_err(|_| {
                    VerifyError::Unusable { endpoint: self.credentials.clone(), expected: "credentials as JSON" }
                })
            }
            // The service says this of a client that it knows by its token.
            403 => match serde_json::from_slice::<Refusal>(&response.body) {
                Ok(refusal) => Ok(Vend::Refused(refusal.error)),
                Err(_) => Err(refusal(&self.credentials, &response)),
            },
            _ => Err(refusal(&self.credentials, &response)),
        }
    }
}

async fn token_endpoint_of(secrets: &Secrets) -> Result<String, Error> {
    let (domain, custom) = secrets.domains().await?;
    let region = secrets.pool_id.split('_').next().unwrap_or_default();
    let host =
        custom.or_else(|| Some(Partition::cognito_domain_host(&domain?, region))).ok_or(Error::NoTokenEndpoint)?;
    Ok(format!("https://{host}/oauth2/token"))
}

fn parse(url: &str) -> Result<Endpoint, Error> {
    Endpoint::parse(url).map_err(|problem: EndpointError| Error::Url { url: url.to_owned(), problem })
}

/// A code of somebody's error is text of somebody's.
fn refusal(endpoint: &Endpoint, response: &Response) -> VerifyError {
    let code = serde_json::from_slice::<Refusal>(&response.body).map(|refusal| refusal.error);
    let code = code.map_or_else(|_| "without an error's code".to_owned(), |code| environment::visible(&code));
    VerifyError::Status { endpoint: endpoint.clone(), status: response.status, code: code.chars().take(80).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_and_what_is_refused() {
        let endpoint = Endpoint::parse("https://a.example/oauth2/token").unwrap();
        for (status, code, may_pass, is_refusal) in [
            (400, "invalid_client", true, true),
            (401, "invalid_client", true, true),
            (401, "invalid_token", true, true),
            (400, "invalid_scope", false, true),
            (400, "unauthorized_client", false, true),
            (404, "not_found", false, true),
            (429, "rate_limited", true, false),
            (503, "sts_unavailable", true, false),
        ] {
            let error = VerifyError::Status { endpoint: endpoint.clone(), status, code: code.to_owned() };
            assert_eq!((error.may_pass(), error.is_refusal()), (may_pass, is_refusal), "{status} {code}");
        }
    }
}
