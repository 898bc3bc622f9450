//! The limits of durable executions, each with its unit and source.
//!
//! `MODEL` is Lambda's service model of November 2026, `RUN` AWS's own local runner (aws-durable-execution-sdk-python-testing 1.4.0).

/// An operation's id, characters. Source: `MODEL`, `OperationId`.
pub const ID_CHARS: usize = 64;
/// An operation's name, characters of visible ASCII and spaces. Source: `MODEL`, `OperationName`.
pub const NAME_CHARS: usize = 256;
/// What kind of step or context it is, characters. Source: `MODEL`, `OperationSubType`.
pub const SUB_TYPE_CHARS: usize = 32;
/// An update's payload, bytes: 6 MiB. Source: `MODEL`, `OperationPayload`.
pub const PAYLOAD_BYTES: usize = 6_291_456;
/// What a function is invoked with from another, and what it answers, bytes: 1 MiB. Source: `RUN`.
pub const CHAINED_PAYLOAD_BYTES: usize = 1_048_576;
/// An error object as JSON, bytes. Source: `RUN`, "Error object size must be less than 32768 bytes."
pub const ERROR_BYTES: usize = 32_768;
/// A wait, or the pause before a step's next attempt, seconds: 366 days. Source: `MODEL`, `WaitSeconds`.
pub const DELAY_MAX_S: u64 = 31_622_400;
/// Of a page's operations, those of an envelope among them, bytes. Source: `RUN`, 5 MiB.
pub const PAGE_BYTES: usize = 5_242_880;
/// Operations of a page, if nothing is said. Source: `MODEL`.
pub const PAGE_ITEMS: usize = 100;
/// Operations of a page at most. Source: `MODEL`.
pub const PAGE_ITEMS_MAX: u32 = 1_000;
/// Invocations in a row that ended without a word, before the execution is given up. Source: `RUN`.
pub const FAILURES_IN_A_ROW: u32 = 5;
/// Invocations in a row that wait for nothing, likewise. Source: `RUN`.
pub const IDLE_IN_A_ROW: u32 = 3;
/// Before the function is invoked again after such an end, milliseconds. Source: `RUN`, about 5 s.
pub const FAILURE_PAUSE_MS: u64 = 5_000;
/// How long a checkpoint's answer is repeated to whoever sends it again, milliseconds: 15 minutes. Source: `RUN`.
pub const REPLAY_MS: u64 = 900_000;
