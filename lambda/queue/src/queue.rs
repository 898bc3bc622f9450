//! The queue in use: one thread that writes, and handles that ask it.

mod writer;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{SyncSender, TrySendError},
    },
    thread::JoinHandle,
    time::{Duration, SystemTime},
};

use tokio::sync::{oneshot, watch};

use crate::{
    batch::{Answer, Batch, Leased},
    engine::{Ask, Engine, Reply, Request},
    error::{Error, Failure, OpenError, Refusal},
    limits::{Limits, MAX_INBOX_BYTES, MAX_INBOX_REQUESTS},
    moment::{Clock, Moment},
    name::QueueName,
    sqlite::{Reader, SqliteStore},
};
use writer::Writer;

/// An open database of queues. Clones are handles of the same one; the last that is dropped waits for the writer to
/// write what it was given, and lets the database go.
#[derive(Clone, Debug)]
pub struct EventQueue {
    inner: Arc<Inner>,
}

/// What is known of the queue without asking its thread.
#[derive(Debug)]
struct Shared {
    clock: Clock,
    due: Mutex<BTreeMap<QueueName, watch::Sender<Option<Moment>>>>,
    waiting_bytes: AtomicUsize,
    commits: AtomicU64,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    shared: Arc<Shared>,
    inbox: Option<SyncSender<Letter>>,
    writer: Option<JoinHandle<()>>,
}

/// A request on its way to the writer.
struct Letter {
    request: Request,
    size_bytes: usize,
    answer: oneshot::Sender<Result<Reply, Error>>,
}

impl EventQueue {
    /// Opens the database at `path`, or makes it. Rows that were leased when its last process ended wait again.
    ///
    /// # Errors
    /// The database is in use, not ours, from the future, or damaged; it was not changed then.
    pub fn open(path: &Path, limits: Limits) -> Result<Self, OpenError> {
        let database = |cause| OpenError::Database { path: path.to_owned(), cause };
        let store = SqliteStore::open(path, limits.total.reserve_bytes)?;
        let origin = Moment::from(SystemTime::now()).max(store.last_moment().map_err(database)?);
        let clock = Clock::starting_at(origin);
        let mut jitter = writer::jitter();
        let engine = Engine::open(store, limits, clock.now(), &mut jitter).map_err(database)?;
        let shared = Arc::new(Shared {
            clock,
            due: Mutex::default(),
            waiting_bytes: AtomicUsize::new(0),
            commits: AtomicU64::new(0),
        });
        let (inbox, letters) = std::sync::mpsc::sync_channel(MAX_INBOX_REQUESTS);
        let mut writer = Writer::new(engine, letters, shared.clone());
        writer.tell();
        let thread = std::thread::Builder::new().name("event-queue".to_owned());
        let writer = thread.spawn(move || writer.run(&mut jitter));
        let writer = writer.map_err(|cause| OpenError::Unusable { path: path.to_owned(), cause })?;
        let inner = Inner { path: path.to_owned(), shared, inbox: Some(inbox), writer: Some(writer) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Makes all of a batch durable, or nothing of it. One answer an operation.
    ///
    /// Dropping the future does not take the batch back.
    ///
    /// # Errors
    /// It was refused, nothing of it is written; or the queue has stopped.
    pub async fn submit(&self, batch: Batch) -> Result<Vec<Answer>, Error> {
        answers(self.post(Request::Batch(batch))?.await)
    }

    /// [`submit`](Self::submit) for threads that may block.
    ///
    /// # Errors
    /// As there.
    pub fn submit_blocking(&self, batch: Batch) -> Result<Vec<Answer>, Error> {
        answers(self.post(Request::Batch(batch))?.blocking_recv())
    }

    /// Takes rows that are due; none if none is. [`due`](Self::due) tells when to ask again. If the future is dropped
    /// before the answer came, what was taken is released at once.
    ///
    /// # Errors
    /// It was refused, or the queue has stopped.
    pub async fn lease(&self, ask: Ask) -> Result<Vec<Leased>, Error> {
        leased(self.post(Request::Lease(ask))?.await)
    }

    /// [`lease`](Self::lease) for threads that may block.
    ///
    /// # Errors
    /// As there.
    pub fn lease_blocking(&self, ask: Ask) -> Result<Vec<Leased>, Error> {
        leased(self.post(Request::Lease(ask))?.blocking_recv())
    }

    /// When the queue's next row may be leased, kept up to date; `None`: it has no waiting row. A consumer sleeps until then,
    /// or until this changes, whichever is first.
    pub fn due(&self, queue: &QueueName) -> watch::Receiver<Option<Moment>> {
        let mut due = self.inner.shared.due.lock().unwrap_or_else(PoisonError::into_inner);
        due.entry(queue.clone()).or_insert_with(|| watch::Sender::new(None)).subscribe()
    }

    /// How long it is until then; nothing if it has passed.
    pub fn until(&self, moment: Moment) -> Duration {
        moment.since(self.now())
    }

    /// The queue's own time: the wall clock when it was opened, and steady from there.
    pub fn now(&self) -> Moment {
        self.inner.shared.clock.now()
    }

    /// A connection to look at what is durable.
    ///
    /// # Errors
    /// The database cannot be opened once more.
    pub fn reader(&self) -> Result<Reader, Failure> {
        Reader::open(&self.inner.path)
    }

    /// The commits since the queue was opened.
    pub fn commits(&self) -> u64 {
        self.inner.shared.commits.load(Ordering::Relaxed)
    }

    fn post(&self, request: Request) -> Result<oneshot::Receiver<Result<Reply, Error>>, Error> {
        let shared = &self.inner.shared;
        let size_bytes = match &request {
            Request::Batch(batch) => batch.size_bytes(),
            Request::Lease(_) => 0,
        };
        let waiting = shared.waiting_bytes.fetch_add(size_bytes, Ordering::Relaxed);
        let refuse = |refusal| {
            shared.waiting_bytes.fetch_sub(size_bytes, Ordering::Relaxed);
            Err(Error::Refused(refusal))
        };
        if size_bytes > 0 && waiting > 0 && waiting + size_bytes > MAX_INBOX_BYTES {
            return refuse(Refusal::Busy);
        }
        let (answer, receiver) = oneshot::channel();
        let inbox = self.inner.inbox.as_ref().expect("taken only by drop");
        match inbox.try_send(Letter { request, size_bytes, answer }) {
            Ok(()) => Ok(receiver),
            Err(TrySendError::Full(_)) => refuse(Refusal::Busy),
            Err(TrySendError::Disconnected(_)) => refuse(Refusal::Closed),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.inbox = None;
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has told its callers already.
            let _ = writer.join();
        }
    }
}

type Received = Result<Result<Reply, Error>, oneshot::error::RecvError>;

fn answers(received: Received) -> Result<Vec<Answer>, Error> {
    match received.unwrap_or_else(|_| Err(ended()))? {
        Reply::Batch(answers) => Ok(answers),
        Reply::Leased(_) => unreachable!("a batch is answered as a batch"),
    }
}

fn leased(received: Received) -> Result<Vec<Leased>, Error> {
    match received.unwrap_or_else(|_| Err(ended()))? {
        Reply::Leased(leased) => Ok(leased),
        Reply::Batch(_) => unreachable!("a lease is answered as a lease"),
    }
}

/// The writer is gone without an answer: it panicked, in the midst of this request or before it.
fn ended() -> Error {
    Error::Uncertain(Arc::new(Failure::Ended))
}
