//! Invocations of the function: what it is told, and what its end means.

use serde_json::{Value, json};

use super::{Effects, Execution, Outcome, Running};
use crate::{
    error::{ErrorObject, Refusal},
    history::{What, wrapped},
    limits::{FAILURE_PAUSE_MS, FAILURES_IN_A_ROW, IDLE_IN_A_ROW, PAGE_BYTES, PAGE_ITEMS},
    operation::{Kind, Operation},
    output::Output,
    time::{Moment, Notation},
};

/// An invocation that has begun.
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    /// The function's event.
    pub event: Value,
}

/// How an invocation has ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum InvocationEnd {
    /// With an answer, whatever it says.
    Answered(Vec<u8>),
    /// It threw, timed out or crashed.
    Failed(ErrorObject),
    /// There is no such function any more.
    FunctionGone(ErrorObject),
    /// It was cut off, by nobody's fault: the host went down with it.
    Lost,
    /// There was no place for it. It may be asked for again then.
    NotRun { again: Moment },
}

/// Part of the operations.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    pub operations: Vec<Value>,
    /// Empty: there are no more.
    pub next_marker: String,
}

impl Execution {
    /// The function is invoked, as [`due`](Self::due) says. From now on it is the only one that may write.
    pub fn begin_invocation(&mut self, request_id: &str, now: Moment) -> Begun {
        self.invocations += 1;
        (self.wanted, self.last) = (None, None);
        self.running = Some(Running { request_id: request_id.to_owned(), began: now, sequence: 0 });
        let page = self.page(None, usize::MAX, Notation::Milliseconds);
        self.seen = self.changes;
        let event = json!({
            "DurableExecutionArn": self.arn,
            "CheckpointToken": self.token(),
            "UpdatedOperationIds": std::mem::take(&mut self.updated),
            "InitialExecutionState": {"Operations": page.operations, "NextMarker": page.next_marker},
        });
        Begun { event }
    }

    /// The operations behind `marker`, for the invocation that has `token`: `items` of them, which whoever asks has bounded.
    ///
    /// # Errors
    /// The token is not of a running invocation, or the marker is none of ours.
    pub fn state(&self, token: &str, marker: &str, items: Option<usize>) -> Result<Page, Refusal> {
        if self.running.is_none() || token != self.token() {
            return Err(Refusal::Token);
        }
        let from = match marker {
            "" => None,
            place => Some(place.parse().map_err(|_| Refusal::invalid("Invalid marker"))?),
        };
        let items = items.filter(|items| *items > 0).unwrap_or(PAGE_ITEMS);
        Ok(self.page(from, items, Notation::Seconds))
    }

    /// The invocation is over.
    pub fn end_invocation(&mut self, end: InvocationEnd, now: Moment) -> Effects {
        let mut effects = Effects::default();
        let Some(running) = self.running.take() else { return effects };
        self.last = None;
        let again = match end {
            InvocationEnd::Lost => Some(now),
            InvocationEnd::NotRun { again } => Some(again),
            InvocationEnd::Answered(_) | InvocationEnd::Failed(_) | InvocationEnd::FunctionGone(_) => None,
        };
        if again.is_some() {
            // As if it had not been: nobody knows what it did besides its checkpoints.
            match self.recorded.take() {
                Some(recorded) => self.finish(&mut effects, recorded, now),
                None => self.wanted = again.filter(|_| self.end.is_none()),
            }
            return effects;
        }
        let died = match &end {
            InvocationEnd::Failed(error) | InvocationEnd::FunctionGone(error) => Some(error.clone()),
            InvocationEnd::Answered(_) | InvocationEnd::Lost | InvocationEnd::NotRun { .. } => None,
        };
        let mut details = wrapped(None, died.as_ref());
        details["StartTimestamp"] = running.began.write(Notation::Seconds);
        details["EndTimestamp"] = now.write(Notation::Seconds);
        details["RequestId"] = running.request_id.into();
        self.tell(&mut effects, now, What::InvocationCompleted, None, details);
        if self.end.is_some() {
            // It was stopped, or its time was over: nobody asks what it says.
            return effects;
        }
        if let Some(recorded) = self.recorded.take() {
            // Its last checkpoint has said it, as an answer too large to be one does.
            self.finish(&mut effects, recorded, now);
            return effects;
        }
        match end {
            InvocationEnd::FunctionGone(error) => self.finish(&mut effects, Outcome::Failed(error), now),
            InvocationEnd::Failed(error) => {
                self.failures += 1;
                if self.failures >= FAILURES_IN_A_ROW {
                    self.finish(&mut effects, Outcome::Failed(error), now);
                } else {
                    self.wanted = Some(now.plus_ms(FAILURE_PAUSE_MS));
                }
            }
            InvocationEnd::Answered(answer) => {
                self.failures = 0;
                match Output::read(&answer) {
                    Ok(Output::Succeeded(result)) => {
                        self.finish(&mut effects, Outcome::Succeeded(result), now);
                    }
                    Ok(Output::Failed(error)) | Err(error) => {
                        self.finish(&mut effects, Outcome::Failed(error), now);
                    }
                    Ok(Output::Pending) => self.waits(&mut effects, now),
                }
            }
            InvocationEnd::Lost | InvocationEnd::NotRun { .. } => {}
        }
        effects
    }

    /// The function has said that it waits. For what?
    fn waits(&mut self, effects: &mut Effects, now: Moment) {
        if self.changes > self.seen || self.operations.iter().any(Operation::is_pending) {
            self.idle = 0;
            return;
        }
        self.idle += 1;
        if self.idle < IDLE_IN_A_ROW {
            self.wanted = Some(now);
            return;
        }
        let text = "Cannot return PENDING status with no pending operations.";
        let error = ErrorObject::new("InvalidParameterValueException", text);
        self.finish(effects, Outcome::Failed(error), now);
    }

    /// The operations from a place on, or from the execution's own; as many as fit, but one at least.
    fn page(&self, from: Option<usize>, items: usize, notation: Notation) -> Page {
        let mut left = PAGE_BYTES;
        let mut operations = Vec::new();
        if from.is_none() {
            operations.push(self.own_operation(notation));
        }
        for at in from.unwrap_or_default()..self.operations.len() {
            if self.is_folded(&self.operations[at]) {
                continue;
            }
            let told = self.operations[at].to_json(notation);
            let size = told.to_string().len();
            if operations.len() >= items || (size > left && !operations.is_empty()) {
                return Page { operations, next_marker: at.to_string() };
            }
            left = left.saturating_sub(size);
            operations.push(told);
        }
        Page { operations, next_marker: String::new() }
    }

    /// It lies in a context that is closed, whose result is all that the function needs of it.
    fn is_folded(&self, operation: &Operation) -> bool {
        let mut parent = operation.parent.as_deref();
        while let Some(id) = parent {
            let Some(context) = self.places.get(id).map(|at| &self.operations[*at]) else { return false };
            if let Kind::Context { replay_children: false, .. } = context.kind
                && context.status.is_over()
            {
                return true;
            }
            parent = context.parent.as_deref();
        }
        false
    }

    /// That of the invocation that runs, for its next checkpoint.
    pub(super) fn token(&self) -> String {
        let sequence = self.running.as_ref().map_or(0, |running| running.sequence);
        let text = format!("{}.{}.{sequence}", self.id, self.invocations);
        base64_simd::STANDARD.encode_to_string(text)
    }
}
