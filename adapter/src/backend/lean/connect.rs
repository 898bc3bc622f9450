//! A new connection to Lambda: TCP, TLS where the endpoint asks for it, HTTP/1.1.

use std::{io, time::Duration};

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use super::{Origin, pool::Sender};
use crate::backend::BackendError;

/// How connections are made.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    pub(super) origin: Origin,
    /// For TCP and TLS together.
    pub(super) limit: Duration,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<crate::tls::Tls>,
}

impl Connector {
    /// # Errors
    /// [`BackendError::Unreachable`]: nothing of a request was written yet.
    pub(super) async fn connect(&self) -> Result<Sender, BackendError> {
        match timeout(self.limit, self.open()).await {
            Ok(opened) => opened.map_err(|cause| BackendError::Unreachable(cause.into())),
            Err(_) => Err(BackendError::Unreachable(
                format!("no connection to {} within {:?}", self.origin, self.limit).into(),
            )),
        }
    }

    async fn open(&self) -> io::Result<Sender> {
        let stream = TcpStream::connect((self.origin.host.as_str(), self.origin.port)).await?;
        stream.set_nodelay(true)?;
        // A function may take 15 minutes: without these, routers on the way forget the connection.
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY);
        SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
        if !self.origin.https {
            return speak(stream).await;
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return speak(tls.connect(&self.origin.host, stream).await?).await;
        }
        Err(io::Error::other("TLS is needed and was not set up"))
    }
}

async fn speak<S>(stream: S) -> io::Result<Sender>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut http = http1::Builder::new();
    http.max_buf_size(READ_BYTES);
    let (sender, connection) = http.handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(async move {
        // Whatever breaks it is told to the call that uses it.
        let _told = connection.await;
    });
    Ok(sender)
}

/// The most that is read at a time, and the longest head of an answer. With hyper's own 400 KiB a stream's first byte waits for a
/// millisecond behind what comes after it; with less than this, large answers cost more (`docs/performance.md`).
const READ_BYTES: usize = 128 * 1024;

/// Idle time before the kernel asks whether the other side is still there, and between its questions. Ours: under
/// the 350 s after which AWS's network load balancers and NAT gateways forget a connection.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);
