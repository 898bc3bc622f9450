//! A service with its warden, and how tests speak to it.

use std::{
    io::Write,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use lambda_local::{Function, LocalLambda, LogSink, Program, Settings, warden::Warden};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

pub(crate) struct Running {
    pub(crate) local: LocalLambda,
    pub(crate) log: Log,
    listening: std::net::SocketAddr,
    serving: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn with(function: Function) -> Self {
        Self::start(Settings::default(), vec![function]).await
    }

    pub(crate) async fn start(settings: Settings, functions: Vec<Function>) -> Self {
        let warden = Warden::start(Command::new(env!("CARGO_BIN_EXE_lambda-warden"))).unwrap();
        let log = Log::default();
        let local = LocalLambda::start(settings, functions, warden, LogSink::to(log.clone())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listening = listener.local_addr().unwrap();
        let serving = tokio::spawn({
            let local = local.clone();
            async move { local.serve(listener).await }
        });
        Self { local, log, listening, serving }
    }

    pub(crate) async fn invoke(&self, function: &str, event: &str) -> Response<Bytes> {
        self.call(&format!("/2015-03-31/functions/{function}/invocations"), &[], event).await
    }

    /// Of the function that there is.
    pub(crate) async fn invoke_as(&self, invocation_type: &str, event: &str) -> Response<Bytes> {
        let headers = [("x-amz-invocation-type", invocation_type)];
        self.call("/2015-03-31/functions/_/invocations", &headers, event).await
    }

    pub(crate) async fn invoke_tail(&self, event: &str) -> Response<Bytes> {
        self.call("/2015-03-31/functions/_/invocations", &[("x-amz-log-type", "Tail")], event).await
    }

    pub(crate) async fn call(&self, target: &str, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
        let mut request = Request::post(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let answer = self.local.call(head, Bytes::copy_from_slice(body.as_bytes())).await;
        answer.map(|body| body.into_whole().expect("not streamed"))
    }

    pub(crate) async fn connect(&self) -> Socket {
        Socket(TcpStream::connect(self.listening).await.unwrap())
    }

    /// Shuts down; both the socket and the environments are gone afterwards.
    pub(crate) async fn stop(self) {
        self.local.shutdown().await;
        self.serving.await.unwrap();
    }
}

/// `misbehave` under that name, with AWS's defaults, but a timeout that a busy machine keeps.
pub(crate) fn function(name: &str) -> Function {
    let program = Program {
        executable: env!("CARGO_BIN_EXE_lambda-misbehave").into(),
        arguments: [].into(),
        directory: env!("CARGO_MANIFEST_DIR").into(),
        variables: [].into(),
    };
    Function {
        name: name.to_owned(),
        runtime: "provided.al2023".to_owned(),
        handler: "bootstrap".to_owned(),
        program: Ok(program),
        variables: [].into(),
        timeout: Duration::from_secs(10),
        memory_mb: 128,
        reserved_concurrency: None,
        events: lambda_local::function::FunctionEvents::default(),
        url: None,
        version: lambda_local::function::Version::Latest,
        code: lambda_local::function::Code::default(),
        durable: None,
        alias: None,
    }
}

/// A call that worked or failed, as `(payload, function error)`.
#[track_caller]
pub(crate) fn outcome(answer: &Response<Bytes>) -> (Value, Option<&str>) {
    assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
    let payload = serde_json::from_slice(answer.body()).expect("functions answer in JSON");
    (payload, header(answer, "x-amz-function-error"))
}

pub(crate) const UNHANDLED: Option<&str> = Some("Unhandled");

pub(crate) fn header<'a>(answer: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
    answer.headers().get(name).map(|value| value.to_str().unwrap())
}

pub(crate) fn log_tail(answer: &Response<Bytes>) -> Vec<u8> {
    let base64 = header(answer, "x-amz-log-result").expect("a tail was asked for");
    base64_simd::STANDARD.decode_to_vec(base64).unwrap()
}

/// What went to the terminal.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn lines_with(&self, text: &str) -> usize {
        let log = self.0.lock().unwrap();
        log.split(|byte| *byte == b'\n')
            .filter(|line| memchr::memmem::find(line, text.as_bytes()).is_some())
            .count()
    }
}

impl Write for Log {
    fn write(&mut self, lines: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// One connection, kept alive over several requests.
pub(crate) struct Socket(pub(crate) TcpStream);

impl Socket {
    pub(crate) async fn ask(&mut self, request: &[u8]) -> (u16, HeaderMap, Vec<u8>) {
        let (mut read, mut write) = self.0.split();
        let sending = async {
            // A server may answer before it has read everything.
            let _ = write.write_all(request).await;
        };
        let answer = async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(read.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let (status, headers) = parse(&head);
            let length =
                headers.get("content-length").map_or(0, |length| length.to_str().unwrap().parse().unwrap());
            let mut body = vec![0; length];
            read.read_exact(&mut body).await.unwrap();
            (status, headers, body)
        };
        tokio::join!(sending, answer).1
    }
}

fn parse(head: &str) -> (u16, HeaderMap) {
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap()));
    (status, headers.collect())
}

#[track_caller]
pub(crate) fn check_refusal(answer: &Response<Bytes>, status: u16, code: &str, body: &Value) {
    assert_eq!(answer.status(), status, "{answer:?}");
    assert_eq!(header(answer, "x-amzn-errortype"), Some(code));
    assert_eq!(&serde_json::from_slice::<Value>(answer.body()).unwrap(), body);
}

/// What a function that ended by itself is answered with.
#[track_caller]
pub(crate) fn check_exit(answer: &Response<Bytes>, how: &str) {
    let id = header(answer, "x-amzn-requestid").unwrap();
    let message = format!("RequestId: {id} Error: {how}");
    let expected = json!({"errorType": "Runtime.ExitError", "errorMessage": message});
    assert_eq!(outcome(answer), (expected, UNHANDLED));
}

/// Returns when the function's process has ended.
pub(crate) async fn see_end(meeting: &mut TcpStream) {
    let mut rest = Vec::new();
    // A killed process's connection may be reset rather than closed.
    let _ = meeting.read_to_end(&mut rest).await;
}
