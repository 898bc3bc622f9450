//! A host's budget of retries: what callbacks that failed before may cost while the host fails.
//!
//! It counts from the first failure to the fifth in a row, with which the breaker opens, and again from one success to the
//! next. Whoever waits for a host that answers is not held up by it.

use std::time::{Duration, SystemTime};

use crate::limits::{Bucket, Rate};

/// One host's budget, asked while the last that was heard of the host is a failure.
#[derive(Debug, Default)]
pub struct RetryBudget {
    bucket: Bucket,
    /// The last turn that was given to somebody who has to wait.
    turn: Option<SystemTime>,
}

impl RetryBudget {
    /// Takes what one retry costs.
    ///
    /// # Errors
    /// When it would be this one's turn: each who asks in vain is given another, so that a thousand who wait do not all come
    /// back for the one place.
    pub fn take(&mut self, rate: Rate, now: SystemTime) -> Result<(), SystemTime> {
        let Err(pause) = self.bucket.take(rate, now) else { return Ok(()) };
        let next = self.turn.map_or(now, |turn| turn + rate.period()).min(now + LONGEST_TURN);
        let turn = next.max(now + pause);
        self.turn = Some(turn);
        Err(turn)
    }

    /// The host answered as a host should.
    pub fn fill(&mut self) {
        *self = Self::default();
    }
}

/// Whoever's turn is further off asks again by then: the host may be back long before.
const LONGEST_TURN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(ms: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_600_000_000) + Duration::from_millis(ms)
    }

    fn rate() -> Rate {
        Rate::parse("5/s").unwrap()
    }

    #[test]
    fn so_many_are_let_through_and_the_others_have_turns() {
        let mut budget = RetryBudget::default();
        for _ in 0..5 {
            assert_eq!(budget.take(rate(), at(0)), Ok(()));
        }
        let turns: Vec<_> = (0..3).map(|_| budget.take(rate(), at(0))).collect();
        assert_eq!(turns, [Err(at(200)), Err(at(400)), Err(at(600))]);
        for turn in [200, 400, 600] {
            assert_eq!(budget.take(rate(), at(turn)), Ok(()), "{turn}");
        }
    }

    #[test]
    fn no_turn_is_further_off_than_ten_seconds() {
        let mut budget = RetryBudget::default();
        let last = (0..10_000).filter_map(|_| budget.take(rate(), at(0)).err()).last();
        assert_eq!(last, Some(at(10_000)));
    }

    #[test]
    fn an_answer_fills_it() {
        let mut budget = RetryBudget::default();
        while budget.take(rate(), at(0)).is_ok() {}
        budget.fill();
        assert_eq!(budget.take(rate(), at(0)), Ok(()));
    }

    #[test]
    fn a_clock_that_goes_back_holds_nobody_for_longer() {
        let mut budget = RetryBudget::default();
        while budget.take(rate(), at(86_400_000)).is_ok() {}
        assert_eq!(budget.take(rate(), at(0)), Ok(()));
    }
}
