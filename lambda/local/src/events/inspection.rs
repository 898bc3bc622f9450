//! Looking at events, and taking them in hand: what the command line and the admin listener show.

use std::{fmt, time::SystemTime};

use bytes::Bytes;
use event_queue::{
    Address, Batch, Error, EventQueue, Failure, Moment, Pause, Refusal, Row, RowId, Seen, Standing, State,
    limits::{MAX_BATCH_OPERATIONS, MAX_PAGE_ROWS},
    sqlite::Cursor,
    transition::Misfit,
};

use super::envelope::{self, Envelope};

/// The events of one database.
#[derive(Clone, Debug)]
pub struct EventLog {
    queue: EventQueue,
}

/// One event that is not over, or that is dead.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// To name it by. It begins with the request id, and nearly always is that.
    pub id: String,
    pub function: String,
    pub state: EventState,
    /// Runs that failed since it was accepted or redriven.
    pub attempts: u32,
    /// When it is tried next, or until when its present run is known to go on. `None`: never.
    pub next_try: Option<SystemTime>,
    /// Why it is dead, or else why its last run failed.
    pub last_error: Option<String>,
    /// Or redriven.
    pub enqueued: SystemTime,
    /// Of payload and attributes, and what the database needs beside them.
    pub size_bytes: u64,
    /// What this was read from.
    pub seen: Seen,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EventState {
    /// It was not tried yet.
    Queued,
    Running,
    /// It failed or found no place, and waits for its next attempt.
    Retrying,
    Dead,
}

/// Which events are meant. What is `None` does not matter.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Filter {
    pub function: Option<String>,
    pub state: Option<EventState>,
    /// Enqueued then or later.
    pub since: Option<SystemTime>,
    /// Enqueued before.
    pub until: Option<SystemTime>,
}

/// Some of the events.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed {
    /// Running ones first, then those that wait by their next try, then the dead by their time of death.
    pub events: Vec<Event>,
    /// `None`: that was all. A page may be short, or empty, and not be the last.
    pub next: Option<PageToken>,
}

/// Why events were not taken in hand.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("the events cannot be read")]
    Read(#[from] Failure),
    #[error(transparent)]
    Write(#[from] Error),
}

/// Where a page ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PageToken {
    /// A place in [`ORDER`].
    standing: usize,
    cursor: Cursor,
}

impl PageToken {
    /// Reads what `Display` writes. `None`: it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let (standing, cursor) = text.split_once('-')?;
        let standing = standing.parse().ok().filter(|at| *at < ORDER.len())?;
        Some(Self { standing, cursor: Cursor::parse(cursor)? })
    }
}

impl fmt::Display for PageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.standing, self.cursor)
    }
}

impl EventLog {
    pub fn new(queue: EventQueue) -> Self {
        Self { queue }
    }

    /// The queue in which events wait, for those who read the database themselves. Each of its rows is an [`Event`].
    pub fn queue_name() -> event_queue::QueueName {
        envelope::queue_name()
    }

    /// At most `limit`, from where the last page ended.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn list(&self, filter: Filter, from: PageToken, limit: usize) -> Result<Listed, Failure> {
        let queue = self.queue.clone();
        blocking(move || list(&queue, &filter, from, limit.clamp(1, MAX_PAGE_ROWS))).await
    }

    /// `None`: it is over, or never was.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn show(&self, id: RowId) -> Result<Option<(Event, Bytes)>, Failure> {
        let (queue, address) = (self.queue.clone(), address(id));
        let found = blocking(move || queue.reader()?.show(&address)).await?;
        Ok(found.map(|(row, content)| (Event::from(&row), content.payload)))
    }

    /// Takes an event back that does not run at the moment.
    ///
    /// # Errors
    /// [`Refusal::NoSuchRow`]: it is over or never was. [`Refusal::Misfit`]: it runs.
    pub async fn cancel(&self, id: RowId) -> Result<(), Error> {
        self.queue.submit(Batch::new().cancel(address(id))).await.map(drop)
    }

    /// Begins a dead event anew under its request id: as young as a new one, and with as many attempts.
    ///
    /// # Errors
    /// [`Refusal::NoSuchRow`]: it is not there. [`Refusal::Misfit`]: it is not dead.
    pub async fn redrive(&self, id: RowId) -> Result<(), LogError> {
        let (queue, address) = (self.queue.clone(), address(id));
        let look = address.clone();
        let found = blocking(move || queue.reader()?.show(&look)).await?;
        let refused = |refusal| LogError::Write(Error::Refused(refusal));
        let Some((row, content)) = found else { return Err(refused(Refusal::NoSuchRow(address))) };
        if row.standing() != Standing::Dead {
            return Err(refused(Refusal::Misfit { address, cause: Misfit::NotDead }));
        }
        let seen = row.seen();
        let batch = match Envelope::read(&content) {
            // A row's age cannot be changed, and an old event would be given up at once.
            Ok(envelope) => {
                let redriven = envelope.redriven.saturating_add(1);
                let envelope = Envelope { redriven, ..envelope };
                let row = envelope.row(envelope::function_of(&row), address.id.clone(), content.payload);
                Batch::new().cancel_seen(address, seen).put(row)
            }
            Err(_) => Batch::new().redrive(address, Pause::NONE, None),
        };
        self.queue.submit(batch).await?;
        Ok(())
    }

    /// Removes the dead ones among those that are meant, for good; how many there were. One that is redriven in the same
    /// moment stays.
    ///
    /// # Errors
    /// The database cannot be read or written. What was removed until then stays so.
    pub async fn purge(&self, filter: Filter) -> Result<usize, LogError> {
        let filter = Filter { state: Some(EventState::Dead), ..filter };
        let (mut from, mut purged) = (PageToken::default(), 0);
        loop {
            let page = self.list(filter.clone(), from, MAX_BATCH_OPERATIONS).await?;
            purged += self.remove(&page.events).await?;
            let Some(next) = page.next else { return Ok(purged) };
            from = next;
        }
    }

    /// At once, or one by one if somebody else was faster with some of them.
    async fn remove(&self, events: &[Event]) -> Result<usize, Error> {
        let id = |event: &Event| RowId::parse(&event.id).expect("it came out of the database");
        let without = |batch: Batch, event: &Event| batch.cancel_seen(address(id(event)), event.seen);
        let batch = events.iter().fold(Batch::new(), without);
        match self.queue.submit(batch).await {
            Ok(answers) => return Ok(answers.len()),
            Err(Error::Refused(_)) => {}
            Err(error) => return Err(error),
        }
        let mut removed = 0;
        for event in events {
            match self.queue.submit(without(Batch::new(), event)).await {
                Ok(_) => removed += 1,
                Err(Error::Refused(Refusal::NoSuchRow(_) | Refusal::Misfit { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(removed)
    }
}

impl EventState {
    pub const ALL: [Self; 4] = [Self::Queued, Self::Running, Self::Retrying, Self::Dead];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Dead => "dead",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    fn standing(self) -> Standing {
        match self {
            Self::Queued | Self::Retrying => Standing::Waiting,
            Self::Running => Standing::Leased,
            Self::Dead => Standing::Dead,
        }
    }
}

impl From<&Row> for Event {
    fn from(row: &Row) -> Self {
        let state = match row.standing() {
            Standing::Leased => EventState::Running,
            Standing::Dead => EventState::Dead,
            Standing::Waiting if row.attempts == 0 && row.releases == 0 => EventState::Queued,
            Standing::Waiting => EventState::Retrying,
        };
        let last = || row.history.iter().last().map(|failed| failed.reason.as_str().to_owned());
        let (next_try, last_error) = match &row.state {
            State::Dead { reason, .. } => (None, Some(reason.as_str().to_owned())),
            State::Waiting { .. } | State::Leased { .. } => (Some(row.due().into()), last()),
        };
        Self {
            id: row.address.id.as_str().to_owned(),
            function: envelope::function_of(row).to_owned(),
            state,
            attempts: row.attempts,
            next_try,
            last_error,
            enqueued: row.created.into(),
            size_bytes: row.size_bytes,
            seen: row.seen(),
        }
    }
}

impl Filter {
    fn takes(&self, row: &Row, event: &Event) -> bool {
        self.function.as_ref().is_none_or(|function| *function == event.function)
            && self.state.is_none_or(|state| state == event.state)
            && self.since.is_none_or(|since| Moment::from(since) <= row.created)
            && self.until.is_none_or(|until| row.created < Moment::from(until))
    }
}

fn list(queue: &EventQueue, filter: &Filter, mut from: PageToken, limit: usize) -> Result<Listed, Failure> {
    let reader = queue.reader()?;
    let mut events = Vec::new();
    let mut looked_at = 0;
    while let Some(&standing) = ORDER.get(from.standing) {
        if filter.state.is_some_and(|state| state.standing() != standing) {
            from = PageToken { standing: from.standing + 1, ..PageToken::default() };
            continue;
        }
        if events.len() == limit || looked_at >= MAX_LOOKED_AT {
            return Ok(Listed { events, next: Some(from) });
        }
        let page = reader.list(&envelope::queue_name(), standing, from.cursor, limit - events.len())?;
        looked_at += page.rows.len();
        let found = page.rows.iter().map(|row| (row, Event::from(row)));
        events.extend(found.filter(|(row, event)| filter.takes(row, event)).map(|(_, event)| event));
        from = match page.next {
            Some(cursor) => PageToken { cursor, ..from },
            None => PageToken { standing: from.standing + 1, ..PageToken::default() },
        };
    }
    Ok(Listed { events, next: None })
}

async fn blocking<T: Send + 'static>(
    look: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(look).await.unwrap_or(Err(Failure::Ended))
}

fn address(id: RowId) -> Address {
    Address { queue: envelope::queue_name(), id }
}

const ORDER: [Standing; 3] = [Standing::Leased, Standing::Waiting, Standing::Dead];

/// Rows that one page looks at, so that a filter that hardly anything passes does not read the whole database at once.
const MAX_LOOKED_AT: usize = 10_000;
