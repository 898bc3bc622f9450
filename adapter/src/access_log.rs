//! One line per request, written at its end.
//!
//! The request path only appends to a buffer in memory, one per thread as a rule, so that nobody waits for anybody; a
//! thread of its own gathers what lies in the buffers and writes it. Lines of different threads may therefore trade
//! places within [`BATCH_TIME`]. Where the writer cannot keep up, lines are dropped and counted rather than callers
//! kept waiting: a log on a stuck terminal must not stop the gateway. The count goes to the metrics, and into the log
//! as soon as it moves again.

use std::{
    io::Write,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, SystemTime},
};

use http::{HeaderValue, Method, StatusCode};
use stayput_core::{Blame, Mode, Rejection, Trace};
use uuid::Uuid;

use crate::{
    config::LogFormat,
    stripe::{self, Apart},
};

mod line;

/// One request, at its end.
#[derive(Clone, Copy, Debug)]
pub struct Finished<'a> {
    /// [`NO_DIALECT`] where no dialect answers the path.
    pub dialect: &'static str,
    /// Only names from the operator's table: what strangers write goes neither to the log nor to the metrics.
    pub function: Option<&'a str>,
    /// The label of the caller's key; `None` where it was not admitted.
    pub key: Option<&'a str>,
    /// The caller's own id for the request, where its dialect has one; fit for a log.
    pub caller_id: Option<&'a str>,
    pub mode: Option<Mode>,
    /// `None`: nobody has read it.
    pub method: Option<&'a Method>,
    pub status: StatusCode,
    /// `None`: all went well.
    pub blame: Option<Blame>,
    /// Why there was no outcome; for the metrics.
    pub rejection: Option<&'a Rejection>,
    /// When it ended.
    pub time: SystemTime,
    pub duration: Duration,
    pub request_id: Uuid,
    pub trace: Trace<'a>,
}

/// Bytes of a caller's own id that the log takes.
const MAX_CALLER_ID_LEN: usize = 128;

/// Stands for the dialect of a path that none answers.
pub const NO_DIALECT: &str = "-";

/// What a stranger wrote goes into a log only if it cannot be taken for anything else there.
pub fn fit_for_a_log(value: &HeaderValue) -> Option<&str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    value.to_str().ok().filter(|text| text.len() <= MAX_CALLER_ID_LEN && text.bytes().all(fits))
}

/// The access log. Dropping it writes what is left.
#[derive(Debug)]
pub struct AccessLog {
    shared: Arc<Shared>,
    format: LogFormat,
    writer: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    buffers: Vec<Apart<Mutex<Buffer>>>,
    /// Bytes that one buffer takes.
    room: usize,
    /// Is the writer up, or has it been called? Else whoever appends calls it.
    called: AtomicBool,
    /// Has the log ended?
    closed: Mutex<bool>,
    call: Condvar,
    dropped: AtomicU64,
}

/// Lines of one thread, or of few.
#[derive(Debug, Default)]
struct Buffer {
    lines: Vec<u8>,
    clock: line::Clock,
    /// Dropped since the writer last took the lines.
    dropped: u64,
}

impl AccessLog {
    /// Writes to `out` from a thread of its own.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(format: LogFormat, mut out: impl Write + Send + 'static) -> std::io::Result<Self> {
        let mut log = Self::unattended(format);
        let writing = Arc::clone(&log.shared);
        let thread = std::thread::Builder::new().name("access-log".to_owned());
        log.writer = Some(thread.spawn(move || writing.write_to(&mut out))?);
        Ok(log)
    }

    /// Writes only what it is told to write, [then](Self::write_now): for a process that is stopped between two requests.
    pub fn unattended(format: LogFormat) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let shared = Shared {
            buffers: (0..threads).map(|_| Apart::default()).collect(),
            room: MAX_PENDING_BYTES / threads,
            called: AtomicBool::new(false),
            closed: Mutex::new(false),
            call: Condvar::new(),
            dropped: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared), format, writer: None }
    }

    /// Writes what has been recorded, in the thread that asks.
    pub fn write_now(&self, out: &mut impl Write) {
        self.shared.write_out(&mut Vec::new(), out);
    }

    /// Never waits for the writer.
    pub fn record(&self, finished: &Finished<'_>) {
        let Shared { buffers, room, dropped, .. } = &*self.shared;
        let mut buffer = lock(&buffers[stripe::of_thread() % buffers.len()].0);
        let Buffer { lines, clock, .. } = &mut *buffer;
        if lines.len() < *room {
            line::write(lines, clock, self.format, finished);
        } else {
            buffer.dropped += 1;
            dropped.fetch_add(1, Ordering::Relaxed);
        }
        drop(buffer);
        self.shared.call_writer();
    }

    /// Lines that were never written.
    pub fn dropped_lines(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        *lock(&self.shared.closed) = true;
        self.shared.call.notify_one();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing left to write.
            let _panicked = writer.join();
        }
    }
}

impl Shared {
    /// After appending. The lock of the buffer orders this: either the writer will still look into the buffer, or this
    /// thread sees that it has to be called.
    fn call_writer(&self) {
        if !self.called.load(Ordering::Relaxed) && !self.called.swap(true, Ordering::AcqRel) {
            // Whoever holds this lock is about to sleep, and must sleep before it can be woken.
            drop(lock(&self.closed));
            self.call.notify_one();
        }
    }

    fn write_to(&self, out: &mut impl Write) {
        let mut lines = Vec::new();
        loop {
            let closed = self.wait();
            // From here on whoever appends calls again.
            self.called.store(false, Ordering::Release);
            self.write_out(&mut lines, out);
            if closed {
                return;
            }
        }
    }

    /// `lines` is empty, before and after.
    fn write_out(&self, lines: &mut Vec<u8>, out: &mut impl Write) {
        let mut dropped = 0;
        for Apart(buffer) in &self.buffers {
            let mut buffer = lock(buffer);
            std::mem::swap(&mut buffer.lines, lines);
            dropped += std::mem::take(&mut buffer.dropped);
            drop(buffer);
            // A log that cannot be written must not end the service; there is nowhere left to say so.
            let _lost = out.write_all(lines);
            lines.clear();
        }
        if dropped > 0 {
            tracing::warn!(lines = dropped, "the access log could not keep up; lines were dropped");
        }
    }

    /// Returns when there are lines, and time for more of them has passed; at once at the end, which it tells.
    fn wait(&self) -> bool {
        let idle = |closed: &mut bool| !*closed && !self.called.load(Ordering::Acquire);
        let closed = self.call.wait_while(lock(&self.closed), idle).unwrap_or_else(PoisonError::into_inner);
        // A thread woken for every line would cost the requests more than the lines do.
        let gathering = |closed: &mut bool| !*closed;
        let (closed, _) = self
            .call
            .wait_timeout_while(closed, BATCH_TIME, gathering)
            .unwrap_or_else(PoisonError::into_inner);
        *closed
    }
}

/// A line is appended whole or not at all, so a poisoned lock guards sound data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long the writer gathers lines before it writes them. Below what an eye notices.
const BATCH_TIME: Duration = Duration::from_millis(5);

/// Lines waiting for the writer, of all threads: about 20,000, a fifth of a second's worth at full load. One more line
/// of each thread may go beyond.
const MAX_PENDING_BYTES: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::UNIX_EPOCH};

    use super::*;

    fn finished() -> Finished<'static> {
        Finished {
            dialect: "stedi",
            function: Some("echo"),
            key: Some("erp"),
            caller_id: None,
            mode: Some(Mode::Sync),
            method: Some(&Method::POST),
            status: StatusCode::OK,
            blame: None,
            rejection: None,
            time: UNIX_EPOCH,
            duration: Duration::from_micros(1_500),
            request_id: Uuid::nil(),
            trace: Trace::begin(Uuid::nil(), UNIX_EPOCH),
        }
    }

    /// Keeps what is written, but only once it has been allowed to.
    struct Slow {
        allowed: Option<mpsc::Receiver<()>>,
        lines: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if let Some(allowed) = self.allowed.take() {
                let _closed = allowed.recv();
            }
            self.lines.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn start(allowed: Option<mpsc::Receiver<()>>) -> (AccessLog, Arc<Mutex<Vec<u8>>>) {
        let lines = Arc::<Mutex<Vec<u8>>>::default();
        let log = AccessLog::start(LogFormat::Text, Slow { allowed, lines: Arc::clone(&lines) }).unwrap();
        (log, lines)
    }

    fn count(lines: &Mutex<Vec<u8>>) -> usize {
        lines.lock().unwrap().iter().filter(|&&byte| byte == b'\n').count()
    }

    #[test]
    fn every_line_of_every_thread_is_written_whole() {
        let (log, lines) = start(None);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|_| log.record(&finished())));
            }
        });
        drop(log);
        let written = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
        let whole = |line: &&str| line.starts_with("1970-") && line.ends_with("caller_id=-");
        assert_eq!(written.lines().filter(whole).count(), 400);
        assert_eq!(count(&lines), 400);
    }

    #[test]
    fn a_line_is_written_although_none_follows_it() {
        let (log, lines) = start(None);
        for expected in 1..=3 {
            log.record(&finished());
            while count(&lines) < expected {
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn a_stuck_writer_costs_lines_and_not_time() {
        let (allow, allowed) = mpsc::channel();
        let (log, lines) = start(Some(allowed));
        let mut recorded = 0;
        while log.dropped_lines() == 0 {
            log.record(&finished());
            recorded += 1;
        }
        allow.send(()).unwrap();
        drop(log);
        assert_eq!(count(&lines), recorded - 1, "all lines but the dropped one");
    }
}
