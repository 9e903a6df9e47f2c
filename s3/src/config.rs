//! The configuration: what the environment says, checked and typed.

use std::fmt;
use std::path::PathBuf;

use url::{Host, Url};

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
    /// `None` where no variable says where a cache could be.
    pub(crate) cache_dir: Option<PathBuf>,
    pub(crate) use_fips: bool,
    pub(crate) use_dual_stack: bool,
}

/// S3, where it is not the region's own.
pub(crate) struct Endpoint {
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

/// Everything that is wrong with the configuration.
#[derive(Debug)]
pub(crate) struct ConfigError(Vec<String>);

type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Config {
    /// Reads the environment. Empty means missing.
    ///
    /// # Errors
    /// All missing names and all faults, in one.
    pub(crate) fn from_env(environment: Lookup<'_>) -> Result<Self, ConfigError> {
        let lookup = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
        let mut faults = Vec::new();
        let missing: Vec<_> = [("AWS_REGION", "eu-west-1"), ("S3_BUCKET", "example-logs")]
            .into_iter()
            .filter(|(name, _)| lookup(name).is_none())
            .map(|(name, example)| format!("{name} (for example `{example}`)"))
            .collect();
        if !missing.is_empty() {
            faults.push(format!("missing environment variables: {}", missing.join(", ")));
        }
        let endpoint = endpoint(&lookup).unwrap_or_else(|fault| {
            faults.push(fault);
            None
        });
        let path_prefix = PathPrefix::parse(lookup("S3_PATH_PREFIX").as_deref()).unwrap_or_else(|error| {
            faults.push(format!("S3_PATH_PREFIX: {error}"));
            PathPrefix::default()
        });
        if !faults.is_empty() {
            return Err(ConfigError(faults));
        }
        let trimmed = |name| lookup(name).unwrap_or_default().trim().to_owned();
        let is_true = |name| lookup(name).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
        Ok(Self {
            region: trimmed("AWS_REGION"),
            bucket: trimmed("S3_BUCKET"),
            path_prefix,
            endpoint,
            static_credentials: static_credentials(&lookup),
            extra_ca: ["SSL_CERT_FILE", "AWS_CA_BUNDLE"].into_iter().filter_map(lookup).map(PathBuf::from).collect(),
            cache_dir: cache_dir(&lookup),
            use_fips: is_true("AWS_USE_FIPS_ENDPOINT"),
            use_dual_stack: is_true("AWS_USE_DUALSTACK_ENDPOINT"),
        })
    }
}

fn endpoint(lookup: Lookup<'_>) -> Result<Option<Endpoint>, String> {
    let names = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];
    let Some((name, text)) = names.into_iter().find_map(|name| Some((name, lookup(name)?))) else { return Ok(None) };
    let fault = |problem: &str| format!("{name}: {problem}, for example `https://s3.example.com`");
    // The value is not repeated: it may hold a password.
    let url = Url::parse(text.trim()).map_err(|error| fault(&format!("not an absolute URL ({error})")))?;
    let is_loopback = match url.host() {
        // RFC 6761 §6.3: `localhost` always resolves to a loopback address.
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(fault("a user name or password in the URL is not accepted"));
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback => {}
        "http" => return Err(fault("plain http is accepted for loopback addresses only")),
        _ => return Err(fault("only https is spoken")),
    }
    Ok(Some(Endpoint { is_plain_http: url.scheme() == "http", url: url.as_str().trim_end_matches('/').to_owned() }))
}

fn static_credentials(lookup: Lookup<'_>) -> Option<StaticCredentials> {
    Some(StaticCredentials {
        access_key_id: lookup("AWS_ACCESS_KEY_ID")?.trim().to_owned(),
        secret_access_key: lookup("AWS_SECRET_ACCESS_KEY")?.trim().to_owned(),
        session_token: lookup("AWS_SESSION_TOKEN").map(|token| token.trim().to_owned()),
    })
}

/// The same as the credential helper's.
fn cache_dir(lookup: Lookup<'_>) -> Option<PathBuf> {
    if let Some(own) = lookup("CREDVEND_CACHE_DIR") {
        return Some(own.into());
    }
    // systemd.exec(5), CacheDirectory=: several are separated by colons.
    if let Some(systemd) = lookup("CACHE_DIRECTORY") {
        return systemd.split(':').next().map(PathBuf::from);
    }
    // XDG Base Directory Specification: a relative path is invalid and to be ignored.
    let xdg = lookup("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || lookup("HOME").map(|home| PathBuf::from(home).join(".cache"));
    Some(xdg.or_else(home)?.join("credvend"))
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_env(&|name| {
            variables.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
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
             `example-logs`); AWS_ENDPOINT_URL: plain http is accepted for loopback addresses only, for example \
             `https://s3.example.com`"
        );
        assert!(with(&[("S3_PATH_PREFIX", "/logs/")]).err().unwrap().to_string().contains("begins with a slash"));
        assert!(with(&[("S3_PATH_PREFIX", "logs/../x/")]).err().unwrap().to_string().starts_with("S3_PATH_PREFIX: "));
    }

    #[test]
    fn the_endpoint_of_s3_wins_and_keeps_no_trailing_slash() {
        assert!(with(&[]).unwrap().endpoint.is_none());
        let endpoint = with(&[("AWS_ENDPOINT_URL", "https://a"), ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1/")]);
        let endpoint = endpoint.unwrap().endpoint.unwrap();
        assert_eq!((endpoint.url.as_str(), endpoint.is_plain_http), ("http://127.0.0.1:1", true));
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
