//! What a connection is doing, told by the connection and read by whoever watches it: a few relaxed stores a request,
//! no clock and no timer.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    task::Waker,
};

use super::refusal::Refusal;

/// Shared by a connection's parts and its watcher. Everything in it is a hint to the watcher or a flag that is set
/// once, so no order between the fields is promised.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// A [`Stage`].
    stage: AtomicU8,
    /// A [`Missing`].
    missing: AtomicU8,
    write_blocked: AtomicBool,
    read_bytes: AtomicU64,
    written_bytes: AtomicU64,
    /// Heads that were let in.
    heads: AtomicU32,
    /// Calls that began.
    calls: AtomicU32,
    /// A call has begun whose answer is not all in HTTP's hands.
    in_flight: AtomicBool,
    /// The watcher: no further request here.
    closing: AtomicBool,
    /// The watcher: what is missing took too long.
    too_slow: AtomicBool,
    /// An answer whose end is the connection's could not be finished.
    broken_off: AtomicBool,
    over: AtomicBool,
    /// Why the last head on this connection was not let in.
    refusal: OnceLock<Refusal>,
    waker: OnceLock<Waker>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    Handshake,
    Http,
    Linger,
}

/// What is read for, and does not come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Missing {
    Nothing,
    Request,
    Head,
    Body,
}

/// What a connection waits for, by its own account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Waiting {
    /// For nothing that is the caller's to do.
    No,
    Handshake,
    /// For the next request.
    Idle,
    Head,
    Body,
    /// For the caller to take what was written.
    Reader,
    /// For the caller to close a connection that is over.
    Linger,
}

/// A call from its beginning until its answer is in HTTP's hands or given up.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Pulse>);

impl Pulse {
    pub(super) fn new(stage: Stage) -> Arc<Self> {
        let pulse = Self::default();
        pulse.stage(stage);
        Arc::new(pulse)
    }

    pub(super) fn stage(&self, stage: Stage) {
        self.stage.store(stage as u8, Relaxed);
    }

    pub(super) fn missing(&self, missing: Missing) {
        self.missing.store(missing as u8, Relaxed);
    }

    pub(super) fn read(&self, total: u64) {
        self.missing(Missing::Nothing);
        self.read_bytes.store(total, Relaxed);
    }

    pub(super) fn wrote(&self, total: u64) {
        self.written_bytes.store(total, Relaxed);
        self.write_blocked(false);
    }

    pub(super) fn write_blocked(&self, blocked: bool) {
        self.write_blocked.store(blocked, Relaxed);
    }

    pub(super) fn break_off(&self) {
        self.broken_off.store(true, Relaxed);
    }

    pub(super) fn is_broken_off(&self) -> bool {
        self.broken_off.load(Relaxed)
    }

    pub(super) fn is_write_blocked(&self) -> bool {
        self.write_blocked.load(Relaxed)
    }

    pub(super) fn heads_passed(&self, heads: u32) {
        self.heads.fetch_add(heads, Relaxed);
    }

    pub(super) fn call_begins(self: &Arc<Self>) -> InFlight {
        self.in_flight.store(true, Relaxed);
        self.calls.fetch_add(1, Relaxed);
        InFlight(Arc::clone(self))
    }

    /// Calls that have begun.
    pub(super) fn turn(&self) -> u32 {
        self.calls.load(Relaxed)
    }

    pub(super) fn has_call(&self) -> bool {
        self.in_flight.load(Relaxed) || !self.is_up_to_date()
    }

    /// Has a call begun for every head that was let in?
    pub(super) fn is_up_to_date(&self) -> bool {
        self.calls.load(Relaxed) == self.heads.load(Relaxed)
    }

    /// Nothing is running and nothing is left to be written.
    pub(super) fn is_quiet(&self) -> bool {
        !self.has_call() && !self.write_blocked.load(Relaxed)
    }

    pub(super) fn refuse(&self, refusal: Refusal) {
        let _only_the_first_counts = self.refusal.set(refusal);
    }

    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.refusal.get().copied()
    }

    /// Called by the connection's own task, whose waker is always the same.
    pub(super) fn wake_with(&self, waker: &Waker) {
        self.waker.get_or_init(|| waker.clone());
    }

    /// The connection ends as soon as no request is on it.
    pub(super) fn close(&self) {
        self.closing.store(true, Relaxed);
        self.wake();
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Relaxed)
    }

    /// What the connection waits for need not come any more.
    pub(super) fn give_up_waiting(&self) {
        self.too_slow.store(true, Relaxed);
        self.wake();
    }

    pub(super) fn is_too_slow(&self) -> bool {
        self.too_slow.load(Relaxed)
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }

    pub(super) fn over(&self) {
        self.over.store(true, Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    /// What is waited for, and the bytes that have moved in that direction.
    pub(super) fn waiting(&self) -> (Waiting, u64) {
        let stage = self.stage.load(Relaxed);
        let missing = self.missing.load(Relaxed);
        if stage == Stage::Handshake as u8 {
            (Waiting::Handshake, 0)
        } else if stage == Stage::Linger as u8 {
            (Waiting::Linger, 0)
        } else if self.write_blocked.load(Relaxed) {
            (Waiting::Reader, self.written_bytes.load(Relaxed))
        } else if missing == Missing::Head as u8 {
            (Waiting::Head, 0)
        } else if missing == Missing::Body as u8 {
            (Waiting::Body, self.read_bytes.load(Relaxed))
        } else if missing == Missing::Request as u8 && !self.has_call() {
            (Waiting::Idle, 0)
        } else {
            (Waiting::No, 0)
        }
    }
}

impl InFlight {
    /// Is no further request to come? Those that were read already are answered before the end.
    pub(super) fn is_last(&self) -> bool {
        self.0.is_closing() && self.0.is_up_to_date()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.store(false, Relaxed);
    }
}
