//! How an asynchronous call ended, read from Lambda's destination record.

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use lambda_protocol::{
    destination::{Condition, DestinationRecord},
    fault::{Fault, FaultKind},
    http_answer::HttpAnswer,
};
use serde_json::value::RawValue;

use crate::{Answer, Failure, headers};

/// The end of a call. The answer's bytes pass beside it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ended {
    /// With an HTTP answer, of any status.
    Returned(Answer),
    /// The last attempt failed.
    Faulted(Failure),
    /// The function answered, and not in the HTTP answer's shape; why.
    Unusable(String),
    /// Lambda gave it up.
    NotRun(NotRun),
}

/// Why Lambda gave a call up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotRun {
    /// It waited too long: throttled, or between attempts.
    Aged,
    /// The function may not run at all.
    NoConcurrency,
}

impl Ended {
    /// What a record says, and the answer's body. Log tails are not in it, and traces of errors are left out: a
    /// callback's URL is no key.
    pub fn decode(record: &DestinationRecord<'_>) -> (Self, Bytes) {
        match record.condition {
            Condition::Success => returned(record.response_payload),
            Condition::RetriesExhausted => (Self::Faulted(failure(record)), Bytes::new()),
            Condition::EventAgeExceeded => (Self::NotRun(NotRun::Aged), Bytes::new()),
            Condition::ZeroReservedConcurrency => (Self::NotRun(NotRun::NoConcurrency), Bytes::new()),
        }
    }

    /// What the callback says in `X-Function-Status`.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Returned(answer) => answer.status,
            Self::Faulted(failure) => match failure.kind {
                FaultKind::Thrown | FaultKind::Crashed => StatusCode::INTERNAL_SERVER_ERROR,
                FaultKind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
                FaultKind::ResponseTooLarge => StatusCode::BAD_GATEWAY,
            },
            Self::Unusable(_) => StatusCode::BAD_GATEWAY,
            Self::NotRun(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl NotRun {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aged => "the call waited too long for the function",
            Self::NoConcurrency => "the function may not run",
        }
    }
}

fn returned(payload: Option<&RawValue>) -> (Ended, Bytes) {
    let payload = Bytes::copy_from_slice(payload.map_or("null", RawValue::get).as_bytes());
    let unusable = |reason: String| (Ended::Unusable(reason), Bytes::new());
    let answer = match HttpAnswer::decode(&payload) {
        Ok(answer) => answer,
        Err(error) => return unusable(error.to_string()),
    };
    match headers::from_function(answer.headers) {
        Ok(headers) => {
            (Ended::Returned(Answer { status: answer.status, headers, log_result: None }), answer.body)
        }
        Err(error) => unusable(error.to_string()),
    }
}

fn failure(record: &DestinationRecord<'_>) -> Failure {
    let mut fault =
        record.response_payload.map(|json| Fault::decode(json.get().as_bytes())).unwrap_or_default();
    fault.trace.clear();
    let told = record.response.as_ref().and_then(|response| response.function_error.as_deref());
    let function_error = told.and_then(|word| HeaderValue::from_str(word).ok()).unwrap_or(UNHANDLED);
    Failure { function_error, kind: fault.kind(), fault, log_result: None }
}

const UNHANDLED: HeaderValue = HeaderValue::from_static("Unhandled");

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use lambda_protocol::destination::ResponseContext;
    use proptest::prelude::*;

    use super::*;

    fn ended(condition: Condition, payload: Option<&str>) -> (Ended, Bytes) {
        let payload: Option<&RawValue> = payload.map(|json| serde_json::from_str(json).unwrap());
        Ended::decode(&DestinationRecord {
            timestamp: SystemTime::UNIX_EPOCH,
            request_id: "1".to_owned(),
            function_arn: "arn:aws:lambda:us-east-1:123456789012:function:echo:$LATEST".to_owned(),
            condition,
            approximate_invoke_count: 1,
            request_payload: serde_json::from_str("{}").unwrap(),
            response: Some(ResponseContext {
                status_code: 200,
                executed_version: None,
                function_error: None,
            }),
            response_payload: payload,
        })
    }

    #[track_caller]
    fn check(condition: Condition, payload: Option<&str>, status: u16, body: &str) {
        let (ended, bytes) = ended(condition, payload);
        assert_eq!(
            (ended.status().as_u16(), &*bytes),
            (status, body.as_bytes()),
            "{condition:?} {payload:?}"
        );
    }

    #[test]
    fn a_status_is_an_answer_whatever_it_is() {
        check(Condition::Success, Some(r#"{"statusCode":201,"body":"hi"}"#), 201, "hi");
        check(Condition::Success, Some(r#"{"status_code":500,"body":"no"}"#), 500, "no");
        check(
            Condition::Success,
            Some(r#"{"statusCode":200,"body":"aGk=","isBase64Encoded":true}"#),
            200,
            "hi",
        );
    }

    #[test]
    fn what_is_no_answer_and_what_never_ran_has_a_status_of_ours() {
        check(Condition::Success, Some(r#"{"statusCode":99}"#), 502, "");
        let error =
            |error_type: &str| format!(r#"{{"errorType":"{error_type}","errorMessage":"m","trace":["t"]}}"#);
        let failed = |error_type| {
            check(Condition::RetriesExhausted, Some(&error(error_type)), expected(error_type), "")
        };
        for error_type in
            ["BadWidth", "Runtime.ExitError", "Sandbox.Timedout", "Function.ResponseSizeTooLarge"]
        {
            failed(error_type);
        }
        check(Condition::RetriesExhausted, None, 500, "");
        check(Condition::EventAgeExceeded, Some(&error("BadWidth")), 503, "");
        check(Condition::ZeroReservedConcurrency, None, 503, "");
    }

    fn expected(error_type: &str) -> u16 {
        match error_type {
            "Sandbox.Timedout" => 504,
            "Function.ResponseSizeTooLarge" => 502,
            _ => 500,
        }
    }

    #[test]
    fn traces_stay_here() {
        let payload = r#"{"errorType":"E","errorMessage":"m","trace":["secret path"]}"#;
        let (Ended::Faulted(failure), _) = ended(Condition::RetriesExhausted, Some(payload)) else {
            panic!()
        };
        assert!(failure.fault.trace.is_empty());
        assert_eq!(failure.fault.error_message.as_deref(), Some("m"));
    }

    proptest! {
        #[test]
        fn no_payload_panics(text in "\\PC{0,40}", status in any::<i32>(), body in "\\PC{0,20}") {
            let payload = serde_json::json!({ "statusCode": status, "headers": { text: body }, "body": body });
            for condition in Condition::ALL {
                let _ = ended(condition, Some(&payload.to_string()));
            }
        }
    }
}
