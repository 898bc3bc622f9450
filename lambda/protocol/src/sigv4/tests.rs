//! Both sides together, against AWS's own crate and AWS's own examples.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{
    HeaderName, Request,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
    request,
};

use super::*;

mod against_the_sdk;
mod verifying;

/// 2015-08-30T12:36:00Z, the time of AWS's examples.
fn example_time() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_440_938_160)
}

fn example_credentials(session_token: Option<&str>) -> Credentials {
    let secret = SecretKey::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    Credentials::new("AKIDEXAMPLE", secret, session_token).expect("AWS's example")
}

fn head(method: &str, uri: &str, headers: &[(HeaderName, &str)]) -> request::Parts {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    request.body(()).expect("a request").into_parts().0
}

fn authorization(head: &request::Parts) -> &str {
    head.headers[AUTHORIZATION].to_str().expect("ASCII")
}

/// A request without a body at AWS's example time is signed as AWS's examples say.
#[track_caller]
fn check_example(method: &str, uri: &str, headers: &[(HeaderName, &str)], service: &str, expected: &str) {
    let credentials = example_credentials(None);
    let key = SigningKey::derive(credentials.secret(), example_time(), "us-east-1", service);
    let names = headers.iter().map(|(name, _)| name.clone());
    let signer = Signer::new(&credentials, key, SignedHeaders::new(names));
    let mut head = head(method, uri, headers);
    signer.sign(&mut head, &payload_hash(b""), example_time());
    let found = authorization(&head).rsplit_once("Signature=").map(|(_, signature)| signature);
    assert_eq!(found, Some(expected), "{method} {uri}");
}

/// The IAM example of the user guide, and the published test suite's.
#[test]
fn awss_examples_come_out_as_published() {
    let content_type = (CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8");
    check_example(
        "GET",
        "/?Action=ListUsers&Version=2010-05-08",
        &[content_type, (HOST, "iam.amazonaws.com")],
        "iam",
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    );
    let host = [(HOST, "example.amazonaws.com")];
    let vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    check_example("GET", "/", &host, "service", vanilla);
    check_example("GET", "/example/..", &host, "service", vanilla);
    let post = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
    check_example("POST", "/", &host, "service", post);
    let sorted = "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500";
    check_example("GET", "/?Param2=value2&Param1=value1", &host, "service", sorted);
}

#[test]
fn only_what_was_asked_for_is_sent() {
    let now = example_time();
    let (invocation_type, user_agent) =
        (HeaderName::from_static("x-amz-invocation-type"), HeaderName::from_static("user-agent"));
    let original = head("POST", "/", &[(HOST, "h"), (invocation_type, "Event"), (user_agent, "stayput")]);
    let sign = |token, signed| {
        let credentials = example_credentials(token);
        let key = SigningKey::derive(credentials.secret(), now, "us-east-1", "lambda");
        let mut head = original.clone();
        Signer::new(&credentials, key, signed).sign(&mut head, &payload_hash(b""), now);
        head
    };
    let plain = sign(None, SignedHeaders::of_invoke());
    let signed = "SignedHeaders=host;x-amz-date;x-amz-invocation-type, ";
    assert!(authorization(&plain).contains(signed), "{}", authorization(&plain));
    assert_eq!(plain.headers.len(), original.headers.len() + 2);
    assert_eq!(plain.headers[X_AMZ_DATE], "20150830T123600Z");
    let full = sign(Some("token"), SignedHeaders::new([X_AMZ_CONTENT_SHA256]));
    let signed = "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, ";
    assert!(authorization(&full).contains(signed), "{}", authorization(&full));
    assert_eq!(full.headers[X_AMZ_SECURITY_TOKEN], "token");
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(full.headers[X_AMZ_CONTENT_SHA256], empty);
}

#[test]
fn a_signers_secrets_are_not_printed() {
    let credentials = example_credentials(Some("whisper"));
    let key = SigningKey::derive(credentials.secret(), example_time(), "us-east-1", "lambda");
    let signer = Signer::new(&credentials, key, SignedHeaders::of_invoke());
    let mut head = head("POST", "/", &[(HOST, "h")]);
    signer.sign(&mut head, &payload_hash(b""), example_time());
    let verifier = Verifier { credentials, region: "us-east-1".into(), service: "lambda".into() };
    let printed = format!("{signer:?} {verifier:?} {:?}", head.headers);
    assert!(!printed.contains("wJalr") && !printed.contains("whisper"), "{printed}");
}
