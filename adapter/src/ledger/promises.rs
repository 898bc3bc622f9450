//! Promised callbacks.

use std::time::SystemTime;

use bytes::Bytes;
use uuid::Uuid;

use super::{ATTEMPTS, Key, Ledger, LedgerError, Promise, Space, Standing, When};

/// A call that should be over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Overdue {
    pub call: Uuid,
    pub promise: Promise,
}

/// Some promises.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Listed {
    pub promises: Vec<(Uuid, Promise)>,
    /// Where to go on; `None`: that was all.
    pub next: Option<String>,
}

/// Errors of all of these: the table does not answer.
#[allow(clippy::missing_errors_doc, reason = "said once, above")]
impl Ledger {
    /// Before Lambda is asked. One that is there already is the same call's, made again.
    pub async fn promise(&self, call: Uuid, promise: &Promise) -> Result<(), LedgerError> {
        let key = name(call);
        for _ in 0..ATTEMPTS {
            if self.table.put(&key, promise.cell(), When::Absent).await? {
                return Ok(());
            }
            let Some(bytes) = self.table.get(&key).await? else { continue };
            match Promise::decode(&bytes) {
                // Whoever was making it has died. Its time would soon be over, though Lambda gets the call only now.
                Some(known) if known.standing == Standing::Accepted => {
                    self.table.remove(&key, known.alarm(), When::Equals(bytes)).await?;
                }
                Some(_) => return Ok(()),
                None => return self.change(call, |_| Some(promise.clone())).await,
            }
        }
        Err(crowded(call))
    }

    /// Lambda has the call that `promise` was made for, under this id of its own.
    pub async fn invoked(
        &self,
        call: Uuid,
        promise: &Promise,
        lambda_id: Option<String>,
    ) -> Result<(), LedgerError> {
        let mut invoked = promise.clone();
        invoked.invoked(lambda_id.clone());
        let unchanged = When::Equals(promise.encode().into());
        if self.table.put(&name(call), invoked.cell(), unchanged).await? {
            return Ok(());
        }
        let step = |known: Option<Promise>| {
            let mut known = known.unwrap_or_else(|| promise.clone());
            known.invoked(lambda_id.clone());
            Some(known)
        };
        self.change(call, step).await
    }

    /// Lambda does not have the call, and its caller is told so.
    pub async fn withdraw(&self, call: Uuid, promise: &Promise) -> Result<(), LedgerError> {
        let unchanged = When::Equals(promise.encode().into());
        self.table.remove(&name(call), promise.alarm(), unchanged).await.map(drop)
    }

    /// What is remembered of a call. `None`: nothing, or no longer.
    pub async fn promised(&self, call: Uuid) -> Result<Option<Promise>, LedgerError> {
        Ok(self.table.get(&name(call)).await?.and_then(|bytes| Promise::decode(&bytes)))
    }

    /// The deliverer has got further with a call; `unknown` makes one that is not remembered.
    pub async fn settle(
        &self,
        call: Uuid,
        unknown: impl Fn() -> Promise + Send + Sync,
        step: impl Fn(&mut Promise) + Send + Sync,
    ) -> Result<(), LedgerError> {
        let step = |known: Option<Promise>| {
            let mut promise = known.unwrap_or_else(&unknown);
            step(&mut promise);
            Some(promise)
        };
        self.change(call, step).await
    }

    /// Changes what is remembered, if anything is.
    pub async fn steer(
        &self,
        call: Uuid,
        step: impl Fn(&mut Promise) + Send + Sync,
    ) -> Result<(), LedgerError> {
        let step = |known: Option<Promise>| {
            let mut promise = known?;
            step(&mut promise);
            Some(promise)
        };
        self.change(call, step).await
    }

    /// Calls whose outcome should be here, `most` at most.
    pub async fn overdue(&self, now: SystemTime, most: usize) -> Result<Vec<Overdue>, LedgerError> {
        let mut found = Vec::new();
        for key in self.table.overdue(now, most).await? {
            let Some(bytes) = self.table.get(&key).await? else { continue };
            let promise = Promise::decode(&bytes);
            let promise =
                promise.filter(|known| matches!(known.standing, Standing::Accepted | Standing::Invoked));
            if let (Ok(call), Some(promise)) = (Uuid::try_parse(&key.name), promise) {
                found.push(Overdue { call, promise });
            }
        }
        Ok(found)
    }

    /// From where the last ones ended, `most` at most.
    pub async fn list(&self, from: Option<String>, most: usize) -> Result<Listed, LedgerError> {
        let scanned = self.table.scan(from, most).await?;
        let read =
            |(name, bytes): (String, Bytes)| Some((Uuid::try_parse(&name).ok()?, Promise::decode(&bytes)?));
        Ok(Listed { promises: scanned.cells.into_iter().filter_map(read).collect(), next: scanned.next })
    }

    /// `step` may be asked again, if somebody else was faster.
    async fn change(
        &self,
        call: Uuid,
        step: impl Fn(Option<Promise>) -> Option<Promise> + Send + Sync,
    ) -> Result<(), LedgerError> {
        let key = name(call);
        for _ in 0..ATTEMPTS {
            let before = self.table.get(&key).await?;
            let known = before.as_deref().and_then(Promise::decode);
            let Some(changed) = step(known.clone()) else { return Ok(()) };
            if known.as_ref() == Some(&changed) {
                return Ok(());
            }
            let when = before.map_or(When::Absent, When::Equals);
            if self.table.put(&key, changed.cell(), when).await? {
                return Ok(());
            }
        }
        Err(crowded(call))
    }
}

fn crowded(call: Uuid) -> LedgerError {
    LedgerError(format!("the promise of {call} is changed by too many at once").into())
}

fn name(call: Uuid) -> Key {
    Key { space: Space::Promises, name: call.to_string() }
}
