//! The history of an execution: one event for each thing that happened, numbered from 1.
//!
//! Source: service model, `Event`; the order is what AWS's conformance tests assert.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    error::ErrorObject,
    operation::{Kind, Operation, Status},
    time::{Moment, Notation},
};

/// One event. Never changes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Event {
    /// From 1, without gaps.
    pub number: u64,
    pub at: Moment,
    pub what: What,
    /// The operation's id, name, parent and sub-type; of the execution itself, nothing.
    pub subject: Option<Subject>,
    /// What belongs to that sort of event, moments as seconds, payloads in wrappers.
    pub details: Value,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Subject {
    pub id: String,
    pub name: Option<String>,
    pub parent: Option<String>,
    pub sub_type: Option<String>,
}

/// Lambda's `EventType`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum What {
    ExecutionStarted,
    ExecutionSucceeded,
    ExecutionFailed,
    ExecutionTimedOut,
    ExecutionStopped,
    ExecutionPaused,
    ExecutionResumed,
    ContextStarted,
    ContextSucceeded,
    ContextFailed,
    WaitStarted,
    WaitSucceeded,
    WaitCancelled,
    StepStarted,
    StepSucceeded,
    StepFailed,
    ChainedInvokeStarted,
    ChainedInvokeSucceeded,
    ChainedInvokeFailed,
    ChainedInvokeTimedOut,
    ChainedInvokeStopped,
    CallbackStarted,
    CallbackSucceeded,
    CallbackFailed,
    CallbackTimedOut,
    InvocationCompleted,
}

impl What {
    /// Lambda's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExecutionStarted => "ExecutionStarted",
            Self::ExecutionSucceeded => "ExecutionSucceeded",
            Self::ExecutionFailed => "ExecutionFailed",
            Self::ExecutionTimedOut => "ExecutionTimedOut",
            Self::ExecutionStopped => "ExecutionStopped",
            Self::ExecutionPaused => "ExecutionPaused",
            Self::ExecutionResumed => "ExecutionResumed",
            Self::ContextStarted => "ContextStarted",
            Self::ContextSucceeded => "ContextSucceeded",
            Self::ContextFailed => "ContextFailed",
            Self::WaitStarted => "WaitStarted",
            Self::WaitSucceeded => "WaitSucceeded",
            Self::WaitCancelled => "WaitCancelled",
            Self::StepStarted => "StepStarted",
            Self::StepSucceeded => "StepSucceeded",
            Self::StepFailed => "StepFailed",
            Self::ChainedInvokeStarted => "ChainedInvokeStarted",
            Self::ChainedInvokeSucceeded => "ChainedInvokeSucceeded",
            Self::ChainedInvokeFailed => "ChainedInvokeFailed",
            Self::ChainedInvokeTimedOut => "ChainedInvokeTimedOut",
            Self::ChainedInvokeStopped => "ChainedInvokeStopped",
            Self::CallbackStarted => "CallbackStarted",
            Self::CallbackSucceeded => "CallbackSucceeded",
            Self::CallbackFailed => "CallbackFailed",
            Self::CallbackTimedOut => "CallbackTimedOut",
            Self::InvocationCompleted => "InvocationCompleted",
        }
    }
}

impl Event {
    /// As `GetDurableExecutionHistory` tells it; payloads only where they are asked for.
    pub fn to_json(&self, with_payloads: bool) -> Value {
        let mut told = json!({
            "EventType": self.what.as_str(),
            "EventId": self.number,
            "EventTimestamp": self.at.write(Notation::Seconds),
        });
        let members = told.as_object_mut().expect("an object just above");
        if let Some(Subject { id, name, parent, sub_type }) = &self.subject {
            members.insert("Id".to_owned(), id.clone().into());
            for (key, value) in [("Name", name), ("ParentId", parent), ("SubType", sub_type)] {
                if let Some(value) = value {
                    members.insert(key.to_owned(), value.clone().into());
                }
            }
        }
        let mut details = self.details.clone();
        if !with_payloads && let Some(details) = details.as_object_mut() {
            for wrapped in ["Input", "Result", "Error"] {
                details.remove(wrapped);
            }
        }
        members.insert(format!("{}Details", self.what.as_str()), details);
        told
    }
}

impl Subject {
    pub(crate) fn of(operation: &Operation) -> Self {
        let Operation { id, name, parent, sub_type, .. } = operation;
        Self { id: id.clone(), name: name.clone(), parent: parent.clone(), sub_type: sub_type.clone() }
    }
}

/// How an operation has ended, in the details of an event.
pub(crate) fn ending(operation: &Operation) -> Value {
    let (result, error) = match &operation.kind {
        Kind::Step { result, error, .. }
        | Kind::Context { result, error, .. }
        | Kind::Callback { result, error, .. }
        | Kind::ChainedInvoke { result, error, .. } => (result.as_deref(), error.as_ref()),
        Kind::Wait { seconds, .. } if operation.status == Status::Succeeded => {
            return json!({ "Duration": seconds });
        }
        Kind::Wait { .. } => return json!({}),
    };
    wrapped(result, error)
}

/// A result, an error, or neither.
pub(crate) fn wrapped(result: Option<&str>, error: Option<&ErrorObject>) -> Value {
    let mut details = Map::new();
    if let Some(error) = error {
        details.insert("Error".to_owned(), json!({ "Payload": error, "Truncated": false }));
    } else if let Some(result) = result {
        details.insert("Result".to_owned(), json!({ "Payload": result, "Truncated": false }));
    }
    details.into()
}
