//! The gateway's environment.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use authenticate::{AuthenticationSettings, check_pool, pool_issuer};
use environment::{ConfigError, LogLevel, Lookup, Variables};
use ipnet::IpNet;
use url::Url;

/// Everything that the environment says.
pub struct Config {
    /// Whose tokens are accepted, and how often a client may call.
    pub authentication: AuthenticationSettings,
    /// `UPSTREAM_URL`.
    pub upstream: Url,
    /// Scopes that every request needs.
    pub required_scopes: Vec<String>,
    /// Where clients connect to.
    pub listen_address: SocketAddr,
    /// Where `/metrics`, `/livez` and `/readyz` are served.
    pub metrics_address: SocketAddr,
    /// Where forward-auth is served, if it is.
    pub auth_listen_address: Option<SocketAddr>,
    /// The file of routes.
    pub routes_file: Option<PathBuf>,
    /// The largest body of a request.
    pub max_body_bytes: u64,
    /// How long the upstream may take to the first byte of its response.
    pub upstream_timeout: Duration,
    /// Connections a listener.
    pub max_connections: usize,
    /// Whether the upstream gets the token.
    pub forward_authorization: bool,
    /// Peers that are believed about where a request came from.
    pub trusted_proxies: Vec<IpNet>,
    /// How long the door stays open after SIGTERM.
    pub drain_delay: Duration,
    /// Least severity of diagnostic lines. Audit lines are always written.
    pub log_level: LogLevel,
}

/// **kept**: deployments of today name the pool and its region.
const POOL_REGION: [&str; 1] = ["COGNITO_REGION"];
const UPSTREAM_EXAMPLE: &str = "http://api.internal:8080";
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const DEFAULT_MAX_BODY_BYTES: u64 = 10 * 1024 * 1024;
const MAX_BODY_BYTES: u64 = 1 << 40;

impl Config {
    /// Reads all variables through `lookup`. An empty value counts as absent.
    ///
    /// # Errors
    /// All faults at once, each with the variable's name and what is wrong.
    pub fn from_env(lookup: Lookup<'_>) -> Result<Self, ConfigError> {
        let with_pool = |name: &str| {
            lookup(name).or_else(|| (name == "COGNITO_ISSUER").then(|| pool_issuer(lookup, &POOL_REGION))?)
        };
        let variables = Variables::new(&with_pool);
        let config = Self::read(&variables);
        variables.finish(config)
    }

    fn read(variables: &Variables<'_>) -> Option<Self> {
        check_pool(variables, &POOL_REGION);
        let authentication = AuthenticationSettings::from_env(variables);
        let upstream = upstream(variables);
        let seconds = |name, default, most| Duration::from_secs(variables.number(name, 0, most).unwrap_or(default));
        let address = |name: &str, port: u16| {
            let default = SocketAddr::new(LOOPBACK, port);
            variables.socket_address(name, &default.to_string()).unwrap_or(default)
        };
        let timeout = variables.number("UPSTREAM_TIMEOUT_SECONDS", 1, 3600).unwrap_or(30);
        let connections = variables.number("MAX_CONNECTIONS", 1, 1_000_000).unwrap_or(10_000);
        Some(Self {
            required_scopes: variables.words("REQUIRED_SCOPES"),
            listen_address: address("LISTEN_ADDRESS", 8000),
            metrics_address: address("METRICS_ADDRESS", 9464),
            auth_listen_address: variables.socket_address("AUTH_LISTEN_ADDRESS", "127.0.0.1:8001"),
            routes_file: variables.optional("GATEWAY_CONFIG").map(PathBuf::from),
            max_body_bytes: variables.number("MAX_BODY_BYTES", 0, MAX_BODY_BYTES).unwrap_or(DEFAULT_MAX_BODY_BYTES),
            upstream_timeout: Duration::from_secs(timeout),
            max_connections: usize::try_from(connections).unwrap_or(10_000),
            forward_authorization: variables.flag("FORWARD_AUTHORIZATION").unwrap_or(false),
            trusted_proxies: variables.networks("TRUSTED_PROXY_CIDRS"),
            drain_delay: seconds("DRAIN_DELAY_SECONDS", 0, 3600),
            log_level: variables.choice("LOG_LEVEL", &LogLevel::WORDS).unwrap_or(LogLevel::Info),
            authentication,
            upstream: upstream?,
        })
    }
}

fn upstream(variables: &Variables<'_>) -> Option<Url> {
    let name = "UPSTREAM_URL";
    let text = variables.required(name, UPSTREAM_EXAMPLE)?;
    let problem = match Url::parse(&text) {
        Err(error) => format!("`{text}` is not a URL ({error})"),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => format!("`{text}` is neither http nor https"),
        // The password of a URL is a secret: not shown.
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            "holds a user name or a password, which are not sent".to_owned()
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => format!("`{text}` has a query or a fragment"),
        Ok(url) => return Some(url),
    };
    variables.fault(name, format_args!("{problem}; for example `{UPSTREAM_EXAMPLE}`"));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let lookup = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Config::from_env(&lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn the_names_of_old_are_enough() {
        let config = read(&[
            ("COGNITO_REGION", "eu-west-1"),
            ("COGNITO_USER_POOL_ID", "eu-west-1_AbC"),
            ("UPSTREAM_URL", "http://api:8080/v1/"),
        ])
        .unwrap();
        let issuer = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC";
        assert_eq!(config.authentication.cognito_issuer.as_deref(), Some(issuer));
        assert_eq!(config.listen_address.to_string(), "127.0.0.1:8000");
        assert_eq!(config.metrics_address.to_string(), "127.0.0.1:9464");
        assert_eq!(config.upstream.path(), "/v1/");
        assert!(config.auth_listen_address.is_none() && !config.forward_authorization);
    }

    #[test]
    fn a_pool_of_any_partition() {
        for (region, host) in [
            ("us-gov-west-1", "cognito-idp.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "cognito-idp.cn-north-1.amazonaws.com.cn"),
            ("eusc-de-east-1", "cognito-idp.eusc-de-east-1.amazonaws.eu"),
        ] {
            let pool = format!("{region}_AbC");
            let config =
                read(&[("COGNITO_REGION", region), ("COGNITO_USER_POOL_ID", &pool), ("UPSTREAM_URL", "http://api")]);
            let issuer = config.unwrap().authentication.cognito_issuer;
            assert_eq!(issuer, Some(format!("https://{host}/{pool}")));
        }
    }

    #[test]
    fn an_issuer_of_its_own_wins() {
        let config = read(&[
            ("COGNITO_ISSUER", "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other"),
            ("COGNITO_REGION", "eu-west-1"),
            ("COGNITO_USER_POOL_ID", "eu-west-1_AbC"),
            ("UPSTREAM_URL", "https://api"),
        ])
        .unwrap();
        assert!(config.authentication.cognito_issuer.unwrap().ends_with("_Other"));
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let message = read(&[
            ("COGNITO_USER_POOL_ID", "eu-west-1_AbC"),
            ("UPSTREAM_URL", "ftp://x"),
            ("MAX_CONNECTIONS", "0"),
            ("FORWARD_AUTHORIZATION", "maybe"),
            ("METRICS_ADDRESS", "9464"),
            ("TRUSTED_PROXY_CIDRS", "10.0.0.0/8,everybody"),
        ])
        .err()
        .unwrap();
        for part in [
            "COGNITO_REGION",
            "COGNITO_ISSUER",
            "neither http nor https",
            "MAX_CONNECTIONS",
            "maybe",
            "METRICS_ADDRESS",
            "everybody",
        ] {
            assert!(message.contains(part), "{part} is not in {message}");
        }
        for url in ["api:8080", "http://", "http://user:pa55@api/", "http://api/?q", "http://api/#f"] {
            let message = read(&[("UPSTREAM_URL", url)]).err().unwrap();
            assert!(message.contains("UPSTREAM_URL") && !message.contains("pa55"), "{url}: {message}");
        }
        let message = read(&[
            ("COGNITO_REGION", "eu-west-1"),
            ("COGNITO_USER_POOL_ID", "us-east-1_x"),
            ("UPSTREAM_URL", "http://x"),
        ]);
        assert!(message.err().unwrap().contains("is not a pool of eu-west-1"));
    }

    /// Names are told as they are read, so the docs name what is read and nothing else.
    #[test]
    fn the_docs_name_every_variable_and_no_other() {
        let read = std::cell::RefCell::new(std::collections::BTreeSet::new());
        let lookup = |name: &str| {
            read.borrow_mut().insert(name.to_uppercase());
            let value = match name {
                "COGNITO_ISSUER" => "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC",
                "UPSTREAM_URL" => "http://api",
                _ => return None,
            };
            Some(value.to_owned())
        };
        assert!(Config::from_env(&lookup).is_ok());
        let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/gateway.md")).unwrap();
        let (_, table) = docs.split_once("\n## Variables\n").unwrap();
        let rows = table.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
        let first = rows.filter_map(|row| row.split('|').nth(1));
        let named = first.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect();
        assert_eq!(read.into_inner(), named);
    }
}
