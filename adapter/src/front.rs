//! The HTTP front: from a port to requests that are beyond doubt, and back.
//!
//! ```text
//! Listening ─► workers, one a core ─► listener (accept, watch) ─► gate (bytes) ─► hyper ─► handler
//! ```
//!
//! A request is served wholly on the thread that accepted its connection. HTTP/1.0 and 1.1; HTTP/2 is not offered.

mod chunks;
mod connection;
mod gate;
mod head;
mod limits;
mod listener;
mod listening;
mod observer;
mod octets;
pub mod passage;
mod protection;
mod pulse;
mod refusal;
mod socket;
#[cfg(feature = "tls")]
mod tls;
mod watch;
mod watched;
mod workers;

pub use limits::{DRAIN_DEV, Limits, MAX_FIELDS, MAX_HEAD_BYTES, MAX_TARGET_BYTES};
pub use listener::{Ended, serve_here};
pub use listening::Listening;
pub use observer::Observer;
pub use refusal::Refusal;
#[cfg(feature = "tls")]
pub use tls::{CertificateError, Certificates};
pub use workers::serve;

#[cfg(test)]
mod tests;
