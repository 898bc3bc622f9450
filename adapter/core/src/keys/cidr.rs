//! Blocks of addresses, from which a key may be used.

use std::net::IpAddr;

/// A block of addresses, `10.0.0.0/8` or `::1/128`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cidr {
    pub network: IpAddr,
    pub prefix_bits: u8,
}

impl Cidr {
    /// Reads `address/bits`, or a plain address as a block of one.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let network: IpAddr = address.parse().ok()?;
        let width = if network.is_ipv4() { 32 } else { 128 };
        let prefix_bits = bits.map_or(Some(width), |bits| bits.parse().ok())?;
        (prefix_bits <= width).then_some(Self { network, prefix_bits })
    }

    /// An IPv4 address that arrives mapped into IPv6 is judged as the IPv4 address it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix_bits);
                (network.to_bits() ^ address.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix_bits);
                (network.to_bits() ^ address.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(block: &str, address: &str, expected: bool) {
        let cidr = Cidr::parse(block).expect("a block");
        assert_eq!(cidr.contains(address.parse().expect("an address")), expected, "{address} in {block}");
    }

    #[test]
    fn blocks_contain_what_shares_their_prefix() {
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("0.0.0.0/0", "203.0.113.9", true);
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "192.0.2.8", false);
        check("::1", "::1", true);
        check("2001:db8::/32", "2001:db8:1::1", true);
        check("::/0", "2001:db8::1", true);
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address_it_carries() {
        check("127.0.0.0/8", "::ffff:127.0.0.1", true);
        check("::/0", "::ffff:127.0.0.1", false);
    }

    #[test]
    fn nonsense_is_no_block() {
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "ten/8", "10.0.0.0/-1"] {
            assert_eq!(Cidr::parse(text), None, "{text:?}");
        }
    }
}
