//! The warden's own process: forks a keeper for each environment, and buries them.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, Read},
    os::{fd::AsFd, unix::net::UnixStream},
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::resource::{Resource, setrlimit},
    unistd::{ForkResult, Pid, close, dup2_stdin, fork, setsid},
};

use super::{
    children::{self, Reaped},
    handoff::{self, Handoff},
    keeper,
    signals::Signals,
};

/// Is the warden, until the service is gone; its control socket is standard input.
///
/// To be called first thing in a process that [`super::Warden::start`] made, before there is any thread, and to be
/// followed by nothing: the keepers are forks of this process and return from here too. Closes every descriptor
/// but the standard ones.
///
/// # Errors
/// `ENOTSOCK`: started by hand. Others: the system refuses what a warden cannot do without.
pub fn run() -> io::Result<()> {
    close_inherited();
    let control = take_control()?;
    // A session of its own: no terminal's Ctrl-C comes here, and no process group has strangers in it.
    setsid()?;
    // A crashing function is an answer to somebody, not a reason to fill the disk.
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    adopt_orphans()?;
    let (lifeline, held) = UnixStream::pair()?;
    let signals = Signals::block()?;
    Process { control, lifeline, held, signals, keepers: HashSet::new(), spare: None }.run()
}

struct Process {
    control: UnixStream,
    /// Each keeper holds this end …
    lifeline: UnixStream,
    /// … and sees it close when this end, held here alone, is gone.
    held: UnixStream,
    signals: Signals,
    keepers: HashSet<Pid>,
    /// The keeper that was forked in advance. While there is one, it takes the next handoff by itself, and a cold
    /// start waits for neither the warden nor a fork.
    spare: Option<Pid>,
}

impl Process {
    fn run(mut self) -> io::Result<()> {
        let mut strays = false;
        let mut quiet = true;
        loop {
            if self.spare.is_none() {
                let handoff = match handoff::receive(&self.control) {
                    Ok(Some(handoff)) => Some(handoff),
                    Ok(None) => return self.leave(),
                    Err(Errno::EAGAIN) => None,
                    // Its leash is closed, which says it all.
                    Err(Errno::ENOBUFS) => continue,
                    Err(errno) => return Err(errno.into()),
                };
                let asked = handoff.is_some();
                // A spare can wait: just now a function is starting, and its start is what somebody waits for.
                if asked || quiet {
                    match (fork_keeper(), handoff) {
                        (Ok(ForkResult::Child), handoff) => return self.become_keeper(handoff),
                        (Ok(ForkResult::Parent { child }), _) => {
                            self.keepers.insert(child);
                            self.spare = (!asked).then_some(child);
                        }
                        (Err(errno), Some(handoff)) => keeper::refuse(&handoff, errno),
                        (Err(_), None) => {}
                    }
                }
                if asked {
                    continue;
                }
            }
            let again = strays || self.spare.is_none();
            // While there is a spare, handoffs are its to hear of.
            let handoffs = if self.spare.is_none() { self.control.as_fd() } else { self.held.as_fd() };
            let awaited = [handoffs, self.held.as_fd()];
            let [handed, taken] = self.signals.wait(awaited, again.then_some(INTERVAL))?;
            quiet = !handed && !taken;
            if taken {
                self.take_spare()?;
            }
            strays |= self.bury();
            strays = strays && end_strays(&mut self.keepers);
            self.spare = self.spare.filter(|spare| self.keepers.contains(spare));
        }
    }

    /// The spare says that it is one no longer. It says which it is, for it may be buried already.
    fn take_spare(&mut self) -> io::Result<()> {
        let mut pid = [0; keeper::PID_BYTES];
        self.held.read_exact(&mut pid)?;
        let pid = Pid::from_raw(i32::from_le_bytes(pid));
        self.spare = self.spare.filter(|&spare| spare != pid);
        Ok(())
    }

    /// Drops whatever is the warden's.
    fn become_keeper(self, handoff: Option<Handoff>) -> io::Result<()> {
        let Self { control, lifeline, held, signals, .. } = self;
        drop(held);
        keeper::run(handoff, control, &lifeline, &signals)
    }

    /// The service is gone. The warden leaves last, for it alone inherits what a killed keeper kept.
    fn leave(self) -> io::Result<()> {
        let Self { held, signals, mut keepers, .. } = self;
        drop(held);
        loop {
            loop {
                match children::reap() {
                    Reaped::One { pid: Some(pid), .. } => _ = keepers.remove(&pid),
                    Reaped::One { pid: None, .. } => {}
                    Reaped::NoneYet => break,
                    Reaped::NoneLeft => return Ok(()),
                }
            }
            end_strays(&mut keepers);
            signals.wait([], Some(INTERVAL))?;
        }
    }

    /// Whether a keeper may have left something behind.
    fn bury(&mut self) -> bool {
        let mut strays = false;
        while let Reaped::One { clean, pid } = children::reap() {
            strays |= !clean;
            if let Some(pid) = pid {
                self.keepers.remove(&pid);
            }
        }
        strays
    }
}

/// Kills all children that are no keepers. Whether there were any, and so may be more.
fn end_strays(keepers: &mut HashSet<Pid>) -> bool {
    let children = children::list();
    keepers.retain(|keeper| children.contains(keeper));
    let strays = children.into_iter().filter(|child| !keepers.contains(child));
    strays.map(children::end).count() > 0
}

#[expect(
    unsafe_code,
    reason = "a keeper without an exec: it is ready at once, and shares the warden's memory"
)]
fn fork_keeper() -> nix::Result<ForkResult> {
    // SAFETY: this process has one thread, so that no lock is held by another one that the child lacks.
    unsafe { fork() }
}

fn take_control() -> io::Result<UnixStream> {
    let control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    control.peer_addr()?;
    dup2_stdin(File::open("/dev/null")?)?;
    Ok(control)
}

/// What the service's own parent left open (a lock, the pipe that a script waits on) must not stay open in
/// functions. The service's own descriptors are closed by exec.
fn close_inherited() {
    let Ok(open) = fs::read_dir("/dev/fd") else {
        return;
    };
    let numbers = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let inherited: Vec<i32> = numbers.filter(|&number| number > STDERR).collect();
    for number in inherited {
        // An error: it was the listing's own.
        let _ = close(number);
    }
}

#[cfg(target_os = "linux")]
pub(super) fn adopt_orphans() -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(true)?)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn adopt_orphans() -> io::Result<()> {
    Ok(())
}

const STDERR: i32 = 2;

/// How often the warden looks for what a killed keeper left, until there is nothing (an adoption makes no signal),
/// and how long it waits for a quiet moment in which to fork a spare.
const INTERVAL: Duration = Duration::from_millis(1);
