//! What must be remembered of calls besides what Lambda remembers.

use std::{error::Error, fmt::Debug, future::Future, pin::Pin};

use stayput_core::idempotency::ScopedKey;

use super::{Decision, Reservation};

/// The memory of repeatable calls, for [`REMEMBERED`](super::reservation::REMEMBERED).
pub trait Ledger: Debug + Send + Sync {
    /// Decides about a call, and remembers it where it is to be made.
    fn reserve(&self, key: ScopedKey, wanted: Reservation) -> LedgerFuture<'_, Decision>;

    /// The call that was reserved has been taken by Lambda.
    fn invoked(&self, key: ScopedKey, reserved: Reservation) -> LedgerFuture<'_, ()>;

    /// The call that was reserved has not been taken.
    fn forget(&self, key: ScopedKey, reserved: Reservation) -> LedgerFuture<'_, ()>;
}

pub type LedgerFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, LedgerError>> + Send + 'a>>;

/// The ledger does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the ledger cannot be read or written")]
pub struct LedgerError(#[source] pub Box<dyn Error + Send + Sync>);
