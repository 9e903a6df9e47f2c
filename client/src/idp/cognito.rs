//! Amazon Cognito: the client credentials grant (RFC 6749 §4.4).

use std::time::{Duration, Instant, SystemTime};

use http_client::{Budget, Endpoint, HttpClient, Request, Response};
use serde::Deserialize;

use super::{AccessToken, IdpError};
use crate::log::Log;
use crate::secret::{Secret, SecretSource};
use crate::timestamp;
use crate::variables::Variables;

/// An app client of a user pool.
pub(crate) struct Cognito {
    pub(crate) token_endpoint: Endpoint,
    pub(crate) client_id: String,
    /// One or two; the second is tried when the first is refused, so a secret can be rotated without a gap.
    pub(crate) secrets: Vec<SecretSource>,
    /// None: the pool grants all that the client may have. Asking for more than that is refused as a whole.
    pub(crate) scopes: Vec<String>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Secret,
    /// Seconds; recommended, not required (RFC 6749 §5.1).
    #[serde(default)]
    expires_in: u32,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error: String,
}

impl Cognito {
    /// Reads the `COGNITO_…` variables; `None` when a fault was noted.
    pub(crate) fn from_env(variables: &mut Variables<'_>) -> Option<Self> {
        let token_endpoint = token_endpoint(variables);
        let client_id = variables.required("COGNITO_CLIENT_ID", "6h0example1client");
        let secret = SecretSource::find(variables, "COGNITO_CLIENT_SECRET");
        if secret.is_none() {
            variables.missing("COGNITO_CLIENT_SECRET", "or its file: COGNITO_CLIENT_SECRET_FILE");
        }
        let next_secret = SecretSource::find(variables, "COGNITO_CLIENT_SECRET_NEXT");
        Some(Self {
            token_endpoint: token_endpoint?,
            client_id: client_id?,
            secrets: [Some(secret?), next_secret].into_iter().flatten().collect(),
            scopes: scopes(variables),
        })
    }

    /// Asks for a token, with the second secret where the first is refused.
    pub(crate) async fn token(
        &self,
        http: &HttpClient,
        budget: &mut Budget,
        log: &Log,
    ) -> Result<AccessToken, IdpError> {
        let (first, others) = self.secrets.split_at(1);
        let mut outcome = self.token_with(&first[0], http, budget).await;
        for next in others {
            match outcome {
                Err(error) if error.is_wrong_secret() => {
                    log.warn(format_args!("{error}; trying the secret from {next}"));
                    outcome = self.token_with(next, http, budget).await;
                }
                other => return other,
            }
        }
        outcome
    }

    async fn token_with(
        &self,
        source: &SecretSource,
        http: &HttpClient,
        budget: &mut Budget,
    ) -> Result<AccessToken, IdpError> {
        let secret = source.read()?;
        let scope = self.scopes.join(" ");
        let mut fields = vec![("grant_type", "client_credentials")];
        if !scope.is_empty() {
            fields.push(("scope", &scope));
        }
        let time_left = budget.take(Instant::now())?;
        let request = Request::post_form(&self.token_endpoint, &fields)
            .basic(&self.client_id, secret.expose())
            .timeout(time_left);
        // The lifetime is counted from before the request, so it never ends later than the server thinks.
        let asked_at = timestamp::now();
        let answer = http.send(request).await?;
        self.read(&answer, asked_at)
    }

    fn read(&self, answer: &Response, asked_at: SystemTime) -> Result<AccessToken, IdpError> {
        let endpoint = self.token_endpoint.clone();
        if answer.status != 200 {
            return Err(self.refusal(answer, asked_at));
        }
        let Ok(token) = serde_json::from_slice::<TokenAnswer>(&answer.body) else {
            return Err(IdpError::Unusable { endpoint, problem: "not with a JSON object that holds `access_token`" });
        };
        let value = token.access_token;
        // RFC 6750 §2.1, b64token: anything else would break out of the header.
        if value.expose().is_empty() || !value.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(IdpError::Unusable { endpoint, problem: "its `access_token` is not a bearer token" });
        }
        let expires_at = asked_at + Duration::from_secs(token.expires_in.into());
        Ok(AccessToken { value, obtained_at: asked_at, expires_at })
    }

    fn refusal(&self, answer: &Response, now: SystemTime) -> IdpError {
        let (endpoint, status) = (self.token_endpoint.clone(), answer.status);
        let body = serde_json::from_slice::<ErrorAnswer>(&answer.body).ok();
        let code = body.and_then(|body| ERROR_CODES.into_iter().find(|code| *code == body.error));
        let is_final = matches!(code, Some("invalid_client" | "unauthorized_client" | "invalid_scope"));
        if !(is_final && status < 500 || matches!(status, 401 | 403)) {
            return IdpError::Answered { endpoint, status, code, retry_after: answer.retry_after(now) };
        }
        IdpError::Refused {
            endpoint,
            client_id: self.client_id.clone(),
            sources: self.secrets.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "),
            scopes: self.scopes.join(" "),
            status,
            code: code.unwrap_or("no reason given"),
        }
    }
}

/// Codes of RFC 6749 §4.1.2.1 and §5.2. Anything else is not repeated: it could be the secret, sent back.
const ERROR_CODES: [&str; 9] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "access_denied",
    "server_error",
    "temporarily_unavailable",
];

fn token_endpoint(variables: &mut Variables<'_>) -> Option<Endpoint> {
    let example = "https://my-pool.auth.eu-west-1.amazoncognito.com/oauth2/token";
    if let Some(url) = variables.optional("COGNITO_TOKEN_ENDPOINT") {
        return variables.endpoint("COGNITO_TOKEN_ENDPOINT", &url, example);
    }
    let region = variables.optional("AWS_REGION");
    let domain = variables.required("COGNITO_DOMAIN", "my-pool` or `auth.example.com");
    let is_prefix = domain.as_ref().is_none_or(|domain| !domain.contains('.'));
    if is_prefix && region.is_none() {
        variables.missing("AWS_REGION", "for example `eu-west-1`; a custom host in COGNITO_DOMAIN needs none");
    }
    let domain = domain?;
    let is_host = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    if !is_host(&domain) {
        let problem = "a domain prefix or a host name is expected, without https:// and path";
        variables.fault("COGNITO_DOMAIN", format_args!("{problem}, for example `my-pool` or `auth.example.com`"));
        return None;
    }
    let host = if is_prefix {
        let region = region?;
        if !is_host(&region) {
            variables.fault("AWS_REGION", "not a region, for example `eu-west-1`");
            return None;
        }
        format!("{domain}.auth.{region}.amazoncognito.com")
    } else {
        domain
    };
    variables.endpoint("COGNITO_DOMAIN", &format!("https://{host}/oauth2/token"), example)
}

/// A short name gets its resource server: `write` of `https://api.example` is `https://api.example/write`.
fn scopes(variables: &Variables<'_>) -> Vec<String> {
    let resource_server = variables.optional("COGNITO_RESOURCE_SERVER");
    let full = |scope: &str| match &resource_server {
        Some(server) if !scope.contains('/') => format!("{server}/{scope}"),
        _ => scope.to_owned(),
    };
    variables.optional("COGNITO_SCOPES").unwrap_or_default().split_whitespace().map(full).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_env(pairs: &[(&str, &str)]) -> Result<Cognito, String> {
        let all = [("COGNITO_CLIENT_ID", "abc"), ("COGNITO_CLIENT_SECRET", "hunter2")];
        let lookup =
            |name: &str| pairs.iter().chain(&all).find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let mut variables = Variables::new(&lookup);
        let cognito = Cognito::from_env(&mut variables);
        variables.finish(cognito).map_err(|error| error.to_string())
    }

    fn endpoint(pairs: &[(&str, &str)]) -> String {
        from_env(pairs).map_or_else(|error| error, |cognito| cognito.token_endpoint.as_str().to_owned())
    }

    #[test]
    fn prefix_custom_host_or_whole_url() {
        let region = ("AWS_REGION", "eu-west-1");
        assert_eq!(
            endpoint(&[("COGNITO_DOMAIN", "my-pool"), region]),
            "https://my-pool.auth.eu-west-1.amazoncognito.com/oauth2/token"
        );
        assert_eq!(endpoint(&[("COGNITO_DOMAIN", "auth.example.com")]), "https://auth.example.com/oauth2/token");
        assert_eq!(
            endpoint(&[("COGNITO_TOKEN_ENDPOINT", "http://127.0.0.1:9/t"), ("COGNITO_DOMAIN", "ignored")]),
            "http://127.0.0.1:9/t"
        );
        assert_eq!(
            endpoint(&[("COGNITO_DOMAIN", "my-pool")]),
            "missing environment variables: AWS_REGION (for example `eu-west-1`; a custom host in COGNITO_DOMAIN needs \
             none)"
        );
        assert!(endpoint(&[("COGNITO_DOMAIN", "https://my-pool"), region]).contains("without https://"));
        assert!(endpoint(&[("COGNITO_DOMAIN", "evil.example/?"), region]).contains("without https://"));
        assert!(endpoint(&[("COGNITO_DOMAIN", "a"), ("AWS_REGION", "x/y")]).starts_with("AWS_REGION: "));
    }

    #[test]
    fn short_scopes_get_their_resource_server() {
        let domain = ("COGNITO_DOMAIN", "auth.example.com");
        let scopes = |pairs: &[(&str, &str)]| from_env(pairs).map(|cognito| cognito.scopes).unwrap_or_default();
        let server = ("COGNITO_RESOURCE_SERVER", "https://api.example");
        assert!(scopes(&[domain, server]).is_empty());
        assert_eq!(
            scopes(&[domain, server, ("COGNITO_SCOPES", "write  b/read")]),
            ["https://api.example/write", "b/read"]
        );
        assert_eq!(scopes(&[domain, ("COGNITO_SCOPES", "write")]), ["write"]);
    }
}
