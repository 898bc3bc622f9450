//! AWS Lambda's durable executions as a state machine, for whoever plays the service: the embedded Lambda, and the test kit of the
//! runtime. Pure: time is an argument, and what follows is data.
//!
//! ```
//! use lambda_durable::{Due, Execution, Host, InvocationEnd, Moment, NewExecution, Outcome, Resolved, Target};
//!
//! let new = NewExecution { id: "1".into(), arn: "arn:…".into(), input: "{}".into(), timeout_s: 60 };
//! let (mut execution, effects) = Execution::start(new, Moment(0));
//! assert_eq!(effects.events[0].what.as_str(), "ExecutionStarted");
//! assert_eq!(execution.due(Moment(0)), Due::Invoke);
//!
//! let begun = execution.begin_invocation("request-1", Moment(1));
//! let token = begun.event["CheckpointToken"].as_str().unwrap().to_owned();
//! let wait = serde_json::json!([{"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 5}}]);
//! let updates: Vec<_> = serde_json::from_value(wait).unwrap();
//! let mut host = Host { callback_id: &mut || unreachable!(), resolve: &|_| Resolved::Found(Target::default()) };
//! let (answer, _) = execution.checkpoint(&token, None, &updates, &mut host, Moment(2)).unwrap();
//! assert_eq!(answer.operations[0]["Status"], "STARTED");
//! execution.end_invocation(InvocationEnd::Answered(br#"{"Status":"PENDING"}"#.to_vec()), Moment(3));
//! assert_eq!(execution.due(Moment(3)), Due::At(Moment(5_002)));
//!
//! execution.tick(Moment(5_002));
//! assert_eq!(execution.due(Moment(5_002)), Due::Invoke);
//! execution.begin_invocation("request-2", Moment(5_003));
//! let answer = br#"{"Status":"SUCCEEDED","Result":"1"}"#.to_vec();
//! execution.end_invocation(InvocationEnd::Answered(answer), Moment(5_004));
//! assert_eq!(execution.end.unwrap().how, Outcome::Succeeded("1".into()));
//! ```
//!
//! **How a host keeps one.** After each transition it writes, together: the [`Execution`] without its operations (a small row), the
//! operations that [`Effects`] names (a row each), and the new events (rows that never change); its input, once. To go on it reads all
//! but the events and puts them together ([`Execution::with`]). What [`Due::At`] says goes into an index; nothing else has to be in memory.
//! An invocation that was lost with the host ends as [`InvocationEnd::Lost`]; the functions that it had invoked are
//! [`Execution::open_children`].
//!
//! Source: `reference/durable.md`, which says where each fact is from. Chosen here, where it says nothing: a `CONTEXT` can be closed only
//! if it was started; what a paused execution waits for goes on, its own time too; a result that was checkpointed is the end,
//! whatever comes after it.

mod error;
mod execution;
mod history;
pub mod limits;
mod operation;
mod output;
mod time;
mod told;
mod update;

pub use error::{ErrorObject, Refusal};
pub use execution::{
    Answer, Begun, CallbackEnd, Child, ChildEnd, Due, Effects, End, Execution, Host, InvocationEnd,
    NewExecution, Outcome, Page, Resolved, Target,
};
pub use history::{Event, Subject, What};
pub use operation::{Kind, Operation, OperationType, Status};
pub use time::{Moment, Notation};
pub use told::Told;
pub use update::{
    Action, CallbackOptions, ChainedInvokeOptions, ContextOptions, OperationUpdate, StepOptions, WaitOptions,
};
