//! A stand-in for Lambda whose functions wait a while and answer.

use std::{convert::Infallible, io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Starts it on this runtime. Every function takes `time`.
pub(crate) async fn start(time: Duration) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _unsupported = stream.set_nodelay(true);
            let service = service_fn(move |request: Request<Incoming>| async move {
                let _whole = request.into_body().collect().await;
                tokio::time::sleep(time).await;
                Ok::<_, Infallible>(Response::new(Full::new(ANSWER)))
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(address)
}

const ANSWER: Bytes = Bytes::from_static(br#"{"answer":"of a function"}"#);
