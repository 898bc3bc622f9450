//! The last bytes of an invocation's log, for `X-Amz-Log-Result`.

use http::HeaderValue;

use crate::quotas::LOG_TAIL_BYTES;

/// Keeps the last [`LOG_TAIL_BYTES`] of what is pushed, however much that is.
///
/// Cut on bytes, as Lambda does: the text may begin in the middle of a line or of a character.
#[derive(Clone, Debug)]
pub struct LogTail {
    ring: Box<[u8; LOG_TAIL_BYTES]>,
    /// Where the next byte goes.
    next: usize,
    /// How many bytes of the ring are filled.
    len: usize,
}

impl LogTail {
    pub fn new() -> Self {
        Self { ring: Box::new([0; LOG_TAIL_BYTES]), next: 0, len: 0 }
    }

    pub fn push(&mut self, log: &[u8]) {
        let log = &log[log.len().saturating_sub(LOG_TAIL_BYTES)..];
        let (to_end, from_begin) = log.split_at(log.len().min(LOG_TAIL_BYTES - self.next));
        self.ring[self.next..][..to_end.len()].copy_from_slice(to_end);
        self.ring[..from_begin.len()].copy_from_slice(from_begin);
        self.next = (self.next + log.len()) % LOG_TAIL_BYTES;
        self.len = (self.len + log.len()).min(LOG_TAIL_BYTES);
    }

    pub fn clear(&mut self) {
        (self.next, self.len) = (0, 0);
    }

    pub fn to_vec(&self) -> Vec<u8> {
        if self.len < LOG_TAIL_BYTES {
            return self.ring[..self.len].to_vec();
        }
        let (newer, older) = self.ring.split_at(self.next);
        [older, newer].concat()
    }

    /// Padded base64.
    pub fn to_base64(&self) -> String {
        base64_simd::STANDARD.encode_to_string(self.to_vec())
    }

    /// The value of `X-Amz-Log-Result`.
    pub fn to_header(&self) -> HeaderValue {
        HeaderValue::try_from(self.to_base64()).expect("base64 is ASCII")
    }
}

impl Default for LogTail {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_last_bytes_survive_a_flood() {
        let mut tail = LogTail::new();
        for number in 0..100_000 {
            tail.push(format!("line {number}\n").as_bytes());
        }
        let kept = tail.to_vec();
        assert_eq!(kept.len(), LOG_TAIL_BYTES);
        assert!(kept.ends_with(b"line 99998\nline 99999\n"));
    }

    #[test]
    fn the_header_is_base64_of_the_log() {
        let mut tail = LogTail::new();
        tail.push(b"START\n");
        assert_eq!(tail.to_header(), "U1RBUlQK");
        tail.clear();
        assert_eq!(tail.to_header(), "");
    }

    proptest! {
        #[test]
        fn it_holds_what_a_plain_buffer_would(
            pushes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6000), 0..8),
            clear_at in 0..8_usize,
        ) {
            let (mut tail, mut whole) = (LogTail::new(), Vec::new());
            for (index, push) in pushes.iter().enumerate() {
                if index == clear_at {
                    tail.clear();
                    whole.clear();
                }
                tail.push(push);
                whole.extend_from_slice(push);
                let expected = &whole[whole.len().saturating_sub(LOG_TAIL_BYTES)..];
                prop_assert_eq!(&tail.to_vec()[..], expected);
            }
        }
    }
}
