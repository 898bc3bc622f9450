//! The children of this process: who they are, and how to be rid of them and of all their descendants.
//!
//! Nothing here looks further down than one generation. This process is a subreaper: when a child dies, the
//! grandchildren become its children, and the next round has them.

use std::{fs, io, time::Duration};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill, killpg},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use super::signals::Signals;

/// Children that have not been reaped, ended ones among them. Empty where the system cannot say.
pub(super) fn list() -> Vec<Pid> {
    match fs::read_to_string(CHILDREN) {
        Ok(pids) => pids.split_ascii_whitespace().filter_map(pid).collect(),
        Err(_) => scan(),
    }
}

/// Kills all descendants of this process, and returns when none is left.
pub(super) fn kill_all(signals: &Signals) -> io::Result<()> {
    let mut pause = ROUND;
    loop {
        list().into_iter().for_each(end);
        let mut idle = true;
        loop {
            match reap() {
                Reaped::NoneLeft => return Ok(()),
                Reaped::One { .. } => idle = false,
                Reaped::NoneYet => break,
            }
        }
        // The dying need a moment, and an adoption makes no signal: never wait long. A child that will not die
        // (in an uninterruptible system call, or of another user) is asked ever less often.
        pause = if idle { (pause * 2).min(MAX_PAUSE) } else { ROUND };
        signals.wait([], Some(pause))?;
    }
}

/// Kills `child`, and with it the process group that it leads, if it leads one: at once, so that no member
/// escapes by forking.
///
/// `child` must not have been reaped: until then its number is nobody else's, neither as process nor as group.
/// And since each keeper has a session of its own, which is where groups live, no group has strangers in it.
pub(super) fn end(child: Pid) {
    // Errors: there is no such group; it has ended; it belongs to another user.
    let _ = killpg(child, Signal::SIGKILL);
    let _ = kill(child, Signal::SIGKILL);
}

pub(super) enum Reaped {
    One {
        /// Whether it ended by itself and without an error.
        clean: bool,
        /// Unknown if a signal ended it for which there is no name.
        pid: Option<Pid>,
    },
    /// There are children, but none has ended.
    NoneYet,
    NoneLeft,
}

/// Reaps one ended child, if there is one.
pub(super) fn reap() -> Reaped {
    match waitpid(None, Some(WAIT)) {
        Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => Reaped::NoneYet,
        Ok(status) => Reaped::One { clean: matches!(status, WaitStatus::Exited(_, 0)), pid: status.pid() },
        Err(Errno::ECHILD) => Reaped::NoneLeft,
        // Reaped, but its status cannot be told: a real-time signal.
        Err(_) => Reaped::One { clean: false, pid: None },
    }
}

/// Reaps `child` if it has ended.
pub(super) fn reap_one(child: Pid) {
    let _ = waitpid(child, Some(WAIT));
}

/// Never 0, which is how /proc shows a process of a foreign namespace, and which to kill(2) means "my own group".
fn pid(text: &str) -> Option<Pid> {
    text.parse().ok().filter(|&number| number > 0).map(Pid::from_raw)
}

/// For kernels built without the list of children: asks every process for its parent.
fn scan() -> Vec<Pid> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let this = Pid::this();
    processes
        .filter_map(|entry| pid(entry.ok()?.file_name().to_str()?))
        .filter(|&process| parent(process) == Some(this))
        .collect()
}

fn parent(process: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    parent_in(&stat)
}

/// `pid (name) state parent …`, where the name may hold spaces and parentheses (proc_pid_stat(5)).
fn parent_in(stat: &str) -> Option<Pid> {
    let (_, after_name) = stat.rsplit_once(')')?;
    pid(after_name.split_ascii_whitespace().nth(1)?)
}

/// Of the calling thread, which is the only one (proc_tid_children(5)).
const CHILDREN: &str = "/proc/thread-self/children";

/// Children that announce their end with another signal than SIGCHLD count too (wait(2), `__WALL`).
#[cfg(target_os = "linux")]
const WAIT: WaitPidFlag = WaitPidFlag::WNOHANG.union(WaitPidFlag::__WALL);
#[cfg(not(target_os = "linux"))]
const WAIT: WaitPidFlag = WaitPidFlag::WNOHANG;

/// The longest wait for a SIGCHLD before children are looked for again, while they are dying.
const ROUND: Duration = Duration::from_millis(1);
/// The same, while none dies.
const MAX_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn both_ways_of_listing_find_the_children_and_forget_the_reaped() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        assert!(list().contains(&pid));
        assert!(scan().contains(&pid));
        end(pid);
        child.wait().unwrap();
        assert!(!list().contains(&pid));
        assert!(!scan().contains(&pid));
    }

    #[test]
    fn a_name_cannot_forge_the_parent() {
        assert_eq!(parent_in("7 (sh) S 4 7 7 0"), Some(Pid::from_raw(4)));
        assert_eq!(parent_in("7 (a) S 1 (b) R 4 7 7 0"), Some(Pid::from_raw(4)));
        assert_eq!(parent_in("7 (sh) S 0 7 7 0"), None);
        assert_eq!(parent_in("7 (sh"), None);
        assert_eq!(parent_in(""), None);
    }
}
