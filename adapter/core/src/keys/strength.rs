//! How hard a credential is to guess.

/// How many bits an attacker has to guess at most: as if each character had been drawn at random from the smallest
/// usual alphabet that has them all (digits, hex, letters of one case with digits, letters with digits, all of
/// ASCII). A separator and a repeated character count nothing. A credential may still be easier to guess than this.
pub fn entropy_bits(credential: &[u8]) -> f64 {
    let alphabet = alphabet(credential);
    let before = std::iter::once(None).chain(credential.iter().map(Some));
    let counting =
        credential.iter().zip(before).filter(|&(byte, before)| !is_separator(*byte) && before != Some(byte));
    let counting = u32::try_from(counting.count()).unwrap_or(u32::MAX);
    f64::from(counting) * f64::from(alphabet).log2()
}

/// Credentials with less than this draw a warning (NIST SP 800-131A: the least strength that is not being given up).
pub const ENOUGH_BITS: f64 = 128.0;

fn alphabet(credential: &[u8]) -> u32 {
    let all = |fits: fn(&u8) -> bool| credential.iter().filter(|byte| !is_separator(**byte)).all(fits);
    if all(u8::is_ascii_digit) {
        10
    } else if all(u8::is_ascii_hexdigit) {
        16
    } else if all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
        || all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
    {
        36
    } else if all(u8::is_ascii_alphanumeric) {
        62
    } else {
        94
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.' | b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(credential: &str, enough: bool) {
        let bits = entropy_bits(credential.as_bytes());
        assert_eq!(bits >= ENOUGH_BITS, enough, "{credential}: {bits} bits");
    }

    #[test]
    fn keys_as_platforms_make_them_are_enough() {
        check("550e8400-e29b-41d4-a716-42c8d9a1b0f3", false);
        check("c3499c2729730a7f807efb8676a92dcb6f8a3f8f", true);
        check("kR3vPz8QmT1xWb6NcY0uLd", true);
    }

    #[test]
    fn passwords_are_not() {
        check("", false);
        check("hunter2", false);
        check("correct-horse-battery", false);
        check(&"a".repeat(1_000), false);
        check("1234567890123456789012345678901", false);
    }
}
