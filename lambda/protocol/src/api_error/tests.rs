use http::StatusCode;
use proptest::prelude::*;

use super::*;
use crate::function::FunctionArn;

const HELLO: FunctionArn<'_> =
    FunctionArn { region: "us-east-1", account: "123456789012", name: "hello", qualifier: Some("$LATEST") };

#[track_caller]
fn check(error: &ApiError, status: u16, code: &str, body: &str) {
    let (head, bytes) = error.encode();
    assert_eq!(head.status.as_u16(), status);
    assert_eq!(head.headers["x-amzn-errortype"], code);
    assert_eq!(head.headers["content-type"], "application/json");
    assert_eq!(String::from_utf8(bytes.clone()).unwrap(), body);
    assert_eq!(&ApiError::decode(&head, &bytes), error);
}

#[test]
fn every_text_is_as_recorded() {
    check(
        &ApiError::function_not_found(&HELLO),
        404,
        "ResourceNotFoundException",
        r#"{"Type":"User","Message":"Function not found: arn:aws:lambda:us-east-1:123456789012:function:hello:$LATEST"}"#,
    );
    check(
        &ApiError::wrong_region("us-west-2", "us-east-1"),
        404,
        "ResourceNotFoundException",
        r#"{"Type":"User","Message":"Functions from 'us-west-2' are not reachable in this region ('us-east-1')"}"#,
    );
    check(
        &ApiError::throttled(ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded),
        429,
        "TooManyRequestsException",
        r#"{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}"#,
    );
    check(
        &ApiError::too_large_sync(),
        413,
        "RequestEntityTooLargeException",
        r#"{"message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}"#,
    );
    check(
        &ApiError::too_large_event(1_048_577),
        413,
        "RequestEntityTooLargeException",
        r#"{"message":"1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"}"#,
    );
    check(
        &ApiError::could_not_parse(crate::json::check(b"\x99").unwrap_err()),
        400,
        "InvalidRequestContentException",
        r#"{"Type":"User","message":"Could not parse request body into json: Could not parse payload into json: Unexpected character ((CTRL-CHAR, code 153)): expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 1]"}"#,
    );
    check(
        &ApiError::not_in_state("Pending"),
        409,
        "ResourceConflictException",
        r#"{"Type":"User","message":"The operation cannot be performed at this time. The function is currently in the following state: Pending"}"#,
    );
    check(
        &ApiError::access_denied("arn:aws:iam::123456789012:user/me", &HELLO),
        403,
        "AccessDeniedException",
        r#"{"Message":"User: arn:aws:iam::123456789012:user/me is not authorized to perform: lambda:InvokeFunction on resource: arn:aws:lambda:us-east-1:123456789012:function:hello:$LATEST because no resource-based policy allows the lambda:InvokeFunction action"}"#,
    );
    check(
        &ApiError::missing_authentication(),
        403,
        "MissingAuthenticationTokenException",
        r#"{"message":"Missing Authentication Token"}"#,
    );
    check(&ApiError::service("broken"), 500, "ServiceException", r#"{"Type":"Service","Message":"broken"}"#);
    for (error, status) in [
        (ApiError::qualifier_mismatch(), 400),
        (ApiError::unrecognized_client(), 403),
        (ApiError::invalid_signature(), 403),
    ] {
        assert_eq!(error.encode().0.status.as_u16(), status);
    }
}

#[track_caller]
fn decode(status: u16, headers: &[(&str, &str)], body: &str) -> ApiError {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    ApiError::decode(&response.body(()).unwrap().into_parts().0, body.as_bytes())
}

#[test]
fn codes_are_found_wherever_clients_find_them() {
    let not_found = ErrorCode::ResourceNotFound;
    for (header, body) in [
        (Some("ResourceNotFoundException"), ""),
        (Some("ResourceNotFoundException:http://internal.amazon.com/coral/"), "{}"),
        (None, r#"{"code":"ResourceNotFoundException"}"#),
        (None, r#"{"__type":"com.amazonaws.lambda#ResourceNotFoundException"}"#),
        (None, r#"{"Type":"ResourceNotFoundException","Message":"gone"}"#),
        (None, r#"{"Type":"User","code":"ResourceNotFoundException"}"#),
    ] {
        let headers: Vec<_> = header.map(|value| ("x-amzn-errortype", value)).into_iter().collect();
        assert_eq!(decode(404, &headers, body).code, not_found, "{header:?} {body}");
    }
}

#[test]
fn both_spellings_of_the_message_are_read() {
    for body in [
        r#"{"Type":"User","Message":"gone"}"#,
        r#"{"message":"gone"}"#,
        r#"{"Message":"gone","message":null}"#,
    ] {
        assert_eq!(decode(404, &[], body).message, "gone", "{body}");
    }
}

#[test]
fn what_cannot_be_read_keeps_its_status() {
    for body in ["", "<html>Bad Gateway</html>", "null", "[1]", r#"{"Type":"User"}"#, "{\"mess"] {
        let error = decode(502, &[], body);
        let status = StatusCode::BAD_GATEWAY;
        assert_eq!(error.code, ErrorCode::Other { name: "Unknown".into(), status }, "{body}");
        assert_eq!(error.code.status(), status);
    }
    let error = decode(502, &[("x-amzn-errortype", "EC2UnexpectedException")], r#"{"Message":"no"}"#);
    assert_eq!(error.code.as_str(), "EC2UnexpectedException");
    assert_eq!(error.to_string(), "EC2UnexpectedException: no");
}

#[test]
fn throttles_say_why_and_for_how_long() {
    let body = r#"{"Reason":"CallerRateLimitExceeded","message":"Rate Exceeded."}"#;
    let error = decode(429, &[("retry-after", "7")], body);
    assert_eq!(error.reason, Some(ThrottleReason::CallerRateLimitExceeded));
    assert_eq!(error.retry_after, Some(7));
    assert_eq!(decode(429, &[("retry-after", "soon")], r#"{"Reason":"NewReason"}"#).reason, None);
}

#[test]
fn a_message_is_bounded() {
    let body = serde_json::json!({ "message": "é".repeat(MAX_MESSAGE_BYTES) }).to_string();
    assert_eq!(decode(500, &[], &body).message.len(), MAX_MESSAGE_BYTES);
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_itself(
        known in prop::sample::select(ErrorCode::KNOWN.to_vec()),
        other in prop::option::of(("[A-Z][a-zA-Z0-9]{3,30}Exception", 400..600_u16)),
        message: String,
        reason in prop::option::of(prop::sample::select(ThrottleReason::ALL.to_vec())),
        retry_after: Option<u32>,
    ) {
        let code = match other {
            Some((name, status)) => ErrorCode::parse(&name, StatusCode::from_u16(status).unwrap()),
            None => known,
        };
        let error = ApiError { code, message, reason, retry_after };
        let (head, body) = error.encode();
        prop_assert_eq!(ApiError::decode(&head, &body), error);
    }

    #[test]
    fn any_answer_may_be_decoded(
        body in prop::collection::vec(any::<u8>(), 0..200),
        header in prop::collection::vec(32..=255_u8, 0..40),
        name: String,
    ) {
        let mut head = Response::new(()).into_parts().0;
        if let Ok(value) = HeaderValue::from_bytes(&header) {
            head.headers.insert(X_AMZN_ERROR_TYPE, value);
        }
        ApiError::decode(&head, &body).encode();
        ApiError::new(ErrorCode::Other { name, status: StatusCode::BAD_REQUEST }, "x").encode();
    }
}

#[test]
fn asynchronous_calls_have_texts_of_their_own() {
    check(
        &ApiError::no_event_invoke_config(&HELLO),
        404,
        "ResourceNotFoundException",
        r#"{"Type":"User","Message":"The function arn:aws:lambda:us-east-1:123456789012:function:hello:$LATEST doesn't have an EventInvokeConfig"}"#,
    );
    check(
        &ApiError::recursive_invocation(),
        400,
        "RecursiveInvocationException",
        r#"{"Type":"User","Message":"Lambda has detected your function being invoked in a recursive loop with other AWS resources and stopped your function's invocation."}"#,
    );
    check(
        &ApiError::destination_unsupported(Some("a"), Some("b")),
        400,
        "InvalidParameterValueException",
        r#"{"Type":"User","message":"The provided destination config DestinationConfig(onSuccess=OnSuccess(destination=a), onFailure=OnFailure(destination=b)) is invalid."}"#,
    );
}
