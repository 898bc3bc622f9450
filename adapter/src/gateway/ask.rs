//! Asking Lambda, and understanding what it answers.

use std::{future::poll_fn, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, request};
use lambda_protocol::{invoke::X_AMZN_REQUEST_ID, quotas::SYNC_RESPONSE_BYTES};
use stayput_core::{
    Invocation, Mode, Outcome, Rejection,
    translate::{
        self,
        stream::{Beginning, Begun},
    },
};

use super::Gateway;
use crate::{
    backend::{BackendError, ReplyBody},
    body::Body,
};

/// What came back from Lambda.
pub(super) struct Reached {
    pub(super) outcome: Outcome,
    pub(super) body: Body,
    /// Lambda's own id of the call.
    pub(super) lambda_id: Option<HeaderValue>,
}

impl Gateway {
    /// Lambda's answer, understood. Only what has to be read is waited for: where the head says all, the payload may
    /// still be arriving.
    pub(super) async fn ask(
        &self,
        invocation: &Invocation,
        invoke: request::Parts,
        payload: Bytes,
    ) -> Result<Reached, Rejection> {
        let limit = match invocation.mode {
            Mode::Sync => invocation.function.timeout,
            Mode::Async => invocation.function.timeout.min(TAKEN_WITHIN),
        };
        let answer = async {
            let reply = self.backend.call(invoke, payload).await.map_err(|error| unanswered(&error))?;
            let lambda_id = reply.head.headers.get(X_AMZN_REQUEST_ID).cloned();
            if translate::is_stream(invocation, &reply.head) {
                let (outcome, body) = begin(invocation, reply.body).await?;
                return Ok(Reached { outcome, body, lambda_id });
            }
            if let Some(outcome) = translate::decode_head(invocation, &reply.head) {
                return Ok(Reached { outcome, body: Body::passing(reply.body), lambda_id });
            }
            let whole = reply.body.collect(SYNC_RESPONSE_BYTES).await.map_err(|error| unanswered(&error))?;
            let whole = whole.ok_or(Rejection::AnswerTooLarge { limit: SYNC_RESPONSE_BYTES })?;
            let (outcome, body) = translate::decode(invocation, &reply.head, whole)?;
            Ok(Reached { outcome, body: Body::whole(body), lambda_id })
        };
        tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
            Err(Rejection::Deadline { limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX) })
        })
    }
}

/// How long Lambda may take to say that it has an asynchronous call, which it runs later. Well below the time after which a request
/// with the same `Idempotency-Key` makes the call again.
const TAKEN_WITHIN: Duration = Duration::from_secs(15);

/// How a streamed answer begins; the rest of it is the body's to read.
async fn begin(invocation: &Invocation, mut reply: ReplyBody) -> Result<(Outcome, Body), Rejection> {
    let mut beginning = Beginning::of(invocation);
    // Of a stream, a pause is the function's.
    reply.may_pause_for(invocation.function.timeout);
    while let Some(piece) = poll_fn(|cx| reply.poll_piece(cx)).await {
        let mut input = piece.map_err(|error| unanswered(&error))?;
        if let Some(Begun { outcome, first, rest }) = beginning.read(&mut input)? {
            let body = match rest {
                Some(rest) => Body::streamed(first, input, rest, reply),
                None => Body::whole(first),
            };
            return Ok((outcome, body));
        }
    }
    Err(Rejection::AnswerLost)
}

/// What the caller gets to know of a call that Lambda did not answer; the operator is told the cause.
fn unanswered(error: &BackendError) -> Rejection {
    tracing::warn!(error = error as &dyn std::error::Error, "no answer from the Lambda service");
    match error {
        BackendError::Unreachable(_) | BackendError::NoCredentials => Rejection::Unreachable,
        BackendError::Broken(_) | BackendError::Stalled => Rejection::AnswerLost,
    }
}
