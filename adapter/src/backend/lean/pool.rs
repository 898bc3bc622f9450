//! Idle connections to Lambda: a stack for each thread, so that the connection taken is the one used last and its
//! task lives where the call does.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;

use crate::stripe;

/// Writes requests on one connection.
pub(super) type Sender = SendRequest<Full<Bytes>>;

/// The idle connections of one backend.
#[derive(Debug)]
pub(super) struct Pool {
    shelves: [Mutex<VecDeque<Idle>>; SHELVES],
    /// An idle connection is not used after this: the other side may be closing it.
    keep: Duration,
}

#[derive(Debug)]
struct Idle {
    sender: Sender,
    since: Instant,
}

impl Pool {
    pub(super) fn new(keep: Duration) -> Self {
        Self { shelves: std::array::from_fn(|_| Mutex::default()), keep }
    }

    /// A connection that can take a request now, if there is one.
    pub(super) fn take(&self, now: Instant) -> Option<Sender> {
        let mut shelf = self.shelf();
        while let Some(idle) = shelf.pop_back() {
            if now.saturating_duration_since(idle.since) > self.keep {
                // All below have been idle for longer.
                shelf.clear();
                return None;
            }
            if idle.sender.is_ready() {
                return Some(idle.sender);
            }
        }
        None
    }

    /// Takes back a connection whose last answer has been read to its end.
    pub(super) fn put(&self, sender: Sender, now: Instant) {
        if sender.is_closed() {
            return;
        }
        let mut shelf = self.shelf();
        // The longest idle lies lowest. One look at each return keeps the shelf clean without a sweeper.
        let stale = shelf.front().is_some_and(|idle| {
            idle.sender.is_closed() || now.saturating_duration_since(idle.since) > self.keep
        });
        if stale || shelf.len() >= MAX_IDLE {
            shelf.pop_front();
        }
        shelf.push_back(Idle { sender, since: now });
    }

    fn shelf(&self) -> std::sync::MutexGuard<'_, VecDeque<Idle>> {
        self.shelves[stripe::of_thread() % SHELVES].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Threads beyond these share. A shared shelf is correct, only slower: its connections' tasks live on other threads.
const SHELVES: usize = 64;

/// Idle connections on a shelf.
const MAX_IDLE: usize = 1_024;
