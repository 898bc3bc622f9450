//! Where functions' output and Lambda's own lines go: one writer thread for all, memory bounded.

pub(crate) mod output;
#[cfg(test)]
mod tests;

use std::{
    io::Write,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};
use uuid::Uuid;

use crate::observer::Observer;

/// The terminal, as functions' logs see it. Cheap to clone; lines of one write stay together.
///
/// Writes go to a buffer that a thread of its own empties, so a slow terminal holds up only those who print:
/// once [`BUFFER_BYTES`] wait, functions' pipes are no longer read until there is room.
#[derive(Clone, Debug)]
pub struct LogSink {
    buffer: Option<Arc<Buffer>>,
    /// Sees the lines of calls, too.
    observer: Option<Arc<dyn Observer>>,
}

impl LogSink {
    /// Lines go to stderr.
    pub fn stderr() -> Self {
        Self::to(std::io::stderr())
    }

    /// Lines go nowhere. Log tails are kept all the same.
    pub fn silent() -> Self {
        Self { buffer: None, observer: None }
    }

    /// Lines go to `out`, on a thread of their own that ends when the last clone is dropped and all is written.
    /// What cannot be written is lost.
    pub fn to(mut out: impl Write + Send + 'static) -> Self {
        let buffer = Arc::new(Buffer::default());
        let shared = Arc::clone(&buffer.shared);
        thread::spawn(move || {
            while let Some(mut lines) = shared.take() {
                // Nobody is left to tell that the terminal is gone.
                let _ = out.write_all(&lines).and_then(|()| out.flush());
                lines.clear();
                shared.written(lines);
            }
        });
        Self { buffer: Some(buffer), observer: None }
    }

    pub(crate) fn watched_by(self, observer: Option<Arc<dyn Observer>>) -> Self {
        Self { observer, ..self }
    }

    /// Nobody sees any line.
    pub(crate) fn is_silent(&self) -> bool {
        self.buffer.is_none() && self.observer.is_none()
    }

    /// A line of a call, to whoever watches it.
    pub(crate) fn watch(&self, request_id: Uuid, line: &[&[u8]]) {
        if let Some(observer) = &self.observer {
            observer.line(request_id, line);
        }
    }

    /// Takes all of `lines` and leaves it empty, or takes none because the buffer is full.
    pub(crate) fn append(&self, lines: &mut Vec<u8>) {
        match &self.buffer {
            Some(buffer) => buffer.shared.append(lines),
            None => lines.clear(),
        }
    }

    /// Waits until [`append`](Self::append) would take something.
    pub(crate) async fn room(&self) {
        if let Some(buffer) = &self.buffer {
            buffer.shared.until(|state| state.waiting.len() < BUFFER_BYTES).await;
        }
    }

    /// Waits until everything taken so far has been written, or until [`FLUSH_TIME`] is over: a terminal that stands
    /// still must not hold up the end.
    pub async fn flushed(&self) {
        if let Some(buffer) = &self.buffer {
            let empty = |state: &State| state.waiting.is_empty() && !state.writing;
            let _ = timeout(FLUSH_TIME, buffer.shared.until(empty)).await;
        }
    }
}

/// The end that writers hold; the thread holds only what is shared, so it notices when the last one goes.
#[derive(Debug, Default)]
struct Buffer {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Rung when there is something to write, enough to write at once, or the end.
    work: Condvar,
    /// Rung when something has been written.
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    writing: bool,
    closed: bool,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_one();
    }
}

impl Shared {
    fn append(&self, lines: &mut Vec<u8>) {
        let mut state = self.lock();
        let before = state.waiting.len();
        if before >= BUFFER_BYTES {
            return;
        }
        state.waiting.append(lines);
        let after = state.waiting.len();
        drop(state);
        if (before == 0 && after > 0) || (before < BATCH_BYTES && after >= BATCH_BYTES) {
            self.work.notify_one();
        }
    }

    /// What there is to write, once there is something and a moment has passed in which more may have come: a
    /// thread woken for every line would cost the invocations more than the lines do. `None`: the end.
    fn take(&self) -> Option<Vec<u8>> {
        let idle = |state: &mut State| state.waiting.is_empty() && !state.closed;
        let state = self.work.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let few = |state: &mut State| state.waiting.len() < BATCH_BYTES && !state.closed;
        let (mut state, _) =
            self.work.wait_timeout_while(state, BATCH_TIME, few).unwrap_or_else(PoisonError::into_inner);
        state.writing = !state.waiting.is_empty();
        state.writing.then(|| std::mem::take(&mut state.waiting))
    }

    /// `emptied` is used again for what comes next, unless an outburst has made it large.
    fn written(&self, emptied: Vec<u8>) {
        let mut state = self.lock();
        state.writing = false;
        if state.waiting.capacity() == 0 && emptied.capacity() <= BUFFER_BYTES {
            state.waiting = emptied;
        }
        drop(state);
        self.room.notify_waiters();
    }

    async fn until(&self, holds: impl Fn(&State) -> bool) {
        loop {
            let rings = self.room.notified();
            let mut rings = std::pin::pin!(rings);
            rings.as_mut().enable();
            if holds(&self.lock()) {
                return;
            }
            rings.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long the last lines may take to be written.
const FLUSH_TIME: Duration = Duration::from_secs(1);

/// Lines that wait for the writer, over all functions, in bytes. One write may go beyond it.
const BUFFER_BYTES: usize = 1 << 20;

/// So much is written at once rather than after [`BATCH_TIME`].
const BATCH_BYTES: usize = 64 << 10;

/// How long the writer gathers lines before it writes them. Below what an eye notices.
const BATCH_TIME: Duration = Duration::from_millis(5);
