//! Who waits for a place: work that was accepted long ago, as an execution's next invocation. Calls do not wait, they are refused.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use tokio::sync::oneshot;

/// Those who wait, in the order in which they came: for which function, and how they are told.
#[derive(Debug, Default)]
pub(super) struct Line(Mutex<VecDeque<(usize, oneshot::Sender<()>)>>);

/// Resolves, well or not, when it is one's turn to ask again. Whoever drops it has left the line.
pub(crate) type Turn = oneshot::Receiver<()>;

impl Line {
    /// `None`: there `is_room` now. Nothing that becomes free between the question and the standing in line is missed, as whoever
    /// [calls](Self::call) comes before it or after it.
    pub(super) fn join(&self, function: usize, is_room: impl FnOnce() -> bool) -> Option<Turn> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_room() {
            return None;
        }
        let (tell, turn) = oneshot::channel();
        waiting.push_back((function, tell));
        Some(turn)
    }

    /// Everybody is to ask again.
    pub(super) fn call_all(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// A place is free: the first for whose function it may be hears of it, and nobody else.
    pub(super) fn call(&self, is_room: impl Fn(usize) -> bool) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|(_, tell)| !tell.is_closed());
        while let Some(first) = waiting.iter().position(|(function, _)| is_room(*function)) {
            let told = waiting.remove(first).is_some_and(|(_, tell)| tell.send(()).is_ok());
            if told {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_told(turn: &mut Turn) -> bool {
        turn.try_recv().is_ok()
    }

    #[test]
    fn the_first_who_may_have_the_place_hears_of_it() {
        let line = Line::default();
        let mut turns = [0, 1, 1].map(|function| line.join(function, || false).unwrap());
        line.call(|function| function == 1);
        assert_eq!(turns.each_mut().map(is_told), [false, true, false]);
        line.call(|_| true);
        assert!(is_told(&mut turns[0]));
        line.call(|_| false);
        line.call(|_| true);
        assert!(is_told(&mut turns[2]));
        line.call(|_| true);
    }

    #[test]
    fn whoever_has_gone_is_passed_over() {
        let line = Line::default();
        let [gone, mut there] = [0, 0].map(|function| line.join(function, || false).unwrap());
        drop(gone);
        line.call(|_| true);
        assert!(is_told(&mut there));
    }

    #[test]
    fn nobody_waits_where_there_is_room() {
        assert!(Line::default().join(0, || true).is_none());
    }
}
