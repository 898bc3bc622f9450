//! The whole way of a promise: from the caller's request into the event, through Lambda's record, to the callback.

use std::{num::NonZeroU32, sync::Arc, time::SystemTime};

use bytes::Bytes;
use lambda_protocol::{
    destination::{Condition, DestinationRecord, ResponseContext},
    function::{FunctionRef, Qualifier},
};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::*;
use crate::{
    Exchange, FunctionKey, Trace,
    admission::{Asynchronous, Desk, recognise},
    dialect::OpenFaas,
    keys::{Key, Keyring, Right, Scope},
    limits::Limits,
    table::{Function, Table},
    token::SealingKeys,
    translate,
};

const ID: Uuid = Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001);
const STARTED: SystemTime = SystemTime::UNIX_EPOCH;
const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:echo-fn:live";

fn sealing_keys() -> SealingKeys {
    SealingKeys::parse(&"01".repeat(32)).unwrap()
}

/// The event of an asynchronous call, as Lambda gets it.
fn event() -> Bytes {
    let (mut keys, mut table) = (Keyring::default(), Table::default());
    keys.add_anonymous(Key::new("cluster", Scope::All, Scope::All, &Right::ALL));
    let function = Function {
        lambda: FunctionRef::new("echo-fn"),
        qualifier: Some(Qualifier::parse("live").unwrap()),
        payload_is_event: false,
        durable: false,
        streams: false,
        timeout: std::time::Duration::from_secs(3),
    };
    table.add("openfaas", FunctionKey::new("echo"), Arc::new(function));
    let limits = Limits::new(NonZeroU32::MIN);
    let asynchronous = Asynchronous::default();
    let desk =
        Desk { keys: &keys, table: &table, limits: &limits, tokens: None, asynchronous: Some(&asynchronous) };
    let request = http::Request::post("/async-function/echo/a?b=1")
        .header("x-callback-url", "https://caller.example/done?token=canary")
        .header("x-call-id", "c-1");
    let (head, ()) = request.body(()).unwrap().into_parts();
    let exchange = Exchange {
        head: &head,
        id: ID,
        trace: Trace::join(&head.headers, ID, STARTED),
        peer: ([192, 0, 2, 1], 1).into(),
        started: STARTED,
        elapsed: std::time::Duration::ZERO,
    };
    let (call, invocation) = recognise(&OpenFaas, &exchange, &desk).unwrap().unwrap();
    let ticket = Ticket::promise(&OpenFaas, &exchange, &call, &invocation).unwrap().unwrap();
    let sealed = ticket.seal(&sealing_keys(), [7; 24]);
    let body = Bytes::from_static(b"in");
    translate::encode(&OpenFaas, &exchange, &invocation, body, Some(&sealed)).unwrap().1
}

/// What the queue gets of it.
fn record(event: &[u8], arn: &str) -> Vec<u8> {
    let answer: &RawValue = serde_json::from_str(r#"{"statusCode":201,"body":"out"}"#).unwrap();
    let record = DestinationRecord {
        timestamp: STARTED,
        request_id: "Lambda's own".to_owned(),
        function_arn: arn.to_owned(),
        condition: Condition::Success,
        approximate_invoke_count: 1,
        request_payload: serde_json::from_slice(event).unwrap(),
        response: Some(ResponseContext { status_code: 200, executed_version: None, function_error: None }),
        response_payload: Some(answer),
    };
    record.encode()
}

#[test]
fn a_promise_is_kept() {
    let record = record(&event(), ARN);
    let record = DestinationRecord::decode(&record).unwrap();
    let ticket = Ticket::of_record(&record, &sealing_keys(), STARTED).unwrap().unwrap();
    assert_eq!(ticket.callback.target(), "/done?token=canary");
    let (ended, body) = Ended::decode(&record);
    let elapsed = record.timestamp.duration_since(ticket.created).unwrap_or_default();
    let ending = Ending { ticket: &ticket, ended: &ended, elapsed, when: When::Platform };
    let callback = render(&OpenFaas, &ending, body).unwrap();
    for (name, expected) in [
        ("x-function-status", "201"),
        ("x-function-name", "echo"),
        ("x-call-id", "c-1"),
        ("webhook-id", "01980000-0000-7000-8000-000000000001"),
    ] {
        assert_eq!(callback.headers[name], expected, "{name}");
    }
    assert_eq!(callback.body, "out");
}

#[test]
fn the_event_tells_nobody_where_the_callback_goes() {
    let event = String::from_utf8(event().to_vec()).unwrap();
    assert!(!event.contains("caller.example") && !event.contains("canary"), "{event}");
}

#[test]
fn a_promise_of_another_functions_event_is_not_kept() {
    let record = record(&event(), &ARN.replace("echo-fn", "other-fn"));
    let record = DestinationRecord::decode(&record).unwrap();
    let told = Ticket::of_record(&record, &sealing_keys(), STARTED);
    assert_eq!(told, Err(Counterfeit::Mismatch(Mismatch::Function)));
}
