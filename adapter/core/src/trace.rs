//! One trace from the caller through the gateway to the function, in both notations: W3C's `traceparent` and
//! `tracestate`, and X-Ray's `X-Amzn-Trace-Id`. A trace id is the same 32 hexadecimal digits in both.
//!
//! Where a caller sends both and they differ, `traceparent` counts: it comes from the program that calls, while load
//! balancers of AWS put an `X-Amzn-Trace-Id` of their own on every request that passes. Of the latter only `Lineage`
//! is kept then, by which Lambda ends calls that go in circles. What is malformed is as if it were not there, and
//! where nothing is left a trace begins here.
//!
//! Source: W3C Trace Context, level 1; AWS X-Ray developer guide, "Tracing header".

use std::{fmt, time::SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};
use lambda_protocol::{invoke::X_AMZN_TRACE_ID, trace as x_ray};
use uuid::Uuid;

use traceparent::TraceParent;

mod traceparent;

/// A request's place in a trace.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Trace<'a> {
    pub id: TraceId,
    /// The gateway's own span, from which the function's hangs.
    pub span: SpanId,
    /// The caller's span; `None`: unknown, or the trace begins here.
    pub parent: Option<SpanId>,
    /// `None`: nobody has decided yet. Lambda decides then.
    pub sampled: Option<bool>,
    lineage: Option<&'a str>,
    caller: Notations,
}

/// Shown as 32 hexadecimal digits; never zero.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TraceId(pub u128);

/// Shown as 16 hexadecimal digits; never zero.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SpanId(pub u64);

/// What the caller wrote, and wrote well.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Notations {
    w3c: bool,
    x_ray: bool,
}

impl<'a> Trace<'a> {
    /// Continues the caller's trace, or begins one. `id` is our random id for this request.
    pub fn join(headers: &'a HeaderMap, id: Uuid, now: SystemTime) -> Self {
        let begun = Self::begin(id, now);
        let w3c = TraceParent::read(headers);
        let x_ray = headers.get(X_AMZN_TRACE_ID).and_then(|value| value.to_str().ok());
        let x_ray = x_ray.and_then(x_ray::Trace::parse).filter(|trace| trace.root.to_u128() != 0);
        let (id, parent, sampled) = match (&w3c, &x_ray) {
            (Some(w3c), _) => (w3c.trace, Some(w3c.span), Some(w3c.sampled)),
            (None, Some(x_ray)) => {
                let parent = x_ray.parent.filter(|span| *span != 0).map(SpanId);
                (TraceId(x_ray.root.to_u128()), parent, x_ray.sampled)
            }
            (None, None) => (begun.id, None, None),
        };
        let caller = Notations { w3c: w3c.is_some(), x_ray: x_ray.is_some() };
        let lineage = x_ray.and_then(|trace| trace.lineage);
        Self { id, parent, sampled, lineage, caller, ..begun }
    }

    /// A trace that begins with this request.
    ///
    /// Both ids are made of the request's, a UUIDv7. Its variant bits keep them from being zero; they and the version
    /// are kept out of the trace id's last eight bytes, by which samplers take their share.
    pub fn begin(id: Uuid, now: SystemTime) -> Self {
        let [_, _, _, _, d, e, f, g, h, i, j, k, l, m, n, o] = *id.as_bytes();
        let begun = x_ray::Trace::new(now, [h, d, e, f, g, i, j, k, l, m, n, o]);
        let (_, span) = id.as_u64_pair();
        Self {
            id: TraceId(begun.root.to_u128()),
            span: SpanId(span),
            parent: None,
            sampled: None,
            lineage: None,
            caller: Notations::default(),
        }
    }

    /// `X-Amzn-Trace-Id` for whoever is called next.
    pub fn to_x_ray(&self) -> HeaderValue {
        self.x_ray().to_header()
    }

    /// Puts this trace among the headers that a function sees, in both notations, in place of the caller's.
    ///
    /// `caller` are the request's own. Their `tracestate` stays beside a `traceparent` that is continued, if it is no
    /// longer than [`MAX_STATE_BYTES`]; else it goes, as the specification allows.
    pub fn tell_function(&self, caller: &HeaderMap, x_ray: HeaderValue, seen: &mut HeaderMap) {
        seen.insert(X_AMZN_TRACE_ID, x_ray);
        seen.insert(TRACEPARENT, self.traceparent());
        let state = || caller.get_all(TRACESTATE).iter();
        let bytes: usize = state().map(HeaderValue::len).sum();
        seen.remove(TRACESTATE);
        if self.caller.w3c && bytes <= MAX_STATE_BYTES {
            for value in state() {
                seen.append(TRACESTATE, value.clone());
            }
        }
    }

    /// Puts this trace on an answer, in the notations in which the caller spoke of one. Who did not gets nothing.
    pub fn tell_caller(&self, answer: &mut HeaderMap) {
        if self.caller.w3c {
            answer.insert(TRACEPARENT, self.traceparent());
        }
        if self.caller.x_ray {
            // As AWS's own answers have it: the trace, and whether it is kept.
            let told = x_ray::Trace { parent: None, lineage: None, ..self.x_ray() };
            answer.insert(X_AMZN_TRACE_ID, told.to_header());
        }
    }

    fn x_ray(&self) -> x_ray::Trace<'a> {
        x_ray::Trace {
            root: x_ray::Root::from_u128(self.id.0),
            parent: Some(self.span.0),
            sampled: self.sampled,
            lineage: self.lineage,
        }
    }

    /// The flag has no third state: what is undecided is not sampled.
    fn traceparent(&self) -> HeaderValue {
        TraceParent { trace: self.id, span: self.span, sampled: self.sampled == Some(true) }.to_header()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(x_ray::as_text(&x_ray::digits::<32>(self.0)))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(x_ray::as_text(&x_ray::digits::<16>(self.0.into())))
    }
}

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Bytes of all `tracestate` values together. Source: W3C Trace Context §3.3.1.5, what must at least be passed on.
pub const MAX_STATE_BYTES: usize = 512;

#[cfg(test)]
mod tests;
