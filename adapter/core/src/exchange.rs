//! What the gateway knows of one request besides what it asks for.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

use http::request;
use uuid::Uuid;

use crate::Trace;

/// One request on its way through: its head, our id for it, its times. A dialect may read all of it.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    pub head: &'a request::Parts,
    /// Ours, a UUIDv7; the caller's own id stays in the head.
    pub id: Uuid,
    pub trace: Trace<'a>,
    pub peer: std::net::SocketAddr,
    pub started: SystemTime,
    /// Since `started`; zero until the answer is rendered.
    pub elapsed: Duration,
}

impl Exchange<'_> {
    pub fn peer_ip(&self) -> IpAddr {
        self.peer.ip()
    }
}
