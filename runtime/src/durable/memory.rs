//! What the journal has told of an execution, and how much of what it was told it has answered.

use std::collections::HashMap;

use lambda_durable::Told;

/// What the journal has told.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    operations: HashMap<String, Told>,
    /// How often it has been told something, and how much of that it has answered.
    sent: u64,
    answered: u64,
}

/// Tells when what was said has been answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket(u64);

impl Memory {
    pub(crate) fn get(&self, operation: &str) -> Option<&Told> {
        self.operations.get(operation)
    }

    /// The operation, once it is over.
    pub(crate) fn over(&self, operation: &str) -> Option<&Told> {
        self.get(operation).filter(|told| told.is_over())
    }

    pub(crate) fn has_answered(&self, ticket: Ticket) -> bool {
        self.answered >= ticket.0
    }

    /// Newer news replace older.
    pub(crate) fn learn(&mut self, told: Vec<Told>) {
        self.operations.extend(told.into_iter().map(|told| (told.id.clone(), told)));
    }

    /// Tells when all has been answered that was told so far, and `unsent` more.
    pub(crate) fn ticket(&self, unsent: usize) -> Ticket {
        Ticket(self.sent.saturating_add(u64::try_from(unsent).unwrap_or(u64::MAX)))
    }

    pub(crate) fn note_sent(&mut self) {
        self.sent += 1;
    }

    /// Whatever was sent has been answered: one checkpoint is under way at a time.
    pub(crate) fn note_answered(&mut self) {
        self.answered = self.sent;
    }
}
