//! How requests to AWS leave this machine: TLS with Amazon's authorities, through the proxy or past it.

use std::fmt;
use std::path::PathBuf;

use aws_sdk_sts::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use environment::{Endpoint, LOOPBACK, Proxy, ProxyUrl, is_loopback_name};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use roots::Roots;
use tokio::net::lookup_host;

/// The client of all calls to AWS; opens no connection.
pub(crate) fn http_client(extra_ca_files: &[PathBuf], proxy: &Proxy) -> Result<SharedHttpClient, String> {
    let pem = roots::pem(Roots::Amazon, extra_ca_files).map_err(|error| error.to_string())?;
    let roots = TrustStore::empty().with_pem_certificate(pem);
    let tls = TlsContext::builder().with_trust_store(roots).build().map_err(|error| error.to_string())?;
    let direct = client(tls.clone(), ProxyConfig::disabled());
    let Some(url) = &proxy.https else { return Ok(direct) };
    let proxied = client(tls, proxy_config(url)?);
    Ok(SharedHttpClient::new(ByRoute { direct, proxied, proxy: proxy.clone() }))
}

fn client(tls: TlsContext, proxy: ProxyConfig) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(tls.clone())
            .proxy_config(proxy.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.build_with_resolver(LoopbackFirst)
    })
}

/// The library splits and decodes the URL once more, so user name and password are encoded for it.
fn proxy_config(url: &ProxyUrl) -> Result<ProxyConfig, String> {
    let config = ProxyConfig::https(url.url()).map_err(|error| format!("the proxy {url} cannot be used: {error}"))?;
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    Ok(match url.credentials() {
        Some((user, password)) => config.with_basic_auth(encoded(user), encoded(password)),
        None => config,
    })
}

/// A loopback name is not looked up: a resolver may give it any address, and plain http is accepted for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoopbackFirst;

impl ResolveDns for LoopbackFirst {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        if is_loopback_name(&name.to_ascii_lowercase()) {
            return DnsFuture::ready(Ok(LOOPBACK.to_vec()));
        }
        DnsFuture::new(async move {
            let addresses = lookup_host((name, 0)).await.map_err(ResolveDnsError::new)?;
            Ok(addresses.map(|address| address.ip()).collect())
        })
    }
}

/// Decides for each request: the library reads the proxy's exceptions in a way of its own.
struct ByRoute<Direct = SharedHttpClient> {
    direct: Direct,
    proxied: Direct,
    proxy: Proxy,
}

/// The proxy may hold a password.
impl<Direct> fmt::Debug for ByRoute<Direct> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
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
        // Plain http goes to this machine, or to its cloud's own service for credentials: a proxy has no part in that.
        let target = Endpoint::parse(request.uri()).ok().filter(|target| !target.is_plain_http());
        let is_proxied = target.is_some_and(|target| {
            let (host, port) = target.host_and_port();
            self.proxy.for_host(host, port).is_some()
        });
        if is_proxied { self.proxied.call(request) } else { self.direct.call(request) }
    }
}
