//! The sweeper: looks for calls whose outcome never came, and tells their callers so.
//!
//! Lambda's own queue may lose an event under a backlog, and a destination record that would be too large is written
//! nowhere. Both are silent. So each promised call has a time at which its outcome should be here; what is late gets a
//! record of ours into the deliverer's queue, and goes the way of all others from there.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use lambda_protocol::fault::Fault;
use stayput_core::{callback::Ticket, token::SealingKeys};

use crate::{
    aws::{ServiceError, Sqs},
    deliverer::Figures,
    ledger::{Ledger, LedgerError, Overdue, Standing},
    record::{Ended, raw, record},
};

/// What it takes to sweep.
#[derive(Clone, Debug)]
pub struct Sweeper {
    pub ledger: Ledger,
    /// The deliverer's.
    pub queue: Arc<Sqs>,
    pub keys: SealingKeys,
    pub figures: Figures,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Swept {
    /// Calls whose outcome never came: their callers are told.
    pub missed: usize,
    /// Calls that nobody was told of that they were accepted.
    pub abandoned: usize,
}

/// Not all of it could be done; it is found again.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("a record cannot be put into the queue")]
    Queue(#[from] ServiceError),
}

impl Sweeper {
    /// Sees to every call that is late at `now`, the latest first. Where records wait in the queue, as after an outage of the
    /// deliverer, they may be what is missed: then only those calls are seen to that are hopelessly late.
    ///
    /// # Errors
    /// The ledger or the queue does not answer.
    pub async fn sweep(&self, now: SystemTime) -> Result<Swept, SweepError> {
        let mut swept = Swept::default();
        loop {
            let overdue = self.ledger.overdue(now, PAGE).await?;
            if overdue.is_empty() {
                return Ok(swept);
            }
            let outcomes_wait = self.queue.tally().await?.waiting > 0;
            let due: Vec<_> =
                overdue.into_iter().filter(|one| !outcomes_wait || one.is_hopeless(now)).collect();
            if due.is_empty() {
                return Ok(swept);
            }
            for one in due {
                self.see_to(one, now, &mut swept).await?;
            }
        }
    }

    async fn see_to(
        &self,
        Overdue { call, promise }: Overdue,
        now: SystemTime,
        swept: &mut Swept,
    ) -> Result<(), SweepError> {
        if promise.standing == Standing::Accepted {
            // Whoever asked has seen an error, or nothing: no word was given.
            tracing::info!(request_id = %call, "a call that was never known to be accepted is forgotten");
            self.ledger.withdraw(call, &promise).await?;
            swept.abandoned += 1;
            return Ok(());
        }
        tracing::error!(request_id = %call, "the outcome of a call never came; its caller is told so");
        self.figures.ended("missed");
        match Ticket::open(&promise.ticket, &self.keys, now) {
            Ok(ticket) => {
                let record = record_of(&ticket, &promise.ticket, now);
                self.queue.send(&record, &[]).await?;
                self.ledger.steer(call, |promise| promise.missed(MISSED, now)).await?;
            }
            Err(error) => {
                let reason = format!("{MISSED}; {error}");
                self.ledger.steer(call, |promise| promise.buried(reason.clone(), None, now)).await?;
            }
        }
        swept.missed += 1;
        Ok(())
    }
}

impl Overdue {
    /// So late that the queue cannot be why.
    fn is_hopeless(&self, now: SystemTime) -> bool {
        now.duration_since(self.promise.accepted).is_ok_and(|age| age > HOPELESS)
    }
}

/// As Lambda would have written it of a call whose answer was too large: which of the two it was, nobody knows.
fn record_of(ticket: &Ticket, sealed: &str, now: SystemTime) -> String {
    let fault = Fault { error_message: Some(MISSED.to_owned()), ..Fault::response_too_large() };
    let fault = raw(&String::from_utf8_lossy(&fault.encode()));
    record(ticket, sealed, Ended { at: now, failed: true, payload: &fault, runs: 0 })
}

/// Since its acceptance. Ours: Lambda's six hours, and a deliverer that was down for most of a day.
const HOPELESS: Duration = Duration::from_hours(24);

/// Calls that are seen to before the next are asked for.
const PAGE: usize = 100;

const MISSED: &str =
    "no outcome came: the function's answer was too large to be reported, or Lambda has lost the event";
