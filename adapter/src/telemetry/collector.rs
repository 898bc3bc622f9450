//! The way to an OTLP collector: our own HTTP client, so that no second one is built in.
//!
//! Over plain HTTP, to the collector beside the gateway as a rule.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_http::{HttpClient, HttpError};

/// An HTTP client. Needs a runtime of tokio's where it is used.
pub(super) struct Collector(Client<HttpConnector, Full<Bytes>>);

impl Collector {
    pub(super) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = self.0.request(request.map(Full::new)).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}

impl HttpClient for Collector {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move { tokio::time::timeout(ANSWER_TIMEOUT, self.send(request)).await? })
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector")
    }
}

/// For one batch. Source: OpenTelemetry's default of `OTEL_EXPORTER_OTLP_TIMEOUT`.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// An answer is a message or nothing. Ours.
const MAX_ANSWER_BYTES: usize = 65_536;
