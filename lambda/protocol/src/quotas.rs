//! Lambda's limits, each with its unit and source, as of November 2026.
//!
//! Sources: the Lambda quotas page of the developer guide, the service model, and answers recorded from the service.

use std::time::Duration;

/// Body of a synchronous `Invoke`, bytes: 6 MiB. Source: the service's 413 text.
pub const SYNC_REQUEST_BYTES: usize = 6_291_456;
/// A function's buffered response, bytes: 6 MiB + 100. Source: the service's `Function.ResponseSizeTooLarge` text.
pub const SYNC_RESPONSE_BYTES: usize = 6_291_556;
/// Body of an `Event` invoke, bytes: 1 MiB (262,144 before October 2025). Source: the service's 413 text.
pub const EVENT_REQUEST_BYTES: usize = 1_048_576;
/// Body of the deprecated `InvokeAsync`, bytes: 256 KiB. Source: API reference, `InvokeAsync`.
pub const INVOKE_ASYNC_REQUEST_BYTES: usize = 262_144;
/// A streamed response, bytes: 200 MiB. Source: quotas page.
pub const STREAM_RESPONSE_BYTES: u64 = 209_715_200;
/// `X-Amz-Client-Context`, bytes of base64. Source: service model.
pub const CLIENT_CONTEXT_BYTES: usize = 3583;
/// What `X-Amz-Log-Result` holds of a log, bytes before base64. Source: API reference, `Invoke`.
pub const LOG_TAIL_BYTES: usize = 4096;

/// A function's own name, bytes. Source: API reference, `CreateFunction`.
pub const FUNCTION_NAME_BYTES: usize = 64;
/// A function's variables, names and values together, bytes: 4 KiB. Source: quotas page.
pub const ENVIRONMENT_BYTES: usize = 4096;

/// Source: service model, `Timeout` (ordinary functions).
pub const TIMEOUT_MIN: Duration = Duration::from_secs(1);
/// Source: quotas page (ordinary functions; managed instances may have 5,400 s).
pub const TIMEOUT_MAX: Duration = Duration::from_secs(900);
/// Source: API reference, `CreateFunction`.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(3);
/// How long a process may take until its first `next`. Source: developer guide, "Lambda execution environment".
pub const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// MB. Source: quotas page.
pub const MEMORY_MIN_MB: u32 = 128;
/// MB. Source: quotas page (ordinary functions).
pub const MEMORY_MAX_MB: u32 = 10_240;
/// MB. Source: API reference, `CreateFunction`.
pub const MEMORY_DEFAULT_MB: u32 = 128;

/// Invocations that run at once in an account and region. Source: quotas page, default value.
pub const ACCOUNT_CONCURRENCY: u32 = 1000;
/// What reservations must leave to functions without one. Source: developer guide, "Reserved concurrency".
pub const UNRESERVED_CONCURRENCY_MIN: u32 = 100;

/// Further attempts of an event whose function failed. Source: service model, `MaximumRetryAttempts`.
pub const EVENT_RETRIES_MAX: u32 = 2;
/// Source: API reference, `PutFunctionEventInvokeConfig`.
pub const EVENT_RETRIES_DEFAULT: u32 = 2;
/// Seconds. Source: service model, `MaximumEventAgeInSeconds`.
pub const EVENT_AGE_MIN_S: u32 = 60;
/// Seconds; also the default. Source: service model, `MaximumEventAgeInSeconds`.
pub const EVENT_AGE_MAX_S: u32 = 21_600;
/// One SQS message, body and attributes, bytes: 1 MiB. Source: SQS quotas page, since August 2025.
pub const SQS_MESSAGE_BYTES: usize = 1_048_576;
