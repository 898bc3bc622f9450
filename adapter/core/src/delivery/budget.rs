//! A host's budget of retries: what callbacks that failed before may cost while they only fail again.

use std::time::{Duration, SystemTime};

use crate::limits::Rate;

/// One host's budget, by the generic cell rate algorithm of [`Bucket`](crate::limits::Bucket). Each answer of a host that is
/// not at fault gives back what one retry costs: a host that has come back is soon sent what has piled up as fast as
/// anything else, and one that answers now and then is not stormed.
#[derive(Debug, Default)]
pub struct RetryBudget {
    /// When all of it will be there again.
    full_at: Option<SystemTime>,
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
        let (period, empty) = (rate.period(), rate.period() * rate.burst().get());
        // Later than a retry just now could leave it: the clock went back.
        let sane = |full_at: &SystemTime| *full_at <= now + empty;
        let full_at = self.full_at.filter(sane).unwrap_or(now).max(now);
        let place = full_at + period;
        if place <= now + empty {
            self.full_at = Some(place);
            return Ok(());
        }
        let next = self.turn.map_or(now, |turn| turn + period).min(now + LONGEST_TURN);
        let turn = next.max(place - empty);
        self.turn = Some(turn);
        Err(turn)
    }

    /// The host answered as a host should.
    pub fn give_back(&mut self, rate: Rate) {
        let back = |moment: SystemTime| moment.checked_sub(rate.period());
        self.full_at = self.full_at.and_then(back);
        self.turn = self.turn.and_then(back);
    }
}

/// Whoever's turn is further off asks again by then: the host may be back long before.
const LONGEST_TURN: Duration = Duration::from_mins(1);

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
    fn no_turn_is_further_off_than_a_minute() {
        let mut budget = RetryBudget::default();
        let last = (0..10_000).filter_map(|_| budget.take(rate(), at(0)).err()).last();
        assert_eq!(last, Some(at(60_000)));
    }

    #[test]
    fn an_answer_gives_back_what_one_retry_costs() {
        let mut budget = RetryBudget::default();
        while budget.take(rate(), at(0)).is_ok() {}
        budget.give_back(rate());
        assert_eq!(budget.take(rate(), at(0)), Ok(()));
        assert!(budget.take(rate(), at(0)).is_err());
        for _ in 0..10 {
            budget.give_back(rate());
        }
        let taken = (0..20).filter(|_| budget.take(rate(), at(0)).is_ok()).count();
        assert_eq!(taken, 5, "no more than there is room for");
    }

    #[test]
    fn a_clock_that_goes_back_holds_nobody_for_longer() {
        let mut budget = RetryBudget::default();
        while budget.take(rate(), at(86_400_000)).is_ok() {}
        assert_eq!(budget.take(rate(), at(0)), Ok(()));
    }
}
