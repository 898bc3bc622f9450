//! What a runtime may do when: the states between a process's start and its end.
//!
//! Pure. `R` is a running invocation; the machine holds it from [`begin`](Lifecycle::begin) until somebody
//! takes it out with its answer, so an invocation is answered exactly once whoever comes first: the runtime,
//! the deadline or the end of the process.

use std::time::Instant;

use crate::pool::Was;

/// One environment's state.
#[derive(Debug)]
pub(crate) struct Lifecycle<R> {
    phase: Phase<R>,
}

#[derive(Debug)]
enum Phase<R> {
    /// Started; the runtime has not asked for work.
    Starting,
    /// The start failed. Started again only for an invocation.
    Failed,
    /// The runtime waits for work.
    Idle,
    /// `delivered`: the runtime has the event. Until then it gets it when it asks.
    Invoking {
        run: R,
        deadline: Instant,
        delivered: bool,
    },
    /// Answered; the runtime has not asked for work again.
    Returning {
        deadline: Instant,
    },
    Ended,
}

/// What a runtime that asks for work is to get.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Asked<R> {
    /// Nothing yet; it is to ask again when there is. `was`: tell the pool; `None`: the pool knows.
    Wait { was: Option<Was> },
    /// The event of this invocation.
    Deliver(R),
}

/// A request that does not fit the state; Lambda's names of the state it is in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct NotNow {
    pub(crate) state: &'static str,
}

/// What an environment was doing when it ended.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Ended<R> {
    /// Nobody waits for an answer from it.
    Quietly(Was),
    /// The invocation is to be answered by whoever ended the environment; the pool then knows it as returning.
    Invoking(R),
    /// It had ended before, or its failed start has been told to the pool.
    Before,
}

impl<R> Lifecycle<R> {
    pub(crate) fn new() -> Self {
        Self { phase: Phase::Starting }
    }

    /// The runtime asks for work.
    ///
    /// # Errors
    /// It has an event that it has not answered, or it was ended.
    pub(crate) fn ask(&mut self) -> Result<Asked<&mut R>, NotNow> {
        let was = match self.phase {
            Phase::Starting => Some(Was::Starting),
            Phase::Returning { .. } => Some(Was::Returning),
            Phase::Idle => None,
            Phase::Invoking { delivered: true, .. } | Phase::Failed | Phase::Ended => {
                return Err(self.not_now());
            }
            Phase::Invoking { ref mut run, ref mut delivered, .. } => {
                *delivered = true;
                return Ok(Asked::Deliver(run));
            }
        };
        self.phase = Phase::Idle;
        Ok(Asked::Wait { was })
    }

    /// An invocation is given to this environment, which gets its event when it asks (again).
    ///
    /// # Errors
    /// The environment has ended, or is busy; the invocation is handed back.
    pub(crate) fn begin(&mut self, run: R, deadline: Instant) -> Result<(), R> {
        match self.phase {
            Phase::Idle | Phase::Failed => {
                self.phase = Phase::Invoking { run, deadline, delivered: false };
                Ok(())
            }
            Phase::Starting | Phase::Invoking { .. } | Phase::Returning { .. } | Phase::Ended => Err(run),
        }
    }

    /// The process could not start. Whether it had not: then the environment is the caller's to start again, for
    /// an invocation, or to end.
    pub(crate) fn fail_start(&mut self) -> bool {
        let starting = matches!(self.phase, Phase::Starting);
        if starting {
            self.phase = Phase::Failed;
        }
        starting
    }

    /// The invocation that the runtime has and has not answered.
    ///
    /// # Errors
    /// It has none.
    pub(crate) fn running(&self) -> Result<&R, NotNow> {
        match &self.phase {
            Phase::Invoking { run, delivered: true, .. } => Ok(run),
            Phase::Starting
            | Phase::Failed
            | Phase::Idle
            | Phase::Invoking { .. }
            | Phase::Returning { .. }
            | Phase::Ended => Err(self.not_now()),
        }
    }

    /// Takes the running invocation out, to be answered. The environment goes on.
    pub(crate) fn answer(&mut self) -> Option<R> {
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Invoking { run, deadline, delivered: true } => {
                self.phase = Phase::Returning { deadline };
                Some(run)
            }
            other => {
                self.phase = other;
                None
            }
        }
    }

    /// When the environment is to be ended, if nothing happens before.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Invoking { deadline, .. } | Phase::Returning { deadline } => Some(deadline),
            Phase::Starting | Phase::Failed | Phase::Idle | Phase::Ended => None,
        }
    }

    /// Whether the runtime may still report that it cannot start.
    ///
    /// # Errors
    /// It has started.
    pub(crate) fn check_starting(&self) -> Result<(), NotNow> {
        match self.phase {
            Phase::Starting | Phase::Invoking { delivered: false, .. } => Ok(()),
            Phase::Failed | Phase::Idle | Phase::Invoking { .. } | Phase::Returning { .. } | Phase::Ended => {
                Err(self.not_now())
            }
        }
    }

    /// Whether the process runs, has no invocation and has not asked for one: the limit on starting counts.
    pub(crate) fn is_starting(&self) -> bool {
        matches!(self.phase, Phase::Starting)
    }

    /// The environment is no more.
    pub(crate) fn end(&mut self) -> Ended<R> {
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Starting => Ended::Quietly(Was::Starting),
            Phase::Idle => Ended::Quietly(Was::Idle),
            Phase::Returning { .. } => Ended::Quietly(Was::Returning),
            Phase::Invoking { run, .. } => Ended::Invoking(run),
            Phase::Failed | Phase::Ended => Ended::Before,
        }
    }

    /// In the words of AWS's own emulator.
    fn not_now(&self) -> NotNow {
        let state = match self.phase {
            Phase::Starting | Phase::Invoking { delivered: false, .. } => "Started",
            Phase::Idle => "Ready",
            Phase::Invoking { .. } => "Running",
            Phase::Returning { .. } => "ResponseSent",
            Phase::Failed => "InitError",
            Phase::Ended => "Exited",
        };
        NotNow { state }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn idle() -> Lifecycle<u32> {
        let mut lifecycle = Lifecycle::new();
        assert_eq!(lifecycle.ask(), Ok(Asked::Wait { was: Some(Was::Starting) }));
        lifecycle
    }

    fn running() -> Lifecycle<u32> {
        let mut lifecycle = idle();
        lifecycle.begin(1, Instant::now()).unwrap();
        assert_eq!(lifecycle.ask(), Ok(Asked::Deliver(&mut 1)));
        lifecycle
    }

    #[test]
    fn an_environment_goes_round_and_round() {
        let mut lifecycle = running();
        assert_eq!(lifecycle.running(), Ok(&1));
        assert_eq!(lifecycle.answer(), Some(1));
        assert_eq!(lifecycle.ask(), Ok(Asked::Wait { was: Some(Was::Returning) }));
        lifecycle.begin(2, Instant::now()).unwrap();
        assert_eq!(lifecycle.ask(), Ok(Asked::Deliver(&mut 2)));
        assert_eq!(lifecycle.answer(), Some(2));
    }

    #[test]
    fn a_second_answer_finds_nothing() {
        let mut lifecycle = running();
        lifecycle.answer();
        assert_eq!(lifecycle.answer(), None);
        assert_eq!(lifecycle.running(), Err(NotNow { state: "ResponseSent" }));
    }

    #[test]
    fn an_unanswered_event_is_not_followed_by_another() {
        assert_eq!(running().ask(), Err(NotNow { state: "Running" }));
    }

    #[test]
    fn a_client_that_asks_twice_is_not_ready_twice() {
        assert_eq!(idle().ask(), Ok(Asked::Wait { was: None }));
    }

    #[test]
    fn a_failed_start_is_tried_again_for_an_invocation_which_is_delivered_at_the_first_question() {
        let mut lifecycle = Lifecycle::new();
        assert!(lifecycle.fail_start());
        assert!(!lifecycle.fail_start());
        assert_eq!(lifecycle.ask(), Err(NotNow { state: "InitError" }));
        lifecycle.begin(1, Instant::now()).unwrap();
        assert!(lifecycle.running().is_err());
        assert!(lifecycle.check_starting().is_ok());
        assert_eq!(lifecycle.ask(), Ok(Asked::Deliver(&mut 1)));
        assert!(lifecycle.check_starting().is_err());
        assert_eq!(lifecycle.answer(), Some(1));
    }

    #[test]
    fn an_undelivered_event_is_not_answered() {
        let mut lifecycle = idle();
        lifecycle.begin(1, Instant::now()).unwrap();
        assert!(lifecycle.running().is_err());
        assert_eq!(lifecycle.answer(), None);
        assert_eq!(lifecycle.end(), Ended::Invoking(1));
    }

    #[test]
    fn the_deadline_holds_until_the_runtime_asks_again() {
        let deadline = Instant::now() + Duration::from_secs(3);
        let mut lifecycle = idle();
        assert_eq!(lifecycle.deadline(), None);
        lifecycle.begin(1, deadline).unwrap();
        lifecycle.ask().unwrap();
        lifecycle.answer();
        assert_eq!(lifecycle.deadline(), Some(deadline));
        lifecycle.ask().unwrap();
        assert_eq!(lifecycle.deadline(), None);
    }

    #[test]
    fn whoever_ends_a_busy_environment_answers_for_it() {
        let mut lifecycle = running();
        assert_eq!(lifecycle.end(), Ended::Invoking(1));
        assert_eq!(lifecycle.end(), Ended::Before);
        assert_eq!(lifecycle.begin(2, Instant::now()), Err(2));
        assert!(lifecycle.ask().is_err());
        assert_eq!(idle().end(), Ended::Quietly(Was::Idle));
    }
}
