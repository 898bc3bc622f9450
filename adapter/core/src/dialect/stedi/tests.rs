use http::{HeaderName, StatusCode};
use lambda_protocol::fault::FaultKind;

use super::*;
use crate::{
    dialect::tests::{ID, exchange, faulted, head, returned, told},
    keys::Right,
};

fn echo(mode: Mode) -> Call {
    Call {
        function: FunctionKey::new("echo"),
        mode,
        shape: Shape::Event,
        callback: None,
        idempotency_key: None,
    }
}

#[track_caller]
fn check_parse(line: &str, headers: &[(&str, &str)], expected: Option<&Result<Call, Rejection>>) {
    assert_eq!(Stedi.parse(&head(line, headers)).as_ref(), expected, "parsing {line} with {headers:?}");
}

#[track_caller]
fn check_malformed(line: &str, headers: &[(&str, &str)]) {
    let parsed = Stedi.parse(&head(line, headers));
    assert!(
        matches!(parsed, Some(Err(Rejection::Malformed(_)))),
        "parsing {line} with {headers:?}: {parsed:?}"
    );
}

#[test]
fn a_call_is_read_with_and_without_a_slash_at_the_end() {
    for end in ["", "/", "?x=1", "/?x=1"] {
        let line = format!("POST /2021-11-16/functions/echo/invocations{end}");
        check_parse(&line, &[], Some(&Ok(echo(Mode::Sync))));
    }
    check_parse("POST /2021-11-16/functions/%65cho/invocations", &[], Some(&Ok(echo(Mode::Sync))));
}

#[test]
fn the_invocation_type_is_one_of_two_words_at_most_once() {
    let line = "POST /2021-11-16/functions/echo/invocations";
    let name = "x-amz-invocation-type";
    check_parse(line, &[(name, "RequestResponse")], Some(&Ok(echo(Mode::Sync))));
    check_parse(line, &[(name, "Event")], Some(&Ok(echo(Mode::Async))));
    for word in ["DryRun", "event", "", "Event, Event"] {
        check_malformed(line, &[(name, word)]);
    }
    check_malformed(line, &[(name, "Event"), (name, "Event")]);
}

#[test]
fn names_are_of_the_documents_and_the_sdk() {
    let line = |name: &str| format!("POST /2021-11-16/functions/{name}/invocations");
    let longest = "f".repeat(MAX_NAME_LEN);
    for name in ["a", "A-1_b", &longest] {
        assert!(matches!(Stedi.parse(&head(&line(name), &[])), Some(Ok(_))), "{name}");
    }
    let too_long = "f".repeat(MAX_NAME_LEN + 1);
    for name in ["", ".", "a.b", "a%20b", "a%2Fb", "%C3%BC", "%zz", &too_long] {
        check_malformed(&line(name), &[]);
    }
}

#[test]
fn what_lies_beside_the_operation_is_refused_or_not_ours() {
    for path in ["", "/", "/echo", "/echo/", "/echo/invocation", "/echo/invocations/1", "/echo/executions"] {
        check_parse(&format!("POST /2021-11-16/functions{path}"), &[], Some(&Err(Rejection::Route)));
    }
    for line in ["POST /", "POST /2021-11-16/functionsx", "POST /2021-11-16/function/echo/invocations"] {
        check_parse(line, &[], None);
    }
    let method = Rejection::Method { allow: &[Method::POST] };
    check_parse("GET /2021-11-16/functions/echo/invocations", &[], Some(&Err(method)));
}

#[test]
fn the_body_is_raw_only_where_the_first_media_type_asks_for_it() {
    for (accept, expected) in [
        ("application/octet-stream", RenderedBody::AsIs),
        (" Application/Octet-Stream ;q=0.1, */*", RenderedBody::AsIs),
        ("*/*, application/octet-stream", RenderedBody::Base64),
        ("application/json", RenderedBody::Base64),
        ("", RenderedBody::Base64),
    ] {
        let head = head("POST /", &[("accept", accept)]);
        for outcome in [returned(&[]), faulted(FaultKind::TimedOut, None, None)] {
            let rendered = Stedi.render(&exchange(&head), &echo(Mode::Sync), &outcome);
            assert_eq!(rendered.body, expected, "{accept:?}");
            assert_eq!(rendered.head.status, StatusCode::OK);
        }
    }
}

#[test]
fn an_accepted_call_has_its_id_and_nothing_else() {
    let head = head("POST /", &[]);
    let (status, fields, body) =
        told(&Stedi.render(&exchange(&head), &echo(Mode::Async), &Outcome::Accepted));
    let expected = [
        format!("x-amzn-requestid: {ID}"),
        "x-stedi-functionname: echo".to_owned(),
        format!("x-stedi-invocationid: {ID}"),
    ];
    assert_eq!((status, fields.as_slice(), body.as_str()), (202, &expected[..], ""));
}

#[test]
fn every_fault_is_a_200_that_says_so() {
    let head = head("POST /", &[]);
    for kind in [FaultKind::Thrown, FaultKind::TimedOut, FaultKind::Crashed, FaultKind::ResponseTooLarge] {
        let rendered = Stedi.render(&exchange(&head), &echo(Mode::Sync), &faulted(kind, None, None));
        assert_eq!(rendered.head.status, StatusCode::OK, "{kind:?}");
        assert_eq!(rendered.head.headers[INVOCATION_ERROR], "Unhandled", "{kind:?}");
    }
}

/// The SDK reads the name from the header first, then from the body; both must say the same, whatever the error.
#[test]
fn errors_name_themselves_twice() {
    let head = head("POST /", &[]);
    for rejection in [
        Rejection::Unauthenticated,
        Rejection::Forbidden { right: Right::Invoke },
        Rejection::Malformed("a \"quoted\" word".to_owned()),
        Rejection::Draining,
    ] {
        let rendered = Stedi.reject(&exchange(&head), &rejection);
        let (_, _, body) = told(&rendered);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(rendered.head.headers[ERROR_TYPE], body["code"].as_str().unwrap());
        assert_eq!(body["message"], rejection.to_string());
        assert_eq!(rendered.head.headers[header::CONTENT_TYPE], "application/json");
    }
}

#[track_caller]
fn check_rejected(rejection: &Rejection, status: u16, name: &str, (field, value): (&HeaderName, &str)) {
    let head = head("POST /", &[]);
    let rendered = Stedi.reject(&exchange(&head), rejection);
    assert_eq!(rendered.head.status, status, "{rejection:?}");
    assert_eq!(rendered.head.headers[ERROR_TYPE], name, "{rejection:?}");
    assert_eq!(rendered.head.headers[field], value, "{rejection:?}");
}

#[test]
fn what_waiting_helps_says_how_long() {
    let retry = |seconds| (&header::RETRY_AFTER, seconds);
    let throttled = Rejection::Throttled { reason: "x", retry_after_s: Some(9) };
    check_rejected(&throttled, 429, "ThrottlingException", retry("9"));
    check_rejected(&Rejection::Overloaded { limit: 1 }, 503, "ServiceUnavailableException", retry("1"));
    check_rejected(&Rejection::Draining, 503, "ServiceUnavailableException", retry("1"));
    let method = Rejection::Method { allow: METHODS };
    check_rejected(&method, 405, "UnknownOperationException", (&header::ALLOW, "POST"));
}
