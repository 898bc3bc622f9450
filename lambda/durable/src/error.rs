//! Errors: those that functions and callers hand over, and those with which a call is refused.

use serde::{Deserialize, Serialize};

/// What went wrong, as durable functions tell it: Lambda's `ErrorObject`. Every member may be missing.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ErrorObject {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack_trace: Option<Vec<String>>,
}

impl ErrorObject {
    pub fn new(error_type: &str, message: impl Into<String>) -> Self {
        Self {
            error_type: Some(error_type.to_owned()),
            error_message: Some(message.into()),
            ..Self::default()
        }
    }

    /// As JSON, bytes.
    pub(crate) fn bytes(&self) -> usize {
        serde_json::to_vec(self).map_or(usize::MAX, |json| json.len())
    }
}

/// Why a call is refused. Nothing has changed then.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// 400 `InvalidParameterValueException`. Source of the texts: AWS's local runner.
    #[error("{0}")]
    Invalid(String),
    /// 400 `InvalidParameterValueException`: stale, or of another execution, or of an invocation that is over.
    #[error("Invalid checkpoint token")]
    Token,
    /// 400 `CallbackTimeoutException`: the callback is over, whatever became of it.
    #[error("The callback is closed.")]
    CallbackClosed,
    /// 404 `ResourceNotFoundException`: the execution has no such callback.
    #[error("There is no such callback.")]
    NoCallback,
    /// 409 `ResourceConflictException`: it is over, and cannot be paused or resumed.
    #[error("The execution is over.")]
    Over,
}

impl Refusal {
    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }
}
