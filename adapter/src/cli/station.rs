//! What `dev` and `serve` have in common: rules, telemetry, the admin listener, the gateway's port, and the end of it.

use std::{io, sync::Arc};

use stayput_core::DIALECTS;
use tokio::{net::TcpListener, task::JoinSet};

use super::signals::Stop;
use crate::{
    access_log::AccessLog,
    admin::{self, Admin, Readiness},
    backend::LambdaBackend,
    buffer::BufferBudget,
    config::GatewaySettings,
    gateway::Gateway,
    metrics::{Levels, Metrics},
    rules::{LiveRules, Rules},
    server,
    telemetry::Telemetry,
};

/// Everything around the backend. The admin listener answers from the start, and says that nothing is ready.
pub(super) struct Station {
    pub(super) rules: Arc<LiveRules>,
    telemetry: Telemetry,
    buffers: BufferBudget,
    readiness: Readiness,
    stop: Stop,
    servers: JoinSet<()>,
}

impl Station {
    /// # Errors
    /// The log's thread cannot be started.
    pub(super) fn start(
        settings: &GatewaySettings,
        rules: Rules,
        admin_port: TcpListener,
    ) -> io::Result<Self> {
        let telemetry = Telemetry {
            metrics: Arc::new(Metrics::new(&rules.table)),
            log: Arc::new(AccessLog::start(settings.log_format, io::stderr())?),
        };
        let mut station = Self {
            rules: Arc::new(LiveRules::new(rules)),
            telemetry,
            buffers: BufferBudget::new(settings.buffered_bytes),
            readiness: Readiness::default(),
            stop: Stop::default(),
            servers: JoinSet::new(),
        };
        station.servers.spawn(admin::serve(station.admin(), admin_port, station.stop.seen()));
        Ok(station)
    }

    fn admin(&self) -> Admin {
        let (log, buffers) = (Arc::clone(&self.telemetry.log), self.buffers.clone());
        let levels =
            move || Levels { buffered_bytes: buffers.used_bytes(), dropped_log_lines: log.dropped_lines() };
        let metrics = Arc::clone(&self.telemetry.metrics);
        Admin { metrics, levels: Box::new(levels), readiness: self.readiness.clone() }
    }

    /// Lets callers in.
    pub(super) fn open(&mut self, port: TcpListener, backend: Arc<dyn LambdaBackend>) {
        let gateway = Arc::new(Gateway {
            dialects: DIALECTS,
            rules: Arc::clone(&self.rules),
            backend,
            buffers: self.buffers.clone(),
            telemetry: self.telemetry.clone(),
        });
        self.servers.spawn(server::serve(port, self.stop.seen(), move |request, peer| {
            let gateway = Arc::clone(&gateway);
            async move { gateway.serve(request, peer).await }
        }));
        self.readiness.set(true);
    }

    /// Sends no more traffic here, then takes none, then lets the calls that were accepted finish.
    pub(super) async fn close(mut self) {
        self.readiness.set(false);
        self.stop.now();
        while self.servers.join_next().await.is_some() {}
    }
}
