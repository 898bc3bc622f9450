//! The readers of what strangers write, and what must hold of each whatever that is.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, Version, header, request};
use lambda_protocol::http_event::HttpEvent;
use stayput::{
    config::{Config, SourceFile, Sources},
    front::passage::{Judged, Passage, Rest},
};
use stayput_core::{
    Call, DIALECTS, Dialect, Exchange, Invocation, Trace,
    admission::{Desk, recognise},
    keys::Keyring,
    table::Table,
    translate,
};
use uuid::Uuid;

use super::setup;

/// One reader.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) seeds: &'static [&'static [u8]],
    /// What makes a difference to it.
    pub(crate) words: &'static [&'static [u8]],
    pub(crate) check: fn() -> Check,
}

/// A check of one input, which panics if something does not hold; did the input mean anything?
pub(crate) type Check = Box<dyn FnMut(&[u8]) -> bool>;

pub(crate) static TARGETS: &[Target] = &[
    Target { name: "head", seeds: HEADS, words: HTTP_WORDS, check: || Box::new(head) },
    Target { name: "router", seeds: CALLS, words: HTTP_WORDS, check: router },
    Target { name: "envelope", seeds: ENVELOPES, words: ENVELOPE_WORDS, check: || Box::new(envelope) },
    Target { name: "answer", seeds: ANSWERS, words: JSON_WORDS, check: answer },
    Target { name: "config", seeds: CONFIGS, words: CONFIG_WORDS, check: || Box::new(config) },
];

/// However bytes are cut, the same of them pass; and what passes is whole to the types behind.
fn head(input: &[u8]) -> bool {
    let whole = pass(&[input]);
    let middle = input.len() / 2;
    assert_eq!(pass(&[&input[..middle], &input[middle..]]), whole, "cut in the middle");
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(pass(&bytes), whole, "cut at every byte");
    let (passed, heads, _) = whole;
    if heads > 0 {
        let head = passed.strip_prefix(b"\r\n").unwrap_or(&passed);
        let line = head.split(|&byte| byte == b'\r').next().expect("one line");
        let mut words = line.split(|&byte| byte == b' ');
        let mut word = || words.next().expect("three words");
        Method::from_bytes(word()).expect("a method that passes");
        Uri::try_from(word()).expect("a target that passes");
    }
    heads > 0
}

/// The bytes that pass, the heads among them, and what is said at the end.
fn pass(pieces: &[&[u8]]) -> (Vec<u8>, u32, Rest) {
    let (mut passage, mut held, mut passed, mut all) = (Passage::new(), Vec::new(), Vec::new(), 0);
    let mut end = Rest::None;
    for piece in pieces {
        held.extend_from_slice(piece);
        let Judged { pass, heads, rest } = passage.judge(&held);
        passed.extend(held.drain(..pass));
        all += heads;
        end = rest;
        match rest {
            Rest::None | Rest::Hold => {}
            Rest::Refuse(_) | Rest::Break => break,
        }
    }
    (passed, all, end)
}

/// Any head is somebody's or nobody's; what is somebody's becomes an event that is JSON.
fn router() -> Check {
    let (keys, table, limits) = (setup::keys(), setup::table(), setup::limits());
    Box::new(move |input| {
        let Some((head, body)) = parse(input) else { return false };
        let mut known = false;
        for &dialect in DIALECTS {
            let desk = Desk { keys: &keys, table: &table, limits: &limits, tokens: None, asynchronous: None };
            let Some(admitted) = recognise(dialect, &exchange(&head), &desk) else { continue };
            known = true;
            match admitted {
                Ok((_, invocation)) => {
                    let body = Bytes::copy_from_slice(body);
                    let encoded =
                        translate::encode(dialect, &exchange(&head), &invocation, body.clone(), None);
                    let (_, payload) = encoded.expect("so small a body fits");
                    if payload != body {
                        serde_json::from_slice::<serde_json::Value>(&payload).expect("an event in JSON");
                    }
                }
                Err(rejection) => {
                    let rendered = dialect.reject(&exchange(&head), &rejection);
                    assert!(rendered.head.status.as_u16() >= 400, "{rejection:?}");
                }
            }
        }
        known
    })
}

/// Whatever a request holds, its event is JSON and says the same: the query from `?`, a header's value from the first
/// and the body from the second line on.
fn envelope(input: &[u8]) -> bool {
    let mut parts = input.splitn(3, |&byte| byte == b'\n');
    let target = String::from_utf8_lossy(parts.next().expect("there is a first one"));
    let (raw_path, raw_query) = target.split_once('?').unwrap_or((&target, ""));
    let value = HeaderValue::from_bytes(parts.next().unwrap_or_default());
    let body = parts.next().unwrap_or_default();
    let headers = HeaderMap::from_iter(value.ok().map(|value| (header::CONTENT_TYPE, value)));
    let event = HttpEvent {
        method: &Method::POST,
        version: Version::HTTP_11,
        raw_path,
        raw_query,
        headers: &headers,
        source_ip: "127.0.0.1",
        request_id: "1",
        time: SystemTime::UNIX_EPOCH,
        ticket: None,
    };
    let event: serde_json::Value = serde_json::from_slice(&event.encode(body)).expect("an event in JSON");
    assert_eq!(
        (event["rawPath"].as_str(), event["rawQueryString"].as_str()),
        (Some(raw_path), Some(raw_query))
    );
    let told = event["body"].as_str().unwrap_or_default();
    let told = match event["isBase64Encoded"].as_bool().expect("one or the other") {
        true => base64_simd::STANDARD.decode_to_vec(told).expect("base64"),
        false => told.as_bytes().to_vec(),
    };
    assert_eq!(told, body, "the body is the same");
    !headers.is_empty() && !body.is_empty()
}

/// Whatever Lambda says has a meaning in every dialect, or none and a reason.
fn answer() -> Check {
    let (keys, table) = (setup::keys(), setup::table());
    let calls: Vec<_> = CALLS.iter().filter_map(|call| admitted(call, &keys, &table)).collect();
    assert!(calls.len() >= DIALECTS.len(), "each dialect has a call that is admitted");
    let mut turn = 0;
    Box::new(move |input| {
        turn += 1;
        let (dialect, head, call, invocation) = &calls[turn % calls.len()];
        let mut reply = Response::builder().status(if turn % 7 == 0 { 429 } else { 200 });
        if turn % 3 == 0 {
            reply = reply.header("x-amz-function-error", "Unhandled");
        }
        let (reply, ()) = reply.body(()).expect("it is valid").into_parts();
        match translate::decode(invocation, &reply, Bytes::copy_from_slice(input)) {
            Ok((outcome, _)) => {
                dialect.render(&exchange(head), call, &outcome);
                true
            }
            Err(rejection) => {
                dialect.reject(&exchange(head), &rejection);
                false
            }
        }
    })
}

/// A call that is admitted.
pub(crate) fn some_call(keys: &Keyring, table: &Table) -> Invocation {
    let call = CALLS.iter().find_map(|call| admitted(call, keys, table));
    call.expect("each dialect has a call that is admitted").3
}

fn config(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input).into_owned();
    let file = SourceFile { name: "stayput.toml".to_owned(), text };
    let checked = Config::check(&Sources { flags: Vec::new(), variables: Vec::new(), file: Some(file) });
    // What is wrong can be told.
    checked.map_err(|mistakes| mistakes.to_string()).is_ok()
}

fn admitted(
    call: &[u8],
    keys: &Keyring,
    table: &Table,
) -> Option<(&'static dyn Dialect, request::Parts, Call, Invocation)> {
    let (head, _) = parse(call)?;
    let limits = setup::limits();
    let desk = Desk { keys, table, limits: &limits, tokens: None, asynchronous: None };
    DIALECTS.iter().find_map(|&dialect| {
        let (call, invocation) = recognise(dialect, &exchange(&head), &desk)?.ok()?;
        Some((dialect, head.clone(), call, invocation))
    })
}

/// A head as HTTP has it, without the checks of the front.
fn parse(input: &[u8]) -> Option<(request::Parts, &[u8])> {
    let end = input.windows(4).position(|window| window == b"\r\n\r\n")?;
    let mut lines =
        input[..end].split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut words = lines.next()?.split(|&byte| byte == b' ');
    let method = Method::from_bytes(words.next()?).ok()?;
    let uri = Uri::try_from(words.next()?).ok()?;
    let (mut head, ()) = Request::new(()).into_parts();
    (head.method, head.uri) = (method, uri);
    for line in lines {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        head.headers.append(name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?);
    }
    Some((head, &input[end + 4..]))
}

fn exchange(head: &request::Parts) -> Exchange<'_> {
    let started = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let trace = Trace::join(&head.headers, Uuid::nil(), started);
    Exchange { head, id: Uuid::nil(), peer: PEER, started, elapsed: Duration::from_millis(5), trace }
}

const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4321);

const HEADS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /function/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /x?y=z HTTP/1.1\r\nHost: a:80\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nT: u\r\n\r\nGET / HTTP/1.0\r\n\r\n",
    b"PUT /a%20b HTTP/1.1\r\nHost: [::1]:8080\r\nExpect: 100-continue\r\nContent-Length: 2\r\nX-Long: value, value\r\n\r\nok",
];

const CALLS: &[&[u8]] = &[
    b"POST /function/echo/a/b?c=d HTTP/1.1\r\nHost: a.example\r\nX-Call-Id: 5\r\nContent-Type: text/plain\r\n\r\nhello",
    b"GET /async-function/echo.team HTTP/1.1\r\nHost: a\r\nX-Callback-Url: http://b.example/\r\n\r\n",
    b"POST /2021-11-16/functions/echo/invocations HTTP/1.1\r\nHost: a\r\nAuthorization: Key stedi-key\r\n\r\n{\"a\":1}",
    b"POST /spaces/dev/functions/echo/invoke?a=b HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer altair-key\r\n\r\nhello",
    b"POST /eywa/api/functions/sync/0e000000-0000-5000-8000-000000000001/x HTTP/1.1\r\nHost: a\r\nX-Eywa-Token: eywa-key\r\n\r\nhello",
];

const ENVELOPES: &[&[u8]] = &[
    b"/a/b%20c?d=e&d=f\ntext/plain; charset=utf-8\nhello \"you\"",
    b"/\nimage/png\n\x89PNG\r\n\x1a\n\0\0",
    b"/?\napplication/json\n{\"a\":\"\\u00e9\"}",
    "/ä?ö\napplication/x-www-form-urlencoded\nä=ö\u{2028}\u{7f}".as_bytes(),
];

const ANSWERS: &[&[u8]] = &[
    br#"{"statusCode":201,"headers":{"Content-Type":"text/plain","X":"y"},"multiValueHeaders":{"A":["b","c"]},"cookies":["d=e"],"body":"aGVsbG8=","isBase64Encoded":true}"#,
    br#"{"status_code":"404","headers":{"a":null,"b":5,"c":true},"body":{"nested":[1,2.5e3,null]}}"#,
    br#"{"errorType":"BadWidth","errorMessage":"width is 0","stackTrace":["a","b"],"trace":["c"]}"#,
    br#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 1 Error: Task timed out after 3.00 seconds"}"#,
    br#"{"Type":"User","message":"Rate exceeded","Reason":"ReservedFunctionConcurrentInvocationLimitExceeded"}"#,
    br#""text\u00e9 \ud83d\ude00""#,
    b"null",
    b"[1,2,3]",
];

const CONFIGS: &[&[u8]] = &[
    b"[gateway]\nlisten = \"127.0.0.1:8080\"\nbuffered_bytes = \"64 MiB\"\n",
    b"[[function]]\nlambda = \"echo-fn\"\nopenfaas = \"echo\"\ntimeout = \"30s\"\n",
    b"[[key]]\nlabel = \"erp\"\nsha256 = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"\ndialects = [\"stedi\"]\nfunctions = [\"*\"]\nrights = [\"invoke\"]\nsources = [\"10.0.0.0/8\"]\n",
    b"[lambda]\nconcurrency = 10\n",
];

const HTTP_WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b":",
    b"%2e%2e",
    b"%00",
    b"..",
    b"//",
    b"?",
    b"#",
    b"chunked",
    b"\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\n",
    b"Host: b\r\n",
    b"HTTP/1.0",
    b"0\r\n\r\n",
    b"ffffffffffffffff",
    b"\xff",
    b"Authorization: Bearer x\r\n",
    b"HEAD",
    b"OPTIONS",
    b"echo",
    b"dev/echo",
    b"X-Callback-Url: ",
];

const JSON_WORDS: &[&[u8]] = &[
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"\"\"",
    b"-1",
    b"1e999",
    b"99999999999999999999",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\"statusCode\":",
    b"\"headers\":",
    b"\"body\":",
    b"[[[[[[[[",
    b"{\"a\":{\"a\":",
    b"200",
    b"99",
    b"1000",
];

const ENVELOPE_WORDS: &[&[u8]] = &[
    b"\n",
    b"?",
    b"&",
    b"=",
    b"%",
    b"+",
    b"\"",
    b"\\",
    b"\0",
    b"\x1f",
    b"\x7f",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"text/plain",
    b"application/json",
    b"charset=",
    b"; ",
    b"\xf0\x9f\x98\x80",
    b"multipart/form-data",
];

const CONFIG_WORDS: &[&[u8]] = &[
    b"=",
    b"\n",
    b"[",
    b"]]",
    b"\"",
    b"[gateway]",
    b"[[key]]",
    b"[[function]]",
    b"true",
    b"0",
    b"-1",
    b"{}",
    b"\xe9",
    b"#",
    b"\"\"\"",
    b"1970-01-01",
    b"nan",
    b"listen",
    b"anonymous = true\n",
];
