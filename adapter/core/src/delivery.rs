//! Delivery: one callback on its way to the caller's URL. Given what happened and when, it says what to do next.
//!
//! Owns no clock, no socket and no queue: its driver asks, does, and reports. At most one attempt of a callback is under
//! way at a time; that is the driver's to keep.

use std::time::SystemTime;

use http::StatusCode;

mod attempt;
mod breaker;
mod budget;
mod floor;
mod gate;
mod gates;
mod retry_after;
mod schedule;

pub use attempt::{Attempted, NoAnswer};
pub use breaker::Breaker;
pub use budget::RetryBudget;
pub use floor::Floor;
pub use gate::{Asked, HostGate, HostLimits};
pub use gates::HostGates;
pub use retry_after::retry_after;
pub use schedule::{SCHEDULE, max_attempts, pause};

/// A callback that is not delivered yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Delivery {
    /// Attempts that are over. Waiting for a host that is spared counts as none.
    pub attempts: u32,
    pub body_bytes: usize,
    /// When it is given up whatever else holds: the ticket's end.
    pub deadline: SystemTime,
}

/// What to do next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    Delivered,
    /// Try again at this time, or as soon after as the host's gate lets it.
    WaitUntil(SystemTime),
    /// Keep it where the operator sees it and can send it again.
    Dead(Dead),
}

/// Why nothing more is tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Dead {
    #[error("all {attempts} attempts failed")]
    Exhausted { attempts: u32 },
    #[error("the receiver refused it with {status}")]
    Refused { status: StatusCode },
    /// 410: nothing should be sent there any more.
    #[error("the receiver is gone for good")]
    Gone,
    /// The name led to an address that is never dialled.
    #[error("the address is not one that callbacks go to")]
    Forbidden,
    #[error("its time is over")]
    Expired,
}

impl Delivery {
    /// A callback that was never tried.
    pub fn new(body_bytes: usize, deadline: SystemTime) -> Self {
        Self { attempts: 0, body_bytes, deadline }
    }

    /// May it be tried at all? Asked before each attempt.
    ///
    /// # Errors
    /// No; it is dead.
    pub fn check(&self, now: SystemTime) -> Result<(), Dead> {
        if now >= self.deadline {
            Err(Dead::Expired)
        } else if self.attempts >= max_attempts(self.body_bytes) {
            Err(Dead::Exhausted { attempts: self.attempts })
        } else {
            Ok(())
        }
    }

    /// What follows an attempt that was just made. `jitter` is in 0.0..1.0 and comes from the driver.
    pub fn attempted(&mut self, attempted: Attempted, now: SystemTime, jitter: f64) -> Step {
        self.attempts = self.attempts.saturating_add(1);
        let retry_after = match attempted.meaning() {
            attempt::Meaning::Delivered => return Step::Delivered,
            attempt::Meaning::Dead(reason) => return Step::Dead(reason),
            attempt::Meaning::Again { retry_after } => retry_after,
        };
        if self.attempts >= max_attempts(self.body_bytes) {
            return Step::Dead(Dead::Exhausted { attempts: self.attempts });
        }
        match now.checked_add(pause(self.attempts, retry_after, jitter)).filter(|next| *next < self.deadline)
        {
            Some(next) => Step::WaitUntil(next),
            None => Step::Dead(Dead::Expired),
        }
    }
}

#[cfg(test)]
mod tests;
