//! Lambda's HTTP API and its functions' URLs on a socket.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::EXPECT, request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use lambda_protocol::{
    api_error::{ApiError, ErrorCode},
    quotas::SYNC_REQUEST_BYTES,
    sigv4::{self, Verifier},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use uuid::Uuid;

use crate::{
    api::{self, UPLOAD_BYTES},
    body::{self, Incomplete},
    response_body::Body,
    service::{LocalLambda, Refused},
    url::{self, Address, Ends},
};

/// Accepts connections until the service shuts down, and then lets those that are being answered finish.
pub(crate) async fn serve(local: LocalLambda, listener: TcpListener) {
    let mut closing = local.closing();
    let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let place = Arc::clone(&free).acquire_owned().await;
            (place, listener.accept().await)
        };
        tokio::select! {
            (place, accepted) = next => match accepted {
                Ok((stream, caller)) => {
                    let local = local.clone();
                    connections.spawn(async move {
                        connection(local, stream, caller).await;
                        drop(place);
                    });
                }
                // No file descriptor is left: asking again at once would not change that.
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
            () = closing.begins() => break,
        }
    }
    let _ = timeout(CLOSING_TIME, async { while connections.join_next().await.is_some() {} }).await;
}

async fn connection(local: LocalLambda, stream: TcpStream, caller: SocketAddr) {
    // A socket that does not know its own end is about to fail.
    let Ok(service) = stream.local_addr() else { return };
    let ends = Ends { caller, service };
    // Without it, small answers would wait for acknowledgements. A socket that refuses is about to fail anyway.
    let _ = stream.set_nodelay(true);
    let mut closing = local.closing();
    let service = service_fn(|request| {
        let local = local.clone();
        async move { Ok::<_, Infallible>(answer(&local, ends, request).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    let mut serving = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    // An error is the client's end of the connection; it has nobody left to be told to.
    tokio::select! {
        _ = serving.as_mut() => return,
        () = closing.begins() => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}

async fn answer(local: &LocalLambda, ends: Ends, request: Request<Incoming>) -> Response<Body> {
    let (head, mut body) = request.into_parts();
    // Archives are large, and are in memory twice while they are unpacked.
    let _turn = match Allowed::of(&head) {
        Allowed::Event | Allowed::Checkpoint => None,
        Allowed::Archive(_) => Some(local.uploads.acquire().await),
    };
    let answered = match (Address::of(&head), local.verifier()) {
        (Some(address), _) => url::answer(local, &address, ends, &head, &mut body).await,
        (None, None) => answer_anyone(local, &head, &mut body).await,
        (None, Some(verifier)) => answer_signed(local, verifier, &head, &mut body).await,
    };
    let refused = match answered {
        Ok(response) => return response,
        Err(Stopped::Cut) => return cut(),
        Err(Stopped::Refused(refused)) => refused,
    };
    // A client that waits to be told to go on has sent nothing to be read.
    if !head.headers.contains_key(EXPECT) {
        let _ = timeout(BODY_TIME, body::discard(&mut body)).await;
    }
    *refused
}

async fn answer_anyone(
    local: &LocalLambda,
    head: &request::Parts,
    body: &mut Incoming,
) -> Result<Response<Body>, Stopped> {
    let admitted = local.admit(head)?;
    let payload = collect(body, Allowed::of(head), admitted.request_id).await?;
    Ok(local.run(admitted, payload).await)
}

/// Whoever has not signed learns nothing of functions: who calls is known before what is called is looked at.
async fn answer_signed(
    local: &LocalLambda,
    verifier: &Verifier,
    head: &request::Parts,
    body: &mut Incoming,
) -> Result<Response<Body>, Stopped> {
    let claim = verifier.read(head, SystemTime::now()).map_err(Refused::unread)?;
    let payload = collect(body, Allowed::of(head), Uuid::new_v4()).await?;
    claim.verify(head, &sigv4::payload_hash(&payload)).map_err(Refused::unread)?;
    Ok(local.run(local.admit(head)?, payload).await)
}

/// How large a body may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Allowed {
    /// As an event.
    Event,
    /// As an archive, which the operation of this name brings.
    Archive(&'static str),
    /// As a checkpoint, whose payloads are texts in JSON.
    Checkpoint,
}

impl Allowed {
    fn of(head: &request::Parts) -> Self {
        if api::is_checkpoint(head) {
            return Self::Checkpoint;
        }
        api::upload(head).map_or(Self::Event, Self::Archive)
    }

    fn bytes(self) -> usize {
        match self {
            Self::Event => SYNC_REQUEST_BYTES,
            Self::Archive(_) => UPLOAD_BYTES,
            Self::Checkpoint => CHECKPOINT_BYTES,
        }
    }

    fn refusal(self) -> ApiError {
        match self {
            Self::Event => ApiError::too_large_sync(),
            Self::Archive(operation) => ApiError::too_large_upload(operation, UPLOAD_BYTES),
            Self::Checkpoint => {
                let text = format_args!("A checkpoint has at most {CHECKPOINT_BYTES} bytes.");
                ApiError::new(ErrorCode::RequestTooLarge, text)
            }
        }
    }
}

/// # Errors
/// It is over Lambda's limit, or does not come to its end.
pub(crate) async fn collect(
    body: &mut Incoming,
    allowed: Allowed,
    request_id: Uuid,
) -> Result<Bytes, Stopped> {
    match timeout(BODY_TIME, body::collect(body, allowed.bytes())).await {
        Ok(Ok(collected)) => Ok(collected.bytes),
        Ok(Err(Incomplete::TooLarge)) => Err(Refused { error: allowed.refusal(), request_id }.into()),
        Ok(Err(Incomplete::Cut)) | Err(_) => Err(Stopped::Cut),
    }
}

/// Why a request was not run.
pub(crate) enum Stopped {
    /// With this answer.
    Refused(Box<Response<Body>>),
    /// Its body never came to an end.
    Cut,
}

impl From<Refused> for Stopped {
    fn from(refused: Refused) -> Self {
        Self::Refused(Box::new(refused.answer()))
    }
}

/// For a client that is no longer there to read it, or does not come to the end of what it sends.
fn cut() -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::new()));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

/// Of a checkpoint's request: a payload of 6 MiB as a text in JSON, if not all of it has to be escaped, and others beside it. Ours; AWS's is not known.
const CHECKPOINT_BYTES: usize = 16 << 20;

/// Connections at once. Ours: four for each invocation that may run by default.
const MAX_CONNECTIONS: usize = 4_096;

/// A connection that is open and says nothing is closed after this.
const HEAD_TIME: Duration = Duration::from_secs(60);

/// A body must be whole by then: 6 MiB over a line that is slow for a local one.
const BODY_TIME: Duration = Duration::from_secs(60);

/// How long calls may take to be answered once the service closes.
const CLOSING_TIME: Duration = Duration::from_secs(1);

const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
