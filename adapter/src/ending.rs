//! The end of a streamed answer, long after its head: what is told of it then.

use std::time::{Instant, SystemTime};

use http::{Method, StatusCode, request};
use stayput_core::{Blame, Call, Dialect};
use uuid::Uuid;

use crate::{
    access_log::{Finished, fit_for_a_log},
    body::CutOff,
    telemetry::Telemetry,
};

/// An answer whose body is on its way. Dropped before it is over, it tells that the caller has gone, unless nobody was to get
/// the body.
#[derive(Debug)]
pub struct Ending {
    telemetry: Telemetry,
    request: Answering,
    is_over: bool,
}

/// What is being answered, and how it began.
#[derive(Debug)]
pub struct Answering {
    pub dialect: &'static dyn Dialect,
    pub head: request::Parts,
    pub call: Call,
    /// The label of the caller's key.
    pub key: String,
    pub id: Uuid,
    pub started: SystemTime,
    pub clock: Instant,
    /// As it was sent.
    pub status: StatusCode,
}

impl Ending {
    pub fn new(telemetry: Telemetry, request: Answering) -> Self {
        telemetry.metrics.stream_begins();
        Self { telemetry, request, is_over: false }
    }

    /// `cut`: why it is not whole.
    pub fn over(mut self, cut: Option<&CutOff>) {
        if let Some(cut) = cut {
            let (request_id, function) = (self.request.id, self.request.call.function.as_str());
            let error = cut as &dyn std::error::Error;
            tracing::warn!(%request_id, function, error, "a streamed answer had to be cut off");
        }
        self.tell(cut.map(CutOff::blame));
    }

    fn tell(&mut self, blame: Option<Blame>) {
        self.is_over = true;
        let Answering { dialect, head, call, key, id, started, clock, status } = &self.request;
        let duration = clock.elapsed();
        self.telemetry.metrics.stream_ended(dialect.name(), blame);
        self.telemetry.finished(&Finished {
            dialect: dialect.name(),
            function: Some(call.function.as_str()),
            key: Some(key),
            caller_id: dialect.caller_id(head).and_then(fit_for_a_log),
            mode: Some(call.mode),
            method: Some(&head.method),
            status: *status,
            blame,
            rejection: None,
            time: *started + duration,
            duration,
            request_id: *id,
            trace: self.telemetry.trace(&head.headers, *id, *started),
        });
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.is_over {
            self.tell(self.request.has_body().then_some(Blame::Caller));
        }
    }
}

impl Answering {
    /// Does anything follow the head? Else the HTTP server drops the body unread. Source: RFC 9110 sections 9.3.2, 15.3.5
    /// and 15.4.5.
    fn has_body(&self) -> bool {
        self.head.method != Method::HEAD
            && !matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }
}
