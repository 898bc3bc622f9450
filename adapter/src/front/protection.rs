//! What lies between a connection and its HTTP.

use std::{fmt, future::Future, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::net::TcpStream;

use super::{
    Observer, connection,
    pulse::{Pulse, Stage},
};

#[derive(Clone)]
pub(super) enum Protection {
    None,
    #[cfg(feature = "tls")]
    Tls(tokio_rustls::TlsAcceptor),
}

impl Protection {
    /// At which stage a new connection is.
    pub(super) fn first_stage(&self) -> Stage {
        match self {
            Self::None => Stage::Http,
            #[cfg(feature = "tls")]
            Self::Tls(_) => Stage::Handshake,
        }
    }

    /// One connection from its beginning to its end.
    pub(super) async fn serve<H, F, B>(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        pulse: Arc<Pulse>,
        linger_bytes: u64,
        observer: Arc<dyn Observer>,
        handler: H,
    ) where
        H: Fn(Request<Incoming>, SocketAddr) -> F,
        F: Future<Output = Response<B>>,
        B: http_body::Body<Data = Bytes> + Unpin + 'static,
        B::Error: std::error::Error + Send + Sync,
    {
        match self {
            Self::None => connection::serve(stream, peer, pulse, linger_bytes, observer, handler).await,
            #[cfg(feature = "tls")]
            Self::Tls(acceptor) => match acceptor.accept(stream).await {
                // The sessions' state is large, and only they should pay for it.
                Ok(stream) => {
                    Box::pin(connection::serve(stream, peer, pulse, linger_bytes, observer, handler)).await;
                }
                Err(error) => tracing::debug!(%peer, %error, "no TLS"),
            },
        }
    }
}

impl fmt::Debug for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            #[cfg(feature = "tls")]
            Self::Tls(_) => "Tls",
        })
    }
}
