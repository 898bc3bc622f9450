//! What a function that failed said: the payload beside `X-Amz-Function-Error`.

use std::{
    fmt::{self, Display},
    time::Duration,
};

use serde_json::value::RawValue;

use crate::{
    json::{object, text},
    quotas::{STREAM_RESPONSE_BYTES, SYNC_RESPONSE_BYTES},
};

/// A function's failure, read from the error payload. Every text is bounded: what is longer is cut at a character.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Fault {
    /// At most [`MAX_TYPE_BYTES`].
    pub error_type: Option<String>,
    /// At most [`MAX_MESSAGE_BYTES`].
    pub error_message: Option<String>,
    /// `trace` or `stackTrace`, when they are lists of text: at most [`MAX_TRACE_LINES`] of [`MAX_TRACE_LINE_BYTES`].
    pub trace: Vec<String>,
}

/// What happened, as far as the error type tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FaultKind {
    /// The function's own error.
    Thrown,
    TimedOut,
    /// The process ended: exit, signal, out of memory, or it never started.
    Crashed,
    ResponseTooLarge,
}

/// How a function's process ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExitReason {
    Status(i32),
    /// A Linux signal number.
    Signal(i32),
}

impl Fault {
    /// The function did not answer within `timeout`. Service-made; recorded 2025.
    pub fn timeout(request_id: impl Display, timeout: Duration) -> Self {
        let seconds = timeout.as_secs_f64();
        Self::made(TIMED_OUT, request_id, &format!("Task timed out after {seconds:.2} seconds"))
    }

    /// The function's process ended before it answered. Service-made; recorded.
    pub fn exited(request_id: impl Display, reason: ExitReason) -> Self {
        Self::made("Runtime.ExitError", request_id, &reason.to_string())
    }

    /// There is nothing to start. Service-made.
    pub fn invalid_entrypoint(request_id: impl Display) -> Self {
        let text = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]";
        Self::made("Runtime.InvalidEntrypoint", request_id, text)
    }

    /// The answer is over [`SYNC_RESPONSE_BYTES`]. Service-made; recorded.
    pub fn response_too_large() -> Self {
        Self::too_large(SYNC_RESPONSE_BYTES as u64)
    }

    /// The streamed answer is over [`STREAM_RESPONSE_BYTES`]. The name is the service's; the words are ours.
    pub fn stream_too_large() -> Self {
        Self::too_large(STREAM_RESPONSE_BYTES)
    }

    fn too_large(limit: u64) -> Self {
        let text = format!("Response payload size exceeded maximum allowed payload size ({limit} bytes).");
        Self { error_type: Some(RESPONSE_TOO_LARGE.to_owned()), error_message: Some(text), trace: Vec::new() }
    }

    fn made(error_type: &str, request_id: impl Display, text: &str) -> Self {
        Self {
            error_type: Some(error_type.to_owned()),
            error_message: Some(format!("RequestId: {request_id} Error: {text}")),
            trace: Vec::new(),
        }
    }

    /// Never fails: a payload that is not an error object leaves everything empty.
    pub fn decode(payload: &[u8]) -> Self {
        let mut fault = Self::default();
        let read = object::members(payload, |key, value| match &*key {
            "errorType" => fault.error_type = object::string(value).map(|text| cut(&text, MAX_TYPE_BYTES)),
            "errorMessage" => {
                fault.error_message = object::string(value).map(|text| cut(&text, MAX_MESSAGE_BYTES));
            }
            "trace" | "stackTrace" => fault.trace = lines(value),
            _ => {}
        });
        if read.is_ok() { fault } else { Self::default() }
    }

    /// `{"errorType":…,"errorMessage":…}` (and `trace` when there is one), without what is absent.
    pub fn encode(&self) -> Vec<u8> {
        let mut members =
            [("errorType", self.error_type.as_deref()), ("errorMessage", self.error_message.as_deref())];
        // As recorded: the one service-made body in the other order.
        if self.error_type.as_deref() == Some(RESPONSE_TOO_LARGE) {
            members.reverse();
        }
        let mut out = vec![b'{'];
        for (key, value) in members {
            if let Some(value) = value {
                separate(&mut out);
                text::write(&mut out, key);
                out.push(b':');
                text::write(&mut out, value);
            }
        }
        if !self.trace.is_empty() {
            separate(&mut out);
            out.extend_from_slice(br#""trace":["#);
            for line in &self.trace {
                separate(&mut out);
                text::write(&mut out, line);
            }
            out.push(b']');
        }
        out.push(b'}');
        out
    }

    /// Decided by the error type; where there is none, by the texts that Lambda sent before 2025, which had none.
    pub fn kind(&self) -> FaultKind {
        match (self.error_type.as_deref(), self.error_message.as_deref()) {
            (Some(TIMED_OUT), _) => FaultKind::TimedOut,
            (Some(RESPONSE_TOO_LARGE), _) => FaultKind::ResponseTooLarge,
            (Some(error_type), _) if CRASHES.contains(&error_type) => FaultKind::Crashed,
            (None, Some(message)) if says_timed_out(message) => FaultKind::TimedOut,
            (None, Some(message)) if message.ends_with(OLD_CRASH) => FaultKind::Crashed,
            (Some(_) | None, _) => FaultKind::Thrown,
        }
    }
}

impl Display for ExitReason {
    /// What the service says of it: `Runtime exited with error: signal: killed`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(0) => f.write_str("Runtime exited without providing a reason"),
            Self::Status(status) => write!(f, "Runtime exited with error: exit status {status}"),
            Self::Signal(number) => match signal_name(*number) {
                Some(name) => write!(f, "Runtime exited with error: signal: {name}"),
                None => write!(f, "Runtime exited with error: signal: signal {number}"),
            },
        }
    }
}

/// Longest error type that is kept. Ours: runtimes' own are class names.
pub const MAX_TYPE_BYTES: usize = 256;
/// Longest error message that is kept. Ours: a message is for people.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// Most lines of a trace that are kept. Ours.
pub const MAX_TRACE_LINES: usize = 100;
/// Longest line of a trace that is kept. Ours.
pub const MAX_TRACE_LINE_BYTES: usize = 4096;

const TIMED_OUT: &str = "Sandbox.Timedout";
const RESPONSE_TOO_LARGE: &str = "Function.ResponseSizeTooLarge";
/// The tail of what Lambda once said of a process that ended, without an error type.
const OLD_CRASH: &str = "Process exited before completing request";

/// The types of a process that ended or never came so far as to take an event. The first are the service's; the
/// `Runtime.` types after them are what official runtimes post to `/runtime/init/error` before they exit.
const CRASHES: &[&str] = &[
    "Runtime.ExitError",
    "Runtime.OutOfMemory",
    "Runtime.InvalidEntrypoint",
    "Runtime.InvalidWorkingDir",
    "Runtime.InvalidTaskConfig",
    "Runtime.Unknown",
    "Sandbox.Failure",
    "Extension.Crash",
    "Extension.ExitError",
    "Extension.InitError",
    "Extension.LaunchError",
    "Runtime.InitError",
    "Runtime.ImportModuleError",
    "Runtime.HandlerNotFound",
    "Runtime.MalformedHandlerName",
    "Runtime.UserCodeSyntaxError",
];

/// `2019-01-01T00:00:00.000Z <id> Task timed out after 3.00 seconds`.
fn says_timed_out(message: &str) -> bool {
    message
        .rsplit_once("Task timed out after ")
        .and_then(|(_, rest)| rest.strip_suffix(" seconds"))
        .is_some_and(|number| number.parse::<f64>().is_ok())
}

/// Go's words for Linux signals, which are what Lambda says. Source: Go's `syscall` package.
fn signal_name(number: i32) -> Option<&'static str> {
    const NAMES: [&str; 15] = [
        "hangup",
        "interrupt",
        "quit",
        "illegal instruction",
        "trace/breakpoint trap",
        "aborted",
        "bus error",
        "floating point exception",
        "killed",
        "user defined signal 1",
        "segmentation fault",
        "user defined signal 2",
        "broken pipe",
        "alarm clock",
        "terminated",
    ];
    NAMES.get(usize::try_from(number).ok()?.checked_sub(1)?).copied()
}

fn lines(value: &RawValue) -> Vec<String> {
    let mut lines = Vec::new();
    let mut all_text = true;
    let read = object::elements(value, |line| {
        if lines.len() < MAX_TRACE_LINES {
            match object::string(line) {
                Some(line) => lines.push(cut(&line, MAX_TRACE_LINE_BYTES)),
                None => all_text = false,
            }
        }
    });
    if read.is_ok() && all_text { lines } else { Vec::new() }
}

fn cut(text: &str, most: usize) -> String {
    text[..text.floor_char_boundary(most)].to_owned()
}

/// A comma, unless the object or list has just begun.
fn separate(out: &mut Vec<u8>) {
    if !matches!(out.last(), Some(b'{' | b'[')) {
        out.push(b',');
    }
}

#[cfg(test)]
mod tests;
