//! One line per request, written at its end.
//!
//! The request path only appends to a buffer in memory; a thread of its own writes. Where the writer cannot keep
//! up, lines are dropped and counted rather than callers kept waiting: a log on a stuck terminal must not stop the
//! gateway. The count goes to the metrics, and into the log as soon as it moves again.

use std::{
    io::Write,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use http::StatusCode;
use jiff::Timestamp;
use stayput_core::{Blame, Mode};
use uuid::Uuid;

use crate::config::LogFormat;

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
    pub status: StatusCode,
    /// `None`: all went well.
    pub blame: Option<Blame>,
    pub duration: Duration,
    pub request_id: Uuid,
}

/// Stands for the dialect of a path that none answers.
pub const NO_DIALECT: &str = "-";

/// The access log. Dropping it writes what is left.
#[derive(Debug)]
pub struct AccessLog {
    shared: Arc<Shared>,
    format: LogFormat,
    writer: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    pending: Mutex<Pending>,
    wake: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Pending {
    lines: Vec<u8>,
    /// Dropped since the writer last took the lines.
    dropped: u64,
    closed: bool,
}

impl AccessLog {
    /// Writes to `out` from a thread of its own.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(format: LogFormat, mut out: impl Write + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let writing = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("access-log".to_owned());
        let writer = thread.spawn(move || writing.write_to(&mut out))?;
        Ok(Self { shared, format, writer: Some(writer) })
    }

    /// Never waits for the writer.
    pub fn record(&self, finished: &Finished<'_>) {
        let time = Timestamp::now();
        let mut pending = self.shared.lock();
        if pending.lines.len() >= MAX_PENDING_BYTES {
            pending.dropped += 1;
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let was_empty = pending.lines.is_empty();
        match self.format {
            LogFormat::Text => text_line(&mut pending.lines, time, finished),
            LogFormat::Json => json_line(&mut pending.lines, time, finished),
        }
        drop(pending);
        if was_empty {
            self.shared.wake.notify_one();
        }
    }

    /// Lines that were never written.
    pub fn dropped_lines(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_one();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing left to write.
            let _panicked = writer.join();
        }
    }
}

impl Shared {
    fn write_to(&self, out: &mut impl Write) {
        let mut lines = Vec::new();
        loop {
            let dropped;
            {
                let idle = |pending: &mut Pending| pending.lines.is_empty() && !pending.closed;
                let pending = self.wake.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
                // A thread woken for every line would cost the requests more than the lines do.
                let gathering = |pending: &mut Pending| !pending.closed;
                let (mut pending, _) = self
                    .wake
                    .wait_timeout_while(pending, BATCH_TIME, gathering)
                    .unwrap_or_else(PoisonError::into_inner);
                if pending.lines.is_empty() {
                    return;
                }
                std::mem::swap(&mut pending.lines, &mut lines);
                dropped = std::mem::take(&mut pending.dropped);
            }
            // A log that cannot be written must not end the service; there is nowhere left to say so.
            let _lost = out.write_all(&lines);
            if dropped > 0 {
                tracing::warn!(lines = dropped, "the access log could not keep up; lines were dropped");
            }
            lines.clear();
        }
    }

    /// A line is appended whole or not at all, so a poisoned lock guards sound data.
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text_line(out: &mut Vec<u8>, time: Timestamp, finished: &Finished<'_>) {
    let Fields { function, key, mode, status, blame, duration_ms, caller_id } = Fields::of(finished);
    let (dialect, id) = (finished.dialect, finished.request_id);
    let written = writeln!(
        out,
        "{time:.3} dialect={dialect} function={function} key={key} mode={mode} status={status} blame={blame} \
         duration_ms={duration_ms:.3} request_id={id} caller_id={caller_id}",
    );
    written.expect("writing to memory does not fail");
}

fn json_line(out: &mut Vec<u8>, time: Timestamp, finished: &Finished<'_>) {
    let Fields { function, key, mode, status, blame, duration_ms, caller_id } = Fields::of(finished);
    let (dialect, id) = (finished.dialect, finished.request_id);
    let mut write = || -> std::io::Result<()> {
        write!(out, r#"{{"time":"{time:.3}","dialect":"{dialect}","function":"#)?;
        serde_json::to_writer(&mut *out, function)?;
        write!(out, r#","key":"#)?;
        serde_json::to_writer(&mut *out, key)?;
        write!(
            out,
            r#","mode":"{mode}","status":{status},"blame":"{blame}","duration_ms":{duration_ms:.3},"request_id":"{id}""#
        )?;
        writeln!(out, r#","caller_id":"{caller_id}"}}"#)
    };
    write().expect("writing to memory does not fail");
}

/// A request's fields in the log's words.
struct Fields<'a> {
    function: &'a str,
    key: &'a str,
    caller_id: &'a str,
    mode: &'static str,
    status: u16,
    blame: &'static str,
    duration_ms: f64,
}

impl<'a> Fields<'a> {
    fn of(finished: &Finished<'a>) -> Self {
        Self {
            function: finished.function.unwrap_or(ABSENT),
            key: finished.key.unwrap_or(ABSENT),
            caller_id: finished.caller_id.unwrap_or(ABSENT),
            mode: match finished.mode {
                Some(Mode::Sync) => "sync",
                Some(Mode::Async) => "async",
                None => ABSENT,
            },
            status: finished.status.as_u16(),
            blame: finished.blame.map_or(ABSENT, Blame::as_str),
            duration_ms: finished.duration.as_secs_f64() * 1_000.0,
        }
    }
}

const ABSENT: &str = "-";

/// How long the writer gathers lines before it writes them. Below what an eye notices.
const BATCH_TIME: Duration = Duration::from_millis(5);

/// Lines waiting for the writer: about 25,000, half a second's worth at full load. One more line may go beyond.
const MAX_PENDING_BYTES: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn finished() -> Finished<'static> {
        Finished {
            dialect: "stedi",
            function: Some("echo"),
            key: Some("erp"),
            caller_id: Some("call-7"),
            mode: Some(Mode::Sync),
            status: StatusCode::OK,
            blame: None,
            duration: Duration::from_micros(1_500),
            request_id: Uuid::nil(),
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

    #[track_caller]
    fn check(format: LogFormat, finished: &Finished<'_>, expected: &str) {
        let lines = Arc::<Mutex<Vec<u8>>>::default();
        let log = AccessLog::start(format, Slow { allowed: None, lines: Arc::clone(&lines) }).unwrap();
        log.record(finished);
        drop(log);
        let written = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
        assert!(written.ends_with(expected), "{written:?}");
    }

    #[test]
    fn a_request_is_one_line_of_text() {
        check(
            LogFormat::Text,
            &finished(),
            "Z dialect=stedi function=echo key=erp mode=sync status=200 blame=- duration_ms=1.500 \
             request_id=00000000-0000-0000-0000-000000000000 caller_id=call-7\n",
        );
    }

    #[test]
    fn a_request_is_one_line_of_json() {
        let refused = Finished {
            function: None,
            key: None,
            caller_id: None,
            mode: None,
            blame: Some(Blame::Caller),
            ..finished()
        };
        check(
            LogFormat::Json,
            &refused,
            "Z\",\"dialect\":\"stedi\",\"function\":\"-\",\"key\":\"-\",\"mode\":\"-\",\"status\":200,\"blame\":\"caller\",\
             \"duration_ms\":1.500,\"request_id\":\"00000000-0000-0000-0000-000000000000\",\"caller_id\":\"-\"}\n",
        );
    }

    #[test]
    fn a_stuck_writer_costs_lines_and_not_time() {
        let lines = Arc::<Mutex<Vec<u8>>>::default();
        let (allow, allowed) = mpsc::channel();
        let log =
            AccessLog::start(LogFormat::Text, Slow { allowed: Some(allowed), lines: Arc::clone(&lines) })
                .unwrap();
        let mut recorded = 0;
        while log.dropped_lines() == 0 {
            log.record(&finished());
            recorded += 1;
        }
        allow.send(()).unwrap();
        drop(log);
        let written = lines.lock().unwrap().iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!(written, recorded - 1, "all lines but the dropped one");
    }
}
