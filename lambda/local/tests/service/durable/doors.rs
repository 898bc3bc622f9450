//! Executions that begin by another way than a call of Lambda's API.

use http::StatusCode;
use lambda_local::{
    Function,
    events::{EventState, Filter, PageToken},
    function::{DurableConfig, EventInvokeConfig, FunctionUrl, InvokeMode},
};
use serde_json::{Value, json};

use super::playing::{Stage, durable};
use crate::running::function;

/// A request to the function's URL, which brings it to the door.
fn request(stage: &Stage, function: &str) -> Vec<u8> {
    let body = stage.input();
    let length = body.len();
    format!(
        "POST /lambda-url/{function}/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

async fn check_url(mode: InvokeMode) {
    let url = FunctionUrl { invoke_mode: mode, ..FunctionUrl::default() };
    let stage = Stage::with(vec![Function { url: Some(url), ..durable("f") }]).await;
    let request = request(&stage, "f");
    let function = async {
        let mut first = stage.invocation().await;
        let wait = json!([{"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 1}}]);
        first.checkpoint(&stage, wait).await;
        first.wait().await;
        let second = stage.invocation().await;
        let input = &second.envelope["InitialExecutionState"]["Operations"][0]["ExecutionDetails"];
        let input: Value = serde_json::from_str(input["InputPayload"].as_str().unwrap()).unwrap();
        assert_eq!((&input["rawPath"], &input["version"]), (&json!("/a"), &json!("2.0")));
        second.succeed(&json!({"statusCode": 418, "body": "short and stout"})).await;
    };
    let mut socket = stage.running.connect().await;
    let ((status, _, body), ()) = tokio::join!(socket.ask(&request), function);
    assert_eq!((status, &*body), (418, &b"short and stout"[..]), "{mode:?}");
    stage.stop().await;
}

#[tokio::test]
async fn a_request_to_a_functions_url_waits_for_the_whole_execution() {
    check_url(InvokeMode::Buffered).await;
    check_url(InvokeMode::ResponseStream).await;
}

#[tokio::test]
async fn a_failed_execution_is_a_502_of_the_url() {
    let stage = Stage::with(vec![durable("f")]).await;
    let function = async {
        stage.invocation().await.answer(json!({"Status": "FAILED", "Error": {"ErrorType": "E"}})).await;
    };
    let mut socket = stage.running.connect().await;
    let request = request(&stage, "f");
    let ((status, _, body), ()) = tokio::join!(socket.ask(&request), function);
    assert_eq!((status, &*body), (502, &b"Internal Server Error"[..]));
    stage.stop().await;
}

#[tokio::test]
async fn nobody_waits_for_more_than_a_quarter_of_an_hour_at_a_url() {
    let config = DurableConfig { execution_timeout_s: 901, retention_days: 1 };
    let stage = Stage::with(vec![Function { durable: Some(config), ..function("long") }]).await;
    let mut socket = stage.running.connect().await;
    let (status, _, body) = socket.ask(&request(&stage, "long")).await;
    assert_eq!(status, 400);
    assert!(body.ends_with(b"executionTimeout greater than 15 minutes.\"}"), "{body:?}");
    stage.stop().await;
}

/// A plain function whose ends go to `target`.
fn telling(target: &str) -> Function {
    let mut first = function("first");
    let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{target}");
    first.events.config = Some(EventInvokeConfig { on_success: Some(arn), ..EventInvokeConfig::default() });
    first
}

/// Sends `first` an event, and plays it.
async fn send(stage: &Stage) {
    let event = [("x-amz-invocation-type", "Event")];
    let sent = stage.running.call("/2015-03-31/functions/first/invocations", &event, &stage.input()).await;
    assert_eq!(sent.status(), StatusCode::ACCEPTED);
    stage.invocation().await.answer(json!("done")).await;
}

#[tokio::test]
async fn a_destination_starts_an_execution() {
    let stage = Stage::with(vec![telling("f:$LATEST"), durable("f")]).await;
    send(&stage).await;
    let played = stage.invocation().await;
    let arn = played.arn().to_owned();
    played.succeed(&json!(1)).await;
    let ended = stage.ended(&arn).await;
    assert_eq!(ended["Result"], "1");
    let record: Value = serde_json::from_str(ended["InputPayload"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&record["requestContext"]["condition"], &record["responsePayload"]),
        (&json!("Success"), &json!("done"))
    );
    assert_eq!(ended["DurableExecutionName"].as_str().unwrap().len(), 36, "it is called by the event's id");
    stage.stop().await;
}

#[tokio::test]
async fn a_destination_without_a_qualifier_starts_none_and_its_event_is_kept() {
    let stage = Stage::with(vec![telling("f"), durable("f")]).await;
    send(&stage).await;
    let log = stage.running.local.events().unwrap();
    let dead = loop {
        let listed = log.list(Filter::default(), PageToken::default(), 100).await.unwrap().events;
        if let Some(dead) = listed.into_iter().find(|event| event.state == EventState::Dead) {
            break dead;
        }
        tokio::task::yield_now().await;
    };
    let why = dead.last_error.unwrap();
    assert!(dead.function == "f" && why.contains("unqualified ARN"), "{why}");
    stage.stop().await;
}
