//! Where a thread writes down what all threads write down: each in a place of its own, so that none waits for
//! another, and whoever reads looks at all places.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of the calling thread; places are told apart by its remainder. Threads are numbered in the order in
/// which they first ask, so that the workers of a runtime seldom share a place.
pub fn of_thread() -> usize {
    thread_local!(static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed));
    NUMBER.with(|number| *number)
}

static NEXT: AtomicUsize = AtomicUsize::new(0);

/// One that does not share a cache line with its neighbour. 128: processors fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Apart<T>(pub T);
