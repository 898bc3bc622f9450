//! Durable functions of many shapes. Each body of a step writes a line into a file of its own: what it is about to return, which is never the
//! same twice. Whoever kills these processes can tell afterwards whether each step was run, and whether what was recorded is what
//! came back.
//!
//! | handler | what it does with `{"folder": "…", "run": "…"}` | returns |
//! |---|---|---|
//! | `chain` | five steps, one after another | their five values |
//! | `fan` | three `leaf`s at a time, and a step beside them | four values |
//! | `each` | six `leaf`s, two at a time | six values |
//! | `nap` | a step, a second of sleep, a step | two values |
//! | `guarded` | a `leaf` with a timeout that is never reached | one value |
//! | `caught` | a `broken` function, whose failure it catches, and a step | one value |
//! | `leaf` | one step | one value |
//! | `five` | five steps that only return, for measurements; takes any event | five numbers |
//! | `broken` | fails | |

use std::{fs::OpenOptions, io::Write as _, path::PathBuf, process::ExitCode, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stayput_runtime::{
    Error,
    durable::{App, Function, Step},
};

/// Which execution of the test's it is.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Order {
    /// Where the files are.
    folder: PathBuf,
    run: String,
}

/// What steps gave, by the steps' names.
type Values = Vec<(String, u64)>;

static CHAIN: Function<Order, Values> = Function::new("chain");
static FAN: Function<Order, Values> = Function::new("fan");
static EACH: Function<Order, Values> = Function::new("each");
static NAP: Function<Order, Values> = Function::new("nap");
static GUARDED: Function<Order, Values> = Function::new("guarded");
static CAUGHT: Function<Order, Values> = Function::new("caught");
static LEAF: Function<Order, Values> = Function::new("leaf");
static FIVE: Function<Value, Vec<u32>> = Function::new("five");
static BROKEN: Function<Order, Values> = Function::new("broken");

fn main() -> ExitCode {
    App::new()
        .with(&CHAIN, chain)
        .with(&FAN, fan)
        .with(&EACH, each)
        .with(&NAP, nap)
        .with(&GUARDED, guarded)
        .with(&CAUGHT, caught)
        .with(&LEAF, leaf)
        .with(&FIVE, five)
        .with(&BROKEN, broken)
        .run()
}

async fn chain(order: Order, step: Step) -> Result<Values, Error> {
    let mut values = Values::new();
    for n in 0..5 {
        values.push(seen(&order, &step, &format!("step-{n}")).await?);
    }
    Ok(values)
}

async fn fan(order: Order, step: Step) -> Result<Values, Error> {
    let leaf = |n: u32| step.invoke(&format!("leaf-{n}"), &LEAF, order.part(n));
    let (a, b, c, own) = tokio::join!(leaf(0), leaf(1), leaf(2), seen(&order, &step, "own"));
    Ok([a?, b?, c?].into_iter().flatten().chain([own?]).collect())
}

async fn each(order: Order, step: Step) -> Result<Values, Error> {
    let orders = (0..6).map(|n| order.part(n));
    let mut values = Values::new();
    for given in step.invoke_each("leaf", &LEAF, orders).limit(2).await {
        values.extend(given?);
    }
    Ok(values)
}

async fn nap(order: Order, step: Step) -> Result<Values, Error> {
    let before = seen(&order, &step, "before").await?;
    step.sleep("nap", "1s").await?;
    Ok(vec![before, seen(&order, &step, "after").await?])
}

async fn guarded(order: Order, step: Step) -> Result<Values, Error> {
    Ok(step.invoke("leaf", &LEAF, order.part(0)).timeout("1h").await?)
}

async fn caught(order: Order, step: Step) -> Result<Values, Error> {
    match step.invoke("broken", &BROKEN, order.part(0)).await {
        Err(error) if error.name == "Broken" => Ok(vec![seen(&order, &step, "instead").await?]),
        Err(error) => Err(error.into()),
        Ok(_) => Err(Error::new("NotBroken", "a function that always fails did not")),
    }
}

async fn leaf(order: Order, step: Step) -> Result<Values, Error> {
    Ok(vec![seen(&order, &step, "leaf").await?])
}

async fn five(_: Value, step: Step) -> Result<Vec<u32>, Error> {
    let mut numbers = Vec::new();
    for n in 0..5 {
        numbers.push(step.run(&format!("step-{n}"), async || Ok(n)).await?);
    }
    Ok(numbers)
}

async fn broken(_: Order, _: Step) -> Result<Values, Error> {
    Err(Error::new("Broken", "as ever"))
}

/// A step whose value was never there before, and is written down before it is returned.
async fn seen(order: &Order, step: &Step, name: &str) -> Result<(String, u64), Error> {
    let key = format!("{}.{name}", order.run);
    let body = async || {
        let value = witness(order, &key)?;
        // Time to be killed in, between what was done and what is recorded.
        tokio::time::sleep(Duration::from_millis(value % LONGEST_MS)).await;
        Ok(value)
    };
    let value = step.run(name, body).await?;
    Ok((key, value))
}

fn witness(order: &Order, key: &str) -> Result<u64, Error> {
    // JavaScript's numbers, and so Lambda's tools, keep 53 bits.
    let value = getrandom::u64().map_err(|error| Error::new("NoRandomness", error.to_string()))? >> 11;
    let mut file = OpenOptions::new().create(true).append(true).open(order.folder.join(key))?;
    writeln!(file, "{value}")?;
    Ok(value)
}

/// Of a body.
const LONGEST_MS: u64 = 40;

impl Order {
    fn part(&self, n: u32) -> Self {
        Self { folder: self.folder.clone(), run: format!("{}.{n}", self.run) }
    }
}
