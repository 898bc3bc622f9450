//! One post to a callback's URL, over a connection to an address that was judged.
//!
//! No redirects, no proxies, no cookies, nothing kept: the address that is dialled is the one that was looked at, at every
//! attempt. Source: security-and-delivery.md 1.1.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use stayput_core::{
    CallbackUrl,
    callback::{Policy, Verdict, classify},
    delivery::{Attempted, NoAnswer, retry_after},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

#[cfg(feature = "tls")]
use crate::tls::Tls;

/// How callbacks are posted.
#[derive(Clone, Debug)]
pub struct Post {
    pub network: Arc<dyn Network>,
    /// For https.
    #[cfg(feature = "tls")]
    pub tls: Option<Tls>,
}

/// Names and connections: the machine's, or an exam's.
pub trait Network: std::fmt::Debug + Send + Sync {
    /// Every address of a name.
    fn resolve<'a>(&'a self, host: &'a str) -> NetworkFuture<'a, Vec<IpAddr>>;

    /// A connection to an address, which has been judged.
    fn dial(&self, address: SocketAddr) -> NetworkFuture<'_, TcpStream>;
}

pub type NetworkFuture<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// This machine's resolver and its routes.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThisMachine;

impl Network for ThisMachine {
    fn resolve<'a>(&'a self, host: &'a str) -> NetworkFuture<'a, Vec<IpAddr>> {
        Box::pin(async move {
            // Port 0: only the address counts.
            Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
        })
    }

    fn dial(&self, address: SocketAddr) -> NetworkFuture<'_, TcpStream> {
        Box::pin(TcpStream::connect(address))
    }
}

impl Post {
    /// Posts once. What the receiver says beside status and `Retry-After` is read, up to a limit, and forgotten.
    pub async fn send(
        &self,
        url: &CallbackUrl,
        policy: &Policy,
        headers: HeaderMap,
        body: Bytes,
    ) -> Attempted {
        let attempt = async {
            match timeout(CONNECT_LIMIT, self.connect(url, policy)).await {
                Ok(connection) => self.speak(url, connection?, headers, body).await,
                Err(_) => Err(NoAnswer::TimedOut),
            }
        };
        match timeout(ATTEMPT_LIMIT, attempt).await {
            Ok(attempted) => attempted.unwrap_or_else(Attempted::NoAnswer),
            Err(_) => Attempted::NoAnswer(NoAnswer::TimedOut),
        }
    }

    /// A name with one forbidden address is refused with all of them: no race decides which one is dialled.
    async fn connect(&self, url: &CallbackUrl, policy: &Policy) -> Result<TcpStream, NoAnswer> {
        let addresses = match url.address() {
            Some(address) => vec![address],
            None => self.network.resolve(&url.host()).await.map_err(|_| NoAnswer::Unresolved)?,
        };
        if addresses.iter().any(|address| classify(*address, policy) != Verdict::Allowed) {
            return Err(NoAnswer::Forbidden);
        }
        let mut failed = NoAnswer::Unresolved;
        for address in addresses.into_iter().take(MAX_ADDRESSES) {
            match self.network.dial(SocketAddr::new(address, url.port())).await {
                Ok(stream) => return Ok(stream),
                Err(_) => failed = NoAnswer::Unreachable,
            }
        }
        Err(failed)
    }

    async fn speak(
        &self,
        url: &CallbackUrl,
        stream: TcpStream,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Attempted, NoAnswer> {
        if !url.is_https() {
            return exchange(url, stream, headers, body).await;
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            let stream = tls.connect(&url.host(), stream).await.map_err(|_| NoAnswer::Tls)?;
            return exchange(url, stream, headers, body).await;
        }
        Err(NoAnswer::Tls)
    }
}

async fn exchange<S>(
    url: &CallbackUrl,
    stream: S,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Attempted, NoAnswer>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let handshake = http1::Builder::new()
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .handshake(TokioIo::new(stream))
        .await;
    let (mut sender, connection) = handshake.map_err(|_| NoAnswer::Broken)?;
    let answer = async {
        // Also of nothing (RFC 9110 8.6): receivers that wait for one would wait for a body.
        let length = body.len().into();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url.target().parse().map_err(|_| NoAnswer::Broken)?;
        *request.headers_mut() = headers;
        request.headers_mut().insert(header::HOST, url.host_field());
        request.headers_mut().insert(header::CONTENT_LENGTH, length);
        request.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
        let answer = sender.send_request(request).await.map_err(|_| NoAnswer::Broken)?;
        let (head, body) = answer.into_parts();
        let pause = head.headers.get(header::RETRY_AFTER);
        let pause = pause.and_then(|value| retry_after(value, SystemTime::now()));
        discard(body).await;
        Ok(Attempted::Answered { status: head.status, retry_after: pause })
    };
    tokio::pin!(answer, connection);
    // Driven here and not by a task of its own, so that nothing of it outlives the attempt.
    tokio::select! {
        biased;
        attempted = &mut answer => attempted,
        _ = &mut connection => answer.await,
    }
}

/// A receiver that gets to say what it has to say closes in peace; nothing of it is kept. An answer counts from its head
/// on, however its body ends.
async fn discard(mut body: Incoming) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > MAX_ANSWER_BYTES {
            return;
        }
    }
}

/// All of one attempt. Source: as this file; Standard Webhooks asks for 15 to 30 s.
pub(super) const ATTEMPT_LIMIT: Duration = Duration::from_secs(15);

/// Looking the name up and connecting.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Of one name, how many addresses are tried.
const MAX_ADDRESSES: usize = 4;

const MAX_HEADERS: usize = 100;
const MAX_HEAD_BYTES: usize = 32 * 1024;
const MAX_ANSWER_BYTES: usize = 64 * 1024;
