//! What becomes of a request that nobody waits for any more. Everything else is told by the conversations.

use std::{
    io::Write,
    num::NonZeroU32,
    sync::Mutex,
    task::{Context, Waker},
};

use http_body_util::Full;
use stayput_core::{
    Credential, DIALECTS, FunctionKey,
    keys::{CredentialHash, Key, Keyring, Right, Scope},
    table::{Function, Table},
};

use super::*;
use crate::{
    access_log::AccessLog, backend::BackendFuture, config::LogFormat, metrics::Metrics, rules::Rules,
};

/// A Lambda that takes calls and never answers.
#[derive(Debug)]
struct Silent;

impl LambdaBackend for Silent {
    fn call(&self, _: request::Parts, _: Bytes) -> BackendFuture<'_> {
        Box::pin(std::future::pending())
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

fn gateway(log: Lines) -> Gateway {
    let lambda = lambda_protocol::function::FunctionRef::new("echo");
    let timeout = Duration::from_secs(30);
    let function = Function { lambda, qualifier: None, payload_is_event: false, streams: false, timeout };
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
        backend: Arc::new(Silent),
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
    let gateway = gateway(lines.clone());
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
