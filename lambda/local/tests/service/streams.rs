//! Answers that come as the function makes them.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use lambda_local::{Body, Function};
use lambda_protocol::event_stream::{Decoder, InvokeComplete, Piece};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::running::{Running, function, outcome};

/// A call whose answer the test conducts, and the answer as it arrives.
struct Stream {
    local: Running,
    conductor: Conductor,
    answer: Answer,
}

/// The test's hold on the function.
struct Conductor(BufReader<TcpStream>);

struct Answer {
    headers: HeaderMap,
    body: Body,
    decoder: Decoder,
    input: Bytes,
}

impl Stream {
    /// The function has sent `first`.
    async fn begin(first: &str) -> Self {
        Self::with(function("echo"), json!({}), first).await
    }

    async fn with(function: Function, orders: serde_json::Value, first: &str) -> Self {
        let local = Running::with(function).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut event = json!({"do": "flow", "port": listener.local_addr().unwrap().port()});
        event.as_object_mut().unwrap().extend(orders.as_object().unwrap().clone());
        let event = event.to_string();
        let conducting = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut conductor = Conductor(BufReader::new(stream));
            assert_eq!(conductor.say(&format!("piece {first}")).await, "ok");
            conductor
        };
        let (answer, conductor) = tokio::join!(invoke(&local, &event, &[]), conducting);
        let mut stream = Self { local, conductor, answer };
        assert_eq!(stream.answer.next().await, Some(payload(first)));
        stream
    }

    /// How it ends, after nothing more has come.
    async fn end(&mut self) -> InvokeComplete {
        match self.answer.next().await {
            Some(Piece::Complete(complete)) => complete,
            other => panic!("{other:?}"),
        }
    }
}

impl Conductor {
    /// What the function answers.
    async fn say(&mut self, line: &str) -> String {
        self.tell(line).await;
        self.hear().await
    }

    async fn tell(&mut self, line: &str) {
        self.0.get_mut().write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// Nothing, if the function has gone.
    async fn hear(&mut self) -> String {
        let mut line = String::new();
        let _ = self.0.read_line(&mut line).await;
        line.trim_end().to_owned()
    }
}

impl Answer {
    /// `None`: it broke off.
    async fn next(&mut self) -> Option<Piece> {
        loop {
            if let Some(piece) = self.decoder.decode(&mut self.input).unwrap() {
                return Some(piece);
            }
            self.input = self.body.frame().await?.ok()?.into_data().unwrap();
        }
    }

    async fn rest(mut self) -> (Vec<u8>, InvokeComplete) {
        let mut bytes = Vec::new();
        loop {
            match self.next().await {
                Some(Piece::Payload(piece)) => bytes.extend_from_slice(&piece),
                Some(Piece::Complete(complete)) => {
                    assert!(self.body.frame().await.is_none(), "nothing follows");
                    return (bytes, complete);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

async fn invoke(local: &Running, event: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::post("/2021-11-15/functions/_/response-streaming-invocations");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let head = request.body(()).unwrap().into_parts().0;
    let (head, body) = local.local.call(head, Bytes::copy_from_slice(event.as_bytes())).await.into_parts();
    assert_eq!(head.status, StatusCode::OK, "{body:?}");
    Answer { headers: head.headers, body, decoder: Decoder::default(), input: Bytes::new() }
}

fn payload(text: &str) -> Piece {
    Piece::Payload(Bytes::copy_from_slice(text.as_bytes()))
}

fn failed(code: &str, details: &str) -> InvokeComplete {
    let (error_code, error_details) = (Some(code.to_owned()), Some(details.to_owned()));
    InvokeComplete { error_code, error_details, log_result: None }
}

#[tokio::test]
async fn the_first_piece_is_here_before_the_second_is_made() {
    let mut stream = Stream::begin("one").await;
    assert_eq!(stream.conductor.say("piece two").await, "ok");
    assert_eq!(stream.answer.next().await, Some(payload("two")));
    assert_eq!(stream.conductor.say("end").await, "202");
    assert_eq!(stream.end().await, InvokeComplete::default());
    assert_eq!(stream.answer.headers["content-type"], "application/vnd.amazon.eventstream");
    assert_eq!(stream.answer.headers["x-amz-executed-version"], "$LATEST");
    stream.local.stop().await;
}

#[tokio::test]
async fn a_late_error_is_told_at_the_end() {
    let mut stream = Stream::begin("one").await;
    let error = r#"{"errorType":"Late","errorMessage":"no more"}"#;
    assert_eq!(stream.conductor.say(&format!("fail {error}")).await, "202");
    assert_eq!(stream.end().await, failed("Late", error));
    stream.local.stop().await;
}

/// `lambda_runtime` 1.5 tells an error as text of the answer.
#[tokio::test]
async fn the_rust_crates_late_error_is_passed_on_as_text_and_told() {
    let local = Running::with(function("echo")).await;
    let text = "Lambda-Runtime-Function-Error-Type: Runtime.StreamError\r\n\
                Lambda-Runtime-Function-Error-Body: Ym9vbQ==\r\n";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let event = json!({"do": "flow", "port": listener.local_addr().unwrap().port()}).to_string();
    let conducting = async {
        let mut conductor = Conductor(BufReader::new(listener.accept().await.unwrap().0));
        assert_eq!(conductor.say("lambda-runtime-text boom").await, "202");
    };
    let (answer, ()) = tokio::join!(invoke(&local, &event, &[]), conducting);
    let details = r#"{"errorType":"Runtime.StreamError","errorMessage":"boom"}"#;
    assert_eq!(answer.rest().await, (text.as_bytes().to_vec(), failed("Runtime.StreamError", details)));
    local.stop().await;
}

#[tokio::test]
async fn a_process_that_ends_midway_is_told_as_such() {
    let mut stream = Stream::begin("one").await;
    stream.conductor.tell("exit").await;
    let end = stream.end().await;
    assert_eq!(end.error_code.as_deref(), Some("Runtime.ExitError"));
    let details = end.error_details.unwrap();
    assert!(details.ends_with("Error: Runtime exited with error: exit status 1"), "{details}");
    stream.local.stop().await;
}

#[tokio::test]
async fn an_upload_that_is_cut_by_a_living_process_is_truncated() {
    let mut stream = Stream::begin("one").await;
    assert_eq!(stream.conductor.say("cut").await, "ok");
    assert_eq!(stream.end().await.error_code.as_deref(), Some("Runtime.TruncatedResponse"));
    stream.local.stop().await;
}

#[tokio::test]
async fn a_function_that_runs_out_of_time_midway_is_told_as_such() {
    let hasty = Function { timeout: Duration::from_secs(1), ..function("echo") };
    let mut stream = Stream::with(hasty, json!({}), "one").await;
    let end = stream.end().await;
    assert_eq!(end.error_code.as_deref(), Some("Sandbox.Timedout"));
    let details = end.error_details.unwrap();
    assert!(details.starts_with("RequestId: ") && details.ends_with("Task timed out after 1.00 seconds"));
    stream.local.stop().await;
}

#[tokio::test]
async fn a_buffered_answer_is_one_piece() {
    let local = Running::with(function("echo")).await;
    let answer = invoke(&local, r#"{"a":1}"#, &[]).await;
    assert_eq!(answer.rest().await, (br#"{"a":1}"#.to_vec(), InvokeComplete::default()));
    local.stop().await;
}

#[tokio::test]
async fn an_error_before_the_first_piece_is_piece_and_end() {
    let local = Running::with(function("echo")).await;
    let error = r#"{"errorType":"BadLuck"}"#;
    let answer = invoke(&local, &format!(r#"{{"do":"fail","error":{error}}}"#), &[]).await;
    assert_eq!(answer.rest().await, (error.as_bytes().to_vec(), failed("Runtime.Unknown", error)));
    local.stop().await;
}

#[tokio::test]
async fn the_logs_tail_is_in_the_last_frame() {
    let local = Running::with(function("echo")).await;
    let answer = invoke(&local, r#"{"do":"print","text":"hello\n"}"#, &[("x-amz-log-type", "Tail")]).await;
    let log = answer.rest().await.1.log_result.unwrap();
    let log = String::from_utf8(base64_simd::STANDARD.decode_to_vec(log).unwrap()).unwrap();
    assert!(log.starts_with("START ") && log.contains("\nhello\n") && log.contains("\nREPORT "), "{log}");
    local.stop().await;
}

#[tokio::test]
async fn what_is_refused_is_told_in_json() {
    let local = Running::with(function("echo")).await;
    let target = "/2021-11-15/functions/nobody/response-streaming-invocations";
    let answer = local.call(target, &[], "{}").await;
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.headers()["x-amzn-errortype"], "ResourceNotFoundException");
    let dry = [("x-amz-invocation-type", "DryRun")];
    let answer = local.call(&target.replace("nobody", "echo"), &dry, "{}").await;
    assert_eq!((answer.status(), answer.body().len()), (StatusCode::NO_CONTENT, 0));
    let answer = local.call(&target.replace("nobody", "echo"), &[], "{").await;
    assert_eq!(answer.headers()["x-amzn-errortype"], "InvalidRequestContentException");
    local.stop().await;
}

/// What sockets take in is theirs; what the function has sent beyond that would be in our memory.
#[tokio::test]
async fn a_reader_that_does_not_read_holds_the_function_back() {
    let mut stream = Stream::begin("one").await;
    let megabytes = 100;
    stream.conductor.tell(&format!("bytes {}", megabytes << 20)).await;
    let mut pieces = 0;
    while tokio::time::timeout(Duration::from_millis(300), stream.conductor.hear()).await.is_ok() {
        pieces += 1;
    }
    assert!(pieces < 20 * 16, "{pieces} pieces of 64 KiB were sent to nobody");
    let (mut conductor, answer) = (stream.conductor, stream.answer);
    let conducting = async {
        while pieces < megabytes * 16 {
            // The one that was given up may have been half read.
            conductor.hear().await;
            pieces += 1;
        }
        conductor.say("end").await
    };
    let (status, (bytes, complete)) = tokio::join!(conducting, answer.rest());
    assert_eq!((&*status, bytes.len(), complete), ("202", megabytes << 20, InvokeComplete::default()));
    stream.local.stop().await;
}

#[tokio::test]
async fn more_than_200_mib_is_too_large() {
    let Stream { local, mut conductor, answer } = Stream::begin("one").await;
    let conducting = async {
        conductor.tell(&format!("bytes {}", 200 << 20)).await;
        while conductor.hear().await == "ok" {}
    };
    let reading = async {
        let (mut answer, mut bytes) = (answer, "one".len());
        loop {
            match answer.next().await {
                Some(Piece::Payload(piece)) => bytes += piece.len(),
                Some(Piece::Complete(complete)) => return (bytes, complete),
                other => panic!("{other:?}"),
            }
        }
    };
    let ((bytes, complete), ()) = tokio::join!(reading, conducting);
    assert!(bytes <= 200 << 20, "{bytes}");
    assert_eq!(complete.error_code.as_deref(), Some("Function.ResponseSizeTooLarge"));
    local.stop().await;
}

#[tokio::test]
async fn a_function_whose_caller_has_gone_runs_on_and_is_used_again() {
    let Stream { local, mut conductor, answer } = Stream::begin("one").await;
    drop(answer);
    conductor.tell("bytes 1048576").await;
    for _ in 0..16 {
        assert_eq!(conductor.hear().await, "ok");
    }
    assert_eq!(conductor.say("end").await, "202");
    let (count, _) = outcome(&local.invoke("echo", r#"{"do":"count"}"#).await);
    assert_eq!(count["calls"], 2);
    local.stop().await;
}

#[tokio::test]
async fn a_runtime_that_understands_it_hears_at_once_that_its_caller_has_gone() {
    let Stream { local, mut conductor, answer } =
        Stream::with(function("echo"), json!({"hears_early": true}), "one").await;
    drop(answer);
    assert_eq!(conductor.say("hear").await, "410");
    let (count, _) = outcome(&local.invoke("echo", r#"{"do":"count"}"#).await);
    assert_eq!(count["calls"], 2);
    local.stop().await;
}

#[tokio::test]
async fn a_shutdown_cuts_a_stream() {
    let Stream { local, conductor: _conductor, mut answer } = Stream::begin("one").await;
    let (next, ()) = tokio::join!(answer.next(), local.local.shutdown());
    assert_eq!(next, None);
    local.stop().await;
}
