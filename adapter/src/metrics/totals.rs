//! Figures without labels: what every request touches, and what lies elsewhere and is read when somebody asks.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};

use crate::stripe::{self, Apart};

/// Counted per thread, read together.
#[derive(Debug, Default)]
pub(super) struct Totals {
    connections: Striped,
    in_flight: Striped,
    backend_calls: Striped,
    levels: Mutex<Levels>,
}

/// A request that has begun; it ends when this is dropped.
#[derive(Debug)]
pub struct InFlight<'a>(&'a AtomicI64);

/// Figures that lie elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct Levels {
    pub buffered_bytes: usize,
    pub dropped_log_lines: u64,
    pub dropped_spans: u64,
    /// Of the runtime on which everything but the callers' connections runs.
    pub tasks: usize,
}

/// One number in several places, whose sum counts.
#[derive(Debug, Default)]
struct Striped([Apart<AtomicI64>; STRIPES]);

impl Totals {
    pub(super) fn start(&self) -> InFlight<'_> {
        let place = self.in_flight.place();
        place.fetch_add(1, Ordering::Relaxed);
        InFlight(place)
    }

    /// So many more are open than before.
    pub(super) fn connected(&self, more: i64) {
        self.connections.place().fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn called(&self) {
        self.backend_calls.place().fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set(&self, levels: Levels) {
        *self.levels.lock().unwrap_or_else(PoisonError::into_inner) = levels;
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Striped {
    fn place(&self) -> &AtomicI64 {
        &self.0[stripe::of_thread() % STRIPES].0
    }

    fn sum(&self) -> i64 {
        self.0.iter().map(|Apart(place)| place.load(Ordering::Relaxed)).sum()
    }
}

impl Collector for Totals {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Levels { buffered_bytes, dropped_log_lines, dropped_spans, tasks } =
            *self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let encoder = &mut encoder;
        let bytes = i64::try_from(buffered_bytes).unwrap_or(i64::MAX);
        let connections = ConstGauge::new(self.connections.sum());
        tell(encoder, "connections", "Connections that callers hold open", None, &connections)?;
        tell(
            encoder,
            "requests_in_flight",
            "Requests being answered",
            None,
            &ConstGauge::new(self.in_flight.sum()),
        )?;
        tell(encoder, "buffered", "Bodies in memory", Some(&Unit::Bytes), &ConstGauge::new(bytes))?;
        let tasks = ConstGauge::new(i64::try_from(tasks).unwrap_or(i64::MAX));
        tell(encoder, "tasks", "Pieces of work that this program has under way", None, &tasks)?;
        let calls = u64::try_from(self.backend_calls.sum()).unwrap_or_default();
        tell(encoder, "backend_calls", "Calls of Lambda that have ended", None, &ConstCounter::new(calls))?;
        let lines = ConstCounter::new(dropped_log_lines);
        tell(encoder, "access_log_dropped_lines", "Lines that the access log lost", None, &lines)?;
        tell(
            encoder,
            "dropped_spans",
            "Spans that were not exported",
            None,
            &ConstCounter::new(dropped_spans),
        )
    }
}

fn tell(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    figure: &impl EncodeMetric,
) -> fmt::Result {
    figure.encode(encoder.encode_descriptor(name, help, unit, figure.metric_type())?)
}

/// Places to count in. More threads than this share.
const STRIPES: usize = 8;
