//! Callbacks that durable executions wait for: whoever was given an id says how it ended, or that it goes on.
//!
//! Source: service model, `/2025-12-01/durable-execution-callbacks`.

use bytes::Bytes;
use http::{Method, Response};
use lambda_durable::{CallbackEnd, ErrorObject, limits};
use lambda_protocol::api_error::{ApiError, ErrorCode};
use uuid::Uuid;

use super::{House, Route, decoded, executions::refused, json, read, subject::invalid};
use crate::executions::Failure;

#[derive(Debug)]
pub(crate) struct Call {
    operation: Operation,
    /// Still encoded.
    id: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Operation {
    Succeed,
    Fail,
    Heartbeat,
}

impl Call {
    pub(super) fn route(route: Route<'_>) -> Option<Self> {
        let (&Method::POST, ["2025-12-01", "durable-execution-callbacks", id, word]) =
            (route.method, route.parts)
        else {
            return None;
        };
        let operation = match *word {
            "succeed" => Operation::Succeed,
            "fail" => Operation::Fail,
            "heartbeat" => Operation::Heartbeat,
            _ => return None,
        };
        Some(Self { operation, id: (*id).to_owned() })
    }

    pub(super) async fn answer(self, body: &[u8], house: House<'_>) -> Result<Response<Bytes>, ApiError> {
        let id = decoded(&self.id);
        let none = || ApiError::new(ErrorCode::ResourceNotFound, format_args!("Callback not found: {id}"));
        let execution = execution_of(&id).ok_or_else(none)?;
        let end = match self.operation {
            Operation::Heartbeat => None,
            Operation::Fail if body.len() > limits::ERROR_BYTES => {
                let most = limits::ERROR_BYTES;
                return Err(invalid(format_args!("Error object size must be less than {most} bytes.")));
            }
            Operation::Fail => Some(CallbackEnd::Failed(read::<ErrorObject>(body)?)),
            Operation::Succeed => {
                if body.len() > RESULT_BYTES {
                    return Err(invalid(format_args!(
                        "A callback's result has at most {RESULT_BYTES} bytes."
                    )));
                }
                let text = str::from_utf8(body).map_err(|_| invalid("A callback's result is UTF-8 text."))?;
                Some(CallbackEnd::Succeeded(text.to_owned()))
            }
        };
        let callback = id.clone();
        let changed = house.executions()?.change(&execution, move |doing| {
            let effects = match end {
                Some(end) => doing.execution.end_callback(&callback, end, doing.now)?,
                None => doing.execution.beat(&callback, doing.now)?,
            };
            Ok(((), effects))
        });
        match changed.await {
            Ok(()) => Ok(json("{}".to_owned())),
            Err(Failure::Unknown) => Err(none()),
            Err(Failure::Refused(refusal)) => Err(refused(&refusal)),
            Err(Failure::Store(error)) => Err(error.into()),
        }
    }
}

/// An id that nobody can guess, and that says which execution it is of.
pub(super) fn new_id(execution: &str) -> String {
    base64_simd::STANDARD.encode_to_string(format!("{execution}.{}", Uuid::new_v4()))
}

fn execution_of(callback: &str) -> Option<String> {
    let text = base64_simd::STANDARD.decode_to_vec(callback).ok()?;
    let (execution, _) = str::from_utf8(&text).ok()?.split_once('.')?;
    Some(execution.to_owned())
}

/// Bytes: 1 MiB. Source: service model, `BinaryOperationPayload`, as in `reference/lambda-service.md` 6.1.
const RESULT_BYTES: usize = 1_048_576;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callbacks_id_leads_to_its_execution() {
        let (one, other) = (new_id("0b-1"), new_id("0b-1"));
        assert_ne!(one, other);
        assert_eq!(execution_of(&one).as_deref(), Some("0b-1"));
        for text in ["", "abc", "%%%%"] {
            assert_eq!(execution_of(text), None, "{text}");
        }
    }
}
