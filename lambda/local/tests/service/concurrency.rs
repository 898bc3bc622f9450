//! Who runs at once, and where.

use http::StatusCode;
use lambda_local::Settings;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::running::{Running, check_refusal, function, outcome, see_end};

#[tokio::test]
async fn calls_in_a_row_share_one_environment() {
    let local = Running::with(function("echo")).await;
    for call in 1..=20 {
        let (said, _) = outcome(&local.invoke("echo", r#"{"do":"count"}"#).await);
        assert_eq!(said["calls"], call);
    }
    local.stop().await;
}

#[tokio::test]
async fn calls_at_once_have_an_environment_each_up_to_the_reservation() {
    let mut reserved = function("reserved");
    reserved.reserved_concurrency = Some(2);
    let local = Running::with(reserved).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let event = json!({"do": "meet", "port": listener.local_addr().unwrap().port()}).to_string();
    let held = async {
        let (mut one, _) = listener.accept().await.unwrap();
        let (mut two, _) = listener.accept().await.unwrap();
        let refused = local.invoke("reserved", "{}").await;
        one.write_all(b"g").await.unwrap();
        two.write_all(b"g").await.unwrap();
        refused
    };
    let (one, two, refused) =
        tokio::join!(local.invoke("reserved", &event), local.invoke("reserved", &event), held);
    assert_eq!((outcome(&one).1, outcome(&two).1), (None, None));
    let body = json!({
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded."
    });
    check_refusal(&refused, 429, "TooManyRequestsException", &body);
    assert_eq!(outcome(&local.invoke("reserved", "{}").await).1, None);
    local.stop().await;
}

#[tokio::test]
async fn the_account_has_a_ceiling_too() {
    let settings = Settings { account_concurrency: 0, ..Settings::default() };
    let local = Running::start(settings, vec![function("echo")]).await;
    let body =
        json!({"Reason": "ConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded."});
    check_refusal(&local.invoke("echo", "{}").await, 429, "TooManyRequestsException", &body);
    local.stop().await;
}

#[tokio::test]
async fn a_call_whose_caller_has_gone_goes_on_and_keeps_its_permit() {
    let mut reserved = function("reserved");
    reserved.reserved_concurrency = Some(1);
    let local = Running::with(reserved).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let event = json!({"do": "meet", "port": listener.local_addr().unwrap().port()}).to_string();
    let mut meeting = tokio::select! {
        answer = local.invoke("reserved", &event) => panic!("{answer:?}"),
        meeting = listener.accept() => meeting.unwrap().0,
    };
    assert_eq!(local.invoke("reserved", "{}").await.status(), StatusCode::TOO_MANY_REQUESTS);
    meeting.write_all(b"g").await.unwrap();
    see_end(&mut meeting).await;
    let answer = loop {
        let answer = local.invoke("reserved", r#"{"do":"count"}"#).await;
        if answer.status() == StatusCode::OK {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(outcome(&answer).0["calls"], 2);
    local.stop().await;
}

#[tokio::test]
async fn a_call_does_not_wait_for_an_environment_that_does_not_come_back() {
    let local = Running::with(function("echo")).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let event = json!({"do": "never-next", "port": listener.local_addr().unwrap().port()}).to_string();
    let (answer, meeting) = tokio::join!(local.invoke("echo", &event), listener.accept());
    assert_eq!(outcome(&answer), (json!("answered"), None));
    assert_eq!(outcome(&local.invoke("echo", "{}").await), (json!({}), None));
    drop(meeting);
    local.stop().await;
}
