//! The path of a request, from top to bottom.
//!
//! ```text
//! caller ─► Dialect::parse ─► admit ─► body ─► encode ─► LambdaBackend ─► decode ─► Dialect::render ─► caller
//! ```
//!
//! Everything that can be decided from the head is decided before a body byte is read.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header, request};
use stayput_core::{
    Blame, Call, Dialect, Exchange, Invocation, Outcome, Rejection, RenderedBody,
    admission::{self, Admitted, Desk},
    dialect::Altair,
    keys::Keyring,
    limits::Limits,
    table::Table,
    token::Tokens,
    translate,
};
use uuid::Uuid;

use crate::{
    access_log::{Finished, NO_DIALECT},
    backend::{BackendError, LambdaBackend, Reply},
    body::Body,
    buffer::{BufferBudget, Reservation, discard},
    telemetry::Telemetry,
    tokens::Endpoint,
};

/// The gateway. Keeps no state of its own between requests.
#[derive(Debug)]
pub struct Gateway {
    pub dialects: &'static [&'static dyn Dialect],
    pub keys: Arc<Keyring>,
    pub table: Arc<Table>,
    pub backend: Arc<dyn LambdaBackend>,
    pub buffers: BufferBudget,
    pub limits: Limits,
    /// `None`: no tokens are given out, and so none are taken.
    pub tokens: Option<Tokens>,
    pub telemetry: Telemetry,
}

impl Gateway {
    /// Answers one request. Dropping the future gives the call up; what already runs on Lambda runs on.
    pub async fn serve<B>(&self, request: Request<B>, peer: SocketAddr) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Send,
    {
        let clock = Instant::now();
        let (head, mut body) = request.into_parts();
        let mut exchange = Exchange {
            head: &head,
            id: Uuid::now_v7(),
            peer,
            started: SystemTime::now(),
            elapsed: Duration::ZERO,
        };
        if let Some((endpoint, tokens)) = Endpoint::of(head.uri.path()).zip(self.tokens.as_ref()) {
            let answered = endpoint.serve(&exchange, &mut body, &self.buffers, &self.desk(), tokens).await;
            let (response, blame) = answered;
            exchange.elapsed = clock.elapsed();
            self.trace(Some(&Altair), &exchange, None, response.status(), blame);
            discard(&head.headers, body);
            return response;
        }
        let Some((dialect, admitted)) = self.recognise(&exchange) else {
            discard(&head.headers, body);
            exchange.elapsed = clock.elapsed();
            return self.unknown_route(&exchange);
        };
        let _in_flight = self.telemetry.start();
        let response = match admitted {
            Ok((call, invocation)) => {
                let admitted = Admission { call: &call, key: &invocation.key.label };
                let waiting = Waiting { gateway: self, dialect, exchange, admitted, clock: Some(clock) };
                let answered = self.invoke(dialect, &exchange, &invocation, &mut body).await;
                exchange.elapsed = waiting.over();
                match answered {
                    Ok(answered) => self.answer(dialect, &exchange, admitted, answered),
                    Err(rejection) => self.reject(dialect, &exchange, Some(admitted), &rejection),
                }
            }
            Err(rejection) => {
                exchange.elapsed = clock.elapsed();
                self.reject(dialect, &exchange, None, &rejection)
            }
        };
        discard(&head.headers, body);
        response
    }

    /// The dialect whose route this is, and whether the call may happen.
    fn recognise(&self, exchange: &Exchange<'_>) -> Option<(&'static dyn Dialect, Admitted)> {
        self.dialects.iter().find_map(|&dialect| {
            let admitted = admission::recognise(dialect, exchange, &self.desk())?;
            Some((dialect, admitted))
        })
    }

    fn desk(&self) -> Desk<'_> {
        Desk { keys: &self.keys, table: &self.table, limits: &self.limits, tokens: self.tokens.as_ref() }
    }

    async fn invoke<B>(
        &self,
        dialect: &dyn Dialect,
        exchange: &Exchange<'_>,
        invocation: &Invocation,
        body: &mut B,
    ) -> Result<Answered, Rejection>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let place = self.limits.admit(&invocation.key, self.keys.len(), exchange.started)?;
        let limit = translate::body_limit(invocation);
        let (body, share) = self.buffers.collect(&exchange.head.headers, body, limit).await?;
        let mut share = share.with_place(place);
        let (invoke, payload) = translate::encode(dialect, exchange, invocation, body)?;
        let reply = self.call(invoke, payload, invocation.function.timeout).await?;
        let decoded = translate::decode(invocation, &reply.head, reply.body);
        let (outcome, body) =
            decoded.inspect_err(|rejection| tell_operator(exchange, invocation, rejection))?;
        share.exchange_for(body.len())?;
        Ok(Answered { outcome, body, share })
    }

    async fn call(
        &self,
        invoke: request::Parts,
        payload: Bytes,
        limit: Duration,
    ) -> Result<Reply, Rejection> {
        match tokio::time::timeout(limit, self.backend.call(invoke, payload)).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error @ BackendError::Unreachable(_))) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the Lambda service could not be reached"
                );
                Err(Rejection::Unreachable)
            }
            Err(_) => {
                Err(Rejection::Deadline { limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX) })
            }
        }
    }

    fn answer(
        &self,
        dialect: &'static dyn Dialect,
        exchange: &Exchange<'_>,
        admitted: Admission<'_>,
        answered: Answered,
    ) -> Response<Body> {
        let Answered { outcome, body, share } = answered;
        let rendered = dialect.render(exchange, admitted.call, &outcome);
        self.trace(Some(dialect), exchange, Some(admitted), rendered.head.status, outcome.blame());
        let body = match rendered.body {
            RenderedBody::AsIs => Body::whole(body).holding(share),
            RenderedBody::Base64 => Body::base64(body).holding(share),
            RenderedBody::Own(own) => Body::whole(own),
        };
        Response::from_parts(rendered.head, body)
    }

    fn reject(
        &self,
        dialect: &'static dyn Dialect,
        exchange: &Exchange<'_>,
        admitted: Option<Admission<'_>>,
        rejection: &Rejection,
    ) -> Response<Body> {
        let rendered = dialect.reject(exchange, rejection);
        self.trace(Some(dialect), exchange, admitted, rendered.head.status, Some(rejection.blame()));
        let body = match rendered.body {
            RenderedBody::Own(own) => own,
            RenderedBody::AsIs | RenderedBody::Base64 => Bytes::new(),
        };
        Response::from_parts(rendered.head, Body::whole(body))
    }

    fn unknown_route(&self, exchange: &Exchange<'_>) -> Response<Body> {
        let mut response = Response::new(Body::whole(UNKNOWN_ROUTE));
        *response.status_mut() = StatusCode::NOT_FOUND;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.trace(None, exchange, None, response.status(), Some(Blame::Caller));
        response
    }

    fn trace(
        &self,
        dialect: Option<&'static dyn Dialect>,
        exchange: &Exchange<'_>,
        admitted: Option<Admission<'_>>,
        status: StatusCode,
        blame: Option<Blame>,
    ) {
        self.telemetry.finished(&Finished {
            dialect: dialect.map_or(NO_DIALECT, |dialect| dialect.name()),
            function: admitted.map(|admitted| admitted.call.function.as_str()),
            key: admitted.map(|admitted| admitted.key),
            mode: admitted.map(|admitted| admitted.call.mode),
            status,
            blame,
            duration: exchange.elapsed,
            request_id: exchange.id,
            caller_id: dialect.and_then(|dialect| dialect.caller_id(exchange.head)).and_then(fit_for_a_log),
        });
    }
}

/// A call that may happen, and the label of the key that allows it.
#[derive(Clone, Copy)]
struct Admission<'a> {
    call: &'a Call,
    key: &'a str,
}

/// A call whose caller waits for it. Dropped before it is over, it leaves a trace of the caller's going away, for
/// then nobody is left to be answered.
struct Waiting<'a> {
    gateway: &'a Gateway,
    dialect: &'static dyn Dialect,
    exchange: Exchange<'a>,
    admitted: Admission<'a>,
    /// Gone once it is over.
    clock: Option<Instant>,
}

impl Waiting<'_> {
    /// How long it took.
    fn over(mut self) -> Duration {
        self.clock.take().map(|clock| clock.elapsed()).unwrap_or_default()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(clock) = self.clock else { return };
        let exchange = Exchange { elapsed: clock.elapsed(), ..self.exchange };
        let status = StatusCode::from_u16(CLIENT_CLOSED_REQUEST).expect("three digits");
        self.gateway.trace(Some(self.dialect), &exchange, Some(self.admitted), status, Some(Blame::Caller));
    }
}

/// What a stranger wrote goes into a log only if it cannot be taken for anything else there.
fn fit_for_a_log(value: &HeaderValue) -> Option<&str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    value.to_str().ok().filter(|text| text.len() <= MAX_CALLER_ID_LEN && text.bytes().all(fits))
}

/// The caller is told no more than that it did not work where it is the operator's table or rights that are wrong.
fn tell_operator(exchange: &Exchange<'_>, invocation: &Invocation, rejection: &Rejection) {
    let (request_id, function) = (exchange.id, &invocation.function.lambda);
    if let Rejection::BackendRefused { code } = rejection {
        tracing::warn!(%request_id, %function, %code, "Lambda refused the call");
    } else if *rejection == Rejection::UnknownFunction {
        tracing::warn!(%request_id, %function, "the table names a function that Lambda does not have");
    } else if rejection.blame() != Blame::Caller && !matches!(rejection, Rejection::Throttled { .. }) {
        tracing::warn!(%request_id, %function, cause = %rejection, "a call came to nothing");
    }
}

/// What came back from the function, with the share of the buffer budget that its body holds.
struct Answered {
    outcome: Outcome,
    body: Bytes,
    share: Reservation,
}

/// No status that anybody gets: nginx's word, in logs, for a caller who has gone.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Bytes of a caller's own id that the log takes.
const MAX_CALLER_ID_LEN: usize = 128;

const UNKNOWN_ROUTE: &[u8] =
    br#"{"message":"no dialect answers this path; `stayput routes` lists those that are answered"}"#;

#[cfg(test)]
mod tests;
