//! Thousands of histories with crashes and faults. `cargo run -p event-queue --release --example simulate` for more.

#![allow(clippy::unwrap_used, reason = "a test")]

mod model;

use model::world::history;

#[test]
fn no_history_breaks_a_promise() {
    for seed in 0..SEEDS {
        if let Err(breach) = history(seed, false) {
            panic!("{breach}\nrun again: cargo run -p event-queue --example simulate -- --seed {seed}");
        }
    }
}

#[test]
fn a_history_is_decided_by_its_seed() {
    for seed in 0..50 {
        assert_eq!(history(seed, false), history(seed, false));
    }
}

/// What finds nothing in a store that lies would find nothing at all.
#[test]
fn a_store_that_acknowledges_too_early_is_found_out() {
    assert!((0..50).any(|seed| history(seed, true).is_err()));
}

const SEEDS: u64 = 2_000;
