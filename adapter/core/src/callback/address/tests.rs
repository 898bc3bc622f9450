//! The classifier against a table that was written another way: ranges from first to last address, in order, each with
//! the registry's name; what lies between two of them is global.

use super::*;
use crate::keys::Cidr;

/// Not to be dialled, of IPv4.
const FORBIDDEN_V4: [([u8; 4], [u8; 4], &str); 15] = [
    ([0, 0, 0, 0], [0, 255, 255, 255], "RFC 791: \"This network\""),
    ([10, 0, 0, 0], [10, 255, 255, 255], "RFC 1918: Private-Use"),
    ([100, 64, 0, 0], [100, 127, 255, 255], "RFC 6598: Shared Address Space"),
    ([127, 0, 0, 0], [127, 255, 255, 255], "RFC 1122: Loopback"),
    ([168, 63, 129, 16], [168, 63, 129, 16], "Azure WireServer"),
    ([169, 254, 0, 0], [169, 254, 255, 255], "RFC 3927: Link Local"),
    ([172, 16, 0, 0], [172, 31, 255, 255], "RFC 1918: Private-Use"),
    ([192, 0, 0, 0], [192, 0, 0, 255], "RFC 6890: IETF Protocol Assignments"),
    ([192, 0, 2, 0], [192, 0, 2, 255], "RFC 5737: Documentation (TEST-NET-1)"),
    ([192, 88, 99, 0], [192, 88, 99, 255], "RFC 7526: Deprecated (6to4 Relay Anycast)"),
    ([192, 168, 0, 0], [192, 168, 255, 255], "RFC 1918: Private-Use"),
    ([198, 18, 0, 0], [198, 19, 255, 255], "RFC 2544: Benchmarking"),
    ([198, 51, 100, 0], [198, 51, 100, 255], "RFC 5737: Documentation (TEST-NET-2)"),
    ([203, 0, 113, 0], [203, 0, 113, 255], "RFC 5737: Documentation (TEST-NET-3)"),
    ([224, 0, 0, 0], [255, 255, 255, 255], "RFC 1112: multicast, Reserved, Limited Broadcast"),
];

/// To be dialled, of IPv6; but for the mapped, which are IPv4's.
const ALLOWED_V6: [(&str, &str, &str); 5] = [
    ("2000::", "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "before IETF Protocol Assignments (RFC 2928)"),
    ("2001:200::", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "before Documentation (RFC 3849)"),
    ("2001:db9::", "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "before 6to4 (RFC 3056)"),
    ("2003::", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "before Documentation (RFC 9637)"),
    ("3fff:1000::", "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "the rest of 2000::/3"),
];

fn is_forbidden_v4(address: u32) -> bool {
    let within = |(first, last, _): &([u8; 4], [u8; 4], &str)| {
        (u32::from_be_bytes(*first)..=u32::from_be_bytes(*last)).contains(&address)
    };
    FORBIDDEN_V4.iter().any(within)
}

fn v6(text: &str) -> u128 {
    text.parse::<Ipv6Addr>().unwrap().to_bits()
}

/// The ranges as numbers, so that millions can be asked.
fn allowed_v6() -> Vec<(u128, u128)> {
    ALLOWED_V6.iter().map(|(first, last, _)| (v6(first), v6(last))).collect()
}

fn is_forbidden_v6(address: u128, allowed: &[(u128, u128)]) -> bool {
    if address >> 32 == 0xffff {
        return is_forbidden_v4(u32::try_from(address & 0xffff_ffff).unwrap());
    }
    !allowed.iter().any(|(first, last)| (*first..=*last).contains(&address))
}

fn refuses(address: IpAddr, policy: &Policy) -> bool {
    classify(address, policy) != Verdict::Allowed
}

#[track_caller]
fn check_v4(bits: u32) {
    let address = Ipv4Addr::from_bits(bits);
    assert_eq!(refuses(address.into(), &Policy::default()), is_forbidden_v4(bits), "{address}");
}

#[track_caller]
fn check_v6(bits: u128, allowed: &[(u128, u128)]) {
    let address = Ipv6Addr::from_bits(bits);
    assert_eq!(refuses(address.into(), &Policy::default()), is_forbidden_v6(bits, allowed), "{address}");
}

#[track_caller]
fn check(address: &str, policy: &Policy, expected: bool) {
    assert_eq!(!refuses(address.parse().unwrap(), policy), expected, "{address}");
}

/// SplitMix64: the same addresses in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Where some rule begins or ends, in any block of either table.
fn edges_v6() -> Vec<u128> {
    let blocks = V6.iter().chain(&EMBEDDINGS).map(|(block, _)| *block).chain([GLOBAL_UNICAST]);
    let of_blocks = blocks.flat_map(|(network, prefix)| {
        let first = network.to_bits();
        [first, first | (u128::MAX >> prefix)]
    });
    let others =
        ["::", "::1", "fc00::", "fe80::", "fec0::", "ff00::", "100::", "5f00::", "::ffff:0:0", "::1:0:0:0"];
    of_blocks
        .chain(allowed_v6().into_iter().flat_map(|(first, last)| [first, last]))
        .chain(others.map(v6))
        .collect()
}

#[test]
fn the_table_is_in_order() {
    assert!(FORBIDDEN_V4.is_sorted_by(|(_, last, _), (first, _, _)| last < first));
    assert!(allowed_v6().is_sorted_by(|(_, last), (first, _)| last < first));
}

#[test]
fn the_classifier_agrees_with_the_table_at_every_edge() {
    for (first, last, _) in FORBIDDEN_V4 {
        for edge in [first, last].map(u32::from_be_bytes) {
            for near in [edge.wrapping_sub(1), edge, edge.wrapping_add(1)] {
                check_v4(near);
                check_v6(0xffff_0000_0000 | u128::from(near), &allowed_v6());
            }
        }
    }
    let allowed = allowed_v6();
    for edge in edges_v6() {
        for near in [edge.wrapping_sub(1), edge, edge.wrapping_add(1)] {
            check_v6(near, &allowed);
        }
    }
}

#[test]
fn the_classifier_agrees_with_the_table_on_millions_of_addresses() {
    let (mut random, allowed) = (Random(7), allowed_v6());
    let starts: Vec<u128> = edges_v6();
    for _ in 0..1_000_000 {
        let [high, low] = [random.next(), random.next()];
        check_v4(u32::try_from(low >> 32).unwrap());
        let wide = u128::from(high) << 64 | u128::from(low);
        check_v6(wide, &allowed);
        // All of space is mostly far from any rule: the same near where one begins or ends.
        let near = starts[usize::try_from(high % starts.len() as u64).unwrap()];
        check_v6(near ^ (wide >> (64 + high % 64)), &allowed);
    }
}

#[test]
fn what_is_forbidden_is_named() {
    let named = |text: &str| classify(text.parse().unwrap(), &Policy::default());
    assert_eq!(named("169.254.169.254"), Verdict::Forbidden("link-local"));
    assert_eq!(named("::ffff:10.0.0.1"), Verdict::Forbidden("private use"));
    assert_eq!(named("64:ff9b::a9fe:a9fe"), Verdict::Forbidden("IPv4/IPv6 translation"));
    assert_eq!(named("2002:a00:1::"), Verdict::Forbidden("6to4"));
    assert_eq!(named("fd00:ec2::254"), Verdict::Forbidden("not global unicast"));
    assert_eq!(named("93.184.215.14"), Verdict::Allowed);
}

#[test]
fn the_operators_blocks_allow_plain_addresses_and_no_embedded_ones() {
    let blocks = ["10.0.0.0/8", "fd00::/8", "::/0"].map(|block| Cidr::parse(block).unwrap());
    let policy = Policy { addresses: blocks.to_vec(), ..Policy::default() };
    for allowed in ["10.1.2.3", "fd00::1", "::1", "8.8.8.8", "2606:4700::1111"] {
        check(allowed, &policy, true);
    }
    for forbidden in [
        "192.168.0.1",
        "127.0.0.1",
        "::ffff:10.1.2.3",
        "::10.1.2.3",
        "::ffff:0:10.1.2.3",
        "64:ff9b::10.1.2.3",
        "64:ff9b:1::10.1.2.3",
        "64:ff9b::8.8.8.8",
        "2002:a01:203::",
        "2001:0:4136:e378:8000:63bf:f5fe:fdfc",
    ] {
        check(forbidden, &policy, false);
    }
}

#[test]
fn on_a_laptop_loopback_is_allowed_and_nothing_else() {
    let policy = Policy { dev: true, ..Policy::default() };
    for (address, expected) in [
        ("127.0.0.1", true),
        ("127.9.9.9", true),
        ("::1", true),
        ("::ffff:127.0.0.1", false),
        ("0.0.0.0", false),
        ("::", false),
        ("10.0.0.1", false),
    ] {
        check(address, &policy, expected);
    }
}
