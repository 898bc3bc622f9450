//! Asynchronous calls that are not over, and those that are dead: one view of the two queues in which they wait, and a hand
//! on both.
//!
//! ```text
//! lambda.events: queued, running, retrying, dead ──► the deliverer's queue: delivering, dead
//! ```
//!
//! What is told of a call holds neither its payload nor a credential, and of its callback only where it goes.

use std::{collections::BTreeMap, time::SystemTime};

use event_queue::{
    Batch, Error, EventQueue, Failure, Pause, QueueName, Reader, Refusal, Row, RowId, Standing,
    store::{Owner, Tally},
};
use lambda_local::events::{EventLog, LogError};
use stayput_core::token::SealingKeys;
use uuid::{Uuid, fmt::Hyphenated};

use crate::{
    metrics::Depth,
    timelines::{Timeline, Timelines, What},
};

mod call;
mod event;
mod filter;
mod page;
#[cfg(feature = "aws")]
mod promises;
mod view;
mod watch;

pub use call::{Call, Happened};
pub use event::{Event, Promised, State};
pub use filter::{Filter, FilterError, moment};
pub use page::Page;
#[cfg(feature = "aws")]
pub use promises::Promises;
pub use view::{View, ViewError, Viewed};
pub use watch::{Figures, Watch};

/// The asynchronous calls in one database. Clones see and steer the same ones.
#[derive(Clone, Debug)]
pub struct Events {
    store: EventQueue,
    lambda: EventLog,
    queues: [QueueName; 2],
    keys: SealingKeys,
    timelines: Timelines,
}

/// Some of the events.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Running ones first, then those that wait by their next try, then the dead by their time of death.
    pub events: Vec<Event>,
    /// `None`: that was all. A page may be short, or empty, and not be the last.
    pub next: Option<Page>,
}

/// What is done with an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Act {
    /// A dead one begins anew, with as many attempts as at first.
    Redrive,
    /// One that waits is taken back: no further attempt is made.
    Cancel,
    /// A dead one is removed for good.
    Purge,
}

/// What came of an act.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Steered {
    /// The ids of the events with which it was done.
    pub done: Vec<String>,
    /// Those with which it cannot be done as they stand: they run, or are dead, or are not.
    pub left: Vec<String>,
    /// Is there more that is meant? One act takes [`MAX_STEERED`] at most.
    pub more: bool,
}

/// One of the two queues, and how its rows stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Place {
    queue: Queue,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Queue {
    Lambda,
    Callbacks,
}

impl Events {
    /// `callbacks` is the queue from which the deliverer takes its records; `keys` have sealed their tickets.
    /// What is done is noted in the `timelines`.
    pub fn new(store: EventQueue, callbacks: QueueName, keys: SealingKeys, timelines: Timelines) -> Self {
        let queues = [EventLog::queue_name(), callbacks];
        Self { lambda: EventLog::new(store.clone()), store, queues, keys, timelines }
    }

    pub fn timelines(&self) -> &Timelines {
        &self.timelines
    }

    /// All that is known of the calls that go by this id, ours or their callers', the latest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn calls(&self, id: &str) -> Result<Vec<Call>, Failure> {
        let mut calls = Vec::new();
        for (request_id, timeline) in self.timelines.find(id) {
            let request_id = request_id.to_string();
            let events = self.find(&request_id).await?;
            calls.push(Call::new(request_id, &timeline, events));
        }
        if calls.is_empty() {
            // Of an earlier process.
            let events = self.find(id).await?;
            let request_id = events.first().map(|event| event.request_id.clone());
            calls.extend(request_id.map(|id| Call::new(id, &Timeline::default(), events)));
        }
        Ok(calls)
    }

    /// At most `limit`, from where the last page ended.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn list(&self, filter: Filter, from: Page, limit: usize) -> Result<Listed, Failure> {
        let events = self.clone();
        blocking(move || events.read(&filter, from, limit.clamp(1, MAX_PAGE))).await
    }

    /// Everything that there is of a call, by our id of it; or one event, by its own.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn find(&self, id: &str) -> Result<Vec<Event>, Failure> {
        let Some(start) = row_id(id) else { return Ok(Vec::new()) };
        let events = self.clone();
        blocking(move || events.read_beginning(&start)).await
    }

    /// How every queue of the database stands; ours are among them even while they are empty. Nothing where it cannot be
    /// read: that is no reason to tell nothing else.
    pub async fn depths(&self) -> Vec<Depth> {
        let events = self.clone();
        blocking(move || events.read_depths()).await.unwrap_or_else(|failure| {
            let error = &failure as &dyn std::error::Error;
            tracing::warn!(error, "the queues' depths cannot be read");
            Vec::new()
        })
    }

    /// Acts on everything that there is of a call, or on one event.
    ///
    /// # Errors
    /// The database cannot be read or written. What was done until then stays so.
    pub async fn steer(&self, id: &str, act: Act) -> Result<Steered, Error> {
        let found = self.find(id).await.map_err(unread)?;
        self.steer_all(found, act).await
    }

    /// Acts on all that are meant and stand so that it can be done.
    ///
    /// # Errors
    /// As [`steer`](Self::steer).
    pub async fn steer_those(&self, filter: Filter, act: Act) -> Result<Steered, Error> {
        // All are found before the first is touched: one that begins anew may be dead again while the others are read.
        let (mut meant, mut from) = (Vec::new(), Page::default());
        loop {
            let page = self.list(filter.clone(), from, MAX_PAGE).await.map_err(unread)?;
            meant.extend(page.events.into_iter().filter(|event| act.fits(event.state)));
            match page.next {
                Some(next) if meant.len() < MAX_STEERED => from = next,
                next => {
                    let more = next.is_some() || meant.len() > MAX_STEERED;
                    meant.truncate(MAX_STEERED);
                    return Ok(Steered { more, ..self.steer_all(meant, act).await? });
                }
            }
        }
    }

    async fn steer_all(&self, events: Vec<Event>, act: Act) -> Result<Steered, Error> {
        let mut steered = Steered::default();
        for event in events {
            let is_done = act.fits(event.state) && self.steer_one(&event, act).await?;
            if is_done { &mut steered.done } else { &mut steered.left }.push(event.id);
        }
        Ok(steered)
    }

    /// False: it stands otherwise by now.
    async fn steer_one(&self, event: &Event, act: Act) -> Result<bool, Error> {
        let id = RowId::parse(&event.id).expect("it came out of the database");
        let queue = if event.is_callback { Queue::Callbacks } else { Queue::Lambda };
        let address = self.address(queue, id.clone());
        let result = match (act, queue) {
            (Act::Redrive, Queue::Lambda) => self.lambda.redrive(id).await.map_err(|error| match error {
                LogError::Read(failure) => unread(failure),
                LogError::Write(error) => error,
            }),
            (Act::Redrive, Queue::Callbacks) => {
                self.store.submit(Batch::new().redrive(address, Pause::NONE, None)).await.map(drop)
            }
            (Act::Cancel | Act::Purge, _) => {
                let seen = event.seen.expect("it came out of the database");
                self.store.submit(Batch::new().cancel_seen(address, seen)).await.map(drop)
            }
        };
        match result {
            Ok(()) => {
                let call = Uuid::try_parse(&event.request_id).unwrap_or_default();
                let part = if event.is_callback { "callback" } else { "event" };
                let text = format!("{} of the {part}", act.as_str());
                self.timelines.note(call, SystemTime::now(), What::Operator, text);
                Ok(true)
            }
            Err(Error::Refused(Refusal::NoSuchRow(_) | Refusal::Misfit { .. })) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn read(&self, filter: &Filter, mut from: Page, limit: usize) -> Result<Listed, Failure> {
        let reader = self.store.reader()?;
        let (mut events, mut looked_at) = (Vec::new(), 0);
        while let Some(&place) = ORDER.get(from.place) {
            if !filter.reaches(place) {
                from = from.behind();
                continue;
            }
            if events.len() == limit || looked_at >= MAX_LOOKED_AT {
                return Ok(Listed { events, next: Some(from) });
            }
            let rows = (limit - events.len()).min(MAX_LOOKED_AT - looked_at);
            let page = reader.list(self.name(place.queue), place.standing, from.cursor, rows)?;
            looked_at += page.rows.len();
            for row in page.rows.iter().filter(|row| filter.takes_row(row)) {
                let event = self.event(&reader, place.queue, row)?;
                events.extend(event.filter(|event| filter.takes(event)));
            }
            from = match page.next {
                Some(cursor) => Page { cursor, ..from },
                None => from.behind(),
            };
        }
        Ok(Listed { events, next: None })
    }

    fn read_beginning(&self, start: &RowId) -> Result<Vec<Event>, Failure> {
        let reader = self.store.reader()?;
        let mut events = Vec::new();
        for queue in [Queue::Lambda, Queue::Callbacks] {
            for row in reader.beginning(self.name(queue), start, MAX_OF_A_CALL)? {
                events.extend(self.event(&reader, queue, &row)?);
            }
        }
        Ok(events)
    }

    fn read_depths(&self) -> Result<Vec<Depth>, Failure> {
        let (reader, now) = (self.store.reader()?, self.store.now());
        let mut tallies: BTreeMap<_, _> =
            self.queues.iter().map(|queue| (queue.clone(), Tally::default())).collect();
        tallies.extend(reader.tallies()?.into_iter().filter_map(|(owner, tally)| match owner {
            Owner::Queue(queue) => Some((queue, tally)),
            Owner::Values => None,
        }));
        let depth = |(queue, tally): (QueueName, Tally)| {
            let Tally { waiting, leased, dead, .. } = tally;
            let oldest = if waiting == 0 { None } else { reader.oldest_due(&queue, now)? };
            let oldest_s = oldest.map(|since| now.since(since).as_secs_f64()).unwrap_or_default();
            Ok(Depth { queue: queue.to_string(), waiting, leased, dead, oldest_s })
        };
        tallies.into_iter().map(depth).collect()
    }

    /// `None`: it is over by now.
    fn event(&self, reader: &Reader, queue: Queue, row: &Row) -> Result<Option<Event>, Failure> {
        let Some((row, content)) = reader.show(&row.address)? else { return Ok(None) };
        Ok(Some(match queue {
            Queue::Lambda => Event::of_lambda(&row, &content.payload, &self.keys),
            Queue::Callbacks => Event::of_callback(&row, &content.payload, &self.keys),
        }))
    }

    fn name(&self, queue: Queue) -> &QueueName {
        let [lambda, callbacks] = &self.queues;
        match queue {
            Queue::Lambda => lambda,
            Queue::Callbacks => callbacks,
        }
    }

    fn address(&self, queue: Queue, id: RowId) -> event_queue::Address {
        event_queue::Address { queue: self.name(queue).clone(), id }
    }
}

impl Act {
    pub const ALL: [Self; 3] = [Self::Redrive, Self::Cancel, Self::Purge];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redrive => "redrive",
            Self::Cancel => "cancel",
            Self::Purge => "purge",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.as_str() == word)
    }

    /// Can it be done with an event that stands so?
    fn fits(self, state: State) -> bool {
        match self {
            Self::Redrive | Self::Purge => state == State::Dead,
            Self::Cancel => matches!(state, State::Queued | State::Retrying | State::Delivering),
        }
    }
}

/// What rows of a call begin with. `None`: it is no id of ours.
fn row_id(text: &str) -> Option<RowId> {
    let (call, rest) = text.split_at_checked(Hyphenated::LENGTH)?;
    let call = Uuid::try_parse(call).ok()?;
    RowId::parse(&format!("{call}{rest}")).ok()
}

async fn blocking<T: Send + 'static>(
    look: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(look).await.unwrap_or(Err(Failure::Ended))
}

fn unread(failure: Failure) -> Error {
    Error::Uncertain(failure.into())
}

/// What runs comes first, then what waits, then the dead.
const ORDER: [Place; 6] = [
    Place { queue: Queue::Lambda, standing: Standing::Leased },
    Place { queue: Queue::Callbacks, standing: Standing::Leased },
    Place { queue: Queue::Lambda, standing: Standing::Waiting },
    Place { queue: Queue::Callbacks, standing: Standing::Waiting },
    Place { queue: Queue::Lambda, standing: Standing::Dead },
    Place { queue: Queue::Callbacks, standing: Standing::Dead },
];

/// Events of one page: the contents of all of them are read.
pub const MAX_PAGE: usize = 500;

/// Events that one act takes.
pub const MAX_STEERED: usize = 10_000;

/// Rows that one page looks at, so that a filter that hardly anything passes does not read the whole database at once.
const MAX_LOOKED_AT: usize = 2_000;

/// More rows than one call has in one queue.
const MAX_OF_A_CALL: usize = 100;

#[cfg(test)]
mod tests;
