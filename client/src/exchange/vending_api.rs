//! The vending API: `POST /credentials` with the access token.

use std::time::SystemTime;

use http_client::{Endpoint, Request, Response};
use serde::Deserialize;
use vending_api::{CredentialsRequest, CredentialsResponse};

use super::error::{ExchangeError, Problem};
use crate::access_token::AccessToken;
use crate::credentials::Credentials;
use crate::freshness::call::Call;
use crate::timestamp;
use environment::{RoleArn, Variables};

/// Where credentials are vended.
pub(crate) struct VendingApi {
    pub(crate) endpoint: Endpoint,
}

/// Credentials, and the session that they belong to.
pub(crate) struct Vended {
    pub(crate) credentials: Credentials,
    pub(crate) role_arn: String,
    pub(crate) session_name: String,
    /// Empty where the service was configured with none.
    pub(crate) s3_bucket: String,
    pub(crate) s3_path_prefix: String,
    pub(crate) aws_region: String,
}

/// Bodies of errors, ours and those of whatever stands before the service; everything may be missing.
#[derive(Deserialize)]
struct ErrorResponse {
    error: Option<String>,
    error_description: Option<String>,
    /// What API Gateway and others say instead.
    message: Option<String>,
    request_id: Option<String>,
    retryable: Option<bool>,
}

impl VendingApi {
    /// Reads the variable `name`: the URL of `/credentials` as the deployments of today hold it, or the API's.
    pub(crate) fn from_env(variables: &Variables<'_>, name: &str) -> Option<Self> {
        const EXAMPLE: &str = "https://api.example.com/credentials";
        let url = variables.required(name, EXAMPLE)?;
        let endpoint = variables.endpoint(name, &url, EXAMPLE)?;
        let path = endpoint.path().trim_end_matches('/');
        let base = path.strip_suffix("/credentials").unwrap_or(path);
        Some(Self { endpoint: endpoint.with_path(&format!("{base}/credentials")) })
    }

    /// Another route of the same API.
    pub(crate) fn route(&self, name: &str) -> Endpoint {
        let path = self.endpoint.path();
        let base = path.strip_suffix("credentials").unwrap_or(path);
        self.endpoint.with_path(&format!("{base}{name}"))
    }

    /// Exchanges the token for credentials.
    pub(crate) async fn vend(&self, token: &AccessToken, call: &mut Call<'_>) -> Result<Vended, ExchangeError> {
        let response = Self::post(&self.endpoint, token, call).await?;
        let now = timestamp::now();
        let unusable = |problem| ExchangeError::Unusable { endpoint: self.endpoint.clone(), problem };
        if response.status != 200 {
            return Err(failure(&self.endpoint, &response, token, now));
        }
        let vended: CredentialsResponse =
            serde_json::from_slice(&response.body).map_err(|_| unusable("not with credentials as JSON"))?;
        // Services of the old kind name no account, but the role tells it.
        let role_arn = RoleArn::parse(&vended.role_arn);
        let accounts = [Some(vended.account_id.as_str()), role_arn.as_ref().map(RoleArn::account_id)];
        let credentials = Credentials::check(vended.credentials, response.date(), now)
            .map_err(unusable)?
            .of_account(accounts.into_iter().flatten())
            .in_region(&vended.aws_region);
        let CredentialsResponse { role_arn, session_name, s3_bucket, s3_path_prefix, aws_region, .. } = vended;
        Ok(Vended { credentials, role_arn, session_name, s3_bucket, s3_path_prefix, aws_region })
    }

    /// Posts the token, in the header and, for services of the old kind, in the body.
    pub(crate) async fn post(
        endpoint: &Endpoint,
        token: &AccessToken,
        call: &mut Call<'_>,
    ) -> Result<Response, ExchangeError> {
        let body = CredentialsRequest { access_token: Some(token.value.expose().to_owned()), ..Default::default() };
        // Strings and nothing else: serializing them cannot fail.
        let body = serde_json::to_vec(&body).unwrap_or_default();
        Ok(call.send(Request::post_json(endpoint, body).bearer(token.value.expose())).await?)
    }
}

/// Reads a response that is not a success.
pub(crate) fn failure(endpoint: &Endpoint, response: &Response, token: &AccessToken, now: SystemTime) -> ExchangeError {
    ExchangeError::Answered {
        endpoint: endpoint.clone(),
        status: response.status,
        problem: problem(&response.body, token.value.expose()),
        retry_after: response.retry_after(now),
    }
}

/// Whether a text is a message and not a part of the token. An ARN may be long; no part of a JWT begins like one.
pub(crate) fn is_showable(text: &str, token: &str) -> bool {
    text.len() <= 300
        && !text.contains(token)
        && text.chars().all(|c| !c.is_control())
        && text.split_whitespace().all(|word| word.len() <= 100 || word.starts_with("arn:aws"))
}

/// Keeps what reads like an error's words; a body that repeats the token, whole or in part, loses that member.
fn problem(body: &[u8], token: &str) -> Problem {
    let Ok(body) = serde_json::from_slice::<ErrorResponse>(body) else { return Problem::default() };
    let showable = |text: &String| is_showable(text, token);
    Problem {
        code: body.error.filter(showable),
        description: body.error_description.or(body.message).filter(showable),
        request_id: body.request_id.filter(showable).filter(|id| !id.is_empty()),
        retryable: body.retryable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(url: &str) -> VendingApi {
        let lookup = |name: &str| (name == "COGNITO_CREDENTIAL_API_URL").then(|| url.to_owned());
        VendingApi::from_env(&Variables::new(&lookup), "COGNITO_CREDENTIAL_API_URL").unwrap()
    }

    #[test]
    fn the_route_is_appended_where_it_is_missing() {
        for (given, expected) in [
            ("https://a.example", "https://a.example/credentials"),
            ("https://a.example/", "https://a.example/credentials"),
            ("https://a.example/prod", "https://a.example/prod/credentials"),
            ("https://a.example/prod/credentials", "https://a.example/prod/credentials"),
            ("https://a.example/credentials/", "https://a.example/credentials"),
        ] {
            assert_eq!(api(given).endpoint.as_str(), expected);
        }
        assert_eq!(api("https://a.example/prod").route("health").as_str(), "https://a.example/prod/health");
    }

    #[test]
    fn the_words_of_an_error_are_kept_and_a_token_in_them_is_not() {
        let body = br#"{"error":"client_disabled","error_description":"no","request_id":"r1","retryable":false}"#;
        let shown = problem(body, "the-token");
        assert_eq!(shown.to_string(), " client_disabled (no) [request r1]");
        assert_eq!(shown.retryable, Some(false));
        assert_eq!(problem(br#"{"message":"Forbidden"}"#, "the-token").to_string(), " (Forbidden)");
        let echo = br#"{"error":"bad","error_description":"token the-token is bad"}"#;
        assert_eq!(problem(echo, "the-token").to_string(), " bad");
        let long = format!(r#"{{"error":"{}"}}"#, "x".repeat(101));
        assert_eq!(problem(long.as_bytes(), "the-token"), Problem::default());
        assert_eq!(problem(b"<html>", "the-token"), Problem::default());
    }
}
