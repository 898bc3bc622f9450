//! The one way to a function: Lambda's own wire shapes, whoever is behind them.

use std::{future::Future, pin::Pin};

use bytes::Bytes;
use http::{request, response};

pub mod embedded;
pub mod lean;
mod reply;
#[cfg(feature = "aws")]
pub mod sdk;

pub use reply::{Arriving, ReplyBody};

/// Something that answers Lambda's API: AWS, another endpoint, or the embedded service.
///
/// It is handed the very request that would go over the wire, so what works against one works against all.
pub trait LambdaBackend: std::fmt::Debug + Send + Sync {
    /// Sends one request and waits for its answer's head. Once written it is never sent again. Dropping the future
    /// gives the call up.
    fn call(&self, head: request::Parts, payload: Bytes) -> BackendFuture<'_>;
}

/// A reply on its way.
pub type BackendFuture<'a> = Pin<Box<dyn Future<Output = Result<Reply, BackendError>> + Send + 'a>>;

/// Lambda's answer.
#[derive(Debug)]
pub struct Reply {
    pub head: response::Parts,
    pub body: ReplyBody,
}

/// Why there is no answer, or no whole one.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// Nothing was written: the function has not run.
    #[error("no connection to the Lambda service")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The request was written, and no whole answer came back: whether the function ran is unknown.
    #[error("the Lambda service's answer broke off")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer began, and then nothing came for too long.
    #[error("the Lambda service's answer stood still")]
    Stalled,
    /// There is nothing to sign with. The cause is in the log already, told by whoever looks for credentials.
    #[error("no valid AWS credentials")]
    NoCredentials,
}
