//! One durable execution: everything that may happen to it.
//!
//! ```text
//! start ─► due? ─► begin_invocation ─► checkpoint … ─► end_invocation ─► due? ─► …
//!             └─► tick (timers)      child_ended, callback (from outside, at any time)      stop, pause, resume
//! ```
//!
//! Whether the function is to be invoked is decided by what it knows: when something has changed that no answer has told it. Never
//! by events, which come twice, or while it runs.

mod callbacks;
mod checkpoint;
mod invocations;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::{
    callbacks::CallbackEnd,
    checkpoint::{Answer, Host, Resolved, Target},
    invocations::{Begun, InvocationEnd, Page},
};
use crate::{
    error::{ErrorObject, Refusal},
    history::{Event, Subject, What, ending, wrapped},
    limits::CHAINED_PAYLOAD_BYTES,
    operation::{Kind, Operation, Status},
    time::{Moment, Notation},
};

/// An execution, with all that it takes to go on with it. [`Serialize`] is for the host's disk; the operations and the history lie
/// beside it there, as [`Effects`] names them, and so does the input, which never changes: one that sleeps costs a few rows and no
/// memory.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Execution {
    /// Its own id, unique: part of its ARN and of every token.
    pub id: String,
    pub arn: String,
    /// JSON text.
    #[serde(skip)]
    pub input: String,
    pub started: Moment,
    /// When it is given up.
    pub deadline: Moment,
    /// `None`: it goes on.
    pub end: Option<End>,
    is_paused: bool,
    /// In the order in which they were started.
    #[serde(skip)]
    operations: Vec<Operation>,
    #[serde(skip)]
    places: HashMap<String, usize>,
    /// Changes of operations so far.
    changes: u64,
    /// The changes that the function knows of.
    seen: u64,
    /// Operations that have changed outside of an invocation since the last one ended.
    updated: Vec<String>,
    running: Option<Running>,
    invocations: u64,
    /// Invocations in a row without a word.
    failures: u32,
    /// Invocations in a row that waited for nothing.
    idle: u32,
    /// Whether it is to be invoked whatever it knows, and from when on.
    wanted: Option<Moment>,
    /// How it will end once its invocation does.
    recorded: Option<Outcome>,
    /// Events so far.
    events: u64,
    /// Of the invocation that runs, and gone with it.
    #[serde(skip)]
    last: Option<checkpoint::Last>,
}

/// What a new execution is given.
#[derive(Clone, Debug)]
pub struct NewExecution {
    pub id: String,
    pub arn: String,
    pub input: String,
    /// 1 to 31,622,400 s.
    pub timeout_s: u64,
}

/// An invocation of the function.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Running {
    request_id: String,
    began: Moment,
    /// The token that the next checkpoint must have.
    sequence: u64,
}

/// How an execution has ended.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct End {
    pub at: Moment,
    pub how: Outcome,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Outcome {
    /// JSON text, or nothing.
    Succeeded(String),
    Failed(ErrorObject),
    TimedOut,
    Stopped(ErrorObject),
}

/// What follows from a transition, for the host to make durable and to do, in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// The operations that are new or have changed, by their places in [`Execution::operations`].
    pub operations: Vec<usize>,
    /// New in the history.
    pub events: Vec<Event>,
    /// Functions to be invoked. Their ends come back by [`Execution::child_ended`].
    pub children: Vec<Child>,
}

impl Effects {
    /// One transition after another.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        self.operations.extend(
            next.operations.into_iter().filter(|at| !self.operations.contains(at)).collect::<Vec<_>>(),
        );
        self.events.extend(next.events);
        self.children.extend(next.children);
        self
    }
}

/// A function that another one invokes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Child {
    /// The operation that waits for it.
    pub operation: String,
    /// Name or ARN, as the function wrote it.
    pub function: String,
    pub tenant: Option<String>,
    pub input: String,
    /// What [`Target`] said of it when it was asked for; not of one that is [open](Execution::open_children).
    pub execution_arn: Option<String>,
}

/// How an invoked function has ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ChildEnd {
    Succeeded(String),
    Failed(ErrorObject),
    /// Its execution's own time was over.
    TimedOut(ErrorObject),
    Stopped(ErrorObject),
}

impl ChildEnd {
    /// A result that is too large to be kept is a failure. The words are ours.
    fn within_limits(self) -> Self {
        match self {
            Self::Succeeded(result) if result.len() > CHAINED_PAYLOAD_BYTES => {
                let text = format!("The result is larger than {CHAINED_PAYLOAD_BYTES} bytes.");
                Self::Failed(ErrorObject::new("ChainedInvoke.ResultTooLarge", text))
            }
            end => end,
        }
    }
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Due {
    /// Invoke the function: [`Execution::begin_invocation`].
    Invoke,
    /// Come back then, for [`Execution::tick`].
    At(Moment),
    /// Nothing, ever.
    Over,
}

impl Execution {
    pub fn start(new: NewExecution, now: Moment) -> (Self, Effects) {
        let NewExecution { id, arn, input, timeout_s } = new;
        let mut execution = Self {
            id,
            arn,
            input,
            started: now,
            deadline: now.plus_seconds(timeout_s),
            end: None,
            is_paused: false,
            operations: Vec::new(),
            places: HashMap::new(),
            changes: 0,
            seen: 0,
            updated: Vec::new(),
            running: None,
            invocations: 0,
            failures: 0,
            idle: 0,
            wanted: Some(now),
            recorded: None,
            events: 0,
            last: None,
        };
        let mut effects = Effects::default();
        let details = json!({
            "Input": {"Payload": execution.input, "Truncated": false},
            "ExecutionTimeout": timeout_s,
        });
        execution.tell(&mut effects, now, What::ExecutionStarted, None, details);
        (execution, effects)
    }

    /// As it was, with its input and its operations as they lie beside it.
    #[must_use]
    pub fn with(self, input: String, operations: Vec<Operation>) -> Self {
        let places =
            operations.iter().enumerate().map(|(at, operation)| (operation.id.clone(), at)).collect();
        Self { input, operations, places, ..self }
    }

    /// The functions that it has invoked and whose ends have not come: what a host that went down asks after.
    pub fn open_children(&self) -> impl Iterator<Item = Child> + '_ {
        self.operations.iter().filter(|operation| !operation.status.is_over()).filter_map(|operation| {
            let Kind::ChainedInvoke { function, tenant, input, .. } = &operation.kind else { return None };
            Some(Child {
                operation: operation.id.clone(),
                function: function.clone(),
                tenant: tenant.clone(),
                input: input.clone()?,
                execution_arn: None,
            })
        })
    }

    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    pub fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Whether an invocation has begun and not ended.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Lambda's word for how it stands.
    pub fn status(&self) -> &'static str {
        match &self.end {
            None if self.is_paused && self.running.is_some() => "PAUSING",
            None if self.is_paused => "PAUSED",
            None => "RUNNING",
            Some(End { how: Outcome::Succeeded(_), .. }) => "SUCCEEDED",
            Some(End { how: Outcome::Failed(_), .. }) => "FAILED",
            Some(End { how: Outcome::TimedOut, .. }) => "TIMED_OUT",
            Some(End { how: Outcome::Stopped(_), .. }) => "STOPPED",
        }
    }

    /// What is to be done next. Ask after every transition.
    pub fn due(&self, now: Moment) -> Due {
        if self.end.is_some() {
            return Due::Over;
        }
        let timers = self.operations.iter().filter_map(Operation::wakes_at).fold(self.deadline, Moment::min);
        if self.running.is_some() || self.is_paused {
            return Due::At(timers);
        }
        let news = self.changes > self.seen;
        match self.wanted {
            // A pause after a failure holds for news as well.
            Some(from) if from > now => Due::At(timers.min(from)),
            Some(_) => Due::Invoke,
            None if news => Due::Invoke,
            None => Due::At(timers),
        }
    }

    /// Time has passed: everything that has fallen due happens now, all of it, so that the function is invoked once.
    pub fn tick(&mut self, now: Moment) -> Effects {
        let mut effects = Effects::default();
        if self.end.is_some() {
            return effects;
        }
        if self.deadline <= now {
            let how = self.recorded.take().unwrap_or(Outcome::TimedOut);
            self.finish(&mut effects, how, now);
            return effects;
        }
        for at in 0..self.operations.len() {
            if self.operations[at].wakes_at().is_some_and(|wakes| wakes <= now) {
                self.wake(at, &mut effects, now);
            }
        }
        effects
    }

    /// The end of a function that this one has invoked. One that nobody waits for any more changes nothing.
    pub fn child_ended(&mut self, operation: &str, end: ChildEnd, now: Moment) -> Effects {
        let mut effects = Effects::default();
        let Some(&at) = self.places.get(operation) else { return effects };
        if self.end.is_some() || self.operations[at].status.is_over() {
            return effects;
        }
        let Kind::ChainedInvoke { result, error, input, .. } = &mut self.operations[at].kind else {
            return effects;
        };
        *input = None;
        let (status, what) = match end.within_limits() {
            ChildEnd::Succeeded(text) => {
                *result = Some(text);
                (Status::Succeeded, What::ChainedInvokeSucceeded)
            }
            ChildEnd::Failed(failure) => {
                *error = Some(failure);
                (Status::Failed, What::ChainedInvokeFailed)
            }
            ChildEnd::TimedOut(failure) => {
                *error = Some(failure);
                (Status::TimedOut, What::ChainedInvokeTimedOut)
            }
            ChildEnd::Stopped(failure) => {
                *error = Some(failure);
                (Status::Stopped, What::ChainedInvokeStopped)
            }
        };
        self.close(at, status, what, &mut effects, now);
        effects
    }

    /// Ends it, whatever it does. Of one that is over, nothing changes.
    pub fn stop(&mut self, error: ErrorObject, now: Moment) -> Effects {
        let mut effects = Effects::default();
        if self.end.is_none() {
            // What its last checkpoint has said stays said.
            let how = self.recorded.take().unwrap_or(Outcome::Stopped(error));
            self.finish(&mut effects, how, now);
        }
        effects
    }

    /// It is not invoked any more until it is resumed; what it waits for goes on, and so does an invocation that runs.
    ///
    /// # Errors
    /// It is over.
    pub fn pause(&mut self, now: Moment) -> Result<Effects, Refusal> {
        let details =
            json!({ "PauseRequestTimestamp": now.write(Notation::Seconds), "ExecutionTimeoutPaused": false });
        self.set_paused(true, What::ExecutionPaused, details, now)
    }

    /// # Errors
    /// It is over.
    pub fn resume(&mut self, now: Moment) -> Result<Effects, Refusal> {
        self.set_paused(false, What::ExecutionResumed, json!({}), now)
    }

    fn set_paused(&mut self, to: bool, what: What, details: Value, now: Moment) -> Result<Effects, Refusal> {
        if self.end.is_some() {
            return Err(Refusal::Over);
        }
        let mut effects = Effects::default();
        if self.is_paused != to {
            self.is_paused = to;
            self.tell(&mut effects, now, what, None, details);
        }
        Ok(effects)
    }

    /// What an operation has waited for has come, by the clock.
    fn wake(&mut self, at: usize, effects: &mut Effects, now: Moment) {
        match &mut self.operations[at].kind {
            Kind::Step { next_attempt, .. } => {
                *next_attempt = None;
                self.operations[at].status = Status::Ready;
                self.touch(at, effects);
                self.note_update(at);
            }
            Kind::Wait { .. } => self.close(at, Status::Succeeded, What::WaitSucceeded, effects, now),
            Kind::Callback { timeout, error, .. } => {
                let (kind, text) = match timeout {
                    Some(due) if *due <= now => ("Callback.Timeout", "Callback timed out"),
                    Some(_) | None => ("Callback.Heartbeat", "Callback timed out on heartbeat"),
                };
                *error = Some(ErrorObject::new(kind, text));
                self.close(at, Status::TimedOut, What::CallbackTimedOut, effects, now);
            }
            Kind::Context { .. } | Kind::ChainedInvoke { .. } => {}
        }
    }

    /// An operation is over, not by the function's own word.
    fn close(&mut self, at: usize, status: Status, what: What, effects: &mut Effects, now: Moment) {
        self.end_operation(at, status, what, effects, now);
        self.note_update(at);
    }

    fn end_operation(&mut self, at: usize, status: Status, what: What, effects: &mut Effects, now: Moment) {
        let operation = &mut self.operations[at];
        (operation.status, operation.ended) = (status, Some(now));
        let (subject, details) = (Subject::of(operation), ending(operation));
        self.touch(at, effects);
        self.tell(effects, now, what, Some(subject), details);
    }

    /// One more change.
    fn touch(&mut self, at: usize, effects: &mut Effects) {
        self.changes += 1;
        self.operations[at].changed = self.changes;
        if !effects.operations.contains(&at) {
            effects.operations.push(at);
        }
    }

    fn note_update(&mut self, at: usize) {
        let id = &self.operations[at].id;
        if !self.updated.contains(id) {
            self.updated.push(id.clone());
        }
    }

    fn finish(&mut self, effects: &mut Effects, how: Outcome, now: Moment) {
        let (what, details) = match &how {
            Outcome::Succeeded(result) => (What::ExecutionSucceeded, wrapped(Some(result), None)),
            Outcome::Failed(error) => (What::ExecutionFailed, wrapped(None, Some(error))),
            Outcome::TimedOut => (What::ExecutionTimedOut, json!({})),
            Outcome::Stopped(error) => (What::ExecutionStopped, wrapped(None, Some(error))),
        };
        self.tell(effects, now, what, None, details);
        self.end = Some(End { at: now, how });
        (self.last, self.wanted) = (None, None);
    }

    fn tell(
        &mut self,
        effects: &mut Effects,
        at: Moment,
        what: What,
        subject: Option<Subject>,
        details: Value,
    ) {
        self.events += 1;
        effects.events.push(Event { number: self.events, at, what, subject, details });
    }

    /// The operation that stands for the execution itself, always the first. Source: `reference/durable.md` 4.2.
    fn own_operation(&self, notation: Notation) -> Value {
        json!({
            "Id": self.id,
            "Type": "EXECUTION",
            "Status": "STARTED",
            "StartTimestamp": self.started.write(notation),
            "ExecutionDetails": {"InputPayload": self.input},
        })
    }
}

#[cfg(test)]
mod tests;
