//! One request to the Runtime API over a connection of its own, driven by whoever waits for the reply.

use std::{error::Error as StdError, pin::pin};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::Body;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// The status that `request` is answered with. An answer that comes before the request is complete is one, too; the
/// connection and the body are dropped before this returns.
///
/// # Errors
/// The connection broke before there was an answer.
pub(crate) async fn post<B>(
    io: impl AsyncRead + AsyncWrite + Unpin,
    request: Request<B>,
) -> Result<StatusCode, hyper::Error>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn StdError + Send + Sync>>> + 'static,
{
    let mut http = http1::Builder::new();
    let (mut sender, connection) =
        http.max_buf_size(UNSENT_BYTES).handshake::<_, B>(TokioIo::new(io)).await?;
    let mut connection = Box::pin(connection);
    let mut replying = pin!(sender.send_request(request));
    let replied = tokio::select! {
        biased;
        replied = &mut replying => Some(replied),
        _ended = &mut connection => None,
    };
    // The body goes with it. Who waits for the reply is told by then: whoever answers early may hang up at once, so that
    // reply and end of a connection are seen in one moment.
    drop(connection);
    let replied = match replied {
        Some(replied) => replied,
        None => replying.await,
    };
    replied.map(|reply| reply.status())
}

/// Bytes that may wait for the socket before the body is asked for another piece. The least that hyper has; of pieces
/// that are smaller it keeps at most 16.
pub(crate) const UNSENT_BYTES: usize = 8 * 1024;

#[cfg(test)]
mod tests;
