//! May this call happen? Decided from the head alone, in an order that tells strangers nothing.
//!
//! Credential, then what the dialect found wrong with the request, then the function (unknown, foreign and outside
//! the key's scope are one answer), then the right.

use std::{net::IpAddr, sync::Arc};

use http::request;

use crate::{
    Call, Dialect, Invocation, Mode, Rejection,
    keys::{Keyring, Right},
    table::Table,
};

/// What became of a request that some dialect claims.
pub type Admitted = Result<(Call, Invocation), Rejection>;

/// Parses and admits in the one right order. `None`: not this dialect's route.
pub fn recognise(
    dialect: &dyn Dialect,
    head: &request::Parts,
    peer: IpAddr,
    keys: &Keyring,
    table: &Table,
) -> Option<Admitted> {
    let parsed = dialect.parse(head)?;
    Some(admit(dialect, head, parsed, peer, keys, table))
}

fn admit(
    dialect: &dyn Dialect,
    head: &request::Parts,
    parsed: Result<Call, Rejection>,
    peer: IpAddr,
    keys: &Keyring,
    table: &Table,
) -> Admitted {
    let key = keys.authenticate(dialect.name(), dialect.credential(head).as_ref(), peer)?;
    let call = parsed?;
    let function = table
        .find(dialect.name(), &call.function)
        .filter(|_| key.sees(&call.function))
        .ok_or(Rejection::UnknownFunction)?;
    let right = match call.mode {
        Mode::Sync => Right::Invoke,
        Mode::Async => Right::Async,
    };
    if !key.may(right) {
        return Err(Rejection::Forbidden { right });
    }
    if call.mode == Mode::Async {
        return Err(Rejection::NotImplemented("asynchronous calls are not available yet"));
    }
    let invocation = Invocation::new(&call, Arc::clone(function), Arc::clone(key), key.may(Right::Logs));
    Ok((call, invocation))
}
