//! Addresses and networks, with IPv4 in one form only.

use std::net::IpAddr;

use ipnet::IpNet;

/// Reads `10.0.0.0/8`, `fd00::/8` or a bare address, which is a network of one.
#[must_use]
pub fn parse_cidr(text: &str) -> Option<IpNet> {
    let text = text.trim();
    text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Whether `address` lies in any of the networks. `::ffff:10.0.0.1` is `10.0.0.1`.
pub fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// The caller's address behind proxies: from the right of `X-Forwarded-For`, the first one that is not a named proxy.
///
/// A header from a peer that is not named is not looked at. A named proxy that sends something unreadable leaves the
/// caller unknown, which no `source_cidrs` matches.
#[must_use]
pub fn forwarded_source(peer: IpAddr, forwarded_for: &[&str], proxies: &[IpNet]) -> Option<IpAddr> {
    let mut source = peer.to_canonical();
    let hops = forwarded_for.iter().flat_map(|value| value.split(',')).collect::<Vec<_>>();
    for hop in hops.into_iter().rev() {
        if !contains(proxies, source) {
            return Some(source);
        }
        source = hop.trim().parse::<IpAddr>().ok()?.to_canonical();
    }
    Some(source)
}

#[cfg(test)]
mod tests {
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
        assert_eq!(source("10.1.2.3", &["garbage"]), None);
    }
}
