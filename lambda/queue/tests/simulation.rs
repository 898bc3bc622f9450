//! Thousands of histories with crashes and faults. `cargo run -p event-queue --release --example simulate` for more.

#![allow(clippy::unwrap_used, reason = "a test")]

mod model;

use std::time::Duration;

use event_queue::{
    Ask, Batch, Content, Error, Limits, Moment, NewRow, QueueName, Refusal, RowId,
    engine::{Engine, Reply, Request},
};
use model::{
    double::{Double, Fate},
    world::history,
};

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

#[test]
fn an_error_of_a_commit_ends_the_queue() {
    let mut engine = engine();
    engine.store_mut().fate = Fate::Lost;
    let replies = engine.run(&[put("1"), put("2")], now(), &mut || 0.0);
    assert!(replies.iter().all(|reply| matches!(reply, Err(Error::Uncertain(_)))), "{replies:?}");
    engine.store_mut().fate = Fate::Fine;
    let replies = engine.run(&[put("3"), lease()], now(), &mut || 0.0);
    assert!(replies.iter().all(|reply| matches!(reply, Err(Error::Stopped(_)))), "{replies:?}");
}

#[test]
fn a_full_disk_refuses_what_only_brings_until_there_is_space() {
    let mut engine = engine();
    let run = |engine: &mut Engine<Double>, request, later| {
        let now = now() + Duration::from_secs(later);
        engine.run(&[request], now, &mut || 0.0).remove(0)
    };
    run(&mut engine, put("1"), 0).unwrap();
    engine.store_mut().fate = Fate::NoSpace;
    let full = |reply| matches!(reply, Err(Error::Refused(Refusal::DiskFull)));
    assert!(full(run(&mut engine, put("2"), 0)));
    let Ok(Reply::Leased(leased)) = run(&mut engine, lease(), 0) else {
        panic!("the reserve is there for this")
    };
    run(&mut engine, Request::Batch(Batch::new().succeed(&leased[0].claim())), 0).unwrap();
    assert!(full(run(&mut engine, put("2"), 2)));
    engine.store_mut().fate = Fate::Fine;
    run(&mut engine, put("2"), 4).unwrap();
}

fn engine() -> Engine<Double> {
    Engine::open(Double::default(), Limits::default(), now(), &mut || 0.0).unwrap()
}

fn put(id: &str) -> Request {
    Request::Batch(Batch::new().put(NewRow::new(queue(), RowId::parse(id).unwrap(), Content::payload("x"))))
}

fn lease() -> Request {
    Request::Lease(Ask { queue: queue(), rows: 1, span: Duration::from_secs(60) })
}

fn queue() -> QueueName {
    QueueName::parse("q").unwrap()
}

fn now() -> Moment {
    Moment::from_millis(1_000)
}

const SEEDS: u64 = 2_000;
