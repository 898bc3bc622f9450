//! When a caller has been waited for long enough. No clock: time is counted in looks.

use std::time::Duration;

use super::{Limits, pulse::Waiting};

/// What is known of one connection from earlier looks at it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    waiting: Waiting,
    turn: u32,
    waited: Duration,
    /// Bytes that had moved when the waiting began.
    bytes: u64,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sentence {
    /// Nothing is lost: no request is on it.
    Close,
    /// The caller is told that it was too slow.
    GiveUpWaiting,
    /// Nobody is there to be told anything.
    Cut,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self { waiting: Waiting::No, turn: 0, waited: Duration::ZERO, bytes: 0 }
    }

    /// `turn`: calls that have begun. `bytes`: what has moved in the direction of `waiting`. `passed`: time since the
    /// look before.
    pub(super) fn look(
        &mut self,
        (waiting, bytes): (Waiting, u64),
        turn: u32,
        passed: Duration,
        limits: &Limits,
    ) -> Option<Sentence> {
        if waiting == Waiting::No && turn == self.turn {
            // Our own pauses between two pieces of a body do not make its caller faster.
            return None;
        }
        if (waiting, turn) != (self.waiting, self.turn) {
            *self = Self { waiting, turn, waited: Duration::ZERO, bytes };
            return None;
        }
        self.waited += passed;
        match waiting {
            Waiting::No => None,
            Waiting::Handshake => (self.waited >= limits.handshake).then_some(Sentence::Cut),
            Waiting::Idle => (self.waited >= limits.idle).then_some(Sentence::Close),
            Waiting::Head => (self.waited >= limits.head).then_some(Sentence::GiveUpWaiting),
            Waiting::Body => {
                let counted = self.waited.checked_sub(limits.body_grace)?;
                let least = counted.as_secs().saturating_add(1).saturating_mul(limits.body_bytes_per_second);
                (bytes - self.bytes < least).then_some(Sentence::GiveUpWaiting)
            }
            Waiting::Reader if bytes != self.bytes => {
                *self = Self { waited: Duration::ZERO, bytes, ..*self };
                None
            }
            Waiting::Reader => (self.waited >= limits.write_stall).then_some(Sentence::Cut),
            Waiting::Linger => (self.waited >= limits.linger).then_some(Sentence::Cut),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Duration = Duration::from_millis(500);

    /// Looks at what `seen` says at each moment, for a minute; when something is to be done, and what.
    fn watch(seen: impl Fn(Duration) -> (Waiting, u64, u32)) -> Option<(Duration, Sentence)> {
        let (limits, mut watch, mut now) = (Limits::default(), Watch::new(), Duration::ZERO);
        while now < Duration::from_secs(60) {
            let (waiting, bytes, turn) = seen(now);
            if let Some(sentence) = watch.look((waiting, bytes), turn, LOOK, &limits) {
                return Some((now, sentence));
            }
            now += LOOK;
        }
        None
    }

    #[track_caller]
    fn check(waiting: Waiting, after_s: u64, expected: Sentence) {
        let sentence = watch(|_| (waiting, 0, 0));
        assert_eq!(sentence, Some((Duration::from_secs(after_s), expected)), "{waiting:?}");
    }

    #[test]
    fn each_kind_of_waiting_has_its_limit() {
        check(Waiting::Handshake, 5, Sentence::Cut);
        check(Waiting::Idle, 30, Sentence::Close);
        check(Waiting::Head, 5, Sentence::GiveUpWaiting);
        check(Waiting::Body, 5, Sentence::GiveUpWaiting);
        check(Waiting::Reader, 30, Sentence::Cut);
        check(Waiting::Linger, 5, Sentence::Cut);
        assert_eq!(watch(|_| (Waiting::No, 0, 0)), None);
    }

    #[test]
    fn each_call_begins_the_waiting_anew() {
        let busy = |now: Duration| (Waiting::Idle, 0, u32::try_from(now.as_secs() / 29).unwrap());
        assert_eq!(watch(busy), None);
    }

    #[test]
    fn a_body_comes_fast_enough_or_not_at_all() {
        let at_rate = |rate: u64| {
            watch(move |now| (Waiting::Body, rate * u64::try_from(now.as_millis()).unwrap() / 1000, 1))
        };
        assert_eq!(at_rate(1024), None);
        let (when, sentence) = at_rate(900).expect("too slow");
        assert_eq!(sentence, Sentence::GiveUpWaiting);
        assert!(when > Duration::from_secs(30), "what came within the grace counts: {when:?}");
        let (when, _) = at_rate(10).expect("much too slow");
        assert_eq!(when, Duration::from_secs(5));
    }

    #[test]
    fn our_own_pauses_are_not_the_callers() {
        let paused = |now: Duration| {
            let ours = !now.as_secs().is_multiple_of(20);
            (if ours { Waiting::No } else { Waiting::Body }, 0, 1)
        };
        assert_eq!(watch(paused), None, "six looks a minute are three seconds");
    }

    #[test]
    fn a_reader_who_takes_something_is_waited_for() {
        assert_eq!(watch(|now| (Waiting::Reader, now.as_secs() / 20, 1)), None);
    }
}
