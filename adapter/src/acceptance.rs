//! What stands between an asynchronous call and its 202: the promise of a callback, sealed into the event, and the memory
//! that makes a repeated request the same one.
//!
//! ```text
//! reserve ─► Invoke ─► invoked ─► 202
//! ```

use std::sync::Arc;

use sha2::{Digest, Sha256};
use stayput_core::{
    Call, Dialect, Exchange, Invocation, Rejection,
    admission::Asynchronous,
    callback::Ticket,
    idempotency::ScopedKey,
    token::{NONCE_BYTES, SealingKeys},
};
use uuid::Uuid;

mod ledger;
mod reservation;
mod stored;

pub use ledger::{Ledger, LedgerError, LedgerFuture};
pub use reservation::{Decision, Entry, Reservation};
pub use stored::StoredLedger;

/// Takes asynchronous calls.
#[derive(Debug)]
pub struct Acceptance {
    pub rules: Asynchronous,
    pub keys: SealingKeys,
    pub ledger: Arc<dyn Ledger>,
}

/// What was found of a call before it is invoked.
#[derive(Clone, Copy, Debug)]
pub enum Admittance {
    /// To be invoked, under this id; what to remember once it was.
    Invoke { id: Uuid, reserved: Option<(ScopedKey, Reservation)> },
    /// It was, under this id.
    Accepted { id: Uuid },
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
    /// As [`Ticket::promise`]; or the system has no randomness.
    pub fn promise(
        &self,
        dialect: &dyn Dialect,
        exchange: &Exchange<'_>,
        call: &Call,
        invocation: &Invocation,
    ) -> Result<Option<String>, Rejection> {
        let Some(ticket) = Ticket::promise(dialect, exchange, call, invocation)? else { return Ok(None) };
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| {
            tracing::error!(%error, "the system has no randomness");
            Rejection::BackendFailed
        })?;
        Ok(Some(ticket.seal(&self.keys, nonce)))
    }

    /// Lambda has taken it, or has not.
    ///
    /// # Errors
    /// That it was taken cannot be remembered: whoever asks again makes the same call again.
    pub async fn settle(
        &self,
        reserved: Option<(ScopedKey, Reservation)>,
        invoked: Result<(), &Rejection>,
    ) -> Result<(), Rejection> {
        let Some((key, reservation)) = reserved else { return Ok(()) };
        match invoked {
            Ok(()) => self.ledger.invoked(key, reservation).await.map_err(|error| unknown(&error)),
            // It may have been taken.
            Err(Rejection::AnswerLost | Rejection::Deadline { .. }) => Ok(()),
            Err(_) => {
                // If it cannot be forgotten now, it is as if whoever asked had never come back.
                let _reserved_for_a_while = self.ledger.forget(key, reservation).await;
                Ok(())
            }
        }
    }
}

fn unknown(error: &LedgerError) -> Rejection {
    tracing::error!(error = error as &dyn std::error::Error, "the ledger does not answer");
    Rejection::Unreachable
}
