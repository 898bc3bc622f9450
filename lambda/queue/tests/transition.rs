//! Whatever happens to a row in whatever order, some things stay true.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use event_queue::{
    Address, Key, Moment, Pause, QueueName, Row, RowId, State,
    row::History,
    transition::{Event, Expired, Misfit, Next, transition},
};
use proptest::prelude::*;

#[test]
fn a_row_is_leased_when_it_is_due_and_not_before() {
    let row = row(10);
    assert_eq!(transition(row.clone(), lease(5), at(9), 0.0), Err(Misfit::NotDue));
    let leased = kept(transition(row, lease(5), at(10), 0.0));
    assert_eq!((leased.state.clone(), leased.leases), (State::Leased { until: at(15) }, 1));
    assert_eq!(transition(leased, lease(5), at(20), 0.0), Err(Misfit::Leased));
}

#[test]
fn only_the_last_lease_may_speak() {
    let first = kept(transition(row(0), lease(5), at(0), 0.0));
    let again = kept(transition(first, abandon(), at(5), 0.0));
    let second = kept(transition(again, lease(5), at(6), 0.0));
    assert_eq!(transition(second.clone(), Event::Succeed { lease: 1 }, at(6), 0.0), Err(Misfit::LeaseLost));
    assert_eq!(transition(second, Event::Succeed { lease: 2 }, at(6), 0.0), Ok(Next::Remove));
}

#[test]
fn a_failure_is_an_attempt_and_a_release_is_none() {
    let leased = kept(transition(row(0), lease(5), at(0), 0.0));
    let pause = Pause { at_least: Duration::from_millis(100), spread: Duration::from_millis(50) };
    let failed = Event::Fail { lease: 1, reason: "no".into(), pause };
    let failed = kept(transition(leased.clone(), failed, at(1), 0.5));
    assert_eq!((failed.state.clone(), failed.attempts), (State::Waiting { not_before: at(126) }, 1));
    assert_eq!(failed.history.iter().map(|failed| failed.reason.as_str()).collect::<Vec<_>>(), ["no"]);
    let released = kept(transition(leased, Event::Release { lease: 1, pause }, at(1), 0.0));
    assert_eq!((released.attempts, released.releases), (0, 1));
}

#[test]
fn an_abandoned_lease_counts_if_the_rules_say_so() {
    let leased = kept(transition(row(0), lease(5), at(0), 0.0));
    assert_eq!(transition(leased.clone(), abandon(), at(4), 0.0), Err(Misfit::LeaseHolds));
    assert_eq!(kept(transition(leased.clone(), abandon(), at(5), 0.0)).attempts, 1);
    let at_start = Event::Abandon { ended: true, counts: false, pause: Pause::NONE };
    assert_eq!(kept(transition(leased, at_start, at(1), 0.0)).attempts, 0);
}

#[test]
fn the_dead_come_back_under_their_id_as_if_new() {
    let leased = kept(transition(row(0), lease(5), at(0), 0.0));
    let dead = kept(transition(leased, Event::GiveUp { lease: 1, reason: "410".into() }, at(1), 0.0));
    assert_eq!(dead.state, State::Dead { since: at(1), reason: "410".into() });
    assert_eq!(dead.attempts, 1);
    let redrive = Event::Redrive { pause: Pause::NONE, expires: None };
    let back = kept(transition(dead.clone(), redrive.clone(), at(9), 0.0));
    assert_eq!((back.attempts, back.redriven, back.leases), (0, 1, 1));
    assert_eq!((&back.address, &back.state), (&dead.address, &State::Waiting { not_before: at(9) }));
    assert_eq!(transition(back, redrive, at(9), 0.0), Err(Misfit::NotDead));
}

#[test]
fn what_is_cancelled_as_seen_is_what_was_seen() {
    let cancel = |row: &Row, seen: &Row| {
        transition(row.clone(), Event::Cancel { seen: Some(seen.seen()) }, at(9), 0.0)
    };
    let waiting = row(0);
    let leased = kept(transition(waiting.clone(), lease(5), at(0), 0.0));
    let dead = kept(transition(leased.clone(), Event::GiveUp { lease: 1, reason: "410".into() }, at(1), 0.0));
    let redrive = Event::Redrive { pause: Pause::NONE, expires: None };
    let back = kept(transition(dead.clone(), redrive, at(2), 0.0));
    let again = kept(transition(back.clone(), lease(5), at(2), 0.0));
    let dead_again = kept(transition(again, Event::GiveUp { lease: 2, reason: "410".into() }, at(3), 0.0));
    let released = Event::Release { lease: 1, pause: Pause::NONE };
    let tried = kept(transition(leased.clone(), released, at(1), 0.0));
    for (row, seen) in [(&waiting, &waiting), (&tried, &waiting), (&dead, &dead)] {
        assert_eq!(cancel(row, seen), Ok(Next::Remove));
    }
    let another = Row { created: at(1), ..waiting.clone() };
    let changed =
        [(&dead, &waiting), (&back, &dead), (&back, &waiting), (&dead_again, &dead), (&another, &waiting)];
    for (row, seen) in changed {
        assert_eq!(cancel(row, seen), Err(Misfit::Changed), "{row:?}");
    }
    assert_eq!(cancel(&leased, &waiting), Err(Misfit::Leased));
}

#[test]
fn what_waits_too_long_expires_and_what_runs_does_not() {
    let row = Row { expires: Some(at(20)), ..row(0) };
    let expire = |into| Event::Expire { into };
    assert_eq!(transition(row.clone(), expire(Expired::Gone), at(19), 0.0), Err(Misfit::NotExpired));
    assert_eq!(transition(row.clone(), lease(5), at(20), 0.0), Err(Misfit::Expired));
    assert_eq!(transition(row.clone(), expire(Expired::Gone), at(20), 0.0), Ok(Next::Remove));
    let leased = kept(transition(row, lease(50), at(10), 0.0));
    assert_eq!(transition(leased, expire(Expired::Dead), at(30), 0.0), Err(Misfit::NotExpired));
}

proptest! {
    #[test]
    fn promises_hold_in_any_order(events in prop::collection::vec((event(), 0..100_i64, 0.0..1.0), 1..60)) {
        let mut row = Row { expires: Some(at(2_000)), ..row(0) };
        let mut now = at(0);
        for (event, later, jitter) in events {
            now = now + Duration::from_millis(later.unsigned_abs());
            let before = row.clone();
            match transition(row.clone(), event.clone(), now, jitter) {
                Err(_) => {}
                Ok(Next::Remove) => {
                    let ends = matches!(event, Event::Succeed { .. } | Event::Cancel { .. } | Event::Expire { .. });
                    prop_assert!(ends, "{event:?} removed a row");
                    return Ok(());
                }
                Ok(Next::Keep(after)) => {
                    prop_assert_eq!(&after.address, &before.address);
                    prop_assert_eq!(after.created, before.created);
                    prop_assert!(after.leases >= before.leases);
                    prop_assert!(after.history.iter().count() <= 5);
                    prop_assert_eq!(
                        after.leases > before.leases,
                        matches!(event, Event::Lease { .. }),
                        "only a lease has a new number"
                    );
                    if let State::Dead { reason, .. } = &after.state {
                        prop_assert!(!reason.as_str().is_empty());
                    }
                    if matches!(after.state, State::Waiting { .. }) {
                        prop_assert!(after.due() >= now);
                    }
                    row = after;
                }
            }
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    let pause = (0..500_u64, 0..100_u64).prop_map(|(at_least, spread)| Pause {
        at_least: Duration::from_millis(at_least),
        spread: Duration::from_millis(spread),
    });
    let number = 0..6_u32;
    prop_oneof![
        4 => (1..200_u64).prop_map(lease),
        1 => number.clone().prop_map(|lease| Event::Succeed { lease }),
        2 => (number.clone(), pause.clone())
            .prop_map(|(lease, pause)| Event::Fail { lease, reason: "no".into(), pause }),
        1 => (number.clone(), pause.clone()).prop_map(|(lease, pause)| Event::Release { lease, pause }),
        1 => (number.clone(), 0..500_u64)
            .prop_map(|(lease, millis)| Event::Extend { lease, span: Duration::from_millis(millis) }),
        1 => number.prop_map(|lease| Event::GiveUp { lease, reason: "never".into() }),
        1 => (any::<bool>(), any::<bool>(), pause.clone())
            .prop_map(|(ended, counts, pause)| Event::Abandon { ended, counts, pause }),
        1 => Just(Event::Expire { into: Expired::Dead }),
        1 => Just(Event::Expire { into: Expired::Gone }),
        1 => pause.prop_map(|pause| Event::Redrive { pause, expires: None }),
        1 => Just(Event::Cancel { seen: None }),
    ]
}

fn row(not_before: i64) -> Row {
    Row {
        address: Address { queue: QueueName::parse("q").unwrap(), id: RowId::parse("1").unwrap() },
        key: Key::default(),
        state: State::Waiting { not_before: at(not_before) },
        leases: 0,
        attempts: 0,
        releases: 0,
        redriven: 0,
        created: at(0),
        expires: None,
        history: History::default(),
        size_bytes: 0,
    }
}

fn kept(next: Result<Next, Misfit>) -> Row {
    match next.unwrap() {
        Next::Keep(row) => row,
        Next::Remove => panic!("it is gone"),
    }
}

fn lease(millis: u64) -> Event {
    Event::Lease { span: Duration::from_millis(millis) }
}

fn abandon() -> Event {
    Event::Abandon { ended: false, counts: true, pause: Pause::NONE }
}

fn at(millis: i64) -> Moment {
    Moment::from_millis(millis)
}
