//! What one attempt came to.

use std::time::Duration;

use http::StatusCode;

use super::Dead;

/// One attempt, over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Attempted {
    /// `retry_after` as [`retry_after`](super::retry_after) read it.
    Answered {
        status: StatusCode,
        retry_after: Option<Duration>,
    },
    NoAnswer(NoAnswer),
}

/// Why an attempt got no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoAnswer {
    /// An address that is never dialled, so that nothing was.
    Forbidden,
    /// The name could not be resolved.
    Unresolved,
    Unreachable,
    Tls,
    TimedOut,
    /// What came is no answer, or not a whole head of one.
    Broken,
}

/// What an attempt means for its callback.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Meaning {
    Delivered,
    Again { retry_after: Option<Duration> },
    Dead(Dead),
}

impl Attempted {
    /// Any 2xx is a receipt. A redirect is a failure like any other: it is never followed. Of 4xx only those are tried
    /// again that say "not now" (408, 425, 429).
    pub(super) fn meaning(self) -> Meaning {
        match self {
            Self::Answered { status, retry_after } => match status {
                StatusCode::GONE => Meaning::Dead(Dead::Gone),
                StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                    Meaning::Again { retry_after }
                }
                status if status.is_success() => Meaning::Delivered,
                status if status.is_client_error() => Meaning::Dead(Dead::Refused { status }),
                _ => Meaning::Again { retry_after },
            },
            Self::NoAnswer(NoAnswer::Forbidden) => Meaning::Dead(Dead::Forbidden),
            Self::NoAnswer(
                NoAnswer::Unresolved
                | NoAnswer::Unreachable
                | NoAnswer::Tls
                | NoAnswer::TimedOut
                | NoAnswer::Broken,
            ) => Meaning::Again { retry_after: None },
        }
    }

    /// Is the host at fault, rather than this one callback? `None`: it tells nothing of the host.
    pub(super) fn blames_host(self) -> Option<bool> {
        match self {
            Self::Answered { status, .. } => {
                let overloaded =
                    [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status);
                Some(overloaded || status.is_server_error())
            }
            Self::NoAnswer(NoAnswer::Forbidden) => None,
            Self::NoAnswer(
                NoAnswer::Unresolved
                | NoAnswer::Unreachable
                | NoAnswer::Tls
                | NoAnswer::TimedOut
                | NoAnswer::Broken,
            ) => Some(true),
        }
    }
}

impl Attempted {
    /// Does the host show that it has too much to do, so that it is to be asked more slowly? 503 is not among it: a receiver
    /// says that of one callback, too, and has `Retry-After` for it.
    pub(super) fn is_overload(self) -> bool {
        match self {
            Self::Answered { status, .. } => {
                [StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT]
                    .contains(&status)
            }
            Self::NoAnswer(why) => why == NoAnswer::TimedOut,
        }
    }
}

impl NoAnswer {
    /// The word in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::Unresolved => "unresolved",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::TimedOut => "timed_out",
            Self::Broken => "broken",
        }
    }
}
