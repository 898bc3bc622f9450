//! 32 bytes as 64 lower-case hex digits, the form of every hash in a signature.

/// Any other form of the same hash is no form of it: AWS compares text.
pub(super) fn encode(bytes: &[u8; 32]) -> [u8; 64] {
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

/// `None`: not 64 lower-case digits.
pub(super) fn decode(text: &[u8]) -> Option<[u8; 32]> {
    let text: &[u8; 64] = text.try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        for first in 0..=u8::MAX {
            let bytes = std::array::from_fn(|at| first.wrapping_add(u8::try_from(at).unwrap()));
            assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
        assert_eq!(encode(&[0xaf; 32]), [*b"af"; 32].concat()[..]);
    }

    #[test]
    fn only_lower_case_digits_are_read() {
        let zeros = [b'0'; 64];
        assert_eq!(decode(&zeros), Some([0; 32]));
        assert_eq!(decode(&zeros[1..]), None);
        for (at, byte) in [(0, b'A'), (63, b'g'), (7, b' '), (8, 0xff)] {
            let mut text = zeros;
            text[at] = byte;
            assert_eq!(decode(&text), None, "{byte} at {at}");
        }
    }
}
