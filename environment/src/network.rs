//! Addresses and networks, with IPv4 in one form only.

use std::net::IpAddr;

use ipnet::IpNet;

/// Reads `10.0.0.0/8`, `fd00::/8` or a bare address, which is a network of one.
#[must_use]
pub fn parse_cidr(text: &str) -> Option<IpNet> {
    let text = text.trim();
    // `IpNet` reads `010` as ten, and others as eight: such an address is none (RFC 6943 §3.1.1).
    let address: IpAddr = text.split('/').next()?.parse().ok()?;
    if text.contains('/') { text.parse().ok() } else { Some(address.into()) }
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
        for text in ["10.0.0.0/33", "010.0.0.0/8", "10.01.0.0/16", "010.0.0.1", "10.0.0/8", "10.0.0.0/", "/8", ""] {
            assert!(parse_cidr(text).is_none(), "{text}");
        }
    }
}
