//! The warden: a small process of its own that starts functions and leaves none of their processes behind.
//!
//! ```text
//! service ──control──► warden ──fork──► keeper ──spawn──► function ──► whatever it starts
//!    │                                    │ ▲                            (setsid, double forks, …)
//!    │                                    │ └─ adopts every orphan below it (child subreaper)
//!    └────────────── leash ───────────────┘
//! ```
//!
//! The service is large and threaded, so it neither forks nor reaps functions itself. It starts the warden once
//! (its own binary again, which then calls [`run`]). For each environment it makes a socket pair, the *leash*,
//! and hands one end over; a keeper takes it, which the warden has forked, one in advance so that a cold start does
//! not wait for it. Two rules make the promise:
//!
//! * **A leash that closes kills.** The kernel closes the service's end when the [`Child`] is dropped and also when
//!   the service dies, however it dies. The keeper then kills until it has no child left.
//! * **A keeper is a subreaper.** A process below it can leave its group, its session and its parent, but when its
//!   parent ends it becomes the keeper's child. "No child left" therefore means "no descendant left", and the
//!   keeper only ever signals its own unreaped children, whose numbers nobody else can have: it kills all of its
//!   own environment and nothing else.
//!
//! The warden is a subreaper too: should a keeper be killed, the warden inherits and kills what it kept. Should the
//! warden be killed, the keepers see its *lifeline* close and end their environments. Only a process that kills
//! both at once, or one that runs as another user (a set-uid program), can get away.
//!
//! Linux. On other Unixes a keeper kills the function's process group and no more, and notices its end by polling.

mod children;
mod handoff;
mod keeper;
mod order;
mod process;
mod report;
mod signals;

use std::{
    ffi::OsString,
    fmt,
    io::{self, Write},
    os::{fd::OwnedFd, unix::net::UnixStream as BlockingStream},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use nix::libc;
use tokio::{
    io::{AsyncWriteExt, Interest},
    net::UnixStream,
    signal::unix::{SignalKind, signal},
    time::timeout,
};

pub use self::process::run;
use self::{order::Order, report::Report};

/// The service's hold on its warden. Dropping it ends the warden and every environment that it keeps.
#[derive(Debug)]
pub struct Warden {
    control: UnixStream,
    process: tokio::process::Child,
}

/// What to start. Nothing is inherited from the service or the warden.
pub struct Spawn {
    /// An absolute path, or a name to look for in the `PATH` of `environment`.
    pub program: PathBuf,
    /// Without the program's own name.
    pub args: Vec<OsString>,
    /// The working directory; must exist.
    pub directory: PathBuf,
    /// All variables that the function sees, secrets among them: `Debug` does not show them.
    pub environment: Vec<(OsString, OsString)>,
    /// Gets standard output and standard error, in the order written. When this is a pipe, its other end reads
    /// the end of the file once all processes of the environment are gone.
    pub output: OwnedFd,
}

/// One environment's processes: the function's main process and all that it started. Dropping it kills them.
#[derive(Debug)]
pub struct Child {
    leash: UnixStream,
    received: [u8; report::LEN],
    received_len: usize,
    pid: Option<i32>,
    exit: Option<Exit>,
}

/// How the function's main process ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// It ended by itself. 0 to 255.
    Code(i32),
    /// A signal ended it; `SIGKILL` also when its keeper or the warden was killed, and it with them.
    Signal(i32),
    /// It never ran; an errno: `ENOENT` no such program or directory, `EACCES` not executable, `ENOEXEC` no
    /// program of this machine, `EINVAL` a NUL in a text, `EAGAIN` too many processes, `EPIPE` no warden left.
    NotStarted(i32),
}

impl Warden {
    /// Starts the warden: `command` must do nothing but call [`run`], first thing. Its standard input and output
    /// are taken; standard error is left as `command` has it.
    ///
    /// # Panics
    /// Outside a Tokio runtime with I/O enabled.
    ///
    /// # Errors
    /// Whatever keeps a process from being started.
    pub fn start(mut command: Command) -> io::Result<Self> {
        // If the service was started with SIGCHLD ignored, so would be the warden, and the kernel would throw
        // away exit statuses. A handler is not inherited through exec; an ignored signal is.
        let _handler = signal(SignalKind::child())?;
        let (ours, theirs) = BlockingStream::pair()?;
        ours.set_nonblocking(true)?;
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null());
        let process = tokio::process::Command::from(command).spawn()?;
        Ok(Self { control: UnixStream::from_std(ours)?, process })
    }

    /// The warden's process id; `None` once it is known to have ended.
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Returns when the warden is gone, which nothing but a SIGKILL or the end of the service does to it.
    pub async fn gone(&self) {
        // It never says anything here, so there is nothing to read but the end. An error is one, too.
        let _end = self.control.readable().await;
    }

    /// Hands an environment to the warden. Returns once the order is on its way; whether the function could be
    /// started is known to [`Child::pid`] and [`Child::exited`].
    ///
    /// # Errors
    /// `InvalidInput`: arguments and environment are over 1 MiB. `BrokenPipe`: the warden is gone; a new one must
    /// be started. Others: this process has no file descriptor left.
    pub async fn spawn(&self, spawn: Spawn) -> io::Result<Child> {
        let Spawn { program, args, directory, environment, output } = spawn;
        let order = Order { program, args, directory, environment }.encode()?;
        let (ours, theirs) = BlockingStream::pair()?;
        ours.set_nonblocking(true)?;
        // All of a usual order: it is there before its keeper is, and the start waits for no reactor.
        let written = match (&ours).write(&order) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            written => written?,
        };
        let mut leash = UnixStream::from_std(ours)?;
        self.control.async_io(Interest::WRITABLE, || handoff::send(&self.control, &theirs, &output)).await?;
        drop((theirs, output));
        // The order takes the leash, not the control socket: it can have any size, and a large one holds up
        // nobody else's. An error here is the keeper's end, which `exited` reports.
        let _ended = leash.write_all(&order[written..]).await;
        Ok(Child { leash, received: [0; report::LEN], received_len: 0, pid: None, exit: None })
    }
}

impl Child {
    /// The main process's id, as soon as it runs. `None`: it never started, and [`Self::exited`] says why.
    /// Cancel safe.
    pub async fn pid(&mut self) -> Option<i32> {
        while self.pid.is_none() && self.exit.is_none() {
            self.follow().await;
        }
        self.pid
    }

    /// Waits for the end of the main process; what it leaves behind is then being killed. Cancel safe, and says
    /// the same again if asked again.
    pub async fn exited(&mut self) -> Exit {
        loop {
            match self.exit {
                Some(exit) => return exit,
                None => self.follow().await,
            }
        }
    }

    /// Kills every process of the environment and waits until they are gone.
    ///
    /// # Errors
    /// `TimedOut`: some were still there after [`KILL_LIMIT`], as a process in an uninterruptible system call can
    /// be. The keeper goes on trying.
    pub async fn kill(mut self) -> io::Result<()> {
        // Not closed, but shut down: the keeper sees the end and acts, and its own end tells us when it is done.
        // An error means that it has gone already.
        let _gone = self.leash.shutdown().await;
        Ok(timeout(KILL_LIMIT, async { while self.next_report().await.is_some() {} }).await?)
    }

    async fn follow(&mut self) {
        match self.next_report().await {
            Some(Report::Started { pid }) => self.pid = Some(pid),
            Some(Report::Ended(exit)) => self.exit = Some(exit),
            None if self.pid.is_some() => self.exit = Some(Exit::Signal(libc::SIGKILL)),
            None => self.exit = Some(Exit::NotStarted(libc::EPIPE)),
        }
    }

    /// `None`: the keeper is gone, and all that it kept. Cancel safe.
    async fn next_report(&mut self) -> Option<Report> {
        while self.received_len < report::LEN {
            self.leash.readable().await.ok()?;
            match self.leash.try_read(&mut self.received[self.received_len..]) {
                Ok(0) => return None,
                Ok(len) => self.received_len += len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
        self.received_len = 0;
        Report::decode(self.received)
    }
}

impl fmt::Debug for Spawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawn").field("program", &self.program).finish_non_exhaustive()
    }
}

/// How long [`Child::kill`] waits. Our choice: the promise is "well under a second".
pub const KILL_LIMIT: Duration = Duration::from_secs(2);
