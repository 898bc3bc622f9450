//! From a record to its JSON, the members in the order in which the service writes them.

use std::{io::Write, time::SystemTime};

use jiff::Timestamp;

use super::{DestinationRecord, ResponseContext, VERSION};
use crate::json::text;

impl DestinationRecord<'_> {
    /// The record's JSON. Payloads are copied as they are.
    pub fn encode(&self) -> Vec<u8> {
        let payloads =
            self.request_payload.get().len() + self.response_payload.map_or(0, |json| json.get().len());
        let mut out = Vec::with_capacity(FIXED_LEN + self.function_arn.len() + payloads);
        write!(out, r#"{{"version":"{VERSION}","timestamp":"{}""#, told(self.timestamp))
            .expect("writing to a Vec cannot fail");
        out.extend_from_slice(br#","requestContext":{"requestId":"#);
        text::write(&mut out, &self.request_id);
        out.extend_from_slice(br#","functionArn":"#);
        text::write(&mut out, &self.function_arn);
        write!(
            out,
            r#","condition":"{}","approximateInvokeCount":{}}}"#,
            self.condition.as_str(),
            self.approximate_invoke_count
        )
        .expect("writing to a Vec cannot fail");
        out.extend_from_slice(br#","requestPayload":"#);
        out.extend_from_slice(self.request_payload.get().as_bytes());
        if let Some(response) = &self.response {
            write_response(&mut out, response);
        }
        if let Some(payload) = self.response_payload {
            out.extend_from_slice(br#","responsePayload":"#);
            out.extend_from_slice(payload.get().as_bytes());
        }
        out.push(b'}');
        out
    }
}

fn write_response(out: &mut Vec<u8>, response: &ResponseContext) {
    write!(out, r#","responseContext":{{"statusCode":{}"#, response.status_code)
        .expect("writing to a Vec cannot fail");
    let texts =
        [("executedVersion", &response.executed_version), ("functionError", &response.function_error)];
    for (key, value) in texts {
        if let Some(value) = value {
            out.push(b',');
            text::write(out, key);
            out.push(b':');
            text::write(out, value);
        }
    }
    out.push(b'}');
}

/// `2025-11-24T23:11:08.123Z`. A clock beyond the year 9999 is told as the epoch rather than as an error.
fn told(time: SystemTime) -> String {
    let time = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{time:.3}")
}

/// What every record has beside its payloads and the function's ARN, in bytes, rounded up.
const FIXED_LEN: usize = 384;
