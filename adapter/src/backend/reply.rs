//! A reply's body: here already, or still arriving.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use lambda_protocol::quotas::TIMEOUT_MAX;
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
    source: Source,
    /// How long it may stand still.
    stall_limit: Duration,
    /// Runs while nothing comes; made when that first happens.
    stall: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

/// Where it comes from.
enum Source {
    Wire {
        incoming: Incoming,
        lease: Option<Lease>,
    },
    /// Another backend's own.
    Other(Pin<Box<dyn http_body::Body<Data = Bytes, Error = BackendError> + Send>>),
}

impl Arriving {
    pub(super) fn new(incoming: Incoming, lease: Lease, stall_limit: Duration) -> Self {
        let source = Source::Wire { incoming, lease: Some(lease) };
        Self { source, stall_limit, stall: None, waiting: false }
    }

    /// The next piece; `None` at the end. Trailers are skipped: Lambda sends none.
    pub fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BackendError>>> {
        loop {
            let frame = ready!(Pin::new(&mut *self).poll_frame(cx));
            match frame.map(|frame| frame.map(Frame::into_data)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(Ok(data))) => return Poll::Ready(Some(Ok(data))),
                Some(Ok(Err(_))) => {}
            }
        }
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
        let Poll::Ready(frame) = self.source.poll_frame(cx) else {
            ready!(self.poll_stall(cx));
            self.source.give_up();
            return Poll::Ready(Some(Err(BackendError::Stalled)));
        };
        self.waiting = false;
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Wire { incoming, .. } => incoming.is_end_stream(),
            Source::Other(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Wire { incoming, .. } => incoming.size_hint(),
            Source::Other(body) => body.size_hint(),
        }
    }
}

impl Source {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BackendError>>> {
        let (incoming, lease) = match self {
            Self::Wire { incoming, lease } => (incoming, lease),
            Self::Other(body) => return body.as_mut().poll_frame(cx),
        };
        let frame = ready!(Pin::new(&mut *incoming).poll_frame(cx));
        if (frame.is_none() || incoming.is_end_stream())
            && let Some(lease) = lease.take()
        {
            lease.give_back();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|error| BackendError::Broken(error.into()))))
    }

    /// Nothing is read any more.
    fn give_up(&mut self) {
        match self {
            Self::Wire { lease, .. } => *lease = None,
            Self::Other(_) => {}
        }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Wire { .. } => "Wire",
            Self::Other(_) => "Other",
        })
    }
}

impl ReplyBody {
    /// A backend's own body, whose pieces come when they come.
    pub(super) fn arriving(
        body: impl http_body::Body<Data = Bytes, Error = BackendError> + Send + 'static,
    ) -> Self {
        let source = Source::Other(Box::pin(body));
        Self::Arriving(Arriving { source, stall_limit: TIMEOUT_MAX, stall: None, waiting: false })
    }

    /// From now on there may be so long a pause before a piece.
    pub fn may_pause_for(&mut self, limit: Duration) {
        match self {
            Self::Whole(_) => {}
            Self::Arriving(arriving) => arriving.stall_limit = limit,
        }
    }

    /// The next piece of it; `None` at its end.
    pub fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BackendError>>> {
        match self {
            Self::Whole(rest) if rest.is_empty() => Poll::Ready(None),
            Self::Whole(rest) => Poll::Ready(Some(Ok(std::mem::take(rest)))),
            Self::Arriving(arriving) => arriving.poll_piece(cx),
        }
    }

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
