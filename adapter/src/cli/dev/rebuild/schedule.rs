//! When to look at sources, and when to build. Owns no clock and no files.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// What has to be done, from the first sign of a change to the end of the build that it leads to.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// The first and the last sign since somebody looked.
    signs: Option<(Instant, Instant)>,
    /// Functions, by their place, that are older than their sources.
    outdated: BTreeSet<usize>,
    is_building: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// See which sources have changed.
    Look,
    /// Build these functions, and tell when that is over.
    Build(BTreeSet<usize>),
    /// Nothing, until then or until something happens.
    Wait(Option<Instant>),
}

impl Schedule {
    /// Something may have changed.
    pub(super) fn sign(&mut self, now: Instant) {
        let first = self.signs.map_or(now, |(first, _)| first);
        self.signs = Some((first, now));
    }

    /// What the look has found, be it nothing.
    pub(super) fn looked(&mut self, outdated: impl IntoIterator<Item = usize>) {
        self.outdated.extend(outdated);
    }

    /// The build is over, however it went: what changed meanwhile is due.
    pub(super) fn built(&mut self) {
        self.is_building = false;
    }

    /// What is returned counts as begun.
    pub(super) fn next_step(&mut self, now: Instant) -> Step {
        if let Some((first, last)) = self.signs {
            let due = (last + QUIET).min(first + LONGEST);
            if now < due {
                return Step::Wait(Some(due));
            }
            self.signs = None;
            return Step::Look;
        }
        if self.is_building || self.outdated.is_empty() {
            return Step::Wait(None);
        }
        self.is_building = true;
        Step::Build(std::mem::take(&mut self.outdated))
    }
}

/// Without a further sign: editors save several files in a row, and tools write one in several steps.
const QUIET: Duration = Duration::from_millis(250);

/// Somebody who never stops writing is not waited for.
const LONGEST: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[track_caller]
    fn expect_build(schedule: &mut Schedule, now: Instant, functions: &[usize]) {
        assert_eq!(schedule.next_step(now), Step::Build(functions.iter().copied().collect()));
    }

    #[test]
    fn without_a_sign_nothing_is_looked_at() {
        assert_eq!(Schedule::default().next_step(Instant::now()), Step::Wait(None));
    }

    #[test]
    fn several_signs_are_one_look_once_it_is_quiet() {
        let (mut schedule, start) = (Schedule::default(), Instant::now());
        schedule.sign(start);
        assert_eq!(schedule.next_step(start), Step::Wait(Some(start + QUIET)));
        schedule.sign(start + ms(200));
        let due = start + ms(200) + QUIET;
        assert_eq!(schedule.next_step(start + QUIET), Step::Wait(Some(due)));
        assert_eq!(schedule.next_step(due), Step::Look);
        assert_eq!(schedule.next_step(due), Step::Wait(None));
    }

    #[test]
    fn who_never_stops_writing_is_not_waited_for() {
        let (mut schedule, start) = (Schedule::default(), Instant::now());
        for sign in 0..20 {
            schedule.sign(start + ms(100) * sign);
        }
        assert_eq!(schedule.next_step(start + ms(1_999)), Step::Wait(Some(start + LONGEST)));
        assert_eq!(schedule.next_step(start + LONGEST), Step::Look);
    }

    #[test]
    fn what_is_outdated_is_built_and_what_is_not_is_left() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        schedule.looked([]);
        assert_eq!(schedule.next_step(now), Step::Wait(None));
        schedule.looked([2, 0]);
        expect_build(&mut schedule, now, &[0, 2]);
    }

    #[test]
    fn changes_during_a_build_are_one_more_build_and_never_two_at_once() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        schedule.looked([0]);
        expect_build(&mut schedule, now, &[0]);
        schedule.looked([0]);
        schedule.looked([1, 0]);
        assert_eq!(schedule.next_step(now), Step::Wait(None));
        schedule.built();
        expect_build(&mut schedule, now, &[0, 1]);
        schedule.built();
        assert_eq!(schedule.next_step(now), Step::Wait(None));
    }

    #[test]
    fn a_build_waits_for_the_writing_to_end_and_looks_go_on_while_it_runs() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        schedule.looked([0]);
        schedule.sign(now);
        assert_eq!(schedule.next_step(now), Step::Wait(Some(now + QUIET)));
        assert_eq!(schedule.next_step(now + QUIET), Step::Look);
        expect_build(&mut schedule, now + QUIET, &[0]);
        schedule.sign(now + QUIET);
        assert_eq!(schedule.next_step(now + QUIET * 2), Step::Look);
    }
}
