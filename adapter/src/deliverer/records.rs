//! Where destination records wait, and what is remembered of their calls: on this machine or on AWS.

use std::{error::Error, fmt::Debug, future::Future, pin::Pin, time::Duration};

use bytes::Bytes;
use event_queue::Claim;
use uuid::Uuid;

/// A queue of destination records, and the memory of those that were delivered.
pub trait Records: Debug + Send + Sync {
    /// Records whose time has come, `most` at most; waits for the first.
    fn receive(&self, most: usize) -> RecordsFuture<'_, Vec<Received>>;

    /// Was the end of this call told already? Lambda may run a call twice and so write two records.
    fn is_delivered(&self, call: Uuid) -> RecordsFuture<'_, bool>;

    /// Its callback was taken. From then on the call's is delivered.
    fn delivered<'a>(&'a self, received: &'a Received, call: Uuid) -> RecordsFuture<'a, ()>;

    /// Nothing is to be sent for it.
    fn dismiss<'a>(&'a self, received: &'a Received) -> RecordsFuture<'a, ()>;

    /// It is received again after a while.
    fn later<'a>(&'a self, received: &'a Received, later: Later) -> RecordsFuture<'a, ()>;

    /// It is not received again, unless somebody says so; where it lies it is seen.
    fn bury<'a>(
        &'a self,
        received: &'a Received,
        call: Option<Uuid>,
        reason: &'a str,
    ) -> RecordsFuture<'a, ()>;
}

/// One record in our hands.
#[derive(Clone, Debug)]
pub struct Received {
    /// The message's, for the log.
    pub id: String,
    pub body: Bytes,
    /// Posts that failed so far.
    pub attempts: u32,
    /// It was dead, and somebody had it begin anew.
    pub is_redriven: bool,
    pub(super) claim: Claim,
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

/// The records cannot be read or written any more.
#[derive(Debug, thiserror::Error)]
#[error("the queue of destination records does not answer")]
pub struct RecordsError(#[source] pub Box<dyn Error + Send + Sync>);
