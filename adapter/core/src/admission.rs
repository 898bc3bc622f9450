//! May this call happen? Decided from the head alone, in an order that tells strangers nothing.
//!
//! Credential, then what the dialect found wrong with the request, then the function (unknown, foreign and outside
//! the key's scope are one answer), then the right.

use std::sync::Arc;

use crate::{
    Call, Dialect, Exchange, Invocation, Mode, Rejection, keys::Keyring, keys::Right, limits::Limits,
    table::Table, token::Tokens,
};

mod caller;

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
    if call.mode == Mode::Async {
        return Err(Rejection::NotImplemented("asynchronous calls are not available yet"));
    }
    let logs = caller.may(Right::Logs);
    let invocation = Invocation::new(&call, Arc::clone(function), Arc::clone(caller.key), logs);
    Ok((call, invocation))
}

#[cfg(test)]
mod tests;
