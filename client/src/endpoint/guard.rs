//! Requests of browsers (DNS rebinding) and through proxies (server-side request forgery) are refused. A page can make a
//! browser send requests here, and its own host name can resolve to here, but a page cannot choose these headers.

use std::net::{Ipv4Addr, Ipv6Addr};

use http_server::{Listener, LocalAddress};
use hyper::header::{FORWARDED, HOST, HeaderName, ORIGIN, VIA};
use hyper::http::request::Parts;

use super::refusal::Refusal;

/// The port that `Host` must name; a unix socket has none.
#[derive(Clone, Copy)]
pub(crate) struct OwnHost {
    port: Option<u16>,
}

impl OwnHost {
    pub(crate) fn of(listener: &Listener) -> Self {
        let port = match listener.address() {
            LocalAddress::Tcp(address) => Some(address.port()),
            LocalAddress::Unix(_) => None,
        };
        Self { port }
    }

    fn is(self, host: &str) -> bool {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, digits)) if !digits.ends_with(']') => match digits.parse() {
                Ok(port) => (name, port),
                Err(_) => return false,
            },
            _ => (host, 80),
        };
        is_loopback(name) && self.port.is_none_or(|own| own == port)
    }
}

fn is_loopback(name: &str) -> bool {
    let v6 = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match v6 {
        Some(literal) => literal.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback()),
        None => name.eq_ignore_ascii_case("localhost") || name.parse::<Ipv4Addr>().is_ok_and(|a| a.is_loopback()),
    }
}

pub(crate) fn check(request: &Parts, own: OwnHost) -> Result<(), Refusal> {
    if let Some(header) = request.headers.keys().find(|name| is_added_by_intermediaries(name)) {
        return Err(Refusal::Forwarded { header: header.to_string() });
    }
    // RFC 9112 §3.2.2: the absolute form is for proxies, and would count more than the Host header.
    let mut hosts = request.headers.get_all(HOST).iter();
    let is_own = match (request.uri.authority(), hosts.next(), hosts.next()) {
        (None, Some(host), None) => host.to_str().is_ok_and(|host| own.is(host)),
        _ => false,
    };
    if is_own { Ok(()) } else { Err(Refusal::Host) }
}

fn is_added_by_intermediaries(name: &HeaderName) -> bool {
    *name == ORIGIN || *name == FORWARDED || *name == VIA || name.as_str().starts_with("x-forwarded-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_literals_with_the_right_port() {
        let own = OwnHost { port: Some(9911) };
        for host in ["127.0.0.1:9911", "localhost:9911", "LOCALHOST:9911", "[::1]:9911", "127.1.2.3:9911"] {
            assert!(own.is(host), "{host}");
        }
        for host in [
            "",
            "127.0.0.1",
            "127.0.0.1:80",
            "127.0.0.1:99119911",
            "[::1]",
            "::1:9911",
            "localhost.evil.example:9911",
            "127.0.0.1.evil.example:9911",
            "evil.example:9911",
            "0.0.0.0:9911",
            "10.0.0.1:9911",
            "2130706433:9911",
            "user@127.0.0.1:9911",
        ] {
            assert!(!own.is(host), "{host}");
        }
        assert!(OwnHost { port: None }.is("localhost") && !OwnHost { port: None }.is("evil.example"));
        assert!(OwnHost { port: Some(80) }.is("127.0.0.1"));
    }
}
