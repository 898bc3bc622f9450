//! A ledger on this machine's table.

use std::time::{Duration, SystemTime};

use event_queue::{EventQueue, Limits};
use stayput_core::idempotency::ScopedKey;
use tempfile::TempDir;
use uuid::Uuid;

use super::*;

fn wanted(call: u128) -> Reservation {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    Reservation { call: Uuid::from_u128(call), fingerprint: [1; 32], at }
}

fn open(folder: &TempDir) -> Ledger {
    let store = EventQueue::open(&folder.path().join("events.db"), Limits::default()).unwrap();
    Ledger::new(Arc::new(StoredTable::new(store).unwrap()))
}

#[tokio::test]
async fn of_many_requests_at_once_one_makes_the_call_and_all_that_come_after_get_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let key = ScopedKey([7; 32]);
    {
        let ledger = open(&folder);
        let decisions = all_at_once(&ledger, key).await;
        let reserved: Vec<_> =
            decisions.iter().filter(|decision| matches!(decision, Decision::Reserve(_))).collect();
        assert_eq!(reserved.len(), 1, "{decisions:?}");
        let Decision::Reserve(reserved) = *reserved[0] else { unreachable!() };
        ledger.made(key, reserved).await.unwrap();
        let again = ledger.reserve(key, wanted(99)).await.unwrap();
        assert_eq!(again, Decision::Replay(reserved.call));
    }
    let again = open(&folder).reserve(key, wanted(99)).await.unwrap();
    assert!(matches!(again, Decision::Replay(_)), "after a restart");
}

#[tokio::test]
async fn what_lambda_did_not_take_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    let key = ScopedKey([7; 32]);
    assert_eq!(ledger.reserve(key, wanted(1)).await.unwrap(), Decision::Reserve(wanted(1)));
    assert_eq!(ledger.reserve(key, wanted(2)).await.unwrap(), Decision::InProgress);
    ledger.forget(key, wanted(1)).await.unwrap();
    assert_eq!(ledger.reserve(key, wanted(2)).await.unwrap(), Decision::Reserve(wanted(2)));
}

#[tokio::test]
async fn a_promise_is_looked_for_from_the_time_on_at_which_its_outcome_should_be_here() {
    let folder = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let after = |s| now + Duration::from_secs(s);
    let (lost, late, told) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    {
        let ledger = open(&folder);
        for (call, patience) in [(lost, 60), (late, 120), (told, 60)] {
            let promise = Promise::new("ticket".to_owned(), now, Duration::from_secs(patience));
            ledger.promise(call, &promise).await.unwrap();
            ledger.invoked(call, &promise, None).await.unwrap();
        }
        let unknown = || unreachable!("it is remembered");
        ledger.settle(told, unknown, Promise::delivered).await.unwrap();
    }
    let ledger = open(&folder);
    let overdue = async |s| {
        let found = ledger.overdue(after(s), 10).await.unwrap();
        found.into_iter().map(|overdue| overdue.call).collect::<Vec<_>>()
    };
    assert!(overdue(59).await.is_empty());
    assert_eq!(overdue(61).await, [lost]);
    assert_eq!(overdue(121).await, [lost, late]);
    let step = |promise: &mut Promise| promise.missed("no outcome came", after(61));
    ledger.steer(lost, step).await.unwrap();
    assert_eq!(overdue(121).await, [late], "one that was seen to");
    assert_eq!(ledger.promised(told).await.unwrap().unwrap().standing, Standing::Delivered);
}

#[tokio::test]
async fn a_call_that_is_made_again_has_its_whole_time_again_unless_lambda_had_it() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    let now = SystemTime::now();
    let after = |s| now + Duration::from_secs(s);
    let promise_at = |s| Promise::new(format!("ticket {s}"), after(s), Duration::from_secs(60));
    let (died, had) = (Uuid::from_u128(1), Uuid::from_u128(2));
    for call in [died, had] {
        ledger.promise(call, &promise_at(0)).await.unwrap();
    }
    ledger.invoked(had, &promise_at(0), None).await.unwrap();
    for call in [died, had] {
        ledger.promise(call, &promise_at(59)).await.unwrap();
        ledger.invoked(call, &promise_at(59), None).await.unwrap();
    }
    let found = ledger.overdue(after(61), 10).await.unwrap();
    assert_eq!(found.into_iter().map(|overdue| overdue.call).collect::<Vec<_>>(), [had]);
    let found = ledger.overdue(after(120), 10).await.unwrap();
    assert_eq!(found.into_iter().map(|overdue| overdue.call).collect::<Vec<_>>(), [had, died]);
}

#[tokio::test]
async fn what_was_withdrawn_was_never_promised() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    let (call, now) = (Uuid::from_u128(1), SystemTime::now());
    let promise = Promise::new("ticket".to_owned(), now, Duration::from_secs(60));
    ledger.promise(call, &promise).await.unwrap();
    ledger.withdraw(call, &promise).await.unwrap();
    assert_eq!(ledger.promised(call).await.unwrap(), None);
    assert!(ledger.overdue(now + Duration::from_hours(1), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn all_promises_are_listed_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    for n in 1..=5 {
        let promise = Promise::new(format!("ticket {n}"), SystemTime::now(), Duration::from_secs(60));
        ledger.promise(Uuid::from_u128(n), &promise).await.unwrap();
    }
    let (mut found, mut from) = (Vec::new(), None);
    loop {
        let Listed { promises, next } = ledger.list(from, 2).await.unwrap();
        found.extend(promises.into_iter().map(|(call, _)| call.as_u128()));
        from = next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(found, [1, 2, 3, 4, 5]);
}

async fn all_at_once(ledger: &Ledger, key: ScopedKey) -> Vec<Decision> {
    let tasks: tokio::task::JoinSet<_> = (0..8)
        .map(|call| {
            let ledger = ledger.clone();
            async move { ledger.reserve(key, wanted(call)).await.unwrap() }
        })
        .collect();
    tasks.join_all().await
}
