//! STS: `AssumeRoleWithWebIdentity`, which the token alone authorizes. The call is not signed, so no AWS credentials are
//! looked for, neither here nor by a library: with `AWS_PROFILE` set to a profile that runs this program, looking for
//! some would call it again without end.

use http_client::{Endpoint, Request};

use super::error::ExchangeError;
use super::sts_response::StsResponse;
use crate::access_token::AccessToken;
use crate::credentials::Credentials;
use crate::freshness::call::Call;
use crate::timestamp;
use environment::RoleArn;
use environment::Variables;

/// A role to assume.
pub(crate) struct WebIdentity {
    pub(crate) endpoint: Endpoint,
    pub(crate) role_arn: RoleArn,
    pub(crate) session_name: String,
    /// `None`: STS's own hour.
    duration_seconds: Option<u32>,
}

/// Credentials, and whose they are.
pub(crate) struct Assumed {
    pub(crate) credentials: Credentials,
    /// ARN of the session.
    pub(crate) arn: Option<String>,
}

/// What the deployments that exist call their sessions.
const DEFAULT_SESSION_NAME: &str = "oidc-credential-provider";

impl WebIdentity {
    /// Reads the variables beside `AWS_ROLE_ARN`; `None` when a fault was noted.
    pub(crate) fn from_env(variables: &Variables<'_>, role_arn: &str, client_id: Option<&str>) -> Option<Self> {
        let parsed = RoleArn::parse(role_arn);
        if parsed.is_none() {
            let example = "arn:aws:iam::123456789012:role/web-01";
            variables.fault("AWS_ROLE_ARN", format_args!("not the ARN of a role, for example `{example}`"));
        }
        let session_name = session_name(variables, client_id);
        let duration_seconds = duration(variables);
        let endpoint = endpoint(variables, parsed.as_ref());
        Some(Self { endpoint: endpoint?, role_arn: parsed?, session_name: session_name?, duration_seconds })
    }

    pub(crate) async fn assume_role(&self, token: &AccessToken, call: &mut Call<'_>) -> Result<Assumed, ExchangeError> {
        let duration = self.duration_seconds.map(|seconds| seconds.to_string());
        let mut fields = vec![
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", self.role_arn.as_str()),
            ("RoleSessionName", &self.session_name),
            ("WebIdentityToken", token.value.expose()),
        ];
        fields.extend(duration.as_deref().map(|seconds| ("DurationSeconds", seconds)));
        let response = call.send(Request::post_form(&self.endpoint, &fields)).await?;
        let now = timestamp::now();
        let parsed = StsResponse::parse(&response.body);
        if response.status != 200 {
            return Err(ExchangeError::AnsweredBySts {
                endpoint: self.endpoint.clone(),
                role_arn: self.role_arn.to_string(),
                status: response.status,
                problem: Box::new(parsed.map(|parsed| parsed.problem(token.value.expose())).unwrap_or_default()),
                retry_after: response.retry_after(now),
            });
        }
        let unusable = |problem| ExchangeError::Unusable { endpoint: self.endpoint.clone(), problem };
        let parsed = parsed.ok_or_else(|| unusable("not with XML or JSON"))?;
        let given = parsed.credentials().ok_or_else(|| unusable("without credentials"))?;
        let credentials = Credentials::check(given, response.date(), now).map_err(unusable)?;
        // The session belongs to the role's account.
        let credentials = credentials.of_account(Some(self.role_arn.account_id()));
        Ok(Assumed { credentials, arn: parsed.text("Arn").map(str::to_owned) })
    }

    /// All that tells these credentials from others of the same token.
    pub(crate) fn identity(&self) -> Vec<String> {
        let duration = self.duration_seconds.unwrap_or_default().to_string();
        vec![self.endpoint.as_str().to_owned(), self.role_arn.to_string(), self.session_name.clone(), duration]
    }
}

fn endpoint(variables: &Variables<'_>, role_arn: Option<&RoleArn>) -> Option<Endpoint> {
    const EXAMPLE: &str = "https://sts.eu-west-1.amazonaws.com";
    for name in ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"] {
        if let Some(url) = variables.optional(name) {
            return variables.endpoint(name, &url, EXAMPLE);
        }
    }
    let region = variables.host("AWS_REGION", "eu-west-1")?;
    match role_arn?.sts(&region) {
        Ok(url) => variables.endpoint("AWS_REGION", &url, EXAMPLE),
        Err(partition) => {
            let problem = format_args!(
                "`{region}` is a region of the partition `{partition}`, and AWS_ROLE_ARN names another one"
            );
            variables.fault("AWS_REGION", problem);
            None
        }
    }
}

/// The server's name, else the client's id, else the name of old.
fn session_name(variables: &Variables<'_>, client_id: Option<&str>) -> Option<String> {
    const NAME: &str = "AWS_ROLE_SESSION_NAME";
    if let Some(name) = variables.optional(NAME) {
        if !is_session_name(&name) {
            variables.fault(NAME, "2 to 64 letters, digits and _+=,.@- are expected, for example `web-01`");
            return None;
        }
        return Some(name);
    }
    let plain = |c: char| if is_plain(c) { c } else { '-' };
    let from_client: String = client_id.unwrap_or_default().chars().map(plain).take(64).collect();
    Some(if is_session_name(&from_client) { from_client } else { DEFAULT_SESSION_NAME.to_owned() })
}

/// AWS STS API Reference, `RoleSessionName`.
fn is_session_name(name: &str) -> bool {
    (2..=64).contains(&name.len()) && name.chars().all(is_plain)
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

/// AWS STS API Reference, `DurationSeconds`: 15 minutes to 12 hours. Only STS knows the role's own maximum.
fn duration(variables: &Variables<'_>) -> Option<u32> {
    const NAME: &str = "AWS_ROLE_DURATION_SECONDS";
    let given = variables.optional(NAME)?;
    let seconds = given.parse().ok().filter(|seconds| (900..=43200).contains(seconds));
    if seconds.is_none() {
        variables.fault(NAME, format_args!("`{given}`: 900 to 43200 is expected, for example `3600`"));
    }
    seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/web-01";

    fn read(pairs: &[(&str, &str)], client_id: Option<&str>) -> Result<WebIdentity, String> {
        let lookup = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let variables = Variables::new(&lookup);
        let sts = WebIdentity::from_env(&variables, ROLE, client_id);
        variables.finish(sts).map_err(|error| error.to_string())
    }

    #[test]
    fn which_sts() {
        let region = ("AWS_REGION", "eu-west-1");
        let all = [region, ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:2")];
        let endpoint = |pairs: &[(&str, &str)]| read(pairs, None).map(|sts| sts.endpoint.as_str().to_owned());
        assert_eq!(endpoint(&all[..1]).unwrap(), "https://sts.eu-west-1.amazonaws.com/");
        assert_eq!(endpoint(&all[..2]).unwrap(), "http://127.0.0.1:1/");
        assert_eq!(endpoint(&all).unwrap(), "http://127.0.0.1:2/");
        assert!(endpoint(&[("AWS_REGION", "cn-north-1")]).unwrap_err().contains("partition `aws-cn`"));
        assert!(endpoint(&[]).unwrap_err().starts_with("missing environment variables: AWS_REGION"));
        assert!(endpoint(&[("AWS_ENDPOINT_URL", "http://10.0.0.1/")]).unwrap_err().contains("loopback"));
    }

    #[test]
    fn what_the_session_is_called() {
        let name = |given: &str, client_id| {
            let pairs = [("AWS_REGION", "eu-west-1"), ("AWS_ROLE_SESSION_NAME", given)];
            read(&pairs, client_id).map(|sts| sts.session_name)
        };
        assert_eq!(name("web-01", Some("abc")).unwrap(), "web-01");
        assert_eq!(name("", Some("client/1 ä")).unwrap(), "client-1--");
        let long = "x".repeat(70);
        assert_eq!(name("", Some(&long)).unwrap(), long[..64]);
        assert_eq!(name("", None).unwrap(), DEFAULT_SESSION_NAME);
        assert!(name("web 01", None).is_err() && name("x", None).is_err());
    }

    #[test]
    fn how_long() {
        let duration = |given: &str| {
            let pairs = [("AWS_REGION", "eu-west-1"), ("AWS_ROLE_DURATION_SECONDS", given)];
            read(&pairs, None).map(|sts| sts.duration_seconds)
        };
        assert_eq!(duration(""), Ok(None));
        assert_eq!(duration("43200"), Ok(Some(43200)));
        for bad in ["899", "43201", "1h", "-1"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
