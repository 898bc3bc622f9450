use std::cell::{Cell, RefCell};

use super::*;

const B: Function<(), ()> = Function::new("b");
const C: Function<(), ()> = Function::new("c");
const D: Function<(), ()> = Function::new("d");

#[test]
fn attempts_do_not_multiply_along_a_chain() {
    let count = Cell::new(0);
    let d = async |(), _: Step| {
        count.set(count.get() + 1);
        Err::<(), _>(Error::new("Broken", format!("attempt {}", count.get())))
    };
    let c = async |(), step: Step| Ok(step.invoke("d", &D, ()).await?);
    let b = async |(), step: Step| Ok(step.invoke("c", &C, ()).timeout("1d").await?);
    const A: Function<(), ()> = Function::new("a");
    let a = async |(), step: Step| Ok(step.invoke("b", &B, ()).await?);
    let world = World::new().with(&A, a).retries(2).with(&B, b).retries(2).with(&C, c).retries(2);
    let ran = block_on(world.with(&D, d).retries(2).invoke(&A, ()));
    assert_eq!(ran.result, Err(Error::new("Broken", "attempt 3")));
    assert_eq!(count.get(), 3);
    assert_eq!(ran.elapsed.as_secs(), 1 + 5);
}

/// How often a function runs, with two retries, that fails in this way.
#[track_caller]
fn check_runs(fail: impl AsyncFn(Step) -> Error, expected: u32) {
    let runs = Cell::new(0);
    let a = async |(), step: Step| {
        step.run("count", async || Ok(())).await?;
        let error = fail(step).await;
        runs.set(runs.get() + 1);
        Err::<(), _>(error)
    };
    const A: Function<(), ()> = Function::new("a");
    let world = World::new().with(&A, a).retries(2).fails(&B, Error::new("Broken", "no"));
    let ran = block_on(world.invoke(&A, ()));
    assert!(ran.result.is_err());
    assert_eq!(runs.get(), expected);
    assert_eq!(ran.steps, ["count"], "a step that is done stays done");
    assert!(ran.invoked.len() <= 1, "a failed invocation is not made again");
}

#[test]
fn a_function_is_retried_unless_a_steps_error_ends_it() {
    check_runs(async |_| Error::new("Own", "own"), 3);
    check_runs(async |_| Error::new("Own", "own").not_retried(), 1);
    check_runs(async |step: Step| step.invoke("b", &B, ()).await.unwrap_err().into(), 1);
    check_runs(async |step: Step| step.invoke("b", &B, ()).await.unwrap_err().retriable().into(), 3);
    check_runs(async |step: Step| Error::from(step.invoke("b", &B, ()).await.unwrap_err()).retriable(), 3);
    check_runs(
        async |step: Step| {
            let error = step.invoke("b", &B, ()).await.unwrap_err();
            Error::new("Own", error.message)
        },
        3,
    );
}

#[test]
fn a_function_that_recovers_goes_on_where_it_was() {
    let runs = Cell::new(0);
    let a = async |(), step: Step| {
        step.sleep("nap", "1m").await?;
        runs.set(runs.get() + 1);
        if runs.get() < 3 {
            return Err(Error::new("Flaky", "not yet"));
        }
        Ok(step.run("end", async || Ok(7)).await?)
    };
    const A: Function<(), i32> = Function::new("a");
    let ran = block_on(World::new().with(&A, a).retries(4).invoke(&A, ()));
    assert_eq!((ran.result, ran.elapsed.as_secs()), (Ok(7), 60 + 1 + 5));
}

#[test]
fn what_ends_during_a_pause_does_not_shorten_it() {
    let runs = Cell::new(0);
    let a = async |(), step: Step| {
        runs.set(runs.get() + 1);
        let mut nap = step.sleep("nap", "3s");
        let is_over = tokio::select! {
            biased;
            slept = &mut nap => slept.is_ok(),
            () = async {} => false,
        };
        step.run("gives way", async || Ok(())).await?;
        if runs.get() < 3 { Err(Error::new("Flaky", "not yet")) } else { Ok(is_over) }
    };
    const A: Function<(), bool> = Function::new("a");
    let ran = block_on(World::new().with(&A, a).retries(4).invoke(&A, ()));
    // One second, then five in which the nap ends.
    assert_eq!((ran.result, ran.elapsed.as_secs(), runs.get()), (Ok(true), 6, 3));
}

#[test]
fn a_panic_is_a_fault_and_is_retried_like_one() {
    let runs = Cell::new(0);
    let a = async |(), _: Step| {
        runs.set(runs.get() + 1);
        assert!(runs.get() > 1, "boom");
        Ok(runs.get())
    };
    const A: Function<(), i32> = Function::new("a");
    assert_eq!(block_on(World::new().with(&A, a).retries(1).invoke(&A, ())).result, Ok(2));
    runs.set(0);
    let ran = block_on(World::new().run(a, ()));
    assert_eq!(ran.result.unwrap_err(), Error::new(Error::PANIC, "boom"));
}

#[test]
fn an_input_of_another_shape_is_the_callers_fault_at_once() {
    let a = async |_: u32, _: Step| Ok(1);
    const A: Function<&str, i32> = Function::new("a");
    const AS_NUMBER: Function<u32, i32> = Function::new("a");
    let ran = block_on(World::new().with(&AS_NUMBER, a).retries(3).invoke(&A, "x"));
    assert_eq!(ran.result.unwrap_err().error_type(), Error::INVALID_EVENT);
    assert_eq!(ran.invocations, 1);
}

#[track_caller]
fn check_result(bytes: usize, checkpoints: usize, expected: Result<usize, &str>) {
    let main = async |(), _: Step| Ok("x".repeat(bytes - 2));
    let ran = block_on(World::new().run(main, ()));
    let result = ran.result.as_ref().map(|text: &String| text.len() + 2);
    assert_eq!(result.map_err(Error::error_type), expected);
    assert_eq!(ran.checkpoints, checkpoints);
}

#[test]
fn a_large_result_goes_through_the_journal() {
    check_result(6_000_000, 0, Ok(6_000_000));
    check_result(6_291_456, 1, Ok(6_291_456));
    check_result(6_291_457, 0, Err("ResultTooLarge"));
}

#[test]
fn an_execution_has_an_arn_that_stays() {
    let told = RefCell::new(Vec::new());
    let a = async |(), step: Step| {
        told.borrow_mut().push(step.execution_arn().to_owned());
        step.sleep("nap", "1h").await?;
        Ok(step.execution_arn().to_owned())
    };
    let first = block_on(World::new().run(a, ())).result.unwrap();
    assert!(first.contains("/durable-execution/"), "{first}");
    assert_eq!(told.borrow().as_slice(), [&*first, &*first]);
}
