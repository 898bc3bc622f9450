use http::{HeaderName, HeaderValue, header::CONTENT_TYPE};
use proptest::prelude::*;
use serde_json::json;

use super::*;

#[track_caller]
fn decode(payload: &(impl ToString + ?Sized)) -> HttpAnswer {
    let payload = payload.to_string();
    HttpAnswer::decode(&payload.clone().into()).unwrap_or_else(|error| panic!("{payload}: {error}"))
}

#[track_caller]
fn check_refused(payload: &(impl ToString + ?Sized), expected: &HttpAnswerError) {
    let payload = payload.to_string();
    assert_eq!(HttpAnswer::decode(&payload.clone().into()).as_ref(), Err(expected), "{payload}");
}

#[track_caller]
fn check_headers(payload: &(impl ToString + ?Sized), expected: &[(&str, &str)]) {
    let answer = decode(payload);
    let found: Vec<_> =
        answer.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_whole_answer_is_read() {
    let answer = decode(&json!({
        "statusCode": 201,
        "headers": { "Content-Type": "text/plain", "X-Number": 5, "x-flag": true },
        "cookies": ["a=1", "b=2"],
        "body": "aGVsbG8=",
        "isBase64Encoded": true,
    }));
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.body, "hello");
    assert_eq!(answer.headers["content-type"], "text/plain");
    assert_eq!(answer.headers["x-number"], "5");
    assert_eq!(answer.headers["x-flag"], "true");
    assert_eq!(answer.headers.get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
}

#[test]
fn what_has_no_status_is_a_body() {
    for payload in
        ["null", "5", "\"text\"", "[1, 2]", " {\"a\" : 1}\n", "{}", "{\"statusCode\":null}", "", "not json"]
    {
        let answer = decode(payload);
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, payload.as_bytes()));
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_eq!(answer.headers.len(), 1);
    }
}

#[test]
fn a_broken_object_is_not_taken_for_a_body() {
    check_refused(r#"{"statusCode":200,"bo"#, &HttpAnswerError::Shape("not JSON at line 1 column 21".into()));
    check_refused("{} {}", &HttpAnswerError::Shape("not JSON at line 1 column 4".into()));
}

#[test]
fn both_spellings_of_the_status_are_read() {
    for payload in [
        r#"{"statusCode":404}"#,
        r#"{"status_code":404}"#,
        r#"{"statusCode":"404"}"#,
        r#"{"statusCode":404.0}"#,
        r#"{"status_code":500,"statusCode":404}"#,
    ] {
        let answer = decode(payload);
        assert_eq!(
            answer,
            HttpAnswer { status: StatusCode::NOT_FOUND, headers: HeaderMap::new(), body: Bytes::new() }
        );
    }
}

#[test]
fn a_status_that_is_no_answers_is_refused() {
    for status in
        ["100", "101", "199", "600", "0", "-200", "200.5", "2e2", "true", "\"ok\"", "\"\"", "[200]", "{}"]
    {
        check_refused(&format!(r#"{{"statusCode":{status}}}"#), &HttpAnswerError::Status);
    }
}

#[test]
fn several_values_of_a_name() {
    check_headers(
        &json!({
            "statusCode": 200,
            "headers": { "X-A": "old", "x-b": ["1", 2] },
            "multiValueHeaders": { "x-a": ["new", true] },
        }),
        &[("x-b", "1"), ("x-b", "2"), ("x-a", "new"), ("x-a", "true")],
    );
    check_headers(
        r#"{"statusCode":200,"multiValueHeaders":{"x-a":"1","X-A":["2"]}}"#,
        &[("x-a", "1"), ("x-a", "2")],
    );
}

#[test]
fn what_cannot_be_a_header_is_dropped() {
    check_headers(
        &json!({
            "statusCode": 200,
            "headers": { "a b": "1", "": "2", "x-break": "a\r\nb", "x-null": null, "x-map": {}, "x-good": "é".len() },
            "cookies": [null, "a\nb", "c=3"],
        }),
        &[("x-good", "2"), ("set-cookie", "c=3")],
    );
    check_headers(
        &json!({ "statusCode": 200, "headers": null, "multiValueHeaders": null, "cookies": null }),
        &[],
    );
    check_refused(
        &json!({ "statusCode": 200, "headers": "x: y" }),
        &HttpAnswerError::Shape("`headers` is not an object".into()),
    );
    check_refused(
        &json!({ "statusCode": 200, "multiValueHeaders": [] }),
        &HttpAnswerError::Shape("`multiValueHeaders` is not an object".into()),
    );
}

#[test]
fn more_headers_than_a_map_holds_are_no_panic() {
    let headers: serde_json::Map<_, _> =
        (0..40_000).map(|index| (format!("x-{index}"), "v".into())).collect();
    assert!(decode(&json!({ "statusCode": 200, "headers": headers })).headers.len() >= 24_576);
}

#[test]
fn a_body_that_is_json_is_sent_as_json() {
    let answer = decode(r#"{"statusCode":200,"body":{ "a": [1] }}"#);
    assert_eq!(answer.body, r#"{ "a": [1] }"#);
    assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
    let answer =
        decode(r#"{"statusCode":200,"headers":{"Content-Type":"application/problem+json"},"body":[]}"#);
    assert_eq!(answer.headers[CONTENT_TYPE], "application/problem+json");
    let answer = decode(r#"{"statusCode":200,"body":5}"#);
    assert_eq!((&answer.body[..], answer.headers.len()), (&b"5"[..], 0));
}

#[test]
fn base64_is_read_as_any_encoder_writes_it() {
    for body in ["aGVsbG8=", "aGVsbG8", "aGVs\\nbG8=\\n"] {
        assert_eq!(
            decode(&format!(r#"{{"statusCode":200,"body":"{body}","isBase64Encoded":true}}"#)).body,
            "hello"
        );
    }
    // PHP escapes slashes.
    assert_eq!(
        decode(r#"{"statusCode":200,"body":"\/\/\/\/","isBase64Encoded":"true"}"#).body,
        vec![0xff; 3]
    );
    check_refused(r#"{"statusCode":200,"body":"a-b_","isBase64Encoded":true}"#, &HttpAnswerError::Base64);
    check_refused(r#"{"statusCode":200,"body":{},"isBase64Encoded":true}"#, &HttpAnswerError::Base64);
    assert!(decode(r#"{"statusCode":200,"isBase64Encoded":true}"#).body.is_empty());
}

#[test]
fn a_body_without_escapes_is_not_copied() {
    let payload = Bytes::from_static(br#"{"statusCode":200,"body":"plain text"}"#);
    let body = HttpAnswer::decode(&payload).unwrap().body;
    assert!(payload.as_ptr_range().contains(&body.as_ptr()));
    assert_eq!(body, "plain text");
}

fn answer() -> impl Strategy<Value = HttpAnswer> {
    let name = prop_oneof![Just("set-cookie".to_owned()), "x-[a-c]", "[a-z][a-z0-9-]{0,12}"];
    let headers = prop::collection::vec((name, "[ -~äöü\t]{0,20}"), 0..12);
    let body =
        prop_oneof![prop::collection::vec(any::<u8>(), 0..200), any::<String>().prop_map(String::into_bytes)];
    (200..600_u16, headers, body).prop_map(|(status, pairs, body)| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
        }
        HttpAnswer { status: StatusCode::from_u16(status).unwrap(), headers, body: body.into() }
    })
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_itself(answer in answer()) {
        let payload = answer.encode();
        prop_assert_eq!(crate::json::check(&payload), Ok(()));
        prop_assert_eq!(HttpAnswer::decode(&payload.into()), Ok(answer));
    }

    #[test]
    fn any_bytes_may_be_decoded(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        key in prop::sample::select(vec!["statusCode", "headers", "multiValueHeaders", "cookies", "body", "isBase64Encoded"]),
        value in r#"[\[\]{}",:a1\\ut]{0,30}"#,
    ) {
        let _ = HttpAnswer::decode(&bytes.into());
        let _ = HttpAnswer::decode(&format!(r#"{{"status_code":200,"{key}":{value}}}"#).into());
    }
}
