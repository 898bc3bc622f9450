//! Requests by dialect and function, for whoever asks.
//!
//! The rows are the operator's table's. A new table adds its rows; a row that once counted keeps its figures while the
//! process lives, so that no counter ever goes back and a call admitted under the table before still counts. The number
//! of rows is therefore bounded by the names that the operator's tables have had since the start.

use std::{collections::HashMap, fmt, sync::Arc};

use arc_swap::ArcSwap;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{MetricType, counter::ConstCounter},
    registry::Unit,
};
use stayput_core::{Blame, DIALECTS, table::Table};

use super::series::{BLAMES, BUCKETS_S, Figures, STATUS_CLASSES, Series};
use crate::access_log::{Finished, NO_DIALECT};

/// Every row's figures. Recording costs one look-up and no lock.
#[derive(Debug)]
pub(super) struct Requests(ArcSwap<Rows>);

/// Dialect, then function key (empty: none was admitted).
#[derive(Clone, Debug)]
struct Rows(Vec<(&'static str, HashMap<String, Arc<Series>>)>);

impl Requests {
    /// Without any function.
    pub(super) fn new() -> Self {
        let dialects = DIALECTS.iter().map(|dialect| dialect.name()).chain([NO_DIALECT]);
        let none = || HashMap::from([(String::new(), Arc::default())]);
        Self(ArcSwap::from_pointee(Rows(dialects.map(|dialect| (dialect, none())).collect())))
    }

    pub(super) fn follow(&self, table: &Table) {
        self.0.rcu(|rows| {
            let mut rows = Rows::clone(rows);
            for (_, functions) in &mut rows.0 {
                functions.retain(|key, series| key.is_empty() || series.read() != Figures::default());
            }
            for (dialect, key, _) in table.rows() {
                if let Some(functions) = rows.of_mut(dialect) {
                    functions.entry(key.as_str().to_owned()).or_default();
                }
            }
            rows
        });
    }

    pub(super) fn record(&self, finished: &Finished<'_>) {
        let rows = self.0.load();
        let Some(functions) = rows.of(finished.dialect) else { return };
        // A function that no table had is the gateway's bug: it counts as none rather than opening a series for every
        // name that strangers invent.
        let series = finished.function.and_then(|function| functions.get(function));
        if let Some(series) = series.or_else(|| functions.get("")) {
            series.record(finished.blame, finished.status, finished.duration);
        }
    }
}

impl Rows {
    fn of(&self, dialect: &str) -> Option<&HashMap<String, Arc<Series>>> {
        self.0.iter().find(|(name, _)| *name == dialect).map(|(_, functions)| functions)
    }

    fn of_mut(&mut self, dialect: &str) -> Option<&mut HashMap<String, Arc<Series>>> {
        self.0.iter_mut().find(|(name, _)| *name == dialect).map(|(_, functions)| functions)
    }

    /// Those that have counted, sorted.
    fn read(&self) -> Vec<(Labels<'_, 2>, Figures)> {
        let rows = self.0.iter().flat_map(|(dialect, functions)| {
            functions
                .iter()
                .map(|(function, series)| ([("dialect", *dialect), ("function", function)], series.read()))
        });
        let mut rows: Vec<_> = rows.filter(|(_, figures)| *figures != Figures::default()).collect();
        rows.sort_by_key(|(labels, _)| *labels);
        rows
    }
}

impl Collector for Requests {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let rows = self.0.load();
        let rows = rows.read();
        let (name, help) = ("requests", "Requests that were answered, by who must act so that they work");
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for ([dialect, function], figures) in &rows {
            for (blame, by_class) in BLAMES.into_iter().zip(figures.requests) {
                for (status, count) in
                    STATUS_CLASSES.into_iter().zip(by_class).filter(|(_, count)| *count > 0)
                {
                    let (outcome, blame) = outcome(blame);
                    let labels: Labels<'_, 5> =
                        [*dialect, *function, ("status", status), ("outcome", outcome), ("blame", blame)];
                    ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
                }
            }
        }
        let (name, help) = ("request_duration", "From a request's head to its answer's head");
        let mut family =
            encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for (labels, Figures { durations, total, .. }) in &rows {
            let buckets: Vec<_> = BUCKETS_S.into_iter().zip(*durations).collect();
            let count = durations.iter().sum();
            let mut row = family.encode_family(labels)?;
            row.encode_histogram::<[(&str, &str); 0]>(total.as_secs_f64(), count, &buckets, None)?;
        }
        Ok(())
    }
}

/// Label names and values.
type Labels<'a, const N: usize> = [(&'static str, &'a str); N];

fn outcome(blame: Option<Blame>) -> (&'static str, &'static str) {
    match blame {
        None => ("returned", ""),
        Some(blame @ Blame::Function) => ("faulted", blame.as_str()),
        Some(blame @ (Blame::Caller | Blame::Gateway | Blame::Backend)) => ("rejected", blame.as_str()),
    }
}
