//! Functions over plain events whose answer is a stream of bytes.

use std::process::ExitCode;

use bytes::Bytes;
use futures_core::Stream;
use http::HeaderValue;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::{
    Context, Error, ServeError,
    answer::{Answer, AnswerBody},
    event_function,
    serve::run,
    serve_stream::serve_stream,
};

/// Runs an event function that streams: the whole `main` of a program. Returns only if Lambda cannot be talked to.
///
/// The answer is what the stream gives, byte for byte, each piece as soon as it is there. [`Streamed`](crate::Streamed)
/// is such a stream; any other will do, and need not be `Send`. Callers must ask for a stream
/// (`InvokeWithResponseStream`) to see one; others get all of it once it is complete.
///
/// ```no_run
/// use stayput_runtime::{Context, Error, Streamed};
///
/// async fn count(to: u32, _: Context) -> Result<Streamed, Error> {
///     Ok(Streamed::new(async move |out| {
///         for number in 1..=to {
///             out.write(format!("{number}\n")).await?;
///         }
///         Ok(())
///     }))
/// }
///
/// fn main() -> std::process::ExitCode {
///     stayput_runtime::run_event_stream(count)
/// }
/// ```
///
/// # Panics
/// Inside a Tokio runtime; use [`serve_event_stream`] there.
pub fn run_event_stream<In, S, B>(handler: impl AsyncFn(In, Context) -> Result<S, Error>) -> ExitCode
where
    In: DeserializeOwned,
    S: Stream<Item = Result<B, Error>> + 'static,
    B: Into<Bytes>,
{
    run(serve_event_stream(handler))
}

/// Like [`run_event_stream`], within your own Tokio runtime and with your own logging.
///
/// # Errors
/// The process was not started by Lambda, or Lambda can no longer be talked to. What the handler returns, or its
/// stream, never ends it.
pub async fn serve_event_stream<In, S, B>(
    handler: impl AsyncFn(In, Context) -> Result<S, Error>,
) -> Result<(), ServeError>
where
    In: DeserializeOwned,
    S: Stream<Item = Result<B, Error>> + 'static,
    B: Into<Bytes>,
{
    serve_stream(async |event, context| call(&handler, event, context).await).await
}

/// From the event's text to the answer, of which nothing has been asked for yet.
pub(crate) async fn call<In, S>(
    handler: impl AsyncFn(In, Context) -> Result<S, Error>,
    event: &RawValue,
    context: Context,
) -> Result<Answer<S>, Error>
where
    In: DeserializeOwned,
{
    let stream = event_function::call(handler, event, context).await?;
    Ok(Answer { content_type: OCTET_STREAM, body: AnswerBody::new(None, stream) })
}

const OCTET_STREAM: HeaderValue = HeaderValue::from_static("application/octet-stream");
