//! The client credentials grant (RFC 6749 §4.4), as all token endpoints have it in common.

use std::fmt;
use std::time::SystemTime;

use http_client::{Endpoint, Request, Response};
use serde::Deserialize;

use super::client_assertion::{self, KeyNames};
use super::discovery::Issuer;
use super::error::{IdpError, Refusal, without_token};
use super::token_response::TokenResponse;
use crate::access_token::AccessToken;
use crate::freshness::cache::Cache;
use crate::freshness::call::Call;
use crate::secret::{Secret, SecretSource};
use crate::timestamp;
use environment::Variables;

/// A client of an authorization server, and what it asks for.
pub(crate) struct ClientCredentials {
    /// What the names of this provider's variables begin with, for messages.
    pub(crate) prefix: &'static str,
    pub(crate) source: EndpointSource,
    pub(crate) client_id: String,
    /// One or two; the second is tried when the first is refused, so a secret can be rotated without a gap.
    pub(crate) secrets: Vec<SecretSource>,
    pub(crate) authentication: Authentication,
    /// Parameters beside `grant_type` and those of the client's authentication.
    pub(crate) parameters: Vec<(&'static str, String)>,
}

/// Where the token endpoint is.
pub(crate) enum EndpointSource {
    TokenEndpoint(Endpoint),
    /// In the issuer's metadata.
    Issuer(Issuer),
}

/// How a client proves who it is; names of OIDC Core §9.
pub(crate) enum Authentication {
    ClientSecretBasic,
    ClientSecretPost,
    /// One of the two above, as the issuer's metadata says.
    ClientSecret,
    PrivateKeyJwt {
        names: KeyNames,
        /// `aud` of the assertion, where it is not the token endpoint.
        audience: Option<String>,
    },
}

#[derive(Deserialize)]
struct ErrorResponse {
    error: String,
    /// Entra ID's own numbers, known as `AADSTS…`.
    #[serde(default)]
    error_codes: Vec<u32>,
}

impl ClientCredentials {
    /// Asks for a token, with the second secret where the first is refused.
    pub(crate) async fn token(&self, call: &mut Call<'_>) -> Result<AccessToken, IdpError> {
        let (endpoint, is_basic) = match &self.source {
            EndpointSource::TokenEndpoint(endpoint) => (endpoint.clone(), true),
            EndpointSource::Issuer(issuer) => {
                let found = issuer.metadata(call).await?;
                (found.token_endpoint, found.takes_basic)
            }
        };
        let attempt = Attempt { client: self, endpoint, is_basic };
        let (first, others) = self.secrets.split_at(1);
        let mut outcome = attempt.token(&first[0], call).await;
        for next in others {
            match outcome {
                Err(error) if error.is_wrong_secret() => {
                    call.log.warn(format_args!("{error}; trying the secret from {next}"));
                    outcome = attempt.token(next, call).await;
                }
                other => return attempt.conclude(other, call.cache),
            }
        }
        attempt.conclude(outcome, call.cache)
    }

    /// All that tells this request from another one, without a secret: a rotation keeps the cache.
    pub(crate) fn identity(&self) -> Vec<String> {
        let mut parts = vec![self.source.as_str().to_owned(), self.client_id.clone()];
        parts.extend(self.parameters.iter().map(|(name, value)| format!("{name}={value}")));
        parts
    }

    fn parameter(&self, name: &str) -> String {
        self.parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }
}

/// One request after another to the same token endpoint.
struct Attempt<'a> {
    client: &'a ClientCredentials,
    endpoint: Endpoint,
    /// Whether the endpoint takes the secret as the password of Basic authentication.
    is_basic: bool,
}

impl Attempt<'_> {
    async fn token(&self, source: &SecretSource, call: &mut Call<'_>) -> Result<AccessToken, IdpError> {
        let secret = source.read()?;
        if source.is_open_to_others() {
            call.log.warn(format_args!("the secret file {source} can be read by other users: `chmod 600` it"));
        }
        // The lifetime is counted from before the request, so it never ends later than the server thinks.
        let asked_at = timestamp::now();
        let response = call.send(self.request(source, &secret, asked_at)?).await?;
        self.read(&response, asked_at)
    }

    fn request(&self, source: &SecretSource, secret: &Secret, now: SystemTime) -> Result<Request, IdpError> {
        let client = self.client;
        let mut fields = vec![("grant_type", "client_credentials")];
        fields.extend(client.parameters.iter().map(|(name, value)| (*name, value.as_str())));
        let is_basic = match &client.authentication {
            Authentication::ClientSecretBasic => true,
            Authentication::ClientSecretPost => false,
            Authentication::ClientSecret => self.is_basic,
            Authentication::PrivateKeyJwt { names, audience } => {
                let audience = audience.as_deref().unwrap_or(self.endpoint.as_str());
                let assertion = client_assertion::sign(source, secret, names, &client.client_id, audience, now)?;
                // RFC 7523 §2.2
                fields.push(("client_id", &client.client_id));
                fields.push(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
                fields.push(("client_assertion", assertion.expose()));
                return Ok(Request::post_form(&self.endpoint, &fields));
            }
        };
        if is_basic {
            return Ok(Request::post_form(&self.endpoint, &fields).basic(&client.client_id, secret.expose()));
        }
        // RFC 6749 §2.3.1, the other form.
        fields.push(("client_id", &client.client_id));
        fields.push(("client_secret", secret.expose()));
        Ok(Request::post_form(&self.endpoint, &fields))
    }

    fn read(&self, response: &Response, asked_at: SystemTime) -> Result<AccessToken, IdpError> {
        let endpoint = self.endpoint.clone();
        if response.status != 200 {
            return Err(self.refusal(response, asked_at));
        }
        let Some(token) = TokenResponse::parse(&response.body) else {
            return Err(without_token(endpoint, &response.body, "not with a JSON object that holds `access_token`"));
        };
        if !is_bearer_token(token.access_token.expose()) {
            return Err(IdpError::NoToken { endpoint, problem: "its `access_token` is not a bearer token" });
        }
        let expires_at = asked_at + token.lifetime(response.date().unwrap_or(asked_at));
        Ok(AccessToken { value: token.access_token, obtained_at: asked_at, expires_at })
    }

    fn refusal(&self, response: &Response, now: SystemTime) -> IdpError {
        let (endpoint, status, client) = (self.endpoint.clone(), response.status, self.client);
        let body = serde_json::from_slice::<ErrorResponse>(&response.body).ok();
        let oauth_code = body.as_ref().and_then(|body| ERROR_CODES.into_iter().find(|code| *code == body.error));
        let number = body.and_then(|body| body.error_codes.first().map(|number| format!(" AADSTS{number}")));
        let code = oauth_code.map(|code| format!("{code}{}", number.unwrap_or_default()));
        let is_final = oauth_code.is_some_and(|code| FINAL_CODES.contains(&code));
        if !(is_final && status < 500 || matches!(status, 401 | 403)) {
            return IdpError::Answered { endpoint, status, code, retry_after: response.retry_after(now) };
        }
        IdpError::Refused(Box::new(Refusal {
            endpoint,
            client_id: client.client_id.clone(),
            prefix: client.prefix,
            sources: client.secrets.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "),
            scope: client.parameter("scope"),
            audience: client.parameter("audience"),
            status,
            oauth_code,
            code: code.unwrap_or_else(|| "no reason given".to_owned()),
        }))
    }

    /// Metadata whose token endpoint is gone is fetched again at the next try.
    fn conclude(&self, outcome: Result<AccessToken, IdpError>, cache: Option<&Cache>) -> Result<AccessToken, IdpError> {
        if let (Err(error), EndpointSource::Issuer(_), Some(cache)) = (&outcome, &self.client.source, cache)
            && error.is_gone()
        {
            cache.forget_metadata();
        }
        outcome
    }
}

impl Authentication {
    /// Reads `PREFIX_CLIENT_SECRET`, `PREFIX_PRIVATE_KEY` and what goes with the key.
    pub(crate) fn from_env(
        variables: &Variables<'_>,
        prefix: &'static str,
        with_secret: Self,
    ) -> Option<(Vec<SecretSource>, Self)> {
        let (secret, key) = (format!("{prefix}_CLIENT_SECRET"), format!("{prefix}_PRIVATE_KEY"));
        let secrets = SecretSource::current_and_next(variables, &secret);
        let keys = SecretSource::current_and_next(variables, &key);
        if !secrets.is_empty() && !keys.is_empty() {
            let problem = format_args!("{secret} is set as well: a client has either a secret or a private key");
            variables.fault(&key, problem);
            return None;
        }
        if !keys.is_empty() {
            let names = KeyNames::from_env(variables, prefix);
            return Some((keys, Self::PrivateKeyJwt { names, audience: None }));
        }
        if secrets.is_empty() {
            variables.missing(&secret, format_args!("or its file: {secret}_FILE; or a private key: {key}_FILE"));
            return None;
        }
        Some((secrets, with_secret))
    }
}

impl EndpointSource {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::TokenEndpoint(endpoint) => endpoint.as_str(),
            Self::Issuer(issuer) => &issuer.name,
        }
    }
}

impl fmt::Display for EndpointSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TokenEndpoint(endpoint) => write!(formatter, "{endpoint}"),
            Self::Issuer(issuer) => formatter.write_str(&issuer.name),
        }
    }
}

/// RFC 6750 §2.1, b64token: anything else would break out of the header.
pub(crate) fn is_bearer_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Codes of RFC 6749 §4.1.2.1 and §5.2, of RFC 8707 §2, and Entra ID's own. Anything else is not repeated: it could be
/// the secret, sent back.
const ERROR_CODES: [&str; 11] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
    "invalid_resource",
    "access_denied",
    "server_error",
    "temporarily_unavailable",
];

/// Those that say no to the client itself, or to what it asks for.
const FINAL_CODES: [&str; 7] = [
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "invalid_scope",
    "invalid_target",
    "invalid_resource",
    "access_denied",
];
