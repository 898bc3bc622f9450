//! What becomes of an event, and who is told.

use lambda_local::{Settings, events::EventState, function::EventInvokeConfig};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpListener};

use super::{Events, FAIL, config, lambda, sqs, told};
use crate::running::function;

#[track_caller]
fn context(record: &Value, id: &str, condition: &str, count: u32) {
    let expected = json!({
        "requestId": id,
        "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",
        "condition": condition,
        "approximateInvokeCount": count,
    });
    assert_eq!(record["requestContext"], expected, "{record}");
}

#[tokio::test]
async fn a_success_is_told_with_the_event_and_the_answer() {
    let local = Events::with(told("f")).await;
    let id = local.send("f", r#"{"a": 1}"#).await;
    let message = local.message("good").await;
    assert!(message.id.starts_with(&id), "{message:?}");
    assert!(message.attributes.trace_header.unwrap().starts_with("Root=1-"));
    let record: Value = serde_json::from_slice(&message.body).unwrap();
    context(&record, &id, "Success", 1);
    assert_eq!(record["version"], "1.0");
    assert_eq!((&record["requestPayload"], &record["responsePayload"]), (&json!({"a": 1}), &json!({"a": 1})));
    assert_eq!(record["responseContext"], json!({"statusCode": 200, "executedVersion": "$LATEST"}));
    assert_eq!(local.list().await, []);
    let log = local.running.log.clone();
    local.stop().await;
    assert_eq!(log.lines_with(&format!("START RequestId: {id} Version: $LATEST")), 1);
}

#[tokio::test]
async fn a_function_that_keeps_failing_is_run_three_times_under_one_id() {
    let local = Events::with(told("f")).await;
    let id = local.send("f", FAIL).await;
    let record = local.record("bad").await;
    context(&record, &id, "RetriesExhausted", 3);
    let expected = json!({"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"});
    assert_eq!(record["responseContext"], expected);
    assert_eq!(record["responsePayload"], json!({"errorType": "BadLuck", "errorMessage": "no luck"}));
    let log = local.running.log.clone();
    local.stop().await;
    assert_eq!(log.lines_with(&format!("START RequestId: {id}")), 3);
}

#[tokio::test]
async fn an_event_that_would_be_too_old_for_its_retry_ends_after_the_first_attempt() {
    let mut old = told("f");
    config(&mut old).maximum_event_age_s = Some(60);
    let local = Events::with(old).await;
    let id = local.send("f", FAIL).await;
    let record = local.record("bad").await;
    context(&record, &id, "EventAgeExceeded", 1);
    assert_eq!(record["responsePayload"]["errorType"], "BadLuck");
    local.stop().await;
}

#[tokio::test]
async fn a_function_without_any_concurrency_is_accepted_for_and_never_run() {
    let mut none = told("f");
    none.reserved_concurrency = Some(0);
    let local = Events::with(none).await;
    let id = local.send("f", "").await;
    let record = local.record("bad").await;
    context(&record, &id, "ZeroReservedConcurrency", 0);
    assert_eq!(record["requestPayload"], json!({}));
    assert_eq!((record.get("responseContext"), record.get("responsePayload")), (None, None));
    local.stop().await;
}

#[tokio::test]
async fn a_throttled_event_waits_for_its_place_and_loses_no_attempt() {
    let mut one = told("f");
    one.reserved_concurrency = Some(1);
    config(&mut one).maximum_retry_attempts = Some(0);
    let local = Events::with(one).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let meet = json!({"do": "meet", "port": listener.local_addr().unwrap().port()}).to_string();
    let throttled = async {
        let (mut met, _) = listener.accept().await.unwrap();
        let id = local.send("f", "{}").await;
        local.only(EventState::Retrying).await;
        met.write_all(b"g").await.unwrap();
        id
    };
    let (_, id) = tokio::join!(local.running.invoke("f", &meet), throttled);
    context(&local.record("good").await, &id, "Success", 1);
    local.stop().await;
}

#[tokio::test]
async fn a_function_that_fails_once_succeeds_at_the_second_attempt() {
    let local = Events::with(told("f")).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let meet = json!({"do": "meet", "port": listener.local_addr().unwrap().port()}).to_string();
    let id = local.send("f", &meet).await;
    // Nobody is there to be met: the function fails.
    drop(listener.accept().await.unwrap());
    let (mut met, _) = listener.accept().await.unwrap();
    met.write_all(b"g").await.unwrap();
    context(&local.record("good").await, &id, "Success", 2);
    local.stop().await;
}

#[tokio::test]
async fn a_dead_letter_is_the_event_with_the_error_beside_it() {
    let mut lettered = told("f");
    lettered.events.dead_letter = Some(sqs("letters"));
    config(&mut lettered).maximum_retry_attempts = Some(0);
    let local = Events::with(lettered).await;
    let id = local.send("f", FAIL).await;
    let letter = local.message("letters").await;
    assert_eq!(letter.body, FAIL);
    let attribute = |name: &str| {
        let attribute = &letter.attributes.named[name];
        (attribute.data_type.as_str(), attribute.string_value.as_str())
    };
    assert_eq!(attribute("RequestID"), ("String", &*id));
    assert_eq!(attribute("ErrorCode"), ("Number", "200"));
    assert_eq!(attribute("ErrorMessage"), ("String", "no luck"));
    context(&local.record("bad").await, &id, "RetriesExhausted", 1);
    assert_eq!(local.list().await, [], "told to both, it is over");
    local.stop().await;
}

#[tokio::test]
async fn a_function_can_be_told_of_another_ones_end() {
    let mut first = function("f");
    config(&mut first).on_success = Some(lambda("second"));
    let local = Events::start(Settings::default(), vec![first, told("second")]).await;
    let id = local.send("f", r#"{"a": 1}"#).await;
    let record = local.record("good").await;
    context(&record["requestPayload"], &id, "Success", 1);
    assert_ne!(record["requestContext"]["requestId"], *id, "a call of its own");
    assert!(record["requestContext"]["functionArn"].as_str().unwrap().ends_with(":second:$LATEST"));
    local.stop().await;
}

#[tokio::test]
async fn an_event_that_failed_and_goes_nowhere_is_kept_and_seen() {
    let mut untold = function("f");
    untold.events.config =
        Some(EventInvokeConfig { maximum_retry_attempts: Some(0), ..EventInvokeConfig::default() });
    let local = Events::with(untold).await;
    local.send("f", FAIL).await;
    let event = local.only(EventState::Dead).await;
    assert_eq!(event.last_error.as_deref(), Some("RetriesExhausted: BadLuck: no luck"));
    local.stop().await;
}

#[tokio::test]
async fn an_event_whose_record_cannot_be_delivered_is_kept_and_says_why() {
    let mut far = told("f");
    config(&mut far).on_success = Some("arn:aws:sns:us-east-1:000000000000:topic".to_owned());
    let local = Events::with(far).await;
    local.send("f", "{}").await;
    let why = local.only(EventState::Dead).await.last_error.unwrap();
    assert!(why.starts_with("Success; not delivered: arn:aws:sns:us-east-1:000000000000:topic: "), "{why}");
    local.stop().await;
}

#[tokio::test]
async fn an_event_of_a_function_that_is_gone_is_kept() {
    let mut settings = Settings { account_concurrency: 0, ..Settings::default() };
    let local = Events::start(settings.clone(), vec![told("f")]).await;
    local.send("f", "{}").await;
    settings.account_concurrency = 1;
    let local = local.restart(settings, vec![function("other")]).await;
    let event = local.only(EventState::Dead).await;
    assert_eq!(event.last_error.as_deref(), Some("there is no function f"));
    local.stop().await;
}
