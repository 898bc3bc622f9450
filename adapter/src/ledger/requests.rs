//! Requests that can be repeated.

use std::time::SystemTime;

use stayput_core::idempotency::ScopedKey;

use super::{
    ATTEMPTS, Alarm, Cell, Decision, Entry, Key, Ledger, LedgerError, Reservation, Space, When,
    reservation::REMEMBERED,
};
use crate::secret::hex;

impl Ledger {
    /// Decides about a call, and remembers it where it is to be made.
    ///
    /// # Errors
    /// As all of these: the table does not answer.
    pub async fn reserve(&self, key: ScopedKey, wanted: Reservation) -> Result<Decision, LedgerError> {
        let key = name(key);
        for _ in 0..ATTEMPTS {
            let found = self.table.get(&key).await?;
            let decision = Entry::decide(found.as_deref().and_then(Entry::decode), wanted);
            let Decision::Reserve(reserved) = decision else { return Ok(decision) };
            let when = found.map_or(When::Absent, When::Equals);
            let entry = Entry { reservation: reserved, invoked: false };
            if self.table.put(&key, cell(entry), when).await? {
                return Ok(decision);
            }
        }
        Ok(Decision::InProgress)
    }

    /// The call that was reserved has been taken by Lambda.
    ///
    /// # Errors
    /// It is made again if it is asked for again.
    pub async fn made(&self, key: ScopedKey, reservation: Reservation) -> Result<(), LedgerError> {
        // Whatever is there: Lambda has it.
        self.table.put(&name(key), cell(Entry { reservation, invoked: true }), When::Always).await.map(drop)
    }

    /// The call that was reserved has not been taken.
    ///
    /// # Errors
    /// It is in progress for a while.
    pub async fn forget(&self, key: ScopedKey, reservation: Reservation) -> Result<(), LedgerError> {
        let ours = Entry { reservation, invoked: false }.encode();
        self.table.remove(&name(key), Alarm::None, When::Equals(ours.into())).await.map(drop)
    }
}

fn name(ScopedKey(hash): ScopedKey) -> Key {
    Key { space: Space::Requests, name: hex(&hash) }
}

fn cell(entry: Entry) -> Cell {
    let expires = SystemTime::now() + REMEMBERED;
    Cell { bytes: entry.encode().into(), expires, alarm: Alarm::None }
}
