//! The environment, read once at start: everything behind it is typed.

use std::net::SocketAddr;
use std::time::Duration;

use authenticate::AuthenticationSettings;
use aws_calls::{AwsSettings, Caller};
use environment::{ConfigError, LogLevel, Lookup, Variables};
use ipnet::IpNet;

use grant::authorize::Terms;
use grant::session::SessionIdentity;
use runtime_api::RuntimeApiConfig;

/// How the service runs.
pub struct Config {
    /// Whose tokens are accepted.
    pub authentication: AuthenticationSettings,
    /// What every client must meet.
    pub terms: Terms,
    /// DynamoDB table of client mappings.
    pub table: String,
    /// CloudWatch namespace of the metrics.
    pub metrics_namespace: String,
    /// Bucket echoed to clients and named in generated session policies.
    pub bucket: String,
    /// Where the AWS APIs are and whose credentials call them.
    pub aws: AwsSettings,
    /// Least severity of diagnostic lines. Audit lines are always written.
    pub log_level: LogLevel,
    /// `AWS_LAMBDA_RUNTIME_API` is set: Lambda has started the process.
    pub runtime_api: Option<RuntimeApiConfig>,
    /// Where plain HTTP is served otherwise.
    pub listen_address: SocketAddr,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

const CALLER: Caller =
    Caller { program: "vending-lambda", region_variable: "AWS_REGION", services: &grant::aws_clients::SERVICES };

const LISTEN_ADDRESS_EXAMPLE: &str = "127.0.0.1:8080";

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
        let terms = terms(variables, authentication.cognito_issuer.clone());
        let table = table(variables);
        let metrics_namespace = metrics_namespace(variables);
        let aws = AwsSettings::from_env(variables, &CALLER);
        let runtime_api = RuntimeApiConfig::from_env(variables);
        let default_address = SocketAddr::from(([127, 0, 0, 1], 8080));
        Some(Self {
            bucket: variables.optional("S3_BUCKET").unwrap_or_default(),
            log_level: variables.choice("LOG_LEVEL", &LogLevel::WORDS).unwrap_or(LogLevel::Info),
            runtime_api,
            listen_address: variables
                .socket_address("LISTEN_ADDRESS", LISTEN_ADDRESS_EXAMPLE)
                .unwrap_or(default_address),
            trusted_proxies: variables.networks("TRUSTED_PROXY_CIDRS"),
            authentication,
            terms,
            table: table?,
            metrics_namespace,
            aws: aws?,
        })
    }
}

/// A name (Amazon DynamoDB, "Naming rules") or an ARN.
fn table(variables: &Variables<'_>) -> Option<String> {
    let name = "DYNAMODB_TABLE";
    let table = variables.required(name, "credvend-clients")?;
    let is_table = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-:/".contains(&byte);
    if !(3..=1024).contains(&table.len()) || !table.bytes().all(is_table) {
        variables.fault(name, format_args!("`{table}` is not the name of a table, for example `credvend-clients`"));
    }
    Some(table)
}

/// One an installation, so that two in one account keep their alarms apart. `AWS/` is AWS's own.
fn metrics_namespace(variables: &Variables<'_>) -> String {
    let name = "METRICS_NAMESPACE";
    let namespace = variables.optional(name).unwrap_or_else(|| "credvend".to_owned());
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/#: ".contains(&byte);
    if namespace.len() > 255 || namespace.starts_with("AWS/") || !namespace.bytes().all(is_allowed) {
        variables.fault(name, format_args!("`{namespace}` is not a CloudWatch namespace, for example `credvend-two`"));
    }
    namespace
}

fn terms(variables: &Variables<'_>, plainly_named_issuer: Option<String>) -> Terms {
    let identities = [("tags", SessionIdentity::Tags), ("name", SessionIdentity::Name)];
    Terms {
        required_scopes: variables.words("REQUIRED_SCOPES"),
        session_duration: session_duration(variables),
        session_identity: variables.choice("SESSION_IDENTITY", &identities).unwrap_or(SessionIdentity::Tags),
        plainly_named_issuer,
    }
}

fn session_duration(variables: &Variables<'_>) -> Duration {
    let name = "SESSION_DURATION_SECONDS";
    let default = Duration::from_secs(3600);
    let Some(text) = variables.optional(name) else { return default };
    match text.parse() {
        Ok(seconds) if (900..=3600).contains(&seconds) => Duration::from_secs(seconds),
        _ => {
            variables.fault(
                name,
                format_args!(
                    "{text:?} is not a number of seconds from 900 to 3600: a Lambda's AssumeRole is role chaining, \
                     which STS ends after one hour whatever the role's own maximum"
                ),
            );
            default
        }
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
