//! One connection: hyper between the gate and the handler.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Version, header};
use http_body::{Frame, SizeHint};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;

use super::{
    Observer,
    gate::Gate,
    pulse::{InFlight, Pulse, Stage},
    socket::Socket,
};

/// Speaks HTTP on `stream` until it is over.
pub(super) async fn serve<S, H, F, B>(
    stream: S,
    peer: SocketAddr,
    pulse: Arc<Pulse>,
    linger_bytes: u64,
    observer: Arc<dyn Observer>,
    handler: H,
) where
    S: Socket,
    H: Fn(Request<Incoming>, SocketAddr) -> F,
    F: Future<Output = Response<B>>,
    B: http_body::Body<Data = Bytes> + Unpin + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    poll_fn(|context| {
        pulse.wake_with(context.waker());
        Poll::Ready(())
    })
    .await;
    pulse.stage(Stage::Http);
    let gate = Gate::new(stream, Arc::clone(&pulse), linger_bytes);
    let service = service_fn(move |request: Request<Incoming>| {
        let call = pulse.call_begins();
        let connection = Arc::clone(&pulse);
        // What has no known length has no chunks there either: only the connection's end tells of its own.
        let ends_with_connection = request.version() == Version::HTTP_10;
        // Only the gate's stand-in has such a target.
        let refusal = if request.uri().path().starts_with('/') { None } else { pulse.refusal() };
        let answer = match refusal {
            None => Ok(handler(request, peer)),
            Some(refusal) => {
                tracing::debug!(%peer, ?refusal, "a request was refused");
                observer.refused(refusal);
                Err(refusal)
            }
        };
        async move {
            let mut answer = match answer {
                Ok(answer) => answer.await.map(Content::Handlers),
                Err(refusal) => refusal.answer().map(Content::Own),
            };
            if call.is_last() {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer.map(|content| Answer {
                content,
                connection,
                ends_with_connection,
                broken: None,
                _call: call,
            }))
        }
    });
    // No timer of hyper's: the watcher has them all.
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(MAX_BUFFER_BYTES)
        .serve_connection(TokioIo::new(gate), service);
    // A connection that breaks is the caller's affair; requests on it have their own line in the log.
    let _broken = connection.await;
}

/// An answer's body. While it lasts, its call does.
struct Answer<B: http_body::Body> {
    content: Content<B>,
    connection: Arc<Pulse>,
    /// An orderly end of the connection would say that the answer is whole. Else HTTP itself says so.
    ends_with_connection: bool,
    /// Why it breaks off, while what was written before has not left. hyper, told of it, drops that, the head too.
    broken: Option<Box<B::Error>>,
    _call: InFlight,
}

impl<B: http_body::Body> Answer<B> {
    /// Waits until the caller's system has taken what was written; hyper asks again whenever it has taken some.
    fn poll_broken(&mut self) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.connection.is_write_blocked() {
            return Poll::Pending;
        }
        if self.ends_with_connection {
            self.connection.break_off();
        }
        Poll::Ready(self.broken.take().map(|error| Err(*error)))
    }
}

enum Content<B> {
    Own(Bytes),
    Handlers(B),
}

impl<B> http_body::Body for Answer<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.broken.is_some() {
            return self.poll_broken();
        }
        match &mut self.content {
            Content::Own(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Own(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Handlers(body) => match ready!(Pin::new(body).poll_frame(context)) {
                Some(Err(error)) => {
                    self.broken = Some(Box::new(error));
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                frame => Poll::Ready(frame),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Own(bytes) => bytes.is_empty(),
            Content::Handlers(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Own(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Handlers(body) => body.size_hint(),
        }
    }
}

/// The most that hyper reads at a time, which it reaches only for callers who send that much at a time.
const MAX_BUFFER_BYTES: usize = 256 * 1024;
