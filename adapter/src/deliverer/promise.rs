//! What a destination record promises: the ticket in it, opened, and the callback that is due.

use std::time::SystemTime;

use lambda_protocol::destination::{DestinationError, DestinationRecord};
use stayput_core::{
    DIALECTS,
    callback::{Callback, Counterfeit, Ended, Ending, Ticket, When, render},
    token::SealingKeys,
};

/// A promise of ours.
#[derive(Clone, Debug)]
pub struct Promise {
    pub ticket: Ticket,
    /// `None`: none is due for such an end.
    pub callback: Option<Callback>,
}

/// Why nothing is sent for a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Undeliverable {
    /// An event without a ticket: somebody else's call.
    #[error("the event has no ticket")]
    NotOurs,
    #[error("the message is no destination record: {0}")]
    Record(#[from] DestinationError),
    #[error(transparent)]
    Counterfeit(#[from] Counterfeit),
    #[error("the ticket is of a dialect that this gateway does not speak")]
    Dialect,
}

/// Reads one record.
///
/// # Errors
/// Nothing is to be sent for it.
pub fn read(
    record: &[u8],
    keys: &SealingKeys,
    when: When,
    now: SystemTime,
) -> Result<Promise, Undeliverable> {
    let record = DestinationRecord::decode(record)?;
    let ticket = Ticket::of_record(&record, keys, now)?.ok_or(Undeliverable::NotOurs)?;
    let dialect = DIALECTS.iter().find(|dialect| dialect.name() == ticket.dialect);
    let dialect = dialect.ok_or(Undeliverable::Dialect)?;
    let (ended, body) = Ended::decode(&record);
    let elapsed = record.timestamp.duration_since(ticket.created).unwrap_or_default();
    let callback = render(*dialect, &Ending { ticket: &ticket, ended: &ended, elapsed, when }, body);
    Ok(Promise { ticket, callback })
}
