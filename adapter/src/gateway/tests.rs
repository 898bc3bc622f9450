//! What is told of requests that nobody waits for any more, or whose body nobody gets, and how long one waits for a Lambda that says
//! nothing. Everything else is told by the conversations.

use std::{
    io::Write,
    num::NonZeroU32,
    sync::Mutex,
    task::{Context, Waker},
};

use event_queue::EventQueue;
use http::request;
use http_body_util::Full;
use lambda_protocol::event_stream::{EVENT_STREAM, payload_chunk};
use stayput_core::{
    Credential, DIALECTS, FunctionKey,
    admission::Asynchronous,
    keys::{CredentialHash, Key, Keyring, Right, Scope},
    table::{Function, Table},
    token::SealingKeys,
};

use super::*;
use crate::{
    access_log::AccessLog,
    backend::{BackendFuture, Reply, ReplyBody},
    config::LogFormat,
    ledger::{Ledger, StoredTable},
    metrics::Metrics,
    rules::Rules,
};

/// A Lambda that takes calls and never answers.
#[derive(Debug)]
struct Silent;

impl LambdaBackend for Silent {
    fn call(&self, _: request::Parts, _: Bytes) -> BackendFuture<'_> {
        Box::pin(std::future::pending())
    }
}

/// A Lambda whose answers begin, and are not over.
#[derive(Debug)]
struct Streaming {
    status: u16,
}

impl LambdaBackend for Streaming {
    fn call(&self, _: request::Parts, _: Bytes) -> BackendFuture<'_> {
        let (mut head, ()) = Response::new(()).into_parts();
        head.headers.insert(header::CONTENT_TYPE, EVENT_STREAM);
        let prelude = format!("{{\"statusCode\":{}}}\0\0\0\0\0\0\0\0", self.status);
        let body = ReplyBody::Whole(payload_chunk(prelude.as_bytes()));
        Box::pin(std::future::ready(Ok(Reply { head, body })))
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn gateway(log: Lines, backend: impl LambdaBackend + 'static) -> Gateway {
    let lambda = lambda_protocol::function::FunctionRef::new("echo");
    let timeout = Duration::from_secs(30);
    let function =
        Function { lambda, qualifier: None, payload_is_event: false, durable: false, streams: true, timeout };
    let mut table = Table::default();
    table.add("openfaas", FunctionKey::new("echo"), Arc::new(function));
    let mut keys = Keyring::default();
    let key = Key::new("erp", Scope::All, Scope::All, &Right::ALL);
    keys.add(CredentialHash::of(&Credential::new("secret")), key);
    let metrics = Arc::new(Metrics::new(&table));
    let log = Arc::new(AccessLog::start(LogFormat::Text, log).unwrap());
    Gateway {
        dialects: DIALECTS,
        rules: Arc::new(LiveRules::new(Rules { table, keys })),
        backend: Arc::new(backend),
        buffers: BufferBudget::new(1_000),
        limits: Limits::new(NonZeroU32::MIN),
        tokens: None,
        acceptance: None,
        telemetry: Telemetry::new(metrics, log),
    }
}

#[test]
fn a_caller_who_goes_away_leaves_a_line() {
    let lines = Lines::default();
    let gateway = gateway(lines.clone(), Silent);
    let request = Request::post("/function/echo")
        .header("authorization", "Bearer secret")
        .header("x-call-id", "call-7")
        .body(Full::new(Bytes::new()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let entered = runtime.enter();
    let mut waiting = Box::pin(gateway.serve(request.unwrap(), ([127, 0, 0, 1], 1).into()));
    assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(waiting);
    drop(entered);
    drop(gateway);
    let line = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(line.contains("function=echo key=erp mode=sync status=499 blame=caller"), "{line:?}");
    assert!(line.trim_end().ends_with("caller_id=call-7"), "{line:?}");
}

/// The line that a request leaves whose answer's body is dropped unread.
fn line_of_an_unread_stream(method: &str, status: u16) -> String {
    let lines = Lines::default();
    let gateway = gateway(lines.clone(), Streaming { status });
    let request = Request::builder()
        .method(method)
        .uri("/function/echo")
        .header("authorization", "Bearer secret")
        .body(Full::new(Bytes::new()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let response = runtime.block_on(gateway.serve(request.unwrap(), ([127, 0, 0, 1], 1).into()));
    assert_eq!(response.status().as_u16(), status);
    drop(response);
    drop(gateway);
    String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
}

#[test]
fn whoever_gets_no_body_has_not_gone_away() {
    for (method, status) in [("HEAD", 200), ("GET", 204), ("GET", 304)] {
        let line = line_of_an_unread_stream(method, status);
        assert!(line.contains(&format!("status={status} ")), "{line:?}");
        assert!(!line.contains("blame=caller"), "{method} {status}: {line:?}");
    }
    let line = line_of_an_unread_stream("GET", 200);
    assert!(line.contains("status=200 blame=caller"), "{line:?}");
}

#[tokio::test(start_paused = true)]
async fn lambda_has_less_time_to_take_a_call_than_the_function_has_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let store = EventQueue::open(&folder.path().join("events.db"), event_queue::Limits::default()).unwrap();
    let mut gateway = gateway(Lines::default(), Silent);
    gateway.acceptance = Some(Acceptance {
        rules: Asynchronous::default(),
        keys: SealingKeys::parse(&"ab".repeat(32)).unwrap(),
        ledger: Ledger::new(Arc::new(StoredTable::new(store).unwrap())),
        patience: None,
        destinations: None,
    });
    for (path, seconds) in [("/function/echo", 30), ("/async-function/echo", 15)] {
        let request =
            Request::post(path).header("authorization", "Bearer secret").body(Full::new(Bytes::new()));
        let began = tokio::time::Instant::now();
        let response = gateway.serve(request.unwrap(), ([127, 0, 0, 1], 1).into()).await;
        assert_eq!((response.status().as_u16(), began.elapsed().as_secs()), (504, seconds), "{path}");
    }
}
