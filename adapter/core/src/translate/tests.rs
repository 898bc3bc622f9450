use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use lambda_protocol::{
    fault::FaultKind,
    function::FunctionRef,
    quotas::{EVENT_REQUEST_BYTES, SYNC_REQUEST_BYTES},
};
use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::{
    Trace,
    dialect::{Altair, Stedi},
    keys::{Key, Right, Scope},
    table::Function,
};

const ID: Uuid = Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001);

fn invocation(mode: Mode, shape: Shape, logs: bool) -> Invocation {
    let function = Function {
        lambda: FunctionRef::new("echo-fn"),
        qualifier: None,
        payload_is_event: false,
        durable: false,
        streams: false,
        timeout: Duration::from_secs(3),
    };
    let key = Key::new("k", Scope::All, Scope::All, &Right::ALL);
    let event_limit = match mode {
        Mode::Sync => SYNC_REQUEST_BYTES,
        Mode::Async => EVENT_REQUEST_BYTES,
    };
    let (function, key) = (Arc::new(function), Arc::new(key));
    Invocation { function, key, mode, shape, logs, callback: None, idempotency_key: None, event_limit }
}

fn http() -> Shape {
    Shape::Http { path: "/a%2Fb".to_owned() }
}

fn head(target: &str, headers: &[(&str, &str)]) -> request::Parts {
    let mut request = http::Request::builder().method("PUT").uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn exchange(head: &request::Parts) -> Exchange<'_> {
    let peer: SocketAddr = "[::ffff:192.0.2.1]:50000".parse().unwrap();
    let started = SystemTime::UNIX_EPOCH;
    let trace = Trace::join(&head.headers, ID, started);
    Exchange { head, id: ID, trace, peer, started, elapsed: Duration::ZERO }
}

fn encoded(
    dialect: &dyn Dialect,
    invocation: &Invocation,
    body: &[u8],
) -> Result<(request::Parts, Bytes), Rejection> {
    let head =
        head("/spaces/dev/functions/echo/invoke/a%2Fb?x=%20&x=2", &[("authorization", "Bearer s3cret")]);
    encode(dialect, &exchange(&head), invocation, Bytes::copy_from_slice(body), None)
}

/// A reply of Lambda's: status, headers, body.
fn reply(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> (response::Parts, Bytes) {
    let mut response = http::Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    (response.body(()).unwrap().into_parts().0, Bytes::copy_from_slice(body.as_bytes()))
}

#[track_caller]
fn check_error(status: u16, code: &'static str, body: &str, expected: &Rejection) {
    let (head, body) = reply(status, &[("x-amzn-errortype", code)], body);
    let decoded = decode(&invocation(Mode::Sync, Shape::Event, true), &head, body);
    assert_eq!(decoded.as_ref().err(), Some(expected), "{status} {code}");
}

#[test]
fn an_events_bytes_are_the_callers() {
    let (head, payload) =
        encoded(&Stedi, &invocation(Mode::Sync, Shape::Event, true), b"\xff no JSON").unwrap();
    assert_eq!(payload, &b"\xff no JSON"[..]);
    assert_eq!(head.uri, "/2015-03-31/functions/echo-fn/invocations");
    assert_eq!(head.headers["x-amz-invocation-type"], "RequestResponse");
    assert_eq!(head.headers["x-amz-log-type"], "Tail");
    assert_eq!(head.headers["x-amzn-requestid"], ID.to_string());
}

#[test]
fn logs_are_asked_for_only_where_they_may_and_can_be_told() {
    for (dialect, shape, logs) in
        [(&Stedi as &dyn Dialect, Shape::Event, false), (&Altair, http(), true), (&Altair, http(), false)]
    {
        let (head, _) = encoded(dialect, &invocation(Mode::Sync, shape, logs), b"").unwrap();
        assert!(!head.headers.contains_key("x-amz-log-type"), "{} {logs}", dialect.name());
    }
}

#[test]
fn an_http_request_becomes_an_event_without_secrets() {
    let (head, payload) = encoded(&Altair, &invocation(Mode::Async, http(), true), b"hi").unwrap();
    assert_eq!(head.headers["x-amz-invocation-type"], "Event");
    let event: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(event["rawPath"], "/a%2Fb");
    assert_eq!(event["rawQueryString"], "x=%20&x=2");
    assert_eq!(event["requestContext"]["http"]["method"], "PUT");
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "192.0.2.1");
    assert_eq!(event["requestContext"]["requestId"], ID.to_string());
    assert_eq!(event["body"], "hi");
    assert!(!String::from_utf8_lossy(&payload).contains("s3cret"));
}

#[test]
fn a_durable_execution_has_the_calls_id_as_its_name() {
    let head = head("/", &[]);
    let name_of = |durable| {
        let invocation = invocation(Mode::Sync, Shape::Event, false);
        let function = Arc::new(Function { durable, ..Function::clone(&invocation.function) });
        let invocation = Invocation { function, ..invocation };
        let (sent, _) = encode(&Stedi, &exchange(&head), &invocation, Bytes::new(), None).unwrap();
        sent.headers.get("x-amz-durable-execution-name").map(|name| name.to_str().unwrap().to_owned())
    };
    assert_eq!(name_of(true), Some(exchange(&head).id.to_string()));
    assert_eq!(name_of(false), None);
}

#[test]
fn the_largest_body_of_each_shape_fits_lambdas_limit_and_no_larger() {
    let event = invocation(Mode::Sync, Shape::Event, false);
    assert!(encoded(&Stedi, &event, &vec![0xff; body_limit(&event)]).is_ok());
    let over = encoded(&Stedi, &event, &vec![0xff; body_limit(&event) + 1]).unwrap_err();
    assert_eq!(over, Rejection::PayloadTooLarge { limit: 6_291_456 });

    let http = invocation(Mode::Sync, http(), false);
    assert!(encoded(&Altair, &http, &vec![0xff; body_limit(&http)]).is_ok());
    let over = encoded(&Altair, &http, &vec![0xff; SYNC_REQUEST_BYTES]).unwrap_err();
    assert_eq!(over, Rejection::PayloadTooLarge { limit: 4_620_288 });
}

#[test]
fn a_ticket_rides_in_the_event() {
    let head = head("/spaces/dev/functions/echo/async-invoke", &[]);
    let with = |ticket| {
        let invocation = invocation(Mode::Async, http(), true);
        let (_, payload) = encode(&Altair, &exchange(&head), &invocation, Bytes::new(), ticket).unwrap();
        let event: Value = serde_json::from_slice(&payload).unwrap();
        event["requestContext"]["stayput"]["ticket"].clone()
    };
    assert_eq!(with(Some("sealed")), "sealed");
    assert_eq!(with(None), Value::Null);
}

#[test]
fn an_asynchronous_event_has_its_own_limit_which_counts_as_it_is_encoded() {
    let http = Invocation { event_limit: 10_000, ..invocation(Mode::Async, http(), false) };
    assert_eq!(body_limit(&http), 10_000);
    assert!(encoded(&Altair, &http, &[b'a'; 9_000]).is_ok());
    for body in [[b'a'; 9_900], [0xff; 9_900]] {
        assert_eq!(encoded(&Altair, &http, &body).unwrap_err(), Rejection::EventTooLarge { limit: 10_000 });
    }
    let event = invocation(Mode::Async, Shape::Event, false);
    assert_eq!(body_limit(&event), 1_048_576);
    assert!(encoded(&Stedi, &event, &vec![b'a'; 1_048_576]).is_ok());
    let over = encoded(&Stedi, &event, &vec![b'a'; 1_048_577]).unwrap_err();
    assert_eq!(over, Rejection::PayloadTooLarge { limit: 1_048_576 });
}

#[test]
fn the_http_limit_follows_from_lambdas() {
    assert_eq!(HTTP_BODY_BYTES, (SYNC_REQUEST_BYTES - 128 * 1024) / 4 * 3);
}

#[test]
fn lambdas_errors_become_rejections() {
    let said = r#"{"Type":"User","message":"its words"}"#;
    check_error(404, "ResourceNotFoundException", "{}", &Rejection::UnknownFunction);
    check_error(409, "ResourceConflictException", said, &Rejection::NotReady("its words".into()));
    check_error(502, "ResourceNotReadyException", said, &Rejection::NotReady("its words".into()));
    check_error(409, "SnapStartNotReadyException", said, &Rejection::NotReady("its words".into()));
    check_error(413, "RequestEntityTooLargeException", "", &Rejection::PayloadTooLarge { limit: 6_291_456 });
    check_error(400, "InvalidRequestContentException", said, &Rejection::InvalidPayload("its words".into()));
    let throttled = |reason| Rejection::Throttled { reason, retry_after_s: None };
    check_error(429, "TooManyRequestsException", "{}", &throttled("TooManyRequests"));
    let body = r#"{"Reason":"CallerRateLimitExceeded"}"#;
    check_error(429, "TooManyRequestsException", body, &throttled("CallerRateLimitExceeded"));
    for (status, code) in [
        (403, "AccessDeniedException"),
        (403, "UnrecognizedClientException"),
        (403, "InvalidSignatureException"),
        (400, "ValidationException"),
        (502, "KMSAccessDeniedException"),
        (502, "EC2ThrottledException"),
        (502, "ENILimitReachedException"),
        (418, "NewException"),
    ] {
        check_error(status, code, "{}", &Rejection::BackendRefused { code: code.to_owned() });
    }
    for (status, code) in [(500, "ServiceException"), (503, "NewException"), (502, "")] {
        check_error(status, code, "<html>", &Rejection::BackendFailed);
    }
}

#[test]
fn lambdas_own_pause_is_kept() {
    let (head, body) =
        reply(429, &[("x-amzn-errortype", "TooManyRequestsException"), ("retry-after", "7")], "{}");
    let decoded = decode(&invocation(Mode::Sync, http(), false), &head, body).unwrap_err();
    assert_eq!(decoded, Rejection::Throttled { reason: "TooManyRequests", retry_after_s: Some(7) });
}

#[test]
fn an_http_answer_loses_what_must_not_cross() {
    let payload = r#"{"statusCode":404,"headers":{"x-a":"1","connection":"x-b","x-b":"1","x-amz-log-result":"x"},"body":"hi"}"#;
    let (head, body) = reply(200, &[], payload);
    let (outcome, body) = decode(&invocation(Mode::Sync, http(), false), &head, body).unwrap();
    let Outcome::Returned(answer) = outcome else { panic!("{outcome:?}") };
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.headers,
        HeaderMap::from_iter([("x-a".parse().unwrap(), HeaderValue::from_static("1"))])
    );
    assert_eq!(body, "hi");
}

#[test]
fn an_answer_that_is_none_is_the_functions_mistake() {
    let many = format!(r#"{{"statusCode":200,"multiValueHeaders":{{"x":[{}"1"]}}}}"#, r#""1","#.repeat(200));
    for payload in [r#"{"statusCode":99}"#, r#"{"statusCode":200,"#, &many] {
        let (head, body) = reply(200, &[], payload);
        let decoded = decode(&invocation(Mode::Sync, http(), false), &head, body);
        assert!(matches!(decoded, Err(Rejection::BadAnswer(_))), "{payload}: {decoded:?}");
    }
}

#[test]
fn traces_and_logs_are_for_keys_with_the_right_to_them() {
    let fault = r#"{"errorType":"E","errorMessage":"m","trace":["a","b"]}"#;
    for logs in [true, false] {
        let (head, body) =
            reply(200, &[("x-amz-function-error", "Unhandled"), ("x-amz-log-result", "bG9n")], fault);
        let (outcome, body) = decode(&invocation(Mode::Sync, http(), logs), &head, body).unwrap();
        let Outcome::Faulted(failure) = outcome else { panic!("{outcome:?}") };
        assert_eq!(failure.kind, FaultKind::Thrown);
        assert_eq!(failure.fault.trace.is_empty(), !logs);
        assert_eq!(failure.log_result.is_some(), logs);
        assert_eq!(body, fault);
    }
}

#[test]
fn only_the_status_of_its_mode_is_a_success() {
    let accepted = reply(202, &[], "");
    let event = invocation(Mode::Async, http(), true);
    assert_eq!(decode(&event, &accepted.0, accepted.1.clone()), Ok((Outcome::Accepted, Bytes::new())));
    let sync = invocation(Mode::Sync, http(), true);
    assert_eq!(decode(&sync, &accepted.0, accepted.1), Err(Rejection::BackendFailed));
    let ok = reply(200, &[], "{}");
    assert_eq!(decode(&event, &ok.0, ok.1), Err(Rejection::BackendFailed));
}

proptest! {
    #[test]
    fn no_reply_panics(status in 100u16..1000, is_http in any::<bool>(), fails in any::<bool>(), body in any::<Vec<u8>>()) {
        let shape = if is_http { http() } else { Shape::Event };
        let headers: &[_] = if fails { &[("x-amz-function-error", "Unhandled")] } else { &[] };
        let (head, _) = reply(status, headers, "");
        let _ = decode(&invocation(Mode::Sync, shape, true), &head, body.into());
    }

    #[test]
    fn an_event_payload_comes_back_as_it_is(body in any::<Vec<u8>>()) {
        let (head, _) = reply(200, &[], "");
        let decoded = decode(&invocation(Mode::Sync, Shape::Event, true), &head, body.clone().into());
        prop_assert_eq!(decoded.unwrap().1, body);
    }
}
