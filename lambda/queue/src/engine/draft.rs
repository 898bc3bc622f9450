//! One request, decided on paper: what it reads comes from the store or from its own earlier operations, what it
//! writes is a list. A refused request is a list thrown away.

use std::collections::BTreeMap;

use super::{Books, Stop};
use crate::{
    batch::{Answer, Batch, NewRow, Operation, Value, When},
    error::{Failure, Refusal},
    limits::{Limits, MAX_BATCH_BYTES, MAX_BATCH_OPERATIONS, MAX_CONTENT_BYTES, MAX_QUEUES, MAX_VALUE_BYTES},
    moment::Moment,
    name::{Address, Slot},
    row::{Content, History, ROW_OVERHEAD_BYTES, Row, Standing, State},
    store::{Owner, Store, Tallies, Tally},
    transition::{Event, Next, transition},
};

pub(super) struct Draft<'a, S> {
    store: &'a mut S,
    books: &'a Books,
    limits: &'a Limits,
    now: Moment,
    jitter: &'a mut dyn FnMut() -> f64,
    rows: BTreeMap<Address, Option<Row>>,
    values: BTreeMap<Slot, Option<Value>>,
    changes: Changes,
}

/// What a request changes, in order.
#[derive(Default)]
pub(super) struct Changes {
    writes: Vec<Write>,
    tallies: Tallies,
}

enum Write {
    Add(Row, Content),
    Change(Row),
    Remove(Address),
    Set(Slot, Value),
    Unset(Slot),
}

impl<'a, S: Store> Draft<'a, S> {
    pub(super) fn new(
        store: &'a mut S,
        books: &'a Books,
        limits: &'a Limits,
        now: Moment,
        jitter: &'a mut dyn FnMut() -> f64,
    ) -> Self {
        let (rows, values, changes) = (BTreeMap::new(), BTreeMap::new(), Changes::default());
        Self { store, books, limits, now, jitter, rows, values, changes }
    }

    pub(super) fn batch(&mut self, batch: &Batch) -> Result<Vec<Answer>, Stop> {
        if batch.operations.len() > MAX_BATCH_OPERATIONS {
            return Err(Refusal::TooLarge { what: "a batch", limit: MAX_BATCH_OPERATIONS }.into());
        }
        if batch.size_bytes() > MAX_BATCH_BYTES {
            return Err(Refusal::TooLarge { what: "a batch's content", limit: MAX_BATCH_BYTES }.into());
        }
        let answers = batch.operations.iter().map(|operation| self.operation(operation));
        let answers = answers.collect::<Result<_, _>>()?;
        if batch.is_intake() {
            self.check_limits()?;
        }
        Ok(answers)
    }

    /// What has become of a row by `event`; `None` if it is gone.
    pub(super) fn step(&mut self, address: &Address, event: Event) -> Result<Option<Row>, Stop> {
        let row = self.row(address)?.ok_or_else(|| Refusal::NoSuchRow(address.clone()))?;
        let (before, size_bytes) = (row.standing(), row.size_bytes);
        let next = transition(row, event, self.now, (self.jitter)())
            .map_err(|cause| Refusal::Misfit { address: address.clone(), cause })?;
        let tally = self.tally(Owner::Queue(address.queue.clone()));
        tally.take(before, size_bytes);
        let row = match next {
            Next::Keep(row) => {
                tally.add(row.standing(), size_bytes);
                self.changes.writes.push(Write::Change(row.clone()));
                Some(row)
            }
            Next::Remove => {
                self.changes.writes.push(Write::Remove(address.clone()));
                None
            }
        };
        self.rows.insert(address.clone(), row.clone());
        Ok(row)
    }

    pub(super) fn is_expired(&mut self, address: &Address) -> Result<bool, Failure> {
        let now = self.now;
        Ok(self.row(address)?.is_some_and(|row| row.is_expired(now)))
    }

    pub(super) fn unset(&mut self, slot: &Slot) -> Result<(), Stop> {
        if let Some(value) = self.value(slot)? {
            self.tally(Owner::Values).take(Standing::Waiting, value_bytes(&value));
            self.changes.writes.push(Write::Unset(slot.clone()));
            self.values.insert(slot.clone(), None);
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Changes {
        self.changes
    }

    fn operation(&mut self, operation: &Operation) -> Result<Answer, Stop> {
        match operation {
            Operation::Put(new) => self.put(new),
            Operation::Move { address, event } => self.step(address, event.clone()).map(|_| Answer::Done),
            Operation::Set { slot, value, when } => {
                self.check(slot, when)?;
                self.set(slot, value).map(|()| Answer::Done)
            }
            Operation::Unset { slot, when } => {
                self.check(slot, when)?;
                self.unset(slot).map(|()| Answer::Done)
            }
        }
    }

    fn put(&mut self, new: &NewRow) -> Result<Answer, Stop> {
        let address = Address { queue: new.queue.clone(), id: new.id.clone() };
        if new.content.len() > MAX_CONTENT_BYTES {
            return Err(Refusal::TooLarge { what: "a row's content", limit: MAX_CONTENT_BYTES }.into());
        }
        if self.row(&address)?.is_some() {
            return Ok(Answer::AlreadyThere);
        }
        let row = Row {
            address: address.clone(),
            key: new.key.clone(),
            state: State::Waiting { not_before: new.pause.end(self.now, (self.jitter)()) },
            leases: 0,
            attempts: 0,
            releases: 0,
            redriven: 0,
            created: self.now,
            expires: new.expires_in.map(|span| self.now + span),
            history: History::default(),
            size_bytes: new.content.size_bytes(),
        };
        self.tally(Owner::Queue(address.queue.clone())).add(Standing::Waiting, row.size_bytes);
        self.changes.writes.push(Write::Add(row.clone(), new.content.clone()));
        self.rows.insert(address, Some(row));
        Ok(Answer::Done)
    }

    fn set(&mut self, slot: &Slot, value: &Value) -> Result<(), Stop> {
        if value.bytes.len() > MAX_VALUE_BYTES {
            return Err(Refusal::TooLarge { what: "a value", limit: MAX_VALUE_BYTES }.into());
        }
        let before = self.value(slot)?;
        let tally = self.tally(Owner::Values);
        if let Some(before) = before {
            tally.take(Standing::Waiting, value_bytes(&before));
        }
        tally.add(Standing::Waiting, value_bytes(value));
        self.changes.writes.push(Write::Set(slot.clone(), value.clone()));
        self.values.insert(slot.clone(), Some(value.clone()));
        Ok(())
    }

    fn check(&mut self, slot: &Slot, when: &When) -> Result<(), Stop> {
        if *when == When::Always {
            return Ok(());
        }
        let now = self.now;
        let there = self.value(slot)?.filter(|value| value.expires.is_none_or(|expires| now < expires));
        let holds = match when {
            When::Always => true,
            When::Absent => there.is_none(),
            When::Equals(bytes) => there.is_some_and(|value| value.bytes == *bytes),
        };
        if holds { Ok(()) } else { Err(Refusal::Condition(slot.clone()).into()) }
    }

    /// Only what grew is held to its limit.
    fn check_limits(&self) -> Result<(), Refusal> {
        let mut bytes = self.books.bytes();
        let mut queues = self.books.count();
        for (owner, tally) in &self.changes.tallies {
            let before = self.books.get(owner);
            bytes = bytes.saturating_sub(before.bytes) + tally.bytes;
            queues += usize::from(before == Tally::default());
            let Owner::Queue(queue) = owner else { continue };
            let rules = self.limits.of(queue);
            let full = |limit, unit| Refusal::QueueFull { queue: queue.clone(), limit, unit };
            if tally.rows() > before.rows().max(rules.limit_rows) {
                return Err(full(rules.limit_rows, "rows"));
            }
            if tally.bytes > before.bytes.max(rules.limit_bytes) {
                return Err(full(rules.limit_bytes, "bytes"));
            }
        }
        let limit_bytes = self.limits.total.limit_bytes;
        if bytes > self.books.bytes().max(limit_bytes) {
            return Err(Refusal::Full { limit_bytes });
        }
        if queues > self.books.count().max(MAX_QUEUES) {
            return Err(Refusal::TooManyQueues { limit: MAX_QUEUES });
        }
        Ok(())
    }

    fn row(&mut self, address: &Address) -> Result<Option<Row>, Failure> {
        if let Some(row) = self.rows.get(address) {
            return Ok(row.clone());
        }
        let row = self.store.row(address)?;
        self.rows.insert(address.clone(), row.clone());
        Ok(row)
    }

    fn value(&mut self, slot: &Slot) -> Result<Option<Value>, Failure> {
        match self.values.get(slot) {
            Some(value) => Ok(value.clone()),
            None => self.store.value(slot),
        }
    }

    fn tally(&mut self, owner: Owner) -> &mut Tally {
        let books = self.books;
        self.changes.tallies.entry(owner).or_insert_with_key(|owner| books.get(owner))
    }
}

impl Changes {
    pub(super) fn write<S: Store>(self, store: &mut S, books: &mut Books) -> Result<(), Failure> {
        for write in &self.writes {
            match write {
                Write::Add(row, content) => store.add(row, content)?,
                Write::Change(row) => store.write(row)?,
                Write::Remove(address) => store.remove(address)?,
                Write::Set(slot, value) => store.set(slot, value)?,
                Write::Unset(slot) => store.unset(slot)?,
            }
        }
        self.tallies.into_iter().for_each(|(owner, tally)| books.set(owner, tally));
        Ok(())
    }
}

fn value_bytes(value: &Value) -> u64 {
    value.bytes.len() as u64 + ROW_OVERHEAD_BYTES
}
