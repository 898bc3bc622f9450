//! Two functions at a time: ordinary futures, joined.

use serde::{Deserialize, Serialize};
use stayput_runtime::{
    Error,
    durable::{Function, Step},
};

use crate::square::{COMPUTE_SQUARE, Number};

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Sides {
    pub(crate) a: i64,
    pub(crate) b: i64,
}

pub(crate) static FAN_OUT: Function<Sides, i64> = Function::new("fan-out");

/// The square over a right triangle's longest side.
pub(crate) async fn fan_out(Sides { a, b }: Sides, step: Step) -> Result<i64, Error> {
    let (a, b) = tokio::try_join!(
        step.invoke("first", &COMPUTE_SQUARE, Number { number: a }),
        step.invoke("second", &COMPUTE_SQUARE, Number { number: b }),
    )?;
    Ok(a.result + b.result)
}
