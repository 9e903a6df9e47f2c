//! Where a request comes from, behind proxies.

use std::net::{IpAddr, SocketAddr};

use environment::contains;
use ipnet::IpNet;

/// The caller's address behind proxies: from the right of `X-Forwarded-For`, the first one that is not a named proxy.
///
/// The header of a peer that is not named is ignored. A named proxy that sends something unreadable leaves the caller
/// unknown, which no list of networks contains.
#[must_use]
pub fn forwarded_source(peer: IpAddr, forwarded_for: &[&str], proxies: &[IpNet]) -> Option<IpAddr> {
    let mut source = peer.to_canonical();
    let hops = forwarded_for.iter().flat_map(|value| value.split(',')).collect::<Vec<_>>();
    for hop in hops.into_iter().rev() {
        if !contains(proxies, source) {
            return Some(source);
        }
        source = address(hop.trim())?.to_canonical();
    }
    Some(source)
}

/// An address as proxies write it: bare, with a port (Azure's), or an IPv6 one in brackets, with or without a port.
fn address(hop: &str) -> Option<IpAddr> {
    if let Ok(address) = hop.parse::<IpAddr>() {
        return Some(address);
    }
    if let Ok(address) = hop.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6)
}

#[cfg(test)]
mod tests {
    use environment::parse_cidr;

    use super::*;

    fn source(peer: &str, forwarded_for: &[&str]) -> Option<String> {
        let proxies = [parse_cidr("10.0.0.0/8").unwrap(), parse_cidr("192.0.2.7").unwrap()];
        forwarded_source(peer.parse().unwrap(), forwarded_for, &proxies).map(|address| address.to_string())
    }

    #[test]
    fn only_named_proxies_are_believed() {
        assert_eq!(source("198.51.100.1", &["10.0.0.9"]).as_deref(), Some("198.51.100.1"));
        assert_eq!(source("10.1.2.3", &["203.0.113.5"]).as_deref(), Some("203.0.113.5"));
        assert_eq!(source("::ffff:10.1.2.3", &["1.1.1.1, 203.0.113.5", "192.0.2.7"]).as_deref(), Some("203.0.113.5"));
        assert_eq!(source("10.1.2.3", &[]).as_deref(), Some("10.1.2.3"));
    }

    #[test]
    fn a_port_is_left_out_and_what_cannot_be_read_is_unknown() {
        for (header, address) in [
            ("203.0.113.5:51008", Some("203.0.113.5")),
            ("[2001:db8::1]:443", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[::ffff:203.0.113.5]:1", Some("203.0.113.5")),
            ("198.51.100.1:1, 203.0.113.5:2, 192.0.2.7:3", Some("203.0.113.5")),
            ("  203.0.113.5 ", Some("203.0.113.5")),
            ("203.0.113.5:", None),
            ("203.0.113.5:99999", None),
            ("203.0.113.5:1:2", None),
            ("[203.0.113.5]:1", None),
            ("[203.0.113.5]", None),
            ("[2001:db8::1", None),
            ("2001:db8::1]:443", None),
            ("[2001:db8::1]443", None),
            ("for=203.0.113.5", None),
            ("unknown", None),
            ("_hidden", None),
            ("", None),
            ("203.0.113.5,", None),
            ("203.0.113.5, garbage, 192.0.2.7", None),
        ] {
            assert_eq!(source("10.1.2.3", &[header]).as_deref(), address, "{header}");
        }
    }
}
