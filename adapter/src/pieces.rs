//! A body's pieces, put together only where there is more than one.

use bytes::{Bytes, BytesMut};

/// What has come of a body so far. One piece is handed on as it is, without a copy.
#[derive(Debug, Default)]
pub struct Pieces {
    first: Bytes,
    rest: BytesMut,
}

impl Pieces {
    pub fn len(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the next piece. `expected`: bytes that the whole will probably have; room is made for them once there is
    /// something to put together.
    pub fn push(&mut self, piece: Bytes, expected: usize) {
        if self.is_empty() {
            self.first = piece;
            return;
        }
        if self.rest.is_empty() {
            self.rest.reserve(expected.max(self.first.len() + piece.len()));
            self.rest.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.rest.extend_from_slice(&piece);
    }

    pub fn into_bytes(self) -> Bytes {
        if self.rest.is_empty() { self.first } else { self.rest.freeze() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_piece_is_not_copied() {
        let piece = Bytes::from(vec![7; 10]);
        let mut pieces = Pieces::default();
        pieces.push(Bytes::new(), 10);
        pieces.push(piece.clone(), 10);
        assert_eq!(pieces.into_bytes().as_ptr(), piece.as_ptr());
    }

    #[test]
    fn pieces_come_together_in_order() {
        let mut pieces = Pieces::default();
        for piece in ["ab", "", "cd", "e"] {
            pieces.push(Bytes::from_static(piece.as_bytes()), 0);
        }
        assert_eq!((pieces.len(), pieces.into_bytes()), (5, Bytes::from_static(b"abcde")));
    }
}
