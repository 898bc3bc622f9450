use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// 12 March 2020, 19:03:58.390 UTC.
const TIME_MS: u64 = 1_584_039_838_390;

fn headers(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &[u8])| {
        (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap())
    };
    let mut headers = HeaderMap::new();
    for (name, value) in pairs.iter().map(pair) {
        headers.append(name, value);
    }
    headers
}

fn event<'a>(headers: &'a HeaderMap, raw_path: &'a str, raw_query: &'a str) -> HttpEvent<'a> {
    HttpEvent {
        method: &Method::POST,
        version: Version::HTTP_11,
        raw_path,
        raw_query,
        headers,
        source_ip: "203.0.113.9",
        request_id: "0186f8a0-5c3d-7e21-9a7b-123456789abc",
        time: UNIX_EPOCH + Duration::from_millis(TIME_MS),
        ticket: None,
    }
}

fn encode(pairs: &[(&'static str, &[u8])], query: &str, body: &[u8]) -> Value {
    serde_json::from_slice(&event(&headers(pairs), "/a%20b", query).encode(body)).unwrap()
}

#[test]
fn an_event_is_what_a_function_url_sends() {
    let sent = [
        ("host", &b"abc123.lambda-url.us-east-1.on.aws:443"[..]),
        ("user-agent", b"curl/8"),
        ("cookie", b"one=1; two=2"),
        ("x-custom", b"\"quoted\""),
    ];
    assert_eq!(
        encode(&sent, "p=1&q=a%20b+c&p=2&empty", b"Hello \"you\""),
        json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": "/a%20b",
            "rawQueryString": "p=1&q=a%20b+c&p=2&empty",
            "cookies": ["one=1", "two=2"],
            "headers": {
                "host": "abc123.lambda-url.us-east-1.on.aws:443",
                "user-agent": "curl/8",
                "x-custom": "\"quoted\"",
            },
            "queryStringParameters": { "empty": "", "p": "1,2", "q": "a b c" },
            "requestContext": {
                "accountId": "anonymous",
                "apiId": "abc123",
                "domainName": "abc123.lambda-url.us-east-1.on.aws",
                "domainPrefix": "abc123",
                "http": {
                    "method": "POST",
                    "path": "/a%20b",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "203.0.113.9",
                    "userAgent": "curl/8",
                },
                "requestId": "0186f8a0-5c3d-7e21-9a7b-123456789abc",
                "routeKey": "$default",
                "stage": "$default",
                "time": "12/Mar/2020:19:03:58 +0000",
                "timeEpoch": TIME_MS,
            },
            "body": "Hello \"you\"",
            "isBase64Encoded": false,
        })
    );
}

#[test]
fn what_a_request_lacks_is_absent() {
    let event = encode(&[], "", b"");
    for key in ["cookies", "queryStringParameters", "body"] {
        assert_eq!(event.get(key), None, "{key}");
    }
    assert_eq!(event["headers"], json!({}));
    assert_eq!(event["requestContext"].get("stayput"), None);
    assert_eq!(event["requestContext"]["domainName"], "");
}

#[test]
fn repeated_headers_are_joined_and_also_kept_as_sent() {
    let event = encode(
        &[("accept", b"a/b"), ("x-one", b"1"), ("accept", b"c/d"), ("cookie", b"a=1"), ("cookie", b"b=2")],
        "",
        b"",
    );
    assert_eq!(event["headers"], json!({ "accept": "a/b,c/d", "x-one": "1" }));
    assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
    assert_eq!(
        event["requestContext"]["stayput"],
        json!({ "headers": [["accept", "a/b"], ["accept", "c/d"]] })
    );
}

#[test]
fn header_bytes_that_are_no_utf8_are_latin1() {
    let event = encode(&[("x-name", b"Jos\xe9"), ("x-utf8", "José".as_bytes())], "", b"");
    assert_eq!(event["headers"], json!({ "x-name": "José", "x-utf8": "José" }));
}

#[test]
fn hosts_lose_their_port() {
    for (host, domain, prefix) in [
        ("localhost:8080", "localhost", "localhost"),
        ("[::1]:8080", "[::1]", "[::1]"),
        ("api.example.com", "api.example.com", "api"),
    ] {
        let context = &encode(&[("host", host.as_bytes())], "", b"")["requestContext"];
        assert_eq!(
            (&context["domainName"], &context["domainPrefix"]),
            (&json!(domain), &json!(prefix)),
            "{host}"
        );
    }
}

#[track_caller]
fn check_body(body: &[u8], is_base64: bool) {
    let event = encode(&[], "", body);
    assert_eq!(event["isBase64Encoded"], is_base64, "{:?}", String::from_utf8_lossy(body));
    let text = event["body"].as_str().unwrap();
    let decoded = if is_base64 { base64_simd::STANDARD.decode_to_vec(text).unwrap() } else { text.into() };
    assert_eq!(decoded, body);
}

#[test]
fn a_body_is_text_where_that_is_possible_and_no_longer() {
    check_body("{\"a\": \"é😀\"}".as_bytes(), false);
    check_body(&[0xff, 0xfe], true);
    // Each quote doubles: as long as base64 at a third, longer beyond.
    check_body("\"aa".repeat(100).as_bytes(), false);
    check_body("\"\"a".repeat(100).as_bytes(), true);
    check_body(&[0; 100], true);
}

#[test]
fn times_beyond_the_calendar_are_the_epoch() {
    let headers = HeaderMap::new();
    let far = HttpEvent { time: UNIX_EPOCH + Duration::from_secs(1 << 60), ..event(&headers, "/", "") };
    let event: Value = serde_json::from_slice(&far.encode(b"")).unwrap();
    assert_eq!(event["requestContext"]["time"], "01/Jan/1970:00:00:00 +0000");
}

#[test]
fn many_parameters_are_joined_in_good_time() {
    let query =
        (0..100_000).map(|index| format!("k{}={index}", index % 50_000)).collect::<Vec<_>>().join("&");
    assert_eq!(encode(&[], &query, b"")["queryStringParameters"]["k7"], "7,50007");
}

#[track_caller]
fn decode(event: &Value) -> Result<HttpRequest, String> {
    HttpRequest::decode(event.to_string().as_bytes()).map_err(|error| error.0)
}

/// An HTTP API's event, as far as a request is in it.
fn minimal() -> Value {
    json!({
        "version": "2.0",
        "rawPath": "/hello",
        "rawQueryString": "",
        "requestContext": { "http": { "method": "GET" } },
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut event = minimal();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    event.pointer_mut(parent).unwrap()[key] = value;
    event
}

#[test]
fn a_bare_event_is_a_bare_request() {
    let request = decode(&minimal()).unwrap();
    assert_eq!(request.request.uri(), "/hello");
    assert_eq!(request.request.method(), Method::GET);
    assert!(request.request.headers().is_empty() && request.request.body().is_empty());
    assert_eq!((request.request_id, request.source_ip), (None, None));
}

#[test]
fn nulls_are_absent() {
    let mut event = minimal();
    for key in ["headers", "cookies", "body", "isBase64Encoded", "rawQueryString"] {
        event[key] = Value::Null;
    }
    assert!(decode(&event).is_ok());
}

#[test]
fn a_path_that_an_http_api_has_decoded_is_encoded_again() {
    for (path, query, expected) in [
        ("/a b", "", "/a%20b"),
        ("/a?b#c", "x=1", "/a%3Fb%23c?x=1"),
        ("/é", "q=ö", "/é?q=ö"),
        ("/a", "x=1#2", "/a?x=1%232"),
        ("/a%20b", "x=%20", "/a%20b?x=%20"),
        ("/\u{1}", "\u{7f}", "/%01?%7F"),
    ] {
        let mut event = with("/rawPath", path.into());
        event["rawQueryString"] = query.into();
        assert_eq!(decode(&event).unwrap().request.uri(), expected, "{path} {query}");
    }
}

#[test]
fn a_broken_rule_is_named_and_its_value_is_not() {
    for (pointer, value, expected) in [
        ("/version", json!("1.0"), "`version` is not \"2.0\""),
        ("/version", json!(2.0), "`version` is not \"2.0\""),
        ("/rawPath", json!(7), "`rawPath` is missing"),
        ("/rawPath", json!("secret"), "`rawPath` does not begin with `/`"),
        ("/requestContext", json!("secret"), "`requestContext` is not an object"),
        ("/requestContext/http", json!([]), "`requestContext.http` is not an object"),
        ("/requestContext/http", Value::Null, "`requestContext.http.method` is missing"),
        ("/requestContext/http/method", json!("GE T"), "`requestContext.http.method` is not a method"),
        ("/headers", json!(["secret"]), "`headers` is not an object"),
        ("/headers", json!({ "a b": "secret" }), "`headers` holds what no header may"),
        ("/headers", json!({ "a": "secret\n" }), "`headers` holds what no header may"),
        ("/cookies", json!("secret"), "`cookies` is not a list"),
        ("/cookies", json!(["\u{1}"]), "`cookies` holds what no header may"),
        ("/body", json!({}), "`body` is not text"),
    ] {
        assert_eq!(decode(&with(pointer, value)).unwrap_err(), expected);
    }
    let mut event = with("/body", "***".into());
    event["isBase64Encoded"] = true.into();
    assert_eq!(decode(&event).unwrap_err(), "`body` is not base64");
    assert_eq!(HttpRequest::decode(b"[]").unwrap_err().0, "not a JSON object");
    let long = with("/rawPath", format!("/{}", "a".repeat(70_000)).into());
    assert_eq!(decode(&long).unwrap_err(), "`rawPath` and `rawQueryString` are no URI");
}

#[test]
fn half_a_surrogate_pair_in_a_body_costs_only_itself() {
    let event = minimal().to_string().replacen('{', r#"{"body":"a\ud800b","#, 1);
    assert_eq!(HttpRequest::decode(event.as_bytes()).unwrap().request.body(), "a\u{fffd}b");
}

fn value() -> impl Strategy<Value = String> {
    // What arrives over HTTP has no blanks at its ends.
    "([!-~äöü]([ -~äöü\t]{0,20}[!-~äöü])?)?"
}

fn names() -> impl Strategy<Value = Vec<(String, String)>> {
    let name =
        prop_oneof!["x-[a-c]", "[a-z][a-z0-9-]{0,12}"].prop_filter("told apart", |name| name != "cookie");
    prop::collection::vec((name, value()), 0..12)
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_itself(
        method in prop::sample::select(vec![Method::GET, Method::POST, Method::PATCH, Method::DELETE]),
        version in prop::sample::select(vec![Version::HTTP_10, Version::HTTP_11, Version::HTTP_2]),
        path in "(/[a-zA-Z0-9._~%!$&'()*+,;=:@|-]{0,12}){1,4}",
        query in "[a-zA-Z0-9._~%!$&'()*+,;=:@/?{}-]{0,40}",
        pairs in names(),
        cookies in prop::collection::vec("[a-z]{1,5}=[a-zA-Z0-9\"]{0,8}", 0..4),
        body in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), any::<String>().prop_map(String::into_bytes)],
    ) {
        let mut sent = HeaderMap::new();
        for (name, value) in &pairs {
            sent.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let mut joined = HeaderMap::new();
        for name in sent.keys() {
            let values: Vec<_> = sent.get_all(name).iter().map(HeaderValue::as_bytes).collect();
            joined.insert(name, HeaderValue::from_bytes(&values.join(&b','))?);
        }
        if !cookies.is_empty() {
            sent.insert("cookie", HeaderValue::from_str(&cookies.join("; "))?);
            joined.insert("cookie", HeaderValue::from_str(&cookies.join("; "))?);
        }
        let event = HttpEvent { method: &method, version, ..event(&sent, &path, &query) };

        let read = HttpRequest::decode(&event.encode(&body))?;
        prop_assert_eq!(read.request.method(), &method);
        prop_assert_eq!(read.request.version(), version);
        prop_assert_eq!(read.request.uri().path(), &path);
        prop_assert_eq!(read.request.uri().query().unwrap_or_default(), &query);
        prop_assert_eq!(read.request.headers(), &joined);
        prop_assert_eq!(&read.request.body()[..], &body[..]);
        prop_assert_eq!(read.request_id.as_deref(), Some(event.request_id));
        prop_assert_eq!(read.source_ip.as_deref(), Some(event.source_ip));
    }

    #[test]
    fn any_request_makes_an_event_of_valid_json(
        path: String, query: String, source_ip: String,
        name in "[a-z]{1,8}", values in prop::collection::vec(prop::collection::vec(prop_oneof![Just(b'\t'), 32..127_u8, 128..=255_u8], 0..20), 0..4),
        host in prop::collection::vec(prop_oneof![prop::sample::select(b"[]:.a".to_vec()), 128..=255_u8], 0..8),
        body in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut sent = HeaderMap::new();
        sent.insert("host", HeaderValue::from_bytes(&host)?);
        for value in values {
            sent.append(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_bytes(&value)?);
        }
        let encoded = HttpEvent { source_ip: &source_ip, ..event(&sent, &path, &query) }.encode(&body);
        prop_assert_eq!(crate::json::check(&encoded), Ok(()));
    }

    #[test]
    fn any_bytes_may_be_decoded(bytes in prop::collection::vec(any::<u8>(), 0..200), path: String, query: String, cookie: String) {
        let _ = HttpRequest::decode(&bytes);
        let mut event = with("/rawPath", path.into());
        event["rawQueryString"] = query.into();
        event["cookies"] = json!([cookie]);
        let _ = decode(&event);
    }
}

#[test]
fn a_ticket_lies_in_the_request_context_and_is_found_there() {
    let sent = headers(&[("x-tag", b"1"), ("x-tag", b"2")]);
    let with = HttpEvent { ticket: Some("sealed_-9"), ..event(&sent, "/", "") }.encode(b"{}");
    let read: Value = serde_json::from_slice(&with).unwrap();
    let expected = json!({ "ticket": "sealed_-9", "headers": [["x-tag", "1"], ["x-tag", "2"]] });
    assert_eq!(read["requestContext"]["stayput"], expected);

    let found = Ticketed::find(serde_json::from_slice(&with).unwrap()).unwrap();
    assert_eq!(found.ticket, "sealed_-9");
    assert_eq!(found.request_id.as_deref(), Some("0186f8a0-5c3d-7e21-9a7b-123456789abc"));
    let without = event(&sent, "/", "").encode(b"{}");
    assert_eq!(Ticketed::find(serde_json::from_slice(&without).unwrap()), None);
}
