//! Where a request comes from, behind proxies.

use std::net::IpAddr;

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
        source = hop.trim().parse::<IpAddr>().ok()?.to_canonical();
    }
    Some(source)
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
        assert_eq!(source("10.1.2.3", &["garbage"]), None);
    }
}
