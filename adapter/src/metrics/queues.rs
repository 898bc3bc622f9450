//! What waits in the queues, read when somebody asks.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
    registry::Unit,
};

/// One queue of asynchronous calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Depth {
    /// One of ours, or one that the operator's template names: there are 1,024 at most.
    pub queue: String,
    pub waiting: u64,
    /// In somebody's hands.
    pub leased: u64,
    pub dead: u64,
    /// How long the one has been there that is due first of those that could be taken now.
    pub oldest_s: f64,
}

/// Where the figures lie between being read and being told.
#[derive(Debug, Default)]
pub(super) struct Queues(Mutex<Vec<Depth>>);

impl Queues {
    pub(super) fn set(&self, depths: Vec<Depth>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = depths;
    }
}

impl Collector for Queues {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let depths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if depths.is_empty() {
            return Ok(());
        }
        let help = "Asynchronous calls and callbacks, by queue and by how they stand";
        let mut events = encoder.encode_descriptor("events", help, None, MetricType::Gauge)?;
        for Depth { queue, waiting, leased, dead, .. } in depths.iter() {
            for (state, count) in [("waiting", waiting), ("leased", leased), ("dead", dead)] {
                let labels = [("queue", queue.as_str()), ("state", state)];
                let count = i64::try_from(*count).unwrap_or(i64::MAX);
                ConstGauge::new(count).encode(events.encode_family(&labels)?)?;
            }
        }
        let help = "Age of the first of those that are due and have not been taken";
        let mut oldest =
            encoder.encode_descriptor("events_oldest", help, Some(&Unit::Seconds), MetricType::Gauge)?;
        for Depth { queue, oldest_s, .. } in depths.iter() {
            ConstGauge::new(*oldest_s).encode(oldest.encode_family(&[("queue", queue.as_str())])?)?;
        }
        Ok(())
    }
}
