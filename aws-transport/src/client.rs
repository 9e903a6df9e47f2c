//! The HTTP client that all SDK clients of a program share.

use std::path::PathBuf;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use environment::{Proxy, ProxyUrl};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use roots::{Roots, RootsError};

use crate::loopback::LoopbackFirst;
use crate::proxy::ByRoute;

/// Why no connection can be made at all.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// A file of certificate authorities cannot be used.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// There is nothing that a server's certificate could be checked against.
    #[error(
        "this system has no certificate authorities: install its package ca-certificates, or name a PEM file in \
         SSL_CERT_FILE"
    )]
    NoRoots,
    /// The TLS library refuses the authorities.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The SDK refuses the proxy's URL.
    #[error("the proxy {0} cannot be used: {1}")]
    Proxy(String, String),
}

/// For requests over TLS, and for those to loopback besides; opens no connection.
///
/// # Errors
/// When a file of certificate authorities or the proxy cannot be used.
pub fn https_client(roots: Roots, extra_ca: &[PathBuf], proxy: &Proxy) -> Result<SharedHttpClient, TransportError> {
    let pem = roots::pem(roots, extra_ca)?;
    if pem.is_empty() {
        return Err(TransportError::NoRoots);
    }
    let tls = tls_context(TrustStore::empty().with_pem_certificate(pem))?;
    let direct = client(tls.clone(), ProxyConfig::disabled());
    let Some(url) = &proxy.https else { return Ok(direct) };
    let proxied = client(tls, proxy_config(url)?);
    Ok(SharedHttpClient::new(ByRoute { direct, proxied, proxy: proxy.clone() }))
}

/// For loopback alone: nothing is encrypted, no proxy is used, and no certificate authority is read.
///
/// # Errors
/// When the TLS library refuses an empty store.
pub fn plain_client() -> Result<SharedHttpClient, TransportError> {
    Ok(client(tls_context(TrustStore::empty())?, ProxyConfig::disabled()))
}

fn tls_context(roots: TrustStore) -> Result<TlsContext, TransportError> {
    TlsContext::builder().with_trust_store(roots).build().map_err(|error| TransportError::Tls(error.to_string()))
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
        connector.build_with_resolver(LoopbackFirst)
    })
}

/// The library splits and decodes the URL once more, so user name and password are encoded for it.
fn proxy_config(url: &ProxyUrl) -> Result<ProxyConfig, TransportError> {
    let config =
        ProxyConfig::https(url.url()).map_err(|error| TransportError::Proxy(url.to_string(), error.to_string()))?;
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    Ok(match url.credentials() {
        Some((user, password)) => config.with_basic_auth(encoded(user), encoded(password)),
        None => config,
    })
}
