use std::cell::Cell;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::Context;

#[derive(Deserialize, Serialize)]
struct Number {
    number: i64,
}

#[derive(Deserialize, Serialize)]
struct Square {
    result: i64,
}

static COMPUTE_SQUARE: Function<Number, Square> = Function::new("compute-square");

async fn compute_square(n: Number, _: Step) -> Result<Square, Error> {
    Ok(Square { result: n.number * n.number })
}

#[test]
fn a_function_gets_what_another_returns() {
    let main = async |(), step: Step| {
        let square = step.invoke("compute-square-value", &COMPUTE_SQUARE, Number { number: 4 }).await?;
        Ok(format!("Square of 4 is {}.", square.result))
    };
    let ran = block_on(World::new().with(&COMPUTE_SQUARE, compute_square).run(main, ()));
    assert_eq!(ran.result.unwrap(), "Square of 4 is 16.");
    assert_eq!(ran.invoked, [("compute-square".to_owned(), r#"{"number":4}"#.to_owned())]);
    assert_eq!((ran.invocations, ran.checkpoints), (2, 1));
}

#[test]
fn an_ordinary_function_of_another_app_can_be_invoked_too() {
    const PI: Function<Number, f64> = Function::new("compute-pi").app("my-python-app");
    const BILL: Function<f64, String> = Function::lambda("bill:live");
    let main = async |(), step: Step| {
        let pi = step.invoke("pi", &PI, Number { number: 2 }).await?;
        Ok(step.invoke("bill", &BILL, pi).await?)
    };
    let world = World::new()
        .plain(&PI, async |digits: Number, _: Context| Ok(if digits.number == 2 { 3.5 } else { 3.0 }))
        .plain(&BILL, async |pi: f64, _: Context| Ok(format!("{pi} €")));
    let ran = block_on(world.run(main, ()));
    assert_eq!(ran.result.unwrap(), "3.5 €");
    let names: Vec<_> = ran.invoked.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["my-python-app-compute-pi", "bill:live"]);
}

#[test]
fn the_others_failure_is_told_with_all_that_it_said() {
    const CHARGE: Function<(), ()> = Function::new("charge");
    let declined = Error::new("CardDeclined", "the bank says no").with_data("51");
    let main = async |(), step: Step| {
        let error = step.invoke("charge", &CHARGE, ()).await.unwrap_err();
        assert_eq!((&*error.step_id, error.kind), ("charge", StepErrorKind::Failed));
        Ok(format!("{}: {} ({})", error.name, error.message, error.data.unwrap()))
    };
    let ran = block_on(World::new().fails(&CHARGE, declined.clone()).run(main, ()));
    assert_eq!(ran.result.unwrap(), "CardDeclined: the bank says no (51)");

    let escaping = async |(), step: Step| Ok(step.invoke("charge", &CHARGE, ()).await?);
    let ran = block_on(World::new().fails(&CHARGE, declined.clone()).run(escaping, ()));
    assert_eq!(ran.result, Err(declined));
}

#[test]
fn a_panic_in_the_other_is_its_fault() {
    const BROKEN: Function<(), ()> = Function::new("broken");
    let main = async |(), step: Step| Ok(step.invoke("broken", &BROKEN, ()).await?);
    let broken = async |(), _: Step| panic!("boom");
    let ran = block_on(World::new().with(&BROKEN, broken).run(main, ()));
    assert_eq!(ran.result, Err(Error::new(Error::PANIC, "boom")));
}

#[track_caller]
fn check_not_found(is_timed: bool, invocations: usize, checkpoints: usize) {
    const NOBODY: Function<(), ()> = Function::new("duoble");
    let main = async |(), step: Step| {
        let call = step.invoke("call", &NOBODY, ());
        let call = if is_timed { call.timeout("1h") } else { call };
        let error = call.await.unwrap_err();
        assert!(error.is_not_found(), "{error:?}");
        Ok(error.message)
    };
    let ran = block_on(World::new().with(&DOUBLE, double).run(main, ()));
    let text = "Function not found: duoble:$LATEST. Did you mean \"double\"?";
    assert_eq!(ran.result.as_deref(), Ok(text));
    assert_eq!((ran.invocations, ran.checkpoints), (invocations, checkpoints));
    assert_eq!(ran.elapsed, std::time::Duration::ZERO);
}

#[test]
fn what_is_not_there_is_told_at_once() {
    check_not_found(false, 1, 1);
    check_not_found(true, 1, 2);
}

#[test]
fn calls_that_are_awaited_together_leave_together() {
    let main = async |(), step: Step| {
        let calls = (
            step.invoke("a", &DOUBLE, 1),
            step.invoke("b", &DOUBLE, 2).timeout("1h"),
            step.run("c", async || Ok(3)),
            step.sleep("d", "10s"),
        );
        let (a, b, c, d) = tokio::join!(calls.0, calls.1, calls.2, calls.3);
        d?;
        Ok(a? + b? + c?)
    };
    let ran = block_on(World::new().with(&DOUBLE, double).run(main, ()));
    assert_eq!(ran.result, Ok(9));
    // All the beginnings; the verdict of the timed one.
    assert_eq!((ran.invocations, ran.checkpoints), (3, 2));
}

#[test]
fn an_error_ends_a_try_join_and_the_function() {
    const BROKEN: Function<i64, i64> = Function::new("broken");
    let main = async |(), step: Step| {
        let sum = tokio::try_join!(step.invoke("a", &BROKEN, 1), step.invoke("b", &DOUBLE, 2))?;
        Ok(sum.0 + sum.1)
    };
    let world = World::new().with(&DOUBLE, double).after("1h").fails(&BROKEN, Error::new("Broken", "no"));
    let ran = block_on(world.run(main, ()));
    assert_eq!(ran.result, Err(Error::new("Broken", "no")));
    assert_eq!(ran.elapsed, std::time::Duration::ZERO);
}

#[track_caller]
fn check_map_reduce(limit: Option<usize>, checkpoints: usize) {
    let under_way = Cell::new(0);
    let most = Cell::new(0);
    let slow = async |number: i64, step: Step| {
        if number >= 0 {
            under_way.set(under_way.get() + i32::from(step.run("in", async || Ok(true)).await?));
            most.set(most.get().max(under_way.get()));
            step.sleep("work", "1m").await?;
        }
        if number == 3 {
            return Err(Error::new("Three", "not three"));
        }
        Ok(number * 2)
    };
    let main = async |(), step: Step| {
        let doubled = step.invoke_each("double", &DOUBLE, 0..7);
        let doubled = match limit {
            Some(limit) => doubled.limit(limit),
            None => doubled,
        };
        Ok(doubled.await.into_iter().map(|result| result.unwrap_or(-1)).collect::<Vec<_>>())
    };
    let ran = block_on(World::new().with(&DOUBLE, slow).run(main, ()));
    assert_eq!(ran.result.unwrap(), [0, 2, 4, -1, 8, 10, 12]);
    assert_eq!(ran.checkpoints, checkpoints);
    assert_eq!(ran.invoked.len(), 7);
}

#[test]
fn a_function_for_each_of_many_inputs() {
    check_map_reduce(None, 1);
    check_map_reduce(Some(7), 1);
    check_map_reduce(Some(3), 3);
    check_map_reduce(Some(1), 7);
    check_map_reduce(Some(0), 7);
}

#[test]
fn each_has_its_own_time() {
    let main = async |(), step: Step| {
        let ends = step.invoke_each("double", &DOUBLE, 1..=2).limit(1).timeout("1h").await;
        Ok(ends.into_iter().filter(|end| end.as_ref().is_err_and(StepError::is_timeout)).count())
    };
    let ran = block_on(World::new().never_ends(&DOUBLE).run(main, ()));
    assert_eq!(ran.result, Ok(2));
    assert_eq!(ran.elapsed.as_secs(), 7_200);
}

#[test]
fn nothing_for_nobody() {
    let main = async |(), step: Step| Ok(step.invoke_each("double", &DOUBLE, []).await.len());
    let ran = block_on(World::new().run(main, ()));
    assert_eq!((ran.result, ran.checkpoints), (Ok(0), 0));
}

#[track_caller]
fn check_input(bytes: usize, kind: Option<StepErrorKind>) {
    const TAKE: Function<String, usize> = Function::new("take");
    let main = async |(), step: Step| {
        Ok(step.invoke("take", &TAKE, "x".repeat(bytes)).await.err().map(|error| format!("{:?}", error.kind)))
    };
    let ran =
        block_on(World::new().plain(&TAKE, async |text: String, _: Context| Ok(text.len())).run(main, ()));
    assert_eq!(ran.result.unwrap(), kind.map(|kind| format!("{kind:?}")), "{bytes} bytes");
    assert_eq!(ran.checkpoints, usize::from(kind.is_none()));
}

#[test]
fn an_input_that_is_too_large_is_not_sent() {
    check_input(1_048_576 - 2, None);
    check_input(1_048_576 - 1, Some(StepErrorKind::TooLarge));
}

#[test]
fn a_result_of_another_shape_is_told_where_it_differs() {
    const AS_TEXT: Function<i64, String> = Function::new("double");
    let main = async |(), step: Step| {
        let error = step.invoke("double", &AS_TEXT, 2).await.unwrap_err();
        assert_eq!((error.kind, &*error.name), (StepErrorKind::Serde, StepError::SERDE));
        Ok(error.message)
    };
    let ran = block_on(World::new().with(&DOUBLE, double).run(main, ()));
    assert_eq!(ran.result.unwrap(), "invalid type: integer `4`, expected a string at line 1 column 1");
}

#[test]
fn ids_and_names_that_are_none_are_refused_here() {
    const NAMELESS: Function<(), ()> = Function::new("");
    let main = async |(), step: Step| {
        let mut errors = vec![
            step.invoke("", &DOUBLE, 1).await.unwrap_err(),
            step.invoke("a\0b", &DOUBLE, 1).await.unwrap_err(),
            step.invoke("a", &NAMELESS, ()).await.unwrap_err(),
        ];
        errors.extend(step.sleep("b", "soon").await.err());
        errors.extend(step.run("", async || Ok(())).await.err());
        assert!(errors.iter().all(|error| error.kind == StepErrorKind::Invalid));
        Ok(errors.len())
    };
    let ran = block_on(World::new().with(&DOUBLE, double).run(main, ()));
    assert_eq!((ran.result, ran.checkpoints), (Ok(5), 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_runs_together_gives_what_it_would_alone(numbers in proptest::collection::vec(-9_i64..9, 0..12), limit in 1_usize..5) {
        let main = async |numbers: Vec<i64>, step: Step| {
            let doubled = step.invoke_each("double", &DOUBLE, numbers).limit(limit).await;
            Ok(doubled.into_iter().collect::<Result<Vec<_>, _>>()?)
        };
        let ran = block_on(World::new().with(&DOUBLE, double).run(main, &numbers));
        let expected: Vec<_> = numbers.iter().map(|number| number * 2).collect();
        prop_assert_eq!(ran.result.unwrap(), expected);
        prop_assert_eq!(ran.invoked.len(), numbers.len());
    }
}
