//! Our Node loop against a Runtime API of a few lines on the loopback.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "all of this file is a test")]

use std::{collections::BTreeMap, fs, path::Path, process::Stdio, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::timeout,
};

/// What the loop posted.
#[derive(Debug)]
struct Post {
    path: String,
    headers: BTreeMap<String, String>,
    /// Of a streamed answer, its text.
    body: Value,
    trailers: BTreeMap<String, String>,
}

/// All that came of one process.
#[derive(Debug)]
struct Run {
    posts: Vec<Post>,
    output: String,
    /// `None`: it was still running and was killed.
    status: Option<i32>,
}

/// Runs `handler` out of `files` until each of `events` is answered, or once, where it cannot start.
async fn run(files: &[(&str, &str)], handler: &str, events: &[Value]) -> Option<Run> {
    if std::process::Command::new("node").arg("--version").stdout(Stdio::null()).status().is_err() {
        assert!(std::env::var_os("CI").is_none(), "CI has Node.js, so that these tests run somewhere");
        println!("skipped: there is no Node.js on this machine");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut child = start(folder.path(), handler, &listener.local_addr().unwrap().to_string());
    let wanted = events.len().max(1);
    let posts = timeout(PATIENCE, serve(&listener, events, wanted)).await.expect("the loop posts in time");
    let ends = events.is_empty()
        || posts.iter().any(|post| post.body["errorType"] == "Runtime.UnhandledPromiseRejection");
    if !ends {
        child.start_kill().unwrap();
    }
    let output = timeout(PATIENCE, child.wait_with_output()).await.expect("the process ends").unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    Some(Run { posts, output: text, status: output.status.code() })
}

fn start(folder: &Path, handler: &str, api: &str) -> Child {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/src/languages/node_runtime.mjs");
    Command::new("node")
        .args([program, handler])
        .current_dir(folder)
        .env("AWS_LAMBDA_RUNTIME_API", api)
        .env("LAMBDA_TASK_ROOT", folder)
        .env("AWS_LAMBDA_FUNCTION_NAME", "f")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/f")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn serve(listener: &TcpListener, events: &[Value], wanted: usize) -> Vec<Post> {
    let mut events = events.iter().enumerate();
    let mut posts = Vec::new();
    while posts.len() < wanted {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        while let Some((method, post)) = read(&mut stream).await {
            if method == "POST" {
                posts.push(post);
                answer(&mut stream, "202 Accepted", "", r#"{"status":"OK"}"#).await;
                if posts.len() == wanted {
                    return posts;
                }
            } else if let Some((index, event)) = events.next() {
                let head = format!(
                    "Lambda-Runtime-Aws-Request-Id: id-{index}\r\nLambda-Runtime-Invocation-Id: attempt-{index}\r\n\
                     Lambda-Runtime-Deadline-Ms: 99999999999999\r\nLambda-Runtime-Trace-Id: Root=1-a\r\n\
                     Lambda-Runtime-Invoked-Function-Arn: arn:f\r\n\
                     Lambda-Runtime-Client-Context: {{\"custom\":{{\"a\":1}}}}\r\n"
                );
                answer(&mut stream, "200 OK", &head, &event.to_string()).await;
            }
        }
    }
    posts
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<(String, Post)> {
    let mut line = String::new();
    if stream.read_line(&mut line).await.unwrap() == 0 {
        return None;
    }
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let headers = fields(stream).await;
    if headers.contains_key("transfer-encoding") {
        let body = chunks(stream).await;
        let body = Value::String(String::from_utf8(body).unwrap());
        let trailers = fields(stream).await;
        return Some((method, Post { path, headers, body, trailers }));
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Some((method, Post { path, headers, body, trailers: BTreeMap::new() }))
}

/// Header fields, up to the empty line behind them.
async fn fields(stream: &mut BufReader<TcpStream>) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { return fields };
        fields.insert(name.to_ascii_lowercase(), value.to_owned());
    }
}

/// A body in chunks, up to its trailers.
async fn chunks(stream: &mut BufReader<TcpStream>) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let length = usize::from_str_radix(line.trim_end(), 16).unwrap();
        if length == 0 {
            return body;
        }
        let mut chunk = vec![0; length + "\r\n".len()];
        stream.read_exact(&mut chunk).await.unwrap();
        body.extend_from_slice(&chunk[..length]);
    }
}

async fn answer(stream: &mut BufReader<TcpStream>, status: &str, head: &str, body: &str) {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{head}\r\n{body}"
    );
    stream.get_mut().write_all(text.as_bytes()).await.unwrap();
}

/// How long a process may take. Only waited for when something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one event comes to, with the path it was posted to.
async fn check(files: &[(&str, &str)], handler: &str, expected: &Value) {
    let Some(run) = run(files, handler, &[json!({"n": 1})]).await else { return };
    assert_eq!(run.posts[0].body, *expected, "{handler}: {}", run.output);
    assert_eq!(run.posts[0].path, "/2018-06-01/runtime/invocation/id-0/response", "{}", run.output);
}

/// The error that the only event (or the start, without one) comes to.
async fn check_error(files: &[(&str, &str)], events: &[Value], kind: &str, message: &str) -> Option<Run> {
    let run = run(files, "index.handler", events).await?;
    let Post { path, headers, body, .. } = &run.posts[0];
    let expected = if events.is_empty() { "init/error" } else { "invocation/id-0/error" };
    assert_eq!(*path, format!("/2018-06-01/runtime/{expected}"), "{}", run.output);
    assert_eq!(body["errorType"], kind);
    let said = body["errorMessage"].as_str().unwrap();
    assert!(said.contains(message), "{said}");
    assert!(body["trace"].is_array());
    assert_eq!(headers["lambda-runtime-function-error-type"], kind);
    Some(run)
}

#[tokio::test]
async fn commonjs_and_modules_are_found_wherever_the_handler_says() {
    let body = "async (event) => ({ got: event.n })";
    let common = format!("exports.handler = {body};");
    let module = format!("export const handler = {body};");
    let nested = format!("module.exports = Object.assign({{}}, {{ api: {{ v1: {{ get: {body} }} }} }});");
    let expected = json!({"got": 1});
    check(&[("index.js", &common)], "index.handler", &expected).await;
    check(&[("index.mjs", &module)], "index.handler", &expected).await;
    check(&[("index.cjs", &common)], "index.handler", &expected).await;
    check(&[("index.js", &module), ("package.json", r#"{"type":"module"}"#)], "index.handler", &expected)
        .await;
    check(&[("src/deep/app.js", &common)], "src/deep/app.handler", &expected).await;
    check(&[("app/index.js", &common)], "app.handler", &expected).await;
    check(&[("index.js", &nested)], "index.api.v1.get", &expected).await;
}

#[tokio::test]
async fn results_come_by_promise_by_callback_and_by_context() {
    for (body, expected) in [
        ("async () => 'promised'", json!("promised")),
        ("async () => {}", Value::Null),
        ("(event, context, callback) => setTimeout(() => callback(null, 'called'), 1)", json!("called")),
        ("(event, context) => { context.succeed('done') }", json!("done")),
        (
            "(event, context, callback) => { context.callbackWaitsForEmptyEventLoop = false; \
             setInterval(() => {}, 1000); callback(null, 'at once') }",
            json!("at once"),
        ),
        ("() => {}", Value::Null),
    ] {
        check(&[("index.js", &format!("exports.handler = {body};"))], "index.handler", &expected).await;
    }
}

#[tokio::test]
async fn the_context_says_who_is_called_and_how_long_it_may_take() {
    let body = "exports.handler = async (event, context) => ({
        ...context, left: context.getRemainingTimeInMillis() > 1000, trace: process.env._X_AMZN_TRACE_ID });";
    let expected = json!({
        "awsRequestId": "id-0", "functionName": "f", "functionVersion": "$LATEST", "memoryLimitInMB": "128",
        "logGroupName": "/aws/lambda/f", "invokedFunctionArn": "arn:f", "clientContext": {"custom": {"a": 1}},
        "callbackWaitsForEmptyEventLoop": true, "left": true, "trace": "Root=1-a",
    });
    check(&[("index.js", body)], "index.handler", &expected).await;
}

#[tokio::test]
async fn one_process_answers_one_event_after_another_and_remembers() {
    let body = "let calls = 0;
        exports.handler = async (event) => { console.log('call', event.n); if (event.n === 1) throw new TypeError('odd'); return ++calls; };";
    let events = [json!({"n": 0}), json!({"n": 1}), json!({"n": 2})];
    let Some(run) = run(&[("index.js", body)], "index.handler", &events).await else { return };
    let paths: Vec<_> = run.posts.iter().map(|post| post.path.rsplit_once("/runtime").unwrap().1).collect();
    assert_eq!(paths, ["/invocation/id-0/response", "/invocation/id-1/error", "/invocation/id-2/response"]);
    assert_eq!((&run.posts[0].body, &run.posts[2].body), (&json!(1), &json!(2)));
    assert_eq!(run.posts[1].headers["lambda-runtime-invocation-id"], "attempt-1");
    assert!(run.output.contains("\tid-0\tINFO\tcall 0\n"), "{}", run.output);
    assert!(run.output.contains("\tid-1\tERROR\tInvoke Error"), "{}", run.output);
}

#[tokio::test]
async fn what_a_handler_throws_is_posted_as_the_invocations_error() {
    for (body, kind, message) in [
        ("async () => { throw new RangeError('too far') }", "RangeError", "too far"),
        ("async () => { class Mine extends Error { name = 'Mine' } throw new Mine('x') }", "Mine", "x"),
        ("async () => { throw 'a text' }", "string", "a text"),
        ("() => { throw new Error('at once') }", "Error", "at once"),
        ("(event, context, callback) => callback(new Error('called'))", "Error", "called"),
        ("(event, context) => context.fail(new Error('failed'))", "Error", "failed"),
        ("async () => 1n", "Error", "Unable to stringify response body"),
        ("() => new Promise(() => {})", "Runtime.NodeJsExit", "still pending"),
        (
            "() => { setTimeout(() => { throw new Error('late') }, 1); return new Promise(() => {}) }",
            "Error",
            "late",
        ),
    ] {
        let file = format!("exports.handler = {body};");
        check_error(&[("index.js", &file)], &[json!({})], kind, message).await;
    }
}

#[tokio::test]
async fn a_rejection_that_nobody_handles_ends_the_process() {
    let file = "exports.handler = () => { Promise.reject(new Error('lost')); return new Promise(() => setTimeout(() => {}, 9e5)) };";
    let kind = "Runtime.UnhandledPromiseRejection";
    let Some(run) = check_error(&[("index.js", file)], &[json!({})], kind, "lost").await else { return };
    assert_eq!(run.status, Some(128));
}

#[tokio::test]
async fn what_goes_wrong_at_the_start_is_posted_and_ends_the_process() {
    for (files, kind, message) in [
        (&[][..], "Runtime.ImportModuleError", "Cannot find module"),
        (&[("index.js", "require('nothing')")], "Runtime.ImportModuleError", "nothing"),
        (&[("index.mjs", "import 'nothing'")], "Runtime.ImportModuleError", "nothing"),
        (&[("index.js", "exports.handler = (")], "Runtime.UserCodeSyntaxError", "SyntaxError"),
        (
            &[("index.js", "exports.other = 1")],
            "Runtime.HandlerNotFound",
            "index.handler is undefined or not exported",
        ),
        (
            &[("index.js", "exports.handler = 1")],
            "Runtime.HandlerNotFound",
            "index.handler is not a function",
        ),
        (&[("index.js", "throw new EvalError('mine')")], "EvalError", "mine"),
    ] {
        if let Some(run) = check_error(files, &[], kind, message).await {
            assert_eq!(run.status, Some(1), "{}", run.output);
        }
    }
}

#[tokio::test]
async fn a_handler_that_is_no_file_and_export_is_malformed() {
    for handler in ["index", ".handler", "../index.handler"] {
        let Some(run) = run(&[], handler, &[]).await else { return };
        assert_eq!(run.posts[0].body["errorType"], "Runtime.MalformedHandlerName", "{handler}");
    }
}

/// What one event comes to that is answered by a stream.
async fn streamed(body: &str, events: &[Value]) -> Option<Run> {
    let file = format!("exports.handler = awslambda.streamifyResponse({body});");
    run(&[("index.js", &file)], "index.handler", events).await
}

#[track_caller]
fn check_stream(run: &Run, content_type: &str, body: &str) {
    let Post { path, headers, body: sent, .. } = &run.posts[0];
    assert_eq!(*path, "/2018-06-01/runtime/invocation/id-0/response", "{}", run.output);
    assert_eq!((&*headers["content-type"], sent.as_str().unwrap()), (content_type, body), "{}", run.output);
    assert_eq!(headers["lambda-runtime-function-response-mode"], "streaming");
    assert_eq!(headers["lambda-runtime-invocation-id"], "attempt-0");
    let trailers = "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body";
    assert_eq!(headers["trailer"], trailers);
}

/// The error that the trailers tell.
fn late_error(run: &Run) -> (&str, Value) {
    let trailers = &run.posts[0].trailers;
    let body = base64_simd::STANDARD.decode_to_vec(&trailers["lambda-runtime-function-error-body"]).unwrap();
    (&trailers["lambda-runtime-function-error-type"], serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_streaming_handler_writes_its_answer() {
    for body in [
        "async (event, stream, context) => { stream.write('a' + event.n); stream.write(Buffer.from(context.awsRequestId)); stream.end('!'); }",
        "(event, stream, context) => require('node:stream/promises').pipeline(require('node:stream').Readable.from(['a1', context.awsRequestId, '!']), stream)",
        "(event, stream) => { setTimeout(() => { stream.write('a1id'); stream.end('-0!'); }, 1); }",
    ] {
        let Some(run) = streamed(body, &[json!({"n": 1})]).await else { return };
        check_stream(&run, "application/octet-stream", "a1id-0!");
        assert_eq!(run.posts[0].trailers, BTreeMap::new());
    }
}

#[tokio::test]
async fn its_content_type_and_its_head_are_sent_before_the_first_byte() {
    let plain = "async (event, stream) => { stream.setContentType('text/plain'); stream.end('a'); }";
    let Some(run) = streamed(plain, &[json!({})]).await else { return };
    check_stream(&run, "text/plain", "a");
    let nuls = "\0".repeat(8);
    for (rest, body) in [("stream.write('a'); stream.end('b');", "ab"), ("stream.end();", "")] {
        let handler = format!(
            "async (event, stream) => {{ stream = awslambda.HttpResponseStream.from(stream, \
             {{ statusCode: 201, headers: {{ 'X-A': '1' }}, cookies: ['a=1'] }}); {rest} }}"
        );
        let Some(run) = streamed(&handler, &[json!({})]).await else { return };
        let head = r#"{"statusCode":201,"headers":{"X-A":"1"},"cookies":["a=1"]}"#;
        let content_type = "application/vnd.awslambda.http-integration-response";
        check_stream(&run, content_type, &format!("{head}{nuls}{body}"));
    }
}

#[tokio::test]
async fn what_is_thrown_before_the_first_byte_is_the_invocations_error() {
    for body in [
        "async () => { throw new RangeError('too far') }",
        "() => { throw new RangeError('too far') }",
        "async (event, stream) => { awslambda.HttpResponseStream.from(stream, {}); stream.destroy(new RangeError('too far')) }",
    ] {
        let file = format!("exports.handler = awslambda.streamifyResponse({body});");
        check_error(&[("index.js", &file)], &[json!({})], "RangeError", "too far").await;
    }
    let file = "exports.handler = awslambda.streamifyResponse(async () => {});";
    check_error(
        &[("index.js", file)],
        &[json!({})],
        "Runtime.NodeJsExit",
        "before the response stream was ended",
    )
    .await;
}

#[tokio::test]
async fn what_is_thrown_later_is_told_behind_what_was_written() {
    for body in [
        "async (event, stream) => { stream.write('a'); stream.write('b'); throw new RangeError('too far') }",
        "async (event, stream) => { stream.write('ab', () => stream.destroy(new RangeError('too far'))) }",
        "(event, stream) => { stream.write('ab', () => { throw new RangeError('too far') }) }",
        "(event, stream) => require('node:stream/promises').pipeline(async function* () { yield 'a'; yield 'b'; throw new RangeError('too far') }, stream)",
    ] {
        let Some(run) = streamed(body, &[json!({})]).await else { return };
        check_stream(&run, "application/octet-stream", "ab");
        let (kind, error) = late_error(&run);
        assert_eq!((kind, &error["errorType"]), ("RangeError", &json!("RangeError")));
        assert_eq!(error["errorMessage"], "too far");
        assert!(error["trace"][1].as_str().unwrap().contains("index.js"), "{error}");
    }
}

#[tokio::test]
async fn a_late_error_is_cut_to_what_trailers_hold() {
    let body = "async (event, stream) => { stream.write('a'); throw new Error('\\u0001'.repeat(1e5)) }";
    let Some(run) = streamed(body, &[json!({})]).await else { return };
    let bytes: usize = run.posts[0].trailers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    assert!(bytes < 16 * 1024, "{bytes} bytes of trailers");
    assert_eq!(late_error(&run).1["trace"], json!([]));
}

#[tokio::test]
async fn whoever_throws_behind_the_end_has_answered() {
    let body = "async (event, stream) => { stream.write('a'); stream.end('b'); throw new Error('late') }";
    let Some(run) = streamed(body, &[json!({}), json!({})]).await else { return };
    check_stream(&run, "application/octet-stream", "ab");
    assert_eq!(run.posts[0].trailers, BTreeMap::new());
    assert!(run.output.contains("\tid-0\tERROR\tInvoke Error"), "{}", run.output);
    assert_eq!(run.posts.len(), 2, "the process goes on");
}

#[tokio::test]
async fn a_handler_is_held_back_until_what_it_wrote_is_on_its_way() {
    let body = "async (event, stream) => { const goesOn = stream.write('x'.repeat(1 << 20)); \
                await require('node:events').once(stream, 'drain'); stream.end(String(goesOn)); }";
    let Some(run) = streamed(body, &[json!({})]).await else { return };
    check_stream(&run, "application/octet-stream", &("x".repeat(1 << 20) + "false"));
}
