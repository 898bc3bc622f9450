use proptest::prelude::*;

use super::*;

const TRIPLE: Function<i64, i64> = Function::new("triple");

fn world() -> World<'static> {
    World::new().with(&DOUBLE, double).with(&TRIPLE, async |number: i64, _: Step| Ok(number * 3))
}

/// What a function that was deployed anew ends with, once it is invoked for the second time.
#[track_caller]
fn check(
    old: impl AsyncFn(Step) -> Result<i64, Error>,
    new: impl AsyncFn(Step) -> Result<i64, Error>,
    expected: Result<i64, &str>,
) {
    let ran = block_on(async {
        let mut running = world().start(());
        assert!(running.invocation(async |(), step| old(step).await).await, "the old one waits");
        running.finish(async |(), step| new(step).await).await
    });
    assert_eq!(ran.result.as_ref().map(|n| *n).map_err(Error::message), expected);
    if let Err(error) = ran.result {
        assert_eq!(error.error_type(), "StepMismatch");
    }
}

async fn two_steps(step: Step) -> Result<i64, Error> {
    let one = step.run("one", async || Ok(1)).await?;
    let two = step.invoke("two", &DOUBLE, one).await?;
    Ok(one * 10 + two)
}

#[test]
fn steps_may_change_places_and_others_may_come() {
    let reordered = async |step: Step| {
        let (two, zero) = tokio::join!(step.invoke("two", &DOUBLE, 1), step.run("zero", async || Ok(0)));
        let one = step.run("one", async || Ok(7)).await?;
        Ok(one * 10 + two? + zero?)
    };
    check(two_steps, reordered, Ok(12));
}

#[test]
fn steps_may_go() {
    check(two_steps, async |step: Step| Ok(step.invoke("two", &DOUBLE, 5).await?), Ok(2));
}

#[test]
fn a_step_that_is_of_another_kind_now_ends_the_execution() {
    let text = "the step \"two\" was step.invoke when this execution came by before, and is step.run now; give what has changed a new id";
    check(two_steps, async |step: Step| Ok(step.run("two", async || Ok(1)).await?), Err(text));
    let caught = async |step: Step| Ok(step.run("two", async || Ok(1)).await.unwrap_or(3));
    check(two_steps, caught, Err(text));
}

#[test]
fn a_step_that_invokes_another_function_now_ends_the_execution() {
    let text = "the step \"two\" was an invocation of \"double\" when this execution came by before, and is an invocation of \"triple\" now; give what has changed a new id";
    check(two_steps, async |step: Step| Ok(step.invoke("two", &TRIPLE, 1).await?), Err(text));
    let timed = async |step: Step| Ok(step.invoke("two", &DOUBLE, 1).timeout("1h").await?);
    check(timed, async |step: Step| Ok(step.invoke("two", &TRIPLE, 1).timeout("1h").await?), Err(text));
}

#[test]
fn what_was_begun_keeps_the_timeout_that_it_began_with() {
    let with = async |step: Step| Ok(step.invoke("two", &DOUBLE, 1).timeout("1h").await?);
    let without = async |step: Step| Ok(step.invoke("two", &DOUBLE, 1).await?);
    check(with, without, Ok(2));
    check(without, with, Ok(2));
}

#[test]
fn a_step_within_a_step_is_refused() {
    let main = async |(), step: Step| {
        let inner = step.clone();
        Ok(step.run("outer", async || Ok(inner.run("inner", async || Ok(1)).await?)).await?)
    };
    let ran = block_on(world().run(main, ()));
    let error = ran.result.unwrap_err();
    assert_eq!(error.error_type(), "StepNested");
    assert!(error.message().contains("\"inner\""), "{error:?}");
}

#[test]
fn a_step_that_was_made_outside_cannot_be_awaited_within_one() {
    let main = async |(), step: Step| {
        let mut nap = Some(step.sleep("nap", "1m"));
        Ok(step.run("outer", async || Ok(nap.take().unwrap().await?)).await?)
    };
    let ran = block_on(world().run(main, ()));
    assert_eq!(ran.result.unwrap_err().error_type(), "StepNested");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_order_of_different_ids_is_the_same_execution(
        (old, new) in Just((0_i64..6).collect::<Vec<_>>()).prop_flat_map(|ids| (Just(ids.clone()).prop_shuffle(), Just(ids).prop_shuffle())),
        after in 1_usize..5,
    ) {
        let code = async |order: &[i64], step: Step| {
            let mut sum = 0;
            for n in order {
                sum += step.invoke(&format!("step-{n}"), &DOUBLE, *n).await?;
            }
            Ok(sum)
        };
        let ran = block_on(async {
            let mut running = world().start(());
            for _ in 0..after {
                running.invocation(async |(), step| code(&old, step).await).await;
            }
            running.finish(async |(), step| code(&new, step).await).await
        });
        prop_assert_eq!(ran.result.unwrap(), 30);
        prop_assert_eq!(ran.invoked.len(), 6, "none twice");
    }
}
