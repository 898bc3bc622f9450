//! Why there was no outcome, in one word for the figures.

use prometheus_client::encoding::EncodeLabelSet;
use stayput_core::Rejection;

use crate::front::Refusal;

/// One word of a small set, and for throttled calls Lambda's own reason, another.
#[derive(Clone, Copy, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Reason {
    pub(super) reason: &'static str,
    /// Empty: it was something else.
    pub(super) throttle: &'static str,
}

impl Reason {
    pub(super) fn of(rejection: &Rejection) -> Self {
        let throttle = match rejection {
            Rejection::Throttled { reason, .. } => reason,
            _ => "",
        };
        Self { reason: word(rejection), throttle }
    }

    /// Why the front refused what no dialect has seen.
    pub(super) fn of_front(refusal: Refusal) -> Self {
        Self { reason: front_word(refusal), throttle: "" }
    }
}

fn word(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::Route => "route",
        Rejection::Method { .. } => "method",
        Rejection::Malformed(_) => "malformed",
        Rejection::CallbackUrl(_) => "callback_url",
        Rejection::Loop { .. } => "loop",
        Rejection::Unauthenticated => "unauthenticated",
        Rejection::Forbidden { .. } => "forbidden",
        Rejection::UnknownFunction => "unknown_function",
        Rejection::PayloadTooLarge { .. } => "payload_too_large",
        Rejection::EventTooLarge { .. } => "event_too_large",
        Rejection::IdempotencyConflict => "idempotency_conflict",
        Rejection::IdempotencyInProgress => "idempotency_in_progress",
        Rejection::InvalidPayload(_) => "invalid_payload",
        Rejection::BodyIncomplete => "body_incomplete",
        Rejection::BodyTimeout => "body_timeout",
        Rejection::NotImplemented(_) => "not_implemented",
        Rejection::Throttled { .. } => "throttled",
        Rejection::NotReady(_) => "not_ready",
        Rejection::RateLimited { .. } => "rate_limited",
        Rejection::KeyBusy { .. } => "key_busy",
        Rejection::Guessing { .. } => "guessing",
        Rejection::Busy { .. } => "busy",
        Rejection::Overloaded { .. } => "overloaded",
        Rejection::Draining => "draining",
        Rejection::Deadline { .. } => "deadline",
        Rejection::Unreachable => "unreachable",
        Rejection::AnswerLost => "answer_lost",
        Rejection::BackendFailed => "backend_failed",
        Rejection::BackendRefused { .. } => "backend_refused",
        Rejection::BadAnswer(_) => "bad_answer",
        Rejection::AnswerTooLarge { .. } => "answer_too_large",
    }
}

fn front_word(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::LineEnd => "line_end",
        Refusal::RequestLine => "request_line",
        Refusal::Method => "method_name",
        Refusal::Version => "version",
        Refusal::Target => "target",
        Refusal::TargetTooLong => "target_too_long",
        Refusal::HeadTooLarge => "head_too_large",
        Refusal::TooManyFields => "too_many_fields",
        Refusal::Field => "field",
        Refusal::Host => "host",
        Refusal::ContentLength => "content_length",
        Refusal::BodyTooLarge => "body_too_large",
        Refusal::TransferEncoding => "transfer_encoding",
        Refusal::TransferCoding => "transfer_coding",
        Refusal::Expectation => "expectation",
        Refusal::Truncated => "head_truncated",
        Refusal::Slow => "head_timeout",
    }
}
