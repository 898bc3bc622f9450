//! The journal of an execution: where its updates go, and where its state comes from.

use std::cell::RefCell;

use lambda_durable::{Notation, OperationUpdate, Told};
use serde::Deserialize;
use serde_json::Value;

/// Lambda's two calls for durable functions, however they are made.
pub(crate) trait Journal {
    /// `CheckpointDurableExecution`: all of `updates` is taken, or nothing.
    async fn checkpoint(&self, call: &Checkpoint<'_>) -> Result<Answer, JournalError>;

    /// `GetDurableExecutionState`: the operations behind `marker`.
    async fn state(&self, arn: &str, token: &str, marker: &str) -> Result<State, JournalError>;
}

pub(crate) struct Checkpoint<'a> {
    pub(crate) arn: &'a str,
    pub(crate) token: &'a str,
    pub(crate) updates: &'a [OperationUpdate],
}

/// Source: service model, `CheckpointDurableExecutionResponse`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Answer {
    /// For the next checkpoint. `None`: the execution is paused, and this invocation can write no more.
    pub(crate) checkpoint_token: Option<String>,
    pub(crate) new_execution_state: State,
}

/// A page of operations.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct State {
    pub(crate) operations: Vec<Value>,
    /// Empty or nothing: there are no more.
    pub(crate) next_marker: Option<String>,
}

/// Why the journal did not do what it was asked for. The invocation fails with it, under this type's name; what becomes of the execution is the
/// service's to say.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    #[error("Lambda has refused a call of the journal with {status} {error_type}: {message}")]
    Refused { status: u16, error_type: String, message: String },
    #[error("Lambda's journal could not be reached: {0}")]
    Unreachable(String),
    #[error("what Lambda's journal has answered is not understood: {0}")]
    Answer(String),
}

/// The one pen of an invocation: a checkpoint's answer holds the token of the next, so one is written after the other.
pub(crate) struct Writer<'a, J> {
    journal: &'a J,
    arn: &'a str,
    token: RefCell<String>,
}

/// What follows from a checkpoint.
#[derive(Debug, PartialEq)]
pub(crate) enum Written {
    News(Vec<Told>),
    /// Nothing can be written any more.
    Paused,
}

impl<'a, J: Journal> Writer<'a, J> {
    pub(crate) fn new(journal: &'a J, arn: &'a str, token: String) -> Self {
        Self { journal, arn, token: token.into() }
    }

    /// # Errors
    /// It was refused or did not come through.
    pub(crate) async fn write(&self, updates: Vec<OperationUpdate>) -> Result<Written, JournalError> {
        let token = self.token.borrow().clone();
        let call = Checkpoint { arn: self.arn, token: &token, updates: &updates };
        let answer = self.journal.checkpoint(&call).await?;
        let Some(token) = answer.checkpoint_token else { return Ok(Written::Paused) };
        self.token.replace(token);
        self.read(answer.new_execution_state, Notation::Seconds).await.map(Written::News)
    }

    /// All operations of which `first` is the first page.
    ///
    /// # Errors
    /// One of them is none, or the others could not be had.
    pub(crate) async fn read(&self, first: State, notation: Notation) -> Result<Vec<Told>, JournalError> {
        let mut told = Vec::new();
        let (mut page, mut notation) = (first, notation);
        loop {
            for operation in &page.operations {
                let operation = Told::read(operation, notation);
                told.push(operation.map_err(|error| JournalError::Answer(error.to_string()))?);
            }
            let Some(marker) = page.next_marker.filter(|marker| !marker.is_empty()) else { return Ok(told) };
            let token = self.token.borrow().clone();
            page = self.journal.state(self.arn, &token, &marker).await?;
            // Events write milliseconds, answers seconds.
            notation = Notation::Seconds;
        }
    }
}
