//! The ledger in the database of this machine.

use std::sync::{Arc, Mutex, PoisonError};

use event_queue::{Batch, Error, EventQueue, Failure, Reader, Refusal, Slot, Value, When};
use stayput_core::idempotency::ScopedKey;

use super::{Decision, Entry, Ledger, LedgerError, LedgerFuture, Reservation, reservation::REMEMBERED};

/// Values of an [`EventQueue`].
#[derive(Clone, Debug)]
pub struct StoredLedger {
    store: EventQueue,
    memory: Arc<Mutex<Reader>>,
}

impl StoredLedger {
    /// # Errors
    /// The database cannot be opened for reading.
    pub fn new(store: EventQueue) -> Result<Self, Failure> {
        let memory = Arc::new(Mutex::new(store.reader()?));
        Ok(Self { store, memory })
    }

    async fn decide(&self, key: ScopedKey, wanted: Reservation) -> Result<Decision, LedgerError> {
        // Who loses to another request looks at what that one wrote. It takes a third to lose again.
        for _ in 0..ATTEMPTS {
            let found = self.look(slot(key)).await?;
            let decision = Entry::decide(found.as_deref().and_then(Entry::decode), wanted);
            let Decision::Reserve(reserved) = decision else { return Ok(decision) };
            let when = found.map_or(When::Absent, |bytes| When::Equals(bytes.into()));
            if self.write(key, Entry { reservation: reserved, invoked: false }, when).await? {
                return Ok(decision);
            }
        }
        Ok(Decision::InProgress)
    }

    async fn look(&self, slot: Slot) -> Result<Option<Vec<u8>>, LedgerError> {
        let (memory, now) = (Arc::clone(&self.memory), self.store.now());
        let look = tokio::task::spawn_blocking(move || {
            memory.lock().unwrap_or_else(PoisonError::into_inner).value(&slot, now)
        });
        let found = look.await.map_err(|error| LedgerError(error.into()))?;
        let found = found.map_err(|error| LedgerError(error.into()))?;
        Ok(found.map(|value| value.bytes.into()))
    }

    /// False: what is there is not what it should be.
    async fn write(&self, key: ScopedKey, entry: Entry, when: When) -> Result<bool, LedgerError> {
        let expires = Some(self.store.now() + REMEMBERED);
        let value = Value { bytes: entry.encode().into(), expires };
        self.submit(Batch::new().set(slot(key), value, when)).await
    }

    async fn submit(&self, batch: Batch) -> Result<bool, LedgerError> {
        match self.store.submit(batch).await {
            Ok(_) => Ok(true),
            Err(Error::Refused(Refusal::Condition(_))) => Ok(false),
            Err(error) => Err(LedgerError(error.into())),
        }
    }
}

impl Ledger for StoredLedger {
    fn reserve(&self, key: ScopedKey, wanted: Reservation) -> LedgerFuture<'_, Decision> {
        Box::pin(self.decide(key, wanted))
    }

    fn invoked(&self, key: ScopedKey, reservation: Reservation) -> LedgerFuture<'_, ()> {
        Box::pin(async move {
            // Whatever is there: Lambda has it.
            self.write(key, Entry { reservation, invoked: true }, When::Always).await.map(|_| ())
        })
    }

    fn forget(&self, key: ScopedKey, reservation: Reservation) -> LedgerFuture<'_, ()> {
        Box::pin(async move {
            let ours = Entry { reservation, invoked: false }.encode();
            self.submit(Batch::new().unset(slot(key), When::Equals(ours.into()))).await.map(|_| ())
        })
    }
}

fn slot(ScopedKey(hash): ScopedKey) -> Slot {
    let name: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    Slot::parse("idempotency", &name).expect("hex digits are a name")
}

const ATTEMPTS: u32 = 3;

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use event_queue::Limits;
    use uuid::Uuid;

    use super::*;

    fn wanted(call: u128) -> Reservation {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        Reservation { call: Uuid::from_u128(call), fingerprint: [1; 32], at }
    }

    #[tokio::test]
    async fn of_many_requests_at_once_one_makes_the_call_and_all_that_come_after_get_its_id() {
        let folder = tempfile::tempdir().unwrap();
        let open = || EventQueue::open(&folder.path().join("events.db"), Limits::default()).unwrap();
        let key = ScopedKey([7; 32]);
        {
            let ledger = StoredLedger::new(open()).unwrap();
            let decisions = all_at_once(&ledger, key).await;
            let reserved: Vec<_> =
                decisions.iter().filter(|decision| matches!(decision, Decision::Reserve(_))).collect();
            assert_eq!(reserved.len(), 1, "{decisions:?}");
            let Decision::Reserve(reserved) = *reserved[0] else { unreachable!() };
            ledger.invoked(key, reserved).await.unwrap();
            let again = ledger.reserve(key, wanted(99)).await.unwrap();
            assert_eq!(again, Decision::Replay(reserved.call));
        }
        let ledger = StoredLedger::new(open()).unwrap();
        assert!(
            matches!(ledger.reserve(key, wanted(99)).await.unwrap(), Decision::Replay(_)),
            "after a restart"
        );
    }

    #[tokio::test]
    async fn what_lambda_did_not_take_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = EventQueue::open(&folder.path().join("events.db"), Limits::default()).unwrap();
        let ledger = StoredLedger::new(store).unwrap();
        let key = ScopedKey([7; 32]);
        assert_eq!(ledger.reserve(key, wanted(1)).await.unwrap(), Decision::Reserve(wanted(1)));
        assert_eq!(ledger.reserve(key, wanted(2)).await.unwrap(), Decision::InProgress);
        ledger.forget(key, wanted(1)).await.unwrap();
        assert_eq!(ledger.reserve(key, wanted(2)).await.unwrap(), Decision::Reserve(wanted(2)));
    }

    async fn all_at_once(ledger: &StoredLedger, key: ScopedKey) -> Vec<Decision> {
        let tasks: tokio::task::JoinSet<_> = (0..8)
            .map(|call| {
                let ledger = ledger.clone();
                async move { ledger.reserve(key, wanted(call)).await.unwrap() }
            })
            .collect();
        tasks.join_all().await
    }
}
