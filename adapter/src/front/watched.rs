//! The connections of one listener, looked at from time to time.

use std::{sync::Arc, time::Duration};

use tokio::task::AbortHandle;

use super::{
    Limits,
    pulse::Pulse,
    watch::{Sentence, Watch},
};

#[derive(Debug, Default)]
pub(super) struct Watched(Vec<One>);

#[derive(Debug)]
struct One {
    pulse: Arc<Pulse>,
    task: AbortHandle,
    watch: Watch,
}

impl Watched {
    pub(super) fn push(&mut self, (pulse, task): (Arc<Pulse>, AbortHandle)) {
        self.0.push(One { pulse, task, watch: Watch::new() });
    }

    /// Does what is to be done about callers who keep us waiting. `passed`: time since the look before.
    pub(super) fn look(&mut self, passed: Duration, limits: &Limits) {
        self.0.retain_mut(|one| {
            if one.pulse.is_over() {
                return false;
            }
            match one.watch.look(one.pulse.waiting(), one.pulse.turn(), passed, limits) {
                None => {}
                Some(Sentence::Close) => one.pulse.close(),
                Some(Sentence::GiveUpWaiting) => one.pulse.give_up_waiting(),
                Some(Sentence::Cut) => one.task.abort(),
            }
            true
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each connection ends as soon as no request is on it.
    pub(super) fn close(&self) {
        for one in &self.0 {
            one.pulse.close();
        }
    }

    /// Ends all of them now; how many calls that cuts.
    pub(super) fn cut(self) -> usize {
        let running = self.0.iter().filter(|one| !one.pulse.is_over() && !one.pulse.is_quiet()).count();
        for one in &self.0 {
            one.task.abort();
        }
        running
    }
}
