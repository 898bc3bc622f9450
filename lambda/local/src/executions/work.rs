//! Whoever looks at executions when their time has come.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit},
    task::JoinSet,
};

use super::{AT_ONCE, Executions, store::StoreError};
use crate::alarm;

/// Rings when an execution is to be looked at earlier than any that the worker knows of.
#[derive(Debug, Default)]
pub(super) struct Bell {
    /// Milliseconds.
    next: AtomicU64,
    rings: Notify,
}

impl Bell {
    fn ring(&self, due: u64) {
        if due < self.next.fetch_min(due, Ordering::AcqRel) || due == AT_ONCE {
            self.rings.notify_one();
        }
    }
}

/// Those that are in hand.
#[derive(Debug, Default)]
pub(super) struct Taken(Mutex<HashSet<String>>);

impl Taken {
    fn ids(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Executions {
    /// The execution is to be looked at then.
    pub(super) fn ring(&self, id: &str, due: u64) {
        // Whoever serves it looks by itself whether it is to be invoked again.
        if due != AT_ONCE || !self.served.ids().contains(id) {
            self.bell.ring(due);
        }
    }

    /// Until the service closes.
    pub(super) async fn work(self: &Arc<Self>) {
        let mut closing = self.runner.driver.closing();
        let mut working = JoinSet::new();
        if let Err(error) = self.run_again().await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "functions invoked by executions stay open"
            );
        }
        while !self.runner.driver.is_closing() {
            while working.try_join_next().is_some() {}
            // From here on, what becomes due rings.
            self.bell.next.store(u64::MAX, Ordering::Release);
            let wait = self.take(&mut working).await.unwrap_or_else(|error| {
                tracing::error!(error = &error as &dyn std::error::Error, "executions wait for the disk");
                Some(DISK_PAUSE)
            });
            tokio::select! {
                () = closing.begins() => break,
                () = alarm::after(wait) => {}
                () = self.bell.rings.notified() => {}
            }
        }
        while working.join_next().await.is_some() {}
    }

    /// Takes everything in hand that is due and has a place, and says when there will be more.
    async fn take(self: &Arc<Self>, working: &mut JoinSet<()>) -> Result<Option<Duration>, StoreError> {
        let room = self.places.available_permits();
        if room > 0 {
            let in_hand = self.served.ids().len();
            for (id, _) in self.store.due(AT_ONCE, AT_ONCE, room + in_hand).await? {
                let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { break };
                self.hand(working, id, Some(place));
            }
        }
        let now = self.now().0;
        let passed = self.store.due(AT_ONCE + 1, now, TIMERS).await?;
        let are_more = passed.len() == TIMERS;
        for (id, _) in passed {
            self.hand(working, id, None);
        }
        if are_more {
            return Ok(Some(TIMERS_PAUSE));
        }
        let next = self.store.due(now + 1, i64::MAX.unsigned_abs(), 1).await?;
        let Some((_, due)) = next.first() else { return Ok(None) };
        self.bell.next.fetch_min(*due, Ordering::AcqRel);
        Ok(Some(Duration::from_millis(due.saturating_sub(self.now().0))))
    }

    fn hand(self: &Arc<Self>, working: &mut JoinSet<()>, id: String, place: Option<OwnedSemaphorePermit>) {
        let taken = if place.is_some() { &self.served } else { &self.ticked };
        if !taken.ids().insert(id.clone()) {
            return;
        }
        let executions = Arc::clone(self);
        working.spawn(async move {
            match place {
                Some(place) => {
                    executions.serve(&id, place).await;
                    executions.served.ids().remove(&id);
                }
                None => {
                    executions.tick(&id).await;
                    executions.ticked.ids().remove(&id);
                }
            }
            // There is a place again, and perhaps it is due again.
            executions.bell.rings.notify_one();
        });
    }
}

/// Executions taken in hand at once because their time has come: each is in memory then. Ours.
const TIMERS: usize = 256;

/// Before the next ones are, if that was not all.
const TIMERS_PAUSE: Duration = Duration::from_millis(5);

/// Before a disk that failed is asked again.
const DISK_PAUSE: Duration = Duration::from_secs(1);
