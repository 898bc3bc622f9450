//! What becomes of an event after an attempt, or before one. Pure: ages and counts are arguments.
//!
//! Sources: Lambda developer guide, "How Lambda handles errors and retries with asynchronous invocation"; the order of the
//! reasons and the look-ahead are recorded: an event whose next attempt would come too late ends at once.

use std::time::Duration;

use event_queue::Pause;
use lambda_protocol::{
    destination::Condition,
    quotas::{EVENT_AGE_MAX_S, EVENT_RETRIES_DEFAULT},
};

/// How often and how long an event is tried, with its waits already in the measure of this service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rules {
    /// Attempts after the first one.
    pub(crate) max_retries: u32,
    pub(crate) max_age: Duration,
    /// The function may not run at all.
    pub(crate) zero_reserved: bool,
    /// What every wait is multiplied with. AWS's: 1.
    pub(crate) wait_scale: f64,
}

impl Rules {
    /// `None` is AWS's default. Ages are scaled as waits are.
    pub(crate) fn new(
        max_retries: Option<u32>,
        max_age_s: Option<u32>,
        zero_reserved: bool,
        wait_scale: f64,
    ) -> Self {
        let max_age = Duration::from_secs(max_age_s.unwrap_or(EVENT_AGE_MAX_S).into());
        Self {
            max_retries: max_retries.unwrap_or(EVENT_RETRIES_DEFAULT),
            max_age: max_age.mul_f64(wait_scale),
            zero_reserved,
            wait_scale,
        }
    }
}

/// What has happened to an event so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct History {
    /// Runs that failed.
    pub(crate) failures: u32,
    /// How often it was sent back since then because the function could not run.
    pub(crate) releases: u32,
    /// Since it was accepted.
    pub(crate) age: Duration,
}

/// How an attempt went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Attempt {
    Succeeded,
    Failed,
    /// There was no place for it, or the service failed: the function was not run.
    NotRun,
}

/// What is to be done with the event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    /// The attempt counts, and there will be another.
    Retry(Pause),
    /// The attempt does not count.
    Back(Pause),
    Finish(Condition),
}

/// Why an event that is due is not to be tried any more. `None`: it is.
pub(crate) fn before(history: &History, rules: &Rules) -> Option<Condition> {
    if rules.zero_reserved {
        return Some(Condition::ZeroReservedConcurrency);
    }
    (history.age > rules.max_age).then_some(Condition::EventAgeExceeded)
}

/// What becomes of an event after an attempt. `history` is that from before it, but its age.
pub(crate) fn after(attempt: Attempt, history: &History, rules: &Rules) -> Step {
    match attempt {
        Attempt::Succeeded => Step::Finish(Condition::Success),
        Attempt::Failed | Attempt::NotRun if rules.zero_reserved => {
            Step::Finish(Condition::ZeroReservedConcurrency)
        }
        Attempt::Failed if history.failures >= rules.max_retries => Step::Finish(Condition::RetriesExhausted),
        Attempt::Failed => {
            let wait = retry_wait(history.failures).mul_f64(rules.wait_scale);
            in_time(wait, history, rules, Step::Retry(Pause::exactly(wait)))
        }
        Attempt::NotRun => {
            let wait = throttle_wait(history.releases).mul_f64(rules.wait_scale);
            in_time(wait, history, rules, Step::Back(Pause { at_least: wait, spread: wait / SPREAD_PART }))
        }
    }
}

fn in_time(wait: Duration, history: &History, rules: &Rules, step: Step) -> Step {
    let too_late = history.age.saturating_add(wait) > rules.max_age;
    if too_late { Step::Finish(Condition::EventAgeExceeded) } else { step }
}

fn retry_wait(failures: u32) -> Duration {
    let at = usize::try_from(failures).unwrap_or(usize::MAX);
    RETRY_WAITS[at.min(RETRY_WAITS.len() - 1)]
}

fn throttle_wait(releases: u32) -> Duration {
    let factor = 1_u32.checked_shl(releases).unwrap_or(u32::MAX);
    THROTTLE_WAIT_MIN.saturating_mul(factor).min(THROTTLE_WAIT_MAX)
}

/// After the first and the second failure.
const RETRY_WAITS: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(2)];

/// The wait of an event that found no place, at first; it doubles.
const THROTTLE_WAIT_MIN: Duration = Duration::from_secs(1);
const THROTTLE_WAIT_MAX: Duration = Duration::from_mins(5);

/// Events that were sent back together come back apart: up to a quarter of the wait more. Ours; AWS tells no figure.
const SPREAD_PART: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn rules(max_retries: Option<u32>, max_age_s: Option<u32>) -> Rules {
        Rules::new(max_retries, max_age_s, false, 1.0)
    }

    /// What happens to an event whose attempts all end like this, each right when it is due, until it is over. Time is
    /// a number here.
    fn life(attempt: Attempt, rules: &Rules) -> (Vec<(bool, u64)>, Condition, Duration) {
        let mut history = History { failures: 0, releases: 0, age: Duration::ZERO };
        let mut steps = Vec::new();
        loop {
            if let Some(condition) = before(&history, rules) {
                return (steps, condition, history.age);
            }
            match after(attempt, &history, rules) {
                Step::Finish(condition) => return (steps, condition, history.age),
                Step::Retry(pause) => {
                    history = History { failures: history.failures + 1, releases: 0, ..history };
                    history.age += pause.at_least;
                    steps.push((true, pause.at_least.as_secs()));
                }
                Step::Back(pause) => {
                    history.releases += 1;
                    history.age += pause.at_least;
                    steps.push((false, pause.at_least.as_secs()));
                }
            }
        }
    }

    #[test]
    fn a_function_that_fails_is_tried_again_after_one_and_two_minutes() {
        let expected = (vec![(true, 60), (true, 120)], Condition::RetriesExhausted, 3 * MINUTE);
        assert_eq!(life(Attempt::Failed, &rules(None, None)), expected);
        assert_eq!(life(Attempt::Failed, &rules(Some(1), None)).0, [(true, 60)]);
        assert_eq!(life(Attempt::Failed, &rules(Some(0), None)).0, []);
    }

    #[test]
    fn success_ends_an_event_whatever_its_age() {
        let old = History { failures: 2, releases: 0, age: 10_000 * MINUTE };
        assert_eq!(
            after(Attempt::Succeeded, &old, &rules(Some(0), Some(60))),
            Step::Finish(Condition::Success)
        );
    }

    #[test]
    fn an_attempt_that_would_come_too_late_is_not_waited_for() {
        let exact = (vec![(true, 60)], Condition::EventAgeExceeded, MINUTE);
        assert_eq!(life(Attempt::Failed, &rules(None, Some(60))), exact, "the limit itself is in time");
        let took_a_moment = History { failures: 0, releases: 0, age: Duration::from_millis(1) };
        let step = after(Attempt::Failed, &took_a_moment, &rules(None, Some(60)));
        assert_eq!(step, Step::Finish(Condition::EventAgeExceeded));
    }

    #[test]
    fn throttles_cost_no_attempt_and_their_waits_double_up_to_five_minutes_for_six_hours() {
        let (steps, condition, age) = life(Attempt::NotRun, &rules(Some(0), None));
        let waits: Vec<_> = steps.iter().take(11).map(|(_, wait)| *wait).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert!(steps.iter().all(|(counts, _)| !counts));
        assert_eq!(condition, Condition::EventAgeExceeded);
        let six_hours = Duration::from_hours(6);
        assert!(age <= six_hours && age + 5 * MINUTE > six_hours, "{age:?}");
    }

    #[test]
    fn the_reasons_have_an_order() {
        let old = History { failures: 2, releases: 0, age: Duration::from_hours(7) };
        let zero = Rules::new(None, None, true, 1.0);
        assert_eq!(before(&old, &zero), Some(Condition::ZeroReservedConcurrency));
        assert_eq!(after(Attempt::Failed, &old, &zero), Step::Finish(Condition::ZeroReservedConcurrency));
        let step = after(Attempt::Failed, &old, &rules(None, None));
        assert_eq!(step, Step::Finish(Condition::RetriesExhausted), "before the age is looked at");
        assert_eq!(before(&old, &rules(None, None)), Some(Condition::EventAgeExceeded));
    }

    #[test]
    fn a_scale_shortens_waits_and_ages_alike() {
        let rules = Rules::new(None, Some(120), false, 0.001);
        assert_eq!(rules.max_age, Duration::from_millis(120));
        let young = History { failures: 0, releases: 0, age: Duration::ZERO };
        let step = after(Attempt::Failed, &young, &rules);
        assert_eq!(step, Step::Retry(Pause::exactly(Duration::from_millis(60))));
    }

    #[test]
    fn the_longest_histories_do_not_overflow() {
        let worst = History { failures: u32::MAX, releases: u32::MAX, age: Duration::MAX };
        let never = Rules { max_retries: u32::MAX, max_age: Duration::MAX, ..rules(None, None) };
        assert_eq!(
            after(Attempt::NotRun, &worst, &never),
            Step::Back(Pause { at_least: THROTTLE_WAIT_MAX, spread: THROTTLE_WAIT_MAX / SPREAD_PART })
        );
    }
}
