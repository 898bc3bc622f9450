//! What two processes must agree on to speak AWS Lambda.
//!
//! Both directions of every message: whoever writes an [`Invoke`](invoke::Invoke) and whoever reads it use the
//! same code, so a gateway, a local service and a runtime built on this crate cannot drift apart.
//!
//! The crate is pure: no sockets, files, clocks, randomness, environment or logs. Times and ids are arguments.

pub mod api_error;
pub mod destination;
pub mod event_stream;
pub mod fault;
pub mod function;
pub mod http_answer;
pub mod http_event;
mod http_json;
pub mod http_stream;
pub mod invoke;
pub mod json;
pub mod log_tail;
pub mod platform_log;
pub mod quotas;
pub mod runtime_api;
pub mod sigv4;
pub mod status_change;
pub mod trace;
pub mod validation;
