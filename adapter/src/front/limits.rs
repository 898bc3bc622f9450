//! What a caller may take of the front, in one place.

use std::time::Duration;

/// Bounds in time and number on connections. Sources: security-and-delivery.md 1.4, except where another is named.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Connections at a time, all workers together. With all of them taken, callers wait in the kernel's queue.
    pub connections: usize,
    /// From a request's first byte to the end of its head.
    pub head: Duration,
    /// A connection on which no request begins.
    pub idle: Duration,
    /// Time spent waiting for a body before its rate counts.
    pub body_grace: Duration,
    /// The least that a body must bring in each second of waiting after that.
    pub body_bytes_per_second: u64,
    /// A caller who takes no byte of the answer.
    pub write_stall: Duration,
    /// TLS, from the first byte to the last.
    pub handshake: Duration,
    /// How long a closed connection is still read, so that the caller gets to read the last answer (RFC 9112 9.6).
    pub linger: Duration,
    /// Bytes that are thrown away meanwhile. More than the largest body that Lambda takes.
    pub linger_bytes: u64,
    /// How long accepted calls may take to finish once the end has come.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            head: Duration::from_secs(5),
            idle: Duration::from_secs(30),
            body_grace: Duration::from_secs(5),
            body_bytes_per_second: 1024,
            write_stall: Duration::from_secs(30),
            handshake: Duration::from_secs(5),
            linger: Duration::from_secs(5),
            linger_bytes: 8 << 20,
            drain: DRAIN_DEV,
        }
    }
}

/// On a laptop somebody waits for the prompt.
pub const DRAIN_DEV: Duration = Duration::from_secs(5);

/// Bytes of a request's head, from the method to the empty line.
pub const MAX_HEAD_BYTES: usize = 32 * 1024;

/// Bytes of a request's target: path and query.
pub const MAX_TARGET_BYTES: usize = 8 * 1024;

/// Header fields of a request.
pub const MAX_FIELDS: usize = 100;
