//! What can go wrong between a request and a whole response.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use environment::{Endpoint, ProxyUrl};

/// A request that brought no whole response. Each variant names the URL, without its query.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The server was not reached.
    #[error("{endpoint}: cannot connect: {cause}")]
    Connect {
        /// Where the request was going.
        endpoint: Endpoint,
        /// The system's words.
        cause: String,
    },
    /// The proxy in between was not reached, or did not connect to the server.
    #[error("{endpoint}: the proxy {proxy} cannot be used: {cause}")]
    Proxy {
        /// Where the request was going.
        endpoint: Endpoint,
        /// The proxy's URL, without user and password.
        proxy: String,
        /// The system's or the HTTP library's words.
        cause: String,
    },
    /// The proxy answered 407. Trying again with the same password locks accounts.
    #[error("{endpoint}: the proxy {proxy} refused its user name and password (407): correct them in HTTPS_PROXY")]
    ProxyAuthentication {
        /// Where the request was going.
        endpoint: Endpoint,
        /// The proxy's URL, without user and password.
        proxy: String,
    },
    /// The server was reached, and TLS with it failed.
    #[error("{endpoint}: TLS failed: {cause}")]
    Tls {
        /// Where the request was going.
        endpoint: Endpoint,
        /// The TLS library's words.
        cause: String,
    },
    /// No whole response in time.
    #[error("{endpoint}: no response within {} ms", after.as_millis())]
    Timeout {
        /// Where the request was going.
        endpoint: Endpoint,
        /// How long was waited.
        after: Duration,
    },
    /// The response is larger than any honest one.
    #[error("{endpoint}: the response is larger than {limit} bytes")]
    TooLarge {
        /// Where the response came from.
        endpoint: Endpoint,
        /// The cap.
        limit: usize,
    },
    /// The connection ended within the response, or the response is not HTTP.
    #[error("{endpoint}: the response was cut off or is not HTTP: {cause}")]
    Interrupted {
        /// Where the request was going.
        endpoint: Endpoint,
        /// The HTTP library's words.
        cause: String,
    },
    /// The bearer token holds bytes that no header may hold; nothing was sent.
    #[error("{endpoint}: the bearer token holds characters that cannot stand in a header, nothing was sent")]
    UnsendableToken {
        /// Where the request would have gone.
        endpoint: Endpoint,
    },
}

impl RequestError {
    /// Where the request was going.
    pub fn endpoint(&self) -> &Endpoint {
        match self {
            Self::Connect { endpoint, .. }
            | Self::Proxy { endpoint, .. }
            | Self::ProxyAuthentication { endpoint, .. }
            | Self::Tls { endpoint, .. }
            | Self::Timeout { endpoint, .. }
            | Self::TooLarge { endpoint, .. }
            | Self::Interrupted { endpoint, .. }
            | Self::UnsendableToken { endpoint } => endpoint,
        }
    }

    /// `proxy` is the one that the request went through.
    pub(crate) fn from_reqwest(
        error: &reqwest::Error,
        endpoint: &Endpoint,
        proxy: Option<&ProxyUrl>,
        connect_timeout: Duration,
    ) -> Self {
        let endpoint = endpoint.clone();
        if error.is_timeout() {
            // Only the connect phase is timed by reqwest; the whole is timed by `HttpClient::send`.
            Self::Timeout { endpoint, after: connect_timeout }
        } else if let Some(problem) = tls_error(error) {
            Self::Tls { endpoint, cause: in_words(problem) }
        } else if let Some(proxy) = proxy.filter(|_| error.is_connect()) {
            let (proxy, cause) = (proxy.to_string(), root_cause(error));
            // The library's word for 407; its type is private.
            if cause.contains("proxy authorization required") {
                Self::ProxyAuthentication { endpoint, proxy }
            } else {
                Self::Proxy { endpoint, proxy, cause }
            }
        } else if error.is_connect() {
            Self::Connect { endpoint, cause: root_cause(error) }
        } else {
            Self::Interrupted { endpoint, cause: root_cause(error) }
        }
    }
}

/// The innermost error: the outer ones only repeat "error sending request" and the URL with its query.
fn root_cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn StdError = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut next: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref() {
            return Some(found);
        }
        // An io::Error's `source` skips the very error that it wraps, so look inside.
        next = match current.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => current.source(),
        };
    }
    None
}

/// The library's message for a peer that does not speak TLS is not helpful, so it is replaced.
fn in_words(problem: &rustls::Error) -> String {
    match problem {
        rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => {
            "what answers does not speak TLS: is it plain http, or another port?".to_owned()
        }
        problem => problem.to_string(),
    }
}
