//! One event, as it is told to people and programs.

use std::time::SystemTime;

use event_queue::{Row, Seen, Standing as RowStanding};
use jiff::Timestamp;
use lambda_local::events::{Event as LambdaEvent, EventState};
use lambda_protocol::{destination::DestinationRecord, function::FunctionRef, http_event::Ticketed};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stayput_core::{callback::Ticket, token::SealingKeys};
#[cfg(feature = "aws")]
use uuid::Uuid;
use uuid::fmt::Hyphenated;

#[cfg(feature = "aws")]
use crate::ledger::{Promise, Standing};

/// An asynchronous call that is not over or is dead, or its callback.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Event {
    /// To name it by. It begins with the request id.
    pub id: String,
    /// Our id of the call, which its caller was given.
    pub request_id: String,
    pub state: State,
    /// Of the two parts of a call, the callback: its function has run.
    pub is_callback: bool,
    /// The Lambda function.
    pub function: String,
    /// Runs, or posts, that failed since it was accepted or redriven.
    pub attempts: u32,
    /// RFC 3339, as `since`. `None`: never.
    pub next_try: Option<String>,
    /// Why it is dead, or else why its last attempt failed.
    pub last_error: Option<String>,
    /// When it came into its queue, or was redriven.
    pub since: String,
    /// `None`: that is not remembered.
    pub size_bytes: Option<u64>,
    /// `None`: its caller asked for no callback, or not of this gateway.
    pub callback: Option<Promised>,
    /// The row that this was read from; `None` where it came over the wire.
    #[serde(skip)]
    pub(super) seen: Option<Seen>,
}

/// The callback that a call's caller waits for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Promised {
    pub dialect: String,
    /// As its caller named it.
    pub function: String,
    /// A name or an address.
    pub host: String,
    /// Scheme, host and a hash of the URL.
    pub url: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It was not tried yet.
    Queued,
    Running,
    /// It failed or found no place, and waits for its next attempt.
    Retrying,
    /// Its function has run, and its caller is to be told.
    Delivering,
    Dead,
    /// In front of AWS: Lambda has it. Whether it waits or runs there is not visible.
    Accepted,
    /// In front of AWS, where it is remembered: it is over, and its caller was told.
    Delivered,
    /// The same, and there was nothing to tell.
    Untold,
}

impl State {
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Running,
        Self::Retrying,
        Self::Delivering,
        Self::Dead,
        Self::Accepted,
        Self::Delivered,
        Self::Untold,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Delivering => "delivering",
            Self::Dead => "dead",
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Untold => "untold",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl From<EventState> for State {
    fn from(state: EventState) -> Self {
        match state {
            EventState::Queued => Self::Queued,
            EventState::Running => Self::Running,
            EventState::Retrying => Self::Retrying,
            EventState::Dead => Self::Dead,
        }
    }
}

impl Event {
    /// A row of Lambda's events; `payload` is the event.
    pub(super) fn of_lambda(row: &Row, payload: &[u8], keys: &SealingKeys) -> Self {
        let LambdaEvent { function, state, .. } = LambdaEvent::from(row);
        let event = Self::of_row(row, state.into(), function);
        let payload = serde_json::from_slice::<&RawValue>(payload).ok();
        Self { callback: payload.and_then(|payload| event.promised(payload, keys)), ..event }
    }

    /// A row of the deliverer's; `record` is what Lambda wrote into it.
    pub(super) fn of_callback(row: &Row, record: &[u8], keys: &SealingKeys) -> Self {
        let state = match row.standing() {
            RowStanding::Waiting | RowStanding::Leased => State::Delivering,
            RowStanding::Dead => State::Dead,
        };
        let record = DestinationRecord::decode(record).ok();
        let function = record.as_ref().and_then(|record| FunctionRef::parse(&record.function_arn).ok());
        let function = function.map(|function| function.name).unwrap_or_default();
        let event = Self { is_callback: true, ..Self::of_row(row, state, function) };
        let callback = record.and_then(|record| event.promised(record.request_payload, keys));
        Self { callback, ..event }
    }

    /// What the ledger remembers.
    #[cfg(feature = "aws")]
    pub(super) fn of_promise(call: Uuid, promise: &Promise, keys: &SealingKeys) -> Self {
        let ticket = Ticket::open(&promise.ticket, keys, SystemTime::UNIX_EPOCH).ok();
        Self {
            id: call.to_string(),
            request_id: call.to_string(),
            state: match promise.standing {
                Standing::Accepted | Standing::Invoked => State::Accepted,
                Standing::Delivering => State::Delivering,
                Standing::Delivered => State::Delivered,
                Standing::Dead => State::Dead,
                Standing::Untold => State::Untold,
            },
            is_callback: true,
            function: ticket.as_ref().map(|ticket| ticket.lambda.name.clone()).unwrap_or_default(),
            attempts: promise.attempts,
            next_try: promise.next_try.map(rfc3339),
            last_error: promise.failures.last().map(|failed| failed.how.clone()),
            since: rfc3339(promise.accepted),
            size_bytes: None,
            seen: None,
            callback: ticket.map(Promised::from),
        }
    }

    /// A dead letter of which the ledger knows nothing.
    #[cfg(feature = "aws")]
    pub(super) fn of_stranger(id: &str, function: Option<String>, size_bytes: usize) -> Self {
        Self {
            id: id.to_owned(),
            request_id: String::new(),
            state: State::Dead,
            is_callback: true,
            function: function.unwrap_or_default(),
            attempts: 0,
            next_try: None,
            last_error: None,
            since: String::new(),
            size_bytes: Some(size_bytes as u64),
            seen: None,
            callback: None,
        }
    }

    fn of_row(row: &Row, state: State, function: String) -> Self {
        let LambdaEvent { id, attempts, next_try, last_error, enqueued, size_bytes, .. } =
            LambdaEvent::from(row);
        Self {
            request_id: id.get(..Hyphenated::LENGTH).unwrap_or(&id).to_owned(),
            id,
            state,
            is_callback: false,
            function,
            attempts,
            next_try: next_try.map(rfc3339),
            last_error,
            since: rfc3339(enqueued),
            size_bytes: Some(size_bytes),
            callback: None,
            seen: Some(row.seen()),
        }
    }

    /// Only from a ticket of this call's: whoever may invoke the function can put another's into an event.
    fn promised(&self, event: &RawValue, keys: &SealingKeys) -> Option<Promised> {
        let ticketed = Ticketed::find(event)?;
        // Where it goes is told of one that has expired, too.
        let ticket = Ticket::open(&ticketed.ticket, keys, SystemTime::UNIX_EPOCH).ok()?;
        (ticket.invocation.to_string() == self.request_id).then(|| ticket.into())
    }
}

impl From<Ticket> for Promised {
    fn from(ticket: Ticket) -> Self {
        Self {
            host: ticket.callback.host(),
            url: ticket.callback.to_string(),
            dialect: ticket.dialect,
            function: ticket.function.as_str().to_owned(),
        }
    }
}

/// In UTC, to the millisecond. A moment that no calendar of ours has is told as the first.
pub(crate) fn rfc3339(moment: SystemTime) -> String {
    format!("{:.3}", Timestamp::try_from(moment).unwrap_or(Timestamp::UNIX_EPOCH))
}
