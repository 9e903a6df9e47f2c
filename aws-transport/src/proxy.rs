//! Through the proxy or past it, and whose fault it is when that fails.

use std::error::Error;
use std::fmt;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use environment::{Endpoint, Proxy};

use crate::causes::causes;

/// What the proxy did to a request.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProxyFailure {
    /// RFC 9110 §15.5.8. Another try with the same password could lock the account.
    #[error("the proxy {0} refused its user name and password (407): correct them in HTTPS_PROXY")]
    Authentication(String),
    /// It is down, or it opens no connection to the target.
    #[error("the proxy {proxy} cannot be used: {cause}")]
    Unusable {
        /// Its URL without user name and password.
        proxy: String,
        /// In the words of the HTTP library.
        cause: String,
    },
}

impl ProxyFailure {
    /// The proxy's failure behind an error of the SDK, if it is one.
    pub fn find(error: &(dyn Error + 'static)) -> Option<Self> {
        causes(error).find_map(|cause| cause.downcast_ref::<Self>()).cloned()
    }
}

/// Decides for each request: the library reads the proxy's exceptions in its own way, and our other programs in another.
pub(crate) struct ByRoute<Direct = SharedHttpClient> {
    pub(crate) direct: Direct,
    pub(crate) proxied: Direct,
    pub(crate) proxy: Proxy,
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
        // An error of the network or of time would be retried.
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
