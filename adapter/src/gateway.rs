//! The path of a request, from top to bottom.
//!
//! ```text
//! caller ─► Dialect::parse ─► admit ─► body ─► encode ─► LambdaBackend ─► decode ─► Dialect::render ─► caller
//! ```
//!
//! Everything that can be decided from the head is decided before a body byte is read. What is between `encode` and
//! `decode` is in [`ask`].

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use stayput_core::{
    Blame, Call, Dialect, Exchange, Invocation, Mode, Outcome, Rejection, RenderedBody,
    admission::{self, Admitted, Desk},
    dialect::Altair,
    limits::Limits,
    token::Tokens,
    translate,
};
use uuid::Uuid;

use crate::{
    acceptance::{Acceptance, Admittance, Pending},
    access_log::{Finished, NO_DIALECT, fit_for_a_log},
    backend::LambdaBackend,
    body::Body,
    buffer::{BufferBudget, Reservation, discard},
    ending::{Answering, Ending},
    rules::{LiveRules, Rules},
    telemetry::Telemetry,
    tokens::Endpoint,
};

mod ask;

use ask::Reached;

/// The gateway. Keeps no state of its own between requests.
#[derive(Debug)]
pub struct Gateway {
    pub dialects: &'static [&'static dyn Dialect],
    pub rules: Arc<LiveRules>,
    pub backend: Arc<dyn LambdaBackend>,
    pub buffers: BufferBudget,
    pub limits: Limits,
    /// `None`: no tokens are given out, and so none are taken.
    pub tokens: Option<Tokens>,
    /// `None`: asynchronous calls are not taken.
    pub acceptance: Option<Acceptance>,
    pub telemetry: Telemetry,
}

impl Gateway {
    /// Answers one request. Dropping the future gives the call up; what already runs on Lambda runs on.
    pub async fn serve<B>(&self, request: Request<B>, peer: SocketAddr) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::error::Error + Send + 'static,
    {
        let clock = Instant::now();
        let (head, mut body) = request.into_parts();
        let (id, started) = (Uuid::now_v7(), SystemTime::now());
        let mut exchange = Exchange {
            head: &head,
            id,
            trace: self.telemetry.trace(&head.headers, id, started),
            peer,
            started,
            elapsed: Duration::ZERO,
        };
        if let Some((endpoint, tokens)) = Endpoint::of(head.uri.path()).zip(self.tokens.as_ref()) {
            let rules = self.rules.load_full();
            let desk = self.desk(&rules);
            let answered = endpoint.serve(&exchange, &mut body, &self.buffers, &desk, tokens).await;
            let (response, blame) = answered;
            exchange.elapsed = clock.elapsed();
            self.trace(Some(&Altair), &exchange, None, response.status(), blame, None);
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
                let answered = match call.mode {
                    Mode::Sync => self.invoke(dialect, &exchange, &invocation, &mut body).await,
                    // Apart, so that those who wait for an answer do not pay for it in memory.
                    Mode::Async => {
                        Box::pin(self.accept(dialect, &exchange, &call, &invocation, &mut body)).await
                    }
                };
                exchange.elapsed = waiting.over();
                match answered {
                    Ok(answered) => {
                        exchange.id = answered.id;
                        self.answer(dialect, &exchange, admitted, answered)
                    }
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
        let rules = self.rules.load();
        let desk = self.desk(&rules);
        self.dialects.iter().find_map(|&dialect| {
            let admitted = admission::recognise(dialect, exchange, &desk)?;
            Some((dialect, admitted))
        })
    }

    fn desk<'a>(&'a self, rules: &'a Rules) -> Desk<'a> {
        Desk {
            keys: &rules.keys,
            table: &rules.table,
            limits: &self.limits,
            tokens: self.tokens.as_ref(),
            asynchronous: self.acceptance.as_ref().map(|acceptance| &acceptance.rules),
        }
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
        B::Error: std::error::Error + 'static,
    {
        let (body, mut share) = self.bring_in(exchange, invocation, body).await?;
        let (invoke, payload) = translate::encode(dialect, exchange, invocation, body, None)?;
        let answer = self.ask(invocation, invoke, payload).await;
        self.telemetry.called(answer.as_ref().err());
        let Reached { outcome, body, .. } =
            answer.inspect_err(|rejection| tell_operator(exchange, invocation, rejection))?;
        share.exchange_for(body.buffered_bytes())?;
        Ok(Answered { id: exchange.id, outcome, body: body.holding(share) })
    }

    /// An asynchronous call: answered once Lambda has it, or had it already.
    async fn accept<B>(
        &self,
        dialect: &dyn Dialect,
        exchange: &Exchange<'_>,
        call: &Call,
        invocation: &Invocation,
        body: &mut B,
    ) -> Result<Answered, Rejection>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
        B::Error: std::error::Error + 'static,
    {
        let acceptance = self.acceptance.as_ref().expect("without it no asynchronous call is admitted");
        let (body, share) = self.bring_in(exchange, invocation, body).await?;
        let accepted = |id| Answered { id, outcome: Outcome::Accepted, body: Body::whole("").holding(share) };
        let (id, reserved) = match acceptance.admit(dialect, exchange, call, invocation, &body).await? {
            Admittance::Accepted { id } => return Ok(accepted(id)),
            Admittance::Invoke { id, reserved } => (id, reserved),
        };
        let exchange = &Exchange { id, ..*exchange };
        let mut pending = Pending::of(reserved);
        let invoked = async {
            let ticket = acceptance.promise(dialect, exchange, call, invocation).await?;
            let (invoke, payload) =
                translate::encode(dialect, exchange, invocation, body, ticket.as_deref())?;
            acceptance.remember(exchange, invocation, ticket, &mut pending).await?;
            let answer = self.ask(invocation, invoke, payload).await;
            self.telemetry.called(answer.as_ref().err());
            let reached = answer.inspect_err(|rejection| tell_operator(exchange, invocation, rejection))?;
            pending.taken_as(reached.lambda_id);
            Ok(())
        }
        .await;
        acceptance.settle(pending, invoked.as_ref().copied()).await?;
        invoked.map(|()| accepted(id))
    }

    /// The request's body, with what the call holds from here until its answer is written.
    async fn bring_in<B>(
        &self,
        exchange: &Exchange<'_>,
        invocation: &Invocation,
        body: &mut B,
    ) -> Result<(Bytes, Reservation), Rejection>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
        B::Error: std::error::Error + 'static,
    {
        let place = self.limits.admit(&invocation.key, self.rules.load().keys.len(), exchange.started)?;
        let limit = translate::body_limit(invocation);
        let (body, share) = self.buffers.collect(&exchange.head.headers, body, limit).await?;
        Ok((body, share.with_place(place)))
    }

    fn answer(
        &self,
        dialect: &'static dyn Dialect,
        exchange: &Exchange<'_>,
        admitted: Admission<'_>,
        answered: Answered,
    ) -> Response<Body> {
        let Answered { outcome, mut body, .. } = answered;
        let mut rendered = dialect.render(exchange, admitted.call, &outcome);
        exchange.trace.tell_caller(&mut rendered.head.headers);
        let status = rendered.head.status;
        if !body.tell_at_end(|| self.ending(dialect, exchange, admitted, status)) {
            self.trace(Some(dialect), exchange, Some(admitted), status, outcome.blame(), None);
        }
        let body = match rendered.body {
            RenderedBody::AsIs => body,
            RenderedBody::Base64 => body.as_base64(),
            RenderedBody::Own(own) => Body::whole(own),
        };
        Response::from_parts(rendered.head, body)
    }

    /// What is told once the body of a streamed answer has been handed on.
    fn ending(
        &self,
        dialect: &'static dyn Dialect,
        exchange: &Exchange<'_>,
        admitted: Admission<'_>,
        status: StatusCode,
    ) -> Ending {
        let Exchange { head, id, started, elapsed, .. } = *exchange;
        let now = Instant::now();
        let request = Answering {
            dialect,
            head: head.clone(),
            call: admitted.call.clone(),
            key: admitted.key.to_owned(),
            id,
            started,
            clock: now.checked_sub(elapsed).unwrap_or(now),
            status,
        };
        Ending::new(self.telemetry.clone(), request)
    }

    fn reject(
        &self,
        dialect: &'static dyn Dialect,
        exchange: &Exchange<'_>,
        admitted: Option<Admission<'_>>,
        rejection: &Rejection,
    ) -> Response<Body> {
        let mut rendered = dialect.reject(exchange, rejection);
        exchange.trace.tell_caller(&mut rendered.head.headers);
        let (status, blame) = (rendered.head.status, Some(rejection.blame()));
        self.trace(Some(dialect), exchange, admitted, status, blame, Some(rejection));
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
        let (status, rejection) = (response.status(), Rejection::Route);
        self.trace(None, exchange, None, status, Some(rejection.blame()), Some(&rejection));
        response
    }

    fn trace(
        &self,
        dialect: Option<&'static dyn Dialect>,
        exchange: &Exchange<'_>,
        admitted: Option<Admission<'_>>,
        status: StatusCode,
        blame: Option<Blame>,
        rejection: Option<&Rejection>,
    ) {
        self.telemetry.finished(&Finished {
            dialect: dialect.map_or(NO_DIALECT, |dialect| dialect.name()),
            function: admitted.map(|admitted| admitted.call.function.as_str()),
            key: admitted.map(|admitted| admitted.key),
            mode: admitted.map(|admitted| admitted.call.mode),
            method: Some(&exchange.head.method),
            status,
            blame,
            rejection,
            time: exchange.started + exchange.elapsed,
            duration: exchange.elapsed,
            request_id: exchange.id,
            trace: exchange.trace,
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
        let (dialect, admitted, blame) = (Some(self.dialect), Some(self.admitted), Some(Blame::Caller));
        self.gateway.trace(dialect, &exchange, admitted, status, blame, None);
    }
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

/// What came back from the function.
struct Answered {
    /// The call's; the first one's where this is a repetition.
    id: Uuid,
    outcome: Outcome,
    body: Body,
}

/// No status that anybody gets: nginx's word, in logs, for a caller who has gone.
const CLIENT_CLOSED_REQUEST: u16 = 499;

const UNKNOWN_ROUTE: &[u8] =
    br#"{"message":"no dialect answers this path; `stayput routes` lists those that are answered"}"#;

#[cfg(test)]
mod tests;
