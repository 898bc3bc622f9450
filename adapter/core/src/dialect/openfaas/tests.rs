use http::request;

use super::*;
use crate::dialect::tests::{call, exchange, faulted, head, returned, told};

const OUR_ID: &str = "01980000-0000-7000-8000-000000000001";

fn parse(line: &str) -> Option<Result<Call, Rejection>> {
    OpenFaas.parse(&head(line, &[]))
}

#[track_caller]
fn check_call(line: &str, key: &str, mode: Mode, path: &str) {
    assert_eq!(parse(line), Some(Ok(call(key, mode, path, None))), "parsing {line}");
}

#[track_caller]
fn check_rejected(line: &str, rejection: Rejection) {
    assert_eq!(parse(line), Some(Err(rejection)), "parsing {line}");
}

#[track_caller]
fn check_told(head: &request::Parts, rejection: &Rejection, status: u16, fields: &[&str], body: &str) {
    let rendered = told(&OpenFaas.reject(&exchange(head), rejection));
    let fields: Vec<String> = fields.iter().map(|&field| field.to_owned()).collect();
    assert_eq!(rendered, (status, fields, body.to_owned()), "{rejection:?}");
}

fn rendered(headers: &[(&str, &str)], outcome: &Outcome) -> (u16, Vec<String>, String) {
    let head = head("POST /function/echo", headers);
    told(&OpenFaas.render(&exchange(&head), &call("echo", Mode::Sync, "/", None), outcome))
}

#[test]
fn what_follows_the_name_is_the_functions_path() {
    check_call("POST /function/echo", "echo", Mode::Sync, "/");
    check_call("GET /function/echo/", "echo", Mode::Sync, "/");
    check_call("HEAD /function/echo.team/a%2Fb//c/?d=1", "echo.team", Mode::Sync, "/a%2Fb//c/");
    check_call("POST /async-function/echo/a", "echo", Mode::Async, "/a");
}

#[test]
fn a_name_is_letters_digits_hyphens_underscores_and_dots() {
    check_call("GET /function/-A_9.b.c", "-A_9.b.c", Mode::Sync, "/");
    check_call("GET /function/%65cho/a", "echo", Mode::Sync, "/a");
    for path in ["", "/", "/a", "a%20b", "a%2Fb", "a~b/c", "%C3%BC"] {
        check_rejected(&format!("POST /function/{path}"), Rejection::Route);
        check_rejected(&format!("POST /async-function/{path}"), Rejection::Route);
    }
    assert_eq!(parse("GET /function"), None);
    assert_eq!(parse("GET /functions/echo"), None);
    assert_eq!(parse("GET /system/functions"), None);
}

#[test]
fn a_broken_escape_is_no_name() {
    check_rejected(
        "GET /function/a%2",
        Rejection::Malformed("the path has a broken percent-escape".to_owned()),
    );
}

#[test]
fn seven_methods_wait_for_the_answer_and_one_does_not() {
    for method in SYNC_METHODS {
        check_call(&format!("{method} /function/echo"), "echo", Mode::Sync, "/");
    }
    for method in ["TRACE", "CONNECT", "BREW"] {
        check_rejected(&format!("{method} /function/echo"), Rejection::Method { allow: SYNC_METHODS });
    }
    for method in ["GET", "DELETE", "HEAD"] {
        check_rejected(&format!("{method} /async-function/echo"), Rejection::Method { allow: ASYNC_METHODS });
    }
}

#[test]
fn a_callback_is_read_on_the_asynchronous_route_only() {
    let headers = [("x-callback-url", "http://back")];
    let parse = |line, headers| OpenFaas.parse(&head(line, headers)).unwrap().unwrap().callback;
    assert_eq!(
        parse("POST /async-function/echo", &headers).unwrap(),
        crate::CallbackUrl::read(b"http://back").unwrap()
    );
    assert_eq!(parse("POST /async-function/echo", &[("x-callback-url", "")]), None);
    assert_eq!(parse("POST /function/echo", &headers), None);
}

#[test]
fn only_a_bearer_token_is_a_credential() {
    let credential = |value: &str| OpenFaas.credential(&head("GET /", &[("authorization", value)]));
    assert_eq!(credential("Bearer t0ken"), Some(Credential::new("t0ken")));
    assert_eq!(credential("bEARER  t0ken"), Some(Credential::new("t0ken")));
    assert_eq!(credential("Bearer "), Some(Credential::new("")));
    for other in ["Basic YTpi", "Bearer", "BearerX y", "t0ken", ""] {
        assert_eq!(credential(other), None, "{other:?}");
    }
    assert_eq!(OpenFaas.credential(&head("GET /", &[("x-eywa-token", "t0ken")])), None);
}

#[test]
fn a_function_learns_the_calls_id_its_start_and_where_it_came_from() {
    let seen =
        |line: &str, headers: &[(&str, &str)]| OpenFaas.function_headers(&exchange(&head(line, headers)));
    let own = seen("GET /function/echo", &[("host", "functions.example"), ("x-start-time", "0")]);
    assert_eq!(own["x-call-id"], OUR_ID);
    assert_eq!(own["x-start-time"], "1500000000");
    assert_eq!(own.get_all("x-start-time").iter().count(), 1);
    assert_eq!(own["x-forwarded-host"], "functions.example");
    assert_eq!(own["x-forwarded-for"], "192.0.2.1:50000");

    let told = [("x-call-id", "mine"), ("x-forwarded-host", "front"), ("x-forwarded-for", "198.51.100.1")];
    let kept = seen("GET /function/echo", &told);
    for (name, value) in told {
        assert_eq!(kept[name], value);
    }
    let absolute = seen("GET http://user@front.example:81/function/echo", &[("host", "other")]);
    assert_eq!(absolute["x-forwarded-host"], "front.example:81");
}

#[test]
fn a_call_id_is_returned_only_if_it_is_ours() {
    let (_, fields, _) = rendered(&[], &Outcome::Accepted);
    let served = ["x-served-by: stayput", "x-start-time: 1500000000"];
    assert_eq!(fields, [&format!("x-call-id: {OUR_ID}"), served[0], served[1]]);
    assert_eq!(rendered(&[("x-call-id", "")], &Outcome::Accepted).1, fields);
    assert_eq!(
        rendered(&[("x-call-id", "mine")], &Outcome::Accepted),
        (202, served.map(str::to_owned).into(), String::new())
    );
}

#[test]
fn a_missing_content_type_is_the_requests_or_plain_text() {
    let check = |request: &[(&str, &str)], answer: &[(&'static str, &'static str)], expected: &str| {
        let (status, fields, body) = rendered(request, &returned(answer));
        assert_eq!((status, body.as_str()), (418, "<as is>"));
        assert!(fields.contains(&format!("content-type: {expected}")), "{fields:?}");
        assert!(fields.contains(&"x-duration-seconds: 0.250000".to_owned()), "{fields:?}");
    };
    check(&[("content-type", "a/b")], &[("content-type", "c/d")], "c/d");
    check(&[("content-type", "a/b")], &[("x-tag", "1")], "a/b");
    check(&[], &[], "text/plain");
}

#[test]
fn a_functions_own_error_is_not_marked_as_the_platforms() {
    let (status, fields, body) =
        rendered(&[], &faulted(FaultKind::Thrown, Some("BadWidth"), Some("width is 0")));
    assert_eq!((status, body.as_str()), (500, "width is 0"));
    assert!(!fields.iter().any(|field| field.starts_with("x-openfaas-internal")), "{fields:?}");
    assert_eq!(rendered(&[], &faulted(FaultKind::Thrown, Some("BadWidth"), None)).2, "BadWidth");
}

#[test]
fn faults_that_the_watchdog_would_tell_are_marked() {
    let check = |kind: FaultKind, status: u16, part: &str, body: &str| {
        let (told_status, fields, told_body) = rendered(&[], &faulted(kind, None, Some("inside")));
        assert_eq!((told_status, told_body.as_str()), (status, body), "{kind:?}");
        assert!(fields.contains(&format!("x-openfaas-internal: {part}")), "{fields:?}");
    };
    check(FaultKind::TimedOut, 504, "of-watchdog", "");
    check(FaultKind::Crashed, 500, "proxy", "Can't reach service for: echo.\n");
    check(FaultKind::ResponseTooLarge, 502, "gateway", "the function's answer is too large\n");
}

#[test]
fn errors_are_told_in_openfaas_words() {
    let echo = head("POST /function/echo/a", &[("x-call-id", "mine")]);
    let texts = |part: &'static str| {
        let internal = match part {
            "proxy" => "x-openfaas-internal: proxy",
            "faas-middleware" => "x-openfaas-internal: faas-middleware",
            _ => "x-openfaas-internal: gateway",
        };
        [
            "content-type: text/plain; charset=utf-8",
            "x-content-type-options: nosniff",
            internal,
            "x-served-by: stayput",
            "x-start-time: 1500000000",
        ]
    };
    let with = |field: &'static str, part| {
        let mut fields = texts(part).to_vec();
        fields.push(field);
        fields.sort_unstable();
        fields
    };
    check_told(&echo, &Rejection::Route, 404, &texts("gateway"), "404 page not found\n");
    check_told(&echo, &Rejection::BackendFailed, 500, &texts("proxy"), "Can't reach service for: echo.\n");
    check_told(
        &echo,
        &Rejection::NotReady("Pending".to_owned()),
        503,
        &with("retry-after: 1", "proxy"),
        "No endpoints available for: echo.\n",
    );
    let throttle = Rejection::Throttled { reason: "CallerRateLimitExceeded", retry_after_s: Some(7) };
    let told = "Concurrent request limit exceeded. Reason: CallerRateLimitExceeded\n";
    check_told(&echo, &throttle, 429, &with("retry-after: 7", "faas-middleware"), told);
    let challenge = "www-authenticate: Bearer realm=\"stayput\"";
    check_told(
        &echo,
        &Rejection::Unauthenticated,
        401,
        &with(challenge, "gateway"),
        "missing or unknown credential\n",
    );
    let bare =
        ["allow: POST", "x-openfaas-internal: gateway", "x-served-by: stayput", "x-start-time: 1500000000"];
    check_told(&echo, &Rejection::Method { allow: ASYNC_METHODS }, 405, &bare, "");
    let late = [
        "x-duration-seconds: 0.250000",
        "x-openfaas-internal: gateway",
        "x-served-by: stayput",
        "x-start-time: 1500000000",
    ];
    check_told(&echo, &Rejection::Deadline { limit_ms: 1 }, 504, &late, "");
}

#[test]
fn an_unknown_function_is_named_with_its_namespace() {
    let text =
        |line: &str| told(&OpenFaas.reject(&exchange(&head(line, &[])), &Rejection::UnknownFunction)).2;
    assert_eq!(text("GET /function/nope/a"), "error finding function nope.openfaas-fn: function not found");
    assert_eq!(text("POST /async-function/a.b.team"), "error finding function a.b.team: function not found");
}
