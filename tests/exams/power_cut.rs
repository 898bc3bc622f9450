//! Exam R2: the power is cut again and again, and what was not synced is gone.

use std::io;

use super::{Report, cuts::survive};

pub(crate) async fn run() -> io::Result<Report> {
    let outcome =
        tokio::task::spawn_blocking(|| survive(CUTS, EACH, true)).await.map_err(io::Error::other)?;
    let account = &outcome.account;
    Ok(vec![
        (format!("{} calls accepted over {CUTS} power cuts", account.accepted), account.accepted >= 2_000),
        (
            format!("{} starts were cut; {} changes of files taken back", outcome.unready, outcome.undone),
            outcome.unready > 0 && outcome.undone > CUTS,
        ),
        (
            format!("the program goes on: {}", outcome.refused.as_deref().unwrap_or("after each")),
            outcome.refused.is_none(),
        ),
        (format!("{} calls lost", account.lost.len()), account.lost.is_empty()),
        (
            format!("{} callbacks of no call, or not as promised", account.wrong.len()),
            account.wrong.is_empty(),
        ),
        (
            format!("{} callbacks taken more than once", account.repeated),
            account.repeated <= CUTS * UNDER_WAY,
        ),
        (format!("the slowest start took {:?}", outcome.slowest_start), true),
    ])
}

const CUTS: usize = 50;

/// Calls between two cuts, at most.
const EACH: usize = 120;

/// Callbacks that the deliverer has under way at most.
const UNDER_WAY: usize = 256;
