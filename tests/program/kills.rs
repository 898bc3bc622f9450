//! The program is killed again and again while calls are accepted, run and called back: not one that it answered with 202
//! is lost. The exam R1 in small.

use std::time::Duration;

use super::{limits::alone, lives::Lives, promises::Promises};

#[test]
fn no_accepted_call_is_lost_however_often_the_program_is_killed() {
    let _alone = alone();
    let (promises, mut lives) = (Promises::new(), Lives::new());
    for kill in 0..KILLS {
        let running = lives.begin(&[]).unwrap_or_else(|| panic!("not ready:\n{}", lives.stderr()));
        let callers = promises.call(&running.shown.gateway, usize::MAX);
        // Another moment each time: from right after the first 202 to far into the callbacks.
        promises.until_accepted(promises.accepted() + 1 + kill * 37 % 150);
        lives.end(Some(running));
        callers.into_iter().for_each(|caller| caller.join().expect("a caller"));
    }
    let running = lives.begin(&[]).unwrap_or_else(|| panic!("not ready:\n{}", lives.stderr()));
    let account = promises.account(QUIET);
    drop(running);

    println!("{KILLS} kills, the slowest start {:?}: {account:?}", lives.slowest);
    assert!(account.lost.is_empty() && account.wrong.is_empty(), "{account:?}");
    assert!(account.accepted > 1_000, "{} calls are no exam", account.accepted);
    assert!(account.repeated <= KILLS * UNDER_WAY, "{} repeated", account.repeated);
    assert!(lives.slowest < Duration::from_secs(5), "a start took {:?}", lives.slowest);
}

const KILLS: usize = 24;

/// Callbacks that the deliverer has under way at most.
const UNDER_WAY: usize = 256;

/// Only waited for when something is wrong: no pause after a refusal is that long.
const QUIET: Duration = Duration::from_secs(60);
