//! The environment, read once at start: everything behind it is typed.

use std::time::Duration;

use authenticate::AuthenticationSettings;
use aws_calls::{AwsSettings, Caller};
use entrance::Entrance;
use environment::{ConfigError, Lookup, Variables};

use grant::role_mapping::Purpose;
use grant::session::SessionIdentity;
use grant::table::table_name;
use grant::terms::Terms;

/// How the service runs.
pub struct Config {
    /// Whose tokens are accepted.
    pub authentication: AuthenticationSettings,
    /// What every client must meet.
    pub terms: Terms,
    /// Tokens of one source that are refused a minute before it is told to wait.
    pub failure_limit_per_minute: u32,
    /// DynamoDB table of client mappings.
    pub table: String,
    /// Bucket echoed to clients and named in generated session policies.
    pub bucket: String,
    /// How long equal requests get the same credentials; `None` for never.
    pub vends_kept_for: Option<Duration>,
    /// Where the AWS APIs are and whose credentials call them.
    pub aws: AwsSettings,
    /// Where requests come from, and where what is said about them goes.
    pub entrance: Entrance,
}

/// A broken client retries a few times a minute, and a few of them may share an address.
const FAILURE_LIMIT_PER_MINUTE: u32 = 60;
/// The shortest session lasts 900 s, and clients wait for fresher credentials in the last 600 s.
const MAX_KEPT_SECONDS: u64 = 300;

const CALLER: Caller =
    Caller { program: "vending-lambda", region_variable: "AWS_REGION", services: &grant::aws_clients::SERVICES };

impl Config {
    /// Reads all variables through `lookup`. An empty value counts as absent.
    ///
    /// # Errors
    /// All faults at once, each with the variable's name and what is wrong.
    pub fn from_env(lookup: Lookup<'_>) -> Result<Self, ConfigError> {
        let variables = Variables::new(lookup);
        let config = Self::read(&variables);
        variables.finish(config)
    }

    /// Everything is read before the first value that is missing ends it.
    fn read(variables: &Variables<'_>) -> Option<Self> {
        let authentication = AuthenticationSettings::from_env(variables);
        let terms = Terms::from_env(variables, authentication.cognito_issuer.clone(), SessionIdentity::Tags);
        let table = table_name(variables, Purpose::Credentials);
        let aws = AwsSettings::from_env(variables, &CALLER);
        let entrance = Entrance::from_env(variables);
        let failure_limit = variables.number("FAILURE_LIMIT_PER_MINUTE", 1, 1_000_000);
        let vends_kept_for = variables.number("VEND_CACHE_SECONDS", 1, MAX_KEPT_SECONDS);
        Some(Self {
            bucket: variables.optional("S3_BUCKET").unwrap_or_default(),
            authentication,
            terms,
            failure_limit_per_minute: failure_limit
                .and_then(|limit| u32::try_from(limit).ok())
                .unwrap_or(FAILURE_LIMIT_PER_MINUTE),
            vends_kept_for: vends_kept_for.map(Duration::from_secs),
            table: table?,
            aws: aws?,
            entrance,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let lookup = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Config::from_env(&lookup).map_err(|error| error.to_string())
    }

    const MINIMAL: [(&str, &str); 5] = [
        ("COGNITO_ISSUER", "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x"),
        ("DYNAMODB_TABLE", "clients"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];

    #[test]
    fn the_minimal_environment_is_enough() {
        let config = read(&MINIMAL).unwrap();
        assert_eq!(config.authentication.issuers.len(), 1);
        assert_eq!(config.terms.session_duration, Duration::from_secs(3600));
        assert_eq!(config.terms.session_identity, SessionIdentity::Tags);
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let message = read(&[
            ("AWS_REGION", " "),
            ("SESSION_DURATION_SECONDS", "43200"),
            ("LOG_LEVEL", "loud"),
            ("TRUSTED_ISSUERS", r#"[{"issuer":"https://x","kind":"oidc","algorithms":["HS256"]}]"#),
            ("TRUSTED_PROXY_CIDRS", "10.0.0.0/40"),
        ])
        .err()
        .unwrap();
        for part in [
            "DYNAMODB_TABLE (for example `credvend-clients`)",
            "AWS_REGION (for example",
            "role chaining",
            "`loud` is none of error, warn, info, debug",
            "no `audiences`",
            "\"HS256\" is none of",
            "10.0.0.0/40",
        ] {
            assert!(message.contains(part), "{part} is not in {message}");
        }
    }
}
