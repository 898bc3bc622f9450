//! What a handler is told about its invocation, besides the event.

use std::time::{Duration, SystemTime};

use serde_json::Value;

/// One invocation: its id, its function, its deadline.
///
/// [`testing::context`](crate::testing::context) makes one for tests.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Context {
    /// Lambda's id for this invocation, a UUID. Every attempt of an asynchronous invocation has the same one.
    pub request_id: String,
    /// The function's own name, 1 to 64 of `A-Z a-z 0-9 - _`.
    pub function_name: String,
    /// A number, or `$LATEST`.
    pub function_version: String,
    /// The full ARN, with the alias or version that the caller asked for, if any.
    pub function_arn: String,
    /// When Lambda ends the invocation, to the millisecond.
    pub deadline: SystemTime,
    /// The X-Ray header, `Root=…;Parent=…;Sampled=…`, for calls that this invocation makes.
    pub trace: Option<String>,
    /// What the caller sent as `X-Amz-Client-Context`: an object with `client`, `custom` and `environment`, as far as
    /// `lambda_runtime` reads it. It demands text for every value in `custom`; an invocation with another one ends the
    /// process before any handler sees it.
    pub client_context: Option<Value>,
}

impl Context {
    /// How long the invocation may still run, seen from `now`; zero once the deadline has passed.
    pub fn time_left(&self, now: SystemTime) -> Duration {
        self.deadline.duration_since(now).unwrap_or_default()
    }

    /// [`time_left`](Self::time_left), seen from this moment.
    pub fn remaining(&self) -> Duration {
        self.time_left(SystemTime::now())
    }
}

impl From<lambda_runtime::Context> for Context {
    fn from(told: lambda_runtime::Context) -> Self {
        Self {
            deadline: told.deadline(),
            request_id: told.request_id,
            function_name: told.env_config.function_name.clone(),
            function_version: told.env_config.version.clone(),
            function_arn: told.invoked_function_arn,
            trace: told.xray_trace_id,
            client_context: told.client_context.and_then(|context| serde_json::to_value(context).ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(now_ms: u64, left_ms: u64) {
        let mut told = lambda_runtime::Context::default();
        told.deadline = 10_000;
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now_ms);
        assert_eq!(
            Context::from(told).time_left(now),
            Duration::from_millis(left_ms),
            "seen from {now_ms} ms"
        );
    }

    #[test]
    fn the_time_left_runs_down_to_zero_and_stays_there() {
        check(0, 10_000);
        check(9_999, 1);
        check(10_000, 0);
        check(10_001, 0);
    }

    #[test]
    fn a_client_context_arrives_as_json() {
        let mut told = lambda_runtime::Context::default();
        told.client_context = serde_json::from_str(r#"{"custom":{"tenant":"7"}}"#).unwrap();
        let context = Context::from(told);
        assert_eq!(context.client_context.unwrap()["custom"]["tenant"], "7");
    }
}
