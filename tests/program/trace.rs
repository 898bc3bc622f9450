//! A trace from the caller to the function, through everything that lies between.

use http::Request;
use serde_json::Value;

use super::{
    calls::once,
    running::{KEY, Running, eventually},
};

#[test]
fn a_function_finds_its_callers_trace() {
    let running = Running::misbehaving();
    let url = format!("{}/2021-11-16/functions/misbehave/invocations", running.shown.gateway);
    let call = Request::post(url)
        .header("authorization", format!("Key {KEY}"))
        .header("accept", "application/octet-stream")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .body(r#"{"do":"headers"}"#.to_owned())
        .expect("a request");
    let answer = once(&call);
    let headers: Value = serde_json::from_slice(&answer.body).expect("the headers of the Runtime API");
    let trace = headers["lambda-runtime-trace-id"].as_str().expect("a trace");
    let (root, rest) = trace.split_once(";Parent=").expect("a parent");
    assert_eq!(root, "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736");
    let (parent, sampled) = rest.split_once(';').expect("a decision");
    assert!(sampled.starts_with("Sampled=1;Lineage=1:"), "{sampled}");
    let told = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{parent}-01");
    assert_eq!(answer.headers["traceparent"], told.as_str(), "the function's parent is the gateway's span");
    eventually(std::time::Duration::from_secs(5), "the log names the trace", || {
        running.stderr().contains("trace_id=4bf92f3577b34da6a3ce929d0e0e4736")
    });
}
