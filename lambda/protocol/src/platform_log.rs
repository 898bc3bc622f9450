//! The lines that the platform itself writes into a function's log, in Lambda's text format.
//!
//! Source: recorded logs; the developer guide for the failing statuses. Every `Display` here ends with its line break.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use uuid::Uuid;

use crate::fault::ExitReason;

/// An invocation begins.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    pub request_id: Uuid,
    /// `$LATEST` or a number.
    pub version: &'a str,
}

/// An invocation ended.
#[derive(Clone, Copy, Debug)]
pub struct End {
    pub request_id: Uuid,
}

/// What an invocation took.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    pub request_id: Uuid,
    pub duration: Duration,
    pub memory_mb: u32,
    pub max_memory_mb: u32,
    /// On the first invocation of an environment.
    pub init: Option<Duration>,
    pub status: Status<'a>,
}

/// How an invocation or an init ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status<'a> {
    /// Nothing is said of it. A function that reports its own error is a success of the platform.
    Success,
    Timeout,
    Error {
        error_type: &'a str,
    },
}

/// An init that failed; successful ones are part of the first [`Report`].
#[derive(Clone, Copy, Debug)]
pub struct InitReport<'a> {
    pub duration: Duration,
    pub phase: InitPhase,
    pub status: Status<'a>,
}

/// When an init ran.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InitPhase {
    /// Before the first invocation.
    Init,
    /// Again, inside an invocation.
    Invoke,
}

/// An invocation ran into its function's timeout.
#[derive(Clone, Copy, Debug)]
pub struct TimedOut {
    pub time: SystemTime,
    pub request_id: Uuid,
    pub timeout: Duration,
}

/// A function's process ended during an invocation. Two lines.
#[derive(Clone, Copy, Debug)]
pub struct Exited {
    pub request_id: Uuid,
    pub reason: ExitReason,
}

impl fmt::Display for Start<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "START RequestId: {} Version: {}", self.request_id, self.version)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "END RequestId: {}", self.request_id)
    }
}

impl Report<'_> {
    /// Whole milliseconds, begun ones counted.
    pub fn billed_ms(&self) -> u128 {
        self.duration.as_micros().div_ceil(1000)
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "REPORT RequestId: {}\tDuration: {}\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB\t",
            self.request_id,
            Milliseconds(self.duration),
            self.billed_ms(),
            self.memory_mb,
            self.max_memory_mb,
        )?;
        if let Some(init) = self.init {
            write!(f, "Init Duration: {}\t", Milliseconds(init))?;
        }
        writeln!(f, "{}", self.status)
    }
}

impl fmt::Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => Ok(()),
            Self::Timeout => f.write_str("Status: timeout"),
            Self::Error { error_type } => write!(f, "Status: error\tError Type: {error_type}"),
        }
    }
}

impl fmt::Display for InitReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match self.phase {
            InitPhase::Init => "init",
            InitPhase::Invoke => "invoke",
        };
        let duration = Milliseconds(self.duration);
        writeln!(f, "INIT_REPORT Init Duration: {duration}\tPhase: {phase}\t{}", self.status)
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A clock beyond the year 9999 is told as the epoch rather than as an error.
        let time = Timestamp::try_from(self.time).unwrap_or(Timestamp::UNIX_EPOCH);
        let seconds = self.timeout.as_secs_f64();
        writeln!(f, "{time:.3} {} Task timed out after {seconds:.2} seconds", self.request_id)
    }
}

impl fmt::Display for Exited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "RequestId: {} Error: {}\nRuntime.ExitError", self.request_id, self.reason)
    }
}

/// `3.01 ms`.
struct Milliseconds(Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ms", self.0.as_secs_f64() * 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(0x0186_f8a0_5c3d_4e21_9a7b_1234_5678_9abc);

    #[track_caller]
    fn check(line: impl fmt::Display, expected: &str) {
        assert_eq!(line.to_string(), expected.replace("<id>", &ID.to_string()));
    }

    fn report(status: Status<'_>) -> Report<'_> {
        Report {
            request_id: ID,
            duration: Duration::from_micros(3_010),
            memory_mb: 128,
            max_memory_mb: 36,
            init: None,
            status,
        }
    }

    #[test]
    fn an_invocation_is_framed_by_start_and_end() {
        check(Start { request_id: ID, version: "$LATEST" }, "START RequestId: <id> Version: $LATEST\n");
        check(End { request_id: ID }, "END RequestId: <id>\n");
    }

    #[test]
    fn a_report_bills_begun_milliseconds() {
        check(
            report(Status::Success),
            "REPORT RequestId: <id>\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: \
             36 MB\t\n",
        );
        assert_eq!(Report { duration: Duration::from_millis(4), ..report(Status::Success) }.billed_ms(), 4);
    }

    #[test]
    fn a_cold_report_says_what_the_init_took() {
        check(
            Report { init: Some(Duration::from_micros(110_100)), ..report(Status::Success) },
            "REPORT RequestId: <id>\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: \
             36 MB\tInit Duration: 110.10 ms\t\n",
        );
    }

    #[test]
    fn a_report_of_a_failure_ends_with_its_status() {
        let line = report(Status::Timeout).to_string();
        assert!(line.ends_with("\tMax Memory Used: 36 MB\tStatus: timeout\n"), "{line:?}");
        let line = report(Status::Error { error_type: "Runtime.ExitError" }).to_string();
        assert!(line.ends_with("\tStatus: error\tError Type: Runtime.ExitError\n"), "{line:?}");
    }

    #[test]
    fn a_failed_init_has_a_line_of_its_own() {
        check(
            InitReport {
                duration: Duration::from_micros(10_008_210),
                phase: InitPhase::Init,
                status: Status::Timeout,
            },
            "INIT_REPORT Init Duration: 10008.21 ms\tPhase: init\tStatus: timeout\n",
        );
    }

    #[test]
    fn a_timeout_and_a_crash_are_told_in_words() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_584_039_838_005);
        check(
            TimedOut { time, request_id: ID, timeout: Duration::from_secs(1) },
            "2020-03-12T19:03:58.005Z <id> Task timed out after 1.00 seconds\n",
        );
        check(
            Exited { request_id: ID, reason: ExitReason::Status(1) },
            "RequestId: <id> Error: Runtime exited with error: exit status 1\nRuntime.ExitError\n",
        );
    }
}
