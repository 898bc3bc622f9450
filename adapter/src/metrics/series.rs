//! The figures of one function in one dialect. Recording is three additions to numbers that the recording thread
//! shares with no other, as a rule; reading adds up what all threads have.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::StatusCode;
use stayput_core::Blame;

use crate::stripe;

/// Counts by blame and class of status, and durations. Takes memory for a thread when that thread first records.
#[derive(Debug, Default)]
pub(super) struct Series([OnceLock<Box<Counts>>; STRIPES]);

/// What a series holds, added up.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Figures {
    /// By [`BLAMES`], then by [`STATUS_CLASSES`].
    pub(super) requests: [[u64; STATUS_CLASSES.len()]; BLAMES.len()],
    /// In each of [`BUCKETS_S`], and not in the ones below it.
    pub(super) durations: [u64; BUCKETS_S.len()],
    pub(super) total: Duration,
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Counts {
    requests: [[AtomicU64; STATUS_CLASSES.len()]; BLAMES.len()],
    durations: [AtomicU64; BUCKETS_S.len()],
    micros: AtomicU64,
}

impl Series {
    pub(super) fn record(&self, blame: Option<Blame>, status: StatusCode, duration: Duration) {
        let counts = self.0[stripe::of_thread() % STRIPES].get_or_init(Box::default);
        add(&counts.requests[blame_index(blame)][class_index(status)], 1);
        let seconds = duration.as_secs_f64();
        add(&counts.durations[BUCKETS_S.partition_point(|limit| *limit < seconds)], 1);
        add(&counts.micros, u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    pub(super) fn read(&self) -> Figures {
        let mut sum = Figures::default();
        for counts in self.0.iter().filter_map(OnceLock::get) {
            for (sums, counts) in sum.requests.iter_mut().zip(&counts.requests) {
                add_up(sums, counts);
            }
            add_up(&mut sum.durations, &counts.durations);
            sum.total += Duration::from_micros(counts.micros.load(Ordering::Relaxed));
        }
        sum
    }
}

fn add(to: &AtomicU64, what: u64) {
    to.fetch_add(what, Ordering::Relaxed);
}

fn add_up(sums: &mut [u64], counts: &[AtomicU64]) {
    for (sum, count) in sums.iter_mut().zip(counts) {
        *sum += count.load(Ordering::Relaxed);
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

/// In the order of `blame_index`.
pub(super) const BLAMES: [Option<Blame>; 5] =
    [None, Some(Blame::Caller), Some(Blame::Gateway), Some(Blame::Function), Some(Blame::Backend)];

pub(super) const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Upper limits, in seconds: from what a warm function takes to Lambda's longest timeout.
pub(super) const BUCKETS_S: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0, 10.0, 60.0, 900.0, f64::INFINITY];

/// Places to count in, for each series. More threads than this share.
const STRIPES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_count_apart_is_read_together() {
        let series = Series::default();
        std::thread::scope(|scope| {
            for _ in 0..STRIPES + 2 {
                scope.spawn(|| series.record(None, StatusCode::OK, Duration::from_millis(2)));
            }
        });
        let Figures { requests, durations, total } = series.read();
        assert_eq!(requests[0], [0, 10, 0, 0, 0]);
        assert_eq!(durations[..3], [0, 10, 0]);
        assert_eq!(total, Duration::from_millis(20));
    }

    #[test]
    fn every_blame_has_its_place() {
        for (index, blame) in BLAMES.into_iter().enumerate() {
            assert_eq!(blame_index(blame), index, "{blame:?}");
        }
    }

    #[test]
    fn a_limit_belongs_to_its_bucket_and_what_is_longer_than_all_to_the_last() {
        let series = Series::default();
        for duration in [Duration::from_millis(1), Duration::from_micros(1_001), Duration::from_secs(901)] {
            series.record(Some(Blame::Caller), StatusCode::NOT_FOUND, duration);
        }
        let figures = series.read();
        assert_eq!((figures.durations[0], figures.durations[1], figures.durations[14]), (1, 1, 1));
        assert_eq!(figures.requests[1], [0, 0, 0, 3, 0]);
    }
}
