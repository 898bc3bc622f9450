//! Why a call has no outcome, and who must act so that the same request works next time.

use std::num::NonZeroU32;

use http::Method;

use crate::{callback::UrlRefusal, keys::Right, limits::Rate};

/// A call that got no outcome. Messages may be read by the caller: they name the limit, never a secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Rejection {
    /// Our prefix, but no operation of ours.
    #[error("no such operation")]
    Route,
    #[error("method not allowed")]
    Method { allow: &'static [Method] },
    #[error("{0}")]
    Malformed(String),
    #[error("X-Callback-Url is refused: {0}")]
    CallbackUrl(#[from] UrlRefusal),
    /// A callback of ours that asks for a callback of ours, and so on.
    #[error("the call has come round through {limit} callbacks")]
    Loop { limit: u8 },
    #[error("missing or unknown credential")]
    Unauthenticated,
    #[error("the credential lacks the right `{}`", right.as_str())]
    Forbidden { right: Right },
    /// Unknown, foreign or outside the key's scope: one answer for all three.
    #[error("function not found")]
    UnknownFunction,
    #[error("request body is over the limit of {limit} bytes")]
    PayloadTooLarge { limit: usize },
    /// Of an asynchronous call: the body alone may be within it.
    #[error("the request as an event is over the limit of {limit} bytes")]
    EventTooLarge { limit: usize },
    #[error("the Idempotency-Key was used with another request")]
    IdempotencyConflict,
    #[error("a request with this Idempotency-Key is being accepted")]
    IdempotencyInProgress,
    /// Lambda could not parse the event; its own words.
    #[error("{0}")]
    InvalidPayload(String),
    /// The body did not arrive whole.
    #[error("the request body ended early")]
    BodyIncomplete,
    #[error("the request body did not arrive in time")]
    BodyTimeout,
    /// The route is known, what it promises is not built or not possible here.
    #[error("{0}")]
    NotImplemented(&'static str),
    /// `reason` is Lambda's word, or `GatewayConcurrency`-like words of ours.
    #[error("rate exceeded ({reason})")]
    Throttled { reason: &'static str, retry_after_s: Option<u32> },
    /// The key's own limit of calls in a time.
    #[error("the rate limit of {rate} is exceeded")]
    RateLimited { rate: Rate, retry_after_s: u32 },
    /// The key's own limit of calls at a time.
    #[error("the limit of {limit} calls at a time is reached")]
    KeyBusy { limit: NonZeroU32 },
    /// Too many wrong credentials from where the caller is.
    #[error("too many wrong credentials")]
    Guessing { retry_after_s: u32 },
    /// The function exists and cannot be invoked yet.
    #[error("function is not ready: {0}")]
    NotReady(String),
    /// Bodies in memory reached the gateway's own bound.
    #[error("the gateway is at its limit of {limit} buffered bytes")]
    Overloaded { limit: usize },
    /// Calls at a time reached what the gateway has for this key now.
    #[error("the gateway is at its limit of {limit} calls at a time")]
    Busy { limit: NonZeroU32 },
    #[error("the gateway is shutting down")]
    Draining,
    #[error("no answer within {limit_ms} ms")]
    Deadline { limit_ms: u64 },
    #[error("the Lambda service could not be reached")]
    Unreachable,
    /// The call went out, and no whole answer came back: the function may have run.
    #[error("the Lambda service's answer was lost")]
    AnswerLost,
    /// Lambda answered with a failure of its own (5xx).
    #[error("the Lambda service failed")]
    BackendFailed,
    /// Lambda refused what the operator configured: rights, keys, network. `code` is Lambda's; for the log.
    #[error("the Lambda service refused the call")]
    BackendRefused { code: String },
    /// The function ran, and its answer is not one.
    #[error("the function's answer cannot be used: {0}")]
    BadAnswer(String),
    #[error("the function's answer is over the limit of {limit} bytes")]
    AnswerTooLarge { limit: usize },
}

/// Who must act.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Blame {
    Caller,
    Gateway,
    Function,
    Backend,
}

impl Blame {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Gateway => "gateway",
            Self::Function => "function",
            Self::Backend => "backend",
        }
    }
}

impl Rejection {
    pub fn blame(&self) -> Blame {
        match self {
            Self::Route
            | Self::Method { .. }
            | Self::Malformed(_)
            | Self::CallbackUrl(_)
            | Self::Loop { .. }
            | Self::Unauthenticated
            | Self::Forbidden { .. }
            | Self::UnknownFunction
            | Self::PayloadTooLarge { .. }
            | Self::EventTooLarge { .. }
            | Self::IdempotencyConflict
            | Self::IdempotencyInProgress
            | Self::InvalidPayload(_)
            | Self::BodyIncomplete
            | Self::BodyTimeout
            | Self::RateLimited { .. }
            | Self::KeyBusy { .. }
            | Self::Guessing { .. } => Blame::Caller,
            Self::NotImplemented(_) | Self::Overloaded { .. } | Self::Busy { .. } | Self::Draining => {
                Blame::Gateway
            }
            Self::BadAnswer(_) | Self::AnswerTooLarge { .. } => Blame::Function,
            Self::Throttled { .. }
            | Self::NotReady(_)
            | Self::Deadline { .. }
            | Self::Unreachable
            | Self::AnswerLost
            | Self::BackendFailed
            | Self::BackendRefused { .. } => Blame::Backend,
        }
    }

    /// When the same request may be tried again, where waiting is what helps. In seconds, for `Retry-After`.
    pub fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Throttled { retry_after_s, .. } => Some(retry_after_s.unwrap_or(RETRY_AFTER_S)),
            Self::RateLimited { retry_after_s, .. } | Self::Guessing { retry_after_s } => {
                Some(*retry_after_s)
            }
            Self::NotReady(_)
            | Self::IdempotencyInProgress
            | Self::KeyBusy { .. }
            | Self::Overloaded { .. }
            | Self::Busy { .. }
            | Self::Draining
            | Self::Unreachable => Some(RETRY_AFTER_S),
            Self::Route
            | Self::Method { .. }
            | Self::Malformed(_)
            | Self::CallbackUrl(_)
            | Self::Loop { .. }
            | Self::Unauthenticated
            | Self::Forbidden { .. }
            | Self::UnknownFunction
            | Self::PayloadTooLarge { .. }
            | Self::EventTooLarge { .. }
            | Self::IdempotencyConflict
            | Self::InvalidPayload(_)
            | Self::BodyIncomplete
            | Self::BodyTimeout
            | Self::NotImplemented(_)
            | Self::Deadline { .. }
            | Self::AnswerLost
            | Self::BackendFailed
            | Self::BackendRefused { .. }
            | Self::BadAnswer(_)
            | Self::AnswerTooLarge { .. } => None,
        }
    }
}

/// Seconds to wait where nobody knows better. Ours: a running call ends, an environment starts, within about a second.
const RETRY_AFTER_S: u32 = 1;
