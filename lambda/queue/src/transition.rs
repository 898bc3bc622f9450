//! What can happen to a row, and what becomes of it. Pure: time and chance are arguments.
//!
//! ```text
//!  put ─► Waiting ──Lease──► Leased ──Succeed──► (gone)
//!          ▲ │ ▲               │ │ └──GiveUp────► Dead ──Cancel──► (gone)
//!          │ │ └ Fail, Release,┘ └ Extend          ▲ │
//!          │ │   Abandon                           │ │
//!          │ └──────────────Expire─────────────────┘ │
//!          └────────────────Redrive──────────────────┘
//! ```

use std::time::Duration;

use crate::{
    moment::{Moment, Pause},
    row::{History, Reason, Row, Seen, Standing, State},
};

/// What happens to a row. `lease` is the number of the lease under which somebody speaks: whoever lost the lease
/// cannot change the row any more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// Somebody takes the row for this long.
    Lease { span: Duration },
    /// The work is done.
    Succeed { lease: u32 },
    /// The attempt failed; there will be another. When is the user's schedule.
    Fail { lease: u32, reason: Reason, pause: Pause },
    /// The row is given back without an attempt: a throttled call, an open circuit, the end of the program.
    Release { lease: u32, pause: Pause },
    /// The holder needs this long from now.
    Extend { lease: u32, span: Duration },
    /// There will be no further attempt.
    GiveUp { lease: u32, reason: Reason },
    /// The holder died: its lease ended, or its process did (`ended`). Whether that was an attempt is the queue's rule.
    Abandon { ended: bool, counts: bool, pause: Pause },
    /// The row waited too long.
    Expire { into: Expired },
    /// A dead row starts again under its id, with no attempt made.
    Redrive { pause: Pause, expires: Option<Moment> },
    /// The row is no longer wanted. A leased one cannot be cancelled: somebody is at it. With `seen`: only if it is still what
    /// somebody saw.
    Cancel { seen: Option<Seen> },
}

/// What becomes of a row that waited too long.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Expired {
    /// It is dead, and visible, for [`EXPIRED_REASON`].
    #[default]
    Dead,
    /// It is gone, as SQS has it.
    Gone,
}

/// What is to be done: write the row, or remove it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Next {
    /// Write it, and tell who waits for the queue when it is [due](Row::due).
    Keep(Row),
    Remove,
}

/// Why an event does not fit the row. Nothing changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Misfit {
    #[error("the row is not due")]
    NotDue,
    #[error("the row has expired")]
    Expired,
    #[error("the row has not expired")]
    NotExpired,
    #[error("the lease is lost")]
    LeaseLost,
    #[error("the lease has not ended")]
    LeaseHolds,
    #[error("the row is not dead")]
    NotDead,
    #[error("the row is leased")]
    Leased,
    #[error("the row is no longer what it was seen to be")]
    Changed,
}

/// # Errors
/// The event does not fit where the row stands.
pub fn transition(row: Row, event: Event, now: Moment, jitter: f64) -> Result<Next, Misfit> {
    match event {
        Event::Lease { span } => lease(row, span, now),
        Event::Succeed { lease } => held(&row, lease).map(|()| Next::Remove),
        Event::Fail { lease, reason, pause } => {
            held(&row, lease)?;
            Ok(wait(attempted(row, reason, now), pause, now, jitter))
        }
        Event::Release { lease, pause } => {
            held(&row, lease)?;
            let releases = row.releases.saturating_add(1);
            Ok(wait(Row { releases, ..row }, pause, now, jitter))
        }
        Event::Extend { lease, span } => {
            held(&row, lease)?;
            Ok(Next::Keep(Row { state: State::Leased { until: now + span }, ..row }))
        }
        Event::GiveUp { lease, reason } => {
            held(&row, lease)?;
            let row = attempted(row, reason.clone(), now);
            Ok(Next::Keep(Row { state: State::Dead { since: now, reason }, ..row }))
        }
        Event::Abandon { ended, counts, pause } => abandon(row, ended, counts, pause, now, jitter),
        Event::Expire { into } => expire(row, into, now),
        Event::Redrive { pause, expires } => redrive(row, pause, expires, now, jitter),
        Event::Cancel { seen } => match row.standing() {
            Standing::Leased => Err(Misfit::Leased),
            Standing::Waiting | Standing::Dead if seen.is_some_and(|seen| seen != row.seen()) => {
                Err(Misfit::Changed)
            }
            Standing::Waiting | Standing::Dead => Ok(Next::Remove),
        },
    }
}

fn lease(row: Row, span: Duration, now: Moment) -> Result<Next, Misfit> {
    match row.state {
        State::Waiting { .. } if row.is_expired(now) => Err(Misfit::Expired),
        State::Waiting { not_before } if not_before <= now => {
            let leases = row.leases.saturating_add(1);
            Ok(Next::Keep(Row { state: State::Leased { until: now + span }, leases, ..row }))
        }
        State::Waiting { .. } | State::Dead { .. } => Err(Misfit::NotDue),
        State::Leased { .. } => Err(Misfit::Leased),
    }
}

fn abandon(
    row: Row,
    ended: bool,
    counts: bool,
    pause: Pause,
    now: Moment,
    jitter: f64,
) -> Result<Next, Misfit> {
    match row.state {
        State::Leased { until } if ended || until <= now => {
            let row = if counts { attempted(row, ABANDONED_REASON.into(), now) } else { row };
            Ok(wait(row, pause, now, jitter))
        }
        State::Leased { .. } => Err(Misfit::LeaseHolds),
        State::Waiting { .. } | State::Dead { .. } => Err(Misfit::LeaseLost),
    }
}

fn expire(row: Row, into: Expired, now: Moment) -> Result<Next, Misfit> {
    match into {
        _ if !row.is_expired(now) => Err(Misfit::NotExpired),
        Expired::Gone => Ok(Next::Remove),
        Expired::Dead => {
            let state = State::Dead { since: now, reason: EXPIRED_REASON.into() };
            Ok(Next::Keep(Row { state, ..row }))
        }
    }
}

/// Lease numbers go on: a worker that lost its lease before the row died must not speak for a later one.
fn redrive(
    row: Row,
    pause: Pause,
    expires: Option<Moment>,
    now: Moment,
    jitter: f64,
) -> Result<Next, Misfit> {
    if row.standing() != Standing::Dead {
        return Err(Misfit::NotDead);
    }
    let redriven = row.redriven.saturating_add(1);
    let row = Row { attempts: 0, releases: 0, redriven, expires, history: History::default(), ..row };
    Ok(wait(row, pause, now, jitter))
}

fn held(row: &Row, lease: u32) -> Result<(), Misfit> {
    let holds = row.standing() == Standing::Leased && row.leases == lease;
    if holds { Ok(()) } else { Err(Misfit::LeaseLost) }
}

fn attempted(mut row: Row, reason: Reason, now: Moment) -> Row {
    row.attempts = row.attempts.saturating_add(1);
    row.releases = 0;
    row.history.push(now, reason);
    row
}

fn wait(row: Row, pause: Pause, now: Moment, jitter: f64) -> Next {
    Next::Keep(Row { state: State::Waiting { not_before: pause.end(now, jitter) }, ..row })
}

/// Why a row is dead that waited too long.
pub const EXPIRED_REASON: &str = "expired: it waited longer than it was allowed to";

/// Why an attempt failed whose worker never came back.
pub const ABANDONED_REASON: &str = "abandoned: the lease ended without a word";
