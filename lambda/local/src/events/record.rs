//! The destination record: what Lambda tells a destination of an asynchronous call once it is over.
//!
//! Source: Lambda developer guide, "Retaining records of asynchronous invocations", and recorded records.

use std::time::SystemTime;

use jiff::Timestamp;

use super::decision::Condition;

/// One record. Payloads are the bytes that they were; nothing here parses them but to see whether they are JSON.
#[derive(Clone, Debug)]
pub(crate) struct DestinationRecord<'a> {
    /// When the call was over; told to the millisecond.
    pub(crate) timestamp: SystemTime,
    pub(crate) request_id: &'a str,
    /// Always with a qualifier.
    pub(crate) function_arn: &'a str,
    pub(crate) condition: Condition,
    /// How often the function was started.
    pub(crate) approximate_invoke_count: u32,
    /// JSON.
    pub(crate) request_payload: &'a [u8],
    /// `None`: the function was never started, or nothing is known of its last run any more.
    pub(crate) response: Option<Response<'a>>,
}

/// How the last attempt went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Response<'a> {
    /// 200 where the function ran, whatever became of it.
    pub(crate) status_code: u16,
    /// `functionError: Unhandled` is due.
    pub(crate) failed: bool,
    /// What the function answered, or its error object.
    pub(crate) payload: &'a [u8],
}

impl DestinationRecord<'_> {
    /// JSON, as AWS orders it. A payload that a function made of something else than JSON is told as a text.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let length = self.request_payload.len() + self.response.map_or(0, |response| response.payload.len());
        let mut out = Vec::with_capacity(length + FRAME_BYTES);
        let text = |text: &str| serde_json::to_string(text).expect("a text is always JSON");
        let head = format!(
            r#"{{"version":"1.0","timestamp":"{}","requestContext":{{"requestId":{},"functionArn":{},"condition":"{}","approximateInvokeCount":{}}},"requestPayload":"#,
            timestamp(self.timestamp),
            text(self.request_id),
            text(self.function_arn),
            self.condition.as_str(),
            self.approximate_invoke_count,
        );
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(self.request_payload);
        if let Some(Response { status_code, failed, payload }) = self.response {
            let error = if failed { r#","functionError":"Unhandled""# } else { "" };
            let context = format!(
                r#","responseContext":{{"statusCode":{status_code},"executedVersion":"$LATEST"{error}}},"responsePayload":"#
            );
            out.extend_from_slice(context.as_bytes());
            match lambda_protocol::json::check(payload) {
                Ok(()) => out.extend_from_slice(payload),
                Err(_) if payload.is_empty() => out.extend_from_slice(b"null"),
                Err(_) => out.extend_from_slice(text(&String::from_utf8_lossy(payload)).as_bytes()),
            }
        }
        out.push(b'}');
        out
    }
}

/// `2025-11-24T23:11:08.123Z`.
fn timestamp(time: SystemTime) -> String {
    let time = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{time:.3}")
}

/// A record's own words, rounded up.
const FRAME_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn record(response: Option<Response<'_>>, condition: Condition, count: u32) -> String {
        let record = DestinationRecord {
            timestamp: UNIX_EPOCH + Duration::from_millis(1_764_025_868_123),
            request_id: "0b3a2f1e-0000-4000-8000-00000000000a",
            function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",
            condition,
            approximate_invoke_count: count,
            request_payload: br#"{"a":  1}"#,
            response,
        };
        String::from_utf8(record.encode()).unwrap()
    }

    const HEAD: &str = r#"{"version":"1.0","timestamp":"2025-11-24T23:11:08.123Z","requestContext":{"requestId":"0b3a2f1e-0000-4000-8000-00000000000a","functionArn":"arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST","condition":"#;

    #[test]
    fn a_success_has_the_functions_bytes() {
        let response = Response { status_code: 200, failed: false, payload: b"[1, 2]" };
        let expected = format!(
            r#"{HEAD}"Success","approximateInvokeCount":1}},"requestPayload":{{"a":  1}},"responseContext":{{"statusCode":200,"executedVersion":"$LATEST"}},"responsePayload":[1, 2]}}"#
        );
        assert_eq!(record(Some(response), Condition::Success, 1), expected);
    }

    #[test]
    fn a_failure_has_the_last_error() {
        let response = Response { status_code: 200, failed: true, payload: br#"{"errorType":"E"}"# };
        let expected = format!(
            r#"{HEAD}"RetriesExhausted","approximateInvokeCount":3}},"requestPayload":{{"a":  1}},"responseContext":{{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"}},"responsePayload":{{"errorType":"E"}}}}"#
        );
        assert_eq!(record(Some(response), Condition::RetriesExhausted, 3), expected);
    }

    #[test]
    fn what_never_ran_has_no_response() {
        let expected = format!(
            r#"{HEAD}"ZeroReservedConcurrency","approximateInvokeCount":0}},"requestPayload":{{"a":  1}}}}"#
        );
        assert_eq!(record(None, Condition::ZeroReservedConcurrency, 0), expected);
    }

    #[test]
    fn an_answer_that_is_no_json_is_told_as_text() {
        let answer = |payload| {
            record(Some(Response { status_code: 200, failed: false, payload }), Condition::Success, 1)
        };
        assert!(answer(b"\"half").ends_with(r#""responsePayload":"\"half"}"#));
        assert!(answer(b"").ends_with(r#""responsePayload":null}"#));
    }
}
