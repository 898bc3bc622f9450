//! A service that speaks AWS's JSON protocol, over the client of the hot calls: one `POST` to `/` for each operation.
//!
//! Every operation that is asked for this way may be sent twice: it changes nothing, or the same again, or says under
//! which condition it does. Source: Smithy specification, "AWS JSON 1.0 protocol" and 1.1.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use lambda_protocol::sigv4::SignedHeaders;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::time::{sleep, timeout};

use crate::backend::{BackendError, LambdaBackend as _, lean};

/// Asks one service. Clones share its connections.
#[derive(Debug)]
pub(super) struct JsonService {
    client: lean::Lean,
    /// What stands before the operation's name.
    target: &'static str,
    content_type: HeaderValue,
}

/// Why an operation was not done, or is not known to be.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The service says no.
    #[error("{operation} is refused: {name}: {message}")]
    Refused {
        operation: &'static str,
        status: StatusCode,
        /// `ResourceNotFoundException`, without its namespace.
        name: String,
        message: String,
        /// What else it said.
        body: Bytes,
    },
    #[error("{operation} was not answered")]
    Unanswered {
        operation: &'static str,
        #[source]
        cause: BackendError,
    },
    #[error("{operation} was not answered within {limit_s} s")]
    TimedOut { operation: &'static str, limit_s: u64 },
    #[error("the answer to {operation} is not what it should be")]
    Unreadable {
        operation: &'static str,
        #[source]
        cause: serde_json::Error,
    },
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "__type", default)]
    name: String,
    #[serde(default)]
    message: Option<String>,
    /// As older services write it, and some both.
    #[serde(rename = "Message", default)]
    message_too: Option<String>,
}

impl JsonService {
    pub(super) fn new(client: lean::Lean, target: &'static str) -> Self {
        Self { client, target, content_type: AMZ_JSON }
    }

    /// One of the older services, which differ in that.
    pub(super) fn older(client: lean::Lean, target: &'static str) -> Self {
        Self { content_type: AMZ_JSON_1_1, ..Self::new(client, target) }
    }

    /// Does one operation. `patience` is for one answer; throttled and broken attempts are made again.
    ///
    /// # Errors
    /// The last attempt's.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        input: &impl Serialize,
        patience: Duration,
    ) -> Result<T, ServiceError> {
        let input = Bytes::from(serde_json::to_vec(input).expect("names and texts"));
        let mut attempt = 1;
        let answer = loop {
            match self.attempt(operation, input.clone(), patience).await {
                Err(error) if attempt < ATTEMPTS && error.is_transient() => {
                    sleep(pause(attempt)).await;
                    attempt += 1;
                }
                ended => break ended?,
            }
        };
        // Operations without an output may answer nothing.
        let answer = if answer.is_empty() { &b"{}"[..] } else { &answer };
        serde_json::from_slice(answer).map_err(|cause| ServiceError::Unreadable { operation, cause })
    }

    async fn attempt(
        &self,
        operation: &'static str,
        input: Bytes,
        patience: Duration,
    ) -> Result<Bytes, ServiceError> {
        let target = format!("{}.{operation}", self.target);
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = Method::POST;
        head.headers.insert(header::CONTENT_TYPE, self.content_type.clone());
        head.headers.insert(X_AMZ_TARGET, target.try_into().expect("names are visible ASCII"));
        let asked = async {
            let reply = self.client.call(head, input).await?;
            let body = reply.body.collect(MAX_ANSWER_BYTES).await?;
            Ok((
                reply.head.status,
                body.ok_or_else(|| BackendError::Broken("its answer is too large".into()))?,
            ))
        };
        let limit_s = patience.as_secs();
        let asked =
            timeout(patience, asked).await.map_err(|_| ServiceError::TimedOut { operation, limit_s })?;
        let (status, body) = asked.map_err(|cause| ServiceError::Unanswered { operation, cause })?;
        if status.is_success() { Ok(body) } else { Err(refused(operation, status, body)) }
    }
}

impl ServiceError {
    /// Might the same be answered otherwise a moment later?
    fn is_transient(&self) -> bool {
        match self {
            Self::Refused { status, name, .. } => {
                status.is_server_error() || THROTTLED.contains(&name.as_str())
            }
            Self::Unanswered { cause, .. } => match cause {
                BackendError::Unreachable(_) | BackendError::Broken(_) | BackendError::Stalled => true,
                BackendError::NoCredentials => false,
            },
            Self::TimedOut { .. } => true,
            Self::Unreadable { .. } => false,
        }
    }
}

/// What such a service is signed for with.
pub(super) fn signed(name: &'static str) -> lean::Service {
    lean::Service { name, signed: SignedHeaders::new([header::CONTENT_TYPE, X_AMZ_TARGET]) }
}

fn refused(operation: &'static str, status: StatusCode, body: Bytes) -> ServiceError {
    let refusal = serde_json::from_slice(&body);
    let Refusal { name, message, message_too } =
        refusal.unwrap_or_else(|_| Refusal { name: status.to_string(), message: None, message_too: None });
    let message = message.or(message_too).unwrap_or_else(|| "no reason is given".to_owned());
    // `com.amazonaws.dynamodb.v20120810#ResourceNotFoundException`
    let name = name.rsplit('#').next().unwrap_or_default().to_owned();
    ServiceError::Refused { operation, status, name, message, body }
}

/// By chance, as all who were refused together would come back together.
fn pause(attempt: u32) -> Duration {
    let chance = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
    FIRST_PAUSE.saturating_mul(1 << attempt.min(6)).mul_f64(chance)
}

/// Names of refusals that mean: not so fast. Source: AWS SDKs reference guide, "Retry behavior".
const THROTTLED: [&str; 8] = [
    "LimitExceededException",
    "OverLimit",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "Throttling",
    "ThrottlingException",
    "TransactionInProgressException",
];

const AMZ_JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");
const AMZ_JSON_1_1: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");
const X_AMZ_TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// As the SDKs do by default.
const ATTEMPTS: u32 = 3;

const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Ten messages of SQS have 10 MiB at most (developer guide, "Amazon SQS message quotas"), and escapes in JSON.
const MAX_ANSWER_BYTES: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &'static str, name: &str, is_transient: bool) {
        let status = StatusCode::from_u16(status).unwrap();
        let error = refused("PutItem", status, Bytes::from_static(body.as_bytes()));
        let ServiceError::Refused { name: found, .. } = &error else { panic!("{error}") };
        assert_eq!(found, name, "{error}");
        assert_eq!(error.is_transient(), is_transient, "{error}");
    }

    #[test]
    fn what_a_service_refuses_is_asked_again_only_where_that_may_help() {
        let dynamodb =
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"no"}"#;
        check(400, dynamodb, "ConditionalCheckFailedException", false);
        check(
            400,
            r#"{"__type":"com.amazonaws.sqs#RequestThrottled","message":"slow"}"#,
            "RequestThrottled",
            true,
        );
        check(
            400,
            r#"{"__type":"com.amazon.coral.service#ThrottlingException"}"#,
            "ThrottlingException",
            true,
        );
        check(500, r#"{"__type":"InternalServerError","Message":"oh"}"#, "InternalServerError", true);
        let both = r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no","Message":"no"}"#;
        check(400, both, "QueueDoesNotExist", false);
        check(503, "<html>", "503 Service Unavailable", true);
        check(403, "", "403 Forbidden", false);
    }
}
