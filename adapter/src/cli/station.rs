//! What `dev` and `serve` have in common: rules, telemetry, the admin listener, the gateway's port, and the end of it.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::{Request, Response};
use hyper::body::Incoming;
use stayput_core::{
    DIALECTS,
    limits::Limits as CallLimits,
    token::{SealingKeys, Tokens},
};
use tokio::{net::TcpListener, runtime::Handle, task::JoinSet};

use super::{Failure, signals::Stop};
use crate::{
    acceptance::Acceptance,
    access_log::AccessLog,
    admin::{self, Admin, Readiness},
    backend::LambdaBackend,
    body::Body,
    buffer::BufferBudget,
    config::GatewaySettings,
    events::View,
    front::{self, DRAIN_DEV, Limits},
    gateway::Gateway,
    metrics::{Levels, Metrics},
    rules::{LiveRules, Rules},
    telemetry::Telemetry,
};

/// Everything around the backend. The admin listener answers from the start, and says that nothing is ready.
pub(super) struct Station {
    pub(super) rules: Arc<LiveRules>,
    pub(super) telemetry: Telemetry,
    buffers: BufferBudget,
    limits: CallLimits,
    /// Gone once the gateway has them.
    tokens: Option<Tokens>,
    /// As `tokens`. `None`: no asynchronous calls.
    pub(super) acceptance: Option<Acceptance>,
    readiness: Readiness,
    /// What the operator sees of asynchronous calls, once it is there.
    pub(super) events: Arc<OnceLock<View>>,
    stop: Stop,
    drain: Duration,
    servers: JoinSet<()>,
}

impl Station {
    /// # Errors
    /// The log's thread cannot be started, or the environment asks for traces that cannot be sent.
    pub(super) fn start(
        settings: &GatewaySettings,
        rules: Rules,
        sealing_keys: SealingKeys,
        admin_port: TcpListener,
        events: Option<View>,
    ) -> Result<Self, Failure> {
        let log = AccessLog::start(settings.log_format, io::stderr())?;
        let mut telemetry = Telemetry::new(Arc::new(Metrics::new(&rules.table)), Arc::new(log));
        if let Some(View::Here(events)) = &events {
            telemetry.timelines = Some(events.timelines().clone());
        }
        #[cfg(feature = "otel")]
        let telemetry = telemetry
            .with_traces(|name| std::env::var(name).ok())
            .map_err(|cause| Failure::usage("traces cannot be sent").because(&cause))?;
        let mut station = Self {
            rules: Arc::new(LiveRules::new(rules)),
            telemetry,
            buffers: BufferBudget::new(settings.buffered_bytes),
            limits: CallLimits::new(settings.concurrency),
            tokens: Some(Tokens::new(sealing_keys)),
            acceptance: None,
            readiness: Readiness::default(),
            events: Arc::default(),
            stop: Stop::default(),
            drain: settings.drain,
            servers: JoinSet::new(),
        };
        if let Some(events) = events {
            let _first = station.events.set(events);
        }
        let admin = station.admin();
        station.servers.spawn(admin::serve(admin, admin_port, station.stop.seen()));
        Ok(station)
    }

    fn admin(&self) -> Admin {
        let (telemetry, buffers) = (self.telemetry.clone(), self.buffers.clone());
        let runtime = Handle::current().metrics();
        let levels = move || Levels {
            buffered_bytes: buffers.used_bytes(),
            dropped_log_lines: telemetry.log.dropped_lines(),
            dropped_spans: telemetry.dropped_spans(),
            tasks: runtime.num_alive_tasks(),
        };
        let metrics = Arc::clone(&self.telemetry.metrics);
        Admin {
            metrics,
            levels: Box::new(levels),
            readiness: self.readiness.clone(),
            events: Arc::clone(&self.events),
        }
    }

    /// Lets callers in, on threads of their own, one for each of the listeners.
    #[cfg(feature = "aws")]
    pub(super) fn open(&mut self, listening: front::Listening, backend: Arc<dyn LambdaBackend>) {
        let gateway = self.gateway(backend);
        let limits = Limits { drain: self.drain, ..Limits::default() };
        let (stop, observer) = (self.stop.seen(), Arc::new(self.telemetry.clone()));
        self.servers.spawn(async move {
            let handler = move |request, peer| answer(Arc::clone(&gateway), request, peer);
            if let Err(error) = front::serve(listening, limits, stop, observer, handler).await {
                tracing::error!(%error, "the gateway's threads could not all be started");
            }
        });
        self.readiness.set(true);
    }

    /// Lets callers in, on this runtime.
    pub(super) fn open_here(&mut self, port: TcpListener, backend: Arc<dyn LambdaBackend>) {
        let gateway = self.gateway(backend);
        let limits = Limits { drain: self.drain.min(DRAIN_DEV), ..Limits::default() };
        let (stop, observer) = (self.stop.seen(), Arc::new(self.telemetry.clone()));
        self.servers.spawn(async move {
            let handler = move |request, peer| answer(Arc::clone(&gateway), request, peer);
            front::serve_here(port, limits, stop, observer, handler).await;
        });
        self.readiness.set(true);
    }

    fn gateway(&mut self, backend: Arc<dyn LambdaBackend>) -> Arc<Gateway> {
        Arc::new(Gateway {
            dialects: DIALECTS,
            rules: Arc::clone(&self.rules),
            backend,
            buffers: self.buffers.clone(),
            limits: self.limits.clone(),
            tokens: self.tokens.take(),
            acceptance: self.acceptance.take(),
            telemetry: self.telemetry.clone(),
        })
    }

    /// Sends no more traffic here, then takes none, then lets the calls that were accepted finish.
    pub(super) async fn close(mut self) {
        self.readiness.set(false);
        self.stop.now();
        while self.servers.join_next().await.is_some() {}
        #[cfg(feature = "otel")]
        self.telemetry.end().await;
    }
}

async fn answer(gateway: Arc<Gateway>, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
    gateway.serve(request, peer).await
}
