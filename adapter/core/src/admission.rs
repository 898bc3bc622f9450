//! May this call happen? Decided from the head alone, in an order that tells strangers nothing.
//!
//! Credential, then what the dialect found wrong with the request, then the function (unknown, foreign and outside
//! the key's scope are one answer), then the right.

use std::sync::Arc;

use lambda_protocol::quotas::SYNC_REQUEST_BYTES;

use crate::{
    Call, Dialect, Exchange, Invocation, Mode, Rejection, keys::Keyring, keys::Right, limits::Limits,
    table::Table, token::Tokens,
};

mod asynchronous;
mod caller;

pub use asynchronous::{Asynchronous, CALLBACK_EVENT_BYTES};
pub use caller::{Caller, authenticate};

/// What became of a request that some dialect claims.
pub type Admitted = Result<(Call, Invocation), Rejection>;

/// What it is decided by: the operator's rows, and what is remembered of callers.
#[derive(Clone, Copy, Debug)]
pub struct Desk<'a> {
    pub keys: &'a Keyring,
    pub table: &'a Table,
    pub limits: &'a Limits,
    /// `None`: no tokens are given out, and so none are taken.
    pub tokens: Option<&'a Tokens>,
    /// `None`: asynchronous calls are not taken.
    pub asynchronous: Option<&'a Asynchronous>,
}

/// Parses and admits in the one right order. `None`: not this dialect's route.
pub fn recognise(dialect: &dyn Dialect, exchange: &Exchange<'_>, desk: &Desk<'_>) -> Option<Admitted> {
    let parsed = dialect.parse(exchange.head)?;
    Some(admit(dialect, exchange, parsed, desk))
}

fn admit(
    dialect: &dyn Dialect,
    exchange: &Exchange<'_>,
    parsed: Result<Call, Rejection>,
    desk: &Desk<'_>,
) -> Admitted {
    let caller = Caller::identify(dialect, exchange, desk)?;
    let call = parsed?;
    let function = desk
        .table
        .find(dialect.name(), &call.function)
        .filter(|_| caller.key.sees(&call.function))
        .ok_or(Rejection::UnknownFunction)?;
    let right = match call.mode {
        Mode::Sync => Right::Invoke,
        Mode::Async => Right::Async,
    };
    if !caller.may(right) {
        return Err(Rejection::Forbidden { right });
    }
    let event_limit = match (call.mode, desk.asynchronous) {
        (Mode::Sync, _) => SYNC_REQUEST_BYTES,
        (Mode::Async, Some(asynchronous)) => asynchronous.admit(&call, caller.key, function)?,
        (Mode::Async, None) => {
            return Err(Rejection::NotImplemented("asynchronous calls are not available yet"));
        }
    };
    let logs = caller.may(Right::Logs);
    let invocation = Invocation::new(&call, Arc::clone(function), Arc::clone(caller.key), logs, event_limit);
    Ok((call, invocation))
}

#[cfg(test)]
mod tests;
