//! What each dialect's callers are told of each end.

use std::time::SystemTime;

use http::StatusCode;
use lambda_protocol::{
    fault::{Fault, FaultKind},
    function::FunctionRef,
};
use uuid::Uuid;

use super::*;
use crate::{
    Answer, Failure, FunctionKey,
    callback::{CallbackUrl, Hops, NotRun},
    dialect::{Altair, Eywa, OpenFaas, Stedi},
};

const ID: &str = "01980000-0000-7000-8000-000000000001";

fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs =
        fields.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    pairs.collect()
}

fn ticket(echo: &[(&'static str, &'static str)]) -> Ticket {
    Ticket {
        invocation: Uuid::parse_str(ID).unwrap(),
        key: "erp".to_owned(),
        dialect: String::new(),
        function: FunctionKey::new("echo.team"),
        lambda: FunctionRef::new("echo-fn"),
        qualifier: None,
        callback: CallbackUrl::read(b"https://caller.example/done").unwrap(),
        echo: map(echo),
        created: SystemTime::UNIX_EPOCH,
        expires: SystemTime::UNIX_EPOCH,
        hops: Hops(1),
    }
}

fn returned(status: u16, fields: &[(&'static str, &'static str)]) -> Ended {
    let status = StatusCode::from_u16(status).unwrap();
    Ended::Returned(Answer { status, headers: map(fields), log_result: None })
}

fn faulted(kind: FaultKind) -> Ended {
    let fault = Fault {
        error_type: Some("BadWidth".to_owned()),
        error_message: Some("width is 0".to_owned()),
        trace: Vec::new(),
    };
    Ended::Faulted(Failure {
        function_error: HeaderValue::from_static("Unhandled"),
        kind,
        fault,
        log_result: None,
    })
}

/// The callback's own fields, in the order of their names, and its body; the fields of every callback are checked and
/// left out.
fn told_when(
    dialect: &dyn Dialect,
    echo: &[(&'static str, &'static str)],
    ended: &Ended,
    when: When,
) -> Option<(Vec<String>, String)> {
    let ticket = ticket(echo);
    let ending = Ending { ticket: &ticket, ended, elapsed: Duration::from_millis(1_500), when };
    let Callback { mut headers, body } = render(dialect, &ending, Bytes::from_static(b"body"))?;
    for (name, expected) in [("user-agent", "stayput"), ("webhook-id", ID), ("x-stayput-hops", "1")] {
        assert_eq!(headers.remove(name).unwrap(), expected, "{name}");
    }
    let mut fields: Vec<String> =
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    fields.sort();
    Some((fields, String::from_utf8(body.to_vec()).unwrap()))
}

#[track_caller]
fn check(dialect: &dyn Dialect, ended: &Ended, fields: &[&str], body: &str) {
    let (told, told_body) = told_when(dialect, &[], ended, When::Platform).unwrap();
    assert_eq!((told.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), &*told_body), (fields, body));
}

#[test]
fn altair_tells_the_functions_answer_and_its_status() {
    let answer =
        returned(418, &[("content-type", "text/plain"), ("x-tag", "1"), ("x-callback-url", "http://a")]);
    check(&Altair, &answer, &["content-type: text/plain", "x-function-status: 418", "x-tag: 1"], "body");
}

#[test]
fn altair_tells_failures_as_it_answers_them() {
    let details = r#""details":{"exception_info":"width is 0","exception_type":"BadWidth"}"#;
    for (kind, status) in [
        (FaultKind::Thrown, 500),
        (FaultKind::Crashed, 500),
        (FaultKind::TimedOut, 504),
        (FaultKind::ResponseTooLarge, 502),
    ] {
        let body = format!(r#"{{"error":{{"status":{status},"message":"BadWidth: width is 0",{details}}}}}"#);
        let status = format!("x-function-status: {status}");
        check(&Altair, &faulted(kind), &["content-type: application/json", &status], &body);
    }
    check(
        &Altair,
        &Ended::NotRun(NotRun::Aged),
        &["content-type: application/json", "x-function-status: 503"],
        r#"{"error":{"status":503,"message":"the call waited too long for the function"}}"#,
    );
    check(
        &Altair,
        &Ended::Unusable("no status".to_owned()),
        &["content-type: application/json", "x-function-status: 502"],
        r#"{"error":{"status":502,"message":"the function's answer cannot be used: no status"}}"#,
    );
}

#[test]
fn eywa_tells_successes_with_the_body_its_type_and_ids() {
    let answer = returned(201, &[("content-type", "application/json"), ("x-tag", "1")]);
    let (fields, body) = told_when(&Eywa, &[("x-request-id", "r-1")], &answer, When::Platform).unwrap();
    let expected = [
        "content-type: application/json",
        "x-function-id: echo.team",
        "x-function-name: echo-fn",
        "x-function-status: 201",
        "x-request-id: r-1",
    ];
    assert_eq!((fields.as_slice(), &*body), (expected.map(str::to_owned).as_slice(), "body"));
    check(
        &Eywa,
        &returned(399, &[]),
        &["x-function-id: echo.team", "x-function-name: echo-fn", "x-function-status: 399"],
        "body",
    );
}

#[test]
fn eywa_is_silent_about_failures_unless_it_is_always_to_tell() {
    let failures = [
        (returned(400, &[("content-type", "a/b")]), "400", "body"),
        (returned(500, &[]), "500", "body"),
        (faulted(FaultKind::Thrown), "500", "width is 0"),
        (faulted(FaultKind::TimedOut), "504", "\"Service Unavailable\"\n"),
        (faulted(FaultKind::ResponseTooLarge), "502", "\"Service Unavailable\"\n"),
        (Ended::Unusable("no status".to_owned()), "502", "\"Service Unavailable\"\n"),
        (Ended::NotRun(NotRun::NoConcurrency), "503", "\"Service Unavailable\"\n"),
    ];
    for (ended, status, expected) in &failures {
        assert_eq!(told_when(&Eywa, &[], ended, When::Platform), None, "{ended:?}");
        let (fields, body) = told_when(&Eywa, &[], ended, When::Always).unwrap();
        assert!(fields.contains(&format!("x-function-status: {status}")), "{ended:?}: {fields:?}");
        assert_eq!(body, *expected);
    }
}

#[test]
fn openfaas_tells_the_answer_whatever_its_status_and_whose_it_is() {
    let answer = returned(500, &[("content-type", "application/json"), ("x-tag", "1")]);
    let (fields, body) =
        told_when(&OpenFaas, &[("x-call-id", "c-1"), ("content-type", "a/b")], &answer, When::Platform)
            .unwrap();
    let expected = [
        "content-type: application/json",
        "x-call-id: c-1",
        "x-duration-seconds: 1.500000",
        "x-function-name: echo.team",
        "x-function-status: 500",
        "x-tag: 1",
    ];
    assert_eq!((fields.as_slice(), &*body), (expected.map(str::to_owned).as_slice(), "body"));
    let (fields, _) =
        told_when(&OpenFaas, &[("content-type", "a/b")], &returned(200, &[]), When::Platform).unwrap();
    assert!(fields.contains(&"content-type: a/b".to_owned()), "{fields:?}");
    let (fields, _) = told_when(&OpenFaas, &[], &returned(200, &[]), When::Platform).unwrap();
    assert!(fields.contains(&"content-type: text/plain".to_owned()), "{fields:?}");
}

#[test]
fn openfaas_tells_failures_as_its_parts_answered_them() {
    let common = ["x-duration-seconds: 1.500000", "x-function-name: echo.team"];
    let text = ["content-type: text/plain; charset=utf-8", "x-content-type-options: nosniff"];
    let check = |ended: &Ended, status: &str, internal: &[&str], body: &str| {
        let status = format!("x-function-status: {status}");
        let mut fields: Vec<&str> = common.iter().chain(internal).copied().chain([&*status]).collect();
        if !body.is_empty() {
            fields.extend(text);
        }
        fields.sort_unstable();
        check(&OpenFaas, ended, &fields, body);
    };
    check(&faulted(FaultKind::Thrown), "500", &[], "width is 0");
    check(
        &faulted(FaultKind::Crashed),
        "500",
        &["x-openfaas-internal: proxy"],
        "Can't reach service for: echo.team.\n",
    );
    check(&faulted(FaultKind::TimedOut), "504", &["x-openfaas-internal: of-watchdog"], "");
    check(
        &faulted(FaultKind::ResponseTooLarge),
        "502",
        &["x-openfaas-internal: gateway"],
        "the function's answer is too large\n",
    );
    check(&Ended::NotRun(NotRun::Aged), "503", &[], "");
    check(&Ended::NotRun(NotRun::NoConcurrency), "503", &[], "");
}

#[test]
fn stedi_has_no_callbacks() {
    assert_eq!(told_when(&Stedi, &[], &returned(200, &[]), When::Always), None);
}

#[test]
fn a_user_in_the_url_becomes_a_credential_and_a_function_sets_none() {
    let answer = returned(200, &[("authorization", "Bearer a"), ("host", "internal.example")]);
    let authorization = |url: &str| {
        let ticket = Ticket { callback: CallbackUrl::read(url.as_bytes()).unwrap(), ..ticket(&[]) };
        let ending =
            Ending { ticket: &ticket, ended: &answer, elapsed: Duration::ZERO, when: When::Platform };
        let headers = render(&Altair, &ending, Bytes::new()).unwrap().headers;
        assert!(!headers.contains_key(header::HOST));
        headers.get(header::AUTHORIZATION).cloned()
    };
    assert_eq!(authorization("https://caller.example/done"), None);
    assert_eq!(authorization("https://me:pw@caller.example/done").unwrap(), "Basic bWU6cHc=");
}
