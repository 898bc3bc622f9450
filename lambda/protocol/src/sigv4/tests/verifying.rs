//! What the verifier accepts, and how it refuses the rest.

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use proptest::prelude::*;

use super::*;
use crate::api_error::{ApiError, ErrorCode};

const BODY: &[u8] = br#"{"a":1}"#;

fn verifier(session_token: Option<&str>) -> Verifier {
    let credentials = example_credentials(session_token);
    Verifier { credentials, region: "us-east-1".to_owned(), service: "lambda".to_owned() }
}

/// A request signed at [`example_time`] by a client that has `session_token`, for `region` and `service`.
fn signed_for(session_token: Option<&str>, region: &str, service: &str) -> request::Parts {
    let credentials = example_credentials(session_token);
    let key = SigningKey::derive(credentials.secret(), example_time(), region, service);
    let uri = "/2015-03-31/functions/arn%3Aaws%3Alambda/invocations?Qualifier=%24LATEST&x=1";
    let invocation_type = (HeaderName::from_static("x-amz-invocation-type"), "Request Response");
    let mut head = head("POST", uri, &[(HOST, "127.0.0.1:9000"), invocation_type]);
    let signer = Signer::new(&credentials, key, SignedHeaders::of_invoke());
    signer.sign(&mut head, &payload_hash(BODY), example_time());
    head
}

fn signed() -> request::Parts {
    signed_for(None, "us-east-1", "lambda")
}

fn verify_at(
    verifier: &Verifier,
    head: &request::Parts,
    body: &[u8],
    now: SystemTime,
) -> Result<(), ApiError> {
    verifier.read(head, now)?.verify(head, &payload_hash(body))
}

fn verify(head: &request::Parts) -> Result<(), ApiError> {
    verify_at(&verifier(None), head, BODY, example_time())
}

fn set_authorization(head: &mut request::Parts, from: &str, to: &str) {
    let text = authorization(head).to_owned();
    assert!(text.contains(from), "{text} has no {from}");
    head.headers.insert(AUTHORIZATION, HeaderValue::try_from(text.replace(from, to)).expect("ASCII"));
}

#[track_caller]
fn check(found: Result<(), ApiError>, code: &ErrorCode, message: &str) {
    let error = found.expect_err("refused");
    assert_eq!((&error.code, error.message.as_str()), (code, message));
    assert_eq!(error.code.status(), StatusCode::FORBIDDEN);
}

#[track_caller]
fn check_mismatch(found: &Result<(), ApiError>, what: &str) {
    assert_eq!(found, &Err(ApiError::invalid_signature()), "{what}");
}

#[test]
fn what_was_signed_holds() {
    assert_eq!(verify(&signed()), Ok(()));
    let head = signed_for(Some("token"), "us-east-1", "lambda");
    assert_eq!(verify_at(&verifier(Some("token")), &head, BODY, example_time()), Ok(()));
}

#[test]
fn headers_that_are_not_signed_may_change() {
    let mut head = signed();
    head.headers.insert("user-agent", HeaderValue::from_static("proxy"));
    assert_eq!(verify(&head), Ok(()));
}

#[test]
fn whoever_signs_nothing_is_asked_for_a_token() {
    let mut head = signed();
    head.headers.remove(AUTHORIZATION);
    check(verify(&head), &ErrorCode::MissingAuthenticationToken, "Missing Authentication Token");
}

#[test]
fn another_kind_of_authorization_is_incomplete() {
    let mut head = signed();
    head.headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer token"));
    let text = "Unsupported AWS 'algorithm': only AWS4-HMAC-SHA256 is accepted.";
    check(verify(&head), &ErrorCode::IncompleteSignature, text);
    let mut head = signed();
    head.headers.insert(X_AMZ_DATE, HeaderValue::from_static("Sun, 30 Aug 2015 12:36:00 GMT"));
    let text = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
    check(verify(&head), &ErrorCode::IncompleteSignature, text);
}

#[test]
fn keys_and_tokens_that_are_not_known_are_one_answer() {
    let text = "The security token included in the request is invalid.";
    let check = |known, sent, id| {
        let mut head = signed_for(sent, "us-east-1", "lambda");
        set_authorization(&mut head, "AKIDEXAMPLE", id);
        check(verify_at(&verifier(known), &head, BODY, example_time()), &ErrorCode::UnrecognizedClient, text);
    };
    check(None, None, "AKIDOTHER");
    check(Some("token"), Some("tokem"), "AKIDEXAMPLE");
    check(Some("token"), None, "AKIDEXAMPLE");
    check(None, Some("token"), "AKIDEXAMPLE");
}

#[test]
fn a_clock_may_be_off_by_five_minutes() {
    let at = |now| verify_at(&verifier(None), &signed(), BODY, now);
    let second = Duration::from_secs(1);
    assert_eq!(at(example_time() + MAX_SKEW), Ok(()));
    assert_eq!(at(example_time() - MAX_SKEW), Ok(()));
    let text = "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)";
    check(at(example_time() + MAX_SKEW + second), &ErrorCode::InvalidSignature, text);
    let text = "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)";
    check(at(example_time() - MAX_SKEW - second), &ErrorCode::InvalidSignature, text);
}

#[test]
fn the_scope_is_this_service_in_this_region_on_that_day() {
    let invalid = |head: &request::Parts, text| check(verify(head), &ErrorCode::InvalidSignature, text);
    let text = "Credential should be scoped to a valid region.";
    invalid(&signed_for(None, "eu-west-1", "lambda"), text);
    let text = "Credential should be scoped to correct service: 'lambda'.";
    invalid(&signed_for(None, "us-east-1", "iam"), text);
    let mut head = signed();
    set_authorization(&mut head, "aws4_request", "aws5_request");
    invalid(&head, "Credential should be scoped with a valid terminator: 'aws4_request'.");
    let mut head = signed();
    set_authorization(&mut head, "20150830", "20150831");
    let text = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                '20150831' != '20150830', from '20150830T123600Z'.";
    invalid(&head, text);
}

#[test]
fn host_and_date_must_be_signed() {
    let invalid = |head: &request::Parts, text| check(verify(head), &ErrorCode::InvalidSignature, text);
    let mut head = signed();
    set_authorization(&mut head, "SignedHeaders=host;", "SignedHeaders=");
    invalid(&head, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
    let mut head = signed();
    set_authorization(&mut head, ";x-amz-date;", ";");
    invalid(&head, "'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization.");
}

#[test]
fn an_announced_hash_must_be_the_bodys() {
    let announce = |hash: &[u8]| {
        let mut head = signed();
        head.headers.insert(X_AMZ_CONTENT_SHA256, HeaderValue::from_bytes(hash).expect("a value"));
        verify(&head)
    };
    assert_eq!(announce(&hex::encode(&payload_hash(BODY))), Ok(()));
    check_mismatch(&announce(&hex::encode(&payload_hash(b""))), "another body's");
    check_mismatch(&announce(b"UNSIGNED-PAYLOAD"), "none");
}

#[test]
fn another_secret_is_a_mismatch() {
    let credentials = Credentials::new("AKIDEXAMPLE", SecretKey::new("guess"), None).expect("usable");
    let verifier = Verifier { credentials, ..verifier(None) };
    check_mismatch(&verify_at(&verifier, &signed(), BODY, example_time()), "another secret");
}

/// Another byte that keeps a request a request, and means another thing.
fn changed(text: &[u8], at: usize) -> Vec<u8> {
    let mut changed = text.to_vec();
    changed[at] = match text[at] {
        b'9' => b'0',
        b'z' => b'a',
        b'Z' => b'A',
        byte if byte.is_ascii_alphanumeric() => byte + 1,
        _ => b'x',
    };
    changed
}

#[test]
fn one_byte_that_is_not_as_it_was_signed_is_a_mismatch() {
    let original = signed();
    let method = original.method.as_str().as_bytes();
    for at in 0..method.len() {
        let mut head = original.clone();
        head.method = Method::from_bytes(&changed(method, at)).expect("a token");
        check_mismatch(&verify(&head), &format!("{}", head.method));
    }
    let target = original.uri.to_string();
    for at in (1..target.len()).filter(|at| target.as_bytes()[*at] != b'?') {
        let mut head = original.clone();
        head.uri = Uri::try_from(changed(target.as_bytes(), at)).expect("a URI");
        check_mismatch(&verify(&head), &format!("{}", head.uri));
    }
    for name in ["host", "x-amz-invocation-type"] {
        let value = original.headers[name].as_bytes();
        for at in 0..value.len() {
            let mut head = original.clone();
            head.headers.insert(name, HeaderValue::from_bytes(&changed(value, at)).expect("a value"));
            check_mismatch(&verify(&head), name);
        }
        let mut head = original.clone();
        head.headers.append(name, HeaderValue::from_static("more"));
        check_mismatch(&verify(&head), name);
        head.headers.remove(name);
        check_mismatch(&verify(&head), name);
    }
    for at in 0..BODY.len() {
        let body = changed(BODY, at);
        check_mismatch(&verify_at(&verifier(None), &original, &body, example_time()), "the body");
    }
    let signature = authorization(&original).len() - 64;
    for at in signature..signature + 64 {
        let mut head = original.clone();
        let text = changed(authorization(&original).as_bytes(), at);
        head.headers.insert(AUTHORIZATION, HeaderValue::from_bytes(&text).expect("a value"));
        check_mismatch(&verify(&head), "the signature");
    }
    for second in 1..60 {
        let mut head = original.clone();
        let date = AmzDate::at(example_time() + Duration::from_secs(second));
        head.headers.insert(X_AMZ_DATE, HeaderValue::try_from(date.to_string()).expect("ASCII"));
        check_mismatch(&verify(&head), "the date");
    }
}

proptest! {
    #[test]
    fn no_header_panics(
        bytes in proptest::collection::vec(prop_oneof![0x20_u8..0x7f, 0x80_u8..=0xff], 0..120),
        signed_headers in "[ -~]{0,40}",
    ) {
        let named = format!("SignedHeaders=host;x-amz-date;{signed_headers}");
        let mut with_names = signed();
        let text = authorization(&with_names).replace("SignedHeaders=host;x-amz-date", &named);
        with_names.headers.insert(AUTHORIZATION, HeaderValue::try_from(text).expect("ASCII"));
        prop_assert!(verify(&with_names).is_err());
        for start in ["", "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"] {
            let value = [start.as_bytes(), &bytes].concat();
            let mut head = signed();
            head.headers.insert(AUTHORIZATION, HeaderValue::from_bytes(&value).expect("no control character"));
            prop_assert!(verify(&head).is_err());
        }
    }

    #[test]
    fn what_we_sign_we_verify(
        path in "/[a-zA-Z0-9:%/._~-]{0,30}",
        query in "[a-zA-Z0-9=&+%._~-]{0,30}",
        values in proptest::collection::vec(" {0,2}[!-~]{0,5}( {1,2}[!-~]{1,3})? ?", 0..4),
        body in proptest::collection::vec(any::<u8>(), 0..60),
        late in 0_u64..=300,
    ) {
        let credentials = example_credentials(Some("token"));
        let key = SigningKey::derive(credentials.secret(), example_time(), "us-east-1", "lambda");
        let name = HeaderName::from_static("x-values");
        let signer = Signer::new(&credentials, key, SignedHeaders::new([name.clone(), X_AMZ_CONTENT_SHA256]));
        let mut head = head("PUT", &format!("{path}?{query}"), &[(HOST, "h")]);
        let mut headers = HeaderMap::new();
        for value in &values {
            headers.append(name.clone(), HeaderValue::from_str(value).expect("a value"));
        }
        head.headers.extend(headers);
        signer.sign(&mut head, &payload_hash(&body), example_time());
        let now = example_time() + Duration::from_secs(late);
        prop_assert_eq!(verify_at(&verifier(Some("token")), &head, &body, now), Ok(()));
    }
}
