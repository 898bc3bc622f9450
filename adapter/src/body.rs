//! Bodies on their way out: whole, or as base64 that is encoded while it is written.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::buffer::Reservation;

/// A response body. Its share of the buffer budget is held until its bytes have been written.
#[derive(Debug)]
pub struct Body {
    rest: Bytes,
    encoding: Encoding,
    share: Option<Reservation>,
}

/// Bytes and their share, so that one is not given back while the other wait to be written.
struct Held {
    bytes: Bytes,
    _share: Reservation,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Encoding {
    Identity,
    /// Padded, without line breaks (RFC 4648 section 4).
    Base64,
}

impl Body {
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self { rest: bytes.into(), encoding: Encoding::Identity, share: None }
    }

    pub fn base64(bytes: Bytes) -> Self {
        Self { rest: bytes, encoding: Encoding::Base64, share: None }
    }

    /// Keeps `share` until the bytes have been written, or this body is dropped.
    pub fn holding(self, share: Reservation) -> Self {
        Self { share: Some(share), ..self }
    }

    /// Bytes still to be written, encoded.
    fn remaining(&self) -> u64 {
        let raw = self.rest.len() as u64;
        match self.encoding {
            Encoding::Identity => raw,
            Encoding::Base64 => raw.div_ceil(3) * 4,
        }
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let chunk = match self.encoding {
            Encoding::Identity => {
                let bytes = std::mem::take(&mut self.rest);
                match self.share.take() {
                    Some(share) => Bytes::from_owner(Held { bytes, _share: share }),
                    None => bytes,
                }
            }
            Encoding::Base64 => {
                let cut = self.rest.len().min(BASE64_CHUNK_BYTES);
                base64_simd::STANDARD.encode_type::<Vec<u8>>(&self.rest.split_to(cut)).into()
            }
        };
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining())
    }
}

/// Raw bytes encoded at a time. A multiple of three, so that padding comes only at the very end.
const BASE64_CHUNK_BYTES: usize = 48 * 1024;

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::buffer::BufferBudget;

    #[track_caller]
    fn check(len: usize) {
        let raw: Vec<u8> = (0..=250).cycle().take(len).collect();
        let body = Body::base64(raw.clone().into());
        let promised = body.size_hint().exact();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let written = runtime.block_on(body.collect()).unwrap().to_bytes();
        assert_eq!(written, base64_simd::STANDARD.encode_to_string(&raw).as_bytes(), "{len} bytes");
        assert_eq!(promised, Some(written.len() as u64), "{len} bytes");
    }

    #[test]
    fn a_share_is_held_until_the_bytes_are_gone() {
        let budget = BufferBudget::new(100);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut request = http_body_util::Full::new(Bytes::from_static(b"abc"));
        let collected = runtime.block_on(budget.collect(&http::HeaderMap::new(), &mut request, 10));
        let (bytes, share) = collected.unwrap();
        let frame = runtime.block_on(Body::whole(bytes).holding(share).frame()).unwrap().unwrap();
        assert_eq!(budget.used_bytes(), 3, "the body is gone, its bytes are not");
        drop(frame);
        assert_eq!(budget.used_bytes(), 0);
    }

    #[test]
    fn base64_in_pieces_is_base64_of_the_whole() {
        for len in
            [0, 1, 2, 3, 4, BASE64_CHUNK_BYTES - 1, BASE64_CHUNK_BYTES, BASE64_CHUNK_BYTES + 1, 200_000]
        {
            check(len);
        }
    }
}
