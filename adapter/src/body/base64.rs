//! Base64 of a body that comes in pieces: what the whole would be, however it is cut.

use bytes::Bytes;

/// Padded, without line breaks (RFC 4648 section 4).
#[derive(Debug, Default)]
pub(super) struct Encoder {
    /// The first bytes of a group of three whose rest has not come.
    carry: [u8; 2],
    carried: usize,
}

impl Encoder {
    /// The text of all full groups so far.
    pub(super) fn encode(&mut self, piece: &[u8]) -> Bytes {
        let missing = (GROUP - self.carried) % GROUP;
        let (head, rest) = piece.split_at(missing.min(piece.len()));
        let mut text = Vec::with_capacity((piece.len() / GROUP + 1) * GROUP_TEXT);
        if self.carried > 0 {
            let mut group = [0; GROUP];
            group[..self.carried].copy_from_slice(&self.carry[..self.carried]);
            group[self.carried..self.carried + head.len()].copy_from_slice(head);
            if head.len() < missing {
                self.keep(&group[..self.carried + head.len()]);
                return Bytes::new();
            }
            base64_simd::STANDARD.encode_append(group, &mut text);
        }
        let (groups, left) = rest.split_at(rest.len() - rest.len() % GROUP);
        base64_simd::STANDARD.encode_append(groups, &mut text);
        self.keep(left);
        text.into()
    }

    /// The text of what is left, padded.
    pub(super) fn finish(&mut self) -> Bytes {
        let mut text = Vec::new();
        base64_simd::STANDARD.encode_append(&self.carry[..self.carried], &mut text);
        self.carried = 0;
        text.into()
    }

    /// Bytes of text still to come, where `raw` more bytes do.
    pub(super) fn remaining(&self, raw: u64) -> u64 {
        (self.carried as u64 + raw).div_ceil(GROUP as u64) * GROUP_TEXT as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        self.carried == 0
    }

    fn keep(&mut self, left: &[u8]) {
        self.carry[..left.len()].copy_from_slice(left);
        self.carried = left.len();
    }
}

/// Three bytes become four characters.
const GROUP: usize = 3;
const GROUP_TEXT: usize = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn however_it_is_cut_it_is_base64_of_the_whole(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 0..9),
        ) {
            let whole = pieces.concat();
            let mut encoder = Encoder::default();
            let promised = encoder.remaining(whole.len() as u64);
            let mut text: Vec<u8> = pieces.iter().flat_map(|piece| encoder.encode(piece)).collect();
            text.extend(encoder.finish());
            prop_assert_eq!(text.len() as u64, promised);
            prop_assert_eq!(text, base64_simd::STANDARD.encode_to_string(&whole).into_bytes());
            prop_assert!(encoder.is_empty());
        }
    }
}
