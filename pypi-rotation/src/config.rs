//! The environment, read once at start: everything behind it is typed.

use std::path::PathBuf;

use aws_calls::{AwsSettings, Caller};
use environment::{ConfigError, LogLevel, Lookup, Proxy, Variables};
use http_client::EXTRA_FILE_VARIABLES;
use runtime_api::RuntimeApiConfig;

use crate::index::IndexSettings;

/// As `AWS_ENDPOINT_URL_…` spells it.
pub const SECRETS_MANAGER: &str = "SECRETS_MANAGER";
const CALLER: Caller = Caller { program: "pypi-rotation", region_variable: "AWS_REGION", services: &[SECRETS_MANAGER] };
/// The user of PyPI's tokens.
const TOKEN_USER: &str = "__token__";

/// How the function runs.
pub struct Config {
    /// Where invocations come from.
    pub runtime_api: RuntimeApiConfig,
    /// Where Secrets Manager is and whose credentials call it.
    pub aws: AwsSettings,
    /// Where tokens are tried.
    pub index: IndexSettings,
    /// `TOKEN_PREFIX`.
    pub token_prefix: Option<String>,
    /// Least severity of diagnostic lines.
    pub log_level: LogLevel,
}

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
        let runtime_api = RuntimeApiConfig::from_env(variables);
        if !variables.is_set("AWS_LAMBDA_RUNTIME_API") {
            variables.missing("AWS_LAMBDA_RUNTIME_API", "Lambda sets it: this program runs as a Lambda function alone");
        }
        let aws = AwsSettings::from_env(variables, &CALLER);
        let index = index(variables);
        let token_prefix = variables.optional("TOKEN_PREFIX");
        if token_prefix.as_deref().is_some_and(|prefix| !prefix.bytes().all(|byte| byte.is_ascii_graphic())) {
            variables.fault("TOKEN_PREFIX", "holds what no token holds, for example `pypi-`");
        }
        let log_level = variables.choice("LOG_LEVEL", &LogLevel::WORDS).unwrap_or(LogLevel::Info);
        Some(Self { runtime_api: runtime_api?, aws: aws?, index, token_prefix, log_level })
    }
}

fn index(variables: &Variables<'_>) -> IndexSettings {
    const URL: &str = "INDEX_UPLOAD_URL";
    let upload_url =
        variables.optional(URL).and_then(|value| variables.endpoint(URL, &value, "https://upload.pypi.org/legacy/"));
    let username = variables.optional("INDEX_USERNAME").unwrap_or_else(|| TOKEN_USER.to_owned());
    // RFC 7617 §2
    if username.contains(':') {
        variables.fault("INDEX_USERNAME", "holds a colon, which ends a user name in HTTP Basic authentication");
    }
    let extra_ca_files = EXTRA_FILE_VARIABLES.iter().filter_map(|name| variables.optional(name)).map(PathBuf::from);
    IndexSettings { upload_url, username, extra_ca_files: extra_ca_files.collect(), proxy: Proxy::from_env(variables) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: [(&str, &str); 4] = [
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "ASIA"),
        ("AWS_SECRET_ACCESS_KEY", "CANARY"),
    ];

    fn config(changes: &[(&str, &str)]) -> Result<Config, String> {
        Config::from_env(&|name| {
            changes.iter().chain(&COMPLETE).find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
        .map_err(|error| error.to_string())
    }

    #[test]
    fn what_lambda_sets_is_enough() {
        let config = config(&[]).unwrap_or_else(|error| panic!("{error}"));
        assert!(config.index.upload_url.is_none() && config.token_prefix.is_none());
        assert_eq!(config.index.username, "__token__");
    }

    #[test]
    fn all_faults_at_once() {
        let error = config(&[
            ("AWS_LAMBDA_RUNTIME_API", ""),
            ("AWS_REGION", ""),
            ("INDEX_UPLOAD_URL", "http://pypi.example/"),
            ("INDEX_USERNAME", "a:b"),
            ("TOKEN_PREFIX", "py pi"),
            ("LOG_LEVEL", "loud"),
        ])
        .err()
        .unwrap();
        for name in [
            "AWS_LAMBDA_RUNTIME_API (",
            "AWS_REGION (",
            "INDEX_UPLOAD_URL: ",
            "INDEX_USERNAME: ",
            "TOKEN_PREFIX: ",
            "LOG_LEVEL: ",
        ] {
            assert!(error.contains(name), "{name} is not in {error}");
        }
        assert!(!error.contains("CANARY"), "{error}");
    }
}
