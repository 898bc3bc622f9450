//! What must be remembered of calls besides what Lambda remembers: which requests can be repeated, and who was promised a
//! callback.
//!
//! ```text
//! gateway    reserve, promise ─► Invoke ─► invoked ─► 202
//! deliverer  destination record ─► failed … ─► delivered, dead or untold
//! sweeper    overdue: invoked long ago, and no record ever came
//! ```
//!
//! One ledger over two tables: this machine's database, or DynamoDB.

use std::{error::Error, sync::Arc};

mod promise;
mod promises;
mod requests;
mod reservation;
mod stored;
mod table;

pub use promise::{Failed, Promise, Standing};
pub use promises::{Listed, Overdue};
pub use reservation::{Decision, Entry, Reservation};
pub use stored::StoredTable;
pub use table::{Alarm, Cell, Key, Scanned, Space, Table, TableFuture, When};

/// Clones remember in the same table.
#[derive(Clone, Debug)]
pub struct Ledger {
    table: Arc<dyn Table>,
}

/// The ledger does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the ledger cannot be read or written")]
pub struct LedgerError(#[source] pub Box<dyn Error + Send + Sync>);

impl Ledger {
    pub fn new(table: Arc<dyn Table>) -> Self {
        Self { table }
    }
}

/// Who loses to another looks at what that one wrote. It takes this many others to lose for good.
const ATTEMPTS: u32 = 5;

#[cfg(test)]
mod tests;
