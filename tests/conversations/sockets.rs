//! A conversation replayed over real sockets: the gateway as it runs, in front of a Lambda that says what it is told.

use std::{io, sync::Arc, time::Duration};

use event_queue::{EventQueue, Limits as QueueLimits};
use stayput::{
    acceptance::Acceptance,
    access_log::AccessLog,
    backend::LambdaBackend,
    buffer::BufferBudget,
    config::LogFormat,
    front,
    gateway::Gateway,
    ledger::{Ledger, StoredTable},
    metrics::Metrics,
    rules::{LiveRules, Rules},
    telemetry::Telemetry,
};
use stayput_core::{Dialect, admission::Asynchronous};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime, sync::oneshot};

use super::{Conversation, caller::Caller, setup, told::ToldLambda};

/// A gateway on a port of its own.
pub(crate) struct SocketGateway {
    caller: Caller,
    /// Dropping it ends the server.
    _stop: oneshot::Sender<()>,
    _runtime: Runtime,
    _folder: TempDir,
}

impl SocketGateway {
    pub(crate) fn start(dialects: &'static [&'static dyn Dialect]) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let lambda = Arc::<ToldLambda>::default();
        let table = setup::table();
        let metrics = Arc::new(Metrics::new(&table));
        let folder = tempfile::tempdir()?;
        let store = EventQueue::open(&folder.path().join("events.db"), QueueLimits::default());
        let remembered = StoredTable::new(store.map_err(io::Error::other)?).map_err(io::Error::other)?;
        let acceptance = Acceptance {
            rules: Asynchronous::default(),
            keys: super::sealing_keys(),
            ledger: Ledger::new(Arc::new(remembered)),
            patience: Some(Duration::from_hours(7)),
            destinations: None,
        };
        let gateway = Arc::new(Gateway {
            dialects,
            rules: Arc::new(LiveRules::new(Rules { table, keys: setup::keys() })),
            backend: Arc::clone(&lambda) as Arc<dyn LambdaBackend>,
            buffers: BufferBudget::new(64 << 20),
            limits: setup::limits(),
            tokens: None,
            acceptance: Some(acceptance),
            telemetry: Telemetry::new(metrics, Arc::new(AccessLog::start(LogFormat::Text, io::sink())?)),
        });
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async move {
            let _dropped = stopped.await;
        };
        runtime.spawn(front::serve_here(
            listener,
            front::Limits::default(),
            stopped,
            Arc::new(()),
            move |request, peer| {
                let gateway = Arc::clone(&gateway);
                async move { gateway.serve(request, peer).await }
            },
        ));
        let caller = Caller { gateway: address, in_front_of_nobody: None, lambda, unlisted: &[] };
        Ok(Self { caller, _stop: stop, _runtime: runtime, _folder: folder })
    }

    /// # Errors
    /// Where the gateway says something else than the file.
    pub(crate) fn replay(&self, told: Conversation) -> Result<(), String> {
        self.caller.replay(told)
    }
}
