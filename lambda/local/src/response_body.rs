//! Response bodies: here already, or as the function makes them.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::{answer::Lost, event_stream::EventStream, url::Pieces};

/// The body of an answer.
#[derive(Debug)]
pub struct Body(Source);

#[derive(Debug)]
enum Source {
    /// What is left of it.
    Whole(Bytes),
    EventStream(Box<EventStream>),
    Pieces(Box<Pieces>),
}

/// Why a body is not whole: the service is shutting down, could not run the function to its end, or has nothing left but
/// this to tell that the function has failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the local Lambda could not run the function to its end")]
pub struct BrokenOff;

impl Body {
    pub(crate) fn event_stream(stream: EventStream) -> Self {
        Self(Source::EventStream(Box::new(stream)))
    }

    pub(crate) fn pieces(pieces: Pieces) -> Self {
        Self(Source::Pieces(Box::new(pieces)))
    }

    /// The bytes, where all of them are here.
    ///
    /// # Errors
    /// They come as they are made.
    pub fn into_whole(self) -> Result<Bytes, Self> {
        match self.0 {
            Source::Whole(bytes) => Ok(bytes),
            Source::EventStream(_) | Source::Pieces(_) => Err(self),
        }
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self(Source::Whole(bytes.into()))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let bytes = match &mut self.0 {
            Source::Whole(rest) if rest.is_empty() => None,
            Source::Whole(rest) => Some(Ok(std::mem::take(rest))),
            Source::EventStream(stream) => ready!(stream.poll_next(cx)),
            Source::Pieces(pieces) => ready!(pieces.poll_next(cx)),
        };
        Poll::Ready(bytes.map(|bytes| bytes.map(Frame::data).map_err(|Lost| BrokenOff)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Whole(rest) => rest.is_empty(),
            Source::EventStream(_) | Source::Pieces(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Whole(rest) => SizeHint::with_exact(rest.len() as u64),
            Source::EventStream(_) | Source::Pieces(_) => SizeHint::default(),
        }
    }
}
