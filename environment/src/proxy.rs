//! The proxy for `https`, read alike by every program, whichever HTTP library it uses.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use percent_encoding::percent_decode_str;

use crate::variables::{Variables, is_host};

/// What the proxy's variables say. No `Debug`: it may hold a password.
#[derive(Clone, Default)]
pub struct Proxy {
    /// The proxy; `None`: connections are direct.
    pub https: Option<ProxyUrl>,
    /// The hosts that are reached without it.
    pub no_proxy: NoProxy,
}

/// `http://[user:password@]host[:port]`, or `https://…` for a proxy that speaks TLS itself. Its `Display` shows neither
/// user nor password.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl {
    scheme: &'static str,
    /// As it stands in a URL: an IPv6 address in brackets.
    host: String,
    port: u16,
    credentials: Option<(String, String)>,
}

/// Why a value is not a proxy's URL. The value itself is never repeated: it may hold a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Another protocol.
    #[error("a `{0}` proxy is not supported: name an http or https proxy, for example `http://proxy.example.com:3128`")]
    Scheme(String),
    /// `/`, `?` or `#` in the user information ends the host part of a URL (RFC 3986 §3.2).
    #[error(
        "`/`, `?` and `#` in a proxy's user name or password must be percent-encoded (`%2F`, `%3F`, `%23`), for example \
         `http://user:p%23ss@proxy.example.com:3128`"
    )]
    Reserved,
    /// Anything else.
    #[error("not the URL of a proxy, for example `http://proxy.example.com:3128`")]
    Unparsable,
}

/// The names of the variables, in the order in which they count. The lower-case spelling comes first, as curl has it.
const HTTPS: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
const EXCEPTIONS: [&str; 2] = ["no_proxy", "NO_PROXY"];

impl Proxy {
    /// Reads the proxy and its exceptions. An unusable value is a fault: a request must never go past a proxy.
    #[must_use]
    pub fn from_env(variables: &Variables<'_>) -> Self {
        let first = |names: &[&'static str]| names.iter().copied().find(|name| variables.is_set(name));
        let https = first(&HTTPS).and_then(|name| {
            let value = variables.verbatim(name)?;
            ProxyUrl::parse(value.trim()).map_err(|error| variables.fault(name, error)).ok()
        });
        let no_proxy = first(&EXCEPTIONS).and_then(|name| variables.optional(name)).unwrap_or_default();
        Self { https, no_proxy: NoProxy::parse(&no_proxy) }
    }

    /// The proxy for an `https` request to `host`, which is a name or an address, with or without brackets.
    #[must_use]
    pub fn for_host(&self, host: &str, port: u16) -> Option<&ProxyUrl> {
        self.https.as_ref().filter(|_| !self.no_proxy.excepts(host, port))
    }
}

impl ProxyUrl {
    /// Reads a URL the way curl does: a scheme may be left out, and the last `@` ends the user information, so an `@`
    /// or a `\` in a password (`DOMAIN\user`) needs no encoding. `%` sequences are decoded.
    ///
    /// # Errors
    /// When it is not the URL of an HTTP proxy.
    pub fn parse(text: &str) -> Result<Self, ProxyError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => "http",
            "https" => "https",
            other if is_scheme(other) => return Err(ProxyError::Scheme(other.to_owned())),
            _ => return Err(ProxyError::Unparsable),
        };
        let (userinfo, authority) = match rest.rsplit_once('@') {
            Some((userinfo, authority)) => (Some(userinfo), authority),
            None => (None, rest),
        };
        if userinfo.is_some_and(|userinfo| userinfo.contains(['/', '?', '#'])) {
            return Err(ProxyError::Reserved);
        }
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let (host, port) = split_port(authority).ok_or(ProxyError::Unparsable)?;
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or(ProxyError::Unparsable)?,
            None if scheme == "https" => 443,
            None => 80,
        };
        Ok(Self { scheme, host: host.to_owned(), port, credentials: userinfo.map(credentials).transpose()? })
    }

    /// The URL without user and password, for the HTTP library.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}:{}", self.scheme, self.host, self.port)
    }

    /// User name and password for Basic authentication (RFC 7617).
    #[must_use]
    pub fn credentials(&self) -> Option<(&str, &str)> {
        self.credentials.as_ref().map(|(user, password)| (user.as_str(), password.as_str()))
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.url())
    }
}

/// RFC 3986 §3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

fn credentials(userinfo: &str) -> Result<(String, String), ProxyError> {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(String::from).ok();
    match (decoded(user), decoded(password)) {
        // RFC 7617 §2: neither may hold a control character, and the first `:` ends the user name.
        (Some(user), Some(password))
            if !user.contains(|c: char| c.is_control() || c == ':') && !password.contains(char::is_control) =>
        {
            Ok((user, password))
        }
        _ => Err(ProxyError::Unparsable),
    }
}

/// `host`, `host:port`, `[address]` or `[address]:port`.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => {
            address.parse::<std::net::Ipv6Addr>().ok()?;
            (&authority[..address.len() + 2], if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => {
            let (host, port) = match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            };
            // Underscores are not in host names, but in the names that container networks give.
            if !is_host(&host.replace('_', "-")) {
                return None;
            }
            (host, port)
        }
    };
    Some((host, port.filter(|port| !port.is_empty())))
}

/// `NO_PROXY`, in the forms that curl, Go's net/http and Python's requests take: entries between commas or blanks; `*`
/// for every host; a name stands for itself and all names below it, with or without a leading `.` or `*.`; an address
/// or a network in CIDR notation, IPv6 with or without brackets; a port behind any of them limits it to that port.
/// Case and a trailing dot do not count.
#[derive(Clone, Default)]
pub struct NoProxy {
    entries: Vec<Exception>,
}

#[derive(Clone)]
struct Exception {
    host: ExceptedHost,
    port: Option<u16>,
}

#[derive(Clone)]
enum ExceptedHost {
    Every,
    Name(String),
    Network(IpNet),
}

impl NoProxy {
    /// Reads a list. An entry that cannot be read excepts nothing, so the request goes to the proxy.
    #[must_use]
    pub fn parse(list: &str) -> Self {
        let words = list.split([',', ' ', '\t']).filter(|word| !word.is_empty());
        Self { entries: words.filter_map(Exception::parse).collect() }
    }

    /// Whether nothing is excepted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether requests to `host` go past the proxy.
    #[must_use]
    pub fn excepts(&self, host: &str, port: u16) -> bool {
        let host = normal_host(host);
        let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        self.entries.iter().any(|entry| {
            entry.port.is_none_or(|own| own == port)
                && match (&entry.host, address) {
                    (ExceptedHost::Every, _) => true,
                    (ExceptedHost::Network(network), Some(address)) => network.contains(&address),
                    (ExceptedHost::Name(name), None) => is_within(&host, name),
                    _ => false,
                }
        })
    }

    /// The list in the plain form that every library understands, for requests to `port`.
    #[must_use]
    pub fn plain(&self, port: u16) -> String {
        let entries = self.entries.iter().filter(|entry| entry.port.is_none_or(|own| own == port));
        let words = entries.map(|entry| match &entry.host {
            ExceptedHost::Every => "*".to_owned(),
            ExceptedHost::Name(name) => name.clone(),
            ExceptedHost::Network(network) => network.to_string(),
        });
        words.collect::<Vec<_>>().join(",")
    }
}

impl Exception {
    fn parse(word: &str) -> Option<Self> {
        if word == "*" {
            return Some(Self { host: ExceptedHost::Every, port: None });
        }
        if let Some(network) = network(word) {
            return Some(Self { host: ExceptedHost::Network(network), port: None });
        }
        let (host, port) = match word.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, "")) => (address, None),
            Some((address, rest)) => (address, Some(rest.strip_prefix(':')?)),
            None => match word.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (word, None),
            },
        };
        let port = port.map(str::parse).transpose().ok()?;
        let host = match network(host) {
            Some(network) => ExceptedHost::Network(network),
            None => {
                let name = normal_host(host.strip_prefix("*.").or(host.strip_prefix('.')).unwrap_or(host));
                // No other program takes a wildcard elsewhere in the name.
                if name.is_empty() || name.contains(['*', ':', '/', '[']) {
                    return None;
                }
                ExceptedHost::Name(name)
            }
        };
        Some(Self { host, port })
    }
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical())))
}

/// In lower case, without brackets and without the dot of the root.
fn normal_host(host: &str) -> String {
    let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

fn is_within(host: &str, name: &str) -> bool {
    host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_proxies() {
        for (text, url, credentials) in [
            ("http://proxy.example.com:3128", "http://proxy.example.com:3128", None),
            ("proxy.example.com:3128", "http://proxy.example.com:3128", None),
            ("HTTP://proxy.example.com/", "http://proxy.example.com:80", None),
            ("https://proxy.example.com", "https://proxy.example.com:443", None),
            ("http://[::1]:3128", "http://[::1]:3128", None),
            ("http://my_proxy:1", "http://my_proxy:1", None),
            ("http://user:p@ss@proxy:3128", "http://proxy:3128", Some(("user", "p@ss"))),
            ("http://user:p%23s%3As@proxy:3128", "http://proxy:3128", Some(("user", "p#s:s"))),
            ("http://DOM\\user:pw@proxy:3128", "http://proxy:3128", Some(("DOM\\user", "pw"))),
            ("http://DOM%5Cuser:p:w@proxy:3128", "http://proxy:3128", Some(("DOM\\user", "p:w"))),
            ("http://user@proxy:3128", "http://proxy:3128", Some(("user", ""))),
        ] {
            let proxy = ProxyUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((proxy.url().as_str(), proxy.credentials()), (url, credentials), "{text}");
            assert_eq!(proxy.to_string(), url);
        }
    }

    #[test]
    fn other_values_are_refused_without_being_repeated() {
        assert_eq!(ProxyUrl::parse("socks5://proxy:1080").err(), Some(ProxyError::Scheme("socks5".to_owned())));
        for text in ["http://user:p#ss@proxy:3128", "http://us/er:pw@proxy", "http://u:p?w@proxy:1"] {
            assert_eq!(ProxyUrl::parse(text).err(), Some(ProxyError::Reserved), "{text}");
        }
        for text in [
            "",
            "http://",
            "http://:3128",
            "http://proxy:0",
            "http://proxy:port",
            "http://pro xy",
            "http://proxy/path",
            "http://u%00:p@proxy",
            "http://u%FF:p@proxy",
            "http://u%3Ax:p@proxy",
            "http://[::1",
            "http://[proxy]:1",
        ] {
            assert_eq!(ProxyUrl::parse(text).err(), Some(ProxyError::Unparsable), "{text}");
        }
    }

    #[test]
    fn exceptions_as_others_write_them() {
        for (list, host, excepted) in [
            ("example.com", "idp.example.com", true),
            ("example.com", "EXAMPLE.com.", true),
            ("example.com", "notexample.com", false),
            (".example.com", "idp.example.com", true),
            ("*.example.com", "idp.example.com", true),
            ("*.EXAMPLE.com", "idp.example.com", true),
            ("idp.example.com:443", "idp.example.com", true),
            ("idp.example.com:8443", "idp.example.com", false),
            ("a.test idp.example.com", "idp.example.com", true),
            ("a.test,\tidp.example.com ", "idp.example.com", true),
            ("idp.example.com.", "idp.example.com", true),
            ("[::1]", "::1", true),
            ("[::1]:443", "[::1]", true),
            ("::1", "[::1]", true),
            ("fd00::/8", "fd00::7", true),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.1.2.3:443", "10.1.2.3", true),
            ("10.1.2.3", "::ffff:10.1.2.3", true),
            ("*", "anything.example", true),
            ("", "idp.example.com", false),
            ("i*p.example.com", "idp.example.com", false),
            ("2.3", "10.1.2.3", false),
        ] {
            assert_eq!(NoProxy::parse(list).excepts(host, 443), excepted, "NO_PROXY={list:?} for {host}");
        }
    }

    #[test]
    fn the_plain_form_keeps_the_meaning() {
        let list = NoProxy::parse("*.example.com, a.test:443 b.test:80 [::1] 10.0.0.0/8");
        assert_eq!(list.plain(443), "example.com,a.test,::1/128,10.0.0.0/8");
    }

    #[test]
    fn the_lower_case_spelling_counts_and_a_bad_value_is_a_fault() {
        let read = |variables: &[(&str, &str)]| {
            let lookup = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned());
            let variables = Variables::new(&lookup);
            let proxy = Proxy::from_env(&variables);
            variables.finish(Some(proxy)).map_err(|error| error.to_string())
        };
        let proxy = read(&[("HTTPS_PROXY", "http://a:1"), ("https_proxy", "http://b:1"), ("NO_PROXY", "x")]).unwrap();
        assert_eq!(proxy.for_host("y", 443).map(ToString::to_string).as_deref(), Some("http://b:1"));
        assert!(proxy.for_host("x", 443).is_none());
        let proxy = read(&[("https_proxy", ""), ("ALL_PROXY", "c:1")]).unwrap();
        assert_eq!(proxy.for_host("y", 443).map(ToString::to_string).as_deref(), Some("http://c:1"));
        let error = read(&[("ALL_PROXY", "socks5://hunter2@c:1")]).err().unwrap();
        assert!(error.starts_with("ALL_PROXY: a `socks5` proxy is not supported") && !error.contains("hunter2"));
    }
}
