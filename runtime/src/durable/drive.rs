//! Runs a handler as far as it comes: sends what its steps have to say, and leaves it once only others can help.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use super::{
    journal::{Journal, JournalError, Writer, Written},
    session::Session,
};
use crate::{Error, panics::guarded};

/// How far a handler has come.
#[derive(Debug)]
pub(crate) enum Reached<T> {
    End(Result<T, Error>),
    /// It waits for what is not of this invocation; or nothing can be written any more.
    Wait,
    /// It cannot go on, and no other try can.
    Fault(Error),
}

/// The handler is polled until it gives way and nothing of it has been woken meanwhile. All that its steps have to say by
/// then leaves in one checkpoint, unless it is too much for one; it is polled again once that is answered. What comes while
/// a checkpoint is under way gathers for the next one.
///
/// # Errors
/// The journal failed; so the invocation does.
pub(crate) async fn drive<T, J: Journal>(
    session: &Session,
    writer: &Writer<'_, J>,
    handler: impl Future<Output = Result<T, Error>>,
) -> Result<Reached<T>, JournalError> {
    let mut handler = pin!(handler);
    let signal = Arc::new(Signal::default());
    let waker = Waker::from(Arc::clone(&signal));
    let mut writing: Option<Writing<'_>> = None;
    let reached = poll_fn(|task| {
        signal.listen(task.waker());
        loop {
            let mut polls = 0;
            while polls < MOST_POLLS && signal.take() {
                polls += 1;
                let polled = guarded(|| handler.as_mut().poll(&mut Context::from_waker(&waker)));
                if let Some(error) = session.take_fatal() {
                    return Poll::Ready(Ok(Reached::Fault(error)));
                }
                match polled {
                    Ok(Poll::Pending) => {}
                    Ok(Poll::Ready(ended)) => return Poll::Ready(Ok(Reached::End(ended))),
                    Err(panic) => return Poll::Ready(Ok(Reached::End(Err(panic)))),
                }
            }
            if writing.is_none() {
                let updates = session.take_batch();
                if !updates.is_empty() {
                    writing = Some(Box::pin(writer.write(updates)));
                }
            }
            if let Some(under_way) = &mut writing {
                let Poll::Ready(written) = under_way.as_mut().poll(task) else {
                    if signal.is_set() {
                        task.waker().wake_by_ref();
                    }
                    return Poll::Pending;
                };
                writing = None;
                match written? {
                    Written::News(told) => session.learn(told),
                    Written::Paused => return Poll::Ready(Ok(Reached::Wait)),
                }
            } else if signal.is_set() {
                // It wakes itself again and again. Perhaps it has used up what Tokio grants it for one turn.
                task.waker().wake_by_ref();
                return Poll::Pending;
            } else if session.waits_for_the_journal() {
                return Poll::Ready(Ok(Reached::Wait));
            } else {
                return Poll::Pending;
            }
        }
    })
    .await?;
    // One that is under way is not cut off: what it says has happened.
    if let Some(under_way) = writing
        && let Written::News(told) = under_way.await?
    {
        session.learn(told);
    }
    Ok(reached)
}

type Writing<'a> = Pin<Box<dyn Future<Output = Result<Written, JournalError>> + 'a>>;

/// A handler that wakes itself is polled so often before what it has said is sent. Ours.
const MOST_POLLS: usize = 64;

/// Whether the handler is to be polled, from whatever thread that is said.
struct Signal {
    is_set: AtomicBool,
    listener: Mutex<Option<Waker>>,
}

impl Default for Signal {
    fn default() -> Self {
        Self { is_set: AtomicBool::new(true), listener: Mutex::default() }
    }
}

impl Signal {
    fn listen(&self, waker: &Waker) {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if !listener.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *listener = Some(waker.clone());
        }
    }

    fn take(&self) -> bool {
        self.is_set.swap(false, Ordering::AcqRel)
    }

    fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_set.store(true, Ordering::Release);
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(listener) = listener {
            listener.wake();
        }
    }
}
