//! Ports that callbacks go to.

/// 80, 443 and those from 1024 on that no other protocol would take an HTTP request for its own at.
pub(super) fn is_allowed(port: u16) -> bool {
    match port {
        80 | 443 => true,
        0..1024 => false,
        1024.. => !BAD.contains(&port),
    }
}

/// The bad ports from 1024 on. Source: WHATWG Fetch standard, "Port blocking".
const BAD: [u16; 19] = [
    1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679,
    6697, 10080,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_1024_there_are_two() {
        assert_eq!((0..1024).filter(|port| is_allowed(*port)).collect::<Vec<_>>(), [80, 443]);
    }

    #[test]
    fn above_it_some_belong_to_other_protocols() {
        for port in [1024, 8080, 8443, 65_535] {
            assert!(is_allowed(port), "{port}");
        }
        for port in [2049, 6000, 6667, 10_080] {
            assert!(!is_allowed(port), "{port}");
        }
    }
}
