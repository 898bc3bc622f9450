//! What happens to rows because time passes: leases end, rows expire, the dead are forgotten.
//!
//! In rounds of a bounded size, each a transaction of its own, so that a large backlog of chores lets callers through.

use std::sync::Arc;

use super::{Draft, Engine, Fall, Stop};
use crate::{
    error::{Error, Failure},
    limits::CHORE_ROWS,
    moment::Moment,
    name::{Address, QueueName},
    row::Standing,
    store::Store,
    transition::Event,
};

impl<S: Store> Engine<S> {
    /// When there is something to do even if nobody asks; it may be in the past.
    pub fn next_chore(&self) -> Option<Moment> {
        let of_queues = self.edges.iter().flat_map(|(queue, edges)| {
            let forget = edges.dead.map(|since| since + self.limits.of(queue).keep_dead);
            [edges.leased, forget]
        });
        of_queues.chain([self.expiry]).flatten().min()
    }

    /// One round of chores. If there is more to do, [`next_chore`](Self::next_chore) is still in the past.
    ///
    /// # Errors
    /// The engine has stopped, or stops by this; or the disk is full or locked, and the chores are still to be done.
    pub fn chores(&mut self, now: Moment, jitter: &mut dyn FnMut() -> f64) -> Result<(), Error> {
        if let Some(failure) = &self.stopped {
            return Err(Error::Stopped(Arc::clone(failure)));
        }
        self.with_room(now, |engine| engine.round(now, jitter)).map_err(|fall| self.fall(fall))
    }

    /// At the start: nobody holds a lease any more. The leases in one round are as many as workers had.
    pub(super) fn end_all_leases(
        &mut self,
        now: Moment,
        jitter: &mut dyn FnMut() -> f64,
    ) -> Result<(), Failure> {
        for queue in self.books.queues() {
            while self.edges.get(&queue).is_some_and(|edges| edges.leased.is_some()) {
                let round = |engine: &mut Self| engine.abandon(&queue, true, now, jitter);
                self.with_room(now, round).map_err(|fall| match fall {
                    Fall::Clean(failure) | Fall::Torn(failure) => failure,
                })?;
            }
        }
        Ok(())
    }

    /// A transaction that may use the reserve.
    fn with_room<T>(
        &mut self,
        now: Moment,
        mut work: impl FnMut(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Fall> {
        match self.transaction(now, &mut work) {
            Err(Fall::Clean(Failure::NoSpace)) => {
                self.make_room(now);
                self.transaction(now, &mut work)
            }
            done => done,
        }
    }

    fn round(&mut self, now: Moment, jitter: &mut dyn FnMut() -> f64) -> Result<(), Failure> {
        for queue in self.edges.keys().cloned().collect::<Vec<_>>() {
            let edges = self.edges.get(&queue).copied().unwrap_or_default();
            if edges.leased.is_some_and(|until| until <= now) {
                self.abandon(&queue, false, now, jitter)?;
            }
            let forget = now.before(self.limits.of(&queue).keep_dead);
            if edges.dead.is_some_and(|since| since <= forget) {
                for address in self.store.due(&queue, Standing::Dead, forget, CHORE_ROWS)? {
                    self.move_by_itself(&address, Event::Cancel { seen: None }, now, jitter)?;
                }
            }
        }
        if self.expiry.is_some_and(|expiry| expiry <= now) {
            self.expire(now, jitter)?;
        }
        Ok(())
    }

    fn abandon(
        &mut self,
        queue: &QueueName,
        ended: bool,
        now: Moment,
        jitter: &mut dyn FnMut() -> f64,
    ) -> Result<(), Failure> {
        let rules = self.limits.of(queue);
        let (counts, pause) = (rules.abandoned_counts, rules.abandoned_pause);
        let up_to = if ended { Moment::from_millis(i64::MAX) } else { now };
        for address in self.store.due(queue, Standing::Leased, up_to, CHORE_ROWS)? {
            self.move_by_itself(&address, Event::Abandon { ended, counts, pause }, now, jitter)?;
        }
        Ok(())
    }

    fn expire(&mut self, now: Moment, jitter: &mut dyn FnMut() -> f64) -> Result<(), Failure> {
        for address in self.store.expired(now, CHORE_ROWS)? {
            let into = self.limits.of(&address.queue).expired;
            self.move_by_itself(&address, Event::Expire { into }, now, jitter)?;
        }
        for slot in self.store.expired_values(now, CHORE_ROWS)? {
            let mut draft = Draft::new(&mut self.store, &self.books, &self.limits, now, jitter);
            draft.unset(&slot).map_err(expected)?;
            draft.finish().write(&mut self.store, &mut self.books)?;
        }
        Ok(())
    }

    fn move_by_itself(
        &mut self,
        address: &Address,
        event: Event,
        now: Moment,
        jitter: &mut dyn FnMut() -> f64,
    ) -> Result<(), Failure> {
        let mut draft = Draft::new(&mut self.store, &self.books, &self.limits, now, jitter);
        draft.step(address, event).map_err(expected)?;
        draft.finish().write(&mut self.store, &mut self.books)
    }
}

/// The store named the row as one that the event fits. If it does not, the indexes and the rows disagree.
fn expected(stop: Stop) -> Failure {
    match stop {
        Stop::Failed(failure) => failure,
        Stop::Refused(refusal) => Failure::Damaged { what: refusal.to_string() },
    }
}
