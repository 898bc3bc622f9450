//! What a durable function's invocation answers.

use serde::Deserialize;

use crate::error::ErrorObject;

/// An answer that makes sense.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Output {
    Succeeded(String),
    Failed(ErrorObject),
    /// It waits for something.
    Pending,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Written {
    status: Status,
    #[serde(default)]
    result: Option<String>,
    #[serde(default)]
    error: Option<ErrorObject>,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    Succeeded,
    Failed,
    Pending,
}

impl Output {
    /// # Errors
    /// It makes no sense, and what the execution fails with therefore. Source of the texts: AWS's local runner.
    pub(crate) fn read(answer: &[u8]) -> Result<Self, ErrorObject> {
        let invalid = |text: String| ErrorObject::new("InvalidParameterValueException", text);
        let written: Written = serde_json::from_slice(answer)
            .map_err(|error| invalid(format!("Invalid invocation output: {error}")))?;
        match written {
            Written { status: Status::Succeeded, error: Some(_), .. } => {
                Err(invalid("Cannot provide an Error for SUCCEEDED status.".to_owned()))
            }
            Written { status: Status::Failed, result: Some(_), .. } => {
                Err(invalid("Cannot provide a Result for FAILED status.".to_owned()))
            }
            Written { status: Status::Succeeded, result, .. } => {
                Ok(Self::Succeeded(result.unwrap_or_default()))
            }
            Written { status: Status::Failed, error, .. } => Ok(Self::Failed(error.unwrap_or_default())),
            Written { status: Status::Pending, .. } => Ok(Self::Pending),
        }
    }
}
