use http::{HeaderMap, HeaderValue, Method, StatusCode};
use proptest::prelude::*;

use super::*;

#[track_caller]
fn check_route(method: &Method, path: &str, expected: &Result<Route<'_>, RouteError>) {
    assert_eq!(&Route::parse(method, path), expected, "{method} {path}");
}

#[test]
fn every_operation_has_its_path_and_method() {
    let id = "0186f8a0-5c3d-4e21-9a7b-123456789abc";
    check_route(&Method::GET, "/2018-06-01/runtime/invocation/next", &Ok(Route::Next));
    check_route(
        &Method::POST,
        &format!("/2018-06-01/runtime/invocation/{id}/response"),
        &Ok(Route::Response { request_id: id }),
    );
    check_route(
        &Method::POST,
        &format!("/2018-06-01/runtime/invocation/{id}/error"),
        &Ok(Route::Error { request_id: id }),
    );
    check_route(&Method::POST, "/2018-06-01/runtime/init/error", &Ok(Route::InitError));
    check_route(&Method::GET, "/ping", &Ok(Route::Ping));
    check_route(&Method::GET, "/2018-06-01/ping", &Ok(Route::Ping));
}

#[test]
fn everything_else_is_not_found() {
    for path in [
        "",
        "/",
        "/2018-06-01",
        "/2018-06-01/runtime/restore/next",
        "/2018-06-01/runtime/restore/error",
        "/2018-06-01/runtime/invocation/",
        "/2018-06-01/runtime/invocation/next/",
        "/2018-06-01/runtime/invocation//response",
        "/2018-06-01/runtime/invocation/a/b/response",
        "/2020-01-01/extension/register",
        "/2015-03-31/functions/function/invocations",
    ] {
        check_route(&Method::GET, path, &Err(RouteError::NotFound));
        check_route(&Method::POST, path, &Err(RouteError::NotFound));
    }
}

#[test]
fn a_wrong_method_is_told_the_right_one() {
    let next = "/2018-06-01/runtime/invocation/next";
    check_route(&Method::POST, next, &Err(RouteError::Method { allow: Method::GET }));
    let (head, _) =
        Reply::from(Route::parse(&Method::PUT, "/2018-06-01/runtime/init/error").unwrap_err()).encode();
    assert_eq!(head.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(head.headers["allow"], "POST");
}

#[track_caller]
fn check_reply(reply: &Reply, status: u16, body: &str) {
    let (head, bytes) = reply.encode();
    assert_eq!((head.status.as_u16(), &bytes[..]), (status, body.as_bytes()));
}

#[test]
fn replies_are_as_recorded() {
    check_reply(&Reply::Accepted, 202, r#"{"status":"OK"}"#);
    check_reply(&Reply::Pong, 200, "pong");
    check_reply(
        &Reply::InvalidRequestId,
        400,
        r#"{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}"#,
    );
    check_reply(
        &Reply::InvalidResponseMode,
        400,
        r#"{"errorMessage":"Invalid function response mode","errorType":"InvalidFunctionResponseMode"}"#,
    );
    check_reply(
        &Reply::Truncated,
        400,
        r#"{"errorMessage":"HTTP request detected as truncated","errorType":"TruncatedHTTPRequest"}"#,
    );
    check_reply(
        &Reply::InvalidTransition { from: "Ready", to: "InvocationResponse" },
        403,
        r#"{"errorMessage":"State transition from Ready to InvocationResponse failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}"#,
    );
    check_reply(&Reply::Stale, 410, r#"{"errorMessage":"Invoke timeout","errorType":"InvokeTimeout"}"#);
    check_reply(
        &Reply::TooLarge,
        413,
        r#"{"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).","errorType":"RequestEntityTooLarge"}"#,
    );
    check_reply(&RouteError::NotFound.into(), 404, "404 page not found\n");
}

fn next() -> Next {
    Next {
        request_id: HeaderValue::from_static("0186f8a0-5c3d-4e21-9a7b-123456789abc"),
        deadline_ms: 1_584_039_838_005,
        function_arn: HeaderValue::from_static("arn:aws:lambda:us-east-1:123456789012:function:hello"),
        trace: None,
        client_context: None,
        invocation_id: None,
    }
}

#[test]
fn what_an_invocation_lacks_is_no_header() {
    let headers = Next { client_context: Some(HeaderValue::from_static("")), ..next() }.encode();
    assert_eq!(headers.len(), 4);
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["lambda-runtime-deadline-ms"], "1584039838005");
}

#[test]
fn a_missing_header_is_named() {
    for name in
        ["lambda-runtime-aws-request-id", "lambda-runtime-deadline-ms", "lambda-runtime-invoked-function-arn"]
    {
        let mut headers = next().encode();
        headers.remove(name);
        assert_eq!(
            Next::decode(&headers).unwrap_err().to_string(),
            format!("`{name}` is missing or malformed")
        );
    }
    let mut headers = next().encode();
    headers.insert(LAMBDA_RUNTIME_DEADLINE_MS, HeaderValue::from_static("soon"));
    assert_eq!(Next::decode(&headers), Err(NextError(LAMBDA_RUNTIME_DEADLINE_MS)));
}

fn header() -> impl Strategy<Value = HeaderValue> {
    prop::collection::vec(33..127_u8, 1..40).prop_map(|bytes| HeaderValue::from_bytes(&bytes).unwrap())
}

proptest! {
    #[test]
    fn an_invocation_decodes_to_itself(
        request_id in header(), deadline_ms: u64, function_arn in header(), trace in prop::option::of(header()),
        client_context in prop::option::of(header()), invocation_id in prop::option::of(header()),
    ) {
        let next = Next { request_id, deadline_ms, function_arn, trace, client_context, invocation_id };
        prop_assert_eq!(Next::decode(&next.encode()), Ok(next));
    }

    #[test]
    fn any_headers_may_be_decoded(value in prop::collection::vec(32..=255_u8, 0..20)) {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            headers.insert(LAMBDA_RUNTIME_DEADLINE_MS, value);
        }
        prop_assert!(Next::decode(&headers).is_err());
    }

    #[test]
    fn a_route_is_written_as_it_is_read(request_id in "[a-z0-9-]{1,40}", kind in 0..5_u8) {
        let request_id = &*request_id;
        let route = match kind {
            0 => Route::Next,
            1 => Route::Response { request_id },
            2 => Route::Error { request_id },
            3 => Route::InitError,
            _ => Route::Ping,
        };
        let path = route.to_string();
        prop_assert_eq!(Route::parse(&route.method(), &path), Ok(route));
    }

    #[test]
    fn any_path_may_be_parsed(path: String, rest in "[a-z/]{0,30}") {
        let _ = Route::parse(&Method::POST, &path);
        let _ = Route::parse(&Method::POST, &format!("/2018-06-01/runtime/{rest}"));
    }
}
