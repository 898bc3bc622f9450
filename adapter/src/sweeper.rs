//! The sweeper: looks for calls whose outcome never came, and tells their callers so.
//!
//! Lambda's own queue may lose an event under a backlog, and a destination record that would be too large is written
//! nowhere. Both are silent. So each promised call has a time at which its outcome should be here; what is late gets a
//! record of ours into the deliverer's queue, and goes the way of all others from there.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use lambda_protocol::{
    destination::{Condition, DestinationRecord, ResponseContext},
    fault::Fault,
    function::{FunctionArn, Qualifier},
};
use serde_json::{json, value::RawValue};
use stayput_core::{callback::Ticket, token::SealingKeys};

use crate::{
    aws::{ServiceError, Sqs},
    deliverer::Figures,
    ledger::{Ledger, LedgerError, Overdue, Standing},
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
    let id = ticket.invocation.to_string();
    let event = json!({ "requestContext": { "requestId": id, "stayput": { "ticket": sealed } } });
    let event = raw(&event.to_string());
    let fault = Fault { error_message: Some(MISSED.to_owned()), ..Fault::response_too_large() };
    let fault = raw(&String::from_utf8_lossy(&fault.encode()));
    let lambda = &ticket.lambda;
    let qualifier = ticket.qualifier.as_ref().or(lambda.qualifier.as_ref());
    let function_arn = FunctionArn {
        region: lambda.region.as_deref().unwrap_or(ANY_REGION),
        account: lambda.account.as_deref().unwrap_or(ANY_ACCOUNT),
        name: &lambda.name,
        qualifier: Some(qualifier.map_or("$LATEST", Qualifier::as_str)),
    };
    let record = DestinationRecord {
        timestamp: now,
        request_id: id,
        function_arn: function_arn.to_string(),
        condition: Condition::RetriesExhausted,
        approximate_invoke_count: 0,
        request_payload: &event,
        response: Some(ResponseContext {
            status_code: 200,
            executed_version: None,
            function_error: Some("Unhandled".to_owned()),
        }),
        response_payload: Some(&fault),
    };
    String::from_utf8(record.encode()).expect("JSON is text")
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("it was just written")
}

/// Since its acceptance. Ours: Lambda's six hours, and a deliverer that was down for most of a day.
const HOPELESS: Duration = Duration::from_hours(24);

/// Calls that are seen to before the next are asked for.
const PAGE: usize = 100;

const MISSED: &str =
    "no outcome came: the function's answer was too large to be reported, or Lambda has lost the event";

/// A ticket that names neither fits all.
const ANY_REGION: &str = "us-east-1";
const ANY_ACCOUNT: &str = "000000000000";
