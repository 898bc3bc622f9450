//! What came back from a function. A fault is an outcome too: the function ran and said so.

use http::{HeaderMap, HeaderValue, StatusCode};
use lambda_protocol::fault::{Fault, FaultKind};

use crate::Blame;

/// What became of an invocation. The answer's bytes pass beside it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    Returned(Answer),
    Faulted(Failure),
    /// An asynchronous call is in Lambda's hands.
    Accepted,
}

impl Outcome {
    /// Who must act so that it goes well next time; `None` where it did.
    pub fn blame(&self) -> Option<Blame> {
        match self {
            Self::Returned(_) | Self::Accepted => None,
            Self::Faulted(_) => Some(Blame::Function),
        }
    }
}

/// The head of a function's answer. For [`Shape::Event`](crate::Shape::Event) it is always 200, and the only header is
/// the payload's content type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    pub status: StatusCode,
    /// Fit to be sent on: framing, hop-by-hop and reserved names are gone.
    pub headers: HeaderMap,
    pub log_result: Option<HeaderValue>,
}

/// A function's failure.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// Lambda's word: `Unhandled` or `Handled`.
    pub function_error: HeaderValue,
    pub kind: FaultKind,
    pub fault: Fault,
    pub log_result: Option<HeaderValue>,
}
