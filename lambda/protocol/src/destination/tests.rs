use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// 24 November 2025, 23:11:08.123 UTC.
const TIME_MS: u64 = 1_764_025_868_123;

fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).unwrap()
}

fn record<'a>(request: &'a RawValue, response: Option<&'a RawValue>) -> DestinationRecord<'a> {
    DestinationRecord {
        timestamp: UNIX_EPOCH + Duration::from_millis(TIME_MS),
        request_id: "0186f8a0-5c3d-7e21-9a7b-123456789abc".to_owned(),
        function_arn: "arn:aws:lambda:us-east-1:123456789012:function:echo:$LATEST".to_owned(),
        condition: Condition::Success,
        approximate_invoke_count: 1,
        request_payload: request,
        response: Some(ResponseContext {
            status_code: 200,
            executed_version: Some("$LATEST".to_owned()),
            function_error: None,
        }),
        response_payload: response,
    }
}

#[track_caller]
fn check_same(record: &DestinationRecord<'_>) {
    let encoded = record.encode();
    let decoded = DestinationRecord::decode(&encoded).unwrap();
    assert_eq!(format!("{decoded:?}"), format!("{record:?}"));
}

#[track_caller]
fn check_refused(change: impl FnOnce(&mut Value), expected: DestinationError) {
    let mut json: Value = serde_json::from_slice(&record(raw("{}"), None).encode()).unwrap();
    change(&mut json);
    let json = json.to_string();
    assert_eq!(DestinationRecord::decode(json.as_bytes()).err(), Some(expected), "{json}");
}

#[test]
fn a_success_is_told_as_the_service_tells_it() {
    let told = String::from_utf8(record(raw(r#"{ "a": 1.0 }"#), Some(raw("\"ok\""))).encode()).unwrap();
    assert_eq!(
        told,
        concat!(
            r#"{"version":"1.0","timestamp":"2025-11-24T23:11:08.123Z","#,
            r#""requestContext":{"requestId":"0186f8a0-5c3d-7e21-9a7b-123456789abc","#,
            r#""functionArn":"arn:aws:lambda:us-east-1:123456789012:function:echo:$LATEST","#,
            r#""condition":"Success","approximateInvokeCount":1},"requestPayload":{ "a": 1.0 },"#,
            r#""responseContext":{"statusCode":200,"executedVersion":"$LATEST"},"responsePayload":"ok"}"#,
        )
    );
}

#[test]
fn a_failure_names_its_error_and_what_never_ran_has_no_response() {
    let error = raw(r#"{"errorType":"E"}"#);
    let mut failed = record(raw("null"), Some(error));
    failed.condition = Condition::RetriesExhausted;
    failed.approximate_invoke_count = 3;
    failed.response.as_mut().unwrap().function_error = Some("Unhandled".to_owned());
    check_same(&failed);
    let json: Value = serde_json::from_slice(&failed.encode()).unwrap();
    let context = json!({ "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" });
    assert_eq!(json["responseContext"], context);

    let never = DestinationRecord {
        condition: Condition::ZeroReservedConcurrency,
        approximate_invoke_count: 0,
        response: None,
        ..record(raw("[]"), None)
    };
    check_same(&never);
    let json: Value = serde_json::from_slice(&never.encode()).unwrap();
    assert!(json.get("responseContext").is_none() && json.get("responsePayload").is_none(), "{json}");
}

#[test]
fn a_function_that_answered_null_has_answered() {
    let answered = record(raw("{}"), Some(raw("null")));
    let encoded = answered.encode();
    assert_eq!(
        DestinationRecord::decode(&encoded).unwrap().response_payload.map(RawValue::get),
        Some("null")
    );
}

#[test]
fn what_is_no_record_is_refused_by_the_members_name() {
    for json in ["", "[]", "null", "{", "{}x", "\"version\""] {
        assert_eq!(DestinationRecord::decode(json.as_bytes()).err(), Some(DestinationError::Shape), "{json}");
    }
    check_refused(|json| json["version"] = json!("2.0"), DestinationError::Version);
    check_refused(|json| json["timestamp"] = json!("yesterday"), DestinationError::Member("timestamp"));
    check_refused(|json| json["requestContext"] = json!(null), DestinationError::Member("requestContext"));
    check_refused(|json| json["requestContext"]["condition"] = json!("Lost"), DestinationError::Condition);
    check_refused(
        |json| drop(json.as_object_mut().unwrap().remove("requestPayload")),
        DestinationError::Member("requestPayload"),
    );
    check_refused(
        |json| json["requestContext"]["approximateInvokeCount"] = json!(-1),
        DestinationError::Member("requestContext.approximateInvokeCount"),
    );
    check_refused(
        |json| json["responseContext"]["statusCode"] = json!("200"),
        DestinationError::Member("responseContext.statusCode"),
    );
}

#[test]
fn members_that_are_new_are_passed_over() {
    let mut json: Value = serde_json::from_slice(&record(raw("{}"), None).encode()).unwrap();
    json["new"] = json!([1]);
    json["requestContext"]["new"] = json!({});
    assert!(DestinationRecord::decode(json.to_string().as_bytes()).is_ok());
}

proptest! {
    #[test]
    fn no_text_panics(json in "\\PC{0,64}", bytes in any::<Vec<u8>>()) {
        let _ = (DestinationRecord::decode(json.as_bytes()).is_ok(), DestinationRecord::decode(&bytes).is_ok());
    }

    #[test]
    fn a_record_comes_back_as_it_was(
        ms in 0_u64..4_000_000_000_000,
        id in "\\PC{0,40}",
        condition in proptest::sample::select(Condition::ALL.to_vec()),
        count in any::<u32>(),
        payload in "\\PC{0,40}",
        error in proptest::option::of("\\PC{0,12}"),
    ) {
        let payload = Value::from(payload).to_string();
        let mut record = record(raw(&payload), Some(raw(&payload)));
        record.timestamp = UNIX_EPOCH + Duration::from_millis(ms);
        record.request_id = id;
        record.condition = condition;
        record.approximate_invoke_count = count;
        record.response.as_mut().unwrap().function_error = error;
        check_same(&record);
    }
}
