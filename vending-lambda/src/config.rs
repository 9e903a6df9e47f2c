//! The environment, read once at start: everything behind it is typed.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use environment::{Endpoint, LogLevel, Proxy, Variables};
use ipnet::IpNet;
use jwt::{Algorithm, Issuer, IssuerKind};
use serde::Deserialize;

use crate::session::SessionIdentity;
use crate::trusted_issuers::IssuerSettings;

/// How the service runs.
pub struct Config {
    /// Whose tokens are accepted, and where their keys are.
    pub issuers: Vec<IssuerSettings>,
    /// Scopes of which a token must hold every one.
    pub required_scopes: Vec<String>,
    /// DynamoDB table of client mappings.
    pub table: String,
    /// Bucket echoed to clients and named in generated session policies.
    pub bucket: String,
    /// Region of table, STS and bucket.
    pub region: String,
    /// Lifetime of credentials for clients whose mapping does not set one.
    pub session_duration: Duration,
    /// What a session carries besides its name.
    pub session_identity: SessionIdentity,
    /// How long keys serve when their issuer cannot be reached.
    pub jwks_max_stale: Duration,
    /// Vends a minute and client, where limited.
    pub rate_limit_per_minute: Option<u32>,
    /// Least severity of diagnostic lines. Audit lines are always written.
    pub log_level: LogLevel,
    /// `AWS_LAMBDA_RUNTIME_API` is set: Lambda has started the process.
    pub runs_in_lambda: bool,
    /// Where plain HTTP is served otherwise.
    pub listen_address: SocketAddr,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// More root certificates, on top of the embedded ones.
    pub extra_ca_files: Vec<PathBuf>,
    /// The proxy for `https`.
    pub proxy: Proxy,
    /// Where the AWS APIs are and whose credentials call them.
    pub aws: AwsConfig,
}

/// The SDK's own variables, as far as they are honoured.
#[derive(Default)]
pub struct AwsConfig {
    /// `AWS_ENDPOINT_URL_DYNAMODB`, else `AWS_ENDPOINT_URL`.
    pub dynamodb_endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_STS`, else `AWS_ENDPOINT_URL`.
    pub sts_endpoint: Option<String>,
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: Option<String>,
}

/// Everything that is wrong with the environment, found in one go.
#[derive(Debug)]
pub struct ConfigError {
    faults: Vec<Fault>,
}

#[derive(Debug)]
struct Fault {
    name: &'static str,
    problem: String,
    example: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the environment does not describe a working service:")?;
        for Fault { name, problem, example } in &self.faults {
            write!(formatter, "\n  {name}: {problem}; for example {name}={example}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads all variables through `env`. An empty value counts as absent.
    ///
    /// # Errors
    /// All faults at once, each with the variable's name, what is wrong, and an example.
    pub fn from_env(env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader { env, faults: Vec::new() };
        let config = Self {
            issuers: reader.issuers(),
            required_scopes: reader.words("REQUIRED_SCOPES"),
            table: reader.required("DYNAMODB_TABLE", "credvend-clients"),
            bucket: reader.optional("S3_BUCKET").unwrap_or_default(),
            region: reader.required("AWS_REGION", "eu-west-1"),
            session_duration: reader.session_duration(),
            session_identity: reader.choice(
                "SESSION_IDENTITY",
                SessionIdentity::Tags,
                &[("tags", SessionIdentity::Tags), ("name", SessionIdentity::Name)],
            ),
            jwks_max_stale: Duration::from_secs(reader.number("JWKS_MAX_STALE_SECONDS", 21_600, 600, 21_600)),
            rate_limit_per_minute: reader.rate_limit(),
            log_level: reader.choice("LOG_LEVEL", LogLevel::Info, &LogLevel::WORDS),
            runs_in_lambda: reader.optional("AWS_LAMBDA_RUNTIME_API").is_some(),
            listen_address: reader.listen_address(),
            trusted_proxies: reader.trusted_proxies(),
            extra_ca_files: ["SSL_CERT_FILE", "AWS_CA_BUNDLE"]
                .iter()
                .filter_map(|name| reader.optional(name))
                .map(PathBuf::from)
                .collect(),
            proxy: reader.proxy(),
            aws: reader.aws(),
        };
        if reader.faults.is_empty() { Ok(config) } else { Err(ConfigError { faults: reader.faults }) }
    }
}

const COGNITO_ISSUER_EXAMPLE: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI";
const TRUSTED_ISSUERS_EXAMPLE: &str =
    r#"[{"issuer":"https://idp.example.com","kind":"oidc","audiences":["credvend"]}]"#;

/// One entry of `TRUSTED_ISSUERS`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuerEntry {
    issuer: String,
    jwks_uri: Option<String>,
    kind: EntryKind,
    #[serde(default)]
    audiences: Vec<String>,
    client_claim: Option<String>,
    algorithms: Option<Vec<String>>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum EntryKind {
    Cognito,
    Oidc,
}

struct Reader<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn fault(&mut self, name: &'static str, problem: impl Into<String>, example: &'static str) {
        self.faults.push(Fault { name, problem: problem.into(), example });
    }

    fn optional(&self, name: &str) -> Option<String> {
        (self.env)(name).filter(|value| !value.trim().is_empty())
    }

    fn required(&mut self, name: &'static str, example: &'static str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.fault(name, "is missing", example);
            String::new()
        })
    }

    fn words(&self, name: &str) -> Vec<String> {
        self.optional(name).unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect()
    }

    fn number(&mut self, name: &'static str, default: u64, least: u64, most: u64) -> u64 {
        let Some(text) = self.optional(name) else { return default };
        match text.trim().parse() {
            Ok(number) if (least..=most).contains(&number) => number,
            _ => {
                self.fault(name, format!("{text:?} is not a whole number from {least} to {most}"), "3600");
                default
            }
        }
    }

    fn choice<T: Copy>(&mut self, name: &'static str, default: T, choices: &[(&'static str, T)]) -> T {
        let Some(text) = self.optional(name) else { return default };
        if let Some((_, value)) = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(text.trim())) {
            return *value;
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        self.fault(name, format!("{text:?} is none of {}", words.join(", ")), choices[0].0);
        default
    }

    fn session_duration(&mut self) -> Duration {
        let name = "SESSION_DURATION_SECONDS";
        let Some(text) = self.optional(name) else { return Duration::from_secs(3600) };
        match text.trim().parse() {
            Ok(seconds) if (900..=3600).contains(&seconds) => return Duration::from_secs(seconds),
            _ => self.fault(
                name,
                format!(
                    "{text:?} is not a number of seconds from 900 to 3600: a Lambda's AssumeRole is role chaining, \
                     which STS ends after one hour whatever the role's own maximum"
                ),
                "3600",
            ),
        }
        Duration::from_secs(3600)
    }

    fn rate_limit(&mut self) -> Option<u32> {
        self.optional("RATE_LIMIT_PER_MINUTE")?;
        u32::try_from(self.number("RATE_LIMIT_PER_MINUTE", 60, 1, 1_000_000)).ok()
    }

    fn listen_address(&mut self) -> SocketAddr {
        let default = SocketAddr::from(([127, 0, 0, 1], 8080));
        let Some(text) = self.optional("LISTEN_ADDRESS") else { return default };
        text.trim().parse().unwrap_or_else(|_| {
            self.fault("LISTEN_ADDRESS", format!("{text:?} is not an address and a port"), "127.0.0.1:8080");
            default
        })
    }

    fn trusted_proxies(&mut self) -> Vec<IpNet> {
        let text = self.optional("TRUSTED_PROXY_CIDRS").unwrap_or_default();
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        let mut networks = Vec::new();
        for word in words {
            match environment::parse_cidr(word) {
                Some(network) => networks.push(network),
                None => self.fault(
                    "TRUSTED_PROXY_CIDRS",
                    format!("{word:?} is not a network in CIDR notation"),
                    "10.0.0.0/8,fd00::/8",
                ),
            }
        }
        networks
    }

    fn proxy(&mut self) -> Proxy {
        let variables = Variables::new(self.env);
        let proxy = Proxy::from_env(&variables);
        variables.finish(Some(proxy)).unwrap_or_else(|error| {
            self.fault("HTTPS_PROXY", error.to_string(), "http://proxy.example.com:3128");
            Proxy::default()
        })
    }

    fn aws(&mut self) -> AwsConfig {
        let endpoint = self.optional("AWS_ENDPOINT_URL");
        AwsConfig {
            dynamodb_endpoint: self.optional("AWS_ENDPOINT_URL_DYNAMODB").or_else(|| endpoint.clone()),
            sts_endpoint: self.optional("AWS_ENDPOINT_URL_STS").or(endpoint),
            access_key_id: self.required("AWS_ACCESS_KEY_ID", "ASIA… (set by Lambda itself)"),
            secret_access_key: self.required("AWS_SECRET_ACCESS_KEY", "… (set by Lambda itself)"),
            session_token: self.optional("AWS_SESSION_TOKEN"),
        }
    }

    fn issuers(&mut self) -> Vec<IssuerSettings> {
        let audiences = self.words("ALLOWED_AUDIENCES");
        let mut issuers = Vec::new();
        if let Some(url) = self.optional("COGNITO_ISSUER") {
            let entry = IssuerEntry {
                issuer: url.trim_end_matches('/').to_owned(),
                jwks_uri: self.optional("JWKS_URI"),
                kind: EntryKind::Cognito,
                audiences: audiences.clone(),
                client_claim: None,
                algorithms: None,
            };
            issuers.extend(self.issuer("COGNITO_ISSUER", COGNITO_ISSUER_EXAMPLE, entry));
        }
        if let Some(text) = self.optional("TRUSTED_ISSUERS") {
            match serde_json::from_str::<Vec<IssuerEntry>>(&text) {
                Ok(entries) => {
                    for mut entry in entries {
                        if entry.audiences.is_empty() {
                            entry.audiences.clone_from(&audiences);
                        }
                        issuers.extend(self.issuer("TRUSTED_ISSUERS", TRUSTED_ISSUERS_EXAMPLE, entry));
                    }
                }
                Err(error) => self.fault(
                    "TRUSTED_ISSUERS",
                    format!("is not a JSON array of issuers: {error}"),
                    TRUSTED_ISSUERS_EXAMPLE,
                ),
            }
        }
        if self.optional("COGNITO_ISSUER").is_none() && self.optional("TRUSTED_ISSUERS").is_none() {
            self.fault("COGNITO_ISSUER", "is missing, and so is TRUSTED_ISSUERS", COGNITO_ISSUER_EXAMPLE);
        }
        for (index, one) in issuers.iter().enumerate() {
            let twice = issuers[..index].iter().any(|other: &IssuerSettings| other.rules.url == one.rules.url);
            if twice {
                let problem = format!("{} is listed twice", one.rules.url);
                self.fault("TRUSTED_ISSUERS", problem, TRUSTED_ISSUERS_EXAMPLE);
                break;
            }
        }
        issuers
    }

    fn issuer(&mut self, name: &'static str, example: &'static str, entry: IssuerEntry) -> Option<IssuerSettings> {
        let (jwks_name, jwks_uri) = match entry.jwks_uri {
            Some(uri) if name == "COGNITO_ISSUER" => ("JWKS_URI", uri),
            Some(uri) => (name, uri),
            None => (name, format!("{}/.well-known/jwks.json", entry.issuer.trim_end_matches('/'))),
        };
        let jwks_uri = match Endpoint::parse(&jwks_uri) {
            Ok(endpoint) => Some(endpoint),
            Err(error) => {
                // The value may hold a password, so it is not repeated.
                self.fault(jwks_name, format!("no usable address of keys: {error}"), example);
                None
            }
        };
        if entry.kind == EntryKind::Cognito && entry.client_claim.is_some() {
            self.fault(
                name,
                "`client_claim` is for oidc issuers: a Cognito token names its client in `client_id`",
                example,
            );
        }
        let kind = if entry.kind == EntryKind::Cognito { IssuerKind::Cognito } else { IssuerKind::Oidc };
        if kind == IssuerKind::Oidc && entry.audiences.is_empty() {
            self.fault(name, format!("{} has no `audiences`, and every oidc issuer needs one", entry.issuer), example);
        }
        let mut algorithms = Vec::new();
        for text in entry.algorithms.unwrap_or_else(|| vec!["RS256".to_owned()]) {
            match Algorithm::parse(&text) {
                Some(algorithm) => algorithms.push(algorithm),
                None => self.fault(
                    name,
                    format!("algorithm {text:?} is none of RS256, RS384, RS512, PS256, ES256"),
                    example,
                ),
            }
        }
        let rules = Issuer {
            url: entry.issuer,
            kind,
            audiences: entry.audiences,
            client_claim: entry.client_claim,
            algorithms,
        };
        Some(IssuerSettings { rules, jwks_uri: jwks_uri? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let env = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Config::from_env(&env).map_err(|error| error.to_string())
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
        assert_eq!(config.issuers.len(), 1);
        assert_eq!(config.issuers[0].rules.algorithms, [Algorithm::Rs256]);
        assert_eq!(config.session_duration, Duration::from_secs(3600));
        assert_eq!(config.session_identity, SessionIdentity::Tags);
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
            "DYNAMODB_TABLE: is missing; for example DYNAMODB_TABLE=credvend-clients",
            "AWS_REGION: is missing",
            "role chaining",
            "\"loud\" is none of error, warn, info, debug",
            "no `audiences`",
            "\"HS256\" is none of",
            "10.0.0.0/40",
        ] {
            assert!(message.contains(part), "{part} is not in {message}");
        }
    }

    #[test]
    fn plain_http_keys_are_for_loopback_only() {
        let mut pairs = MINIMAL.to_vec();
        pairs.push(("JWKS_URI", "http://keys.example.com/jwks.json"));
        assert!(read(&pairs).err().unwrap().contains("JWKS_URI"));
        pairs.pop();
        pairs.push(("JWKS_URI", "http://127.0.0.1:1234/jwks.json"));
        assert!(read(&pairs).is_ok());
    }
}
