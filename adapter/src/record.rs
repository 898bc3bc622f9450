//! Destination records that Lambda does not write itself, as it would have: for a call whose outcome never came, and for the end of a
//! durable execution.

use std::time::SystemTime;

use lambda_protocol::{
    destination::{Condition, DestinationRecord, ResponseContext},
    function::{FunctionArn, Qualifier},
};
use serde_json::{json, value::RawValue};
use stayput_core::callback::Ticket;

/// How such a call has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended<'a> {
    pub(crate) at: SystemTime,
    pub(crate) failed: bool,
    /// What the function answered, or an error payload.
    pub(crate) payload: &'a RawValue,
    /// How often it was run, as far as is known.
    pub(crate) runs: u32,
}

/// The record of the call that `ticket` is for; `sealed` is that ticket as it would lie in the event.
pub(crate) fn record(ticket: &Ticket, sealed: &str, ended: Ended<'_>) -> String {
    let id = ticket.invocation.to_string();
    let event = json!({ "requestContext": { "requestId": id, "stayput": { "ticket": sealed } } });
    let event = raw(&event.to_string());
    let lambda = &ticket.lambda;
    let qualifier = ticket.qualifier.as_ref().or(lambda.qualifier.as_ref());
    let function_arn = FunctionArn {
        region: lambda.region.as_deref().unwrap_or(ANY_REGION),
        account: lambda.account.as_deref().unwrap_or(ANY_ACCOUNT),
        name: &lambda.name,
        qualifier: Some(qualifier.map_or("$LATEST", Qualifier::as_str)),
    };
    let Ended { at, failed, payload, runs } = ended;
    let record = DestinationRecord {
        timestamp: at,
        request_id: id,
        function_arn: function_arn.to_string(),
        condition: if failed { Condition::RetriesExhausted } else { Condition::Success },
        approximate_invoke_count: runs,
        request_payload: &event,
        response: Some(ResponseContext {
            status_code: 200,
            executed_version: None,
            function_error: failed.then(|| "Unhandled".to_owned()),
        }),
        response_payload: Some(payload),
    };
    String::from_utf8(record.encode()).expect("JSON is text")
}

/// JSON that was just written.
pub(crate) fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("it was just written")
}

/// A ticket that names neither fits all.
const ANY_REGION: &str = "us-east-1";
const ANY_ACCOUNT: &str = "000000000000";
