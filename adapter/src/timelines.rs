//! What happened to each of the last calls, in memory and within bounds: for the laptop, where somebody asks why.
//!
//! ```text
//! gateway (received, answered) ─┐
//! embedded Lambda (runs, log) ──┼─► Timelines ─► GET /calls/{id}, stayput logs
//! deliverer (posts, their end) ─┘
//! ```
//!
//! It holds no payload, no credential and nothing of a callback's URL but its origin; what a function prints is the
//! function's affair.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use stayput_core::Mode;
use uuid::Uuid;

use crate::access_log::{Finished, NO_DIALECT};

mod timeline;

pub use timeline::{Entry, Received, Timeline, What};

/// The timelines. Clones are the same ones.
#[derive(Clone, Debug, Default)]
pub struct Timelines(Arc<Mutex<Store>>);

#[derive(Debug, Default)]
struct Store {
    calls: HashMap<Uuid, Timeline>,
    /// Of `calls`, the oldest first.
    order: VecDeque<Uuid>,
    bytes: usize,
}

impl Timelines {
    pub fn note(&self, call: Uuid, at: SystemTime, what: What, text: impl Into<String>) {
        let text = text.into();
        self.store().change(call, |timeline| timeline.push(Entry { at, what, text }));
    }

    /// The gateway is done with a request: it came, and was answered.
    pub fn finished(&self, finished: &Finished<'_>) {
        if finished.dialect == NO_DIALECT {
            return;
        }
        let came = finished.time.checked_sub(finished.duration).unwrap_or(finished.time);
        let mode = finished.mode.map_or("-", |mode| match mode {
            Mode::Sync => "sync",
            Mode::Async => "async",
        });
        let (function, key) = (finished.function.unwrap_or("-"), finished.key.unwrap_or("-"));
        let asked = format!("{} {mode} {function}, key {key}", finished.dialect);
        let why = finished.rejection.map(|rejection| format!(", {rejection}")).unwrap_or_default();
        let took_ms = finished.duration.as_secs_f64() * 1e3;
        let answered = format!("{} after {took_ms:.1} ms{why}", finished.status.as_u16());
        self.store().change(finished.request_id, |timeline| {
            timeline.received(Received {
                dialect: finished.dialect.to_owned(),
                function: finished.function.map(str::to_owned),
                key: finished.key.map(str::to_owned),
                mode: finished.mode.map(|_| mode.to_owned()),
            });
            timeline.named(finished.caller_id);
            timeline.push(Entry { at: came, what: What::Received, text: asked });
            timeline.push(Entry { at: finished.time, what: What::Answered, text: answered });
        });
    }

    /// Those of the calls that go by this id, ours or their callers', the latest first. Callers may give several calls the
    /// same one.
    pub fn find(&self, id: &str) -> Vec<(Uuid, Timeline)> {
        let ours = Uuid::try_parse(id).ok();
        let store = self.store();
        let latest_first = store.order.iter().rev().filter_map(|call| Some((*call, store.calls.get(call)?)));
        let found = latest_first.filter(|(call, timeline)| Some(*call) == ours || timeline.is_named(id));
        found.map(|(call, timeline)| (call, timeline.clone())).take(MAX_FOUND).collect()
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    fn change(&mut self, call: Uuid, change: impl FnOnce(&mut Timeline)) {
        let timeline = self.calls.entry(call).or_insert_with(|| {
            let new = Timeline::default();
            self.order.push_back(call);
            self.bytes += new.bytes();
            new
        });
        self.bytes -= timeline.bytes();
        change(timeline);
        self.bytes += timeline.bytes();
        while self.order.len() > MAX_CALLS || self.bytes > MAX_BYTES {
            let Some(oldest) = self.order.pop_front() else { return };
            let gone = self.calls.remove(&oldest).expect("what is in order is there");
            self.bytes -= gone.bytes();
        }
    }
}

/// Calls that are remembered.
pub const MAX_CALLS: usize = 2_000;

/// Bytes of all timelines together, what holds them included.
pub const MAX_BYTES: usize = 32 << 20;

/// Calls that one id may find.
const MAX_FOUND: usize = 20;

#[cfg(test)]
mod tests;
