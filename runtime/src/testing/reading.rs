//! A streamed answer, read as its caller would.

use std::{convert::Infallible, fmt, future::poll_fn, pin::Pin};

use bytes::{Bytes, BytesMut};
use http_body::Body;
use lambda_protocol::http_stream::{HttpStreamHead, Opened, Opening};
use tracing::{Instrument, Span};

use crate::{Error, late_error};

/// The body of a streamed answer. The function runs while this is being read, and not otherwise; to drop it is to go
/// away in the middle.
pub struct Reading {
    body: Pin<Box<dyn Body<Data = Bytes, Error = Infallible>>>,
    span: Span,
}

impl Reading {
    pub(super) fn new(body: impl Body<Data = Bytes, Error = Infallible> + 'static, span: Span) -> Self {
        Self { body: Box::pin(body), span }
    }

    /// The next piece, never an empty one; once the stream fails, the fault; `None` at its end.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        loop {
            let span = self.span.clone();
            let frame = poll_fn(|task| self.body.as_mut().poll_frame(task)).instrument(span).await?;
            let Ok(frame) = frame;
            match frame.into_data() {
                Ok(piece) if piece.is_empty() => {}
                Ok(piece) => return Some(Ok(piece)),
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    return Some(Err(late_error::decode(&trailers).expect("trailers tell the fault")));
                }
            }
        }
    }

    /// All that is left, in one.
    ///
    /// # Errors
    /// The fault, if the stream ends with one.
    pub async fn rest(mut self) -> Result<Bytes, Error> {
        let mut rest = BytesMut::new();
        while let Some(piece) = self.next().await {
            rest.extend_from_slice(&piece?);
        }
        Ok(rest.freeze())
    }

    /// Reads the head of an HTTP answer, which is a piece of its own.
    pub(super) async fn open(mut self) -> Result<(HttpStreamHead, Self), Error> {
        let prelude = self.next().await.expect("an HTTP answer begins with its head")?;
        let opened = Opening::default().read(prelude)?;
        let Some(Opened::Head { head, rest: _ }) = opened else {
            unreachable!("it is not longer than may be")
        };
        Ok((head, self))
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}
