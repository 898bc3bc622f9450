//! How the warden and its keepers notice that a child has ended, beside whatever else they wait for.

use std::{io, os::fd::BorrowedFd, time::Duration};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::signal::{SigHandler, SigSet, SigmaskHow, Signal},
};

/// Word that a child may have ended. Belongs to whoever asks: after a fork, the child hears of its own children.
///
/// Asking for it also makes this process deaf to what a terminal, a service manager or a user sends to stop the
/// whole of a program: it is the service that decides when its functions end, and the warden ends with it.
pub(super) struct Signals {
    #[cfg(target_os = "linux")]
    fd: nix::sys::signalfd::SignalFd,
}

impl Signals {
    pub(super) fn block() -> io::Result<Self> {
        SigSet::from_iter(BLOCKED).thread_block()?;
        Signal::iterator().filter(|&signal| signal != Signal::SIGPIPE).for_each(heed);
        #[cfg(target_os = "linux")]
        let fd = {
            use nix::sys::signalfd::{SfdFlags, SignalFd};
            let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
            SignalFd::with_flags(&SigSet::from_iter([Signal::SIGCHLD]), flags)?
        };
        Ok(Self {
            #[cfg(target_os = "linux")]
            fd,
        })
    }

    /// Waits until one of `fds` has something to read or is closed (the answer for each), a child may have ended,
    /// or `limit` is over.
    pub(super) fn wait<const N: usize>(
        &self,
        fds: [BorrowedFd<'_>; N],
        limit: Option<Duration>,
    ) -> io::Result<[bool; N]> {
        let mut watched: Vec<_> = fds.into_iter().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        let limit = self.watch(&mut watched, limit);
        match poll(&mut watched, limit) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready = std::array::from_fn(|at| watched[at].any().unwrap_or(true));
        self.forget()?;
        Ok(ready)
    }

    /// Runs `spawn` with no signal blocked, as a function expects and std does not see to.
    ///
    /// A child's end goes unnoticed meanwhile: look for it before the next [`Self::wait`].
    pub(super) fn unblocked<T>(&self, spawn: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let blocked = SigSet::empty().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
        let spawned = spawn();
        blocked.thread_set_mask()?;
        spawned
    }

    #[cfg(target_os = "linux")]
    fn watch<'a>(&'a self, watched: &mut Vec<PollFd<'a>>, limit: Option<Duration>) -> PollTimeout {
        use std::os::fd::AsFd;
        watched.push(PollFd::new(self.fd.as_fd(), PollFlags::POLLIN));
        limit.map_or(PollTimeout::NONE, milliseconds)
    }

    #[cfg(target_os = "linux")]
    fn forget(&self) -> io::Result<()> {
        // Pending at most once, however many children ended.
        self.fd.read_signal()?;
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn watch<'a>(&'a self, _: &mut Vec<PollFd<'a>>, limit: Option<Duration>) -> PollTimeout {
        milliseconds(limit.unwrap_or(POLL_INTERVAL).min(POLL_INTERVAL))
    }

    #[cfg(not(target_os = "linux"))]
    fn forget(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A shell has what it starts in the background ignore Ctrl-C, and what is ignored stays so through fork and exec;
/// functions start with nothing ignored. (Of SIGPIPE std takes care.)
#[expect(
    unsafe_code,
    reason = "setting a signal's action is unsafe for the sake of handlers, and this sets none"
)]
fn heed(signal: Signal) {
    // SAFETY: the default action is no code of ours, so none can run at a bad moment.
    // An error: SIGKILL and SIGSTOP cannot be ignored in the first place.
    let _ = unsafe { nix::sys::signal::signal(signal, SigHandler::SigDfl) };
}

fn milliseconds(limit: Duration) -> PollTimeout {
    PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX)
}

const BLOCKED: [Signal; 5] =
    [Signal::SIGCHLD, Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];

/// Without a descriptor for signals, ended children are looked for this often.
#[cfg(not(target_os = "linux"))]
const POLL_INTERVAL: Duration = Duration::from_millis(20);
