//! What is accepted, and what is not.

use event_queue::{EventQueue, Limits, limits::Total};
use http::StatusCode;
use lambda_local::{Settings, events::EventState};
use serde_json::{Value, json};

use super::{Events, told};
use crate::running::{Running, check_refusal, function, header};

const ID: (&str, &str) = ("x-amzn-requestid", "0b3a2f1e-0000-4000-8000-00000000000a");

/// Nothing is run, so that what is accepted stays to be seen.
fn nothing_runs() -> Settings {
    Settings { account_concurrency: 0, ..Settings::default() }
}

#[tokio::test]
async fn an_event_is_answered_without_a_body_before_it_runs() {
    let local = Events::start(nothing_runs(), vec![function("f")]).await;
    let trace =
        ("x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1");
    let answer = local.event("f", &[ID, trace], "{}").await;
    assert_eq!((answer.status(), answer.body().len()), (StatusCode::ACCEPTED, 0));
    assert_eq!(header(&answer, "x-amzn-requestid"), Some(ID.1));
    assert_eq!(
        header(&answer, "x-amzn-trace-id"),
        Some("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1")
    );
    assert_eq!(header(&answer, "x-amz-executed-version"), None);
    let event = local.only(EventState::Queued).await;
    assert_eq!((event.id.as_str(), event.function.as_str(), event.attempts), (ID.1, "f", 0));
    local.stop().await;
}

#[tokio::test]
async fn what_is_no_event_is_refused_before_it_is_accepted() {
    let local = Events::start(nothing_runs(), vec![function("f")]).await;
    assert_eq!(local.event("f", &[], "{").await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(local.event("nobody", &[], "{}").await.status(), StatusCode::NOT_FOUND);
    let largest = format!("\"{}\"", "x".repeat(1_048_574));
    assert_eq!(local.event("f", &[], &largest).await.status(), StatusCode::ACCEPTED);
    let text = "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)";
    let answer = local.event("f", &[], &format!("{largest} ")).await;
    check_refusal(&answer, 413, "RequestEntityTooLargeException", &json!({"message": text}));
    assert_eq!(local.list().await.len(), 1);
    local.stop().await;
}

#[tokio::test]
async fn a_client_context_is_not_looked_at_and_not_handed_on() {
    let local = Events::with(told("f")).await;
    let context = ("x-amz-client-context", "no base64");
    assert_eq!(local.event("f", &[context], r#"{"do":"headers"}"#).await.status(), StatusCode::ACCEPTED);
    let heard = &local.record("good").await["responsePayload"];
    assert_eq!(heard.get("lambda-runtime-client-context"), None);
    assert_eq!(
        heard["lambda-runtime-invoked-function-arn"],
        "arn:aws:lambda:us-east-1:000000000000:function:f"
    );
    local.stop().await;
}

#[tokio::test]
async fn the_qualifier_is_kept_with_the_event() {
    let local = Events::with(told("f")).await;
    let target = "/2015-03-31/functions/f/invocations?Qualifier=%24LATEST";
    let event = [("x-amz-invocation-type", "Event")];
    local.running.call(target, &event, r#"{"do":"headers"}"#).await;
    let arn = local.record("good").await["responsePayload"]["lambda-runtime-invoked-function-arn"].take();
    assert_eq!(arn, "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST");
    local.stop().await;
}

#[tokio::test]
async fn the_same_event_under_the_same_id_is_one_and_another_event_is_another() {
    let local = Events::start(nothing_runs(), vec![function("f"), function("g")]).await;
    for (function, event, there) in [("f", "1", 1), ("f", "1", 1), ("f", "2", 2), ("g", "1", 3)] {
        let answer = local.event(function, &[ID], event).await;
        assert_eq!((answer.status(), header(&answer, ID.0)), (StatusCode::ACCEPTED, Some(ID.1)));
        assert_eq!(local.list().await.len(), there);
    }
    assert!(local.list().await.iter().all(|event| event.id.starts_with(ID.1)));
    local.stop().await;
}

#[tokio::test]
async fn the_deprecated_call_is_an_event_of_a_quarter_of_the_size() {
    let local = Events::with(told("f")).await;
    for path in ["/2014-11-13/functions/f/invoke-async/", "/2014-11-13/functions/f/invoke-async"] {
        let answer = local.running.call(path, &[], r#"{"a": 1}"#).await;
        assert_eq!((answer.status(), answer.body().len()), (StatusCode::ACCEPTED, 0));
        let id = header(&answer, "x-amzn-requestid").unwrap().to_owned();
        let record = local.record("good").await;
        assert_eq!(
            (&record["requestContext"]["requestId"], &record["requestPayload"]),
            (&json!(id), &json!({"a": 1}))
        );
    }
    let path = "/2014-11-13/functions/f/invoke-async/";
    assert_eq!(local.running.call(path, &[], "{").await.status(), StatusCode::BAD_REQUEST);
    let large = format!("\"{}\"", "x".repeat(262_143));
    let text = "262145 byte payload is too large for the Event invocation type (limit 262144 bytes)";
    let answer = local.running.call(path, &[], &large).await;
    check_refusal(&answer, 413, "RequestEntityTooLargeException", &json!({"message": text}));
    let answer = local.running.call("/2014-11-13/functions/nobody/invoke-async/", &[], "{}").await;
    let text = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody:$LATEST";
    let body = json!({"Type": "User", "Message": text});
    check_refusal(&answer, 404, "ResourceNotFoundException", &body);
    local.stop().await;
}

#[tokio::test]
async fn a_full_queue_is_a_throttle_and_nothing_that_was_accepted_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let total = Total { limit_bytes: 4_096, reserve_bytes: 0 };
    let queue = EventQueue::open(&folder.path().join("events.db"), Limits { total, ..Limits::default() });
    let settings = Settings { events: Some(queue.unwrap()), ..nothing_runs() };
    let local = Events { running: Running::start(settings, vec![function("f")]).await, folder };
    let mut accepted = 0;
    let refused = loop {
        let answer = local.event("f", &[], "{}").await;
        if answer.status() != StatusCode::ACCEPTED {
            break answer;
        }
        accepted += 1;
    };
    assert_eq!(header(&refused, "x-amzn-errortype"), Some("TooManyRequestsException"));
    let body: Value = serde_json::from_slice(refused.body()).unwrap();
    assert_eq!(body["Reason"], "CallerRateLimitExceeded");
    assert!(body["message"].as_str().unwrap().contains("4096 bytes"), "{body}");
    assert_eq!(local.list().await.len(), accepted);
    local.stop().await;
}
