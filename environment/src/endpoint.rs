//! A URL that secrets may be sent to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use url::{Host, Url};

/// An `https` URL, or an `http` one that cannot leave this machine. Shared, so requests and errors clone it for nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(Arc<Url>);

/// Why a URL is not an [`Endpoint`]. The URL itself is never part of it: it may hold a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not a URL at all.
    #[error("not an absolute URL ({0})")]
    Unparsable(url::ParseError),
    /// Neither `https` nor `http`.
    #[error("the scheme is `{0}`: use https")]
    Scheme(String),
    /// Plain `http` to another machine: the access token would travel in the clear.
    #[error("plain http is accepted for loopback addresses only, and `{0}` is none: use https")]
    PlainHttp(String),
    /// `user:password@` in front of the host.
    #[error("a user name or password in the URL is not accepted: they belong in variables of their own")]
    UserInfo,
    /// `#…` at the end.
    #[error("a fragment (`#…`) has no meaning here: remove it")]
    Fragment,
}

impl Endpoint {
    /// Parses and checks a URL.
    ///
    /// # Errors
    /// When it is not absolute, not `https` (or loopback `http`), or carries user information or a fragment.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let url = Url::parse(text).map_err(EndpointError::Unparsable)?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(EndpointError::PlainHttp(url.host_str().unwrap_or_default().to_owned())),
            other => return Err(EndpointError::Scheme(other.to_owned())),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::UserInfo);
        }
        // RFC 6749 §3.1, §3.2: an endpoint URI must not include a fragment.
        if url.fragment().is_some() {
            return Err(EndpointError::Fragment);
        }
        Ok(Self(Arc::new(url)))
    }

    /// The path, from its first slash.
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// The same endpoint at another path.
    #[must_use]
    pub fn with_path(&self, path: &str) -> Self {
        let mut url = Url::clone(&self.0);
        url.set_path(path);
        Self(Arc::new(url))
    }

    /// The same endpoint with one more query parameter.
    #[must_use]
    pub fn with_query(&self, name: &str, value: &str) -> Self {
        let mut url = Url::clone(&self.0);
        url.query_pairs_mut().append_pair(name, value);
        Self(Arc::new(url))
    }

    /// The whole URL, query included: for comparing and keying, not for messages.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The parsed URL.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// The host's name without its port, and the port.
    pub fn host_and_port(&self) -> (&str, u16) {
        // `parse` accepts https and http only, which have a host and a default port.
        (self.0.host_str().unwrap_or_default(), self.0.port_or_known_default().unwrap_or(443))
    }

    /// Whether requests stay on this machine: they never pass a proxy, and a loopback name is never looked up in DNS.
    pub fn is_plain_http(&self) -> bool {
        self.0.scheme() == "http"
    }
}

/// Without the query, which may hold what messages must not.
impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = Url::clone(&self.0);
        url.set_query(None);
        formatter.write_str(url.as_str())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Endpoint({self})")
    }
}

/// RFC 6761 §6.3: `localhost` and the names below it are loopback addresses. Resolvers do not always keep to it, so
/// a program that connects to such a name must connect to [`LOOPBACK`] without asking one.
pub fn is_loopback_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

/// Where loopback names lead, in the order in which they are tried.
pub const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_loopback_name(name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_and_loopback_http_are_endpoints() {
        for text in [
            "https://idp.example/oauth2/token",
            "http://127.0.0.1:8080/x",
            "http://127.9.9.9/",
            "http://[::1]:1/",
            "http://LOCALHOST:80/",
            "http://bucket.localhost:80/",
        ] {
            Endpoint::parse(text).expect(text);
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let refused = |text: &str| Endpoint::parse(text).expect_err(text);
        assert_eq!(refused("http://10.0.0.1/"), EndpointError::PlainHttp("10.0.0.1".to_owned()));
        assert_eq!(refused("http://notlocalhost/"), EndpointError::PlainHttp("notlocalhost".to_owned()));
        assert_eq!(
            refused("http://localhost.evil.example/"),
            EndpointError::PlainHttp("localhost.evil.example".to_owned())
        );
        assert_eq!(refused("http://[::ffff:127.0.0.1]/"), EndpointError::PlainHttp("[::ffff:7f00:1]".to_owned()));
        assert_eq!(refused("https://user:pw@idp.example/"), EndpointError::UserInfo);
        assert_eq!(refused("http://127.0.0.1@evil.example/"), EndpointError::PlainHttp("evil.example".to_owned()));
        assert_eq!(refused("https://idp.example/#x"), EndpointError::Fragment);
        assert_eq!(refused("ftp://idp.example/"), EndpointError::Scheme("ftp".to_owned()));
        assert!(matches!(refused("idp.example/token"), EndpointError::Unparsable(_)));
    }

    #[test]
    fn messages_do_not_show_the_query() {
        let endpoint = Endpoint::parse("https://idp.example/token?key=secret").unwrap();
        assert_eq!(endpoint.to_string(), "https://idp.example/token");
        assert_eq!(format!("{endpoint:?}"), "Endpoint(https://idp.example/token)");
        assert_eq!(endpoint.with_path("/health").to_string(), "https://idp.example/health");
    }
}
