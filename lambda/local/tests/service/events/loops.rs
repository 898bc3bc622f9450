//! Functions that call themselves, by whatever way, again and again.

use http::StatusCode;
use lambda_local::{Settings, function::RecursiveLoop};
use serde_json::{Value, json};

use super::{Events, config, lambda, told};
use crate::running::{check_refusal, function};

/// A trace in which the function `f` has run so often.
fn trace(runs: u32) -> String {
    let hash = crc32fast::hash(b"f");
    format!("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0;Lineage=1:{hash:08x}:{}", runs - 1)
}

const HEADER: &str = "x-amzn-trace-id";

#[tokio::test]
async fn a_function_hears_how_often_it_ran_in_this_trace() {
    let local = Events::with(told("f")).await;
    let (before, after) = (trace(3), trace(4));
    local.event("f", &[(HEADER, &before)], r#"{"do":"headers"}"#).await;
    let heard = local.record("good").await["responsePayload"]["lambda-runtime-trace-id"].take();
    let lineage = after.rsplit_once(';').unwrap().1;
    assert!(heard.as_str().unwrap().ends_with(lineage), "{heard}");
    local.stop().await;
}

#[tokio::test]
async fn an_event_that_goes_round_in_circles_is_stopped_and_told_as_a_failure() {
    let local = Events::with(told("f")).await;
    local.event("f", &[(HEADER, &trace(15))], "{}").await;
    assert_eq!(local.record("good").await["requestContext"]["condition"], "Success");
    local.event("f", &[(HEADER, &trace(16))], "{}").await;
    let record = local.record("bad").await;
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 0);
    assert_eq!(record["responsePayload"]["errorType"], "RecursiveInvocationException");
    assert_eq!(record["responseContext"]["statusCode"], 400);
    local.stop().await;
}

#[tokio::test]
async fn a_synchronous_call_in_a_loop_is_refused() {
    let local = Events::with(told("f")).await;
    let path = "/2015-03-31/functions/f/invocations";
    let answer = local.running.call(path, &[(HEADER, &trace(16))], "{}").await;
    let text = "Lambda has detected your function being invoked in a recursive loop with other AWS resources and stopped your function's invocation.";
    let body = json!({"Type": "User", "Message": text});
    check_refusal(&answer, 400, "RecursiveInvocationException", &body);
    local.stop().await;
}

#[tokio::test]
async fn whoever_allows_loops_has_them() {
    let mut allowed = told("f");
    allowed.events.recursive_loop = RecursiveLoop::Allow;
    let local = Events::with(allowed).await;
    local.event("f", &[(HEADER, &trace(500))], "{}").await;
    assert_eq!(local.record("good").await["requestContext"]["condition"], "Success");
    let path = "/2015-03-31/functions/f/invocations";
    let answer = local.running.call(path, &[(HEADER, &trace(500))], "{}").await;
    assert_eq!(answer.status(), StatusCode::OK);
    local.stop().await;
}

#[tokio::test]
async fn two_functions_that_are_each_others_destination_are_stopped() {
    let (mut one, mut two) = (told("f"), function("two"));
    config(&mut one).on_success = Some(lambda("two"));
    config(&mut two).on_success = Some(lambda("f"));
    let local = Events::start(Settings::default(), vec![one, two]).await;
    // Each record holds the one before it twice: a whole loop would be stopped by its size.
    local.event("f", &[(HEADER, &trace(13))], "{}").await;
    let record: Value = local.record("bad").await;
    assert_eq!(record["responsePayload"]["errorType"], "RecursiveInvocationException");
    local.stop().await;
}
