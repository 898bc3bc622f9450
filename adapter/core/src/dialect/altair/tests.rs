use lambda_protocol::fault::FaultKind;

use super::*;
use crate::dialect::tests::{call, exchange, faulted, head, returned, told};

#[track_caller]
fn check_call(line: &str, mode: Mode, path: &str) {
    assert_eq!(
        Altair.parse(&head(line, &[])),
        Some(Ok(call("dev/echo", mode, path, None))),
        "parsing {line}"
    );
}

#[track_caller]
fn check_rejected(line: &str, rejection: Rejection) {
    assert_eq!(Altair.parse(&head(line, &[])), Some(Err(rejection)), "parsing {line}");
}

#[track_caller]
fn check_told(line: &str, rejection: &Rejection, status: u16, fields: &[&str], body: &str) {
    let head = head(line, &[]);
    let (told_status, told_fields, told_body) = told(&Altair.reject(&exchange(&head), rejection));
    let mut expected = vec!["content-type: application/json"];
    expected.extend(fields);
    expected.sort_unstable();
    assert_eq!(
        (told_status, told_fields, told_body.as_str()),
        (status, expected.iter().map(ToString::to_string).collect(), body)
    );
}

const SYNC: &str = "POST /spaces/dev/functions/echo/invoke";
const ASYNC: &str = "POST /spaces/dev/functions/echo/async-invoke";

#[test]
fn what_follows_the_operation_is_the_functions_path() {
    check_call(SYNC, Mode::Sync, "/");
    check_call(&format!("{SYNC}/"), Mode::Sync, "/");
    check_call(&format!("{SYNC}/a%2Fb/c?d=1"), Mode::Sync, "/a%2Fb/c");
    check_call(&format!("{ASYNC}/a"), Mode::Async, "/a");
    check_call("GET /spaces/%64ev/functions/%65cho/invoke", Mode::Sync, "/");
}

#[test]
fn three_levels_are_the_most() {
    check_call(&format!("{SYNC}/a/b/c"), Mode::Sync, "/a/b/c");
    check_call(&format!("{SYNC}/a/b/c/"), Mode::Sync, "/a/b/c/");
    check_call(&format!("{SYNC}/a//c"), Mode::Sync, "/a//c");
    check_rejected(&format!("{SYNC}/a/b/c/d"), Rejection::Route);
    check_rejected(&format!("{SYNC}/a/b/c//"), Rejection::Route);
}

#[test]
fn each_operation_has_its_methods() {
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        check_call(&SYNC.replace("POST", method), Mode::Sync, "/");
    }
    check_rejected(&SYNC.replace("POST", "HEAD"), Rejection::Method { allow: SYNC_METHODS });
    check_rejected(&ASYNC.replace("POST", "PUT"), Rejection::Method { allow: &[Method::POST] });
}

#[test]
fn all_else_in_a_space_is_a_route_that_we_do_not_have() {
    for path in
        ["", "dev", "dev/things/a", "dev/functions", "dev/functions/echo", "dev/functions/echo/invokes"]
    {
        check_rejected(&format!("POST /spaces/{path}"), Rejection::Route);
    }
    for path in ["/", "/spaces", "/space/dev/functions/echo/invoke"] {
        assert_eq!(Altair.parse(&head(&format!("POST {path}"), &[])), None, "{path}");
    }
}

#[test]
fn a_name_cannot_reach_beyond_its_place() {
    for (space, name) in
        [("dev%2Fecho", "x"), ("dev", "echo%2Fx"), ("", "echo"), ("dev", ""), ("dev", ".."), ("d.v", "echo")]
    {
        check_rejected(&format!("POST /spaces/{space}/functions/{name}/invoke"), Rejection::UnknownFunction);
    }
}

#[test]
fn a_callback_is_kept_for_asynchronous_calls_only() {
    let headers = [("x-callback-url", "https://caller.example/done")];
    let kept = call("dev/echo", Mode::Async, "/", Some("https://caller.example/done"));
    assert_eq!(Altair.parse(&head(ASYNC, &headers)), Some(Ok(kept)));
    assert_eq!(Altair.parse(&head(SYNC, &headers)), Some(Ok(call("dev/echo", Mode::Sync, "/", None))));
}

#[test]
fn an_answer_is_the_functions_own() {
    let head = head(SYNC, &[]);
    let call = call("dev/echo", Mode::Sync, "/", None);
    let rendered = told(&Altair.render(&exchange(&head), &call, &returned(&[("x-a", "1")])));
    assert_eq!(rendered, (418, vec!["x-a: 1".to_owned()], "<as is>".to_owned()));
    let accepted = told(&Altair.render(&exchange(&head), &call, &Outcome::Accepted));
    assert_eq!(accepted, (202, vec!["content-type: application/json".to_owned()], "{}".to_owned()));
}

#[test]
fn a_fault_tells_what_is_known_of_it() {
    let head = head(SYNC, &[]);
    let call = call("dev/echo", Mode::Sync, "/", None);
    for (error_type, info, message, details) in [
        (
            Some("E"),
            Some("m"),
            "E: m",
            r#"{"exception_info":"m","exception_trace":["at line 1"],"exception_type":"E"}"#,
        ),
        (None, Some("m"), "m", r#"{"exception_info":"m","exception_trace":["at line 1"]}"#),
        (Some("E"), None, "E", r#"{"exception_trace":["at line 1"],"exception_type":"E"}"#),
        (None, None, "the function failed", r#"{"exception_trace":["at line 1"]}"#),
    ] {
        let outcome = faulted(FaultKind::Thrown, error_type, info);
        let (status, _, body) = told(&Altair.render(&exchange(&head), &call, &outcome));
        let expected = format!(r#"{{"error":{{"status":500,"message":"{message}","details":{details}}}}}"#);
        assert_eq!((status, body), (500, expected));
    }
}

#[test]
fn the_kind_of_fault_decides_the_status() {
    let head = head(SYNC, &[]);
    let call = call("dev/echo", Mode::Sync, "/", None);
    for (kind, status) in [
        (FaultKind::Thrown, 500),
        (FaultKind::Crashed, 500),
        (FaultKind::TimedOut, 504),
        (FaultKind::ResponseTooLarge, 502),
    ] {
        let rendered = Altair.render(&exchange(&head), &call, &faulted(kind, None, None));
        assert_eq!(rendered.head.status, status, "{kind:?}");
    }
}

#[test]
fn not_ready_is_a_promise_only_where_the_caller_waits() {
    let rejection = Rejection::NotReady("Pending".to_owned());
    check_told(SYNC, &rejection, 202, &[], r#"{"details":"function not ready"}"#);
    let body = r#"{"error":{"status":503,"message":"function not ready"}}"#;
    check_told(ASYNC, &rejection, 503, &["retry-after: 1"], body);
}

#[test]
fn errors_are_objects_with_their_status() {
    let body = r#"{"error":{"status":401,"message":"Unauthenticated"}}"#;
    check_told(SYNC, &Rejection::Unauthenticated, 401, &[], body);
    let body = r#"{"error":{"status":405,"message":"method not allowed"}}"#;
    check_told(ASYNC, &Rejection::Method { allow: ASYNC_METHODS }, 405, &["allow: POST"], body);
    let body = r#"{"error":{"status":503,"message":"the gateway is shutting down"}}"#;
    check_told(SYNC, &Rejection::Draining, 503, &["retry-after: 1"], body);
    let body = r#"{"error":{"status":400,"message":"a \"quoted\" word"}}"#;
    check_told(SYNC, &Rejection::Malformed("a \"quoted\" word".to_owned()), 400, &[], body);
}
