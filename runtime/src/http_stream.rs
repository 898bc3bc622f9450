//! Functions over HTTP requests whose answer's body is a stream.

use std::process::ExitCode;

use bytes::Bytes;
use futures_core::Stream;
use http::{Request, Response};
use lambda_protocol::http_stream::{HTTP_INTEGRATION_RESPONSE, HttpStreamHead, PRELUDE_BYTES};
use serde_json::value::RawValue;

use crate::{
    Context, Error, ServeError,
    answer::{Answer, AnswerBody},
    http_function::{check_status, decode},
    serve::run,
    serve_stream::serve_stream,
};

/// Runs an HTTP function that streams: the whole `main` of a program. Returns only if Lambda cannot be talked to.
///
/// Status and headers go out as soon as the handler returns, the body's pieces as the stream gives them. Headers that
/// repeat are joined with commas, as Lambda's form has room for one; cookies are not.
///
/// [`Streamed`](crate::Streamed) is such a body, and takes whole ones too; any other stream will do, and need not be
/// `Send`.
///
/// ```no_run
/// use std::time::Duration;
/// use stayput_runtime::{Bytes, Context, Error, Streamed, http::{Request, Response}};
///
/// async fn drip(_: Request<Bytes>, _: Context) -> Result<Response<Streamed>, Error> {
///     let drops = Streamed::new(async |out| {
///         for _ in 0..10 {
///             out.write("drip\n").await?;
///             tokio::time::sleep(Duration::from_secs(1)).await;
///         }
///         Ok(())
///     });
///     Ok(Response::builder().header("content-type", "text/plain").body(drops)?)
/// }
///
/// fn main() -> std::process::ExitCode {
///     stayput_runtime::run_http_stream(drip)
/// }
/// ```
///
/// # Panics
/// Inside a Tokio runtime; use [`serve_http_stream`] there.
pub fn run_http_stream<S, B>(
    handler: impl AsyncFn(Request<Bytes>, Context) -> Result<Response<S>, Error>,
) -> ExitCode
where
    S: Stream<Item = Result<B, Error>> + 'static,
    B: Into<Bytes>,
{
    run(serve_http_stream(handler))
}

/// Like [`run_http_stream`], within your own Tokio runtime and with your own logging.
///
/// # Errors
/// The process was not started by Lambda, or Lambda can no longer be talked to. What the handler returns, or its
/// stream, never ends it.
pub async fn serve_http_stream<S, B>(
    handler: impl AsyncFn(Request<Bytes>, Context) -> Result<Response<S>, Error>,
) -> Result<(), ServeError>
where
    S: Stream<Item = Result<B, Error>> + 'static,
    B: Into<Bytes>,
{
    serve_stream(async |event, context| call(&handler, event, context).await).await
}

/// From the event's text to the answer, of which nothing has been asked for yet.
pub(crate) async fn call<S>(
    handler: impl AsyncFn(Request<Bytes>, Context) -> Result<Response<S>, Error>,
    event: &RawValue,
    context: Context,
) -> Result<Answer<S>, Error> {
    let (head, stream) = handler(decode(event)?, context).await?.into_parts();
    check_status(head.status)?;
    let prelude = HttpStreamHead { status: head.status, headers: head.headers }.encode();
    if prelude.len() > PRELUDE_BYTES {
        let message = format!("the head of the answer is over the limit of {PRELUDE_BYTES} bytes");
        return Err(Error::new(Error::INVALID_ANSWER, message));
    }
    let body = AnswerBody::new(Some(prelude.into()), stream);
    Ok(Answer { content_type: HTTP_INTEGRATION_RESPONSE, body })
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::{Streamed, testing};

    /// The type of the fault that an answer with this status and header is.
    async fn fault(status: u16, value: String) -> String {
        let answer = async |_: Request<Bytes>, _: Context| {
            Ok(Response::builder().status(status).header("x-a", &value).body(Streamed::whole("body"))?)
        };
        let called = testing::http(Request::get("/").body("").unwrap()).call_stream(answer).await;
        called.unwrap_err().error_type().to_owned()
    }

    #[tokio::test]
    async fn an_answer_that_cannot_be_sent_is_a_fault_before_it_begins() {
        assert_eq!(fault(199, String::new()).await, Error::INVALID_ANSWER);
        assert_eq!(fault(200, "a".repeat(PRELUDE_BYTES)).await, Error::INVALID_ANSWER);
    }

    #[tokio::test]
    async fn head_and_body_arrive_as_they_were_answered() {
        let answer = async |request: Request<Bytes>, _: Context| {
            let response = Response::builder().status(StatusCode::ACCEPTED);
            let response = response.header("x-path", request.uri().path());
            let response = response.header("set-cookie", "a=1").header("set-cookie", "b=2");
            Ok(response.body(Streamed::whole(request.into_body()))?)
        };
        let call = testing::http(Request::post("/a%20b").body("\0".repeat(20)).unwrap());
        let response = call.call_stream(answer).await.unwrap();
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        assert_eq!(response.headers()["x-path"], "/a%20b");
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
        assert_eq!(response.into_body().rest().await.unwrap(), "\0".repeat(20));
    }
}
