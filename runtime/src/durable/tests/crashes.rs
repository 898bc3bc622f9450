use std::cell::RefCell;

use proptest::prelude::*;

use super::*;

/// A bit of everything.
async fn main_function(_: (), step: Step, bodies: &RefCell<Vec<i64>>) -> Result<i64, Error> {
    let mut sum = 0;
    for n in 0..2 {
        let did = async || {
            bodies.borrow_mut().push(n);
            Ok(n)
        };
        sum += step.run("body", did).await?;
        step.sleep("nap", "1m").await?;
    }
    let (timed, plain) =
        tokio::join!(step.invoke("timed", &DOUBLE, 3).timeout("1h"), step.invoke("plain", &DOUBLE, 4));
    let each = step.invoke_each("each", &DOUBLE, 0..3).limit(2).await;
    for doubled in each {
        sum += doubled?;
    }
    Ok(sum + timed? + plain?)
}

const SUM: i64 = 1 + 6 + 8 + 6;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_answer_is_lost_the_end_is_the_same(lost in proptest::collection::vec(1_usize..14, 0..4)) {
        let bodies = RefCell::default();
        let main = async |(), step: Step| main_function((), step, &bodies).await;
        let world = lost.iter().fold(World::new().with(&DOUBLE, double), |world, n| world.losing(*n));
        let ran = block_on(world.run(main, ()));
        prop_assert_eq!(ran.result.unwrap(), SUM);
        prop_assert_eq!(ran.invoked.len(), 5, "nobody is invoked twice");
        // What was written is not done again, whether or not the function heard that it was written.
        prop_assert_eq!(&*bodies.borrow(), &[0, 1]);
        prop_assert_eq!(ran.steps, ["body", "body"]);
    }
}

#[test]
fn a_journal_that_is_gone_fails_the_invocation_and_not_the_execution() {
    let bodies = RefCell::default();
    let main = async |(), step: Step| main_function((), step, &bodies).await;
    let ran = block_on(World::new().with(&DOUBLE, double).losing(1).run(main, ()));
    assert_eq!(ran.result, Ok(SUM));
    // Lambda waits for five seconds before it tries again.
    assert_eq!(ran.elapsed.as_secs(), 5 + 60 + 60);
}

#[test]
fn a_journal_of_several_pages_is_read_to_its_end() {
    let main = async |(), step: Step| {
        let mut bytes = 0;
        for _ in 0..24 {
            bytes += step.run("large", async || Ok("x".repeat(250_000))).await?.len();
        }
        step.sleep("nap", "1m").await?;
        for _ in 0..24 {
            bytes += step.run("more", async || Ok("y".repeat(250_000))).await?.len();
        }
        step.sleep("nap", "1m").await?;
        Ok(bytes)
    };
    let ran = block_on(World::new().run(main, ()));
    assert_eq!(ran.result, Ok(48 * 250_000));
    assert_eq!((ran.steps.len(), ran.invocations), (48, 3));
}
