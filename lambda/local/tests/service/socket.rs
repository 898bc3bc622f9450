//! The API on its socket.

use http::HeaderMap;
use serde_json::{Value, json};

use crate::running::{Running, function};

#[tokio::test]
async fn the_socket_speaks_as_the_inner_entry_does() {
    let local = Running::with(function("echo")).await;
    let mut socket = local.connect().await;
    let route = "POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: x\r\n";
    for event in [r#"{"a": 1}"#, r#"{"a": 2}"#] {
        let request = format!("{route}Content-Length: {}\r\n\r\n{event}", event.len());
        let (status, headers, body) = socket.ask(request.as_bytes()).await;
        assert_eq!((status, &*body), (200, event.as_bytes()));
        assert_eq!(value(&headers, "x-amz-executed-version"), Some("$LATEST"));
    }
    let request = format!("{route}Expect: 100-continue\r\nContent-Length: 6291457\r\n\r\n");
    let (status, headers, body) = socket.ask(request.as_bytes()).await;
    assert_eq!((status, value(&headers, "x-amzn-errortype")), (413, Some("RequestEntityTooLargeException")));
    let text = "Request must be smaller than 6291456 bytes for the InvokeFunction operation";
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), json!({"message": text}));
    local.stop().await;
}

#[tokio::test]
async fn a_body_that_grows_too_large_on_its_way_is_refused() {
    let local = Running::with(function("echo")).await;
    let mut socket = local.connect().await;
    let mut request =
        b"POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            .to_vec();
    for _ in 0..7 {
        request.extend_from_slice(b"100000\r\n");
        request.extend_from_slice(&vec![b' '; 1 << 20]);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    let (status, ..) = socket.ask(&request).await;
    assert_eq!(status, 413);
    local.stop().await;
}

#[tokio::test]
async fn the_socket_has_every_call_that_the_inner_entry_has() {
    let local = Running::with(function("echo")).await;
    let mut socket = local.connect().await;
    let path = "/2024-08-31/functions/echo/recursion-config";
    let (put, body) = ("HTTP/1.1\r\nHost: x\r\nContent-Length: 25\r\n\r\n", r#"{"RecursiveLoop":"Allow"}"#);
    let (status, headers, answer) = socket.ask(format!("PUT {path} {put}{body}").as_bytes()).await;
    assert_eq!((status, &*answer), (200, body.as_bytes()));
    assert_eq!(value(&headers, "x-amzn-requestid").map(str::len), Some(36));
    let (status, _, answer) = socket.ask(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
    assert_eq!((status, &*answer), (200, body.as_bytes()));
    let (status, headers, _) =
        socket.ask(format!("DELETE {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
    assert_eq!((status, value(&headers, "x-amzn-errortype")), (404, Some("UnknownOperationException")));
    local.stop().await;
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
