//! One listener: connections in, watched while they last, and a graceful end.

use std::{
    convert::Infallible, future::Future, io, net::SocketAddr, ops::AddAssign, sync::Arc, time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::unconstrained,
    time::{Instant, MissedTickBehavior},
};

use super::{Limits, Observer, protection::Protection, pulse::Pulse, watched::Watched};

/// How it ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Ended {
    /// Calls that had been accepted and were cut when the time for them was over.
    pub cut: usize,
}

impl AddAssign for Ended {
    fn add_assign(&mut self, other: Self) {
        self.cut += other.cut;
    }
}

/// Serves `listener` on the runtime that it runs on until `stop` is ready, then lets requests that were accepted
/// finish, for `limits.drain` at most.
pub async fn serve_here<H, F, B>(
    listener: TcpListener,
    limits: Limits,
    stop: impl Future<Output = ()>,
    observer: Arc<dyn Observer>,
    handler: H,
) -> Ended
where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    let places = Arc::new(Semaphore::new(limits.connections));
    serve(listener, Protection::None, &limits, places, stop, observer, handler).await
}

/// As [`serve_here`], sharing `places` with other listeners.
pub(super) async fn serve<H, F, B>(
    listener: TcpListener,
    protection: Protection,
    limits: &Limits,
    places: Arc<Semaphore>,
    stop: impl Future<Output = ()>,
    observer: Arc<dyn Observer>,
    handler: H,
) -> Ended
where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    // Closes once the last connection has gone.
    let (alive, mut all_gone) = mpsc::channel::<Infallible>(1);
    let mut watched = Watched::default();
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looked = Instant::now();
    let mut stop = std::pin::pin!(stop);
    let linger_bytes = limits.linger_bytes;
    let start = move |stream: TcpStream, peer, place: OwnedSemaphorePermit| {
        let pulse = Pulse::new(protection.first_stage());
        let (handler, alive, protection) = (handler.clone(), alive.clone(), protection.clone());
        let (ours, observer) = (Arc::clone(&pulse), Arc::clone(&observer));
        // Before the task, which may be cut before it begins.
        let over = Over::after(&pulse, &observer);
        let task = tokio::spawn(async move {
            protection.serve(stream, peer, ours, linger_bytes, observer, handler).await;
            drop((over, place, alive));
        });
        (pulse, task.abort_handle())
    };
    loop {
        let accepted = async {
            // The place comes first: with all of them taken, callers wait in the kernel's queue.
            let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
            // However much there is to do on this thread, the kernel's queue is emptied at each turn: who does not fit into it
            // tries again after seconds.
            (unconstrained(listener.accept()).await, place)
        };
        tokio::select! {
            biased;
            () = &mut stop => break,
            // Nobody to be watched, nothing that wakes this machine.
            now = looks.tick(), if !watched.is_empty() => {
                watched.look(now.saturating_duration_since(looked).min(MAX_LOOK), limits);
                looked = now;
            }
            (accepted, place) = accepted => {
                let Some((stream, peer)) = accepted_or_pause(accepted).await else { continue };
                if watched.is_empty() {
                    looked = Instant::now();
                    looks.reset();
                }
                watched.push(start(stream, peer, place));
            }
        }
    }
    // Whoever is in the kernel's queue has been told that the connection stands. Asked of the kernel itself, as the
    // runtime may not know of the last ones yet.
    let queue = listener.into_std();
    while let Ok(place) = Arc::clone(&places).try_acquire_owned() {
        let accepted = queue.as_ref().ok().and_then(|queue| queue.accept().ok());
        let Some((stream, peer)) = accepted.and_then(ready) else { break };
        watched.push(start(stream, peer, place));
    }
    drop((queue, start));
    watched.close();
    let deadline = tokio::time::sleep(limits.drain);
    let mut deadline = std::pin::pin!(deadline);
    loop {
        tokio::select! {
            _ = all_gone.recv() => return Ended::default(),
            () = &mut deadline => break,
            now = looks.tick() => {
                watched.look(now.saturating_duration_since(looked).min(MAX_LOOK), limits);
                looked = now;
            }
        }
    }
    let cut = watched.cut();
    if cut > 0 {
        tracing::warn!(calls = cut, after = ?limits.drain, "calls that were still running at the end were cut");
    }
    Ended { cut }
}

/// Says that a connection is over, however it ended.
struct Over {
    pulse: Arc<Pulse>,
    observer: Arc<dyn Observer>,
}

impl Over {
    fn after(pulse: &Arc<Pulse>, observer: &Arc<dyn Observer>) -> Self {
        observer.opened();
        Self { pulse: Arc::clone(pulse), observer: Arc::clone(observer) }
    }
}

impl Drop for Over {
    fn drop(&mut self) {
        self.pulse.over();
        self.observer.closed();
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

fn ready((stream, peer): (std::net::TcpStream, SocketAddr)) -> Option<(TcpStream, SocketAddr)> {
    stream.set_nonblocking(true).ok()?;
    let _unsupported = stream.set_nodelay(true);
    Some((TcpStream::from_std(stream).ok()?, peer))
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Between two looks at the connections; by so much may each limit be overrun.
const LOOK: Duration = Duration::from_millis(500);

/// A machine that was asleep does not take it out on its callers.
const MAX_LOOK: Duration = Duration::from_secs(2);
