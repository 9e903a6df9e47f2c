//! How requests leave this machine: TLS with the system's authorities, through the proxy or past it.

use std::error::Error as StdError;

use aws_sdk_s3::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use environment::{Endpoint, LOOPBACK, Proxy, ProxyUrl};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use roots::{Roots, RootsError};

use crate::causes::causes;
use crate::config::Config;
use crate::kind::Kind;

/// Why no connection can be made at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NetworkError {
    #[error(transparent)]
    Roots(#[from] RootsError),
    #[error(
        "this system has no certificate authorities: install its package ca-certificates, or name a PEM file in \
         SSL_CERT_FILE"
    )]
    NoRoots,
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    #[error("the proxy {0} cannot be used: {1}")]
    Proxy(String, String),
}

/// What the proxy did to a request.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ProxyFailure {
    /// RFC 9110 §15.5.8. Another try with the same password could lock the account.
    #[error("the proxy {0} refused its user name and password (407): correct them in HTTPS_PROXY")]
    Authentication(String),
    #[error("the proxy {proxy} cannot be used: {cause}")]
    Unusable { proxy: String, cause: String },
}

impl ProxyFailure {
    pub(crate) fn find(error: &(dyn StdError + 'static)) -> Option<Self> {
        causes(error).find_map(|cause| cause.downcast_ref::<Self>()).cloned()
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Authentication(_) => Kind::Refused,
            Self::Unusable { .. } => Kind::Unavailable,
        }
    }
}

/// For requests over TLS.
pub(crate) fn https_client(config: &Config) -> Result<SharedHttpClient, NetworkError> {
    let pem = roots::pem(Roots::System, &config.extra_ca)?;
    if pem.is_empty() {
        return Err(NetworkError::NoRoots);
    }
    let tls = tls_context(TrustStore::empty().with_pem_certificate(pem))?;
    let direct = client(tls.clone(), ProxyConfig::disabled());
    let Some(url) = &config.proxy.https else { return Ok(direct) };
    let proxied = client(tls, proxy_config(url)?);
    Ok(SharedHttpClient::new(ByRoute { direct, proxied, proxy: config.proxy.clone() }))
}

/// For loopback: nothing is encrypted, no proxy is asked, and a name such as `localhost` is not looked up, since a
/// resolver may give it any address.
pub(crate) fn plain_client() -> Result<SharedHttpClient, NetworkError> {
    let tls = tls_context(TrustStore::empty())?;
    Ok(Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(tls)
        .build_with_resolver(LoopbackNames))
}

fn tls_context(roots: TrustStore) -> Result<TlsContext, NetworkError> {
    TlsContext::builder().with_trust_store(roots).build().map_err(|error| NetworkError::Tls(error.to_string()))
}

fn client(tls: TlsContext, proxy: ProxyConfig) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        // Without settings it is only the SDK trying whether a connector can be built: not worth parsing certificates.
        let Some(settings) = settings else { return Connector::builder().build_http() };
        let mut connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(tls.clone())
            .proxy_config(proxy.clone());
        connector.set_connector_settings(Some(settings.clone()));
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.build()
    })
}

/// The library splits and decodes the URL once more, so user name and password are encoded for it.
fn proxy_config(url: &ProxyUrl) -> Result<ProxyConfig, NetworkError> {
    let config =
        ProxyConfig::https(url.url()).map_err(|error| NetworkError::Proxy(url.to_string(), error.to_string()))?;
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    Ok(match url.credentials() {
        Some((user, password)) => config.with_basic_auth(encoded(user), encoded(password)),
        None => config,
    })
}

#[derive(Debug, Clone, Copy)]
struct LoopbackNames;

impl ResolveDns for LoopbackNames {
    fn resolve_dns<'a>(&'a self, _: &'a str) -> DnsFuture<'a> {
        DnsFuture::ready(Ok(LOOPBACK.to_vec()))
    }
}

/// Decides for each request: the library reads the proxy's exceptions in its own way, and `credvend` in another.
struct ByRoute<Direct = SharedHttpClient> {
    direct: Direct,
    proxied: Direct,
    proxy: Proxy,
}

/// The proxy may hold a password.
impl<Direct> std::fmt::Debug for ByRoute<Direct> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ByRoute")
    }
}

impl HttpClient for ByRoute {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(ByRoute {
            direct: self.direct.http_connector(settings, components),
            proxied: self.proxied.http_connector(settings, components),
            proxy: self.proxy.clone(),
        })
    }
}

impl HttpConnector for ByRoute<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        // Anything but https is this machine's or its cloud's own service for credentials: no proxy has a part in that.
        let target = Endpoint::parse(request.uri()).ok().filter(|target| !target.is_plain_http());
        let proxy = target.as_ref().and_then(|target| {
            let (host, port) = target.host_and_port();
            self.proxy.for_host(host, port)
        });
        let Some(proxy) = proxy.map(ToString::to_string) else { return self.direct.call(request) };
        let response = self.proxied.call(request);
        HttpConnectorFuture::new(async move { response.await.map_err(|error| of_proxy(error, proxy)) })
    }
}

/// Says of an error whether it is the proxy's. Its type is private to the HTTP library; these are its words.
fn of_proxy(error: ConnectorError, proxy: String) -> ConnectorError {
    let words: Vec<_> = causes(&error).map(ToString::to_string).collect();
    if words.iter().any(|words| words.contains("proxy authorization required")) {
        // Neither of the network nor of time, so that nobody tries again.
        return ConnectorError::user(ProxyFailure::Authentication(proxy).into());
    }
    let is_of_proxy = words.iter().any(|words| words.contains("tunnel error"));
    if !is_of_proxy && !error.is_timeout() {
        return error;
    }
    let cause = words.last().cloned().unwrap_or_default();
    let failure = ProxyFailure::Unusable { proxy, cause }.into();
    if error.is_timeout() { ConnectorError::timeout(failure) } else { ConnectorError::io(failure) }
}
