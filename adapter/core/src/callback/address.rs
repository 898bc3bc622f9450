//! May a callback be sent to this address? Asked of the very address that is about to be dialled, at each attempt.
//!
//! Deny unless global. Source: IANA's special-purpose address registries for IPv4 and IPv6, and its registry of
//! allocated IPv6 space; what is ours besides is said at the entry.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Policy;

/// What becomes of an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    Allowed,
    /// Never dialled; what the address is.
    Forbidden(&'static str),
}

/// Judges one address.
///
/// An IPv4 address that is mapped into IPv6 is judged as what it is, by the public rule alone: what the operator allows
/// besides is meant for plain addresses. Every other way to put an IPv4 address into an IPv6 one is refused, whatever
/// is inside.
pub fn classify(address: IpAddr, policy: &Policy) -> Verdict {
    let known = match address {
        IpAddr::V4(plain) => special_v4(plain),
        IpAddr::V6(address) => match (address.to_ipv4_mapped(), embedding(address)) {
            (Some(inner), _) => return verdict(special_v4(inner)),
            (None, Some(embedding)) => return Verdict::Forbidden(embedding),
            (None, None) => special_v6(address),
        },
    };
    let excepted =
        policy.addresses.iter().any(|block| block.contains(address)) || (policy.dev && address.is_loopback());
    if excepted { Verdict::Allowed } else { verdict(known) }
}

fn verdict(special: Option<&'static str>) -> Verdict {
    special.map_or(Verdict::Allowed, Verdict::Forbidden)
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    let bits = address.to_bits();
    let block = V4.iter().find(|(network, prefix, _)| (bits ^ network.to_bits()) >> (32 - prefix) == 0);
    block.map(|(_, _, name)| *name)
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    if !is_in(address, GLOBAL_UNICAST) {
        return Some(if address.is_loopback() { "loopback" } else { "not global unicast" });
    }
    name_in(address, &V6)
}

fn embedding(address: Ipv6Addr) -> Option<&'static str> {
    // Of ::/96 two are no IPv4 addresses, but what they are.
    let plain = address.is_loopback() || address.is_unspecified();
    name_in(address, &EMBEDDINGS).filter(|_| !plain)
}

type BlockV6 = (Ipv6Addr, u32);

fn name_in(address: Ipv6Addr, blocks: &[(BlockV6, &'static str)]) -> Option<&'static str> {
    blocks.iter().find(|(block, _)| is_in(address, *block)).map(|(_, name)| *name)
}

fn is_in(address: Ipv6Addr, (network, prefix): BlockV6) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (128 - prefix) == 0
}

/// All that the registry does not call globally reachable. 192.0.0.0/24 is refused whole: the two anycast addresses in
/// it are the nearest gateway's own.
const V4: [(Ipv4Addr, u32, &str); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private use"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "shared address space"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    // Azure's virtual public address of the host; not IANA's.
    (Ipv4Addr::new(168, 63, 129, 16), 32, "platform host"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private use"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "IETF protocol assignments"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "6to4 relay anycast"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private use"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmarking"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(255, 255, 255, 255), 32, "limited broadcast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// The only space that is allocated for global unicast.
const GLOBAL_UNICAST: BlockV6 = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What of it is not globally reachable, embeddings aside. 2001::/23 is refused whole: protocols live in it, not hosts.
const V6: [(BlockV6, &str); 3] = [
    ((Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), "IETF protocol assignments"),
    ((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), "documentation"),
    ((Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), "documentation"),
];

/// IPv4 addresses in disguise. A translator on the way would unwrap them.
const EMBEDDINGS: [(BlockV6, &str); 6] = [
    ((Ipv6Addr::UNSPECIFIED, 96), "IPv4-compatible"),
    ((Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96), "IPv4-translated"),
    ((Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96), "IPv4/IPv6 translation"),
    ((Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48), "local IPv4/IPv6 translation"),
    ((Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32), "Teredo"),
    ((Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), "6to4"),
];

#[cfg(test)]
mod tests;
