//! The task that owns an environment's process: starts it, watches it and the clock, and sees to its end.

use std::{
    io,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use lambda_protocol::{
    fault::{ExitReason, Fault},
    platform_log::{InitPhase, InitReport, Status},
};
use nix::libc;
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

use super::{Environment, Verdict, runtime_api, variables};
use crate::{
    alarm,
    answer::Failure,
    function::Program,
    logs::output::Output,
    pool::driver::Driver,
    warden::{Child, Exit, Spawn},
};

/// From the start of the process to its end. Returns when nothing of it is left.
///
/// A process that does not come so far as to ask for work is started once more, now within the invocation that
/// waits for it and under its timeout, as AWS does.
pub(crate) async fn run(environment: Arc<Environment>, driver: &Arc<Driver>) {
    let Ok(program) = &environment.function.program else {
        // Never asked for: the service answers for such functions itself.
        return environment.end(driver, &Verdict::ServiceFailed);
    };
    let (mut end, mut process) = live(&environment, driver, program).await;
    if end.is_failed_start() && environment.lock().lifecycle.fail_start() {
        environment.note_failed_start(&end);
        if let Some(job) = driver.start_failed(environment.function_at) {
            let again = end.is_worth_another_start();
            if again {
                // First, for what could not start must not take the event in its last moments.
                stop(process.take(), &environment.output).await;
            }
            if environment.begin(job).is_ok() && again {
                driver.start_due();
                (end, process) = live(&environment, driver, program).await;
            }
        }
    }
    let said_before = environment.lock().init_error.take();
    environment.end(driver, &verdict(end, said_before, &environment.output));
    stop(process, &environment.output).await;
}

/// Why an environment ends.
#[derive(Debug)]
enum End {
    Exited(Exit),
    /// The runtime said that it cannot start.
    InitError,
    /// It did not ask for work in time.
    InitTimedOut,
    /// It did not answer, or did not ask for work again, in time.
    TimedOut,
    /// Idle for long enough, or the service shuts down.
    NotNeeded,
    NoProcess(io::Error),
}

impl End {
    fn is_failed_start(&self) -> bool {
        match self {
            Self::Exited(_) | Self::InitError | Self::InitTimedOut | Self::NoProcess(_) => true,
            Self::TimedOut | Self::NotNeeded => false,
        }
    }

    fn is_worth_another_start(&self) -> bool {
        !matches!(self, Self::Exited(Exit::NotStarted(_)) | Self::NoProcess(_))
    }
}

/// A running process and what serves it.
struct Process {
    child: Child,
    listener: TcpListener,
    connections: JoinSet<()>,
    log: JoinHandle<()>,
}

/// Starts a process and lets it work until there is a reason to end it. It may still be running then.
async fn live(
    environment: &Arc<Environment>,
    driver: &Arc<Driver>,
    program: &Program,
) -> (End, Option<Process>) {
    match start(environment, driver, program).await {
        Ok(mut process) => (process.watch(environment, driver).await, Some(process)),
        Err(error) => (End::NoProcess(error), None),
    }
}

async fn start(environment: &Environment, driver: &Driver, program: &Program) -> io::Result<Process> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let runtime_api = listener.local_addr()?.to_string();
    let (output, log) = environment.output.connect()?;
    environment.start_init();
    let spawn = Spawn {
        program: program.executable.clone(),
        args: program.arguments.clone(),
        directory: program.directory.clone(),
        environment: variables::all(&environment.function, program, &driver.settings, &runtime_api),
        output,
    };
    let child = driver.warden.spawn(spawn).await?;
    Ok(Process { child, listener, connections: JoinSet::new(), log: tokio::spawn(log) })
}

impl Process {
    async fn watch(&mut self, environment: &Arc<Environment>, driver: &Arc<Driver>) -> End {
        let mut closing = driver.closing();
        let init_deadline = Instant::now() + driver.settings.init_limit;
        let mut noted = false;
        loop {
            if let Some(end) = environment.due(init_deadline) {
                if let End::InitError = end {
                    // It is about to exit by itself, having heard our answer.
                    let _ = timeout(INIT_ERROR_GRACE, self.child.exited()).await;
                }
                return end;
            }
            let next = environment.next_alarm(init_deadline);
            tokio::select! {
                exit = followed(&mut self.child, environment, noted) => match exit {
                    None => noted = true,
                    Some(exit) => {
                        self.hear_out(environment, driver).await;
                        return End::Exited(exit);
                    }
                },
                // Not before: a quick function has answered while its number is on the way here, and its first REPORT
                // would know nothing of its memory.
                accepted = self.listener.accept(), if noted => match accepted {
                    Ok((stream, _)) => {
                        let serving = runtime_api::serve(stream, Arc::clone(environment), Arc::clone(driver));
                        self.connections.spawn(serving);
                    }
                    // No file descriptor is left: asking again at once would not change that.
                    Err(_) => sleep(ACCEPT_PAUSE).await,
                },
                () = alarm::at(next) => {}
                () = environment.attention.notified() => {}
                () = closing.begins() => return End::NotNeeded,
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    /// The process is gone, but not necessarily everything it said has been read: an answer may be in a socket.
    async fn hear_out(&mut self, environment: &Arc<Environment>, driver: &Arc<Driver>) {
        let rest = async {
            while let Ok(Ok((stream, _))) = timeout(Duration::ZERO, self.listener.accept()).await {
                let serving = runtime_api::serve(stream, Arc::clone(environment), Arc::clone(driver));
                self.connections.spawn(serving);
            }
            while self.connections.join_next().await.is_some() {}
        };
        // A process that it has left behind may hold a connection open.
        let _ = timeout(EXIT_GRACE, rest).await;
    }
}

/// Kills what is left and waits until its output has been read.
async fn stop(process: Option<Process>, output: &Output) {
    let Some(Process { child, listener, connections, mut log }) = process else { return };
    if let Err(error) = child.kill().await {
        tracing::warn!(%error, "processes of a function are still there");
    }
    // Only now: a runtime whose connection broke off would have something to say about it.
    drop((listener, connections));
    let rest = async {
        // It does not panic, and nobody else aborts it.
        let _ = (&mut log).await;
        output.flushed().await;
    };
    if timeout(LOG_GRACE, rest).await.is_err() {
        log.abort();
    }
}

/// Waits for the process's number and notes it; if that is done, waits for its end.
async fn followed(child: &mut Child, environment: &Environment, noted: bool) -> Option<Exit> {
    if noted {
        return Some(child.exited().await);
    }
    if let Some(pid) = child.pid().await {
        environment.lock().memory.follow(pid);
    }
    None
}

impl Environment {
    fn start_init(&self) {
        let mut state = self.lock();
        state.init_began = Instant::now();
        state.init_error = None;
    }

    /// Why the environment is to end now, if it is.
    fn due(&self, init_deadline: Instant) -> Option<End> {
        let (state, now) = (self.lock(), Instant::now());
        if state.retired {
            Some(End::NotNeeded)
        } else if state.init_error.is_some() {
            Some(End::InitError)
        } else if state.lifecycle.deadline().is_some_and(|deadline| deadline <= now) {
            Some(End::TimedOut)
        } else if state.lifecycle.is_starting() && init_deadline <= now {
            Some(End::InitTimedOut)
        } else {
            None
        }
    }

    /// When to look again, if nothing happens before.
    fn next_alarm(&self, init_deadline: Instant) -> Option<Instant> {
        let mut state = self.lock();
        let starting = state.lifecycle.is_starting().then_some(init_deadline);
        state.watched = state.lifecycle.deadline().or(starting);
        state.watched
    }

    fn note_failed_start(&self, end: &End) {
        let (duration, said) = {
            let state = self.lock();
            (state.init_began.elapsed(), state.init_error.clone().unwrap_or_default())
        };
        let said = Fault::decode(&said).error_type;
        let status = match end {
            End::InitTimedOut => Status::Timeout,
            End::Exited(Exit::NotStarted(_)) => Status::Error { error_type: "Runtime.InvalidEntrypoint" },
            End::Exited(Exit::Code(_) | Exit::Signal(_)) | End::InitError => {
                Status::Error { error_type: said.as_deref().unwrap_or("Runtime.ExitError") }
            }
            End::TimedOut | End::NotNeeded | End::NoProcess(_) => {
                Status::Error { error_type: "Runtime.Unknown" }
            }
        };
        self.output.note(InitReport { duration, phase: InitPhase::Init, status });
    }
}

/// What the caller gets whose invocation the environment had.
fn verdict(end: End, said_before: Option<Bytes>, output: &Output) -> Verdict {
    match (end, said_before) {
        (End::TimedOut, _) => Verdict::TimedOut,
        (End::Exited(_) | End::InitError, Some(payload)) => {
            Verdict::Threw { code: Failure::posted(&payload, None).code, payload }
        }
        (End::Exited(Exit::Code(code)), None) => Verdict::Exited(ExitReason::Status(code)),
        (End::Exited(Exit::Signal(number)), None) => Verdict::Exited(ExitReason::Signal(number)),
        (End::Exited(Exit::NotStarted(errno)), None) if WITHOUT_MEANS.contains(&errno) => {
            tracing::error!(error = %io::Error::from_raw_os_error(errno), "cannot start a process");
            Verdict::ServiceFailed
        }
        (End::Exited(Exit::NotStarted(errno)), None) => {
            output.note(format_args!("cannot be started: {}\n", io::Error::from_raw_os_error(errno)));
            Verdict::NoEntrypoint
        }
        (End::NoProcess(error), _) => {
            tracing::error!(%error, "cannot start a process");
            Verdict::ServiceFailed
        }
        (End::InitError | End::InitTimedOut | End::NotNeeded, _) => Verdict::ServiceFailed,
    }
}

/// Why a process could not be started that say nothing about its program: no warden, no room for processes, files, memory.
const WITHOUT_MEANS: [i32; 4] = [libc::EPIPE, libc::EAGAIN, libc::EMFILE, libc::ENOMEM];

/// From a process's end to the answer for it, at most. Issue: a killed function is answered within 100 ms.
const EXIT_GRACE: Duration = Duration::from_millis(50);

/// What a runtime gets to exit by itself after it has said that it cannot start.
const INIT_ERROR_GRACE: Duration = Duration::from_millis(100);

/// How long the last lines of a killed process may take to the terminal before they are given up.
const LOG_GRACE: Duration = Duration::from_secs(1);

const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
