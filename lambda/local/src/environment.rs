//! One execution environment: a process, the Runtime API it talks to, and the invocation it works on.
//!
//! Three hold it: whoever gives it an invocation ([`Environment::begin`]), the connections of its Runtime API
//! ([`runtime_api`]) and the task that owns its process ([`supervisor`]). What they agree on is the
//! [`Lifecycle`], under one lock that is never held across an await. Who holds it may take the pool's lock, never
//! the other way round.

mod lifecycle;
mod memory;
mod runtime_api;
pub(crate) mod supervisor;
mod upload;
mod variables;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use lambda_protocol::{
    fault::{ExitReason, Fault},
    platform_log::{End, Exited, Report, Start, Status, TimedOut},
};
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use self::{
    lifecycle::{Ended, Lifecycle},
    memory::PeakMemory,
};
use crate::{
    answer::{Answer, Failure, Reply},
    function::Function,
    logs::{LogSink, output::Output},
    pool::{Was, driver::Driver},
};

/// One call of a function.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) request_id: Uuid,
    pub(crate) payload: Bytes,
    /// As the caller named the function.
    pub(crate) arn: HeaderValue,
    pub(crate) trace: HeaderValue,
    /// JSON text.
    pub(crate) client_context: Option<HeaderValue>,
    /// JSON text.
    pub(crate) cognito_identity: Option<HeaderValue>,
    pub(crate) keep_tail: bool,
}

/// A call on its way to an environment.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) call: Call,
    pub(crate) reply: Reply,
}

#[derive(Debug)]
pub(crate) struct Environment {
    /// Its place in the list of functions.
    pub(crate) function_at: usize,
    pub(crate) function: Arc<Function>,
    output: Arc<Output>,
    state: Mutex<State>,
    /// Rung for the supervisor when it has something to look at.
    attention: Notify,
}

#[derive(Debug)]
struct State {
    lifecycle: Lifecycle<Run>,
    /// Rung when the runtime that waits for work should ask again.
    asking: Option<oneshot::Sender<()>>,
    /// The deadline that the supervisor sleeps for. It is woken only for an earlier one, so a busy environment
    /// costs no timer for each invocation.
    watched: Option<Instant>,
    /// What the runtime said when it could not start.
    init_error: Option<Bytes>,
    init_began: Instant,
    /// For the first invocation's REPORT.
    init_took: Option<Duration>,
    memory: PeakMemory,
    /// A random beginning, and one more for each.
    next_invocation_id: Uuid,
    retired: bool,
}

/// An invocation that this environment works on.
#[derive(Debug)]
struct Run {
    job: Box<Job>,
    /// Unlike the request id, never the same for two attempts.
    invocation_id: Uuid,
    began: Instant,
    /// Since the epoch.
    deadline_ms: u64,
}

/// How an invocation ended.
#[derive(Debug)]
enum Verdict {
    /// The runtime's answer, as it is; nothing where it came in pieces.
    Returned(Bytes),
    /// The runtime's own words of an error.
    Threw {
        payload: Bytes,
        /// As [`Failure`] has it.
        code: String,
    },
    TimedOut,
    Exited(ExitReason),
    /// There is nothing to start.
    NoEntrypoint,
    /// The service's words of what the runtime did wrong.
    Refused(Fault),
    /// Not the function's doing: there is no answer.
    ServiceFailed,
}

impl Environment {
    /// An environment whose process is about to be started.
    pub(crate) fn new(function_at: usize, function: Arc<Function>, sink: LogSink) -> Self {
        let output = Arc::new(Output::new(&function.name, sink));
        let state = State {
            lifecycle: Lifecycle::new(),
            asking: None,
            watched: None,
            init_error: None,
            init_began: Instant::now(),
            init_took: None,
            memory: PeakMemory::default(),
            next_invocation_id: Uuid::new_v4(),
            retired: false,
        };
        Self { function_at, function, output, state: Mutex::new(state), attention: Notify::new() }
    }

    /// Takes the invocation on: the runtime gets it when it next asks, which for an idle one is now.
    ///
    /// # Errors
    /// The environment has ended meanwhile; the job is handed back.
    pub(crate) fn begin(&self, job: Box<Job>) -> Result<(), Box<Job>> {
        let timeout = self.function.timeout;
        let began = Instant::now();
        let deadline = began + timeout;
        let (request_id, keep_tail) = (job.call.request_id, job.call.keep_tail);
        let mut state = self.lock();
        let run = Run { job, invocation_id: state.next_invocation_id, began, deadline_ms: epoch_ms(timeout) };
        state.next_invocation_id = Uuid::from_u128(state.next_invocation_id.as_u128().wrapping_add(1));
        state.lifecycle.begin(run, deadline).map_err(|run| run.job)?;
        self.output.begin(
            request_id,
            keep_tail,
            Start { request_id, version: &self.function.version.to_string() },
        );
        if let Some(asking) = state.asking.take() {
            // A runtime whose connection has gone asks again on another, or its process has gone too.
            let _ = asking.send(());
        }
        if state.watched.is_none_or(|watched| deadline < watched) {
            self.attention.notify_one();
        }
        Ok(())
    }

    /// It is no longer in the pool: it ends as soon as its supervisor sees this.
    pub(crate) fn retire(&self) {
        self.lock().retired = true;
        self.attention.notify_one();
    }

    /// The running invocation is answered, and the environment goes on. False: nobody waits for an answer.
    fn answer(&self, driver: &Driver, verdict: &Verdict) -> bool {
        let mut state = self.lock();
        let Some(run) = state.lifecycle.answer() else { return false };
        // Under the lock, so that the pool hears of the answer before it hears that the runtime asks again.
        driver.answered(self.function_at);
        self.reply(state, run, verdict);
        true
    }

    /// The environment is no more; an invocation that it had is answered.
    fn end(&self, driver: &Driver, verdict: &Verdict) {
        let mut state = self.lock();
        match state.lifecycle.end() {
            Ended::Before => {}
            Ended::Quietly(was) => driver.ended(self, was),
            Ended::Invoking(run) => {
                driver.answered(self.function_at);
                driver.ended(self, Was::Returning);
                self.reply(state, run, verdict);
            }
        }
    }

    /// Closes the invocation's log and lets the lock go before the caller is told.
    fn reply(&self, mut state: MutexGuard<'_, State>, run: Run, verdict: &Verdict) {
        let id = run.job.call.request_id;
        let (payload, failure) = match verdict {
            Verdict::Returned(payload) => (payload.clone(), None),
            Verdict::Threw { payload, code } => {
                (payload.clone(), Some(Failure { code: code.clone(), service_said: None }))
            }
            Verdict::TimedOut => service_made(&Fault::timeout(id, self.function.timeout)),
            Verdict::Exited(reason) => service_made(&Fault::exited(id, *reason)),
            Verdict::NoEntrypoint => service_made(&Fault::invalid_entrypoint(id)),
            Verdict::Refused(fault) => service_made(fault),
            Verdict::ServiceFailed => {
                self.close_log(&mut state, &run, verdict);
                return;
            }
        };
        let log_result = self.output.is_seen().then(|| self.close_log(&mut state, &run, verdict)).flatten();
        drop(state);
        run.job.reply.end(Answer { payload, failure, log_result });
    }

    fn close_log(&self, state: &mut State, run: &Run, verdict: &Verdict) -> Option<HeaderValue> {
        let now = Instant::now();
        let request_id = run.job.call.request_id;
        let mut report = Report {
            request_id,
            duration: now.duration_since(run.began),
            memory_mb: self.function.memory_mb,
            max_memory_mb: state.memory.megabytes(now),
            init: state.init_took.take(),
            status: Status::Success,
        };
        let end = End { request_id };
        match verdict {
            Verdict::Returned(_) | Verdict::Threw { .. } | Verdict::ServiceFailed => {
                self.output.end(&[&end, &report])
            }
            Verdict::TimedOut => {
                let timed_out =
                    TimedOut { time: SystemTime::now(), request_id, timeout: self.function.timeout };
                report.status = Status::Timeout;
                self.output.end(&[&timed_out, &end, &report])
            }
            Verdict::Exited(reason) => {
                report.status = Status::Error { error_type: "Runtime.ExitError" };
                self.output.end(&[&Exited { request_id, reason: *reason }, &end, &report])
            }
            Verdict::NoEntrypoint => {
                report.status = Status::Error { error_type: "Runtime.InvalidEntrypoint" };
                self.output.end(&[&end, &report])
            }
            Verdict::Refused(fault) => {
                report.status = Status::Error { error_type: fault.error_type.as_deref().unwrap_or_default() };
                self.output.end(&[&end, &report])
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn service_made(fault: &Fault) -> (Bytes, Option<Failure>) {
    (fault.encode().into(), Some(Failure::made(fault)))
}

/// Milliseconds since the epoch, `from_now`.
fn epoch_ms(from_now: Duration) -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from((since_epoch + from_now).as_millis()).unwrap_or(u64::MAX)
}

/// An id as a header's value.
pub(crate) fn id_header(id: Uuid) -> HeaderValue {
    let mut text = Uuid::encode_buffer();
    HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)).expect("a UUID is ASCII")
}

/// JSON text, from the caller to the runtime as it is. Source: `cargo lambda invoke`, local mode.
pub(crate) const LAMBDA_RUNTIME_COGNITO_IDENTITY: HeaderName =
    HeaderName::from_static("lambda-runtime-cognito-identity");
