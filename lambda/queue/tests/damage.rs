//! A database that was hurt opens with every row, or is refused by name.

#![allow(clippy::unwrap_used, reason = "a test")]

mod injury;
#[allow(dead_code, reason = "the numbers alone are needed here")]
mod model;

use injury::{Stopped, Verdict};
use model::random::Random;

#[test]
fn a_hurt_database_is_whole_or_refused() {
    let stopped = Stopped::new();
    let mut random = Random::new(1);
    let mut refused = 0;
    for case in 0..CASES {
        match stopped.hurt(&mut random) {
            Ok(Verdict::Whole) => {}
            Ok(Verdict::Refused) => refused += 1,
            Err(breach) => panic!("case {case}: {breach}"),
        }
    }
    assert!(refused > CASES / 4, "only {refused} of {CASES} were found out: are the injuries any?");
}

const CASES: u32 = 300;
