//! A streamed answer, as it goes out: perhaps a prelude, the stream's pieces, and if it fails, why.

use std::{
    cell::Cell,
    convert::Infallible,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;
use http::HeaderValue;
use http_body::{Body, Frame};

use crate::{Error, late_error, panics::guarded};

/// What a handler that streams has answered. Nothing of `body` has been asked for yet.
pub(crate) struct Answer<S> {
    pub(crate) content_type: HeaderValue,
    pub(crate) body: AnswerBody<S>,
}

/// An HTTP body that asks `S` for a piece whenever it is asked for one, and never before.
pub(crate) struct AnswerBody<S> {
    prelude: Option<Bytes>,
    /// `None`: it has ended.
    stream: Option<Pin<Box<S>>>,
    ended: Ended,
}

impl<S> AnswerBody<S> {
    pub(crate) fn new(prelude: Option<Bytes>, stream: S) -> Self {
        Self { prelude, stream: Some(Box::pin(stream)), ended: Ended::default() }
    }

    /// Tells of this body while somebody else has it.
    pub(crate) fn ended(&self) -> Ended {
        self.ended.clone()
    }

    fn end(&mut self) {
        self.stream = None;
        self.ended.0.set(true);
    }
}

/// Whether the stream has said all it had to say, or why it could not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ended(Rc<Cell<bool>>);

impl Ended {
    pub(crate) fn is_true(&self) -> bool {
        self.0.get()
    }
}

impl<S, B> Body for AnswerBody<S>
where
    S: Stream<Item = Result<B, Error>>,
    B: Into<Bytes>,
{
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(prelude) = self.prelude.take() {
            return Poll::Ready(Some(Ok(Frame::data(prelude))));
        }
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        let error = match guarded(|| stream.as_mut().poll_next(task).map_ok(Into::into)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Some(Ok(piece)))) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
            Ok(Poll::Ready(None)) => {
                self.end();
                return Poll::Ready(None);
            }
            Ok(Poll::Ready(Some(Err(error)))) | Err(error) => error,
        };
        tracing::error!("{error:?}");
        self.end();
        Poll::Ready(Some(Ok(Frame::trailers(late_error::encode(&error)))))
    }
}
