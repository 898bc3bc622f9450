//! Every bound of the queue, and the rules that a user may set.

use std::{collections::BTreeMap, time::Duration};

use crate::{moment::Pause, name::QueueName, transition::Expired};

/// What one database may hold, and how its queues behave.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    pub total: Total,
    /// The rules of queues that are not named in `queues`.
    pub default: Rules,
    pub queues: BTreeMap<QueueName, Rules>,
}

/// All queues and values together, in the measure of [`Row::size_bytes`](crate::Row::size_bytes).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Total {
    pub limit_bytes: u64,
    /// The size of a file that is kept beside the database. On a full disk it makes room for the ends of what has begun.
    pub reserve_bytes: usize,
}

/// One queue's rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Rows in any state.
    pub limit_rows: u64,
    /// Bytes in any state, in the measure of [`Row::size_bytes`](crate::Row::size_bytes).
    pub limit_bytes: u64,
    /// Whether a lease that ended without a word was an attempt.
    pub abandoned_counts: bool,
    /// When a row comes back whose worker died.
    pub abandoned_pause: Pause,
    /// What becomes of a row that waited too long.
    pub expired: Expired,
    /// How long a dead row is kept before it is removed for good.
    pub keep_dead: Duration,
}

impl Limits {
    pub fn of(&self, queue: &QueueName) -> &Rules {
        self.queues.get(queue).unwrap_or(&self.default)
    }
}

impl Default for Total {
    fn default() -> Self {
        Self { limit_bytes: 4 << 30, reserve_bytes: 16 << 20 }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            limit_rows: 2_000_000,
            limit_bytes: 2 << 30,
            abandoned_counts: true,
            abandoned_pause: Pause { at_least: Duration::ZERO, spread: Duration::from_secs(1) },
            expired: Expired::Dead,
            keep_dead: Duration::from_secs(14 * 24 * 60 * 60),
        }
    }
}

/// Attributes and payload of one row: an event and the result beside it, each of Lambda's asynchronous limit of 1 MiB
/// or synchronous answer of 6 MiB, and the record around them.
pub const MAX_CONTENT_BYTES: usize = 8 << 20;

/// One value.
pub const MAX_VALUE_BYTES: usize = 64 << 10;

/// The operations of one batch.
pub const MAX_BATCH_OPERATIONS: usize = 1_000;

/// The content and values of one batch.
pub const MAX_BATCH_BYTES: usize = 32 << 20;

/// The rows of one lease request.
pub const MAX_LEASE_ROWS: usize = 1_000;

/// The content of one lease request's answer; one row is handed out whatever its size.
pub const MAX_LEASE_BYTES: usize = 16 << 20;

/// The content that one commit hands out to all who lease.
pub const MAX_GROUP_LEASE_BYTES: usize = 64 << 20;

/// The rows of one page of a list.
pub const MAX_PAGE_ROWS: usize = 1_000;

/// The queues that hold rows at one time.
pub const MAX_QUEUES: usize = 1_024;

/// Requests that wait for the writer. One more is refused.
pub const MAX_INBOX_REQUESTS: usize = 4_096;

/// Bytes of content that wait for the writer. What would be more is refused, unless nothing else waits.
pub const MAX_INBOX_BYTES: usize = 64 << 20;

/// Requests that one commit takes in.
pub const MAX_GROUP_REQUESTS: usize = 512;

/// Rows and values that one round of chores looks at, so that callers do not wait long for it.
pub const CHORE_ROWS: usize = 256;

/// The shortest time between two rounds of chores, so that leases that end one by one do not cost a commit each.
pub const CHORE_PAUSE: Duration = Duration::from_millis(100);

/// Keys that one lease request looks at before it takes the rest in order of their due time.
pub const MAX_KEY_PROBES: usize = 2_000;

/// How long new work is refused after the disk was full, before it is tried again.
pub const FULL_DISK_PAUSE: Duration = Duration::from_secs(1);
