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
#[must_use]
pub fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_the_ipv4_one() {
        let networks =
            [parse_cidr("10.0.0.0/8").unwrap(), parse_cidr(" fd00::/8 ").unwrap(), parse_cidr("192.0.2.7").unwrap()];
        for (address, inside) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("fd00::1", true),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("::1", false),
        ] {
            assert_eq!(contains(&networks, address.parse().unwrap()), inside, "{address}");
        }
        assert!(parse_cidr("10.0.0.0/33").is_none());
    }
}
