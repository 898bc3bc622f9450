//! Durable executions: what EventBridge tells of their ends becomes a destination record, as any other asynchronous call has one.
//!
//! An execution has its call's id as its name, and its ticket lies in the ledger: whoever may start executions cannot make one there.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use lambda_protocol::{fault::Fault, function::FunctionRef, status_change::StatusChange};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use stayput_core::{callback::Ticket, token::SealingKeys};
use tokio::time::timeout;
use uuid::Uuid;

use super::RecordsError;
use crate::{
    backend::LambdaBackend,
    ledger::Ledger,
    record::{self, Ended, raw},
};

/// Where promises of executions are remembered, and how they ended.
#[derive(Clone, Debug)]
pub struct Executions {
    pub ledger: Ledger,
    pub lambda: Arc<dyn LambdaBackend>,
}

/// `GetDurableExecution`'s answer, as far as a callback needs it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    status: String,
    /// Seconds since 1970.
    end_timestamp: Option<f64>,
    result: Option<String>,
    error: Option<Error>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Error {
    error_type: Option<String>,
    error_message: Option<String>,
}

impl Executions {
    /// The record of the execution's end. `None`: it has not ended, or nobody was promised anything for it.
    ///
    /// # Errors
    /// Ledger or Lambda do not answer.
    pub(super) async fn record_of(
        &self,
        change: &StatusChange,
        keys: &SealingKeys,
        now: SystemTime,
    ) -> Result<Option<(Uuid, String)>, RecordsError> {
        let unanswered = |error: Box<dyn std::error::Error + Send + Sync>| RecordsError::Unanswered(error);
        let detail = &change.detail;
        let Ok(call) = Uuid::try_parse(&detail.durable_execution_name) else { return Ok(None) };
        if !is_end(&detail.status) {
            return Ok(None);
        }
        let promise = self.ledger.promised(call).await.map_err(|error| unanswered(error.into()))?;
        let Some(promise) = promise else { return Ok(None) };
        let ticket = match Ticket::open(&promise.ticket, keys, now) {
            Ok(ticket) if is_of(&ticket, call, &detail.function_arn) => ticket,
            Ok(_) => {
                tracing::warn!(
                    execution = detail.durable_execution_arn,
                    "another function's execution has the name of a call of ours"
                );
                return Ok(None);
            }
            Err(why) => {
                tracing::warn!(request_id = %call, %why, "the promise of a durable execution cannot be kept");
                return Ok(None);
            }
        };
        let told = self.ask(&detail.durable_execution_arn).await.map_err(unanswered)?;
        let (payload, failed) = told.payload();
        let at = told.end_timestamp.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let ended =
            Ended { at: at.map_or(now, |since| UNIX_EPOCH + since), failed, payload: &payload, runs: 1 };
        Ok(Some((call, record::record(&ticket, &promise.ticket, ended))))
    }

    async fn ask(&self, arn: &str) -> Result<Told, Box<dyn std::error::Error + Send + Sync>> {
        let label: String = form_urlencoded::byte_serialize(arn.as_bytes()).collect();
        let target = format!("/2025-12-01/durable-executions/{label}?IncludeExecutionData=true");
        let request = Request::builder().method(Method::GET).uri(target).body(Bytes::new())?;
        let (head, body) = request.into_parts();
        let asked = async {
            let reply = self.lambda.call(head, body).await?;
            let body = reply.body.collect(MAX_ANSWER_BYTES).await?.unwrap_or_default();
            Ok::<_, crate::backend::BackendError>((reply.head.status, body))
        };
        let (status, body) = timeout(PATIENCE, asked).await??;
        match status {
            StatusCode::OK => {
                let told: Told = serde_json::from_slice(&body)?;
                if is_end(&told.status) { Ok(told) } else { Err("the execution has not ended yet".into()) }
            }
            // It was kept for less time than its callback took.
            StatusCode::NOT_FOUND => Ok(Told::gone()),
            status => Err(format!("Lambda refuses to tell of the execution, with {status}").into()),
        }
    }
}

impl Told {
    fn gone() -> Self {
        let message = "the execution has ended, and what it gave is not kept any more".to_owned();
        let error = Error { error_type: Some("Execution.Gone".to_owned()), error_message: Some(message) };
        Self { status: "FAILED".to_owned(), end_timestamp: None, result: None, error: Some(error) }
    }

    /// What the function answered, or an error payload; and whether that is one.
    fn payload(&self) -> (Box<RawValue>, bool) {
        let Self { status, result, error, .. } = self;
        if status == "SUCCEEDED" {
            let result = result.as_deref().filter(|result| !result.is_empty()).unwrap_or("null");
            // A function that answers no JSON has answered a text.
            let result = RawValue::from_string(result.to_owned());
            return (result.unwrap_or_else(|_| raw(&json!(self.result).to_string())), false);
        }
        let error = error.as_ref();
        let fault = Fault {
            error_type: error.and_then(|error| error.error_type.clone()).or_else(|| Some(named(status))),
            error_message: error.and_then(|error| error.error_message.clone()),
            trace: Vec::new(),
        };
        (raw(&String::from_utf8_lossy(&fault.encode())), true)
    }
}

/// The error of an execution that says none. A time that is over is told as that of any function.
fn named(status: &str) -> String {
    match status {
        "TIMED_OUT" => "Sandbox.Timedout".to_owned(),
        _ => "Execution.Stopped".to_owned(),
    }
}

fn is_end(status: &str) -> bool {
    matches!(status, "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "STOPPED")
}

/// Whether the ticket is of this call of this function. The version is Lambda's to choose.
fn is_of(ticket: &Ticket, call: Uuid, function_arn: &str) -> bool {
    let Ok(ran) = FunctionRef::parse(function_arn) else { return false };
    let is_named = |ticket: &Option<String>, ran: &Option<String>| ticket.is_none() || ticket == ran;
    ticket.invocation == call
        && ticket.lambda.name == ran.name
        && is_named(&ticket.lambda.region, &ran.region)
        && is_named(&ticket.lambda.account, &ran.account)
}

/// For one question.
const PATIENCE: Duration = Duration::from_secs(10);

/// Over input and result of the largest execution, each 6 MiB as a text in JSON.
const MAX_ANSWER_BYTES: usize = 32 << 20;

#[cfg(test)]
mod tests;
