//! A test kit: call a handler as Lambda would, without a process or a socket.
//!
//! The event and the answer pass through the same bytes as in production, so a field that is misspelt on the wire, or
//! an answer that JSON cannot say, fails the test; panics come back as the fault that a caller would see.
//!
//! ```
//! use serde_json::json;
//! use stayput_runtime::{Bytes, Context, Error, http::{Request, Response}, testing};
//!
//! #[derive(serde::Deserialize)]
//! struct Order { id: u32 }
//!
//! async fn take(order: Order, context: Context) -> Result<String, Error> {
//!     if context.remaining().is_zero() {
//!         return Err(Error::new("TooLate", "no time left"));
//!     }
//!     Ok(format!("order {} taken", order.id))
//! }
//!
//! async fn greet(request: Request<Bytes>, _: Context) -> Result<Response<String>, Error> {
//!     Ok(Response::new(format!("Hello, {}!", request.uri().path().trim_matches('/'))))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! let answer = testing::event(json!({"id": 7})).call(take).await?;
//! assert_eq!(answer, "order 7 taken");
//!
//! let fault = testing::event(json!({"id": 7})).time_left(std::time::Duration::ZERO).call(take).await.unwrap_err();
//! assert_eq!(fault.error_type(), "TooLate");
//!
//! let response = testing::http(Request::get("/Ada").body("")?).call(greet).await?;
//! assert_eq!(response.status(), 200);
//! assert_eq!(response.body(), "Hello, Ada!");
//! # Ok(())
//! # }
//! ```
//!
//! Of a function that streams, each piece can be awaited by itself. With Tokio's clock paused
//! (`#[tokio::test(start_paused = true)]`, the feature `test-util`), a test sees what comes when, in no time:
//!
//! ```
//! use std::time::Duration;
//! use stayput_runtime::{Context, Error, Streamed, testing};
//! use tokio::time::{Instant, sleep};
//!
//! async fn slow(_: (), _: Context) -> Result<Streamed, Error> {
//!     Ok(Streamed::new(async |out| {
//!         out.write("at once").await?;
//!         sleep(Duration::from_secs(60)).await;
//!         Err(Error::new("Bored", "a minute has passed"))
//!     }))
//! }
//!
//! # fn main() -> Result<(), Error> {
//! # let paused = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
//! # paused.block_on(async {
//! let start = Instant::now();
//! let mut reading = testing::event(()).call_stream(slow).await?;
//! assert_eq!(reading.next().await.unwrap()?, "at once");
//! assert_eq!(start.elapsed(), Duration::ZERO);
//!
//! assert_eq!(reading.next().await.unwrap().unwrap_err().error_type(), "Bored");
//! assert_eq!(start.elapsed(), Duration::from_secs(60));
//! # Ok(())
//! # })
//! # }
//! ```

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_core::Stream;
use http::{Request, Response};
use lambda_protocol::{http_answer::HttpAnswer, http_event::HttpEvent};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};
use tracing::Instrument;

use crate::{
    Context, Error, event_function, event_stream, http_function, http_stream, panics::caught, serve::span,
};

#[cfg(feature = "durable")]
pub mod durable;
mod reading;

pub use reading::Reading;

/// A call with an event, which may be anything that serde writes: `json!({"id": 7})`, or the type itself.
///
/// # Panics
/// If `event` cannot be written as JSON.
#[track_caller]
pub fn event(event: impl Serialize) -> Call<Event> {
    let event = to_raw_value(&event).expect("the event can be written as JSON");
    Call { input: Event(event), context: context() }
}

/// A call with an HTTP request. Its URI is a path and perhaps a query; the rest of a URI does not reach functions.
pub fn http(request: Request<impl Into<Bytes>>) -> Call<HttpRequest> {
    Call { input: HttpRequest(request.map(Into::into)), context: context() }
}

/// The context of an invocation of a function named `test` that may run for 3 seconds, Lambda's default. The fields
/// are public: change what the test is about.
pub fn context() -> Context {
    let config = lambda_runtime::Config {
        function_name: "test".to_owned(),
        version: "$LATEST".to_owned(),
        ..lambda_runtime::Config::default()
    };
    let mut told = lambda_runtime::Context::default();
    told.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
    told.invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:test".to_owned();
    told.env_config = config.into();
    Context { deadline: SystemTime::now() + DEFAULT_TIMEOUT, ..told.into() }
}

/// A call about to be made: by [`event()`] or [`http()`].
#[derive(Clone, Debug)]
#[must_use = "nothing is called until `call`"]
pub struct Call<Input> {
    input: Input,
    context: Context,
}

/// The input of a [`Call`] made by [`event()`].
#[derive(Clone, Debug)]
pub struct Event(Box<RawValue>);

/// The input of a [`Call`] made by [`http()`].
#[derive(Clone, Debug)]
pub struct HttpRequest(Request<Bytes>);

impl<Input> Call<Input> {
    /// With this context; see [`context()`].
    pub fn context(self, context: Context) -> Self {
        Self { context, ..self }
    }

    /// With a deadline.
    pub fn deadline(mut self, deadline: SystemTime) -> Self {
        self.context.deadline = deadline;
        self
    }

    /// With a deadline so far from now.
    pub fn time_left(self, left: Duration) -> Self {
        self.deadline(SystemTime::now() + left)
    }
}

impl Call<Event> {
    /// What `handler` returns.
    ///
    /// # Errors
    /// The fault that a caller would see.
    pub async fn call<In: DeserializeOwned, Out: Serialize>(
        self,
        handler: impl AsyncFn(In, Context) -> Result<Out, Error>,
    ) -> Result<Out, Error> {
        let span = span(&self.context.request_id);
        let answering = async {
            let answer = event_function::call(handler, &self.input.0, self.context).await?;
            event_function::encode(&answer)?;
            Ok(answer)
        };
        caught(answering).instrument(span).await
    }

    /// What `handler` streams, to be read.
    ///
    /// # Errors
    /// The fault that a caller would see who got nothing else.
    pub async fn call_stream<In, S, B>(
        self,
        handler: impl AsyncFn(In, Context) -> Result<S, Error>,
    ) -> Result<Reading, Error>
    where
        In: DeserializeOwned,
        S: Stream<Item = Result<B, Error>> + 'static,
        B: Into<Bytes>,
    {
        let span = span(&self.context.request_id);
        let answering = event_stream::call(handler, &self.input.0, self.context);
        let answer = caught(answering).instrument(span.clone()).await?;
        Ok(Reading::new(answer.body, span))
    }
}

impl Call<HttpRequest> {
    /// What a caller gets of the response that `handler` returns.
    ///
    /// # Errors
    /// The fault that a caller would see.
    pub async fn call<Body: Into<Bytes>>(
        self,
        handler: impl AsyncFn(Request<Bytes>, Context) -> Result<Response<Body>, Error>,
    ) -> Result<Response<Bytes>, Error> {
        let span = span(&self.context.request_id);
        let event = self.input.encode(&self.context);
        let answering = http_function::call(handler, &event, self.context);
        let payload = caught(answering).instrument(span).await?;
        let HttpAnswer { status, headers, body } =
            HttpAnswer::decode(&Bytes::from(payload.get().to_owned()))?;
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }

    /// What a caller gets of the response that `handler` returns: its head, and its body to be read.
    ///
    /// # Errors
    /// The fault that a caller would see who got nothing else.
    pub async fn call_stream<S, B>(
        self,
        handler: impl AsyncFn(Request<Bytes>, Context) -> Result<Response<S>, Error>,
    ) -> Result<Response<Reading>, Error>
    where
        S: Stream<Item = Result<B, Error>> + 'static,
        B: Into<Bytes>,
    {
        let span = span(&self.context.request_id);
        let event = self.input.encode(&self.context);
        let answering = http_stream::call(handler, &event, self.context);
        let answer = caught(answering).instrument(span.clone()).await?;
        let (head, reading) = Reading::new(answer.body, span).open().await?;
        let mut response = Response::new(reading);
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        Ok(response)
    }
}

impl HttpRequest {
    fn encode(&self, context: &Context) -> Box<RawValue> {
        let event = HttpEvent {
            method: self.0.method(),
            version: self.0.version(),
            raw_path: self.0.uri().path(),
            raw_query: self.0.uri().query().unwrap_or_default(),
            headers: self.0.headers(),
            source_ip: SOURCE_IP,
            request_id: &context.request_id,
            time: SystemTime::now(),
            ticket: None,
        };
        let text = String::from_utf8(event.encode(self.0.body())).expect("an encoded event is JSON");
        RawValue::from_string(text).expect("an encoded event is JSON")
    }
}

/// Source: Lambda API reference, `CreateFunction`, parameter `Timeout`.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);

/// Of the block that RFC 5737 keeps for examples.
const SOURCE_IP: &str = "192.0.2.1";
