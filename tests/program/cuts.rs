//! Power cuts while calls are accepted, run and called back.
//!
//! Five moments take turns: right after a 202, at a sync of the start, at a sync under load, while calls run, and while
//! callbacks are posted. Of what was not synced then, in every other cut nothing had reached the disk, and in the
//! others any half of it.

use std::time::Duration;

use super::{
    lives::Lives,
    power::Power,
    promises::{Account, Promises},
};

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) account: Account,
    /// Changes of files that were taken back.
    pub(crate) undone: usize,
    /// Lives that ended before they were ready.
    pub(crate) unready: usize,
    pub(crate) slowest_start: Duration,
    /// What the program said when it could not go on after a cut.
    pub(crate) refused: Option<String>,
}

/// Cuts the power so many times, with `each` calls at most in between. `splits`: half of what is not synced may
/// have reached the disk.
pub(crate) fn survive(cuts: usize, each: usize, splits: bool) -> Outcome {
    let (promises, mut lives) = (Promises::new(), Lives::new());
    let power = Power::over(&lives.place().join("data"));
    let mut chance = chance();
    let (mut undone, mut unready) = (0, 0);
    let mut refused = None;
    for cut in 0..cuts {
        let turn = cut / MOMENTS;
        let moment = match cut % MOMENTS {
            0 => Moment::After(1),
            1 => Moment::AtSync(1 + turn % SYNCS_OF_A_START),
            2 => Moment::AtSync(10 + cut * 17 % 60),
            3 => Moment::After(each / 2 + cut * 37 % (each / 2)),
            _ => Moment::Posted(1 + cut * 13 % 40),
        };
        let cut_at = if let Moment::AtSync(sync) = moment { Some(sync) } else { None };
        let posted = promises.sink.arrived().len();
        let running = lives.begin(&power.environment(cut_at));
        if let Some(running) = &running {
            let callers = promises.call(&running.shown.gateway, each);
            match moment {
                Moment::After(calls) => promises.until_accepted(promises.accepted() + calls),
                // It dies by itself, unless it asks for no sync.
                Moment::AtSync(_) => promises.until_accepted(usize::MAX),
                Moment::Posted(posts) => {
                    let enough = |arrived: &[_]| arrived.len() >= posted + posts;
                    let _or_nothing_is_left_to_post = promises.sink.until(QUIET, enough);
                }
            }
            running.signal(nix::sys::signal::Signal::SIGKILL);
            callers.into_iter().for_each(|caller| caller.join().expect("a caller"));
        } else if cut_at.is_none() {
            refused = Some(lives.stderr());
            break;
        } else {
            unready += 1;
        }
        lives.end(running);
        undone += power.cut(|| splits && turn % 2 == 1 && chance());
    }
    let running = if refused.is_none() { lives.begin(&power.environment(None)) } else { None };
    if running.is_none() && refused.is_none() {
        refused = Some(lives.stderr());
    }
    let quiet = if running.is_some() { QUIET } else { Duration::ZERO };
    let account = promises.account(quiet);
    Outcome { account, undone, unready, slowest_start: lives.slowest, refused }
}

/// When the power is cut.
enum Moment {
    /// So many calls were accepted.
    After(usize),
    /// The program asks for this sync.
    AtSync(usize),
    /// So many callbacks were posted.
    Posted(usize),
}

const MOMENTS: usize = 5;

/// About as many as a start asks for where something was in hand.
const SYNCS_OF_A_START: usize = 4;

/// No pause after a refusal is that long.
const QUIET: Duration = Duration::from_secs(30);

/// The same each time (splitmix64).
fn chance() -> impl FnMut() -> bool {
    let mut state = 0_u64;
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed >> 40).is_multiple_of(2)
    }
}
