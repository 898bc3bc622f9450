//! The whole loop: a function's process against a Runtime API that has a few invocations for it and notes what it says.

#![expect(clippy::unwrap_used, reason = "clippy takes only functions marked #[test] for tests")]

mod conversation;
#[cfg(feature = "durable")]
mod durable;
mod runtime_api;
mod stream;

use std::{
    env,
    process::{ExitCode, Output},
    time::Duration,
};

use conversation::{as_function, converse};
use runtime_api::ARN;
use serde_json::{Value, json};
use stayput_runtime::{
    Bytes, Context, Error,
    http::{Request, Response},
};

/// No test, but the function that the tests start: this same program again, with Lambda's variables set.
#[test]
fn function() {
    let ended = match env::var(FUNCTION).as_deref() {
        Ok("event") => stayput_runtime::run_event(event_function),
        Ok("http") => stayput_runtime::run_http(http_function),
        Ok("event stream") => stayput_runtime::run_event_stream(stream::event_function),
        Ok("http stream") => stayput_runtime::run_http_stream(stream::http_function),
        #[cfg(feature = "durable")]
        Ok("durable") => durable::run(),
        #[cfg(feature = "durable")]
        Ok("durable app") => durable::run_app(),
        Ok(_) | Err(_) => return,
    };
    assert_eq!(ended, ExitCode::SUCCESS);
}

async fn event_function(event: Value, context: Context) -> Result<Value, Error> {
    tracing::info!("working");
    match event.as_str() {
        Some("fail") => Err(Error::new("OrderUnknown", "there is no order 7").caused_by(std::fmt::Error)),
        Some("panic") => panic!("boom"),
        Some("context") => Ok(json!([
            context.request_id,
            context.function_name,
            context.function_version,
            context.function_arn,
            context.trace,
            context.client_context.as_ref().map(|sent| &sent["custom"]),
            context.remaining() > Duration::from_secs(60),
        ])),
        _ => Ok(event),
    }
}

async fn http_function(request: Request<Bytes>, _: Context) -> Result<Response<Bytes>, Error> {
    let answer = Response::builder().status(201).header("x-path", request.uri().path());
    Ok(answer.body(request.into_body())?)
}

#[test]
fn an_event_is_answered_byte_for_byte_of_its_json() {
    let told = converse("event", &[], &[r#"{"a":[1,"ü"]}"#]).said();
    assert_eq!(told, [("response".to_owned(), r#"{"a":[1,"ü"]}"#.to_owned())]);
}

#[test]
fn a_handler_knows_its_invocation() {
    let told = converse("event", &[], &[r#""context""#]).said();
    let expected = json!(["id-0", "stock", "$LATEST", ARN, "Root=1-0-0;Sampled=0", {"tenant": "7"}, true]);
    assert_eq!(told, [("response".to_owned(), expected.to_string())]);
}

#[test]
fn a_failure_and_a_panic_are_told_by_name_and_the_next_call_is_served() {
    let told = converse("event", &[], &[r#""fail""#, r#""panic""#, "7"]).said();
    let fault = |name: &str, message: &str| {
        ("error".to_owned(), format!(r#"{{"errorType":"{name}","errorMessage":"{message}"}}"#))
    };
    let unknown = fault("OrderUnknown", "there is no order 7");
    assert_eq!(told, [unknown, fault(Error::PANIC, "boom"), ("response".to_owned(), "7".to_owned())]);
}

#[test]
fn an_event_that_is_no_json_is_a_fault_of_our_name() {
    let told = converse("event", &[], &["{", "7"]).said();
    assert!(told[0].1.starts_with(r#"{"errorType":"InvalidEvent","#), "{told:?}");
    assert_eq!(told[1], ("response".to_owned(), "7".to_owned()));
}

#[test]
fn an_http_request_is_answered_in_lambdas_form() {
    let event = json!({
        "version": "2.0", "rawPath": "/a%20b", "rawQueryString": "", "headers": {"host": "h"},
        "requestContext": {"http": {"method": "POST", "path": "/a%20b"}}, "body": "AP8=", "isBase64Encoded": true,
    });
    let told = converse("http", &[], &[&event.to_string(), "{}"]).said();
    let answer: Value = serde_json::from_str(&told[0].1).unwrap();
    assert_eq!((&answer["statusCode"], &answer["headers"]["x-path"]), (&json!(201), &json!("/a%20b")));
    assert_eq!((&answer["body"], &answer["isBase64Encoded"]), (&json!("AP8="), &json!(true)));
    assert!(told[1].1.starts_with(r#"{"errorType":"InvalidEvent","#), "{told:?}");
}

#[track_caller]
fn check_log(variables: &[(&str, &str)], expected: &[&str]) {
    let log = converse("event", variables, &[r#""fail""#]).log;
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("id-0")).collect();
    assert_eq!(lines.len(), expected.len(), "{log}");
    for (line, part) in lines.iter().zip(expected) {
        assert!(line.contains(part), "{part} in {line}");
    }
}

#[test]
fn log_lines_carry_the_request_id_and_a_fault_its_cause() {
    let fault = r#"ERROR invocation{request_id="id-0"}: OrderUnknown: there is no order 7, caused by: "#;
    check_log(&[], &[r#" INFO invocation{request_id="id-0"}: working"#, fault]);
    check_log(&[("AWS_LAMBDA_LOG_LEVEL", "ERROR")], &[fault]);
}

#[test]
fn log_lines_are_json_where_lambda_says_so() {
    let log = converse("event", &[("AWS_LAMBDA_LOG_FORMAT", "JSON")], &["7"]).log;
    let line = log.lines().find(|line| line.starts_with('{')).expect("a line of JSON");
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["level"], &line["message"]), (&json!("INFO"), &json!("working")));
    assert_eq!(line["span"]["request_id"], "id-0");
    assert!(line["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
}

#[test]
fn outside_lambda_the_program_says_how_to_start_it() {
    let program = std::process::Command::new(env::current_exe().unwrap());
    let mut program = as_function(program, "event");
    let Output { status, stdout, .. } = program.env_remove("AWS_LAMBDA_RUNTIME_API").output().unwrap();
    let log = String::from_utf8(stdout).unwrap();
    assert!(!status.success());
    assert!(
        log.contains("AWS_LAMBDA_RUNTIME_API is not set or unusable: start the function with `stayput dev`"),
        "{log}"
    );
}

/// Makes this program the function of that name.
const FUNCTION: &str = "STAYPUT_RUNTIME_TEST_FUNCTION";
