//! Durable functions, whole, in a world of the test kit.

mod crashes;
mod determinism;
mod driving;
mod functions;
mod invoke;
mod programs;
mod run;
mod timeouts;

use super::{Function, Step, StepError, StepErrorKind};
use crate::{Error, testing::durable::World};

/// Runs what a test is about.
pub(super) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

pub(super) const DOUBLE: Function<i64, i64> = Function::new("double");

pub(super) async fn double(number: i64, _: Step) -> Result<i64, Error> {
    Ok(number * 2)
}
