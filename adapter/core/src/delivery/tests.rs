use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;

use super::*;

fn at(s: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_600_000_000 + s)
}

fn days(days: u64) -> SystemTime {
    at(86_400 * days)
}

fn answered(status: u16) -> Attempted {
    Attempted::Answered { status: StatusCode::from_u16(status).unwrap(), retry_after: None }
}

/// What a first attempt comes to.
#[track_caller]
fn check(attempted: Attempted, expected: Step) {
    let mut delivery = Delivery::new(0, days(14));
    assert_eq!(delivery.attempted(attempted, at(0), 0.5), expected, "{attempted:?}");
    assert_eq!(delivery.attempts, 1);
}

/// The pauses until it is dead, in seconds, and why it is.
fn pauses(body_bytes: usize, attempted: Attempted) -> (Vec<u64>, Dead) {
    let mut delivery = Delivery::new(body_bytes, days(14));
    let (mut now, mut pauses) = (at(0), Vec::new());
    loop {
        assert_eq!(delivery.check(now), Ok(()));
        match delivery.attempted(attempted, now, 0.5) {
            Step::WaitUntil(next) => {
                pauses.push(next.duration_since(now).unwrap().as_secs());
                now = next;
            }
            Step::Dead(reason) => {
                assert!(delivery.check(now).is_err(), "dead is dead");
                return (pauses, reason);
            }
            Step::Delivered => panic!("delivered by {attempted:?}"),
        }
    }
}

#[test]
fn any_2xx_is_a_receipt() {
    for status in 200..300 {
        check(answered(status), Step::Delivered);
    }
}

#[test]
fn a_redirect_and_a_failure_of_the_receivers_are_tried_again() {
    for status in [300, 301, 302, 307, 399, 408, 425, 429, 500, 501, 503, 504, 599, 999, 100] {
        check(answered(status), Step::WaitUntil(at(5)));
    }
    for reason in
        [NoAnswer::Unresolved, NoAnswer::Unreachable, NoAnswer::Tls, NoAnswer::TimedOut, NoAnswer::Broken]
    {
        check(Attempted::NoAnswer(reason), Step::WaitUntil(at(5)));
    }
}

#[test]
fn a_refusal_is_final() {
    check(answered(410), Step::Dead(Dead::Gone));
    for status in [400, 401, 403, 404, 405, 413, 422, 451] {
        let status = StatusCode::from_u16(status).unwrap();
        let refused = Step::Dead(Dead::Refused { status });
        check(Attempted::Answered { status, retry_after: Some(Duration::from_secs(1)) }, refused);
    }
    check(Attempted::NoAnswer(NoAnswer::Forbidden), Step::Dead(Dead::Forbidden));
}

#[test]
fn twelve_attempts_are_made_over_two_days() {
    let (pauses, reason) = pauses(262_144, answered(503));
    let expected = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400];
    assert_eq!((pauses.as_slice(), reason), (&expected[..], Dead::Exhausted { attempts: 12 }));
}

#[test]
fn a_large_body_is_sent_six_times_at_most() {
    let (pauses, reason) = pauses(262_145, Attempted::NoAnswer(NoAnswer::TimedOut));
    assert_eq!((pauses.len(), reason), (5, Dead::Exhausted { attempts: 6 }));
}

#[test]
fn a_receiver_may_ask_for_up_to_four_times_the_pause() {
    let asked = |s| Attempted::Answered {
        status: StatusCode::SERVICE_UNAVAILABLE,
        retry_after: Some(Duration::from_secs(s)),
    };
    let mut delivery = Delivery::new(0, days(14));
    assert_eq!(delivery.attempted(asked(1), at(0), 0.0), Step::WaitUntil(at(5)));
    assert_eq!(delivery.attempted(asked(60), at(0), 0.0), Step::WaitUntil(at(60)));
    assert_eq!(delivery.attempted(asked(86_400), at(0), 0.0), Step::WaitUntil(at(480)));
}

#[test]
fn nothing_is_sent_after_its_time() {
    let delivery = Delivery::new(0, at(10));
    assert_eq!(delivery.check(at(9)), Ok(()));
    assert_eq!(delivery.check(at(10)), Err(Dead::Expired));
    let mut late = Delivery { attempts: 1, ..delivery };
    assert_eq!(late.attempted(answered(503), at(0), 0.5), Step::Dead(Dead::Expired));
}

proptest! {
    #[test]
    fn every_delivery_ends(statuses in proptest::collection::vec(100_u16..1000, 12), jitter in 0.0..1.0, large in any::<bool>()) {
        let body_bytes = if large { 1 << 20 } else { 0 };
        let mut delivery = Delivery::new(body_bytes, days(14));
        let mut now = at(0);
        let mut ended = false;
        for status in statuses {
            match delivery.attempted(answered(status), now, jitter) {
                Step::WaitUntil(next) => {
                    prop_assert!(next > now);
                    now = next;
                }
                Step::Delivered | Step::Dead(_) => {
                    ended = true;
                    break;
                }
            }
        }
        prop_assert!(ended && delivery.attempts <= max_attempts(body_bytes));
    }
}
