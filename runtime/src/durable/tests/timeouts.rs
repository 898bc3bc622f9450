use std::time::Duration;

use super::*;
use crate::durable::Delay;

/// What becomes of an invocation of a function that takes so long.
#[track_caller]
fn check(takes: &str, timeout: impl Into<Delay>, is_in_time: bool, elapsed_s: u64) {
    let timeout = timeout.into();
    let main = async |(), step: Step| match step.invoke("double", &DOUBLE, 2).timeout(timeout.clone()).await {
        Ok(number) => Ok(number),
        Err(error) if error.is_timeout() => Ok(-1),
        Err(error) => Err(error.into()),
    };
    let ran = block_on(World::new().answers(&DOUBLE, 4).after(takes).run(main, ()));
    assert_eq!(ran.result, Ok(if is_in_time { 4 } else { -1 }), "{takes} with {timeout:?}");
    assert_eq!(ran.elapsed.as_secs(), elapsed_s);
    assert_eq!((ran.invocations, ran.checkpoints), (2, 2), "begun and judged in one call each");
}

#[test]
fn whichever_ends_first_is_the_verdict() {
    check("59m", "1h", true, 3_540);
    check("61m", "1h", false, 3_600);
    check("1h", "1h", true, 3_600);
    check("10s", Duration::from_secs(9), false, 9);
    check("10s", World::beginning() + Duration::from_secs(11), true, 10);
    check("2s", Duration::from_millis(1), false, 1);
    check("1s", Duration::ZERO, true, 1);
}

#[test]
fn the_timer_of_one_that_was_in_time_is_ended() {
    let main = async |(), step: Step| {
        let double = step.invoke("double", &DOUBLE, 2).timeout("1h").await?;
        step.sleep("day", "1d").await?;
        Ok(double)
    };
    let ran = block_on(World::new().answers(&DOUBLE, 4).after("1m").run(main, ()));
    assert_eq!(ran.result, Ok(4));
    let whats: Vec<_> = ran.history.iter().map(|happening| happening.what).collect();
    assert_eq!(
        whats,
        [
            "ExecutionStarted",
            "ContextStarted",
            "ChainedInvokeStarted",
            "WaitStarted",
            "InvocationCompleted",
            "ChainedInvokeSucceeded",
            "WaitCancelled",
            "ContextSucceeded",
            "WaitStarted",
            "InvocationCompleted",
            "WaitSucceeded",
            "InvocationCompleted",
            "ExecutionSucceeded",
        ]
    );
}

/// How often a function is invoked that sleeps for a day after an invocation that takes so long.
#[track_caller]
fn check_timer(takes: &str, is_cancelled: bool, invocations: usize) {
    let main = async |(), step: Step| {
        let double = step.invoke("double", &DOUBLE, 2).timeout("1h").await?;
        step.sleep("day", "1d").await?;
        Ok(double)
    };
    let ran = block_on(World::new().answers(&DOUBLE, 4).after(takes).run(main, ()));
    assert_eq!(ran.result, Ok(4));
    let cancelled = ran.history.iter().any(|happening| happening.what == "WaitCancelled");
    assert_eq!((cancelled, ran.invocations), (is_cancelled, invocations), "{takes}");
}

#[test]
fn a_timer_that_is_about_to_end_is_left_to_end() {
    check_timer("59m 57s", true, 3);
    // It ends by itself, and one invocation finds nothing to do.
    check_timer("59m 58s", false, 4);
}

#[test]
fn who_was_late_goes_on_and_nobody_hears_of_it() {
    let main = async |(), step: Step| {
        let late = step.invoke("double", &DOUBLE, 2).timeout("1m").await.unwrap_err();
        step.sleep("day", "1d").await?;
        Ok((late.name, late.step_id))
    };
    let ran = block_on(World::new().answers(&DOUBLE, 4).after("1h").run(main, ()));
    assert_eq!(ran.result.unwrap(), (StepError::TIMED_OUT.to_owned(), "double".to_owned()));
    assert!(ran.history.iter().any(|happening| happening.what == "ChainedInvokeSucceeded"), "it came late");
}

#[test]
fn a_failure_in_time_is_told_as_ever() {
    let main = async |(), step: Step| Ok(step.invoke("double", &DOUBLE, 2).timeout("1h").await?);
    let declined = Error::new("CardDeclined", "no").with_data("51");
    let ran = block_on(World::new().fails(&DOUBLE, declined.clone()).run(main, ()));
    assert_eq!(ran.result, Err(declined));
}

/// What is told of an end is the same with a timeout and without, at once and after another run.
#[track_caller]
fn check_kind(world: impl Fn() -> World<'static>, expected: (StepErrorKind, &str)) {
    let main = async |is_timed: bool, step: Step| {
        let call = step.invoke("double", &DOUBLE, 2);
        let call = if is_timed { call.timeout("1h") } else { call };
        let error = call.await.unwrap_err();
        let told = (format!("{:?}", error.kind), error.name);
        step.sleep("day", "1d").await?;
        Ok(told)
    };
    for is_timed in [false, true] {
        let ran = block_on(world().run(main, is_timed));
        assert_eq!(
            ran.result.unwrap(),
            (format!("{:?}", expected.0), expected.1.to_owned()),
            "timed: {is_timed}"
        );
    }
}

#[test]
fn the_kind_of_an_end_is_kept() {
    let failed = || World::new().fails(&DOUBLE, Error::new("Odd", "odd"));
    check_kind(failed, (StepErrorKind::Failed, "Odd"));
    let stopped = || World::new().stopped(&DOUBLE, Error::new("Enough", "by hand"));
    check_kind(stopped, (StepErrorKind::Stopped, "Enough"));
    check_kind(|| World::new().times_out(&DOUBLE), (StepErrorKind::TimedOut, "ChainedInvoke.Timeout"));
    let throttled = || World::new().fails(&DOUBLE, Error::new("TooManyRequestsException", "Rate exceeded"));
    check_kind(throttled, (StepErrorKind::Throttled, "TooManyRequestsException"));
    check_kind(World::new, (StepErrorKind::NotFound, "ResourceNotFoundException"));
}

#[test]
fn the_others_own_timeout_is_its_failure_and_not_ours() {
    const MIDDLE: Function<i64, i64> = Function::new("middle");
    let middle = async |number, step: Step| Ok(step.invoke("double", &DOUBLE, number).timeout("1m").await?);
    let main = async |(), step: Step| {
        let error = step.invoke("middle", &MIDDLE, 2).timeout("1h").await.unwrap_err();
        Ok((format!("{:?}", error.kind), error.name))
    };
    let ran = block_on(World::new().with(&MIDDLE, middle).never_ends(&DOUBLE).run(main, ()));
    assert_eq!(ran.result.unwrap(), ("Failed".to_owned(), StepError::TIMED_OUT.to_owned()));
    assert_eq!(ran.elapsed.as_secs(), 60);
}

#[test]
fn a_large_result_stays_where_it_is() {
    const LARGE: Function<usize, String> = Function::new("large");
    let large = async |bytes: usize, _: Step| Ok("x".repeat(bytes));
    let main = async |(), step: Step| {
        let large = step.invoke("large", &LARGE, 1_000_000).timeout("1h").await?;
        step.sleep("day", "1d").await?;
        Ok(large.len())
    };
    let ran = block_on(World::new().with(&LARGE, large).run(main, ()));
    assert_eq!(ran.result, Ok(1_000_000));
}

#[test]
fn no_timeout_is_worth_nothing_before_it_is_sent() {
    let main = async |(), step: Step| {
        let long = step.invoke("a", &DOUBLE, 1).timeout("2y").await.unwrap_err();
        let none = step.invoke("b", &DOUBLE, 1).timeout("5").await.unwrap_err();
        Ok((long.message, none.message))
    };
    let ran = block_on(World::new().with(&DOUBLE, double).run(main, ()));
    let long = "timeout: 63115200 s are more than the 366 days (31622400 s) that Lambda waits";
    let none = "timeout: \"5\" has no unit; write \"5s\" or \"5ms\"";
    assert_eq!(ran.result.unwrap(), (long.to_owned(), none.to_owned()));
    assert_eq!(ran.checkpoints, 0);
}
