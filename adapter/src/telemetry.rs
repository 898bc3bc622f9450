//! What the gateway leaves behind of each request: a line in the access log, its share of the figures and, in builds
//! with the feature `otel` and where the environment names a collector, a span.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::HeaderMap;
use stayput_core::{Blame, Rejection, Trace};
use uuid::Uuid;

use crate::{
    access_log::{AccessLog, Finished, NO_DIALECT},
    front::{Observer, Refusal},
    metrics::{InFlight, Metrics},
    timelines::Timelines,
};

#[cfg(feature = "otel")]
mod collector;
#[cfg(feature = "otel")]
pub mod sampling;
#[cfg(feature = "otel")]
mod span;
#[cfg(feature = "otel")]
pub mod traces;

/// Where requests leave their trace. Clones leave it in the same place.
#[derive(Clone, Debug)]
pub struct Telemetry {
    pub metrics: Arc<Metrics>,
    pub log: Arc<AccessLog>,
    /// `None`: calls are not remembered.
    pub timelines: Option<Timelines>,
    #[cfg(feature = "otel")]
    traces: Option<Arc<traces::Traces>>,
}

impl Telemetry {
    pub fn new(metrics: Arc<Metrics>, log: Arc<AccessLog>) -> Self {
        Self {
            metrics,
            log,
            timelines: None,
            #[cfg(feature = "otel")]
            traces: None,
        }
    }

    /// With spans that go where `OTEL_*` say, if they say anything. `variable` reads the environment. Needs a runtime.
    ///
    /// # Errors
    /// A variable that cannot be understood.
    #[cfg(feature = "otel")]
    pub fn with_traces(self, variable: impl Fn(&str) -> Option<String>) -> Result<Self, traces::TracesError> {
        Ok(Self { traces: traces::Traces::start(variable)?.map(Arc::new), ..self })
    }

    /// The request's place in a trace: the caller's, or one that begins here.
    pub fn trace<'a>(&self, headers: &'a HeaderMap, id: Uuid, started: SystemTime) -> Trace<'a> {
        #[cfg_attr(not(feature = "otel"), expect(unused_mut, reason = "only what sends spans decides"))]
        let mut trace = Trace::join(headers, id, started);
        #[cfg(feature = "otel")]
        if let Some(traces) = &self.traces {
            traces.decide(&mut trace);
        }
        trace
    }

    /// A request begins; it is in flight until the guard is dropped.
    pub fn start(&self) -> InFlight<'_> {
        self.metrics.start()
    }

    /// Lambda was called; `rejection` is why no outcome came of it.
    pub fn called(&self, rejection: Option<&Rejection>) {
        self.metrics.called(rejection);
    }

    pub fn finished(&self, finished: &Finished<'_>) {
        self.metrics.record(finished);
        self.log.record(finished);
        if let Some(timelines) = &self.timelines {
            timelines.finished(finished);
        }
        #[cfg(feature = "otel")]
        if let Some(traces) = &self.traces {
            traces.record(finished);
        }
    }

    /// The front has refused a request before anybody could read it. No span: there is no knowing what it would belong to.
    fn record_refusal(&self, refusal: Refusal, now: SystemTime) {
        let request_id = Uuid::now_v7();
        let finished = Finished {
            dialect: NO_DIALECT,
            function: None,
            key: None,
            caller_id: None,
            mode: None,
            method: None,
            status: refusal.status(),
            blame: Some(Blame::Caller),
            rejection: None,
            time: now,
            duration: Duration::ZERO,
            request_id,
            trace: Trace::begin(request_id, now),
        };
        self.metrics.record(&finished);
        self.metrics.refused(refusal);
        self.log.record(&finished);
    }

    /// Spans that no collector has taken.
    pub fn dropped_spans(&self) -> u64 {
        #[cfg(feature = "otel")]
        if let Some(traces) = &self.traces {
            return traces.dropped();
        }
        0
    }

    /// Sends what is left to be sent; the access log does so when it is dropped.
    #[cfg(feature = "otel")]
    pub async fn end(&self) {
        if let Some(traces) = &self.traces {
            traces.end().await;
        }
    }
}

impl Observer for Telemetry {
    fn opened(&self) {
        self.metrics.connected(1);
    }

    fn closed(&self) {
        self.metrics.connected(-1);
    }

    fn refused(&self, refusal: Refusal) {
        self.record_refusal(refusal, SystemTime::now());
    }
}
