//! A request as an OpenTelemetry span of the kind "server". No path, no query, no body and no credential is in it.
//!
//! Source: OpenTelemetry semantic conventions, HTTP server spans and FaaS.

use http::Method;
use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use stayput_core::{Blame, Trace};

use crate::access_log::Finished;

pub(super) fn of(finished: &Finished<'_>) -> SpanData {
    let Trace { id, span, parent, .. } = finished.trace;
    let (trace, span) = (TraceId::from(id.0), SpanId::from(span.0));
    SpanData {
        span_context: SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::NONE),
        parent_span_id: parent.map_or(SpanId::INVALID, |span| SpanId::from(span.0)),
        parent_span_is_remote: parent.is_some(),
        span_kind: SpanKind::Server,
        name: format!("{} {}", finished.dialect, finished.function.unwrap_or("-")).into(),
        start_time: finished.time.checked_sub(finished.duration).unwrap_or(finished.time),
        end_time: finished.time,
        attributes: attributes(finished),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: match finished.blame {
            // What a caller did wrong is no error of the server's.
            None | Some(Blame::Caller) => Status::Unset,
            Some(blame @ (Blame::Gateway | Blame::Function | Blame::Backend)) => {
                Status::error(blame.as_str())
            }
        },
        instrumentation_scope: InstrumentationScope::builder("stayput").build(),
    }
}

fn attributes(finished: &Finished<'_>) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("http.request.method", method(finished)),
        KeyValue::new("http.response.status_code", i64::from(finished.status.as_u16())),
        KeyValue::new("faas.invocation_id", finished.request_id.to_string()),
        KeyValue::new("stayput.dialect", finished.dialect),
    ];
    if let Some(function) = finished.function {
        attributes.push(KeyValue::new("faas.invoked_provider", "aws"));
        attributes.push(KeyValue::new("faas.invoked_name", function.to_owned()));
    }
    if let Some(blame) = finished.blame {
        attributes.push(KeyValue::new("stayput.blame", blame.as_str()));
    }
    attributes
}

/// A word that a stranger invents is none of HTTP's. Source: OpenTelemetry, "HTTP spans", `http.request.method`.
fn method(finished: &Finished<'_>) -> String {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    let method = finished.method.map_or("", Method::as_str);
    if known.contains(&method) { method } else { "_OTHER" }.to_owned()
}
