use proptest::prelude::*;

use super::*;

fn post(target: &str, headers: &[(&str, &str)]) -> request::Parts {
    let mut request = Request::post(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

#[track_caller]
fn decode(target: &str, headers: &[(&str, &str)]) -> Result<Invoke, String> {
    Invoke::decode(&post(target, headers)).expect("the route of Invoke").map_err(|error| error.to_string())
}

#[track_caller]
fn check_refused(target: &str, headers: &[(&str, &str)], expected: &str) {
    assert_eq!(decode(target, headers).unwrap_err(), expected);
}

#[test]
fn a_plain_call_is_synchronous_and_without_a_log() {
    let expected = Invoke::new(FunctionRef::new("hello"));
    assert_eq!(decode("/2015-03-31/functions/hello/invocations", &[]), Ok(expected.clone()));
    let head = expected.encode();
    assert_eq!(head.method, Method::POST);
    assert_eq!(head.uri, "/2015-03-31/functions/hello/invocations");
    assert_eq!(head.headers.len(), 1);
    assert_eq!(head.headers["x-amz-invocation-type"], "RequestResponse");
}

#[test]
fn arns_arrive_encoded_and_raw() {
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:hello:$LATEST";
    let expected = Invoke::new(FunctionRef::parse(arn).unwrap());
    let encoded = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Ahello%3A%24LATEST/invocations";
    assert_eq!(expected.encode().uri, encoded);
    assert_eq!(decode(encoded, &[]), Ok(expected.clone()));
    assert_eq!(decode(&format!("/2015-03-31/functions/{arn}/invocations"), &[]), Ok(expected));
}

#[test]
fn a_name_is_decoded_once() {
    check_refused(
        "/2015-03-31/functions/a%253Ab/invocations",
        &[],
        &FunctionRef::parse("a%3Ab").unwrap_err().to_string(),
    );
}

#[test]
fn other_routes_are_not_ours() {
    for target in [
        "/",
        "/2015-03-31/functions/hello",
        "/2015-03-31/functions//invocations",
        "/2015-03-31/functions/a/b/invocations",
        "/2015-03-31/functions/hello/invocations/",
        "/2014-11-13/functions/hello/invoke-async",
    ] {
        assert_eq!(Invoke::decode(&post(target, &[])), None, "{target}");
    }
    let mut head = post("/2015-03-31/functions/hello/invocations", &[]);
    head.method = Method::GET;
    assert_eq!(Invoke::decode(&head), None);
}

#[test]
fn every_header_is_read() {
    let id = "0186f8a0-5c3d-4e21-9a7b-123456789abc";
    let invoke = decode(
        "/2015-03-31/functions/hello/invocations?x=1&Qualifier=live%2D1",
        &[
            ("x-amz-invocation-type", "Event"),
            ("x-amz-log-type", "Tail"),
            ("x-amz-client-context", "eyJhIjoxfQ=="),
            ("x-amzn-trace-id", "Root=1-2-3"),
            ("x-amzn-requestid", id),
        ],
    )
    .unwrap();
    assert_eq!(invoke.qualifier.as_ref().map(Qualifier::as_str), Some("live-1"));
    assert_eq!(invoke.effective_qualifier(), invoke.qualifier.as_ref());
    assert_eq!(invoke.invocation_type, InvocationType::Event);
    assert_eq!(invoke.log_type, LogType::Tail);
    assert_eq!(invoke.trace.as_ref().unwrap(), "Root=1-2-3");
    assert_eq!(invoke.request_id.unwrap().to_string(), id);
    assert_eq!(invoke.client_context_json().unwrap().unwrap(), r#"{"a":1}"#);
}

#[test]
fn all_violations_are_told_together() {
    check_refused(
        "/2015-03-31/functions/hello/invocations?Qualifier=a%20b",
        &[("x-amz-invocation-type", "Later"), ("x-amz-log-type", "All")],
        "ValidationException: 3 validation errors detected: Value 'a b' at 'qualifier' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: \\$(LATEST(\\.PUBLISHED)?)|[a-zA-Z0-9-_$]+; Value 'Later' at \
         'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, \
         DryRun]; Value 'All' at 'logType' failed to satisfy constraint: Member must satisfy enum value set: [None, \
         Tail]",
    );
}

#[test]
fn two_qualifiers_must_agree() {
    let mismatch = ApiError::qualifier_mismatch().to_string();
    check_refused("/2015-03-31/functions/hello:$LATEST/invocations?Qualifier=1", &[], &mismatch);
    let agreed = decode("/2015-03-31/functions/hello:1/invocations?Qualifier=1", &[]).unwrap();
    assert_eq!(agreed.effective_qualifier().unwrap().as_str(), "1");
}

#[test]
fn a_request_id_is_a_uuid_with_hyphens() {
    for id in ["", "1", "0186f8a05c3d4e219a7b123456789abc", "{0186f8a0-5c3d-4e21-9a7b-123456789abc}"] {
        let refused =
            decode("/2015-03-31/functions/hello/invocations", &[("x-amzn-requestid", id)]).unwrap_err();
        assert!(refused.starts_with("InvalidRequestContentException: "), "{id:?}: {refused}");
    }
}

#[test]
fn a_client_context_has_a_limit_and_must_be_json() {
    let target = "/2015-03-31/functions/hello/invocations";
    let sized = |len: usize| decode(target, &[("x-amz-client-context", &"A".repeat(len))]);
    assert!(sized(3583).is_ok());
    assert!(sized(3584).is_err());
    for wrong in ["!!!", "bm90IGpzb24=", "/w=="] {
        let invoke = decode(target, &[("x-amz-client-context", wrong)]).unwrap();
        assert!(invoke.client_context_json().is_err(), "{wrong}");
    }
}

#[test]
fn a_client_context_over_several_lines_fits_one_header() {
    let json = "{\n\t\"é\":\r\n\"\u{7f}\"}";
    let mut invoke = Invoke::new(FunctionRef::new("hello"));
    invoke.client_context = HeaderValue::try_from(base64_simd::STANDARD.encode_to_string(json)).ok();
    let line = invoke.client_context_json().unwrap().unwrap();
    let read = |json: &[u8]| serde_json::from_slice::<serde_json::Value>(json).unwrap();
    assert_eq!(read(line.as_bytes()), read(json.as_bytes()));
}

#[test]
fn cargo_lambdas_bare_client_context_is_taken_too() {
    let invoke =
        decode("/2015-03-31/functions/_/invocations", &[("lambda-runtime-client-context", r#"{"a":1}"#)])
            .unwrap();
    assert_eq!(invoke.client_context.as_ref().unwrap(), "eyJhIjoxfQ==");
    assert_eq!(invoke.function.name, "_");
}

#[test]
fn a_reply_says_json_only_where_there_is_a_body() {
    let headers = |status| InvokeReply::new(status).encode(Operation::Invoke).headers;
    let synchronous = headers(StatusCode::OK);
    assert_eq!(synchronous["content-type"], "application/json");
    assert_eq!(synchronous["x-amzn-remapped-content-length"], "0");
    assert!(headers(StatusCode::ACCEPTED).is_empty());
    assert!(headers(StatusCode::NO_CONTENT).is_empty());
    let streamed = InvokeReply::new(StatusCode::OK).encode(Operation::InvokeWithResponseStream).headers;
    assert_eq!(streamed["content-type"], "application/vnd.amazon.eventstream");
    assert_eq!(streamed.len(), 1);
}

#[test]
fn a_streamed_call_has_its_own_path_and_is_never_an_event() {
    let operation = Operation::InvokeWithResponseStream;
    let invoke = Invoke { operation, ..Invoke::new(FunctionRef::new("hello")) };
    let target = "/2021-11-15/functions/hello/response-streaming-invocations";
    assert_eq!(invoke.encode().uri, target);
    assert_eq!(decode(target, &[]), Ok(invoke));
    let refused = "ValidationException: 1 validation error detected: Value 'Event' at 'invocationType' failed to satisfy \
                   constraint: Member must satisfy enum value set: [RequestResponse, DryRun]";
    check_refused(target, &[("x-amz-invocation-type", "Event")], refused);
}

#[test]
fn an_api_error_is_no_reply() {
    for status in [StatusCode::FOUND, StatusCode::NOT_FOUND, StatusCode::BAD_GATEWAY] {
        let (mut head, ()) = Response::new(()).into_parts();
        head.status = status;
        assert_eq!(InvokeReply::decode(&head), None);
    }
}

fn header() -> impl Strategy<Value = Option<HeaderValue>> {
    prop::option::of("[!-~]{1,60}".prop_map(|text| HeaderValue::from_str(&text).unwrap()))
}

proptest! {
    #[test]
    fn a_request_decodes_to_itself(
        name in "[a-zA-Z0-9-_]{1,64}",
        operation in prop::sample::select(vec![Operation::Invoke, Operation::InvokeWithResponseStream]),
        qualifier in prop::option::of("[a-zA-Z0-9$_-]{1,20}"),
        invocation_type in prop::sample::select(vec![
            InvocationType::RequestResponse, InvocationType::Event, InvocationType::DryRun,
        ]),
        log_type in prop::sample::select(vec![LogType::None, LogType::Tail]),
        client_context in header(),
        trace in header(),
        request_id in prop::option::of(any::<u128>().prop_map(Uuid::from_u128)),
        durable_execution_name in prop::option::of("[a-zA-Z0-9_-]{1,64}"),
    ) {
        let qualifier = qualifier.map(|text| Qualifier::parse(&text).unwrap());
        let function = FunctionRef::new(name);
        prop_assume!(operation == Operation::Invoke || invocation_type != InvocationType::Event);
        let invoke = Invoke {
            operation,
            function,
            qualifier,
            invocation_type,
            log_type,
            client_context,
            trace,
            request_id,
            durable_execution_name,
        };
        prop_assert_eq!(Invoke::decode(&invoke.encode()), Some(Ok(invoke)));
    }

    #[test]
    fn a_reply_decodes_to_itself(
        status in prop::sample::select(vec![200_u16, 202, 204]),
        request_id in header(), executed_version in header(), function_error in header(),
        log_result in header(), trace in header(), durable_execution_arn in header(),
    ) {
        let status = StatusCode::from_u16(status).unwrap();
        let reply = InvokeReply {
            status,
            request_id,
            executed_version,
            function_error,
            log_result,
            trace,
            durable_execution_arn,
        };
        prop_assert_eq!(InvokeReply::decode(&reply.encode(Operation::Invoke)), Some(reply));
    }

    #[test]
    fn any_name_can_be_asked_for_and_arrives_as_it_is_or_is_refused(name: String, repeat in 1..3000_usize) {
        let invoke = Invoke::new(FunctionRef::new(name.repeat(repeat)));
        let head = invoke.encode();
        if let Some(Ok(decoded)) = Invoke::decode(&head) {
            prop_assert_eq!(decoded.function.to_string(), invoke.function.to_string());
        }
    }

    #[test]
    fn any_head_may_be_decoded(label in "[!-~]{0,40}", query in "[!-~]{0,40}", value in "[ -~]{0,40}") {
        let target = format!("/2015-03-31/functions/{label}/invocations?Qualifier={query}");
        if let Ok(request) = Request::post(target).header(X_AMZ_CLIENT_CONTEXT, value).body(())
            && let Some(Ok(invoke)) = Invoke::decode(&request.into_parts().0)
        {
            let _ = invoke.client_context_json();
        }
    }
}
