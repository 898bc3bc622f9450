//! Callers, and what they saw.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, StatusCode, header, response};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

use super::gateway::{FUNCTION, secret};

/// What came of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// `None`: no whole answer.
    pub(crate) status: Option<StatusCode>,
    /// From when it was due.
    pub(crate) took: Duration,
}

/// One connection, made again when it breaks.
pub(crate) struct Connection {
    address: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, sender: None }
    }

    /// The answer's head, once all of it is there.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> io::Result<response::Parts> {
        let answer = self.try_send(request).await;
        if answer.is_err() {
            self.sender = None;
        }
        answer
    }

    async fn try_send(&mut self, request: Request<Full<Bytes>>) -> io::Result<response::Parts> {
        if self.sender.as_ref().is_none_or(SendRequest::is_closed) {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
            tokio::spawn(connection);
            self.sender = Some(sender);
        }
        let sender = self.sender.as_mut().expect("it was just made");
        sender.ready().await.map_err(io::Error::other)?;
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let (head, body) = response.into_parts();
        body.collect().await.map_err(io::Error::other)?;
        Ok(head)
    }
}

/// One call with a key.
async fn call(connection: &mut Connection, key: usize, due: Instant) -> Seen {
    let request = Request::post(format!("/function/{FUNCTION}"))
        .header(header::HOST, "gateway")
        .header(header::AUTHORIZATION, format!("Bearer {}", secret(key)))
        .body(Full::new(Bytes::from_static(b"hello")))
        .expect("a request");
    let status = connection.send(request).await.ok().map(|head| head.status);
    Seen { status, took: due.elapsed() }
}

/// Calls as fast as answers come, on `connections` connections; the key of each by `key_of`. Whoever is refused waits
/// [`PAUSE`].
pub(crate) async fn closed(
    address: SocketAddr,
    connections: usize,
    time: Duration,
    key_of: impl Fn(usize) -> usize,
) -> Vec<Seen> {
    let end = Instant::now() + time;
    let callers: JoinSet<_> = (0..connections)
        .map(|index| {
            let key = key_of(index);
            async move {
                let (mut connection, mut seen) = (Connection::new(address), Vec::new());
                while Instant::now() < end {
                    let one = call(&mut connection, key, Instant::now()).await;
                    if one.status != Some(StatusCode::OK) {
                        tokio::time::sleep(PAUSE).await;
                    }
                    seen.push(one);
                }
                seen
            }
        })
        .collect();
    callers.join_all().await.concat()
}

/// `rate` calls a second, whatever comes back: each is due at its time, and is late where no connection is free.
pub(crate) async fn open(
    address: SocketAddr,
    connections: usize,
    rate: f64,
    time: Duration,
    key_of: impl Fn(u64) -> usize + Clone + Send + 'static,
) -> Vec<Seen> {
    let (begun, next) = (Instant::now(), Arc::<AtomicU64>::default());
    let callers: JoinSet<_> = (0..connections)
        .map(|_| {
            let (next, key_of) = (Arc::clone(&next), key_of.clone());
            async move {
                let (mut connection, mut seen) = (Connection::new(address), Vec::new());
                loop {
                    let number = next.fetch_add(1, Relaxed);
                    let at = Duration::from_secs_f64(
                        f64::from(u32::try_from(number).expect("not so many")) / rate,
                    );
                    if at > time {
                        return seen;
                    }
                    tokio::time::sleep_until((begun + at).into()).await;
                    seen.push(call(&mut connection, key_of(number), begun + at).await);
                }
            }
        })
        .collect();
    callers.join_all().await.concat()
}

/// The time under which 99 % of these stay.
pub(crate) fn p99<'a>(seen: impl Iterator<Item = &'a Seen>) -> Duration {
    let mut took: Vec<Duration> = seen.map(|one| one.took).collect();
    took.sort_unstable();
    took.get(took.len() * 99 / 100).copied().unwrap_or_default()
}

pub(crate) fn answered(seen: &[Seen]) -> impl Iterator<Item = &Seen> {
    seen.iter().filter(|one| one.status == Some(StatusCode::OK))
}

/// Refused for being too many.
pub(crate) fn refused(seen: &[Seen]) -> impl Iterator<Item = &Seen> {
    let too_many = [Some(StatusCode::TOO_MANY_REQUESTS), Some(StatusCode::SERVICE_UNAVAILABLE)];
    seen.iter().filter(move |one| too_many.contains(&one.status))
}

/// Of a refused caller who calls as fast as it may.
const PAUSE: Duration = Duration::from_millis(5);
