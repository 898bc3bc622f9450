//! What stands between an asynchronous call and its 202: the promise of a callback, sealed into the event, and the memory
//! that makes a repeated request the same one.
//!
//! ```text
//! reserve, promise ─► Invoke ─► invoked ─► 202
//! ```

use std::{sync::Arc, time::Duration};

use http::HeaderValue;
use sha2::{Digest, Sha256};
use stayput_core::{
    Call, Dialect, Exchange, Invocation, Rejection,
    admission::Asynchronous,
    callback::{EXECUTION_MAX, Ticket},
    idempotency::ScopedKey,
    token::{NONCE_BYTES, SealingKeys},
};
use uuid::Uuid;

use crate::{
    destinations::Destinations,
    ledger::{Decision, Ledger, LedgerError, Promise, Reservation},
};

/// Takes asynchronous calls.
#[derive(Debug)]
pub struct Acceptance {
    pub rules: Asynchronous,
    pub keys: SealingKeys,
    pub ledger: Ledger,
    /// How long after its acceptance a call's outcome should be here, where it can get lost on the way; `None`: here
    /// none can, and promises need no memory besides.
    pub patience: Option<Duration>,
    /// `None`: whatever functions there are tell us how they end.
    pub destinations: Option<Arc<dyn Destinations>>,
}

/// What was found of a call before it is invoked.
#[derive(Clone, Copy, Debug)]
pub enum Admittance {
    /// To be invoked, under this id; what to remember once it was.
    Invoke { id: Uuid, reserved: Option<(ScopedKey, Reservation)> },
    /// It was, under this id.
    Accepted { id: Uuid },
}

/// What is remembered of a call while Lambda is asked.
#[derive(Clone, Debug, Default)]
pub struct Pending {
    reserved: Option<(ScopedKey, Reservation)>,
    promised: Option<(Uuid, Promise)>,
    /// Lambda's own id of the call.
    lambda_id: Option<String>,
}

impl Acceptance {
    /// Looks whether the call is new, and remembers it if it can be repeated.
    ///
    /// # Errors
    /// The key was used for something else, is in use, or cannot be looked up now.
    pub async fn admit(
        &self,
        dialect: &dyn Dialect,
        exchange: &Exchange<'_>,
        call: &Call,
        invocation: &Invocation,
        body: &[u8],
    ) -> Result<Admittance, Rejection> {
        let Some(key) = &invocation.idempotency_key else {
            return Ok(Admittance::Invoke { id: exchange.id, reserved: None });
        };
        let target = exchange.head.uri.path_and_query().map_or("/", |target| target.as_str());
        let key = key.scoped(&invocation.key.label, dialect.name(), &call.function, target);
        let wanted =
            Reservation { call: exchange.id, fingerprint: Sha256::digest(body).into(), at: exchange.started };
        match self.ledger.reserve(key, wanted).await.map_err(|error| unknown(&error))? {
            Decision::Reserve(reserved) => {
                Ok(Admittance::Invoke { id: reserved.call, reserved: Some((key, reserved)) })
            }
            Decision::Replay(id) => Ok(Admittance::Accepted { id }),
            Decision::Conflict => Err(Rejection::IdempotencyConflict),
            Decision::InProgress => Err(Rejection::IdempotencyInProgress),
        }
    }

    /// The promise of a callback, if one was asked for, as it goes into the event.
    ///
    /// # Errors
    /// As [`Ticket::promise`]; or the function does not tell how it ends, or the system has no randomness.
    pub async fn promise(
        &self,
        dialect: &dyn Dialect,
        exchange: &Exchange<'_>,
        call: &Call,
        invocation: &Invocation,
    ) -> Result<Option<String>, Rejection> {
        let Some(ticket) = Ticket::promise(dialect, exchange, call, invocation)? else { return Ok(None) };
        let function = &invocation.function;
        if let Some(destinations) = &self.destinations
            // Of executions, EventBridge tells.
            && !function.durable
            && !destinations.lead_here(&function.lambda, function.qualifier.as_ref()).await
        {
            let (request_id, function) = (exchange.id, &function.lambda);
            tracing::warn!(%request_id, %function, "no callback can be promised, as the function's destinations are not the callbacks' queue; see `stayput attach`");
            return Err(Rejection::NotImplemented("callbacks are not set up for this function"));
        }
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| {
            tracing::error!(%error, "the system has no randomness");
            Rejection::BackendFailed
        })?;
        Ok(Some(ticket.seal(&self.keys, nonce)))
    }

    /// Remembers the promise that `ticket` is, if there is one, before Lambda is asked.
    ///
    /// # Errors
    /// It cannot be remembered.
    pub async fn remember(
        &self,
        exchange: &Exchange<'_>,
        invocation: &Invocation,
        ticket: Option<String>,
        pending: &mut Pending,
    ) -> Result<(), Rejection> {
        // An execution's event has no place for a ticket, so that it is here that it is found again.
        let patience = if invocation.function.durable { Some(EXECUTION_MAX) } else { self.patience };
        let (Some(ticket), Some(patience)) = (ticket, patience) else { return Ok(()) };
        let promise = Promise::new(ticket, exchange.started, patience);
        self.ledger.promise(exchange.id, &promise).await.map_err(|error| unknown(&error))?;
        pending.promised = Some((exchange.id, promise));
        Ok(())
    }

    /// Lambda has taken it, or has not.
    ///
    /// # Errors
    /// That it was taken cannot be remembered: whoever asks again makes the same call again.
    pub async fn settle(&self, pending: Pending, invoked: Result<(), &Rejection>) -> Result<(), Rejection> {
        let Pending { reserved, promised, lambda_id } = pending;
        let ledger = &self.ledger;
        match invoked {
            Ok(()) => {
                // One after the other: whoever asks again is answered 202 by the second alone, and nobody looks for a promise
                // of which the first does not say that Lambda has it.
                if let Some((call, promise)) = promised {
                    ledger.invoked(call, &promise, lambda_id).await.map_err(|error| unknown(&error))?;
                }
                if let Some((key, reservation)) = reserved {
                    ledger.made(key, reservation).await.map_err(|error| unknown(&error))?;
                }
                Ok(())
            }
            // It may have been taken.
            Err(Rejection::AnswerLost | Rejection::Deadline { .. }) => Ok(()),
            Err(_) => {
                // What cannot be forgotten now is as if whoever asked had never come back.
                if let Some((key, reservation)) = reserved {
                    let _reserved_for_a_while = ledger.forget(key, reservation).await;
                }
                if let Some((call, promise)) = promised {
                    let _accepted_by_nobody = ledger.withdraw(call, &promise).await;
                }
                Ok(())
            }
        }
    }
}

impl Pending {
    pub fn of(reserved: Option<(ScopedKey, Reservation)>) -> Self {
        Self { reserved, ..Self::default() }
    }

    /// Lambda has taken the call, under this id of its own.
    pub fn taken_as(&mut self, lambda_id: Option<HeaderValue>) {
        self.lambda_id = lambda_id.and_then(|id| id.to_str().ok().map(str::to_owned));
    }
}

fn unknown(error: &LedgerError) -> Rejection {
    tracing::error!(error = error as &dyn std::error::Error, "the ledger does not answer");
    Rejection::Unreachable
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use bytes::Bytes;
    use event_queue::{EventQueue, Limits};

    use super::*;
    use crate::ledger::{
        Alarm, Cell, Key, LedgerError, Scanned, Space, StoredTable, Table, TableFuture, When,
    };

    /// A table that takes no promise any more.
    #[derive(Debug)]
    struct Full(StoredTable);

    impl Table for Full {
        fn get<'a>(&'a self, key: &'a Key) -> TableFuture<'a, Option<Bytes>> {
            self.0.get(key)
        }

        fn put<'a>(&'a self, key: &'a Key, cell: Cell, when: When) -> TableFuture<'a, bool> {
            match key.space {
                Space::Requests => self.0.put(key, cell, when),
                Space::Promises => Box::pin(async { Err(LedgerError("it is full".into())) }),
            }
        }

        fn remove<'a>(&'a self, key: &'a Key, alarm: Alarm, when: When) -> TableFuture<'a, bool> {
            self.0.remove(key, alarm, when)
        }

        fn overdue(&self, now: SystemTime, most: usize) -> TableFuture<'_, Vec<Key>> {
            self.0.overdue(now, most)
        }

        fn scan(&self, from: Option<String>, most: usize) -> TableFuture<'_, Scanned> {
            self.0.scan(from, most)
        }
    }

    #[tokio::test]
    async fn nobody_is_told_that_a_call_was_made_whose_promise_nobody_looks_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = EventQueue::open(&folder.path().join("events.db"), Limits::default()).unwrap();
        let ledger = Ledger::new(Arc::new(Full(StoredTable::new(store).unwrap())));
        let acceptance = Acceptance {
            rules: Asynchronous::default(),
            keys: SealingKeys::parse(&"ab".repeat(32)).unwrap(),
            ledger: ledger.clone(),
            patience: Some(Duration::from_secs(60)),
            destinations: None,
        };
        let (key, now) = (ScopedKey([7; 32]), SystemTime::now());
        let wanted = Reservation { call: Uuid::from_u128(1), fingerprint: [1; 32], at: now };
        assert_eq!(ledger.reserve(key, wanted).await.unwrap(), Decision::Reserve(wanted));
        let promise = Promise::new("ticket".to_owned(), now, Duration::from_secs(60));
        let pending = Pending { promised: Some((wanted.call, promise)), ..Pending::of(Some((key, wanted))) };
        assert_eq!(acceptance.settle(pending, Ok(())).await, Err(Rejection::Unreachable));
        assert_eq!(ledger.reserve(key, wanted).await.unwrap(), Decision::InProgress);
    }
}
