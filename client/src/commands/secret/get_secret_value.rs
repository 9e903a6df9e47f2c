//! The call of Secrets Manager: one signed request, and what its response holds.

use std::time::{Duration, Instant};

use environment::{Endpoint, Partition};
use http_client::{HttpClient, Limits, Proxy, Request, Response, Roots};
use serde::Deserialize;
use serde_json::json;

use super::error::{Cause, SecretReadError};
use crate::freshness::call::Call;
use crate::secret::Secret;
use crate::signature_v4::{Service, SigningKeys, sign};
use crate::timestamp;
use environment::Log;

/// All requests together.
const DEADLINE: Duration = Duration::from_secs(30);
/// A secret's value has 64 KiB at most, which JSON may write six times as long.
const LIMITS: Limits = Limits { connect: Duration::from_secs(5), total: Duration::from_secs(10), max_body: 512 * 1024 };

/// Which secret, and where it is.
pub(super) struct Target<'a> {
    /// Its name, or its ARN.
    pub(super) secret: &'a str,
    pub(super) region: String,
    pub(super) endpoint: Endpoint,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Value {
    secret_string: Option<Secret>,
    secret_binary: Option<serde::de::IgnoredAny>,
}

/// AWS JSON 1.1 protocol, "Operation error serialization".
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(rename = "__type", default)]
    kind: Option<String>,
    #[serde(alias = "Message", default)]
    message: Option<String>,
}

impl<'a> Target<'a> {
    /// In the region of the secret's ARN, where it has one, and at `endpoint`, where that is not the region's own.
    pub(super) fn new(
        secret: &'a str,
        region: Option<&str>,
        endpoint: Option<Endpoint>,
        use_fips: bool,
    ) -> Result<Self, SecretReadError> {
        // arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME-RANDOM
        let of_arn =
            secret.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2)).filter(|text| !text.is_empty());
        let region = of_arn.or(region).ok_or_else(|| SecretReadError::NoRegion(secret.to_owned()))?.to_owned();
        let service = if use_fips { "secretsmanager-fips" } else { "secretsmanager" };
        let own = || Endpoint::parse(&format!("https://{}/", Partition::service_host(service, &region))).ok();
        let endpoint = endpoint.or_else(|| environment::is_host(&region).then(own).flatten());
        let endpoint = endpoint.ok_or_else(|| SecretReadError::Region(region.clone()))?;
        Ok(Self { secret, region, endpoint })
    }
}

/// Reads the current value, and tries again what may pass.
pub(super) async fn get_secret_value(
    target: &Target<'_>,
    keys: SigningKeys<'_>,
    extra_ca: &[std::path::PathBuf],
    proxy: &Proxy,
    log: Log,
) -> Result<Secret, SecretReadError> {
    let http = HttpClient::new(Roots::System, extra_ca, proxy, LIMITS)?;
    let mut call = Call::new(http, None, log, Instant::now() + DEADLINE);
    let mut last_failure = None;
    loop {
        let failure = match attempt(target, keys, &mut call).await {
            Ok(secret) => return Ok(secret),
            // What failed before says more than that there is no time left.
            Err(failure) if failure.is_spent() => return Err(last_failure.unwrap_or(failure)),
            Err(failure) => failure,
        };
        let consequence = failure.consequence();
        if consequence.is_final {
            return Err(failure);
        }
        let Ok(delay) = call.delay(consequence.retry_after) else { return Err(failure) };
        log.info(format_args!("{failure}; next try in {} ms", delay.as_millis()));
        last_failure = Some(failure);
        tokio::time::sleep(delay).await;
    }
}

async fn attempt(target: &Target<'_>, keys: SigningKeys<'_>, call: &mut Call<'_>) -> Result<Secret, SecretReadError> {
    let body = json!({"SecretId": target.secret, "VersionStage": "AWSCURRENT"}).to_string().into_bytes();
    let request = Request::post(&target.endpoint, "application/x-amz-json-1.1", body)
        .header("x-amz-target", "secretsmanager.GetSecretValue");
    let request = sign(request, Service::SecretsManager, &target.region, keys, timestamp::now())?;
    let response = call.send(request).await?;
    if response.status != 200 {
        return Err(refusal(target, &response));
    }
    let value: Option<Value> = serde_json::from_slice(&response.body).ok();
    match value.map(|value| (value.secret_string, value.secret_binary)) {
        Some((Some(text), _)) => Ok(text),
        Some((None, Some(_))) => Err(SecretReadError::Binary(target.secret.to_owned())),
        _ => Err(SecretReadError::NoValue { endpoint: target.endpoint.clone() }),
    }
}

fn refusal(target: &Target<'_>, response: &Response) -> SecretReadError {
    let refusal: Refusal = serde_json::from_slice(&response.body).unwrap_or_default();
    // `namespace#Code`, and in the header `Code:URL`.
    let code = refusal.kind.as_deref().or_else(|| response.header("x-amzn-errortype"));
    let code = code.map(|code| code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default());
    let is_code =
        |code: &&str| !code.is_empty() && code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let code = code.filter(is_code).map(str::to_owned);
    SecretReadError::Answered {
        endpoint: target.endpoint.clone(),
        secret: target.secret.to_owned(),
        status: response.status,
        cause: Cause::of(response.status, code.as_deref(), refusal.message.as_deref().unwrap_or_default()),
        code,
        retry_after: response.retry_after(timestamp::now()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_secret_is() {
        let arn = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:demo/pypi-token-a1b2c3";
        let place = |secret, region, use_fips| {
            let target = Target::new(secret, region, None, use_fips).map_err(|error| error.to_string())?;
            Ok::<_, String>((target.region, target.endpoint.as_str().to_owned()))
        };
        let found = |region: &str, url: &str| Ok((region.to_owned(), url.to_owned()));
        let here = found("eu-west-1", "https://secretsmanager.eu-west-1.amazonaws.com/");
        assert_eq!(place("demo/pypi-token", Some("eu-west-1"), false), here);
        let there = found("cn-north-1", "https://secretsmanager.cn-north-1.amazonaws.com.cn/");
        assert_eq!(place(arn, Some("eu-west-1"), false), there);
        assert_eq!(place(arn, None, false), there);
        let fips = found("us-east-1", "https://secretsmanager-fips.us-east-1.amazonaws.com/");
        assert_eq!(place("a", Some("us-east-1"), true), fips);
        assert!(place("a", None, false).unwrap_err().contains("AWS_REGION"));
        assert!(place("a", Some("evil.example/"), false).unwrap_err().contains("AWS_REGION"));
        assert!(place("arn:aws:secretsmanager:evil.example/#:1:secret:a", None, false).is_err());
    }
}
