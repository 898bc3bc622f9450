//! The destination record: what Lambda tells a queue of an asynchronous call once it is over.
//!
//! Source: AWS Lambda developer guide, "Retaining records of asynchronous invocations", and recorded records. SQS gets
//! it as the message's body, a Lambda function as its event.

use std::time::SystemTime;

use serde_json::value::RawValue;

mod decode;
mod encode;

/// One record. Payloads are the JSON that they were, byte for byte: nothing here parses or writes them anew.
#[derive(Clone, Debug)]
pub struct DestinationRecord<'a> {
    /// When the call was over; to the millisecond.
    pub timestamp: SystemTime,
    /// Lambda's id of the call.
    pub request_id: String,
    /// Always with a qualifier: `arn:aws:lambda:…:function:name:$LATEST`.
    pub function_arn: String,
    pub condition: Condition,
    /// How often the function was started.
    pub approximate_invoke_count: u32,
    /// The event.
    pub request_payload: &'a RawValue,
    /// `None`: the function was never started.
    pub response: Option<ResponseContext>,
    /// What the function answered, or its error object; `None`: nothing.
    pub response_payload: Option<&'a RawValue>,
}

/// Why there will be no further attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Condition {
    Success,
    /// The function failed as often as it may.
    RetriesExhausted,
    /// The event grew too old before the function could be started, or started again.
    EventAgeExceeded,
    /// The function may not run at all.
    ZeroReservedConcurrency,
}

/// How Lambda's last attempt went.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResponseContext {
    /// Of Lambda's own answer: 200 where the function ran, whatever became of it.
    pub status_code: u16,
    pub executed_version: Option<String>,
    /// `Unhandled` or `Handled`; `None`: the function did not fail.
    pub function_error: Option<String>,
}

/// Why a text is no destination record. Names the member, never what is in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DestinationError {
    #[error("not a JSON object")]
    Shape,
    #[error("`version` is not \"1.0\"")]
    Version,
    #[error("`{0}` is missing or not of its kind")]
    Member(&'static str),
    #[error("`requestContext.condition` is none that is known")]
    Condition,
}

impl Condition {
    pub const ALL: [Self; 4] =
        [Self::Success, Self::RetriesExhausted, Self::EventAgeExceeded, Self::ZeroReservedConcurrency];

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::RetriesExhausted => "RetriesExhausted",
            Self::EventAgeExceeded => "EventAgeExceeded",
            Self::ZeroReservedConcurrency => "ZeroReservedConcurrency",
        }
    }
}

const VERSION: &str = "1.0";

#[cfg(test)]
mod tests;
