//! Bodies on their way out: whole or still arriving from Lambda, as they are or as base64 that is encoded while it
//! is written.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use stayput_core::{
    Blame,
    translate::stream::{CutShort, Rest},
};

use crate::{
    backend::{Arriving, BackendError, ReplyBody},
    buffer::Reservation,
    ending::Ending,
};

mod base64;
mod streamed;

use streamed::Streamed;

/// A response body. Its share of the buffer budget is held until its bytes have been written. An error cuts the
/// connection: a broken answer never looks like a whole one.
#[derive(Debug)]
pub struct Body {
    source: Source,
    base64: Option<base64::Encoder>,
    share: Option<Reservation>,
}

#[derive(Debug)]
enum Source {
    /// What is left of it.
    Whole(Bytes),
    Arriving(Box<Arriving>),
    Streamed(Box<Streamed>),
}

/// Why an answer that has begun is not whole.
#[derive(Debug, thiserror::Error)]
pub enum CutOff {
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error(transparent)]
    Short(#[from] CutShort),
}

impl CutOff {
    pub fn blame(&self) -> Blame {
        match self {
            Self::Short(CutShort::Function { .. }) => Blame::Function,
            Self::Short(CutShort::Service { .. } | CutShort::Stream(_)) | Self::Backend(_) => Blame::Backend,
        }
    }
}

/// Bytes and their share, so that one is not given back while the other wait to be written.
struct Held {
    bytes: Bytes,
    _share: Reservation,
}

impl Body {
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self { source: Source::Whole(bytes.into()), base64: None, share: None }
    }

    /// What Lambda answers, wherever it is now.
    pub fn passing(reply: ReplyBody) -> Self {
        match reply {
            ReplyBody::Whole(bytes) => Self::whole(bytes),
            ReplyBody::Arriving(arriving) => {
                Self { source: Source::Arriving(Box::new(arriving)), base64: None, share: None }
            }
        }
    }

    /// What comes of an answer that has begun: its first bytes, what follows them in the event stream and is here, and where the
    /// rest of that comes from.
    pub fn streamed(first: Bytes, input: Bytes, rest: Rest, reply: ReplyBody) -> Self {
        let source = Source::Streamed(Box::new(Streamed::new(first, input, rest, reply)));
        Self { source, base64: None, share: None }
    }

    /// Is it still being made? Then `ending` is told when it is over.
    pub fn tell_at_end(&mut self, ending: impl FnOnce() -> Ending) -> bool {
        match &mut self.source {
            Source::Streamed(streamed) => {
                streamed.told_to(ending());
                true
            }
            Source::Whole(_) | Source::Arriving(_) => false,
        }
    }

    /// What of it is in memory. What is still to come is passed on as it comes.
    pub fn buffered_bytes(&self) -> usize {
        match &self.source {
            Source::Whole(bytes) => bytes.len(),
            Source::Arriving(_) => 0,
            Source::Streamed(streamed) => streamed.buffered_bytes(),
        }
    }

    /// The same bytes as base64: padded, without line breaks (RFC 4648 section 4).
    pub fn as_base64(self) -> Self {
        Self { base64: Some(base64::Encoder::default()), ..self }
    }

    /// Keeps `share` until the bytes have been written, or this body is dropped.
    pub fn holding(self, share: Reservation) -> Self {
        Self { share: Some(share), ..self }
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, CutOff>>> {
        match &mut self.source {
            Source::Whole(rest) if rest.is_empty() => Poll::Ready(None),
            Source::Whole(rest) if self.base64.is_some() => {
                let cut = rest.len().min(BASE64_CHUNK_BYTES);
                Poll::Ready(Some(Ok(rest.split_to(cut))))
            }
            Source::Whole(rest) => Poll::Ready(Some(Ok(std::mem::take(rest)))),
            Source::Arriving(arriving) => {
                let piece = ready!(arriving.poll_piece(cx));
                if let Some(Err(error)) = &piece {
                    tracing::warn!(error = error as &dyn std::error::Error, "an answer had to be cut off");
                }
                Poll::Ready(piece.map(|piece| piece.map_err(CutOff::from)))
            }
            Source::Streamed(streamed) => streamed.poll_bytes(cx),
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
    type Error = CutOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        let this = &mut *self;
        loop {
            let piece = ready!(this.poll_source(cx)?);
            let chunk = match (&mut this.base64, piece) {
                (None, None) => return Poll::Ready(None),
                (None, Some(piece)) => {
                    match this.share.take_if(|_| matches!(this.source, Source::Whole(_))) {
                        Some(share) => Bytes::from_owner(Held { bytes: piece, _share: share }),
                        None => piece,
                    }
                }
                (Some(encoder), Some(piece)) => encoder.encode(&piece),
                (Some(encoder), None) if encoder.is_empty() => return Poll::Ready(None),
                (Some(encoder), None) => encoder.finish(),
            };
            if !chunk.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let at_end = match &self.source {
            Source::Whole(rest) => rest.is_empty(),
            Source::Arriving(arriving) => arriving.is_end_stream(),
            // Its end is to be heard of.
            Source::Streamed(_) => false,
        };
        at_end && self.base64.as_ref().is_none_or(base64::Encoder::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        let raw = match &self.source {
            Source::Whole(rest) => SizeHint::with_exact(rest.len() as u64),
            Source::Arriving(arriving) => arriving.size_hint(),
            Source::Streamed(_) => SizeHint::default(),
        };
        match (&self.base64, raw.exact()) {
            (None, _) => raw,
            (Some(encoder), Some(bytes)) => SizeHint::with_exact(encoder.remaining(bytes)),
            (Some(_), None) => SizeHint::default(),
        }
    }
}

/// Raw bytes encoded at a time where all are here.
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
        let body = Body::whole(raw.clone()).as_base64();
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
