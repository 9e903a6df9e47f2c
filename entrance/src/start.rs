//! The start of an API: under Lambda where there is a runtime API, as a server of plain HTTP everywhere else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use authenticate::AuthenticationSettings;
use environment::{ConfigError, Log, LogLevel, Variables};
use grant::terms::Terms;
use http_server::{Listener, LocalAddress};
use ipnet::IpNet;
use runtime_api::RuntimeApiConfig;

use crate::service::Service;
use crate::{audit_line, events, server};

const LISTEN_ADDRESS_EXAMPLE: &str = "127.0.0.1:8080";

/// Where requests come from, and where what is said about them goes.
pub struct Entrance {
    /// `AWS_LAMBDA_RUNTIME_API` is set: Lambda has started the process.
    pub runtime_api: Option<RuntimeApiConfig>,
    /// Where plain HTTP is served otherwise.
    pub listen_address: SocketAddr,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Least severity of diagnostic lines. Audit lines are always written.
    pub log_level: LogLevel,
    /// CloudWatch namespace of the metrics.
    pub metrics_namespace: String,
}

impl Entrance {
    /// Reads everything; faults are noted in `variables`.
    #[must_use]
    pub fn from_env(variables: &Variables<'_>) -> Self {
        let default_address = SocketAddr::from(([127, 0, 0, 1], 8080));
        Self {
            runtime_api: RuntimeApiConfig::from_env(variables),
            listen_address: variables
                .socket_address("LISTEN_ADDRESS", LISTEN_ADDRESS_EXAMPLE)
                .unwrap_or(default_address),
            trusted_proxies: variables.networks("TRUSTED_PROXY_CIDRS"),
            log_level: variables.choice("LOG_LEVEL", &LogLevel::WORDS).unwrap_or(LogLevel::Info),
            metrics_namespace: metrics_namespace(variables),
        }
    }

    /// Serves until the process is to end.
    ///
    /// # Errors
    /// When the address is taken, or Lambda gives no more invocations.
    pub async fn run<S: Service>(self, service: Arc<S>) -> anyhow::Result<()> {
        // Keys are fetched while INIT has its burst of CPU. If they cannot be had, the first request tries again.
        let ((), prepared) = tokio::join!(first_fetch(&*service), service.prepare());
        prepared?;
        let log = service.log();
        if let Some(runtime_api) = self.runtime_api {
            let handler = move |invocation| {
                let service = Arc::clone(&service);
                async move { Ok(events::respond(&*service, invocation).await) }
            };
            return Ok(runtime_api::run(runtime_api, log, handler).await?);
        }
        let address = self.listen_address;
        let listener = Listener::bind_tcp(address)
            .map_err(|error| anyhow::anyhow!("LISTEN_ADDRESS: cannot listen on {address}: {error}"))?;
        if let LocalAddress::Tcp(address) = listener.address() {
            log.info(format_args!("listening on http://{address}"));
        }
        server::serve(service, listener, self.trusted_proxies.into()).await?;
        Ok(())
    }
}

/// The whole process of an API: what its configuration says is built and served until the end.
///
/// # Errors
/// What is wrong with the configuration, or why nothing more can be served.
pub fn run<C, S: Service>(
    program: &'static str,
    config: Result<C, ConfigError>,
    log_level: impl FnOnce(&C) -> LogLevel,
    build: impl FnOnce(C, Log) -> anyhow::Result<(S, Entrance)>,
) -> anyhow::Result<()> {
    let config = config?;
    let log = Log::of_service(program, log_level(&config));
    log.report_panics();
    // One thread: a Lambda has a share of one core, and every step either waits for the network or takes little time.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let served = async {
            let (service, entrance) = build(config, log)?;
            entrance.run(Arc::new(service)).await
        };
        let result: anyhow::Result<()> = served.await;
        // What a reader that stands still has not taken by then is lost.
        let _ = audit_line::flush().await;
        result
    })
}

#[allow(clippy::disallowed_methods)] // The process's own start.
async fn first_fetch<S: Service>(service: &S) {
    service.issuers().refresh(SystemTime::now()).await;
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

/// Warns of what is allowed, and should be known to be.
pub fn warn_of(authentication: &AuthenticationSettings, terms: &Terms, log: Log) {
    if !terms.observed.is_empty() {
        log.warn(format_args!("OBSERVE_RULES: rules of {} items are observed, and not enforced", terms.observed.len()));
    }
    if authentication.issuers.len() > 1 {
        log.warn(match &authentication.cognito_issuer {
            Some(cognito) => {
                format!(
                    "several issuers are trusted: a mapping item without `issuer` serves clients of {cognito} alone"
                )
            }
            None => "several issuers are trusted: a mapping item without `issuer` serves no client".to_owned(),
        });
    }
    for issuer in authentication.issuers.iter().filter(|issuer| issuer.rules.accept_user_tokens) {
        log.warn(format_args!(
            "`accept_user_tokens` of {}: every user who can log in there gets what the mapping table has for the token's `{}` \
             and scopes",
            issuer.rules.url,
            issuer.rules.client_claim.as_deref().unwrap_or("client_id")
        ));
    }
}
