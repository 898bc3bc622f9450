//! The socket where signatures are required.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, Request, header::HOST};
use lambda_local::{Settings, Signatures};
use lambda_protocol::sigv4::{Credentials, SecretKey, SignedHeaders, Signer, SigningKey, payload_hash};
use serde_json::{Value, json};

use crate::running::{Running, function, header};

const ROUTE: &str = "/2015-03-31/functions/echo/invocations?Qualifier=%24LATEST";
const EVENT: &[u8] = br#"{"a": 1}"#;
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
                        Secret Access Key and signing method. Consult the service documentation for details.";

fn credentials(id: &str, secret: &str, session_token: Option<&str>) -> Credentials {
    Credentials::new(id, SecretKey::new(secret), session_token).unwrap()
}

fn right() -> Credentials {
    credentials("AKIDEXAMPLE", "hush", Some("token"))
}

async fn strict() -> Running {
    let settings = Settings { signatures: Signatures::Required(right()), ..Settings::default() };
    Running::start(settings, vec![function("echo")]).await
}

/// A call of `route` whose signature is that of `signed`, while its body is [`EVENT`].
fn call(credentials: &Credentials, now: SystemTime, region: &str, route: &str, signed: &[u8]) -> Vec<u8> {
    let key = SigningKey::derive(credentials.secret(), now, region, "lambda");
    let signer = Signer::new(credentials, key, SignedHeaders::of_invoke());
    let request = Request::post(route).header(HOST, "127.0.0.1:9000").body(()).unwrap();
    let mut head = request.into_parts().0;
    signer.sign(&mut head, &payload_hash(signed), now);
    on_the_wire(route, &head.headers)
}

fn on_the_wire(route: &str, headers: &HeaderMap) -> Vec<u8> {
    let mut request = format!("POST {route} HTTP/1.1\r\nContent-Length: {}\r\n", EVENT.len()).into_bytes();
    for (name, value) in headers {
        request.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    [&request[..], b"\r\n", EVENT].concat()
}

/// Asks on a connection of its own: `(status, error code, message)`.
async fn refusal(local: &Running, request: &[u8]) -> (u16, String, String) {
    let (status, headers, body) = local.connect().await.ask(request).await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let code = headers["x-amzn-errortype"].to_str().unwrap().to_owned();
    assert_eq!(headers["x-amzn-requestid"].len(), 36);
    (status, code, text(body.get("message").or_else(|| body.get("Message")).unwrap()))
}

fn forbidden(code: &str, message: &str) -> (u16, String, String) {
    (403, code.to_owned(), message.to_owned())
}

#[tokio::test]
async fn the_right_signature_opens() {
    let local = strict().await;
    let mut socket = local.connect().await;
    for _ in 0..2 {
        let request = call(&right(), SystemTime::now(), "us-east-1", ROUTE, EVENT);
        let (status, _, body) = socket.ask(&request).await;
        assert_eq!((status, &*body), (200, EVENT));
    }
    let route = "/2015-03-31/functions/nobody/invocations";
    let request = call(&right(), SystemTime::now(), "us-east-1", route, EVENT);
    let (status, code, _) = refusal(&local, &request).await;
    assert_eq!((status, code.as_str()), (404, "ResourceNotFoundException"));
    local.stop().await;
}

#[tokio::test]
async fn every_wrong_one_is_refused_in_awss_words() {
    let local = strict().await;
    let now = SystemTime::now();
    let unknown =
        forbidden("UnrecognizedClientException", "The security token included in the request is invalid.");
    for stranger in [
        credentials("AKIDOTHER", "hush", Some("token")),
        credentials("AKIDEXAMPLE", "hush", Some("other")),
        credentials("AKIDEXAMPLE", "hush", None),
    ] {
        let request = call(&stranger, now, "us-east-1", ROUTE, EVENT);
        assert_eq!(refusal(&local, &request).await, unknown, "{stranger:?}");
    }
    let mismatch = forbidden("InvalidSignatureException", MISMATCH);
    let guess = credentials("AKIDEXAMPLE", "guess", Some("token"));
    assert_eq!(refusal(&local, &call(&guess, now, "us-east-1", ROUTE, EVENT)).await, mismatch);
    assert_eq!(refusal(&local, &call(&right(), now, "us-east-1", ROUTE, b"{}")).await, mismatch);
    let elsewhere = forbidden("InvalidSignatureException", "Credential should be scoped to a valid region.");
    assert_eq!(refusal(&local, &call(&right(), now, "eu-west-1", ROUTE, EVENT)).await, elsewhere);
    let long_ago = now - Duration::from_hours(1);
    let (status, code, message) = refusal(&local, &call(&right(), long_ago, "us-east-1", ROUTE, EVENT)).await;
    assert_eq!((status, code.as_str()), (403, "InvalidSignatureException"));
    assert!(message.starts_with("Signature expired: "), "{message}");
    local.stop().await;
}

#[tokio::test]
async fn who_signs_nothing_learns_nothing_of_functions() {
    let local = strict().await;
    let missing = forbidden("MissingAuthenticationTokenException", "Missing Authentication Token");
    for route in
        [ROUTE, "/2015-03-31/functions/nobody/invocations", "/2015-03-31/functions/!/invocations", "/"]
    {
        assert_eq!(refusal(&local, &on_the_wire(route, &HeaderMap::new())).await, missing, "{route}");
    }
    let waiting = format!(
        "POST {ROUTE} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 6291456\r\n\r\n"
    );
    assert_eq!(refusal(&local, waiting.as_bytes()).await, missing);
    local.stop().await;
}

#[tokio::test]
async fn calls_from_within_are_not_asked() {
    let local = strict().await;
    let answer = local.invoke("echo", r#"{"a":1}"#).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "x-amz-executed-version")), (200, Some("$LATEST")));
    assert_eq!(serde_json::from_slice::<Value>(answer.body()).unwrap(), json!({"a": 1}));
    local.stop().await;
}
