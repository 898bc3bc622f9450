//! How much memory a process has used at most.

use std::time::{Duration, Instant};

/// The peak of one process, asked of the system at most ten times a second: a REPORT line must not cost more than
/// the invocation it reports.
#[derive(Debug, Default)]
pub(super) struct PeakMemory {
    pid: Option<i32>,
    read_at: Option<Instant>,
    peak_mb: u32,
}

impl PeakMemory {
    pub(super) fn follow(&mut self, pid: i32) {
        (self.pid, self.read_at) = (Some(pid), None);
    }

    /// The most that the process has had in memory at once, in MB (2^20 bytes), rounded up. 0: this system does not
    /// say.
    pub(super) fn megabytes(&mut self, now: Instant) -> u32 {
        if let Some(pid) = self.pid
            && self.read_at.is_none_or(|at| at + READ_AGAIN_AFTER <= now)
        {
            self.read_at = Some(now);
            // A process that is gone keeps the last figure.
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            self.peak_mb = self.peak_mb.max(peak_mb(&status).unwrap_or_default());
        }
        self.peak_mb
    }
}

/// `VmHWM:    5432 kB`.
fn peak_mb(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u32>().ok().map(|kilobytes| kilobytes.div_ceil(1024))
}

const READ_AGAIN_AFTER: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_in_whole_megabytes() {
        assert_eq!(peak_mb("Name:\tx\nVmHWM:\t    5433 kB\nVmRSS:\t 1 kB\n"), Some(6));
        assert_eq!(peak_mb("Name:\tkthreadd\n"), None);
        assert_eq!(peak_mb("VmHWM: many kB\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_is_asked_again_only_after_a_while() {
        let mut memory = PeakMemory::default();
        let now = Instant::now();
        assert_eq!(memory.megabytes(now), 0);
        memory.follow(i32::try_from(std::process::id()).unwrap());
        assert!(memory.megabytes(now) > 0);
        memory.peak_mb = 1 << 30;
        assert_eq!(memory.megabytes(now), 1 << 30);
    }
}
