//! Operations: what a durable function has begun, and how each stands.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    error::ErrorObject,
    time::{Moment, Notation},
};

/// One operation.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Operation {
    /// The function's own choice; its identity over replays.
    pub id: String,
    pub parent: Option<String>,
    pub name: Option<String>,
    pub sub_type: Option<String>,
    pub status: Status,
    pub started: Moment,
    pub ended: Option<Moment>,
    pub kind: Kind,
    /// The number of the change after which it is as it is: what tells the function's knowledge from ours.
    pub(crate) changed: u64,
}

/// Lambda's `OperationStatus`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Status {
    Started,
    /// A step that waits for its next attempt.
    Pending,
    /// A step whose next attempt is due.
    Ready,
    Succeeded,
    Failed,
    Cancelled,
    TimedOut,
    Stopped,
}

/// What sort of operation it is, and what belongs to that sort.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Kind {
    Step {
        /// Attempts that are over.
        attempt: u32,
        next_attempt: Option<Moment>,
        /// Also of a step that is to be tried again: its state so far.
        result: Option<String>,
        error: Option<ErrorObject>,
    },
    Wait {
        until: Moment,
        seconds: u64,
    },
    Context {
        result: Option<String>,
        error: Option<ErrorObject>,
        /// What happened inside is told again although the context is closed.
        replay_children: bool,
    },
    Callback {
        callback: String,
        timeout: Option<Moment>,
        /// Seconds without a sign of life; 0 for any.
        heartbeat_s: u64,
        heartbeat: Option<Moment>,
        result: Option<String>,
        error: Option<ErrorObject>,
    },
    ChainedInvoke {
        function: String,
        tenant: Option<String>,
        /// Until it is over: who starts it again after the host went down has to know.
        input: Option<String>,
        result: Option<String>,
        error: Option<ErrorObject>,
    },
}

/// The sorts, as the wire names them.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OperationType {
    Execution,
    Context,
    Step,
    Wait,
    Callback,
    ChainedInvoke,
}

impl Status {
    /// Lambda's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "STARTED",
            Self::Pending => "PENDING",
            Self::Ready => "READY",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
            Self::TimedOut => "TIMED_OUT",
            Self::Stopped => "STOPPED",
        }
    }

    pub fn is_over(self) -> bool {
        match self {
            Self::Started | Self::Pending | Self::Ready => false,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut | Self::Stopped => true,
        }
    }
}

impl OperationType {
    /// Lambda's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Execution => "EXECUTION",
            Self::Context => "CONTEXT",
            Self::Step => "STEP",
            Self::Wait => "WAIT",
            Self::Callback => "CALLBACK",
            Self::ChainedInvoke => "CHAINED_INVOKE",
        }
    }
}

impl Operation {
    pub fn operation_type(&self) -> OperationType {
        match self.kind {
            Kind::Step { .. } => OperationType::Step,
            Kind::Wait { .. } => OperationType::Wait,
            Kind::Context { .. } => OperationType::Context,
            Kind::Callback { .. } => OperationType::Callback,
            Kind::ChainedInvoke { .. } => OperationType::ChainedInvoke,
        }
    }

    /// Its end will come by itself, or from others than the function: whoever waits for it has something to wait for.
    pub(crate) fn is_pending(&self) -> bool {
        match self.kind {
            Kind::Step { .. } => self.status == Status::Pending,
            Kind::Wait { .. } | Kind::Callback { .. } | Kind::ChainedInvoke { .. } => {
                self.status == Status::Started
            }
            Kind::Context { .. } => false,
        }
    }

    /// When something becomes of it by itself.
    pub(crate) fn wakes_at(&self) -> Option<Moment> {
        match &self.kind {
            Kind::Step { next_attempt, .. } if self.status == Status::Pending => *next_attempt,
            Kind::Wait { until, .. } if self.status == Status::Started => Some(*until),
            Kind::Callback { timeout, heartbeat, .. } if self.status == Status::Started => {
                [*timeout, *heartbeat].into_iter().flatten().min()
            }
            Kind::Step { .. }
            | Kind::Wait { .. }
            | Kind::Callback { .. }
            | Kind::Context { .. }
            | Kind::ChainedInvoke { .. } => None,
        }
    }

    /// How it stands once everything has happened that is due at `now`.
    pub(crate) fn status_at(&self, now: Moment) -> Status {
        if self.wakes_at().is_none_or(|at| at > now) {
            return self.status;
        }
        match self.kind {
            Kind::Step { .. } => Status::Ready,
            Kind::Wait { .. } => Status::Succeeded,
            Kind::Callback { .. } => Status::TimedOut,
            Kind::Context { .. } | Kind::ChainedInvoke { .. } => self.status,
        }
    }

    /// As the API and envelopes tell it. Source: service model, `Operation`.
    pub fn to_json(&self, notation: Notation) -> Value {
        let mut told = json!({
            "Id": self.id,
            "Type": self.operation_type().as_str(),
            "Status": self.status.as_str(),
            "StartTimestamp": self.started.write(notation),
        });
        let members = told.as_object_mut().expect("an object just above");
        let mut text = |name: &str, value: Option<&String>| {
            if let Some(value) = value {
                members.insert(name.to_owned(), value.clone().into());
            }
        };
        text("ParentId", self.parent.as_ref());
        text("Name", self.name.as_ref());
        text("SubType", self.sub_type.as_ref());
        if let Some(ended) = self.ended {
            members.insert("EndTimestamp".to_owned(), ended.write(notation));
        }
        let (name, details) = self.details(notation);
        members.insert(name.to_owned(), details.into());
        told
    }

    fn details(&self, notation: Notation) -> (&'static str, Map<String, Value>) {
        let mut details = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                details.insert(name.to_owned(), value);
            }
        };
        let text = |value: &Option<String>| value.clone().map(Value::from);
        let object = |error: &Option<ErrorObject>| error.as_ref().map(|error| json!(error));
        let name = match &self.kind {
            Kind::Step { attempt, next_attempt, result, error } => {
                set("Attempt", Some((*attempt).into()));
                set("NextAttemptTimestamp", next_attempt.map(|at| at.write(notation)));
                set("Result", text(result));
                set("Error", object(error));
                "StepDetails"
            }
            Kind::Wait { until, .. } => {
                set("ScheduledEndTimestamp", Some(until.write(notation)));
                "WaitDetails"
            }
            Kind::Context { result, error, replay_children } => {
                set("Result", text(result));
                set("Error", object(error));
                set("ReplayChildren", replay_children.then_some(Value::Bool(true)));
                "ContextDetails"
            }
            Kind::Callback { callback, result, error, .. } => {
                set("CallbackId", Some(callback.clone().into()));
                set("Result", text(result));
                set("Error", object(error));
                "CallbackDetails"
            }
            Kind::ChainedInvoke { result, error, .. } => {
                set("Result", text(result));
                set("Error", object(error));
                "ChainedInvokeDetails"
            }
        };
        (name, details)
    }
}
