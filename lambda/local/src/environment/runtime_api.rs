//! What an environment's process talks to: HTTP on a loopback port of its own.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use lambda_protocol::{
    fault::Fault,
    quotas::SYNC_RESPONSE_BYTES,
    runtime_api::{
        LAMBDA_RUNTIME_FUNCTION_ERROR_BODY, LAMBDA_RUNTIME_FUNCTION_ERROR_TYPE,
        LAMBDA_RUNTIME_FUNCTION_RESPONSE_MODE, LAMBDA_RUNTIME_INVOCATION_ID, Next, Reply, Route,
    },
};
use tokio::{net::TcpStream, sync::oneshot};
use uuid::Uuid;

use super::{
    Environment, LAMBDA_RUNTIME_COGNITO_IDENTITY, Run, State, Verdict, id_header,
    lifecycle::{Asked, NotNow},
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
            response(environment, driver, request_id, &head.headers, &mut body).await
        }
        Ok(Route::Error { request_id }) => {
            error(environment, driver, request_id, &head.headers, &mut body).await
        }
        Ok(Route::InitError) => init_error(environment, &mut body).await,
        Ok(Route::Ping) => Reply::Pong,
        Err(error) => error.into(),
    };
    if reply != Reply::Accepted {
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

async fn response(
    environment: &Environment,
    driver: &Driver,
    request_id: &str,
    headers: &HeaderMap,
    body: &mut Incoming,
) -> Reply {
    if let Err(reply) = environment.check_running(request_id, headers, "InvocationResponse") {
        return reply;
    }
    let mode = headers.get(LAMBDA_RUNTIME_FUNCTION_RESPONSE_MODE);
    if mode.is_some_and(|mode| !mode.as_bytes().eq_ignore_ascii_case(b"streaming")) {
        environment.answer(driver, &Verdict::Refused(invalid_mode()));
        return Reply::InvalidResponseMode;
    }
    let verdict = match body::collect(body, SYNC_RESPONSE_BYTES).await {
        Ok(Collected { bytes, trailers }) => match trailers.as_ref().and_then(late_error) {
            Some(error) => Verdict::Threw(error),
            None => Verdict::Returned(bytes),
        },
        Err(Incomplete::TooLarge) => {
            environment.answer(driver, &Verdict::Refused(Fault::response_too_large()));
            return Reply::TooLarge;
        }
        Err(Incomplete::Cut) => {
            environment.answer(driver, &Verdict::Refused(truncated()));
            return Reply::Truncated;
        }
    };
    accepted(environment.answer(driver, &verdict))
}

async fn error(
    environment: &Environment,
    driver: &Driver,
    request_id: &str,
    headers: &HeaderMap,
    body: &mut Incoming,
) -> Reply {
    if let Err(reply) = environment.check_running(request_id, headers, "InvocationErrorResponse") {
        return reply;
    }
    match body::collect(body, SYNC_RESPONSE_BYTES).await {
        Ok(Collected { bytes, .. }) => accepted(environment.answer(driver, &Verdict::Threw(bytes))),
        Err(Incomplete::TooLarge) => {
            environment.answer(driver, &Verdict::Refused(Fault::response_too_large()));
            Reply::TooLarge
        }
        Err(Incomplete::Cut) => {
            environment.answer(driver, &Verdict::Refused(truncated()));
            Reply::Truncated
        }
    }
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
    /// Whether the runtime may answer this invocation now.
    fn check_running(&self, request_id: &str, headers: &HeaderMap, to: &'static str) -> Result<(), Reply> {
        let state = self.lock();
        let attempt = headers.get(LAMBDA_RUNTIME_INVOCATION_ID).and_then(|id| id.to_str().ok());
        match state.lifecycle.running() {
            Ok(run) if attempt.is_some_and(|attempt| !is(run.invocation_id, attempt)) => Err(Reply::Stale),
            Ok(run) if is(run.job.call.request_id, request_id) => Ok(()),
            Ok(_) => Err(Reply::InvalidRequestId),
            Err(_) if attempt.is_some() => Err(Reply::Stale),
            Err(NotNow { state }) => Err(Reply::InvalidTransition { from: state, to }),
        }
    }
}

/// Somebody else may have answered while the body came: the deadline.
fn accepted(in_time: bool) -> Reply {
    if in_time { Reply::Accepted } else { Reply::Stale }
}

fn is(id: Uuid, text: &str) -> bool {
    Uuid::try_parse(text) == Ok(id)
}

/// The error that a streamed answer ended with, as JSON text.
fn late_error(trailers: &HeaderMap) -> Option<Bytes> {
    let error_type = trailers.get(LAMBDA_RUNTIME_FUNCTION_ERROR_TYPE)?;
    let body =
        trailers.get(LAMBDA_RUNTIME_FUNCTION_ERROR_BODY).map(HeaderValue::as_bytes).unwrap_or_default();
    let json = base64_simd::forgiving_decode_to_vec(body).unwrap_or_default();
    if json.is_empty() {
        let error_type = Some(String::from_utf8_lossy(error_type.as_bytes()).into_owned());
        return Some(Fault { error_type, ..Fault::default() }.encode().into());
    }
    Some(json.into())
}

fn invalid_mode() -> Fault {
    Fault {
        error_type: Some("Runtime.InvalidResponseModeHeader".to_owned()),
        error_message: Some("Invalid function response mode".to_owned()),
        trace: Vec::new(),
    }
}

/// Lambda's word for an answer whose upload was cut.
fn truncated() -> Fault {
    Fault {
        error_type: Some("Runtime.TruncatedResponse".to_owned()),
        error_message: Some("The function's response ended early".to_owned()),
        trace: Vec::new(),
    }
}

/// A request's head. Source: `Lambda-Runtime-Function-XRay-Error-Cause` may have 1 MB.
const HEAD_BYTES: usize = 2 << 20;
