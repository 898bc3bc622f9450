use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime};

use super::*;

/// A body that fails so often before it succeeds.
fn failing(times: u32, count: &Cell<u32>) -> impl AsyncFnMut() -> Result<u32, Error> {
    async move || {
        count.set(count.get() + 1);
        match count.get() {
            n if n <= times => Err(Error::new("Flaky", format!("attempt {n}"))),
            n => Ok(n),
        }
    }
}

#[track_caller]
fn check(failures: u32, retries: Option<u32>, expected: Result<u32, &str>, seconds: u64) {
    let count = Cell::new(0);
    let main = async |(), step: Step| {
        let run = step.run("flaky", failing(failures, &count));
        let run = match retries {
            Some(retries) => run.retries(retries),
            None => run,
        };
        Ok(run.await?)
    };
    let ran = block_on(World::new().run(main, ()));
    let result = ran.result.as_ref().map(|n| *n).map_err(Error::message);
    assert_eq!(result, expected, "{failures} failures, {retries:?} retries");
    assert_eq!(ran.elapsed, Duration::from_secs(seconds));
    assert_eq!(ran.steps.len(), usize::try_from(count.get()).unwrap());
    assert_eq!(ran.checkpoints, ran.steps.len(), "one checkpoint an attempt");
}

#[test]
fn a_body_is_tried_again_with_growing_pauses() {
    check(0, None, Ok(1), 0);
    check(1, None, Ok(2), 1);
    check(4, None, Ok(5), 1 + 5 + 30 + 120);
    check(5, None, Err("attempt 5"), 1 + 5 + 30 + 120);
    check(1, Some(0), Err("attempt 1"), 0);
    check(6, Some(6), Ok(7), 1 + 5 + 30 + 120 + 600 + 1_800);
}

#[test]
fn some_errors_are_not_worth_another_try() {
    let main = async |(), step: Step| {
        let error = step
            .run("no", async || Err::<(), _>(Error::new("Never", "never").not_retried()))
            .await
            .unwrap_err();
        Ok((error.name, error.message))
    };
    let ran = block_on(World::new().run(main, ()));
    assert_eq!(ran.result.unwrap(), ("Never".to_owned(), "never".to_owned()));
    assert_eq!(ran.steps, ["no"]);
}

#[test]
fn an_attempt_is_over_when_the_journal_has_heard_of_it() {
    let count = Cell::new(0);
    let main = async |(), step: Step| {
        let flaky = step.run("flaky", async || {
            // While the other one is written down.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            count.set(count.get() + 1);
            if count.get() < 4 { Err(Error::new("Flaky", "not yet")) } else { Ok(count.get()) }
        });
        let others = async {
            for _ in 0..5 {
                step.sleep("pause", "1s").await?;
                step.run("other", async || Ok(())).await?;
            }
            Ok::<_, Error>(())
        };
        let (flaky, others) = tokio::join!(flaky, others);
        others?;
        Ok(flaky?)
    };
    let ran = block_on(World::new().run(main, ()));
    assert_eq!((ran.result, ran.elapsed.as_secs()), (Ok(4), 1 + 5 + 30));
    assert_eq!(ran.steps.iter().filter(|step| *step == "flaky").count(), 4);
}

#[test]
fn a_body_that_panics_has_failed() {
    let count = Cell::new(0);
    let main = async |(), step: Step| {
        let run = step.run("panic", async || {
            count.set(count.get() + 1);
            assert!(count.get() > 1, "boom");
            Ok(count.get())
        });
        Ok(run.await?)
    };
    let ran = block_on(World::new().run(main, ()));
    assert_eq!(ran.result.unwrap(), 2);
}

#[test]
fn a_step_that_is_done_is_not_done_again() {
    let order = RefCell::new(Vec::new());
    let main = async |(), step: Step| {
        let did = |what: &str| {
            order.borrow_mut().push(what.to_owned());
            Ok(what.to_owned())
        };
        step.run("one", async || did("one")).await?;
        step.sleep("night", "8h").await?;
        step.run("two", async || did("two")).await?;
        step.sleep("night", "8h").await?;
        Ok(step.run("three", async || did("three")).await?)
    };
    let ran = block_on(World::new().run(main, ()));
    assert_eq!(ran.result.unwrap(), "three");
    assert_eq!(*order.borrow(), ["one", "two", "three"]);
    assert_eq!(ran.steps, ["one", "two", "three"]);
    assert_eq!((ran.invocations, ran.elapsed.as_secs()), (3, 16 * 3_600));
}

#[test]
fn a_step_in_a_loop_is_another_one_each_time() {
    let main = async |times: u64, step: Step| {
        let mut sum = 0;
        for n in 0..times {
            sum += step.run("add", async || Ok(n)).await?;
            step.sleep("pause", "1s").await?;
        }
        Ok(sum)
    };
    let ran = block_on(World::new().run(main, 10));
    assert_eq!(ran.result.unwrap(), 45);
    assert_eq!((ran.steps.len(), ran.elapsed.as_secs()), (10, 10));
}

#[track_caller]
fn check_result(bytes: usize, fits: bool) {
    let main = async |(), step: Step| match step.run("large", async || Ok("x".repeat(bytes))).await {
        Ok(text) => Ok(text.len()),
        Err(error) => {
            assert_eq!((error.kind, &*error.name), (StepErrorKind::TooLarge, StepError::TOO_LARGE));
            Ok(0)
        }
    };
    let ran = block_on(World::new().run(main, ()));
    assert_eq!(ran.result.unwrap(), if fits { bytes } else { 0 });
    assert_eq!(ran.steps.len(), 1, "it is not tried again");
}

#[test]
fn a_result_that_is_too_large_is_a_failure() {
    check_result(262_144 - 2, true);
    check_result(262_144 - 1, false);
}

#[test]
fn as_long_as_a_body_runs_the_invocation_does() {
    let main = async |(), step: Step| {
        let slow = step.run("slow", async || {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            Ok(1)
        });
        let (slow, slept) = tokio::join!(slow, step.sleep("nap", "1m"));
        slept?;
        Ok(slow?)
    };
    let ran = block_on(World::new().run(main, ()));
    assert_eq!(ran.result.unwrap(), 1);
    // The nap begins while the body runs.
    assert_eq!((ran.invocations, ran.checkpoints, ran.steps.len()), (2, 2, 1));
}

#[test]
fn whatever_else_is_awaited_is_awaited() {
    let main = async |(), step: Step| {
        let mut n = step.run("one", async || Ok(1)).await?;
        for _ in 0..5 {
            tokio::task::yield_now().await;
            n += 1;
        }
        Ok(n)
    };
    let ran = block_on(World::new().run(main, ()));
    assert_eq!((ran.result.unwrap(), ran.invocations), (6, 1));
}

#[test]
fn a_step_that_is_dropped_is_waited_for_by_nobody() {
    let main = async |(), step: Step| {
        tokio::select! {
            biased;
            slept = step.sleep("long", "1y") => slept?,
            slept = step.sleep("short", "1s") => slept?,
        }
        tokio::task::yield_now().await;
        Ok(())
    };
    let ran = block_on(World::new().run(main, ()));
    assert_eq!((ran.result, ran.elapsed.as_secs()), (Ok(()), 1));
}

#[test]
fn many_futures_wake_each_other_and_leave_together() {
    let main = async |(), step: Step| {
        let mut set = tokio::task::JoinSet::new();
        drop(set.spawn(async {}));
        let steps: Vec<_> = (0..200).map(|n| step.run("many", async move || Ok(n))).collect();
        let mut steps: Vec<_> = steps.into_iter().map(Box::pin).collect();
        let mut sum = 0;
        std::future::poll_fn(|task| {
            steps.retain_mut(|step| match step.as_mut().poll(task) {
                std::task::Poll::Ready(n) => {
                    sum += n.unwrap_or_default();
                    false
                }
                std::task::Poll::Pending => true,
            });
            if steps.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        Ok(sum)
    };
    let ran = block_on(World::new().run(main, ()));
    assert_eq!((ran.result.unwrap(), ran.invocations, ran.checkpoints), (199 * 200 / 2, 1, 1));
}

#[test]
fn sleep_takes_texts_lengths_and_moments() {
    let main = async |(), step: Step| {
        step.sleep("a", "1 min").await?;
        step.sleep("b", Duration::from_millis(1_500)).await?;
        step.sleep_until("c", World::beginning() + Duration::from_secs(100)).await?;
        step.sleep_until("d", SystemTime::UNIX_EPOCH).await?;
        Ok(())
    };
    let ran = block_on(World::new().run(main, ()));
    assert_eq!((ran.result, ran.elapsed.as_secs()), (Ok(()), 101));
}

#[test]
fn too_long_a_sleep_is_refused_before_it_begins() {
    let main = async |(), step: Step| {
        let error = step.sleep("ages", "367d").await.unwrap_err();
        Ok((error.name, error.message))
    };
    let ran = block_on(World::new().run(main, ()));
    let text = "31708800 s are more than the 366 days (31622400 s) that Lambda waits";
    assert_eq!(ran.result.unwrap(), (StepError::INVALID.to_owned(), text.to_owned()));
    assert_eq!(ran.checkpoints, 0);
}
