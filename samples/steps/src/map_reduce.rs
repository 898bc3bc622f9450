//! One function for each of many inputs, a few at a time, and one result of all.

use serde::{Deserialize, Serialize};
use stayput_runtime::{
    Error,
    durable::{Function, Step},
};

use crate::square::{COMPUTE_SQUARE, Number};

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Numbers {
    pub(crate) numbers: Vec<i64>,
}

/// How many there were, and the sum of their squares.
#[derive(Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Sum {
    pub(crate) count: usize,
    pub(crate) sum: i64,
}

pub(crate) static MAP_REDUCE: Function<Numbers, Sum> = Function::new("map-reduce");

pub(crate) async fn map_reduce(Numbers { numbers }: Numbers, step: Step) -> Result<Sum, Error> {
    let inputs = numbers.into_iter().map(|number| Number { number });
    let squares = step.invoke_each("square", &COMPUTE_SQUARE, inputs).limit(AT_ONCE).await;
    let mut all = Sum { count: 0, sum: 0 };
    for square in squares {
        all = Sum { count: all.count + 1, sum: all.sum + square?.result };
    }
    Ok(all)
}

const AT_ONCE: usize = 3;
