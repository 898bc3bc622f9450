//! One environment's keeper: starts the function, tells how it ended, and leaves once nothing is left of it.

use std::{
    io::{self, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{
            net::UnixStream,
            process::{CommandExt, ExitStatusExt},
        },
    },
    process::{Child, Command, ExitStatus, Stdio},
};

use nix::{
    errno::Errno,
    libc,
    unistd::{Pid, setsid},
};

use super::{
    Exit, children,
    handoff::{self, Handoff},
    order::Order,
    process::adopt_orphans,
    report::Report,
    signals::Signals,
};

/// Becomes the keeper of `handoff` or, as the spare, of the next one that comes.
///
/// Then holds nothing but its leash, the lifeline and its ear for signals: another environment's leash, held here,
/// would never be seen to close.
pub(super) fn run(
    handoff: Option<Handoff>,
    control: UnixStream,
    lifeline: &UnixStream,
    signals: &Signals,
) -> io::Result<()> {
    adopt_orphans()?;
    // See `children::end`.
    setsid()?;
    let next = match handoff {
        Some(handoff) => Some(handoff),
        None => await_handoff(&control, lifeline, signals)?,
    };
    drop(control);
    match next {
        Some(handoff) => keep(handoff, lifeline, signals),
        None => Ok(()),
    }
}

/// Says that there is no keeper.
pub(super) fn refuse(handoff: &Handoff, errno: Errno) {
    tell(&handoff.leash, Report::Ended(Exit::NotStarted(errno as i32)));
}

/// How the spare tells the warden that it has work: its process id, little-endian.
pub(super) const PID_BYTES: usize = size_of::<i32>();

/// `None`: the service or the warden is gone.
fn await_handoff(
    control: &UnixStream,
    mut lifeline: &UnixStream,
    signals: &Signals,
) -> io::Result<Option<Handoff>> {
    loop {
        let [_, orphaned] = signals.wait([control.as_fd(), lifeline.as_fd()], None)?;
        if orphaned {
            return Ok(None);
        }
        match handoff::receive(control) {
            Ok(Some(handoff)) => {
                let told = lifeline.write_all(&Pid::this().as_raw().to_le_bytes());
                return Ok(told.is_ok().then_some(handoff));
            }
            Ok(None) => return Ok(None),
            Err(Errno::EAGAIN | Errno::ENOBUFS) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn keep(handoff: Handoff, lifeline: &UnixStream, signals: &Signals) -> io::Result<()> {
    let Handoff { leash, output } = handoff;
    let mut function = match start(&leash, output, signals) {
        Ok(function) => function,
        Err(error) => {
            let errno = error.raw_os_error().unwrap_or(libc::EINVAL);
            tell(&leash, Report::Ended(Exit::NotStarted(errno)));
            return Ok(());
        }
    };
    tell(&leash, Report::Started { pid: pid(&function).as_raw() });
    if let Some(status) = watch(&mut function, &leash, lifeline, signals)? {
        tell(&leash, Report::Ended(exit(status)));
    }
    children::kill_all(signals)
}

/// A failure means that nobody listens any more, which the leash shows anyway.
fn tell(mut leash: &UnixStream, report: Report) {
    let _ = leash.write_all(&report.encode());
}

fn start(leash: &UnixStream, output: OwnedFd, signals: &Signals) -> io::Result<Child> {
    let Order { program, args, directory, environment } = Order::read(leash)?;
    let mut command = Command::new(program);
    command.args(args).env_clear().envs(environment).current_dir(directory).process_group(0);
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    signals.unblocked(|| command.spawn())
}

/// Waits for the end of the function's main process (and says how it ended) or of its time.
fn watch(
    function: &mut Child,
    leash: &UnixStream,
    lifeline: &UnixStream,
    signals: &Signals,
) -> io::Result<Option<ExitStatus>> {
    let main = pid(function);
    loop {
        if has_ended(function) {
            // Before it is reaped, and its number another's.
            children::end(main);
            return function.wait().map(Some);
        }
        children::list().into_iter().filter(|&child| child != main).for_each(children::reap_one);
        if signals.wait([leash.as_fd(), lifeline.as_fd()], None)?.contains(&true) {
            children::end(main);
            return Ok(None);
        }
    }
}

/// Whether the main process has ended. Does not reap it.
#[cfg(target_os = "linux")]
fn has_ended(function: &mut Child) -> bool {
    use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    // An error: a signal without a name ended it.
    waitid(Id::Pid(pid(function)), flags) != Ok(WaitStatus::StillAlive)
}

#[cfg(not(target_os = "linux"))]
fn has_ended(function: &mut Child) -> bool {
    !matches!(function.try_wait(), Ok(None))
}

fn exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Signal(libc::SIGKILL),
    }
}

fn pid(function: &Child) -> Pid {
    Pid::from_raw(i32::try_from(function.id()).expect("a process id is a positive pid_t"))
}
