//! `aws-sdk-lambda` reads streams from the embedded Lambda: long ones, and those that end badly.

use std::{
    process::ExitCode,
    sync::LazyLock,
    time::{Duration, Instant},
};

use aws_sdk_lambda::{
    Client,
    operation::invoke_with_response_stream::InvokeWithResponseStreamOutput,
    primitives::Blob,
    types::{
        InvokeWithResponseStreamCompleteEvent, InvokeWithResponseStreamResponseEvent::*, LogType,
        ResponseStreamingInvocationType,
    },
};
use sdk_client::Checks;
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let client = sdk_client::connect().await;
    let mut checks = Checks::default();
    whole(&client, &mut checks).await;
    broken(&client, &mut checks).await;
    at_the_edge(&client, &mut checks).await;
    checks.finish()
}

async fn whole(client: &Client, checks: &mut Checks) {
    for size in [0, 1, MIB, 100 * MIB] {
        for (language, name, event, head) in [
            ("stayput-runtime", "download", get(&format!("bytes={size}")), Head::Yes),
            ("lambda_runtime", "stock-stream", json!({"bytes": size}), Head::Yes),
            ("node", "node-stream", json!({"bytes": size}), Head::No),
        ] {
            let mut seen = Pattern::default();
            let ends = read(invoke(client, name, &event).await, head, |piece| seen.take(piece)).await;
            checks.check(&format!("{language}: {size} bytes"), seen, Pattern { bytes: size, broken: false });
            checks.check(&format!("{language}: {size} bytes, one end"), ends, vec![End::default()]);
        }
    }
    let answer = invoke(client, "ticker", &get("count=3&every=150")).await;
    checks.check("status", answer.status_code(), 200);
    checks.check("version", answer.executed_version(), Some("$LATEST"));
    let (mut ticks, mut times) = (Vec::new(), Vec::new());
    read(answer, Head::Yes, |piece| {
        ticks.extend_from_slice(piece);
        times.push(Instant::now());
    })
    .await;
    checks.check("every tick, and the end", count(&ticks), 4);
    let spread = times[times.len() - 1] - times[0];
    checks.check("pieces come as they are made", spread >= Duration::from_millis(150), true);
}

async fn broken(client: &Client, checks: &mut Checks) {
    let (ticks, end) = short(client, "ticker", &get("count=5&every=1&fail_after=2"), Head::Yes).await;
    checks.check("late error: what was before it", count(&ticks), 2);
    let details = json!({"errorType": "TickerStopped", "errorMessage": "stopped as asked, after 2 ticks"});
    checks.check("late error", (end.code(), end.json()), ("TickerStopped", details));

    let (bytes, end) =
        short(client, "stock-stream", &json!({"bytes": 100, "fail_after": 60}), Head::Yes).await;
    let before: Vec<u8> = (0..60).chain(*b"Lambda-Runtime-Function-Error-Type: ").collect();
    checks.check("lambda_runtime's late error: bytes, and text as on AWS", bytes.starts_with(&before), true);
    checks.check("lambda_runtime's late error", end.code(), "Runtime.StreamError");

    let (bytes, end) = short(client, "node-stream", &json!({"bytes": 100, "fail_after": 60}), Head::No).await;
    checks.check("node's late error: bytes", bytes, (0..60).collect());
    checks.check("node's late error", end.code(), "MidwayError");

    let error = json!({"errorType": "BadLuck", "errorMessage": "not today"});
    let (bytes, end) = short(client, "misbehave", &json!({"do": "fail", "error": error}), Head::No).await;
    checks.check(
        "error before the first byte: payload",
        serde_json::from_slice(&bytes).ok(),
        Some(error.clone()),
    );
    checks.check("error before the first byte", (end.code(), end.json()), ("Runtime.Unknown", error));

    let (_, end) = short(client, "hasty-ticker", &get("count=100&every=400"), Head::Yes).await;
    checks.check("timeout midway", end.code(), "Sandbox.Timedout");
    let said = end.details.as_deref().is_some_and(|said| said.ends_with("Task timed out after 1.00 seconds"));
    checks.check("timeout midway: details", said, true);

    let (ticks, end) = short(client, "ticker", &get("count=5&every=1&exit_after=2"), Head::Yes).await;
    checks.check("exit midway", (count(&ticks), end.code()), (2, "Runtime.ExitError"));
}

async fn at_the_edge(client: &Client, checks: &mut Checks) {
    let mut pieces = Vec::new();
    let answer = invoke(client, "misbehave", &json!({"a": 1})).await;
    let ends = read(answer, Head::No, |piece| pieces.push(piece.to_vec())).await;
    checks.check(
        "a buffered answer is one piece",
        (pieces, ends),
        (vec![br#"{"a":1}"#.to_vec()], vec![End::default()]),
    );

    let request = client.invoke_with_response_stream().function_name("misbehave").log_type(LogType::Tail);
    let answer = request.send().await.expect("misbehave answers");
    let ends = read(answer, Head::No, |_| {}).await;
    let log = ends[0].log.as_deref().unwrap_or_default();
    checks.check("log tail", log.starts_with(START_IN_BASE64), true);

    let request = client.invoke_with_response_stream().function_name("ticker");
    let dry =
        request.invocation_type(ResponseStreamingInvocationType::DryRun).send().await.expect("a dry run");
    checks.check("dry run", dry.status_code(), 204);
    checks.check("dry run: no event", read(dry, Head::No, |_| {}).await, vec![]);

    let request = client.invoke_with_response_stream();
    let missing = request.clone().function_name("nobody").send().await.expect_err("nobody is unknown");
    checks.check("unknown function", missing.into_service_error().is_resource_not_found_exception(), true);
    let bad = request.function_name("ticker").payload(Blob::new("{")).send().await.expect_err("not JSON");
    checks.check("bad payload", bad.into_service_error().is_invalid_request_content_exception(), true);
}

/// The event of `GET /?query`, as function URLs send it.
fn get(query: &str) -> Value {
    let mut event: Value = serde_json::from_str(include_str!("../../../http_event.json")).expect("JSON");
    event["rawQueryString"] = query.into();
    event
}

async fn invoke(client: &Client, name: &str, event: &Value) -> InvokeWithResponseStreamOutput {
    let payload = Blob::new(event.to_string());
    client.invoke_with_response_stream().function_name(name).payload(payload).send().await.expect("an answer")
}

/// Whether the payload begins with a head and eight NULs, which are left out.
#[derive(Clone, Copy)]
enum Head {
    Yes,
    No,
}

/// Hands payload to `take`, and gives all the ends. Panics at what comes behind one.
async fn read(
    mut answer: InvokeWithResponseStreamOutput,
    head: Head,
    mut take: impl FnMut(&[u8]),
) -> Vec<End> {
    let mut ends = Vec::new();
    let mut nuls_to_come = match head {
        Head::Yes => HEAD_END_NULS,
        Head::No => 0,
    };
    while let Some(event) = answer.event_stream.recv().await.expect("a whole event") {
        assert!(ends.is_empty(), "{event:?} behind the end");
        match event {
            PayloadChunk(chunk) => {
                let mut piece = chunk.payload().map(Blob::as_ref).unwrap_or_default();
                while nuls_to_come > 0
                    && let Some((byte, rest)) = piece.split_first()
                {
                    nuls_to_come = if *byte == 0 { nuls_to_come - 1 } else { HEAD_END_NULS };
                    piece = rest;
                }
                if !piece.is_empty() {
                    take(piece);
                }
            }
            InvokeComplete(complete) => ends.push(End::of(&complete)),
            other => panic!("{other:?}"),
        }
    }
    ends
}

/// For streams that are short, and end once.
async fn short(client: &Client, name: &str, event: &Value, head: Head) -> (Vec<u8>, End) {
    let mut bytes = Vec::new();
    let ends = read(invoke(client, name, event).await, head, |piece| bytes.extend_from_slice(piece)).await;
    (bytes, ends.into_iter().next().expect("an end"))
}

/// How many server-sent events with data these are.
fn count(events: &[u8]) -> usize {
    String::from_utf8_lossy(events).matches("data:").count()
}

#[derive(Debug, Default, PartialEq)]
struct End {
    code: Option<String>,
    details: Option<String>,
    log: Option<String>,
}

impl End {
    fn of(complete: &InvokeWithResponseStreamCompleteEvent) -> Self {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let (code, details) = (text(complete.error_code()), text(complete.error_details()));
        Self { code, details, log: text(complete.log_result()) }
    }

    fn code(&self) -> &str {
        self.code.as_deref().unwrap_or("none")
    }

    fn json(&self) -> Value {
        serde_json::from_str(self.details.as_deref().unwrap_or_default()).unwrap_or_default()
    }
}

/// Counts bytes, and looks whether the one at offset `n` is `n` modulo 251.
#[derive(Debug, Default, PartialEq)]
struct Pattern {
    bytes: usize,
    broken: bool,
}

impl Pattern {
    fn take(&mut self, piece: &[u8]) {
        for part in piece.chunks(MIB) {
            let first = self.bytes % usize::from(PERIOD);
            self.broken |= part != &PATTERN[first..first + part.len()];
            self.bytes += part.len();
        }
    }
}

/// Long enough that a part of any length is found in it, from any offset.
static PATTERN: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..PERIOD).cycle().take(MIB + usize::from(PERIOD)).collect());

/// `START `, with which the log of every call begins.
const START_IN_BASE64: &str = "U1RBUlQg";

const HEAD_END_NULS: usize = 8;
const MIB: usize = 1024 * 1024;
const PERIOD: u8 = 251;
