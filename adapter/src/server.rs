//! HTTP/1.1 on a listener: connections in, requests to a handler, a graceful end.

use std::{convert::Infallible, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// Serves `listener` until `stop` is ready, then lets requests that were accepted finish, for [`DRAIN`] at most.
pub async fn serve<H, F, B>(listener: TcpListener, stop: impl Future<Output = ()>, handler: H)
where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: std::error::Error + Send + Sync,
{
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut stop = std::pin::pin!(stop);
    loop {
        // The place comes first: with all of them taken, callers wait in the kernel's queue.
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        let Some((stream, peer)) = accepted_or_pause(accepted).await else { continue };
        let handler = handler.clone();
        let service = service_fn(move |request| {
            let answer = handler(request, peer);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_READ_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            // A connection that breaks is the caller's affair; requests on it have their own line in the log.
            let _broken = connection.await;
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, connections.shutdown()).await.is_err() {
        tracing::warn!(after = ?DRAIN, "some calls were still running at the end");
    }
}

/// Out of descriptors or the like: wait for some to come back instead of spinning.
async fn accepted_or_pause(accepted: io::Result<(TcpStream, SocketAddr)>) -> Option<(TcpStream, SocketAddr)> {
    match accepted {
        Ok((stream, peer)) => {
            // Answers are written whole; waiting for more to send only adds latency.
            let _unsupported = stream.set_nodelay(true);
            Some((stream, peer))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Connections at a time.
const MAX_CONNECTIONS: usize = 10_000;

/// A request's head must be whole by then (security-and-delivery.md 1.4).
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long accepted calls may take to finish once the end has come.
const DRAIN: Duration = Duration::from_secs(5);

const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
