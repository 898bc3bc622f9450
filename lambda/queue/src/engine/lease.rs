//! Which rows are handed out, and whose turn it is.
//!
//! Keys take turns: from the key after the one that was last served, each key gives its row that is due first, and again
//! from the start. Finding the next key is one look into an index, however long the backlogs are. Keys none of whose
//! rows is due cost a look each; after [`MAX_KEY_PROBES`] of them the rest is taken in the order of due times, in which
//! every row comes to be the first. No order is promised beyond that.

use std::{collections::BTreeMap, time::Duration};

use super::{Draft, Engine, Stop};
use crate::{
    batch::Leased,
    error::{Failure, Refusal},
    limits::{MAX_KEY_PROBES, MAX_LEASE_BYTES, MAX_LEASE_ROWS},
    moment::Moment,
    name::{Address, Key, QueueName},
    row::Standing,
    store::Store,
    transition::Event,
};

/// Rows to be leased.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ask {
    pub queue: QueueName,
    /// At most so many: 1 to [`MAX_LEASE_ROWS`]. Fewer come if fewer are due or their content is large,
    /// none if too many ask at once for large rows: what is still due says so.
    pub rows: usize,
    /// How long they are ours, from the commit on.
    pub span: Duration,
}

/// The key that was served last, by queue.
pub(super) type Turns = BTreeMap<QueueName, Key>;

impl<S: Store> Engine<S> {
    /// `room_bytes` is what the group's leases may still hand out.
    pub(super) fn lease(
        &mut self,
        ask: &Ask,
        room_bytes: &mut usize,
        now: Moment,
        jitter: &mut dyn FnMut() -> f64,
    ) -> Result<Vec<Leased>, Stop> {
        if ask.rows > MAX_LEASE_ROWS {
            return Err(Refusal::TooLarge { what: "a lease", limit: MAX_LEASE_ROWS }.into());
        }
        let mut leased = Vec::new();
        if self.store.earliest(&ask.queue, Standing::Waiting)?.is_none_or(|due| now < due) {
            return Ok(leased);
        }
        let (mut bytes, mut probes) = (0, 0);
        let mut turn = self.turns.get(&ask.queue).cloned();
        while leased.len() < ask.rows && bytes < MAX_LEASE_BYTES && *room_bytes > 0 {
            let Some(address) = self.next(&ask.queue, &mut turn, &mut probes, now)? else { break };
            let Some(row) = self.take(&address, ask.span, now, jitter)? else { continue };
            bytes += row.content.len();
            *room_bytes = room_bytes.saturating_sub(row.content.len());
            leased.push(row);
        }
        match turn {
            Some(key) if !leased.is_empty() => self.turns.insert(ask.queue.clone(), key),
            Some(_) | None => None,
        };
        Ok(leased)
    }

    /// The next row in turn; `None` when nothing is due.
    fn next(
        &mut self,
        queue: &QueueName,
        turn: &mut Option<Key>,
        probes: &mut usize,
        now: Moment,
    ) -> Result<Option<Address>, Failure> {
        let mut from_the_start = turn.is_none();
        while *probes < MAX_KEY_PROBES {
            match self.store.next_key(queue, turn.as_ref())? {
                None if from_the_start => return Ok(None),
                None => {
                    from_the_start = true;
                    *turn = None;
                }
                Some(key) => {
                    *probes += 1;
                    let due = self.store.due_of(queue, &key, now)?;
                    *turn = Some(key);
                    if due.is_some() {
                        return Ok(due);
                    }
                }
            }
        }
        Ok(self.store.due(queue, Standing::Waiting, now, 1)?.pop())
    }

    /// Leases one row that is due. `None`: it has expired instead.
    fn take(
        &mut self,
        address: &Address,
        span: Duration,
        now: Moment,
        jitter: &mut dyn FnMut() -> f64,
    ) -> Result<Option<Leased>, Stop> {
        let into = self.limits.of(&address.queue).expired;
        let mut draft = Draft::new(&mut self.store, &self.books, &self.limits, now, jitter);
        let expired = draft.is_expired(address)?;
        let event = if expired { Event::Expire { into } } else { Event::Lease { span } };
        let row = draft.step(address, event)?;
        draft.finish().write(&mut self.store, &mut self.books)?;
        match row {
            Some(row) if !expired => {
                let content = self.store.content(address)?;
                Ok(Some(Leased { row, content }))
            }
            Some(_) | None => Ok(None),
        }
    }
}
