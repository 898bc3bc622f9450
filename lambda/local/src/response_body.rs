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
pub struct Body {
    source: Source,
    /// It breaks off, which has not been said.
    is_broken: bool,
}

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
    fn of(source: Source) -> Self {
        Self { source, is_broken: false }
    }

    pub(crate) fn event_stream(stream: EventStream) -> Self {
        Self::of(Source::EventStream(Box::new(stream)))
    }

    pub(crate) fn pieces(pieces: Pieces) -> Self {
        Self::of(Source::Pieces(Box::new(pieces)))
    }

    /// The bytes, where all of them are here.
    ///
    /// # Errors
    /// They come as they are made.
    pub fn into_whole(self) -> Result<Bytes, Self> {
        match self.source {
            Source::Whole(bytes) => Ok(bytes),
            source @ (Source::EventStream(_) | Source::Pieces(_)) => Err(Self { source, ..self }),
        }
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self::of(Source::Whole(bytes.into()))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if self.is_broken {
            return Poll::Ready(Some(Err(BrokenOff)));
        }
        let bytes = match &mut self.source {
            Source::Whole(rest) if rest.is_empty() => None,
            Source::Whole(rest) => Some(Ok(std::mem::take(rest))),
            Source::EventStream(stream) => ready!(stream.poll_next(cx)),
            Source::Pieces(pieces) => ready!(pieces.poll_next(cx)),
        };
        match bytes {
            None => Poll::Ready(None),
            Some(Ok(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Some(Err(Lost)) => {
                // hyper, told of it, drops what it has not written, the head too. So it is let write first.
                self.is_broken = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Whole(rest) => rest.is_empty(),
            Source::EventStream(_) | Source::Pieces(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Whole(rest) => SizeHint::with_exact(rest.len() as u64),
            Source::EventStream(_) | Source::Pieces(_) => SizeHint::default(),
        }
    }
}
