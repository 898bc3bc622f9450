//! What an environment's process talks to: HTTP on a loopback port of its own.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use lambda_protocol::{
    quotas::SYNC_RESPONSE_BYTES,
    runtime_api::{LAMBDA_RUNTIME_INVOCATION_ID, Next, Reply, Route, STAYPUT_EARLY_ANSWER},
};
use tokio::{
    net::TcpStream,
    sync::{mpsc::Sender, oneshot},
};
use uuid::Uuid;

use super::{
    Environment, LAMBDA_RUNTIME_COGNITO_IDENTITY, Run, State, id_header,
    lifecycle::{Asked, NotNow},
    upload,
};
use crate::{
    body::{self, Collected, Incomplete},
    pool::{Was, driver::Driver},
};

/// Answers one connection of the runtime until it closes.
pub(super) async fn serve(stream: TcpStream, environment: Arc<Environment>, driver: Arc<Driver>) {
    // Without it, small answers would wait for acknowledgements. A socket that refuses is about to fail anyway.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let (environment, driver) = (Arc::clone(&environment), Arc::clone(&driver));
        async move { Ok::<_, Infallible>(answer(&environment, &driver, request).await) }
    });
    // An error ends this connection and nothing else: the process's own end is told by the warden.
    let _ =
        http1::Builder::new().max_buf_size(HEAD_BYTES).serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    environment: &Arc<Environment>,
    driver: &Arc<Driver>,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (head, mut body) = request.into_parts();
    let reply = match Route::parse(&head.method, head.uri.path()) {
        Ok(Route::Next) => match next(environment, driver).await {
            Ok(event) => return event,
            Err(reply) => reply,
        },
        Ok(Route::Response { request_id }) => {
            upload::response(environment, driver, request_id, &head.headers, &mut body).await
        }
        Ok(Route::Error { request_id }) => {
            upload::error(environment, driver, request_id, &head.headers, &mut body).await
        }
        Ok(Route::InitError) => init_error(environment, &mut body).await,
        Ok(Route::Ping) => Reply::Pong,
        Err(error) => error.into(),
    };
    // Who says so understands an answer that comes before its own is complete.
    let is_early = reply == Reply::Stale && head.headers.contains_key(STAYPUT_EARLY_ANSWER);
    if reply != Reply::Accepted && !is_early {
        body::discard(&mut body).await;
    }
    let (head, body) = reply.encode();
    Response::from_parts(head, Full::new(body))
}

/// Waits for an invocation, for as long as it takes.
async fn next(environment: &Arc<Environment>, driver: &Arc<Driver>) -> Result<Response<Full<Bytes>>, Reply> {
    loop {
        let (rings, was) = {
            let mut state = environment.lock();
            if state.init_error.is_some() {
                // It has said that it cannot start, and is about to be ended: an event would be lost on it.
                return Err(Reply::InvalidTransition { from: "InitError", to: "Ready" });
            }
            let State { lifecycle, asking, .. } = &mut *state;
            match lifecycle.ask() {
                Ok(Asked::Deliver(run)) => return Ok(event(run)),
                Ok(Asked::Wait { was }) => {
                    let (ring, rings) = oneshot::channel();
                    // A runtime that asks again has given up the question before.
                    *asking = Some(ring);
                    if was == Some(Was::Starting) {
                        state.init_took = Some(state.init_began.elapsed());
                    }
                    (rings, was)
                }
                Err(NotNow { state }) => return Err(Reply::InvalidTransition { from: state, to: "Ready" }),
            }
        };
        if let Some(was) = was {
            driver.ready(environment, was);
        }
        if rings.await.is_err() {
            return Err(Reply::InvalidTransition { from: "Ready", to: "Ready" });
        }
    }
}

fn event(run: &mut Run) -> Response<Full<Bytes>> {
    let next = Next {
        request_id: id_header(run.job.call.request_id),
        deadline_ms: run.deadline_ms,
        function_arn: run.job.call.arn.clone(),
        trace: Some(run.job.call.trace.clone()),
        client_context: run.job.call.client_context.clone(),
        invocation_id: Some(id_header(run.invocation_id)),
    };
    let mut response = Response::new(Full::new(std::mem::take(&mut run.job.call.payload)));
    *response.headers_mut() = next.encode();
    if let Some(identity) = &run.job.call.cognito_identity {
        response.headers_mut().insert(LAMBDA_RUNTIME_COGNITO_IDENTITY, identity.clone());
    }
    response
}

async fn init_error(environment: &Environment, body: &mut Incoming) -> Reply {
    let check = environment.lock().lifecycle.check_starting();
    if let Err(NotNow { state }) = check {
        return Reply::InvalidTransition { from: state, to: "InitError" };
    }
    match body::collect(body, SYNC_RESPONSE_BYTES).await {
        Ok(Collected { bytes, .. }) => {
            environment.lock().init_error = Some(bytes);
            environment.attention.notify_one();
            Reply::Accepted
        }
        Err(Incomplete::TooLarge) => Reply::TooLarge,
        Err(Incomplete::Cut) => Reply::Truncated,
    }
}

impl Environment {
    /// Whether the runtime may answer this invocation now, and the way for pieces of the answer where they are wanted.
    pub(super) fn check_running(
        &self,
        request_id: &str,
        headers: &HeaderMap,
        to: &'static str,
    ) -> Result<Option<Sender<Bytes>>, Reply> {
        let state = self.lock();
        let attempt = headers.get(LAMBDA_RUNTIME_INVOCATION_ID).and_then(|id| id.to_str().ok());
        match state.lifecycle.running() {
            Ok(run) if attempt.is_some_and(|attempt| !is(run.invocation_id, attempt)) => Err(Reply::Stale),
            Ok(run) if is(run.job.call.request_id, request_id) => Ok(run.job.reply.pieces()),
            Ok(_) => Err(Reply::InvalidRequestId),
            Err(_) if attempt.is_some() => Err(Reply::Stale),
            Err(NotNow { state }) => Err(Reply::InvalidTransition { from: state, to }),
        }
    }
}

fn is(id: Uuid, text: &str) -> bool {
    Uuid::try_parse(text) == Ok(id)
}

/// A request's head. Source: `Lambda-Runtime-Function-XRay-Error-Cause` may have 1 MB.
const HEAD_BYTES: usize = 2 << 20;
