//! Function URLs over real sockets.

use std::time::SystemTime;

use http::{HeaderMap, Request, header::HOST};
use lambda_local::{
    Function, Settings, Signatures,
    function::{Cors, FunctionUrl, InvokeMode, UrlAuth},
    url::url_id,
};
use lambda_protocol::sigv4::{Credentials, SecretKey, SignedHeaders, Signer, SigningKey, payload_hash};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::running::{Running, Socket, function};

fn with_url(url: FunctionUrl) -> Function {
    Function { url: Some(url), ..function("echo") }
}

fn streaming() -> Function {
    with_url(FunctionUrl { invoke_mode: InvokeMode::ResponseStream, ..FunctionUrl::default() })
}

/// A request to the URL of `echo`, by path.
fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} /lambda-url/echo{path} HTTP/1.1\r\nHost: localhost:9000\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn order(order: &Value) -> Vec<u8> {
    request("POST", "/", "", &order.to_string())
}

/// The event that `echo` got.
async fn event(socket: &mut Socket, request: &[u8]) -> Value {
    let (status, headers, body) = socket.ask(request).await;
    assert_eq!((status, field(&headers, "content-type")), (200, "application/json"));
    serde_json::from_slice(&body).unwrap()
}

fn field<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers[name].to_str().unwrap()
}

/// Everything that comes until the service closes the connection.
async fn until_closed(socket: &mut Socket, request: &[u8]) -> String {
    socket.0.write_all(request).await.unwrap();
    let mut all = Vec::new();
    // A connection that is cut may be reset.
    let _ = socket.0.read_to_end(&mut all).await;
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn a_function_is_called_by_path_and_by_host_and_sees_the_same() {
    let local = Running::with(function("echo")).await;
    let mut socket = local.connect().await;
    let rest =
        "X-A: 1\r\nX-A: 2\r\nCookie: a=1; b=2\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi";
    let id = url_id("echo");
    for (target, host) in [
        ("/lambda-url/echo/a%20b/c?d=1&d=2", "localhost:9000".to_owned()),
        ("/a%20b/c?d=1&d=2", format!("{id}.lambda-url.localhost:9000")),
        ("/a%20b/c?d=1&d=2", format!("{id}.lambda-url.us-east-1.on.aws")),
    ] {
        let request = format!("POST {target} HTTP/1.1\r\nHost: {host}\r\n{rest}");
        let event = event(&mut socket, request.as_bytes()).await;
        assert_eq!((&event["version"], &event["rawPath"]), (&json!("2.0"), &json!("/a%20b/c")), "{host}");
        assert_eq!((&event["rawQueryString"], &event["body"]), (&json!("d=1&d=2"), &json!("hi")));
        assert_eq!((&event["cookies"], &event["headers"]["x-a"]), (&json!(["a=1", "b=2"]), &json!("1,2")));
        assert_eq!(
            (&event["headers"]["host"], &event["headers"]["connection"]),
            (&json!(host), &Value::Null)
        );
        let forwarded = ["for", "proto"].map(|what| event["headers"][format!("x-forwarded-{what}")].clone());
        assert_eq!(forwarded, ["127.0.0.1", "http"]);
        assert!(event["headers"]["x-amzn-trace-id"].as_str().unwrap().starts_with("Root=1-"));
        let context = &event["requestContext"];
        let domain = host.split(':').next().unwrap();
        assert_eq!((&context["domainName"], &context["accountId"]), (&json!(domain), &json!("anonymous")));
        assert_eq!(context["http"]["sourceIp"], "127.0.0.1");
    }
    local.stop().await;
}

#[tokio::test]
async fn the_answer_is_what_the_function_makes_of_it() {
    let local = Running::with(function("echo")).await;
    let mut socket = local.connect().await;
    let with = json!({"statusCode": 418, "headers": {"X-A": "1", "Connection": "close", "Content-Length": "99",
        "Transfer-Encoding": "chunked"}, "cookies": ["a=1", "b=2"], "body": "aGk=", "isBase64Encoded": true});
    let (status, headers, body) = socket.ask(&order(&json!({"do": "answer", "with": with}))).await;
    assert_eq!((status, &*body), (418, &b"hi"[..]));
    assert_eq!((field(&headers, "x-a"), field(&headers, "content-length")), ("1", "2"));
    assert_eq!(headers.get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
    assert!(headers.get("connection").is_none() && headers.get("transfer-encoding").is_none());
    assert_eq!(headers["x-amzn-requestid"].len(), 36);
    local.stop().await;
}

#[tokio::test]
async fn every_method_reaches_the_function() {
    let local = Running::with(function("echo")).await;
    for method in ["GET", "DELETE", "OPTIONS", "PURGE"] {
        let event = event(&mut local.connect().await, &request(method, "", "", "")).await;
        let http = &event["requestContext"]["http"];
        assert_eq!((&http["method"], &http["path"]), (&json!(method), &json!("/")));
    }
    let head = request("HEAD", "", "Connection: close\r\n", "");
    let answer = until_closed(&mut local.connect().await, &head).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    local.stop().await;
}

#[tokio::test]
async fn a_function_that_fails_or_answers_nonsense_is_a_502() {
    let local = Running::with(function("echo")).await;
    for wish in [
        json!({"do": "fail", "error": {"errorType": "Odd"}}),
        json!({"do": "exit", "code": 1}),
        json!({"do": "answer", "with": {"statusCode": "what"}}),
        json!({"do": "stream", "error": {"errorType": "Late"}}),
    ] {
        let (status, headers, body) = local.connect().await.ask(&order(&wish)).await;
        assert_eq!((status, &*body), (502, &b"Internal Server Error"[..]), "{wish}");
        assert_eq!(headers["x-amzn-requestid"].len(), 36);
    }
    local.stop().await;
}

#[tokio::test]
async fn who_is_not_here_is_a_404() {
    let local = Running::with(function("echo")).await;
    let id = url_id("other");
    for (target, host, message) in [
        ("/lambda-url/other/", "localhost".to_owned(), "called other".to_owned()),
        ("/", format!("{id}.lambda-url.localhost"), format!("with the URL id {id}")),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let (status, headers, body) = local.connect().await.ask(request.as_bytes()).await;
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, field(&headers, "x-amzn-errortype")), (404, "ResourceNotFoundException"));
        assert_eq!(body["Message"], format!("There is no function {message} here."));
    }
    local.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_fit_into_an_event_is_a_413() {
    let local = Running::with(function("echo")).await;
    // As JSON, each of these characters takes two, and as base64 a third more.
    for body in ["x".repeat((6 << 20) + 1), "\"".repeat(5 << 20)] {
        let (status, headers, _) = local.connect().await.ask(&request("POST", "/", "", &body)).await;
        assert_eq!((status, field(&headers, "x-amzn-errortype")), (413, "RequestEntityTooLargeException"));
    }
    local.stop().await;
}

#[tokio::test]
async fn without_a_place_it_is_a_429() {
    let none = Function { reserved_concurrency: Some(0), ..function("echo") };
    let local = Running::with(none).await;
    let (status, headers, _) = local.connect().await.ask(&order(&json!({}))).await;
    assert_eq!((status, field(&headers, "x-amzn-errortype")), (429, "TooManyRequestsException"));
    local.stop().await;
}

fn for_pages_of(origin: &str) -> FunctionUrl {
    let cors = Cors {
        allow_origins: vec![origin.to_owned()],
        allow_methods: vec!["PUT".to_owned()],
        ..Cors::default()
    };
    FunctionUrl { cors: Some(cors), ..FunctionUrl::default() }
}

#[tokio::test]
async fn a_browsers_question_is_answered_without_the_function() {
    let mut function = with_url(for_pages_of("https://a.example"));
    function.url.as_mut().unwrap().auth = UrlAuth::Iam;
    let local = Running::with(function).await;
    let mut socket = local.connect().await;
    let asked = "Origin: https://a.example\r\nAccess-Control-Request-Method: PUT\r\n";
    let (status, headers, body) = socket.ask(&request("OPTIONS", "/", asked, "")).await;
    assert_eq!((status, body.len()), (200, 0));
    assert_eq!(headers["access-control-allow-origin"], "https://a.example");
    assert_eq!(headers["access-control-allow-methods"], "PUT");
    let other = asked.replace("a.example", "b.example");
    let (status, headers, _) = socket.ask(&request("OPTIONS", "/", &other, "")).await;
    assert_eq!((status, headers.get("access-control-allow-origin")), (200, None));
    assert_eq!(local.log.lines_with("START"), 0);
    local.stop().await;
}

#[tokio::test]
async fn an_answer_and_a_refusal_name_the_origin_that_may_read_them() {
    let local = Running::with(with_url(for_pages_of("*"))).await;
    let fail = json!({"do": "fail", "error": {}}).to_string();
    let large = " ".repeat((6 << 20) + 1);
    for (body, expected) in [("{}", 200), (&*fail, 502), (&*large, 413)] {
        let asked = request("PUT", "/", "Origin: https://a.example\r\n", body);
        let (status, headers, _) = local.connect().await.ask(&asked).await;
        assert_eq!((status, field(&headers, "access-control-allow-origin")), (expected, "https://a.example"));
    }
    local.stop().await;
}

fn credentials(secret: &str) -> Credentials {
    Credentials::new("AKIDEXAMPLE", SecretKey::new(secret), None).unwrap()
}

/// Signs with `secret` what is then sent with `body`.
fn signed(secret: &str, body: &str) -> Vec<u8> {
    let (credentials, now) = (credentials(secret), SystemTime::now());
    let key = SigningKey::derive(credentials.secret(), now, "us-east-1", "lambda");
    let signer = Signer::new(&credentials, key, SignedHeaders::of_invoke());
    let asked = Request::post("/lambda-url/echo/a?b=c").header(HOST, "localhost:9000").body(()).unwrap();
    let mut head = asked.into_parts().0;
    signer.sign(&mut head, &payload_hash(b"signed"), now);
    head.headers.remove(HOST);
    request("POST", "/a?b=c", &lines(&head.headers), body)
}

fn lines(headers: &HeaderMap) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap())).collect()
}

#[tokio::test]
async fn where_callers_must_sign_those_who_do_not_are_forbidden() {
    let closed = || with_url(FunctionUrl { auth: UrlAuth::Iam, ..FunctionUrl::default() });
    let strict = Settings { signatures: Signatures::Required(credentials("hush")), ..Settings::default() };
    for (settings, guess) in [(Settings::default(), 200), (strict, 403)] {
        let local = Running::start(settings, vec![closed()]).await;
        for headers in ["", "Authorization: Bearer a\r\n"] {
            let (status, _, body) = local.connect().await.ask(&request("POST", "/", headers, "")).await;
            assert_eq!((status, &*body), (403, &br#"{"Message":"Forbidden"}"#[..]));
        }
        let right = signed("hush", "signed");
        assert_eq!(event(&mut local.connect().await, &right).await["headers"]["authorization"], Value::Null);
        for wrong in [signed("guess", "signed"), signed("hush", "other")] {
            assert_eq!(local.connect().await.ask(&wrong).await.0, guess);
        }
        local.stop().await;
    }
}

#[tokio::test]
async fn an_open_url_asks_for_no_signature_where_the_api_does() {
    let settings = Settings { signatures: Signatures::Required(credentials("hush")), ..Settings::default() };
    let local = Running::start(settings, vec![function("echo")]).await;
    let asked = request("POST", "/", "Authorization: Bearer a\r\n", "");
    let event = event(&mut local.connect().await, &asked).await;
    assert_eq!(event["headers"]["authorization"], "Bearer a");
    local.stop().await;
}

/// The function's answer, whose pieces the test says.
struct Conductor(BufReader<TcpStream>);

impl Conductor {
    /// Asks the URL of `echo` for a stream, and meets the function that makes it.
    async fn begin(socket: &mut Socket) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        socket.0.write_all(&order(&json!({"do": "flow", "port": port}))).await.unwrap();
        Self(BufReader::new(listener.accept().await.unwrap().0))
    }

    async fn say(&mut self, line: &str) -> String {
        self.0.get_mut().write_all(format!("{line}\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        self.0.read_line(&mut answer).await.unwrap();
        answer.trim_end().to_owned()
    }
}

/// Reads on until `end` has come, and not beyond.
async fn read_to(socket: &mut Socket, end: &str) -> String {
    let mut all = Vec::new();
    while !all.ends_with(end.as_bytes()) {
        all.push(socket.0.read_u8().await.unwrap());
    }
    String::from_utf8(all).unwrap()
}

/// The eight NULs, as a text in a line.
const NULS: &str = "\0\0\0\0\0\0\0\0";

#[tokio::test]
async fn a_stream_is_here_as_it_is_made() {
    let local = Running::with(streaming()).await;
    let mut socket = local.connect().await;
    let mut conductor = Conductor::begin(&mut socket).await;
    let prelude = format!(r#"piece {{"statusCode":201,"headers":{{"X-A":"1"}},"cookies":["a=1"]}}{NULS}"#);
    assert_eq!(conductor.say(&prelude).await, "ok");
    let head = read_to(&mut socket, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 201 Created\r\n"), "{head}");
    for line in ["x-a: 1", "set-cookie: a=1", "transfer-encoding: chunked"] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{head}");
    }
    for piece in ["one", "two"] {
        assert_eq!(conductor.say(&format!("piece {piece}")).await, "ok");
        assert_eq!(read_to(&mut socket, piece).await.trim_start(), format!("3\r\n{piece}"));
    }
    assert_eq!(conductor.say("end").await, "202");
    assert_eq!(read_to(&mut socket, "0\r\n\r\n").await, "\r\n0\r\n\r\n");
    local.stop().await;
}

#[tokio::test]
async fn a_stream_that_fails_late_is_cut() {
    let local = Running::with(streaming()).await;
    let mut socket = local.connect().await;
    let mut conductor = Conductor::begin(&mut socket).await;
    assert_eq!(conductor.say("piece one").await, "ok");
    let head = read_to(&mut socket, "one").await;
    assert!(head.contains("\r\ncontent-type: application/octet-stream\r\n"), "{head}");
    assert_eq!(conductor.say(r#"fail {"errorType":"Late"}"#).await, "202");
    assert_eq!(until_closed(&mut socket, b"").await.trim_end(), "");
    local.stop().await;
}

#[tokio::test]
async fn what_fails_before_the_head_is_whole_is_a_502() {
    let local = Running::with(streaming()).await;
    let mut socket = local.connect().await;
    let mut conductor = Conductor::begin(&mut socket).await;
    assert_eq!(conductor.say(r#"piece {"statusCode":200"#).await, "ok");
    assert_eq!(conductor.say(r#"fail {"errorType":"Early"}"#).await, "202");
    let head = read_to(&mut socket, "Internal Server Error").await;
    assert!(head.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{head}");
    let (status, _, body) = socket.ask(&order(&json!({"do": "fail", "error": {}}))).await;
    assert_eq!((status, &*body), (502, &b"Internal Server Error"[..]));
    local.stop().await;
}

#[tokio::test]
async fn a_whole_answer_of_a_streaming_url_is_its_bytes() {
    let local = Running::with(streaming()).await;
    let with = json!({"statusCode": 201, "body": "x"});
    let (status, headers, body) =
        local.connect().await.ask(&order(&json!({"do": "answer", "with": with}))).await;
    assert_eq!((status, field(&headers, "content-type")), (200, "application/octet-stream"));
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), with);
    local.stop().await;
}

#[tokio::test]
async fn a_new_program_keeps_the_url_of_the_old() {
    let local = Running::with(streaming()).await;
    assert!(local.local.replace(function("echo")));
    assert_eq!(local.local.functions()[0].url, streaming().url);
    local.stop().await;
}
