//! One function invokes another and waits for its result.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stayput_runtime::{
    Error,
    durable::{Function, Step},
};

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Number {
    pub(crate) number: i64,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Square {
    pub(crate) result: i64,
}

/// What others invoke it by: its id, what it takes and what it gives.
pub(crate) static COMPUTE_SQUARE: Function<Number, Square> = Function::new("compute-square");

pub(crate) static MAIN_FUNCTION: Function<Value, String> = Function::new("main-function");

pub(crate) async fn compute_square(Number { number }: Number, _: Step) -> Result<Square, Error> {
    let result = number.checked_mul(number);
    let result =
        result.ok_or_else(|| Error::new("TooLarge", format!("the square of {number} does not fit")))?;
    Ok(Square { result })
}

pub(crate) async fn main_function(_: Value, step: Step) -> Result<String, Error> {
    let square = step.invoke("compute-square-value", &COMPUTE_SQUARE, Number { number: 4 }).await?;
    Ok(format!("Square of 4 is {}.", square.result))
}
