//! The loop of functions that stream. Events are taken by `lambda_runtime`; answers and faults are told from here.
//!
//! `lambda_runtime` streams, too, but writes a late failure as text into the body, where callers take it for a part of the
//! answer; it does not look whether anybody reads; and it wants streams that may move to other threads. Its loop is kept
//! for what else it knows, such as SnapStart.

use std::{env, io};

use bytes::Bytes;
use futures_core::Stream;
use http::{
    HeaderValue, Request, StatusCode,
    header::{CONTENT_TYPE, HOST, TRAILER, TRANSFER_ENCODING},
    request,
};
use lambda_protocol::runtime_api::{
    LAMBDA_RUNTIME_FUNCTION_ERROR_TYPE, LAMBDA_RUNTIME_FUNCTION_RESPONSE_MODE, LAMBDA_RUNTIME_INVOCATION_ID,
    STAYPUT_EARLY_ANSWER, STREAMING,
};
use lambda_runtime::{
    Diagnostic, LambdaEvent, LambdaInvocation, Runtime, service_fn,
    tower::{BoxError, layer::layer_fn},
};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tokio::net::TcpStream;

use crate::{
    Context, Error, ServeError,
    answer::Answer,
    panics::caught,
    post::post,
    serve::{RUNTIME_API, Spanned, check_environment},
};

/// Answers invocations until Lambda can no longer be talked to.
pub(crate) async fn serve_stream<S, B>(
    answer: impl AsyncFn(&RawValue, Context) -> Result<Answer<S>, Error>,
) -> Result<(), ServeError>
where
    S: Stream<Item = Result<B, Error>> + 'static,
    B: Into<Bytes>,
{
    check_environment(|name| env::var(name).ok())?;
    let address = env::var(RUNTIME_API).map_err(|_| ServeError::NotInLambda(RUNTIME_API))?;
    let (answer, address) = (&answer, &*address);
    let told_from_here = |_| {
        service_fn(async move |LambdaInvocation { parts, body, context }| {
            let invocation_id = parts.headers.get(LAMBDA_RUNTIME_INVOCATION_ID).cloned();
            let told = Told { address, request_id: context.request_id.clone(), invocation_id };
            match caught(async { answer(event(&body)?, context.into()).await }).await {
                Ok(answer) => told.stream(answer).await,
                Err(error) => told.fail(error).await,
            }
            Ok::<(), BoxError>(())
        })
    };
    // Stands behind the layer, and is not reached.
    let behind = service_fn(async |_: LambdaEvent<IgnoredAny>| Ok::<(), Diagnostic>(()));
    let runtime = Runtime::new(behind).layer(layer_fn(told_from_here)).layer(layer_fn(Spanned));
    runtime.run().await.map_err(ServeError::RuntimeApi)
}

fn event(body: &[u8]) -> Result<&RawValue, Error> {
    serde_json::from_slice(body).map_err(|error| Error::new(Error::INVALID_EVENT, error.to_string()))
}

/// One invocation, of which the Runtime API is to be told how it ended. Where it will not hear of that, the log says so,
/// and the next invocation is asked for: whoever waited for this one has been told by Lambda.
struct Told<'a> {
    /// `host:port`.
    address: &'a str,
    request_id: String,
    /// As `next` had it; older services have none.
    invocation_id: Option<HeaderValue>,
}

impl Told<'_> {
    async fn stream<S, B>(&self, Answer { content_type, body }: Answer<S>)
    where
        S: Stream<Item = Result<B, Error>> + 'static,
        B: Into<Bytes>,
    {
        let ended = body.ended();
        let request = self
            .request("response")
            .header(CONTENT_TYPE, content_type)
            .header(LAMBDA_RUNTIME_FUNCTION_RESPONSE_MODE, STREAMING)
            .header(TRANSFER_ENCODING, "chunked")
            .header(TRAILER, "Lambda-Runtime-Function-Error-Type")
            .header(TRAILER, "Lambda-Runtime-Function-Error-Body")
            .header(STAYPUT_EARLY_ANSWER, "accepted")
            .body(body);
        match self.send(request).await {
            Ok(status) if ended.is_true() => log_refusal(status),
            Ok(StatusCode::GONE) => tracing::info!(
                "the stream was dropped before its end: its caller has gone, or the invocation's time is over"
            ),
            Ok(status) => tracing::error!("the Runtime API answered {status} before the stream's end"),
            Err(error) => tracing::error!("the streamed answer broke off: {:?}", Error::from(error)),
        }
    }

    async fn fail(&self, error: Error) {
        tracing::error!("{error:?}");
        let body = serde_json::to_string(&Diagnostic::from(error)).expect("two texts are JSON");
        let request =
            self.request("error").header(LAMBDA_RUNTIME_FUNCTION_ERROR_TYPE, "unhandled").body(body);
        match self.send(request).await {
            Ok(status) => log_refusal(status),
            Err(error) => tracing::error!("the fault could not be told: {:?}", Error::from(error)),
        }
    }

    fn request(&self, kind: &str) -> request::Builder {
        let path = format!("/2018-06-01/runtime/invocation/{}/{kind}", self.request_id);
        let request = Request::post(path).header(HOST, self.address);
        match &self.invocation_id {
            Some(id) => request.header(LAMBDA_RUNTIME_INVOCATION_ID, id),
            None => request,
        }
    }

    async fn send<B>(&self, request: http::Result<Request<B>>) -> Result<StatusCode, PostError>
    where
        B: http_body::Body<Data = Bytes, Error = std::convert::Infallible> + 'static,
    {
        let request = request?;
        let socket = TcpStream::connect(self.address).await.map_err(PostError::Connect)?;
        // Pieces may be small, and each is to arrive when it is written.
        socket.set_nodelay(true).map_err(PostError::Connect)?;
        Ok(post(socket, request).await?)
    }
}

/// 410: the invocation is over, most often because its time was.
fn log_refusal(status: StatusCode) {
    if !status.is_success() {
        tracing::error!("the Runtime API refused the answer with {status}");
    }
}

#[derive(Debug, thiserror::Error)]
enum PostError {
    #[error("the invocation's id makes no request")]
    Request(#[from] http::Error),
    #[error("the Runtime API could not be reached")]
    Connect(#[source] io::Error),
    #[error("the connection to the Runtime API broke")]
    Connection(#[from] hyper::Error),
}
