//! What became of records and posts, for the metrics.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{MetricType, counter::Counter, family::Family, gauge::ConstGauge},
    registry::Registry,
};
use stayput_core::delivery::{Attempted, HostGates};

/// Clones count into the same.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    posts: Family<Result, Counter>,
    ends: Family<Result, Counter>,
    hosts: Hosts,
}

/// The gates of the hosts that callbacks go to. Clones are the same ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts(Arc<Mutex<HostGates>>);

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Result {
    result: &'static str,
}

impl Figures {
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "callback_posts",
            "Posts to callers' URLs, by what came of them",
            self.posts.clone(),
        );
        let help = "Destination records that are done with, by what became of them";
        registry.register("callback_records", help, self.ends.clone());
        registry.register_collector(Box::new(self.hosts.clone()));
    }

    pub(super) fn gates(&self) -> MutexGuard<'_, HostGates> {
        self.hosts.lock()
    }

    /// Of a post: a class of status, or why there was no answer.
    pub(super) fn attempted(&self, attempted: Attempted) {
        let result = match attempted {
            Attempted::Answered { status, .. } => match status.as_u16() / 100 {
                1 => "1xx",
                2 => "2xx",
                3 => "3xx",
                4 => "4xx",
                _ => "5xx",
            },
            Attempted::NoAnswer(why) => why.as_str(),
        };
        self.posts.get_or_create(&Result { result }).inc();
    }

    pub(crate) fn ended(&self, result: &'static str) {
        self.ends.get_or_create(&Result { result }).inc();
    }
}

impl Hosts {
    fn lock(&self) -> MutexGuard<'_, HostGates> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for Hosts {
    /// How many, and not which: callers choose the hosts.
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let open = self.lock().iter().filter(|(_, gate)| !gate.breaker().is_closed()).count();
        let help = "Hosts that are spared for a while, as their callbacks failed";
        let open = ConstGauge::new(i64::try_from(open).unwrap_or(i64::MAX));
        open.encode(encoder.encode_descriptor("callback_hosts_spared", help, None, MetricType::Gauge)?)
    }
}
