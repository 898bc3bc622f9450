//! The embedded Lambda as a backend: the same codec as over its socket, without the socket.

use bytes::Bytes;
use http::request;
use http_body_util::BodyExt as _;
use lambda_local::LocalLambda;

use super::{BackendError, BackendFuture, LambdaBackend, Reply, ReplyBody};

/// A Lambda service in this process.
#[derive(Clone, Debug)]
pub struct Embedded(pub LocalLambda);

impl LambdaBackend for Embedded {
    fn call(&self, head: request::Parts, payload: Bytes) -> BackendFuture<'_> {
        Box::pin(async move {
            let (head, body) = self.0.call(head, payload).await.into_parts();
            let body = match body.into_whole() {
                Ok(bytes) => ReplyBody::Whole(bytes),
                Err(body) => ReplyBody::arriving(body.map_err(|error| BackendError::Broken(error.into()))),
            };
            Ok(Reply { head, body })
        })
    }
}
