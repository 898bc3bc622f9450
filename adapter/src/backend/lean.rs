//! Lambda over HTTP with our own signer and client: the hot path of production.
//!
//! The SDK's orchestrator costs four times what the call itself does (`docs/performance.md`); credentials, regions and
//! endpoints stay the SDK's business.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::{Request, Response, header, request};
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Arriving, BackendError, BackendFuture, LambdaBackend, Reply, ReplyBody, reply};

mod connect;
mod identity;
mod origin;
mod pool;

pub use identity::{Identities, Identity, Service};
pub use origin::{Origin, OriginError};

use connect::Connector;
use pool::{Pool, Sender};

/// Where and how to reach a service's API.
#[derive(Clone, Debug)]
pub struct LeanSettings {
    pub service: Service,
    pub origin: Origin,
    pub region: String,
    /// For TCP and TLS together.
    pub connect_limit: Duration,
    /// Connections in use at a time. With all of them taken, calls wait, within their own deadline.
    pub max_connections: usize,
    /// How long an idle connection is used again.
    pub keep_idle: Duration,
    /// How long an answer that has begun may stand still: the network's time, not the function's, as Lambda writes a
    /// buffered answer in one go.
    pub stall_limit: Duration,
    /// For an `https` endpoint.
    #[cfg(feature = "tls")]
    pub tls: Option<crate::tls::Tls>,
}

/// Signs each request and sends it over a pooled connection.
#[derive(Debug)]
pub struct Lean {
    signer: identity::Signer,
    connector: Connector,
    pool: Arc<Pool>,
    places: Arc<Semaphore>,
    stall_limit: Duration,
}

/// A connection in use. Dropped, it is closed; given back, it serves the next call.
#[derive(Debug)]
pub struct Lease {
    sender: Sender,
    pool: Arc<Pool>,
    _place: OwnedSemaphorePermit,
}

impl Lean {
    /// `identities` is asked at each call, so that fresh credentials count at once.
    pub fn new(settings: LeanSettings, identities: Identities) -> Self {
        let pool = Arc::new(Pool::new(settings.keep_idle));
        let signer = identity::Signer::new(settings.service, settings.region, identities);
        let connector = Connector {
            origin: settings.origin,
            limit: settings.connect_limit,
            #[cfg(feature = "tls")]
            tls: settings.tls,
        };
        let places = Arc::new(Semaphore::new(settings.max_connections));
        Self { signer, connector, pool, places, stall_limit: settings.stall_limit }
    }

    async fn invoke(&self, mut head: request::Parts, payload: Bytes) -> Result<Reply, BackendError> {
        let place = Arc::clone(&self.places).acquire_owned().await.expect("the semaphore is never closed");
        self.address(&mut head);
        self.signer.sign(&mut head, &payload, SystemTime::now())?;
        let mut request = Request::from_parts(head, Full::new(payload));
        while let Some(mut sender) = self.pool.take(Instant::now()) {
            match sender.try_send_request(request).await {
                Ok(response) => return self.read(response, sender, place).await,
                // Not a byte of it was written where it comes back: the other side had closed this connection.
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(BackendError::Broken(error.into_error().into())),
                },
            }
        }
        let mut sender = self.connector.connect().await?;
        match sender.try_send_request(request).await {
            Ok(response) => self.read(response, sender, place).await,
            Err(mut error) => Err(match error.take_message() {
                Some(_) => BackendError::Unreachable(error.into_error().into()),
                None => BackendError::Broken(error.into_error().into()),
            }),
        }
    }

    /// Gives the head of a request its way: the endpoint's host and what stands before Lambda's own path.
    fn address(&self, head: &mut request::Parts) {
        let origin = &self.connector.origin;
        head.headers.insert(header::HOST, origin.authority.clone());
        if !origin.base_path.is_empty() {
            let target = format!("{}{}", origin.base_path, head.uri);
            head.uri = target.parse().expect("a path before a path and query");
        }
    }

    /// A small answer is read at once and frees its connection; a large one is handed on as it comes.
    async fn read(
        &self,
        response: Response<Incoming>,
        sender: Sender,
        place: OwnedSemaphorePermit,
    ) -> Result<Reply, BackendError> {
        let (head, incoming) = response.into_parts();
        let lease = Lease { sender, pool: Arc::clone(&self.pool), _place: place };
        let small = incoming.size_hint().upper().is_some_and(|bytes| bytes <= SMALL_BYTES);
        let body = if small {
            let collected = reply::collect(incoming, usize::MAX).await;
            let bytes = collected.map_err(|cause| BackendError::Broken(cause.into()))?.unwrap_or_default();
            lease.give_back();
            ReplyBody::Whole(bytes)
        } else {
            ReplyBody::Arriving(Arriving::new(incoming, lease, self.stall_limit))
        };
        Ok(Reply { head, body })
    }
}

impl LambdaBackend for Lean {
    fn call(&self, head: request::Parts, payload: Bytes) -> BackendFuture<'_> {
        Box::pin(self.invoke(head, payload))
    }
}

impl Lease {
    pub(super) fn give_back(self) {
        self.pool.put(self.sender, Instant::now());
    }
}

/// An answer of up to this many bytes is usually here with its head. Ours: hyper's first read of a connection.
const SMALL_BYTES: u64 = 8 * 1024;
