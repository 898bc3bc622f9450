//! Where destination records wait, and what is remembered of their calls: on this machine or on AWS.

use std::{
    error::Error,
    fmt::Debug,
    future::Future,
    pin::Pin,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use event_queue::Claim;
use uuid::Uuid;

/// A queue of destination records, and the memory of those that were delivered.
pub trait Records: Debug + Send + Sync {
    /// Records whose time has come, `most` at most; waits for the first.
    fn receive(&self, most: usize) -> RecordsFuture<'_, Vec<Received>>;

    /// How far the telling of this record's call got. Lambda may run a call twice and so write two records.
    fn told<'a>(&'a self, received: &'a Received, call: Uuid) -> RecordsFuture<'a, SoFar>;

    /// Its callback was taken. From then on the call's is delivered.
    fn delivered<'a>(&'a self, received: &'a Received, promised: Promised) -> RecordsFuture<'a, ()>;

    /// Nothing is to be sent for it; `promised`: though it is a call of ours, which is over.
    fn dismiss<'a>(&'a self, received: &'a Received, promised: Option<Promised>) -> RecordsFuture<'a, ()>;

    /// Another record, of this call, takes its place: both at a time, or the new one first.
    fn replace<'a>(&'a self, received: &'a Received, call: Uuid, record: String) -> RecordsFuture<'a, ()>;

    /// It is received again after a while.
    fn later<'a>(&'a self, received: &'a Received, promised: Promised, later: Later)
    -> RecordsFuture<'a, ()>;

    /// It is not received again, unless somebody says so; where it lies it is seen.
    fn bury<'a>(
        &'a self,
        received: &'a Received,
        promised: Option<Promised>,
        reason: &'a str,
    ) -> RecordsFuture<'a, ()>;
}

/// One record in our hands.
#[derive(Clone, Debug)]
pub struct Received {
    /// The message's, for the log.
    pub id: String,
    pub body: Bytes,
    pub(crate) hold: Hold,
}

/// The right to speak for a record.
#[derive(Clone, Debug)]
pub(crate) enum Hold {
    /// On this machine.
    Row { claim: Claim, progress: Progress },
    /// On SQS: the message's receipt handle.
    #[cfg(feature = "aws")]
    Message { receipt: String },
}

/// The call that a record is about.
#[derive(Clone, Copy, Debug)]
pub struct Promised {
    pub call: Uuid,
    pub accepted: SystemTime,
}

/// What became of a call's callback until now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SoFar {
    Delivered,
    /// This very record lies among the dead already.
    Buried,
    Open(Progress),
}

/// Of a callback that nobody has taken yet.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Progress {
    /// Posts that failed so far.
    pub attempts: u32,
    /// Before that none is due.
    pub next_try: Option<SystemTime>,
    /// It was dead, and somebody had it begin anew.
    pub is_redriven: bool,
}

/// Why and for how long a record waits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Later {
    pub pause: Duration,
    /// How the post failed; `None`: there was none.
    pub failure: Option<String>,
}

impl Later {
    /// The host is spared: no attempt.
    pub fn spared(pause: Duration) -> Self {
        Self { pause, failure: None }
    }

    pub fn failed(pause: Duration, how: String) -> Self {
        Self { pause, failure: Some(how) }
    }
}

pub type RecordsFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, RecordsError>> + Send + 'a>>;

/// The records cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// Now; what was to be done with a record is done when it is received again.
    #[error("the queue of destination records does not answer")]
    Unanswered(#[source] Box<dyn Error + Send + Sync>),
    /// Any more.
    #[error("the queue of destination records has ended")]
    Ended(#[source] Box<dyn Error + Send + Sync>),
}
