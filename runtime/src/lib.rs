//! AWS Lambda functions as plain async functions, over events or over HTTP requests.
//!
//! **An event function** takes whatever [serde](https://serde.rs) can read and returns whatever it can write:
//!
//! ```no_run
//! use std::process::ExitCode;
//! use stayput_runtime::{Context, Error};
//!
//! #[derive(serde::Deserialize)]
//! struct Order { id: u32 }
//!
//! #[derive(serde::Serialize)]
//! struct Receipt { order: u32 }
//!
//! async fn take(order: Order, _: Context) -> Result<Receipt, Error> {
//!     if order.id == 0 {
//!         return Err(Error::new("OrderUnknown", "there is no order 0"));
//!     }
//!     Ok(Receipt { order: order.id })
//! }
//!
//! fn main() -> ExitCode {
//!     stayput_runtime::run_event(take)
//! }
//! ```
//!
//! **An HTTP function** takes a request and returns a response, both of the [`http`] crate:
//!
//! ```no_run
//! use std::process::ExitCode;
//! use stayput_runtime::{Bytes, Context, Error, http::{Request, Response}};
//!
//! async fn greet(request: Request<Bytes>, _: Context) -> Result<Response<String>, Error> {
//!     let name = request.uri().path().trim_matches('/');
//!     Ok(Response::builder().header("content-type", "text/plain").body(format!("Hello, {name}!"))?)
//! }
//!
//! fn main() -> ExitCode {
//!     stayput_runtime::run_http(greet)
//! }
//! ```
//!
//! # What a caller is told when it goes wrong
//!
//! A handler that returns an [`Error`] has *faulted*: the caller gets Lambda's error payload, and its `errorType` is
//! the name that the author chose. `?` on any `std::error::Error` works and names the fault after the type. For an
//! HTTP function too this is a fault and no answer; a response with status 500 is an answer like any other.
//!
//! A panic is a fault named [`Error::PANIC`]; the process lives on and takes the next invocation. (Not with
//! `panic = "abort"`: there the process ends, and Lambda reports that.) An event that is not what the handler takes
//! is [`Error::INVALID_EVENT`], an answer that cannot be sent is [`Error::INVALID_ANSWER`].
//!
//! # Streams
//!
//! A function whose answer is long, or comes bit by bit, sends it while it makes it: [`run_http_stream`] and
//! [`run_event_stream`] take handlers that return a stream of bytes, such as [`Streamed`]. [`sse`] writes server-sent
//! events for browsers.
//!
//! ```no_run
//! use std::process::ExitCode;
//! use stayput_runtime::{Bytes, Context, Error, Streamed, http::{Request, Response}, sse};
//!
//! async fn countdown(_: Request<Bytes>, _: Context) -> Result<Response<Streamed>, Error> {
//!     Ok(sse::response(Streamed::new(async |out| {
//!         for left in (1..=10).rev() {
//!             out.write(sse::Event::data(left.to_string())).await?;
//!             tokio::time::sleep(std::time::Duration::from_secs(1)).await;
//!         }
//!         out.write(sse::Event::data("lift-off").name("end")?).await?;
//!         Ok(())
//!     })))
//! }
//!
//! fn main() -> ExitCode {
//!     stayput_runtime::run_http_stream(countdown)
//! }
//! ```
//!
//! * **A slow reader holds the stream.** A piece is asked for when the ones before it are on their way: a few KiB wait
//!   here, and what the sockets hold.
//! * **Until the stream is there,** errors and panics are faults as above. **After that** the status has gone out: an
//!   error that the stream gives, or a panic, ends the answer, and callers are told that it is not whole.
//! * **A caller who has gone** ends the stream under `stayput dev`: it is dropped, at the `await` that it has come to, and
//!   the next invocation is taken. AWS tells functions nothing of that: there they run on to their end or their timeout.
//! * **What a stream uses is its own.** A handler may borrow what `main` prepared; its stream may not: give it a clone.
//! * Lambda takes 200 MB of a stream, and 15 minutes at most, as with any invocation.
//!
//! # Preparing once, not in every invocation
//!
//! Handlers may be async closures, so they can borrow what `main` prepared. Where preparing is itself async, use
//! your own Tokio runtime, and [`serve_event`], [`serve_http`] or what streams like them in it:
//!
//! ```no_run
//! use serde_json::Value;
//! use stayput_runtime::{Context, Error};
//! # struct Database;
//! # impl Database {
//! #     async fn connect() -> Result<Self, std::io::Error> { Ok(Self) }
//! #     async fn put(&self, _: Value) -> Result<u64, std::io::Error> { Ok(1) }
//! # }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Error> {
//!     stayput_runtime::init_logging();
//!     let database = Database::connect().await?;
//!     stayput_runtime::serve_event(async |event: Value, _: Context| Ok(database.put(event).await?)).await?;
//!     Ok(())
//! }
//! ```
//!
//! # Durable functions
//!
//! With the feature `durable`, functions of many steps that outlive the process which runs them: the module `durable`, and
//! `run_durable`.
//!
//! # Testing
//!
//! [`testing`] calls a handler as Lambda would, through the same bytes, without a process or a socket.
//!
//! # What is not here
//!
//! One invocation runs at a time, on one thread, as Lambda's own model has it; functions that want more make their
//! own threads. A request's body is complete before the handler has it: Lambda streams answers alone.

#![warn(missing_docs)]

mod answer;
mod context;
#[cfg(feature = "durable")]
pub mod durable;
mod error;
mod event_function;
mod event_stream;
mod http_function;
mod http_stream;
mod late_error;
mod logging;
mod panics;
mod post;
mod serve;
mod serve_stream;
pub mod sse;
mod streamed;
pub mod testing;

pub use bytes::Bytes;
pub use http;

pub use context::Context;
#[cfg(feature = "durable")]
pub use durable::{run_durable, serve_durable};
pub use error::Error;
pub use event_function::{run_event, serve_event};
pub use event_stream::{run_event_stream, serve_event_stream};
pub use http_function::{SourceIp, run_http, serve_http};
pub use http_stream::{run_http_stream, serve_http_stream};
pub use logging::init_logging;
pub use serve::ServeError;
pub use streamed::{Gone, Streamed, Writer};

/// README's function is compiled like any other example.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// So is that of the page about streams.
#[cfg(doctest)]
#[doc = include_str!("../../docs/streams.md")]
struct Streams;

/// And that of the page about steps.
#[cfg(all(doctest, feature = "durable"))]
#[doc = include_str!("../../docs/steps.md")]
struct Steps;

/// And those of the pages on moving.
#[cfg(doctest)]
#[doc = include_str!("../../docs/moving/stedi.md")]
#[doc = include_str!("../../docs/moving/eywa.md")]
#[doc = include_str!("../../docs/moving/openfaas.md")]
struct Moving;
