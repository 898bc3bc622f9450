//! The one way to a function: Lambda's own wire shapes, whoever is behind them.

use std::{future::Future, pin::Pin};

use bytes::Bytes;
use http::{request, response};

pub mod embedded;

/// Something that answers Lambda's API: AWS, another endpoint, or the embedded service.
///
/// It is handed the very request that would go over the wire, so what works against one works against all.
pub trait LambdaBackend: std::fmt::Debug + Send + Sync {
    /// Sends one request and waits for its whole answer. Once written it is never sent again.
    fn call(&self, head: request::Parts, payload: Bytes) -> BackendFuture<'_>;
}

/// A reply on its way.
pub type BackendFuture<'a> = Pin<Box<dyn Future<Output = Result<Reply, BackendError>> + Send + 'a>>;

/// Lambda's answer.
#[derive(Debug)]
pub struct Reply {
    pub head: response::Parts,
    pub body: Bytes,
}

/// Why there is no answer at all.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    #[error("no connection to the Lambda service")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
}
