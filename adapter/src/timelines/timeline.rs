//! What happened to one call.

use std::{collections::VecDeque, time::SystemTime};

use serde::{Deserialize, Serialize};

/// What happened to one call, within [`MAX_CALL_BYTES`].
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    received: Option<Received>,
    caller_ids: Vec<String>,
    entries: VecDeque<Entry>,
    bytes: usize,
    left_out: u64,
}

/// What its caller asked for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Received {
    pub dialect: String,
    /// `None`, as the others: it was not admitted.
    pub function: Option<String>,
    /// The label.
    pub key: Option<String>,
    pub mode: Option<String>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    pub at: SystemTime,
    pub what: What,
    pub text: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// By the gateway.
    Received,
    Answered,
    /// By Lambda.
    Queued,
    Attempt,
    /// An attempt, and there will be another.
    Failed,
    /// Lines of the function's log that came together.
    Log,
    /// There is no further attempt.
    Outcome,
    /// A post to the caller's URL.
    Callback,
    Delivered,
    Dead,
    /// The operator did something with it.
    Operator,
}

impl Timeline {
    /// Where there is no room, the oldest lines of the log go first.
    pub(crate) fn push(&mut self, entry: Entry) {
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.bytes > MAX_CALL_BYTES {
            let oldest = self.entries.iter().position(|entry| entry.what == What::Log).unwrap_or_default();
            let Some(gone) = self.entries.remove(oldest) else { return };
            self.bytes -= gone.bytes();
            self.left_out += gone.text.lines().count() as u64;
        }
    }

    pub(super) fn received(&mut self, received: Received) {
        self.received = Some(received);
    }

    /// A call that is repeated may have several names.
    pub(super) fn named(&mut self, caller_id: Option<&str>) {
        let Some(id) = caller_id.filter(|id| !self.is_named(id)) else { return };
        if self.caller_ids.len() < MAX_CALLER_IDS {
            self.caller_ids.push(id.to_owned());
        }
    }

    pub(super) fn is_named(&self, id: &str) -> bool {
        self.caller_ids.iter().any(|named| named == id)
    }

    /// With what holds it.
    pub(super) fn bytes(&self) -> usize {
        let caller_ids: usize = self.caller_ids.iter().map(String::len).sum();
        self.bytes + caller_ids + CALL_OVERHEAD_BYTES
    }

    /// `None`: it did not come through the gateway.
    pub fn asked(&self) -> Option<&Received> {
        self.received.as_ref()
    }

    /// The caller's own ids for it.
    pub fn caller_ids(&self) -> &[String] {
        &self.caller_ids
    }

    /// In the order of time.
    pub fn entries(&self) -> Vec<&Entry> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by_key(|entry| entry.at);
        entries
    }

    /// Lines for which there was no room.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        self.text.len() + size_of::<Self>()
    }
}

impl What {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Answered => "answered",
            Self::Queued => "queued",
            Self::Attempt => "attempt",
            Self::Failed => "failed",
            Self::Log => "log",
            Self::Outcome => "outcome",
            Self::Callback => "callback",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Operator => "operator",
        }
    }
}

/// Of one call's entries, what holds them included.
pub(super) const MAX_CALL_BYTES: usize = 64 << 10;

/// What a call costs besides its entries, its place in the index included, rounded up.
const CALL_OVERHEAD_BYTES: usize = 512;

const MAX_CALLER_IDS: usize = 8;
