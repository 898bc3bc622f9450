//! Who watches calls while they happen.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use uuid::Uuid;

/// Is told of calls, by their request ids, on the threads that run them: it must not block. Nothing is told twice, but for
/// what an event's second run repeats.
pub trait Observer: fmt::Debug + Send + Sync {
    /// The function, or Lambda itself, has written a line into its log. It comes in pieces, without its end.
    fn line(&self, request_id: Uuid, line: &[&[u8]]);

    /// An asynchronous call has come a step further.
    fn step(&self, request_id: Uuid, function: &str, step: Step<'_>);
}

/// A step of an asynchronous call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step<'a> {
    /// It is kept, and will be run. `at` is when it came: it may be running by the time that this is told.
    Queued { at: SystemTime },
    /// A run begins; the first is 1.
    Begins { attempt: u32 },
    /// The run failed. There will be another.
    Failed { why: &'a str, pause: Duration },
    /// It could not be run. That will be tried again.
    NoPlace { pause: Duration },
    /// There will be no further run; Lambda's word for why.
    Over { condition: &'a str },
}
