//! The thread that owns the store. Whatever waits is the next commit: while one is being synced, the next gathers.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, PoisonError,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use tokio::sync::watch;

use super::{Letter, Shared};
use crate::{
    batch::{Batch, Leased},
    engine::{Engine, Reply, Request},
    limits::{CHORE_PAUSE, MAX_GROUP_REQUESTS},
    moment::{Moment, Pause},
    store::Store,
};

pub(super) struct Writer<S> {
    engine: Engine<S>,
    letters: Receiver<Letter>,
    shared: Arc<Shared>,
    /// When the next round of chores may begin.
    chores_from: Moment,
}

impl<S: Store> Writer<S> {
    pub(super) fn new(engine: Engine<S>, letters: Receiver<Letter>, shared: Arc<Shared>) -> Self {
        Self { engine, letters, shared, chores_from: Moment::default() }
    }

    /// Until the last handle is dropped and everything that was given is answered.
    pub(super) fn run(&mut self, jitter: &mut dyn FnMut() -> f64) {
        loop {
            match self.letters.recv_timeout(self.patience()) {
                Ok(first) => self.group(first, jitter),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.chores(jitter);
            self.tell();
        }
    }

    /// Tells the waiting consumers what has changed.
    pub(super) fn tell(&mut self) {
        self.shared.commits.store(self.engine.commits(), Ordering::Relaxed);
        let mut due = self.shared.due.lock().unwrap_or_else(PoisonError::into_inner);
        for (queue, moment) in self.engine.take_news() {
            due.entry(queue).or_insert_with(|| watch::Sender::new(None)).send_replace(moment);
        }
        // A queue without waiting rows and consumers is forgotten.
        due.retain(|_, sender| sender.borrow().is_some() || sender.receiver_count() > 0);
    }

    fn group(&mut self, first: Letter, jitter: &mut dyn FnMut() -> f64) {
        let mut letters = vec![first];
        letters.extend(self.letters.try_iter().take(MAX_GROUP_REQUESTS - 1));
        let bytes: usize = letters.iter().map(|letter| letter.size_bytes).sum();
        let (requests, senders): (Vec<_>, Vec<_>) =
            letters.into_iter().map(|letter| (letter.request, letter.answer)).unzip();
        let replies = self.engine.run(&requests, self.shared.clock.now(), jitter);
        drop(requests);
        self.shared.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.tell();
        let mut unwanted = Vec::new();
        for (sender, reply) in senders.into_iter().zip(replies) {
            if let Err(Ok(Reply::Leased(leased))) = sender.send(reply) {
                unwanted.push(Request::Batch(give_back(&leased)));
            }
        }
        if !unwanted.is_empty() {
            // If it fails the leases end by themselves.
            let _ = self.engine.run(&unwanted, self.shared.clock.now(), jitter);
        }
    }

    fn chores(&mut self, jitter: &mut dyn FnMut() -> f64) {
        let now = self.shared.clock.now();
        let due = self.engine.next_chore().is_some_and(|chore| chore <= now);
        if due && self.chores_from <= now && self.engine.stopped().is_none() {
            // If the disk is full or locked it is tried again after the pause; what is fatal, callers are told.
            let _ = self.engine.chores(now, jitter);
            self.chores_from = self.shared.clock.now() + CHORE_PAUSE;
        }
    }

    /// How long to wait for a letter before there are chores.
    fn patience(&self) -> Duration {
        match self.engine.next_chore() {
            Some(chore) if self.engine.stopped().is_none() => {
                chore.max(self.chores_from).since(self.shared.clock.now()).min(LONGEST_WAIT)
            }
            Some(_) | None => LONGEST_WAIT,
        }
    }
}

fn give_back(leased: &[Leased]) -> Batch {
    leased.iter().fold(Batch::new(), |batch, leased| batch.release(&leased.claim(), Pause::NONE))
}

/// Numbers in 0.0..1.0 to spread pauses with; nothing secret hangs on them (splitmix64).
pub(super) fn jitter() -> impl FnMut() -> f64 + Send {
    let mut state = RandomState::new().hash_one(0);
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let mantissa = u32::try_from((mixed ^ (mixed >> 31)) >> 32).expect("the upper half");
        f64::from(mantissa) / (f64::from(u32::MAX) + 1.0)
    }
}

/// A wait without chores. Any value does.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
