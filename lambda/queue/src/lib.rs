//! A durable queue over SQLite: leases, delays, dead letters.
//!
//! ```text
//!  handles ──► inbox ──► one writer thread ──► engine ──► store (SQLite: WAL, synced at every commit)
//!     ▲                    everything that waits is         │
//!     └── answers ◄──────── one transaction ◄───────────────┘        readers ──► connections of their own
//! ```
//!
//! A database holds named queues of [rows](Row) and small [values](Value). Whoever works on a row
//! [leases](Ask) it, and says under that lease what became of it; [`transition()`](transition::transition) is all that
//! can happen to a row, without time, chance or files. A [`Batch`] is what happens together: the end of one row, the
//! beginning of another in another queue, a value that remembers both. **Whoever has an answer has it on disk.**
//!
//! What is promised: each row that was acknowledged is handed out again and again until somebody says under its lease that it
//! is done or dead, or it expires or is cancelled. What is not: the order, and that it is handed out only once.
//!
//! ```
//! use event_queue::{Ask, Batch, Content, EventQueue, Limits, NewRow, QueueName, RowId};
//! use std::time::Duration;
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("events.db");
//! let queue = EventQueue::open(&path, Limits::default())?;
//! let (events, results) = (QueueName::parse("events")?, QueueName::parse("results")?);
//!
//! let row = NewRow::new(events.clone(), RowId::parse("0190-1")?, Content::payload("{\"width\":3}"));
//! queue.submit_blocking(Batch::new().put(row))?; // It is on disk: now answer 202.
//!
//! let ask = Ask { queue: events, rows: 10, span: Duration::from_secs(30) };
//! for leased in queue.lease_blocking(ask)? {
//!     let result = NewRow::new(results.clone(), leased.row.address.id.clone(), Content::payload("9"));
//!     queue.submit_blocking(Batch::new().succeed(&leased.claim()).put(result))?; // Both, or neither.
//! }
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

pub mod batch;
pub mod engine;
pub mod error;
pub mod limits;
pub mod moment;
pub mod name;
mod queue;
pub mod row;
pub mod sqlite;
pub mod store;
pub mod transition;

pub use batch::{Answer, Batch, Claim, Leased, NewRow, Value, When};
pub use engine::Ask;
pub use error::{Error, Failure, OpenError, Refusal};
pub use limits::{Limits, Rules};
pub use moment::{Moment, Pause};
pub use name::{Address, Key, QueueName, RowId, Slot};
pub use queue::EventQueue;
pub use row::{Content, Row, Seen, Standing, State};
pub use sqlite::Reader;
