//! The configuration: what the environment says, checked and typed.

use std::path::PathBuf;

use environment::{ConfigError, Lookup, Proxy, Target, Variables, cache_dir};

use crate::key::PathPrefix;

/// What a run works with.
pub(crate) struct Config {
    pub(crate) region: String,
    pub(crate) bucket: String,
    pub(crate) path_prefix: PathPrefix,
    /// `None`: the region's own.
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) static_credentials: Option<StaticCredentials>,
    /// Files of certificate authorities on top of the system's.
    pub(crate) extra_ca: Vec<PathBuf>,
    pub(crate) proxy: Proxy,
    /// `None` where no variable says where a cache could be.
    pub(crate) cache_dir: Option<PathBuf>,
    pub(crate) use_fips: bool,
    pub(crate) use_dual_stack: bool,
}

/// S3, where it is not the region's own.
pub(crate) struct Endpoint {
    /// Without a slash at its end.
    pub(crate) url: String,
    /// Only ever on loopback.
    pub(crate) is_plain_http: bool,
}

/// The first link of the standard chain of credentials. Read here since it is by far the most frequent one, and the
/// rest of the chain takes milliseconds to set up.
pub(crate) struct StaticCredentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: Option<String>,
}

/// Named by variables and read by the SDK.
const FILES_OF_THE_CHAIN: [&str; 4] = [
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

impl Config {
    /// Reads the environment. Empty means missing. With a helper, the standard chain of credentials is not used.
    ///
    /// # Errors
    /// All missing names and all faults, in one.
    pub(crate) fn from_env(environment: Lookup<'_>, has_helper: bool) -> Result<Self, ConfigError> {
        let variables = Variables::new(environment);
        let (region, bucket) = (variables.region("AWS_REGION"), variables.required("S3_BUCKET", "example-logs"));
        let Target { prefix, endpoint, use_fips, use_dual_stack, .. } = Target::from_env(&variables);
        let endpoint = endpoint.map(|endpoint| Endpoint {
            url: endpoint.as_str().trim_end_matches('/').to_owned(),
            is_plain_http: endpoint.is_plain_http(),
        });
        let files = roots::EXTRA_FILE_VARIABLES.into_iter().filter_map(|name| variables.optional(name));
        let extra_ca = files.map(PathBuf::from).collect();
        let (static_credentials, cache_dir) = (static_credentials(&variables), cache_dir(&variables));
        let proxy = Proxy::from_env(&variables);
        if !has_helper && static_credentials.is_none() {
            for name in FILES_OF_THE_CHAIN {
                variables.regular_file(name);
            }
        }
        let config = region.zip(bucket).map(|(region, bucket)| Self {
            region,
            bucket,
            path_prefix: PathPrefix::new(prefix),
            endpoint,
            static_credentials,
            extra_ca,
            proxy,
            cache_dir,
            use_fips,
            use_dual_stack,
        });
        variables.finish(config)
    }
}

fn static_credentials(variables: &Variables<'_>) -> Option<StaticCredentials> {
    Some(StaticCredentials {
        access_key_id: variables.optional("AWS_ACCESS_KEY_ID")?,
        secret_access_key: variables.optional("AWS_SECRET_ACCESS_KEY")?,
        session_token: variables.optional("AWS_SESSION_TOKEN"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let lookup =
            |name: &str| variables.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Config::from_env(&lookup, false)
    }

    const COMPLETE: [(&str, &str); 2] = [("AWS_REGION", "eu-west-1"), ("S3_BUCKET", "example-logs")];

    fn with(more: &[(&'static str, &'static str)]) -> Result<Config, ConfigError> {
        config(&[&COMPLETE[..], more].concat())
    }

    #[test]
    fn all_faults_are_told_in_one_message() {
        let error = config(&[("S3_BUCKET", " "), ("AWS_ENDPOINT_URL", "http://s3.example.com")]).err().unwrap();
        assert_eq!(
            error.to_string(),
            "missing environment variables: AWS_REGION (for example `eu-west-1`), S3_BUCKET (for example \
             `example-logs`); AWS_ENDPOINT_URL: plain http is accepted for loopback addresses only, and \
             `s3.example.com` is none: use https, for example `https://s3.example.com`"
        );
        assert!(with(&[("S3_PATH_PREFIX", "/logs/")]).err().unwrap().to_string().contains("begins with a slash"));
        assert!(with(&[("S3_PATH_PREFIX", "logs/../x/")]).err().unwrap().to_string().starts_with("S3_PATH_PREFIX: "));
    }

    #[test]
    fn a_password_in_a_url_is_not_repeated() {
        let error = with(&[("AWS_ENDPOINT_URL", "https://user:hunter2@a")]).err().unwrap().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn credentials_of_the_environment_are_both_or_none() {
        assert!(with(&[("AWS_ACCESS_KEY_ID", "AKIA")]).unwrap().static_credentials.is_none());
        let both = with(&[("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "k"), ("AWS_SESSION_TOKEN", "")]);
        assert!(both.unwrap().static_credentials.unwrap().session_token.is_none());
    }
}
