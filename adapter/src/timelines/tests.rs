use std::time::{Duration, UNIX_EPOCH};

use http::StatusCode;
use stayput_core::Trace;

use super::{timeline::MAX_CALL_BYTES, *};

fn at(ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_600_000_000) + Duration::from_millis(ms)
}

fn call(n: usize) -> Uuid {
    Uuid::from_u128(n as u128)
}

fn finished(call: Uuid, caller_id: Option<&str>) -> Finished<'_> {
    Finished {
        dialect: "openfaas",
        function: Some("echo"),
        key: Some("erp"),
        caller_id,
        mode: Some(Mode::Async),
        method: None,
        status: StatusCode::ACCEPTED,
        blame: None,
        rejection: None,
        time: at(20),
        duration: Duration::from_millis(15),
        request_id: call,
        trace: Trace::begin(call, at(5)),
    }
}

fn texts(timeline: &Timeline) -> Vec<&str> {
    timeline.entries().into_iter().map(|entry| &*entry.text).collect()
}

#[test]
fn a_call_is_told_in_the_order_of_time_whoever_tells_first() {
    let timelines = Timelines::default();
    timelines.note(call(1), at(10), What::Log, "hello");
    timelines.finished(&finished(call(1), None));
    let found = timelines.find(&call(1).to_string());
    let [(id, timeline)] = &found[..] else { panic!("{found:?}") };
    assert_eq!(*id, call(1));
    let expected = ["openfaas async echo, key erp", "hello", "202 after 15.0 ms"];
    assert_eq!(texts(timeline), expected);
}

#[test]
fn calls_are_found_by_their_callers_ids_the_latest_first() {
    let timelines = Timelines::default();
    for (n, id) in [(1, "a"), (2, "b"), (3, "a")] {
        timelines.finished(&finished(call(n), Some(id)));
    }
    let found = |id: &str| timelines.find(id).into_iter().map(|(call, _)| call).collect::<Vec<_>>();
    assert_eq!(found("a"), [call(3), call(1)]);
    assert_eq!(found("b"), [call(2)]);
    assert!(found("").is_empty() && found("c").is_empty());
}

#[test]
fn a_call_that_prints_much_keeps_its_end_and_all_that_is_no_log() {
    let timelines = Timelines::default();
    timelines.note(call(1), at(0), What::Queued, "for echo");
    for n in 0..100 {
        timelines.note(call(1), at(1), What::Log, format!("{n:03} {}", "x".repeat(1_000)));
    }
    let (_, timeline) = &timelines.find(&call(1).to_string())[0];
    assert!(timeline.bytes() < MAX_CALL_BYTES + 1_000, "{}", timeline.bytes());
    let texts = texts(timeline);
    assert_eq!(texts[0], "for echo");
    assert!(texts.last().is_some_and(|last| last.starts_with("099 ")));
    assert_eq!(timeline.left_out() + texts.len() as u64, 101);
}

#[test]
fn the_oldest_calls_go_first() {
    let timelines = Timelines::default();
    for n in 0..=MAX_CALLS {
        timelines.note(call(n), at(0), What::Log, "x");
    }
    assert!(timelines.find(&call(0).to_string()).is_empty());
    assert_eq!(timelines.find(&call(1).to_string()).len(), 1);
}

#[test]
fn all_together_stay_within_their_bytes() {
    let timelines = Timelines::default();
    for n in 0..1_000 {
        for _ in 0..5 {
            timelines.note(call(n), at(0), What::Log, "x".repeat(10_000));
        }
    }
    let store = timelines.store();
    assert!(store.bytes <= MAX_BYTES && store.bytes > MAX_BYTES - 100_000, "{}", store.bytes);
    assert_eq!(store.bytes, store.calls.values().map(Timeline::bytes).sum::<usize>());
    assert_eq!(store.order.len(), store.calls.len());
}
