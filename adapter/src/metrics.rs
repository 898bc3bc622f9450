//! Figures for Prometheus.
//!
//! Cardinality is bounded by the operator's table: a request that was not admitted counts under its dialect alone, and
//! every other label's values are a small set of our own words. What every request does here takes no lock and
//! allocates nothing; a refusal takes a lock for reading.

use std::sync::Arc;

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::Registry,
};
use stayput_core::{Blame, Rejection, table::Table};

use crate::{
    access_log::{Finished, NO_DIALECT},
    deliverer, events,
    front::Refusal,
    reload,
};
use queues::Queues;
use reason::Reason;
use requests::Requests;
use totals::Totals;

mod queues;
mod reason;
mod requests;
mod series;
mod totals;

pub use queues::Depth;
pub use totals::{InFlight, Levels};

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    pub reloads: reload::Figures,
    pub callbacks: deliverer::Figures,
    pub events: events::Figures,
    registry: Registry,
    requests: Arc<Requests>,
    totals: Arc<Totals>,
    queues: Arc<Queues>,
    streams: Gauge,
    cut_streams: Family<CutLabels, Counter>,
    rejections: Family<RejectionLabels, Counter>,
    backend_failures: Family<Reason, Counter>,
}

impl Metrics {
    /// For the functions of `table`.
    pub fn new(table: &Table) -> Self {
        let metrics = Self::without_functions();
        metrics.follow(table);
        metrics
    }

    fn without_functions() -> Self {
        let mut registry = Registry::with_prefix("stayput");
        let requests = Arc::new(Requests::new());
        let totals = Arc::<Totals>::default();
        let queues = Arc::<Queues>::default();
        let (rejections, backend_failures) = (Family::default(), Family::default());
        let (streams, cut_streams) = (Gauge::default(), Family::default());
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The program that tells all this", build);
        registry.register_collector(Box::new(Arc::clone(&requests)));
        registry.register_collector(Box::new(Arc::clone(&totals)));
        registry.register_collector(Box::new(Arc::clone(&queues)));
        registry.register("streams", "Streamed answers on their way to callers", streams.clone());
        registry.register(
            "cut_streams",
            "Streamed answers that were not brought to their end, by whose doing it was",
            cut_streams.clone(),
        );
        registry.register("rejections", "Requests that got no outcome, by why", rejections.clone());
        registry.register(
            "backend_failures",
            "Calls of Lambda that brought no outcome, by why",
            backend_failures.clone(),
        );
        let reloads = reload::Figures::register(&mut registry);
        let callbacks = deliverer::Figures::default();
        callbacks.register(&mut registry);
        let events = events::Figures::default();
        events.register(&mut registry);
        Self {
            reloads,
            callbacks,
            events,
            registry,
            requests,
            totals,
            queues,
            streams,
            cut_streams,
            rejections,
            backend_failures,
        }
    }

    /// The operator's table has changed. What was counted stays counted.
    pub fn follow(&self, table: &Table) {
        self.requests.follow(table);
    }

    pub fn start(&self) -> InFlight<'_> {
        self.totals.start()
    }

    /// Lambda was called; `rejection` is why no outcome came of it.
    pub fn called(&self, rejection: Option<&Rejection>) {
        self.totals.called();
        if let Some(rejection) = rejection {
            self.backend_failures.get_or_create(&Reason::of(rejection)).inc();
        }
    }

    /// The head of a streamed answer is on its way.
    pub fn stream_begins(&self) {
        self.streams.inc();
    }

    /// It is over; `blame` is whose doing it was that it is not whole.
    pub fn stream_ended(&self, dialect: &'static str, blame: Option<Blame>) {
        self.streams.dec();
        if let Some(blame) = blame {
            self.cut_streams.get_or_create(&CutLabels { dialect, blame: blame.as_str() }).inc();
        }
    }

    /// So many more connections are open than before.
    pub fn connected(&self, more: i64) {
        self.totals.connected(more);
    }

    /// The front refused a request that no dialect has seen.
    pub fn refused(&self, refusal: Refusal) {
        let labels = RejectionLabels { dialect: NO_DIALECT, reason: Reason::of_front(refusal) };
        self.rejections.get_or_create(&labels).inc();
    }

    pub fn record(&self, finished: &Finished<'_>) {
        self.requests.record(finished);
        if let Some(rejection) = finished.rejection {
            let labels = RejectionLabels { dialect: finished.dialect, reason: Reason::of(rejection) };
            self.rejections.get_or_create(&labels).inc();
        }
    }

    /// How the queues stand, for the next [`encode`](Self::encode). Nothing is told of them where there are none.
    pub fn set_depths(&self, depths: Vec<Depth>) {
        self.queues.set(depths);
    }

    /// The figures in the OpenMetrics text format.
    pub fn encode(&self, levels: Levels) -> String {
        self.totals.set(levels);
        let mut figures = String::new();
        text::encode(&mut figures, &self.registry).expect("writing to memory does not fail");
        figures
    }
}

/// What [`Metrics::encode`] writes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RejectionLabels {
    dialect: &'static str,
    #[prometheus(flatten)]
    reason: Reason,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct CutLabels {
    dialect: &'static str,
    blame: &'static str,
}

#[cfg(test)]
mod tests;
