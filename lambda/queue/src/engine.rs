//! The queue without its thread: groups of requests become transactions of a [`Store`].
//!
//! One group is one commit. Each request of it is decided by itself, in order, on top of those before it; one that is
//! refused leaves nothing behind. Only the commit makes them true, and only then they have answers.

mod books;
mod chores;
mod draft;
mod lease;

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    batch::{Answer, Batch, Leased},
    error::{Error, Failure, Refusal},
    limits::{FULL_DISK_PAUSE, Limits, MAX_GROUP_LEASE_BYTES},
    moment::Moment,
    name::QueueName,
    row::Standing,
    store::{Owner, Store, Tally},
};
use books::Books;
use draft::Draft;

pub use lease::Ask;

/// The rows, the rules and what is counted; everything but time, chance and the thread.
#[derive(Debug)]
pub struct Engine<S> {
    store: S,
    limits: Limits,
    books: Books,
    edges: BTreeMap<QueueName, Edges>,
    expiry: Option<Moment>,
    /// Whose turn was last, of the queues that lease.
    turns: lease::Turns,
    /// Since the disk was full: when new work is tried again.
    short_until: Option<Moment>,
    stopped: Option<Arc<Failure>>,
    news: Vec<(QueueName, Option<Moment>)>,
    commits: u64,
}

/// One thing asked of the engine.
#[derive(Clone, Debug)]
pub enum Request {
    Batch(Batch),
    Lease(Ask),
}

/// What came of a [`Request`], durable.
#[derive(Clone, Debug)]
pub enum Reply {
    /// One answer an operation.
    Batch(Vec<Answer>),
    Leased(Vec<Leased>),
}

/// When the first of a queue's rows is due, by where they stand.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Edges {
    waiting: Option<Moment>,
    leased: Option<Moment>,
    dead: Option<Moment>,
}

/// Why a request of a group came to nothing: by itself, or with the whole group.
enum Stop {
    Refused(Refusal),
    Failed(Failure),
}

impl<S: Store> Engine<S> {
    /// Takes over the rows of a store. Whatever is leased in it was leased by a process that is no more.
    ///
    /// # Errors
    /// The store fails.
    pub fn open(
        mut store: S,
        limits: Limits,
        now: Moment,
        jitter: &mut dyn FnMut() -> f64,
    ) -> Result<Self, Failure> {
        store.hold_reserve(true);
        let books = Books::new(store.tallies()?);
        let mut engine = Self {
            store,
            limits,
            books,
            edges: BTreeMap::new(),
            expiry: None,
            turns: lease::Turns::default(),
            short_until: None,
            stopped: None,
            news: Vec::new(),
            commits: 0,
        };
        for queue in engine.books.queues() {
            let edges = edges(&mut engine.store, &queue)?;
            engine.note(&queue, edges);
        }
        engine.expiry = engine.store.earliest_expiry()?;
        engine.end_all_leases(now, jitter)?;
        Ok(engine)
    }

    /// One group, one commit. The answers are in the order of the requests.
    pub fn run(
        &mut self,
        group: &[Request],
        now: Moment,
        jitter: &mut dyn FnMut() -> f64,
    ) -> Vec<Result<Reply, Error>> {
        if let Some(failure) = &self.stopped {
            return group.iter().map(|_| Err(Error::Stopped(failure.clone()))).collect();
        }
        let short = self.is_short(now);
        let mut done = self.transaction(now, |engine| engine.decide(group, short, now, jitter));
        if matches!(done, Err(Fall::Clean(Failure::NoSpace))) {
            self.make_room(now);
            done = self.transaction(now, |engine| engine.decide(group, true, now, jitter));
        }
        match done {
            Ok(replies) => replies.into_iter().map(|reply| reply.map_err(Error::Refused)).collect(),
            Err(fall) => {
                let error = self.fall(fall);
                group.iter().map(|_| Err(error.clone())).collect()
            }
        }
    }

    /// When a queue's next row may be leased, for each queue where that changed since the last call.
    pub fn take_news(&mut self) -> Vec<(QueueName, Option<Moment>)> {
        std::mem::take(&mut self.news)
    }

    /// What a queue holds.
    pub fn tally(&self, queue: &QueueName) -> Tally {
        self.books.get(&Owner::Queue(queue.clone()))
    }

    /// The commits since the start.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// Why nothing is acknowledged any more, if so.
    pub fn stopped(&self) -> Option<&Arc<Failure>> {
        self.stopped.as_ref()
    }

    pub fn store(&self) -> &S {
        &self.store
    }

    /// For whoever drives an engine by hand. A transaction is never open between calls.
    pub fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }

    pub fn into_store(self) -> S {
        self.store
    }

    fn decide(
        &mut self,
        group: &[Request],
        short: bool,
        now: Moment,
        jitter: &mut dyn FnMut() -> f64,
    ) -> Result<Vec<Result<Reply, Refusal>>, Failure> {
        let mut replies = Vec::with_capacity(group.len());
        let mut room_bytes = MAX_GROUP_LEASE_BYTES;
        for request in group {
            let reply = match request {
                Request::Batch(batch) if short && batch.is_intake() => Err(Stop::Refused(Refusal::DiskFull)),
                Request::Batch(batch) => self.batch(batch, now, jitter).map(Reply::Batch),
                Request::Lease(ask) => self.lease(ask, &mut room_bytes, now, jitter).map(Reply::Leased),
            };
            replies.push(match reply {
                Ok(reply) => Ok(reply),
                Err(Stop::Refused(refusal)) => Err(refusal),
                Err(Stop::Failed(failure)) => return Err(failure),
            });
        }
        Ok(replies)
    }

    fn batch(
        &mut self,
        batch: &Batch,
        now: Moment,
        jitter: &mut dyn FnMut() -> f64,
    ) -> Result<Vec<Answer>, Stop> {
        let mut draft = Draft::new(&mut self.store, &self.books, &self.limits, now, jitter);
        let answers = draft.batch(batch)?;
        let changes = draft.finish();
        changes.write(&mut self.store, &mut self.books)?;
        Ok(answers)
    }

    /// Runs `work` in a transaction. If it wrote anything, the tallies and edges follow and all of it is committed.
    fn transaction<T>(
        &mut self,
        now: Moment,
        work: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Fall> {
        let turns = self.turns.clone();
        let outcome = self.prepared(work);
        let (value, wrote) = match outcome {
            Ok((value, None)) => {
                self.store.roll_back();
                return Ok(value);
            }
            Ok((value, Some(wrote))) => (value, wrote),
            Err(failure) => {
                self.store.roll_back();
                self.books.forget();
                self.turns = turns;
                return Err(Fall::Clean(failure));
            }
        };
        if let Err(failure) = self.store.commit(now) {
            self.books.forget();
            self.turns = turns;
            return Err(match failure {
                Failure::NoSpace | Failure::Locked => Fall::Clean(failure),
                Failure::Io(_) | Failure::Damaged { .. } | Failure::Ended => Fall::Torn(failure),
            });
        }
        self.books.keep();
        self.commits += 1;
        for (queue, edges) in wrote.edges {
            self.note(&queue, edges);
        }
        self.expiry = wrote.expiry;
        Ok(value)
    }

    fn prepared<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<(T, Option<Wrote>), Failure> {
        self.store.begin()?;
        let value = work(self)?;
        if !self.books.is_changed() {
            return Ok((value, None));
        }
        self.books.write(&mut self.store)?;
        let mut wrote = Wrote { edges: BTreeMap::new(), expiry: self.store.earliest_expiry()? };
        for queue in self.books.changed_queues() {
            let edges = edges(&mut self.store, &queue)?;
            wrote.edges.insert(queue, edges);
        }
        Ok((value, Some(wrote)))
    }

    fn note(&mut self, queue: &QueueName, edges: Edges) {
        let before = self.edges.insert(queue.clone(), edges).unwrap_or_default();
        if before.waiting != edges.waiting {
            self.news.push((queue.clone(), edges.waiting));
        }
        if edges == Edges::default() {
            self.edges.remove(queue);
            self.turns.remove(queue);
        }
    }

    /// What the group's requests are told; a fatal failure also ends the engine.
    fn fall(&mut self, fall: Fall) -> Error {
        match fall {
            Fall::Clean(Failure::NoSpace) => Error::Refused(Refusal::DiskFull),
            Fall::Clean(Failure::Locked) => Error::Refused(Refusal::Locked),
            Fall::Clean(failure) => Error::Stopped(self.stop(failure)),
            Fall::Torn(failure) => Error::Uncertain(self.stop(failure)),
        }
    }

    fn stop(&mut self, failure: Failure) -> Arc<Failure> {
        let failure = Arc::new(failure);
        self.stopped = Some(failure.clone());
        failure
    }

    /// Whether the disk was full a moment ago. When the pause is over, it is not if the reserve fits on it again.
    fn is_short(&mut self, now: Moment) -> bool {
        match self.short_until {
            None => return false,
            Some(until) if now < until => return true,
            Some(_) => {}
        }
        self.short_until = if self.store.hold_reserve(true) { None } else { Some(now + FULL_DISK_PAUSE) };
        self.short_until.is_some()
    }

    fn make_room(&mut self, now: Moment) {
        self.store.hold_reserve(false);
        self.short_until = Some(now + FULL_DISK_PAUSE);
    }
}

/// A transaction that did not come to be.
enum Fall {
    /// Nothing of it is there.
    Clean(Failure),
    /// Its commit failed; nobody knows.
    Torn(Failure),
}

/// What the engine remembers once a transaction is durable.
struct Wrote {
    edges: BTreeMap<QueueName, Edges>,
    expiry: Option<Moment>,
}

fn edges<S: Store>(store: &mut S, queue: &QueueName) -> Result<Edges, Failure> {
    Ok(Edges {
        waiting: store.earliest(queue, Standing::Waiting)?,
        leased: store.earliest(queue, Standing::Leased)?,
        dead: store.earliest(queue, Standing::Dead)?,
    })
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
