//! A reply's body: here already, or still arriving.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use super::{BackendError, lean::Lease};
use crate::pieces::Pieces;

/// The payload of a reply.
#[derive(Debug)]
pub enum ReplyBody {
    Whole(Bytes),
    /// Larger than is worth waiting for: it can be passed on piece by piece.
    Arriving(Arriving),
}

/// A payload on its way from Lambda. Its connection goes back to the pool once the last byte is here, and is closed
/// if this is dropped before.
#[derive(Debug)]
pub struct Arriving {
    incoming: Incoming,
    lease: Option<Lease>,
    /// How long it may stand still.
    stall_limit: Duration,
    /// Runs while nothing comes; made when that first happens.
    stall: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Arriving {
    pub(super) fn new(incoming: Incoming, lease: Lease, stall_limit: Duration) -> Self {
        Self { incoming, lease: Some(lease), stall_limit, stall: None, waiting: false }
    }

    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limit = self.stall_limit;
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(limit)));
        if !self.waiting {
            stall.as_mut().reset(Instant::now() + limit);
            self.waiting = true;
        }
        stall.as_mut().poll(cx)
    }
}

impl http_body::Body for Arriving {
    type Data = Bytes;
    type Error = BackendError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BackendError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
            ready!(self.poll_stall(cx));
            self.lease = None;
            return Poll::Ready(Some(Err(BackendError::Stalled)));
        };
        self.waiting = false;
        if (frame.is_none() || self.incoming.is_end_stream())
            && let Some(lease) = self.lease.take()
        {
            lease.give_back();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|error| BackendError::Broken(error.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl ReplyBody {
    /// What of it is in memory. What is still arriving is passed on as it comes.
    pub fn buffered_bytes(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Arriving(_) => 0,
        }
    }

    /// The bytes, read to their end where they are still arriving. `None`: more than `limit`.
    ///
    /// # Errors
    /// They did not all come.
    pub async fn collect(self, limit: usize) -> Result<Option<Bytes>, BackendError> {
        match self {
            Self::Whole(bytes) => Ok((bytes.len() <= limit).then_some(bytes)),
            Self::Arriving(arriving) => collect(arriving, limit).await,
        }
    }
}

pub(super) async fn collect<B>(mut body: B, limit: usize) -> Result<Option<Bytes>, B::Error>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Ok(None);
    }
    let mut pieces = Pieces::default();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame?.into_data() else { continue };
        if pieces.len() + piece.len() > limit {
            return Ok(None);
        }
        pieces.push(piece, announced);
    }
    Ok(Some(pieces.into_bytes()))
}
