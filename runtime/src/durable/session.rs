//! What one invocation knows of its execution, shared by its steps and by whoever drives them.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    convert::Infallible,
    future::{pending, poll_fn},
    rc::Rc,
    task::{Poll, Waker},
    time::SystemTime,
};

use lambda_durable::{OperationType, OperationUpdate, Told};

use super::{
    identity::{Claim, Claims, StepKind, check_id},
    memory::{Memory, Ticket},
    mismatch::{disagreement, mismatch, nested},
    resolver::Resolver,
    step_error::{StepError, StepErrorKind},
};
use crate::Error;

/// See the module. Not for other threads.
pub(crate) struct Session {
    /// The execution's.
    pub(crate) arn: String,
    memory: RefCell<Memory>,
    claims: RefCell<Claims>,
    /// What is to be said to the journal, in order. What was said at once stays together.
    queue: RefCell<VecDeque<Vec<OperationUpdate>>>,
    /// Those who wait for the journal.
    waiting: RefCell<Waiting>,
    /// Steps' bodies that are being run.
    bodies: Cell<usize>,
    /// One of them is being polled right now.
    is_in_body: Cell<bool>,
    /// Ends the execution, whatever the handler makes of it.
    fatal: RefCell<Option<Error>>,
    pub(crate) resolver: Rc<Resolver>,
    clock: Rc<dyn Fn() -> SystemTime>,
}

#[derive(Default)]
struct Waiting {
    wakers: HashMap<u64, Waker>,
    next: u64,
}

impl Session {
    pub(crate) fn new(
        arn: String,
        told: Vec<Told>,
        resolver: Rc<Resolver>,
        clock: Rc<dyn Fn() -> SystemTime>,
    ) -> Self {
        let mut memory = Memory::default();
        memory.learn(told);
        Self {
            arn,
            memory: memory.into(),
            claims: RefCell::default(),
            queue: RefCell::default(),
            waiting: RefCell::default(),
            bodies: Cell::default(),
            is_in_body: Cell::default(),
            fatal: RefCell::default(),
            resolver,
            clock,
        }
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.clock)()
    }

    // For steps.

    /// A step is called.
    pub(crate) fn claim(&self, id: &str, kind: StepKind) -> Claim {
        if self.is_in_body.get() {
            self.stop(nested(Some(id)));
        }
        Claim::new(id, kind, self.claims.borrow_mut().next(id))
    }

    /// What the journal says of a step, once it is clear that it speaks of the same one.
    ///
    /// # Errors
    /// The id is none.
    pub(crate) async fn begin(
        &self,
        claim: &Claim,
        expected: &[(OperationType, &str)],
    ) -> Result<Option<Told>, StepError> {
        check_id(&claim.id).map_err(|text| StepError::own(&claim.id, StepErrorKind::Invalid, text))?;
        let (told, mismatch) = self.look(|memory| {
            let told = memory.get(&claim.operation);
            let mismatch = match told {
                Some(told) => disagreement(claim, told, expected),
                None => {
                    let others = StepKind::ALL.into_iter().filter(|kind| *kind != claim.kind);
                    let mut told =
                        others.filter(|kind| memory.get(&claim.as_kind(*kind).operation).is_some());
                    told.next().map(|kind| mismatch(claim, kind.told(), claim.kind.told()))
                }
            };
            (told.cloned(), mismatch)
        });
        match mismatch {
            Some(error) => {
                self.halt(error).await;
                Ok(None)
            }
            None => Ok(told),
        }
    }

    /// An operation inside of a step, if the journal tells of it, is what the code expects; or else the execution ends.
    pub(crate) async fn check_inner(&self, claim: &Claim, operation: &str, expected: (OperationType, &str)) {
        let told = self.look(|memory| memory.get(operation).cloned());
        if let Some(error) = told.and_then(|told| disagreement(claim, &told, &[expected])) {
            self.halt(error).await;
        }
    }

    /// All of `updates` will be sent together.
    pub(crate) fn say(&self, updates: impl IntoIterator<Item = OperationUpdate>) -> Ticket {
        let mut queue = self.queue.borrow_mut();
        queue.push_back(updates.into_iter().collect());
        self.memory.borrow().ticket(queue.len())
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&Memory) -> T) -> T {
        look(&self.memory.borrow())
    }

    /// Waits for the journal until it has told enough. Whoever waits here may be dropped and begun anew in another
    /// invocation.
    pub(crate) async fn until<T>(&self, mut look: impl FnMut(&Memory) -> Option<T>) -> T {
        let mut place = Place { session: self, number: None };
        poll_fn(|task| {
            if self.is_in_body.get() {
                self.stop(nested(None));
            }
            match look(&self.memory.borrow()) {
                Some(found) => Poll::Ready(found),
                None => {
                    place.wait(task.waker());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Runs a step's body. As long as one runs, the invocation does.
    pub(crate) async fn in_body<T>(&self, body: impl Future<Output = T>) -> T {
        let _running = Running::new(&self.bodies);
        let mut body = std::pin::pin!(body);
        poll_fn(|task| {
            let _inside = Inside::new(&self.is_in_body);
            body.as_mut().poll(task)
        })
        .await
    }

    /// Ends the execution.
    async fn halt(&self, error: Error) {
        self.stop(error);
        pending::<Infallible>().await;
    }

    /// As soon as the handler gives way.
    fn stop(&self, error: Error) {
        self.fatal.borrow_mut().get_or_insert(error);
    }

    // For whoever drives them.

    pub(crate) fn take_fatal(&self) -> Option<Error> {
        self.fatal.borrow_mut().take()
    }

    /// What is to be sent next, counted as sent: all of it, or as much as one checkpoint takes.
    pub(crate) fn take_batch(&self) -> Vec<OperationUpdate> {
        let (mut queue, mut memory) = (self.queue.borrow_mut(), self.memory.borrow_mut());
        let mut batch = Vec::new();
        let mut left = BATCH_BYTES;
        while let Some(next) = queue.front() {
            let bytes = next.iter().map(bytes).sum();
            if bytes > left && !batch.is_empty() {
                break;
            }
            left = left.saturating_sub(bytes);
            batch.extend(queue.pop_front().unwrap_or_default());
            memory.note_sent();
        }
        batch
    }

    /// The journal has answered all that it was sent. Whoever waits looks again.
    pub(crate) fn learn(&self, told: Vec<Told>) {
        let mut memory = self.memory.borrow_mut();
        memory.learn(told);
        memory.note_answered();
        drop(memory);
        let wakers = std::mem::take(&mut self.waiting.borrow_mut().wakers);
        wakers.into_values().for_each(Waker::wake);
    }

    /// Only the journal can help: somebody waits for it, and nothing of our own is under way.
    pub(crate) fn waits_for_the_journal(&self) -> bool {
        self.bodies.get() == 0 && self.queue.borrow().is_empty() && !self.waiting.borrow().wakers.is_empty()
    }
}

/// About what it takes on the wire.
fn bytes(update: &OperationUpdate) -> usize {
    let error = update.error.as_ref().map_or(0, |error| {
        let texts = [&error.error_type, &error.error_message, &error.error_data];
        texts.into_iter().flatten().map(String::len).sum()
    });
    update.payload.as_ref().map_or(0, String::len) + error + REST_BYTES
}

/// Of an update besides its payload: ids, names, options.
const REST_BYTES: usize = 512;

/// Of one checkpoint. Lambda's own limit is not published; AWS's SDKs are said to stay under 750 KB. A single update may be
/// larger.
const BATCH_BYTES: usize = 750_000;

/// A place among those who wait, given back when nobody waits there any more.
struct Place<'a> {
    session: &'a Session,
    number: Option<u64>,
}

impl Place<'_> {
    fn wait(&mut self, waker: &Waker) {
        let mut waiting = self.session.waiting.borrow_mut();
        let number = *self.number.get_or_insert_with(|| {
            waiting.next += 1;
            waiting.next
        });
        waiting.wakers.insert(number, waker.clone());
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.session.waiting.borrow_mut().wakers.remove(&number);
        }
    }
}

/// Counts for as long as it lives.
struct Running<'a>(&'a Cell<usize>);

impl<'a> Running<'a> {
    fn new(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// True for as long as it lives.
struct Inside<'a>(&'a Cell<bool>);

impl<'a> Inside<'a> {
    fn new(is_inside: &'a Cell<bool>) -> Self {
        is_inside.set(true);
        Self(is_inside)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}
