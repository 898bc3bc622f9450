//! One thread a core, each with a runtime, a listener and connections of its own: no request crosses cores.

use std::{future::Future, io, net::SocketAddr, sync::Arc, thread};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, oneshot, watch},
};

use super::{
    Limits, Listening, Observer,
    listener::{self, Ended},
};

/// Serves every listener on a thread of its own until `stop` is ready, then lets requests that were accepted finish,
/// for `limits.drain` at most. Dropped, it ends the threads all the same, without waiting for them.
///
/// The handler is cloned for each worker, and its futures never leave the thread on which they began.
///
/// # Errors
/// A thread or its runtime could not be started; none is left behind.
pub async fn serve<H, F, B>(
    listening: Listening,
    limits: Limits,
    stop: impl Future<Output = ()>,
    observer: Arc<dyn Observer>,
    handler: H,
) -> io::Result<Ended>
where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    let places = Arc::new(Semaphore::new(limits.connections));
    let (stopper, _) = watch::channel(false);
    let mut workers = Vec::new();
    let (listeners, protection) = listening.into_parts();
    for (index, listener) in listeners.into_iter().enumerate() {
        let (limits, handler, places) = (limits.clone(), handler.clone(), Arc::clone(&places));
        let (protection, observer) = (protection.clone(), Arc::clone(&observer));
        let mut stopped = stopper.subscribe();
        let stopped = async move {
            // An error means that nobody waits for us any more, which is the end as well.
            let _dropped = stopped.wait_for(|&stop| stop).await;
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (tell, ended) = oneshot::channel();
        thread::Builder::new().name(format!("front-{index}")).spawn(move || {
            let ended = runtime.block_on(async {
                let listener = TcpListener::from_std(listener)?;
                Ok(listener::serve(listener, protection, &limits, places, stopped, observer, handler).await)
            });
            // First the connections that were cut go, then the word that they are gone.
            drop(runtime);
            let _nobody_waits = tell.send(ended);
        })?;
        workers.push(ended);
    }
    stop.await;
    stopper.send_replace(true);
    let mut all = Ended::default();
    for ended in workers {
        all += ended.await.unwrap_or_else(|_| Err(io::Error::other("a worker of the front panicked")))?;
    }
    Ok(all)
}
