//! Durable functions: functions of many steps, which outlive the process that runs them.
//!
//! A durable function is written as if it ran from its beginning to its end in one go. What it does, it does in steps, and
//! Lambda keeps a journal of them. While it waits, for another function or for next month, nothing runs; when there is news
//! it is run from its beginning, and the steps that are done give what they gave, at once.
//!
//! ```no_run
//! use std::process::ExitCode;
//! use serde_json::Value;
//! use stayput_runtime::{Error, durable::{App, Function, Step}};
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Number { number: i64 }
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Square { result: i64 }
//!
//! static COMPUTE_SQUARE: Function<Number, Square> = Function::new("compute-square");
//! static MAIN: Function<Value, String> = Function::new("main-function");
//!
//! async fn compute_square(n: Number, _: Step) -> Result<Square, Error> {
//!     Ok(Square { result: n.number * n.number })
//! }
//!
//! async fn main_function(_: Value, step: Step) -> Result<String, Error> {
//!     let square = step.invoke("compute-square-value", &COMPUTE_SQUARE, Number { number: 4 }).timeout("1h").await?;
//!     Ok(format!("Square of 4 is {}.", square.result))
//! }
//!
//! fn main() -> ExitCode {
//!     App::new().with(&COMPUTE_SQUARE, compute_square).with(&MAIN, main_function).run()
//! }
//! ```
//!
//! # What must be the same in every run
//!
//! The function is run many times, so between its steps it must decide the same each time: by its input and by what its
//! steps gave, and not by the clock, by chance, or by what others may change meanwhile. What is not so belongs into
//! [`Step::run`]. If a step's id stands for another kind of step, or for the invocation of another function, than when the
//! execution came by before, the execution fails with `StepMismatch` and a text that says both.
//!
//! # What it costs
//!
//! A step that runs a body is one call to Lambda, when the body is done. Steps that are awaited together share their calls.
//! An invocation and its timeout are begun in one call; a verdict is one more.
//!
//! # When it goes wrong
//!
//! * **A step fails:** [`StepError`]. `?` ends the function with the same name and message, and without the function's own
//!   retries.
//! * **The function fails:** it is run again if [`App::retries`] says so; otherwise the execution fails with the error's
//!   name, message and data.
//! * **A handler panics:** a fault named [`Error::PANIC`](crate::Error::PANIC), as with all functions.
//! * **The process dies, or the journal cannot be reached:** the invocation fails, and Lambda runs the function again.
//!
//! # Testing
//!
//! [`testing::durable`](crate::testing::durable) runs durable functions to their ends, in no time.
//!
//! # What has not been seen
//!
//! This is written after Lambda's published protocol and held to AWS's own local runner's rules. It has not been run against AWS.

mod app;
mod connection;
mod delay;
mod drive;
mod fault;
mod function;
pub(crate) mod handler;
mod identity;
pub(crate) mod invocation;
mod invoke;
mod invoke_each;
pub(crate) mod journal;
mod journal_http;
mod lazy;
mod memory;
mod mismatch;
mod pauses;
mod payload;
pub(crate) mod resolver;
mod run;
mod session;
mod sleep;
mod step;
mod step_error;
mod timed_invoke;

pub use app::{App, run_durable, serve_durable};
pub use delay::Delay;
pub use function::Function;
pub use invoke::Invoke;
pub use invoke_each::InvokeEach;
pub use run::Run;
pub use sleep::Sleep;
pub use step::Step;
pub use step_error::{StepError, StepErrorKind};

pub(crate) use app::Registered;
pub(crate) use fault::More;
pub(crate) use identity::RUN;

#[cfg(test)]
mod tests;
