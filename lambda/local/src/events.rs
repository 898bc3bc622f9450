//! Asynchronous calls: accepted at once, run later, tried again, and their end told to whoever is to know.
//!
//! ```text
//! Event ─► inbox ─► lambda.events (event-queue) ─► worker ─► run ─► decision ─┬─► the row again, later
//!          202 once durable                                                  └─► settlement: destination, dead letters
//! ```
//!
//! What can become of an event is decided in `decision`, without time or files. An event's end and everything that follows from
//! it is one batch: a crash before it runs the function again, a crash after it repeats nothing.

pub(crate) mod config;
mod decision;
pub(crate) mod envelope;
mod hold;
pub(crate) mod inbox;
mod inspection;
pub(crate) mod lineage;
mod settlement;
mod sqs;
pub(crate) mod targets;
pub(crate) mod worker;

pub use inspection::{Event, EventLog, EventState, Filter, Listed, LogError, PageToken};
pub use sqs::{Attribute, Depth, Message, MessageAttributes, SqsQueue, queue_name_of};
