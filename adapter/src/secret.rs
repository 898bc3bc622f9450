//! Fresh credentials.

use std::{fmt::Write as _, io};

/// 256 random bits in hex behind `prefix`, by which people and secret scanners know what it is.
///
/// # Errors
/// The operating system has no randomness to give.
pub fn fresh(prefix: &str) -> io::Result<String> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(io::Error::other)?;
    Ok(format!("{prefix}{}", hex(&bits)))
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to memory does not fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use stayput_core::keys::{ENOUGH_BITS, entropy_bits};

    use super::*;

    #[test]
    fn fresh_ones_are_hard_to_guess_and_differ() {
        assert!(entropy_bits(fresh("key_").unwrap().as_bytes()) >= ENOUGH_BITS);
        assert_ne!(fresh("x_").unwrap(), fresh("x_").unwrap());
    }
}
