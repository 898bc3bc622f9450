//! The gateway as it runs, in front of a Lambda that answers everything.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use http::request;
use stayput::{
    access_log::AccessLog,
    backend::{BackendFuture, LambdaBackend, Reply, ReplyBody},
    buffer::BufferBudget,
    config::LogFormat,
    front::{self, Limits},
    gateway::Gateway,
    metrics::Metrics,
    rules::{LiveRules, Rules},
    telemetry::Telemetry,
};
use stayput_core::DIALECTS;
use tokio::{net::TcpListener, runtime::Runtime, sync::oneshot};

use super::setup;

pub(crate) struct RunningGateway {
    pub(crate) address: SocketAddr,
    lambda: Arc<Willing>,
    counts: bool,
    /// Dropping it ends the server.
    _stop: oneshot::Sender<()>,
    _runtime: Runtime,
}

impl RunningGateway {
    pub(crate) fn start(limits: Limits) -> Self {
        // Where callers wait, they do so together, and nobody's calls can be told from the others'.
        let counts = limits == Limits::default();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let lambda = Arc::<Willing>::default();
        let table = setup::table();
        let log = AccessLog::start(LogFormat::Text, io::sink()).expect("a log");
        let gateway = Arc::new(Gateway {
            dialects: DIALECTS,
            telemetry: Telemetry::new(Arc::new(Metrics::new(&table)), Arc::new(log)),
            rules: Arc::new(LiveRules::new(Rules { keys: setup::keys(), table })),
            backend: Arc::clone(&lambda) as Arc<dyn LambdaBackend>,
            buffers: BufferBudget::new(64 << 20),
            limits: setup::limits(),
            tokens: None,
            acceptance: None,
        });
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async move {
            let _dropped = stopped.await;
        };
        runtime.spawn(front::serve_here(listener, limits, stopped, Arc::new(()), move |request, peer| {
            let gateway = Arc::clone(&gateway);
            async move { gateway.serve(request, peer).await }
        }));
        Self { address, lambda, counts, _stop: stop, _runtime: runtime }
    }

    pub(crate) fn is_counting(&self) -> bool {
        self.counts
    }

    /// How often Lambda is asked meanwhile.
    pub(crate) fn calls_during<T>(&self, run: impl FnOnce() -> T) -> (T, usize) {
        let before = self.lambda.calls.load(SeqCst);
        let result = run();
        (result, self.lambda.calls.load(SeqCst) - before)
    }
}

/// A Lambda whose functions all work.
#[derive(Debug, Default)]
struct Willing {
    calls: AtomicUsize,
}

impl LambdaBackend for Willing {
    fn call(&self, _: request::Parts, _: Bytes) -> BackendFuture<'_> {
        self.calls.fetch_add(1, SeqCst);
        let (head, body) =
            http::Response::new(ReplyBody::Whole(r#"{"statusCode":200,"body":"ok"}"#.into())).into_parts();
        Box::pin(async move { Ok(Reply { head, body }) })
    }
}
