//! Asking a service of ours over HTTP, once.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header, response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Failure;

/// A service and the patience with it.
pub(super) struct Client<'a> {
    /// `http://host:port`
    pub(super) url: &'a Uri,
    /// With which another is named.
    pub(super) flag: &'static str,
    /// What it does if it is what it should be: `as Lambda does`.
    pub(super) speaks: &'static str,
    /// For the whole answer.
    pub(super) limit: Duration,
    /// What to do where that was not enough.
    pub(super) more: &'static str,
}

impl Client<'_> {
    /// # Errors
    /// There is no answer, or none in time.
    pub(super) async fn ask(&self, request: Request<Bytes>) -> Result<(response::Parts, Bytes), Failure> {
        let Self { url, flag, speaks, limit, more } = self;
        let answer = async {
            let connection = self.connect().await?;
            exchange(connection, request.map(Full::new)).await.map_err(|cause| {
                let hint = format_args!("is `stayput dev` running? {flag} names another place");
                Failure::unreachable(format_args!("{url} does not answer {speaks}; {hint}")).because(&*cause)
            })
        };
        tokio::time::timeout(*limit, answer)
            .await
            .map_err(|_| Failure::timed_out(format_args!("no answer within {limit:?}; {more}")))?
    }

    async fn connect(&self) -> Result<TcpStream, Failure> {
        let Self { url, flag, .. } = self;
        let (Some("http"), Some(host)) = (url.scheme_str(), url.host()) else {
            return Err(Failure::usage(format_args!("{flag} {url} is not http://host:port")));
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let connected = TcpStream::connect((host, url.port_u16().unwrap_or(80))).await;
        connected.map_err(|cause| {
            let what = format_args!(
                "{url} cannot be reached; is `stayput dev` running? ({flag} names another place)"
            );
            Failure::unreachable(what).because(&cause)
        })
    }
}

async fn exchange(
    connection: TcpStream,
    mut request: Request<Full<Bytes>>,
) -> Result<(response::Parts, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let host = connection.peer_addr()?.to_string();
    request.headers_mut().insert(header::HOST, HeaderValue::try_from(host)?);
    let (mut sender, connection) = http1::handshake(TokioIo::new(connection)).await?;
    let connection = tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
    connection.abort();
    Ok((head, body))
}

/// Over all that our services answer.
const MAX_ANSWER_BYTES: usize = 16 << 20;
