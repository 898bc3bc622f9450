//! How environments end, and who hears of it.

use std::time::Duration;

use http::StatusCode;
use lambda_local::Settings;
use serde_json::json;
use tokio::net::TcpListener;

use crate::running::{Running, UNHANDLED, check_exit, function, header, outcome, see_end};

#[tokio::test]
async fn a_function_that_takes_too_long_is_answered_at_its_timeout_and_killed() {
    let mut hanging = function("hanging");
    hanging.timeout = Duration::from_secs(1);
    let local = Running::with(hanging).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let event = json!({"do": "meet", "port": port}).to_string();
    let began = std::time::Instant::now();
    let (answer, meeting) = tokio::join!(local.invoke("hanging", &event), listener.accept());
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(3), "{took:?}");
    let id = header(&answer, "x-amzn-requestid").unwrap();
    let message = format!("RequestId: {id} Error: Task timed out after 1.00 seconds");
    let expected = json!({"errorType": "Sandbox.Timedout", "errorMessage": message});
    assert_eq!(outcome(&answer), (expected, UNHANDLED));
    see_end(&mut meeting.unwrap().0).await;
    assert_eq!(outcome(&local.invoke("hanging", "{}").await), (json!({}), None));
    local.stop().await;
}

#[tokio::test]
async fn a_process_that_ends_is_told_as_aws_tells_it() {
    let local = Running::with(function("echo")).await;
    let exited = "Runtime exited with error: exit status 127";
    check_exit(&local.invoke("echo", r#"{"do":"exit","code":127}"#).await, exited);
    let exited = "Runtime exited without providing a reason";
    check_exit(&local.invoke("echo", r#"{"do":"exit","code":0}"#).await, exited);
    let killed = "Runtime exited with error: signal: killed";
    check_exit(&local.invoke("echo", r#"{"do":"kill","signal":9}"#).await, killed);
    assert_eq!(outcome(&local.invoke("echo", "{}").await), (json!({}), None));
    local.stop().await;
}

#[tokio::test]
async fn an_answer_counts_even_if_the_process_ends_with_it() {
    let local = Running::with(function("echo")).await;
    for _ in 0..5 {
        let answer = local.invoke("echo", r#"{"do":"answer-and-exit"}"#).await;
        assert_eq!(outcome(&answer), (json!("answered"), None));
    }
    local.stop().await;
}

#[tokio::test]
async fn idle_environments_end() {
    let settings = Settings { idle_after: Duration::from_millis(100), ..Settings::default() };
    let local = Running::start(settings, vec![function("echo")]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let event = json!({"do": "stay-met", "port": listener.local_addr().unwrap().port()}).to_string();
    let (answer, meeting) = tokio::join!(local.invoke("echo", &event), listener.accept());
    assert_eq!(outcome(&answer).1, None);
    see_end(&mut meeting.unwrap().0).await;
    let (said, _) = outcome(&local.invoke("echo", r#"{"do":"count"}"#).await);
    assert_eq!(said["calls"], 1);
    local.stop().await;
}

#[tokio::test]
async fn shutdown_ends_running_calls_and_their_processes() {
    let local = Running::with(function("echo")).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let event = json!({"do": "meet", "port": listener.local_addr().unwrap().port()}).to_string();
    let stop = async {
        let (mut meeting, _) = listener.accept().await.unwrap();
        local.local.shutdown().await;
        see_end(&mut meeting).await;
    };
    let (answer, ()) = tokio::join!(local.invoke("echo", &event), stop);
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(header(&answer, "x-amzn-errortype"), Some("ServiceException"));
    assert_eq!(local.invoke("echo", "{}").await.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
