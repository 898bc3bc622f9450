//! Figures for Prometheus.
//!
//! Cardinality is bounded by the operator's table: a request that was not admitted counts under its dialect alone.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use arc_swap::ArcSwap;
use http::StatusCode;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use stayput_core::{Blame, DIALECTS, table::Table};

use crate::{
    access_log::{Finished, NO_DIALECT},
    reload,
};

/// Everything that is counted. Recording costs two look-ups and a few atomic additions.
#[derive(Debug)]
pub struct Metrics {
    pub reloads: reload::Figures,
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<FunctionLabels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    buffered_bytes: Gauge,
    dropped_lines: Gauge,
    series: ArcSwap<SeriesByName>,
}

/// Dialect, then function key (empty: none was admitted).
type SeriesByName = HashMap<String, HashMap<String, Arc<Series>>>;

/// A request that has begun; ends when this is dropped.
#[derive(Debug)]
pub struct InFlight(Gauge);

/// Figures that lie elsewhere and are read when somebody asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Levels {
    pub buffered_bytes: usize,
    pub dropped_log_lines: u64,
}

impl Metrics {
    /// For the functions of `table`.
    pub fn new(table: &Table) -> Self {
        let mut registry = Registry::with_prefix("stayput");
        let requests = Family::<RequestLabels, Counter>::default();
        let durations =
            Family::<FunctionLabels, Histogram, fn() -> Histogram>::new_with_constructor(histogram);
        let (in_flight, buffered_bytes, dropped_lines) =
            (Gauge::default(), Gauge::default(), Gauge::default());
        registry.register("requests", "Requests answered", requests.clone());
        registry.register_with_unit(
            "request_duration",
            "From a request's head to its answer's head",
            Unit::Seconds,
            durations.clone(),
        );
        registry.register("requests_in_flight", "Requests being answered", in_flight.clone());
        registry.register_with_unit("buffered", "Bodies in memory", Unit::Bytes, buffered_bytes.clone());
        registry.register(
            "access_log_dropped_lines",
            "Lines that the access log lost",
            dropped_lines.clone(),
        );
        let reloads = reload::Figures::register(&mut registry);
        let mut series = SeriesByName::new();
        for dialect in DIALECTS.iter().map(|dialect| dialect.name()).chain([NO_DIALECT]) {
            series.entry(dialect.to_owned()).or_default().entry(String::new()).or_default();
        }
        let series = ArcSwap::from_pointee(series);
        let metrics =
            Self { reloads, registry, requests, durations, in_flight, buffered_bytes, dropped_lines, series };
        metrics.follow(table);
        metrics
    }

    /// From now on the functions of `table` are counted too. Those that were counted until now keep their figures, as
    /// calls of them may still run and a counter never goes back: there are as many as were ever named.
    pub fn follow(&self, table: &Table) {
        let mut series = SeriesByName::clone(&self.series.load());
        for (dialect, key, _) in table.rows() {
            series.entry(dialect.to_owned()).or_default().entry(key.as_str().to_owned()).or_default();
        }
        self.series.store(Arc::new(series));
    }

    pub fn start(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    pub fn record(&self, finished: &Finished<'_>) {
        let function = finished.function.unwrap_or_default();
        // A dialect that is not ours, or a function that the table does not have, is the caller's bug here: it
        // counts as nothing rather than opening a series for every name that strangers invent.
        let series = self.series.load();
        let Some(series) = series.get(finished.dialect).and_then(|functions| functions.get(function)) else {
            return;
        };
        let labels = || FunctionLabels { dialect: finished.dialect, function: function.to_owned() };
        series.request(finished, || {
            let (outcome, blame) = outcome(finished.blame);
            let status = STATUS_CLASSES[class_index(finished.status)];
            self.requests.get_or_create_owned(&RequestLabels { function: labels(), status, outcome, blame })
        });
        let duration = series.duration.get_or_init(|| self.durations.get_or_create_owned(&labels()));
        duration.observe(finished.duration.as_secs_f64());
    }

    /// The figures in the OpenMetrics text format.
    pub fn encode(&self, levels: Levels) -> String {
        self.buffered_bytes.set(i64::try_from(levels.buffered_bytes).unwrap_or(i64::MAX));
        self.dropped_lines.set(i64::try_from(levels.dropped_log_lines).unwrap_or(i64::MAX));
        let mut figures = String::new();
        text::encode(&mut figures, &self.registry).expect("writing to memory does not fail");
        figures
    }
}

/// What [`Metrics::encode`] writes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The counters of one function in one dialect, made when they first count.
#[derive(Debug, Default)]
struct Series {
    /// By blame, then by class of status.
    requests: [[OnceLock<Counter>; STATUS_CLASSES.len()]; BLAMES],
    duration: OnceLock<Histogram>,
}

impl Series {
    fn request(&self, finished: &Finished<'_>, make: impl FnOnce() -> Counter) {
        self.requests[blame_index(finished.blame)][class_index(finished.status)].get_or_init(make).inc();
    }
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct FunctionLabels {
    dialect: &'static str,
    function: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RequestLabels {
    #[prometheus(flatten)]
    function: FunctionLabels,
    status: &'static str,
    outcome: &'static str,
    blame: &'static str,
}

fn outcome(blame: Option<Blame>) -> (&'static str, &'static str) {
    match blame {
        None => ("returned", ""),
        Some(blame @ Blame::Function) => ("faulted", blame.as_str()),
        Some(blame @ (Blame::Caller | Blame::Gateway | Blame::Backend)) => ("rejected", blame.as_str()),
    }
}

fn blame_index(blame: Option<Blame>) -> usize {
    match blame {
        None => 0,
        Some(Blame::Caller) => 1,
        Some(Blame::Gateway) => 2,
        Some(Blame::Function) => 3,
        Some(Blame::Backend) => 4,
    }
}

fn class_index(status: StatusCode) -> usize {
    usize::from(status.as_u16() / 100).clamp(1, STATUS_CLASSES.len()) - 1
}

fn histogram() -> Histogram {
    Histogram::new(DURATION_BUCKETS_S)
}

const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// None, and each [`Blame`].
const BLAMES: usize = 5;

/// Seconds: from what a warm function takes to Lambda's longest timeout.
const DURATION_BUCKETS_S: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0, 10.0, 60.0, 900.0];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lambda_protocol::function::FunctionRef;
    use stayput_core::{FunctionKey, Mode, table::Function};
    use uuid::Uuid;

    use super::*;

    fn metrics() -> Metrics {
        Metrics::new(&table("echo"))
    }

    fn table(name: &str) -> Table {
        let lambda = FunctionRef { region: None, account: None, name: name.into(), qualifier: None };
        let timeout = Duration::from_secs(3);
        let function = Arc::new(Function { lambda, qualifier: None, payload_is_event: false, timeout });
        let mut table = Table::default();
        table.add("stedi", FunctionKey::new(name), function);
        table
    }

    fn finished(function: Option<&str>, status: StatusCode, blame: Option<Blame>) -> Finished<'_> {
        Finished {
            dialect: "stedi",
            function,
            key: None,
            caller_id: None,
            mode: Some(Mode::Sync),
            status,
            blame,
            duration: Duration::from_millis(20),
            request_id: Uuid::nil(),
        }
    }

    #[track_caller]
    fn check(metrics: &Metrics, line: &str) {
        let figures = metrics.encode(Levels::default());
        assert!(figures.lines().any(|found| found == line), "no {line:?} in\n{figures}");
    }

    #[test]
    fn requests_are_counted_by_dialect_function_outcome_and_blame() {
        let metrics = metrics();
        metrics.record(&finished(Some("echo"), StatusCode::OK, None));
        metrics.record(&finished(Some("echo"), StatusCode::OK, None));
        metrics.record(&finished(Some("echo"), StatusCode::OK, Some(Blame::Function)));
        metrics.record(&finished(None, StatusCode::NOT_FOUND, Some(Blame::Caller)));
        let series = "stayput_requests_total{dialect=\"stedi\",function=";
        check(&metrics, &format!("{series}\"echo\",status=\"2xx\",outcome=\"returned\",blame=\"\"}} 2"));
        check(
            &metrics,
            &format!("{series}\"echo\",status=\"2xx\",outcome=\"faulted\",blame=\"function\"}} 1"),
        );
        check(&metrics, &format!("{series}\"\",status=\"4xx\",outcome=\"rejected\",blame=\"caller\"}} 1"));
        check(
            &metrics,
            "stayput_request_duration_seconds_bucket{le=\"0.025\",dialect=\"stedi\",function=\"echo\"} 3",
        );
    }

    #[test]
    fn names_that_the_table_does_not_have_open_no_series() {
        let metrics = metrics();
        metrics.record(&finished(Some("invented"), StatusCode::OK, None));
        assert!(!metrics.encode(Levels::default()).contains("invented"));
    }

    #[test]
    fn a_new_table_adds_series_and_takes_none_away() {
        let metrics = metrics();
        metrics.record(&finished(Some("echo"), StatusCode::OK, None));
        metrics.follow(&table("other"));
        metrics.record(&finished(Some("echo"), StatusCode::OK, None));
        metrics.record(&finished(Some("other"), StatusCode::OK, None));
        let rest = r#"status="2xx",outcome="returned",blame"#;
        for (function, count) in [("echo", 2), ("other", 1)] {
            let labels = format!("dialect=\"stedi\",function=\"{function}\",{rest}=\"\"");
            check(&metrics, &format!("stayput_requests_total{{{labels}}} {count}"));
        }
    }

    #[test]
    fn a_request_is_in_flight_until_it_is_dropped() {
        let metrics = metrics();
        let request = metrics.start();
        check(&metrics, "stayput_requests_in_flight 1");
        drop(request);
        check(&metrics, "stayput_requests_in_flight 0");
    }
}
