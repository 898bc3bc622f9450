//! What the gateway leaves behind of each request: a line in the access log and its share of the figures.

use std::{sync::Arc, time::SystemTime};

use http::HeaderMap;
use stayput_core::{Rejection, Trace};
use uuid::Uuid;

use crate::{
    access_log::{AccessLog, Finished},
    metrics::{InFlight, Metrics},
};

/// Where requests leave their trace. Clones leave it in the same place.
#[derive(Clone, Debug)]
pub struct Telemetry {
    pub metrics: Arc<Metrics>,
    pub log: Arc<AccessLog>,
}

impl Telemetry {
    pub fn new(metrics: Arc<Metrics>, log: Arc<AccessLog>) -> Self {
        Self { metrics, log }
    }

    /// The request's place in a trace: the caller's, or one that begins here.
    pub fn trace<'a>(&self, headers: &'a HeaderMap, id: Uuid, started: SystemTime) -> Trace<'a> {
        Trace::join(headers, id, started)
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
    }
}
