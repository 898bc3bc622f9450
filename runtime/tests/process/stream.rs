//! Functions whose answers are streams.

use std::{env, fmt};

use serde_json::{Value, json};
use stayput_runtime::{
    Bytes, Context, Error, Streamed, Writer,
    http::{HeaderMap, Request, Response},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    conversation::converse,
    runtime_api::{CUT, EARLY, GATE, STALE},
};

pub(crate) async fn event_function(event: Value, _: Context) -> Result<Streamed, Error> {
    match event.as_str() {
        Some("fail") => Err(Error::new("OrderUnknown", "there is no order 7").caused_by(fmt::Error)),
        Some("panic") => panic!("boom"),
        Some(word) => {
            let word = word.to_owned();
            Ok(Streamed::new(async move |out| act(&word, out).await))
        }
        None => Ok(event.to_string().into()),
    }
}

/// Writes the word, and does what it says.
async fn act(word: &str, out: Writer) -> Result<(), Error> {
    out.write(word.to_owned()).await?;
    match word {
        "late" => Err(Error::new("Late", "too late").caused_by(fmt::Error)),
        "late panic" => panic!("boom"),
        "gate" => {
            open_gate().await?;
            Ok(out.write("open").await?)
        }
        EARLY | CUT => {
            let _noted = Noted;
            std::future::pending().await
        }
        _ => Ok(()),
    }
}

/// Returns once the Runtime API has a piece.
async fn open_gate() -> Result<(), Error> {
    let mut socket = TcpStream::connect(env::var("AWS_LAMBDA_RUNTIME_API")?).await?;
    socket.write_all(format!("GET {GATE} HTTP/1.1\r\nhost: gate\r\n\r\n").as_bytes()).await?;
    socket.read_u8().await?;
    Ok(())
}

/// Logs when the stream that has it is dropped.
struct Noted;

impl Drop for Noted {
    fn drop(&mut self) {
        tracing::info!("the handler's stream is no more");
    }
}

pub(crate) async fn http_function(request: Request<Bytes>, _: Context) -> Result<Response<Streamed>, Error> {
    let answer = Response::builder().status(201).header("x-path", request.uri().path());
    Ok(answer.body(Streamed::new(async |out| {
        out.write("one").await?;
        Err(Error::new("Late", "too late"))
    }))?)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[test]
fn a_streamed_answer_says_what_it_is() {
    let told = converse("event stream", &[], &["[7]"]).told;
    assert_eq!((&*told[0].kind, &*told[0].pieces.concat()), ("response", "[7]"));
    let headers = &told[0].headers;
    assert_eq!(header(headers, "content-type"), ["application/octet-stream"]);
    assert_eq!(header(headers, "lambda-runtime-function-response-mode"), ["streaming"]);
    assert_eq!(header(headers, "transfer-encoding"), ["chunked"]);
    let trailers = ["Lambda-Runtime-Function-Error-Type", "Lambda-Runtime-Function-Error-Body"];
    assert_eq!(header(headers, "trailer"), trailers);
    assert_eq!(header(headers, "stayput-early-answer"), ["accepted"]);
    assert!(told[0].trailers.is_empty(), "{told:?}");
}

#[test]
fn a_piece_arrives_before_the_next_is_made() {
    let told = converse("event stream", &[], &[r#""gate""#]).told;
    assert_eq!(told[0].pieces, ["gate", "open"]);
}

#[test]
fn a_failure_before_the_stream_is_told_as_that_of_any_function() {
    let events = [r#""fail""#, r#""panic""#];
    let streaming = converse("event stream", &[], &events);
    let whole = converse("event", &[], &events);
    assert_eq!(streaming.said(), whole.said());
    let faults = |log: &str| -> Vec<String> {
        log.lines().filter(|line| line.contains("ERROR")).map(str::to_owned).collect()
    };
    assert_eq!(faults(&streaming.log), faults(&whole.log));
    for (streaming, whole) in streaming.told.iter().zip(&whole.told) {
        let name = "lambda-runtime-function-error-type";
        assert_eq!(header(&streaming.headers, name), header(&whole.headers, name));
    }
    let said = converse("event stream", &[], &["{", "7"]).said();
    assert!(said[0].1.starts_with(r#"{"errorType":"InvalidEvent","#), "{said:?}");
    assert_eq!(said[1], ("response".to_owned(), "7".to_owned()));
}

#[test]
fn a_failure_or_a_panic_midway_is_told_in_trailers_and_the_next_call_is_served() {
    let conversation = converse("event stream", &[], &[r#""late""#, r#""late panic""#, "7"]);
    let trailers = |index: usize| {
        let told = &conversation.told[index];
        let body = header(&told.trailers, "lambda-runtime-function-error-body")[0];
        let body = base64_simd::STANDARD.decode_to_vec(body).unwrap();
        let named = header(&told.trailers, "lambda-runtime-function-error-type")[0].to_owned();
        (told.pieces.concat(), named, serde_json::from_slice::<Value>(&body).unwrap())
    };
    let late = json!({"errorType": "Late", "errorMessage": "too late"});
    assert_eq!(trailers(0), ("late".to_owned(), "Late".to_owned(), late));
    let panic = json!({"errorType": "Panic", "errorMessage": "boom"});
    assert_eq!(trailers(1), ("late panic".to_owned(), "Panic".to_owned(), panic));
    assert_eq!(conversation.said()[2], ("response".to_owned(), "7".to_owned()));
    let line = r#"ERROR invocation{request_id="id-0"}: Late: too late, caused by: "#;
    assert!(conversation.log.contains(line), "{}", conversation.log);
}

#[test]
fn an_http_answer_begins_with_its_head() {
    let event = json!({
        "version": "2.0", "rawPath": "/a", "rawQueryString": "", "headers": {"host": "h"},
        "requestContext": {"http": {"method": "GET", "path": "/a"}}, "isBase64Encoded": false,
    });
    let told = &converse("http stream", &[], &[&event.to_string()]).told[0];
    let head = r#"{"statusCode":201,"headers":{"x-path":"/a"},"cookies":[]}"#;
    assert_eq!(told.pieces.concat(), format!("{head}\0\0\0\0\0\0\0\0one"));
    let content_type = ["application/vnd.awslambda.http-integration-response"];
    assert_eq!(header(&told.headers, "content-type"), content_type);
    assert_eq!(header(&told.trailers, "lambda-runtime-function-error-type"), ["Late"]);
}

#[track_caller]
fn check_cancelled(word: &str, line: &str) {
    let conversation = converse("event stream", &[], &[&json!(word).to_string(), "7"]);
    assert_eq!(conversation.said()[1], ("response".to_owned(), "7".to_owned()));
    let log = &conversation.log;
    let dropped = log.find(r#"{request_id="id-0"}: the handler's stream is no more"#);
    let told = log.find(line);
    assert!(dropped.is_some() && told > dropped, "{log}");
}

#[test]
fn an_answer_before_the_end_drops_the_stream_and_the_next_call_is_served() {
    check_cancelled(EARLY, "the stream was dropped before its end: its caller has gone");
}

#[test]
fn a_broken_connection_drops_the_stream_and_the_next_call_is_served() {
    check_cancelled(CUT, "the streamed answer broke off: ");
}

#[test]
fn a_stale_answer_is_logged_and_the_next_call_is_served() {
    let conversation = converse("event stream", &[], &[&json!(STALE).to_string(), "7"]);
    assert_eq!(conversation.said()[1], ("response".to_owned(), "7".to_owned()));
    assert!(
        conversation.log.contains("the Runtime API refused the answer with 410 Gone"),
        "{}",
        conversation.log
    );
}
