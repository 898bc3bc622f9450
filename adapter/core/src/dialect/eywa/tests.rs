use http::{HeaderName, request};
use proptest::prelude::*;

use super::*;
use crate::dialect::tests::{call, exchange, faulted, head, returned, told};

const FUNCTION: &str = "a72edb6d-ee2b-5b91-9fa2-bd173c1eb269";

fn parse(line: &str) -> Option<Result<Call, Rejection>> {
    Eywa.parse(&head(line, &[]))
}

#[track_caller]
fn check_call(line: &str, mode: Mode, path: &str) {
    assert_eq!(parse(line), Some(Ok(call(FUNCTION, mode, path, None))), "parsing {line}");
}

#[track_caller]
fn check_rejected(line: &str, rejection: Rejection) {
    assert_eq!(parse(line), Some(Err(rejection)), "parsing {line}");
}

fn rejected_text(head: &request::Parts, rejection: &Rejection) -> (u16, Vec<String>, String) {
    told(&Eywa.reject(&exchange(head), rejection))
}

#[test]
fn what_follows_the_id_is_the_functions_path() {
    check_call(&format!("POST /eywa/api/functions/sync/{FUNCTION}/"), Mode::Sync, "/");
    check_call(&format!("GET /eywa/api/functions/sync/{FUNCTION}"), Mode::Sync, "/");
    check_call(&format!("GET /eywa/api/functions/sync/{FUNCTION}/a%2Fb//c/?d=1"), Mode::Sync, "/a%2Fb//c/");
    check_call(&format!("POST /eywa/api/functions/async/{FUNCTION}/a"), Mode::Async, "/a");
}

#[test]
fn an_id_is_the_same_in_capitals() {
    check_call(&format!("GET /eywa/api/functions/sync/{}/", FUNCTION.to_uppercase()), Mode::Sync, "/");
}

#[test]
fn what_is_no_hyphenated_uuid_names_no_function() {
    check_rejected("GET /eywa/api/functions/sync/echo/", Rejection::UnknownFunction);
    let plain = FUNCTION.replace('-', "");
    for id in [
        "",
        &plain,
        &format!("{{{FUNCTION}}}"),
        &format!("urn:uuid:{FUNCTION}"),
        &FUNCTION.replace('a', "%61"),
    ] {
        assert_eq!(function_key(id), None, "{id:?}");
    }
}

#[test]
fn other_paths_of_the_prefix_are_no_operation() {
    for path in ["", "sync", "sync/", "sync//", "async/", "SYNC/a", &format!("{FUNCTION}/")] {
        check_rejected(&format!("POST /eywa/api/functions/{path}"), Rejection::Route);
    }
    assert_eq!(parse("GET /eywa/api/functions"), None);
    assert_eq!(parse("GET /eywa/api/secrets"), None);
}

#[test]
fn the_method_is_judged_before_the_id() {
    for method in ["HEAD", "OPTIONS", "TRACE", "BREW"] {
        check_rejected(
            &format!("{method} /eywa/api/functions/sync/x/"),
            Rejection::Method { allow: SYNC_METHODS },
        );
    }
    for method in ["GET", "PUT", "PATCH", "DELETE", "HEAD"] {
        check_rejected(
            &format!("{method} /eywa/api/functions/async/x/"),
            Rejection::Method { allow: ASYNC_METHODS },
        );
    }
}

#[test]
fn a_callback_is_read_on_the_asynchronous_route_only() {
    let headers = [("x-callback-url", "http://back")];
    let parse = |mode: &str, headers| {
        Eywa.parse(&head(&format!("POST /eywa/api/functions/{mode}/{FUNCTION}/"), headers))
            .unwrap()
            .unwrap()
            .callback
    };
    assert_eq!(parse("async", &headers).unwrap(), crate::CallbackUrl::read(b"http://back").unwrap());
    assert_eq!(parse("async", &[("x-callback-url", "")]), None);
    assert_eq!(parse("sync", &headers), None);
}

#[test]
fn the_token_alone_is_the_credential() {
    let credential = |headers: &[(&str, &str)]| Eywa.credential(&head("GET /", headers));
    assert_eq!(credential(&[("x-eywa-token", "t0ken")]), Some(Credential::new("t0ken")));
    assert_eq!(credential(&[("authorization", "Bearer t0ken"), ("cookie", "eywa-session=a")]), None);
    assert_eq!(credential(&[("x-eywa-token", "")]), None);
}

#[test]
fn a_function_sees_the_fields_that_eywa_kept() {
    let head = head(
        "POST /",
        &[
            ("accept", "a/b"),
            ("accept-language", "et"),
            ("content-length", "2"),
            ("content-type", "text/plain"),
            ("cookie", "a=1"),
            ("host", "functions.example"),
            ("index-of", "1"),
            ("origin", "http://a"),
            ("referer", "http://a"),
            ("user-agent", "curl"),
            ("via-x-one", "1"),
            ("x-callback-url", "http://a"),
            ("x-eywa-token", "secret"),
            ("x-eywa-user-id", "root"),
            ("x-request-id", "mine"),
            ("x-tag", "1"),
            ("x-tag", "2"),
        ],
    );
    let seen = Eywa.function_headers(&exchange(&head));
    let mut names: Vec<&str> = seen.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    let kept = ["content-length", "content-type", "host", "user-agent", "via-x-one", "x-request-id", "x-tag"];
    assert_eq!(names, kept);
    assert_eq!(seen.get_all("x-tag").iter().count(), 2);
    assert_eq!(seen["x-request-id"], "mine");
}

#[test]
fn an_accepted_call_is_told_by_its_id_alone() {
    let head = head("POST /", &[]);
    let call = call(FUNCTION, Mode::Async, "/", None);
    let accepted = told(&Eywa.render(&exchange(&head), &call, &Outcome::Accepted));
    let id = "x-request-id: 01980000-0000-7000-8000-000000000001".to_owned();
    assert_eq!(accepted, (202, vec![id], String::new()));
}

#[test]
fn the_request_id_is_the_callers_or_ours_and_always_returned() {
    let check = |headers: &[(&str, &str)], expected: &str| {
        let head = head("POST /", headers);
        let exchange = exchange(&head);
        let call = call(FUNCTION, Mode::Sync, "/", None);
        assert_eq!(Eywa.function_headers(&exchange)["x-request-id"], expected);
        let outcome = returned(&[("x-request-id", "the function's")]);
        assert_eq!(Eywa.render(&exchange, &call, &outcome).head.headers["x-request-id"], expected);
        assert_eq!(Eywa.render(&exchange, &call, &Outcome::Accepted).head.headers["x-request-id"], expected);
        assert_eq!(Eywa.reject(&exchange, &Rejection::Draining).head.headers["x-request-id"], expected);
    };
    check(&[("x-request-id", "mine"), ("x-request-id", "second")], "mine");
    check(&[], "01980000-0000-7000-8000-000000000001");
    check(&[("x-request-id", "")], "01980000-0000-7000-8000-000000000001");
}

#[test]
fn an_answer_is_the_functions_own() {
    let head = head("GET /", &[("x-request-id", "r")]);
    let outcome = returned(&[("content-type", "a/b"), ("set-cookie", "a=1")]);
    let rendered = Eywa.render(&exchange(&head), &call(FUNCTION, Mode::Sync, "/", None), &outcome);
    let fields = ["content-type: a/b", "set-cookie: a=1", "x-request-id: r"].map(str::to_owned);
    assert_eq!(told(&rendered), (418, fields.to_vec(), "<as is>".to_owned()));
}

#[test]
fn a_thrown_message_is_the_body_and_other_faults_are_the_platforms() {
    let check = |outcome: &Outcome, status: u16, body: &str| {
        let head = head("GET /", &[]);
        let rendered = Eywa.render(&exchange(&head), &call(FUNCTION, Mode::Sync, "/", None), outcome);
        assert_eq!(
            (rendered.head.status.as_u16(), told(&rendered).2.as_str()),
            (status, body),
            "{outcome:?}"
        );
    };
    check(&faulted(FaultKind::Thrown, Some("BadWidth"), Some("width is 0")), 500, "width is 0");
    check(&faulted(FaultKind::Thrown, Some("BadWidth"), None), 500, "BadWidth");
    check(&faulted(FaultKind::Thrown, None, None), 500, "");
    for kind in [FaultKind::TimedOut, FaultKind::Crashed, FaultKind::ResponseTooLarge] {
        check(&faulted(kind, Some("Sandbox.Timedout"), Some("inside")), 503, "\"Service Unavailable\"\n");
    }
}

#[test]
fn the_two_routes_spell_an_unknown_function_differently() {
    let text = |line: &str| rejected_text(&head(line, &[]), &Rejection::UnknownFunction).2;
    assert_eq!(text("GET /eywa/api/functions/sync/x/"), "\"Function not found\"\n");
    assert_eq!(text("POST /eywa/api/functions/async/x/"), "\"Function Not Found\"\n");
}

#[test]
fn a_caller_without_a_token_is_told_401_with_a_body_that_says_403() {
    let (status, fields, body) =
        rejected_text(&head("GET /", &[("x-request-id", "r")]), &Rejection::Unauthenticated);
    assert_eq!((status, body.as_str()), (401, r#"{"status_code": 403, "error": "Unauthorized"}"#));
    assert_eq!(fields, ["content-type: application/json", "x-request-id: r"]);
}

#[test]
fn a_browser_without_a_token_is_sent_to_the_login() {
    let status = |accept: &str| {
        let (status, fields, _) =
            rejected_text(&head("GET /", &[("accept", accept)]), &Rejection::Unauthenticated);
        assert_eq!(status == 302, fields.contains(&"location: /login".to_owned()), "{accept}");
        status
    };
    for accept in
        ["text/html", "text/html,application/xhtml+xml;q=0.9", "a/b, text/html;q=1", "text/htmlx, text/html"]
    {
        assert_eq!(status(accept), 302, "{accept}");
    }
    for accept in ["", "*/*", "a/b,text/html", "text/html5", "text/HTML", "text/html ,a/b"] {
        assert_eq!(status(accept), 401, "{accept}");
    }
}

#[test]
fn a_wrong_method_names_the_right_ones() {
    let rejection = Rejection::Method { allow: ASYNC_METHODS };
    let (status, fields, body) = rejected_text(&head("GET /", &[("x-request-id", "r")]), &rejection);
    assert_eq!((status, body.as_str()), (405, "{\"message\":\"Method Not Allowed\"}\n"));
    assert_eq!(fields, ["allow: POST", "content-type: application/json; charset=UTF-8", "x-request-id: r"]);
}

#[test]
fn a_throttle_tells_when_to_come_back() {
    let rejection = Rejection::Throttled { reason: "CallerRateLimitExceeded", retry_after_s: Some(7) };
    let (status, fields, body) = rejected_text(&head("GET /", &[]), &rejection);
    assert_eq!((status, body.as_str()), (503, "\"Service Unavailable\"\n"));
    assert!(fields.contains(&"retry-after: 7".to_owned()), "{fields:?}");
}

#[test]
fn a_message_is_escaped_as_json() {
    let text = rejected_text(&head("GET /", &[]), &Rejection::Malformed("a \"b\"".to_owned())).2;
    assert_eq!(text, "{\"message\":\"a \\\"b\\\"\"}\n");
}

/// Go's canonical spelling: capitals at the beginning and after each hyphen.
fn canonical(name: &str) -> String {
    let capital = |part: &str| {
        let (first, rest) = part.split_at(part.len().min(1));
        first.to_ascii_uppercase() + rest
    };
    name.split('-').map(capital).collect::<Vec<_>>().join("-")
}

proptest! {
    #[test]
    fn the_header_filter_is_eywas_own(name in "((x|ax|content|type|user|agent|length|agents|q|)-){0,3}(x|type|agent|length|q)") {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        let canonical = canonical(name.as_str());
        let kept = ["X-", "Content-Type", "User-Agent", "Content-Length"].iter().any(|word| canonical.contains(word));
        prop_assert_eq!(reaches_function(&name), kept, "{}", canonical);
    }
}
