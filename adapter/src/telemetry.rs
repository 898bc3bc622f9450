//! What the gateway leaves behind of each request: a line in the access log and its share of the figures.

use std::sync::Arc;

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
    /// A request begins; it is in flight until the guard is dropped.
    pub fn start(&self) -> InFlight {
        self.metrics.start()
    }

    pub fn finished(&self, finished: &Finished<'_>) {
        self.metrics.record(finished);
        self.log.record(finished);
    }
}
