//! What durable functions are written for, each in a few lines with AWS's SDK: the event's `shape` says which one runs.
//!
//! Its handler `plain` is a function as any other, for the durable one to invoke. `tests/functions/durable_python/app.py` has the same
//! shapes.

use std::{fs, path::Path, process, time::Duration};

use aws_durable_execution_sdk::{
    self as durable, BoxError, CallbackErrorKind, DurableContext, OperationError, OperationErrorKind,
    RetryDecision, StepSemantics, WireError,
    builders::{
        JitterStrategy, RetryStrategyConfig, map_parallel::CompletionConfig, wait_for_condition::WaitDecision,
    },
};
use durable::Branch;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};

type Done = Result<Value, BoxError>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    match std::env::var("_HANDLER").as_deref() {
        Ok("plain") => lambda_runtime::run(service_fn(plain)).await,
        _ => durable::run(handler).await,
    }
}

async fn plain(event: LambdaEvent<Value>) -> Result<Value, lambda_runtime::Error> {
    if event.payload["fail"] == true {
        return Err("plainly".into());
    }
    if event.payload["file"].is_string() {
        slow_once(&text(&event.payload, "file")).await?;
    }
    Ok(json!({ "plain": event.payload["number"] }))
}

async fn handler(event: Value, context: DurableContext) -> Done {
    match text(&event, "shape").as_str() {
        "step" => step(&event, &context).await,
        "steps" => steps(&event, &context).await,
        "wait" => wait(&context).await,
        "retry" => retry(&context).await,
        "exhausted" => exhausted(&context).await,
        "callback" => callback(&event, &context).await,
        "wait_for_callback" => wait_for_callback(&event, &context).await,
        "child" => child(&event, &context).await,
        "child_fails" => child_fails(&context).await,
        "parallel" => parallel(&context).await,
        "first" => first(&context).await,
        "map_each" => map_each(&event, &context).await,
        "map_fails" => map_fails(&event, &context).await,
        "invoke" => invoke(&event, &context).await,
        "fan_out" => fan_out(&event, &context).await,
        "condition" => condition(&event, &context).await,
        "killed" => killed(&event, &context).await,
        "killed_at_most_once" => killed_at_most_once(&event, &context).await,
        "slow" => slow(&event, &context).await,
        "large" => large(&event, &context).await,
        "large_child" => large_child(&event, &context).await,
        "large_result" => Ok("x".repeat(size(&event, "bytes")).into()),
        "unhandled" => unhandled(&context).await,
        other => Err(format!("no shape {other}").into()),
    }
}

async fn step(event: &Value, context: &DurableContext) -> Done {
    let number = number(event, "number");
    Ok(context.step(move |_| async move { Ok(json!(number * 2)) }).name("double").await?)
}

/// Values of every sort, and a result that is built from what was recorded.
async fn steps(event: &Value, context: &DurableContext) -> Done {
    let mut values = Vec::new();
    for (at, value) in list(event, "values").into_iter().enumerate() {
        values.push(context.step(|_| async { Ok(value) }).name(format!("value-{at}")).await?);
    }
    context.wait(SECOND).name("pause").await?;
    Ok(values.into())
}

async fn wait(context: &DurableContext) -> Done {
    context.wait(SECOND).name("pause").await?;
    Ok("awake".into())
}

async fn retry(context: &DurableContext) -> Done {
    let delays = RetryStrategyConfig::builder()
        .max_attempts(3)
        .initial_delay(SECOND)
        .backoff_rate(1.0)
        .jitter(JitterStrategy::None)
        .build();
    let flaky = context.step(|step| async move {
        match step.attempt() {
            attempt @ ..3 => Err(format!("attempt {attempt}").into()),
            attempt => Ok(json!(attempt)),
        }
    });
    Ok(flaky.name("flaky").retry_strategy_config(delays).await?)
}

async fn exhausted(context: &DurableContext) -> Done {
    let twice = |_: &durable::StepError, attempt| match attempt {
        ..2 => RetryDecision::Retry { delay: SECOND },
        _ => RetryDecision::Stop,
    };
    match context.step(|_| fail()).name("in-vain").retry_strategy(twice).await {
        Err(error) if matches!(error.kind(), OperationErrorKind::Step(_)) => Ok(told(&error)),
        other => Ok(other?),
    }
}

async fn callback(event: &Value, context: &DurableContext) -> Done {
    let mut pending = context.create_callback::<Value>().name("approval");
    if let Some(seconds) = event["timeout"].as_u64() {
        pending = pending.timeout(Duration::from_secs(seconds));
    }
    if let Some(seconds) = event["heartbeat_timeout"].as_u64() {
        pending = pending.heartbeat(Duration::from_secs(seconds));
    }
    let error = match pending.await?.result().await {
        Ok(value) => return Ok(json!({ "got": value.to_string() })),
        Err(error) => error,
    };
    let OperationErrorKind::Callback(failure) = error.kind() else { return Err(error.into()) };
    match failure.kind() {
        CallbackErrorKind::TimedOut { .. } | CallbackErrorKind::HeartbeatTimedOut { .. } => {
            Ok(json!({ "late": true }))
        }
        CallbackErrorKind::ExternalFailure { .. } => {
            Ok(json!({ "failed": error.wire().and_then(WireError::error_message) }))
        }
        _ => Err(error.into()),
    }
}

/// Whoever is to call back is told by a file.
async fn wait_for_callback(event: &Value, context: &DurableContext) -> Done {
    let file = text(event, "file");
    let told = context.wait_for_callback::<Value, _, _>(|_, id| async move { Ok(fs::write(file, id)?) });
    Ok(json!({ "got": told.name("approval").await?.to_string() }))
}

async fn child(event: &Value, context: &DurableContext) -> Done {
    let count = number(event, "count");
    let order = context.run_in_child_context(move |inner| async move {
        let price = inner.step(|_| async { Ok(20) }).name("price").await?;
        inner.wait(SECOND).name("pause").await?;
        Ok(inner.step(move |_| async move { Ok(json!(price * count)) }).name("total").await?)
    });
    Ok(order.name("order").await?)
}

async fn child_fails(context: &DurableContext) -> Done {
    let order = context.run_in_child_context(|inner| async move {
        Ok(inner.step(|_| fail()).name("take").retry_strategy(|_, _| RetryDecision::Stop).await?)
    });
    match order.name("order").await {
        Err(error) if matches!(error.kind(), OperationErrorKind::ChildContext(_)) => Ok(told(&error)),
        other => Ok(other?),
    }
}

async fn parallel(context: &DurableContext) -> Done {
    let branch = |seconds| {
        Branch::new(format!("branch-{seconds}"), move |inner: DurableContext| async move {
            inner.wait(Duration::from_secs(seconds)).name(format!("pause-{seconds}")).await?;
            Ok(inner.step(move |_| async move { Ok(seconds) }).name(format!("done-{seconds}")).await?)
        })
    };
    let at_once = Branch::new("branch-0", |_| async { Ok(0) });
    Ok(json!(context.parallel([branch(2), branch(1), at_once]).name("together").await?))
}

/// Whoever is first ends it; what the other waits for stays behind.
async fn first(context: &DurableContext) -> Done {
    let branch = |seconds| {
        Branch::new(format!("branch-{seconds}"), move |inner: DurableContext| async move {
            inner.wait(Duration::from_secs(seconds)).name(format!("pause-{seconds}")).await?;
            Ok(seconds)
        })
    };
    let race = context.parallel([branch(100), branch(1)]).name("race");
    let results = race.completion(CompletionConfig::with_min_successful(1)).await?;
    context.wait(SECOND).name("pause").await?;
    Ok(json!(results))
}

async fn map_each(event: &Value, context: &DurableContext) -> Done {
    let squares = context.map(numbers(event), |inner, number, index| async move {
        Ok(inner.step(move |_| async move { Ok(number * number) }).name(format!("square-{index}")).await?)
    });
    Ok(json!(squares.name("squares").max_concurrency(2).await?))
}

async fn map_fails(event: &Value, context: &DurableContext) -> Done {
    let numbers = numbers(event);
    let count = numbers.len();
    let odds = context.map(numbers, |inner, number, _| async move {
        let odd = inner
            .step(move |_| async move { if number % 2 == 0 { fail().await } else { Ok(json!(number)) } });
        Ok(odd.name("odd").retry_strategy(|_, _| RetryDecision::Stop).await?)
    });
    let all = CompletionConfig::with_tolerated_failure_percentage(100);
    let results = odds.name("odds").completion(all).await?;
    Ok(json!({ "failed": count - results.len(), "results": results }))
}

async fn invoke(event: &Value, context: &DurableContext) -> Done {
    let other = context.invoke::<Value, _>(text(event, "target"), event["payload"].clone());
    match other.name("other").await {
        Ok(value) => Ok(json!({ "got": value })),
        Err(error) if matches!(error.kind(), OperationErrorKind::Invoke(_)) => Ok(told(&error)),
        Err(error) => Err(error.into()),
    }
}

async fn fan_out(event: &Value, context: &DurableContext) -> Done {
    let target = text(event, "target");
    let other = |number| {
        let payload = json!({ "shape": "step", "number": number });
        context.invoke::<Value, _>(target.as_str(), payload).name("other").future()
    };
    let others: Vec<_> = numbers(event).into_iter().map(other).collect();
    Ok(context.try_join_all(others).name("others").await?.into())
}

async fn condition(event: &Value, context: &DurableContext) -> Done {
    let until = number(event, "until");
    let counted = context.wait_for_condition(|_, state: u64| async move { Ok(state + 1) }, 0);
    let reached = move |state, _| match state >= until {
        true => WaitDecision::complete(),
        false => WaitDecision::continue_with(SECOND),
    };
    Ok(json!(counted.name("counted").wait_strategy_fn(reached).await?))
}

/// The first process that comes to the second step ends itself within it.
async fn killed(event: &Value, context: &DurableContext) -> Done {
    let file = text(event, "file");
    let first = context.step(|_| async { Ok(process::id()) }).name("first").await?;
    let second = context.step(|_| async move { Ok(die_once(&file)?) }).name("second").await?;
    Ok(json!({ "another": first != second }))
}

/// Likewise, in a step that must not run twice for one attempt.
async fn killed_at_most_once(event: &Value, context: &DurableContext) -> Done {
    let file = text(event, "file");
    let once = context.step(|_| async move { Ok(json!(die_once(&file)?)) }).name("once");
    let once = once.semantics(StepSemantics::AtMostOncePerRetry).retry_strategy(|_, _| RetryDecision::Stop);
    match once.await {
        Err(error) if matches!(error.kind(), OperationErrorKind::Step(_)) => {
            Ok(json!({ "interrupted": true }))
        }
        other => Ok(other?),
    }
}

/// A step that takes a while the first time.
async fn slow(event: &Value, context: &DurableContext) -> Done {
    let file = text(event, "file");
    let done = context.step(|_| async move { Ok(slow_once(&file).await?) }).name("slow").await?;
    Ok(json!({ "done": done }))
}

/// Many operations, each with a result, so that the state does not come in one piece.
async fn large(event: &Value, context: &DurableContext) -> Done {
    let sum = parts(event, context).await?.iter().map(String::len).sum::<usize>();
    context.wait(SECOND).name("pause").await?;
    Ok(json!(sum))
}

/// A child context whose result is too large to be recorded: what it did is looked at again.
async fn large_child(event: &Value, context: &DurableContext) -> Done {
    let event = event.clone();
    let done = context.run_in_child_context(|inner| async move { parts(&event, &inner).await });
    let done = done.name("parts").await?;
    context.wait(SECOND).name("pause").await?;
    Ok(json!(done.iter().map(String::len).sum::<usize>()))
}

async fn parts(event: &Value, context: &DurableContext) -> Result<Vec<String>, BoxError> {
    let (count, bytes) = (number(event, "parts"), size(event, "bytes"));
    let mut parts = Vec::new();
    for at in 0..count {
        parts.push(
            context.step(move |_| async move { Ok("x".repeat(bytes)) }).name(format!("part-{at}")).await?,
        );
    }
    Ok(parts)
}

async fn unhandled(context: &DurableContext) -> Done {
    context.step(|_| async { Ok(1) }).name("before").await?;
    Err("nobody catches this".into())
}

async fn fail() -> Done {
    Err("none left".into())
}

fn told(error: &OperationError) -> Value {
    json!({ "type": error.wire().and_then(WireError::error_type), "message": format!("{error:#}") })
}

fn die_once(file: &str) -> std::io::Result<u32> {
    if !Path::new(file).exists() {
        fs::write(file, "")?;
        process::abort();
    }
    Ok(process::id())
}

async fn slow_once(file: &str) -> std::io::Result<bool> {
    if !Path::new(file).exists() {
        fs::write(file, "")?;
        // Until the process is killed.
        std::future::pending::<()>().await;
    }
    Ok(true)
}

fn text(event: &Value, key: &str) -> String {
    event[key].as_str().unwrap_or_default().to_owned()
}

fn number(event: &Value, key: &str) -> u64 {
    event[key].as_u64().unwrap_or_default()
}

fn size(event: &Value, key: &str) -> usize {
    event[key].as_u64().and_then(|number| number.try_into().ok()).unwrap_or_default()
}

fn list(event: &Value, key: &str) -> Vec<Value> {
    event[key].as_array().cloned().unwrap_or_default()
}

fn numbers(event: &Value) -> Vec<u64> {
    list(event, "numbers").iter().filter_map(Value::as_u64).collect()
}

const SECOND: Duration = Duration::from_secs(1);
