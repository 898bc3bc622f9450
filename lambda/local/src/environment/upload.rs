//! What a runtime posts as its answer: collected where the caller wants it whole, else handed on piece by piece.
//!
//! A piece is read only once the one before has found its reader, so a slow caller holds the function back.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use lambda_protocol::{
    fault::Fault,
    quotas::{STREAM_RESPONSE_BYTES, SYNC_RESPONSE_BYTES},
    runtime_api::{
        LAMBDA_RUNTIME_FUNCTION_ERROR_TYPE, LAMBDA_RUNTIME_FUNCTION_RESPONSE_MODE, LateError, Reply,
        STAYPUT_EARLY_ANSWER, STREAMING,
    },
};
use tokio::{sync::mpsc::Sender, time::sleep};

use super::{Environment, Verdict};
use crate::{
    answer::Failure,
    body::{self, Collected, Incomplete},
    pool::driver::Driver,
};

/// How a posted answer ended.
enum Upload {
    /// The function has spoken.
    Said(Verdict),
    TooLarge(Fault),
    Cut,
    /// The caller has gone, and the runtime wants to know.
    Unwanted,
}

/// The answer to the invocation that runs.
pub(super) async fn response(
    environment: &Environment,
    driver: &Driver,
    request_id: &str,
    headers: &HeaderMap,
    body: &mut Incoming,
) -> Reply {
    let pieces = match environment.check_running(request_id, headers, "InvocationResponse") {
        Ok(pieces) => pieces,
        Err(reply) => return reply,
    };
    let mode = headers.get(LAMBDA_RUNTIME_FUNCTION_RESPONSE_MODE);
    let is_streamed = mode.is_some_and(|mode| mode.as_bytes().eq_ignore_ascii_case(STREAMING.as_bytes()));
    if mode.is_some() && !is_streamed {
        environment.answer(driver, &Verdict::Refused(invalid_mode()));
        return Reply::InvalidResponseMode;
    }
    let upload = match pieces.filter(|_| is_streamed) {
        Some(pieces) => pass_on(body, pieces, headers.contains_key(STAYPUT_EARLY_ANSWER)).await,
        None => collect(body).await,
    };
    settle(environment, driver, upload).await
}

/// The function failed and says why.
pub(super) async fn error(
    environment: &Environment,
    driver: &Driver,
    request_id: &str,
    headers: &HeaderMap,
    body: &mut Incoming,
) -> Reply {
    if let Err(reply) = environment.check_running(request_id, headers, "InvocationErrorResponse") {
        return reply;
    }
    let upload = match body::collect(body, SYNC_RESPONSE_BYTES).await {
        Ok(Collected { bytes: payload, .. }) => {
            let Failure { code, .. } =
                Failure::posted(&payload, headers.get(LAMBDA_RUNTIME_FUNCTION_ERROR_TYPE));
            Upload::Said(Verdict::Threw { payload, code })
        }
        Err(incomplete) => incomplete.into(),
    };
    settle(environment, driver, upload).await
}

async fn collect(body: &mut Incoming) -> Upload {
    match body::collect(body, SYNC_RESPONSE_BYTES).await {
        Ok(Collected { bytes, trailers }) => {
            let told = trailers.as_ref().and_then(LateError::decode);
            Upload::Said(match told.or_else(|| LateError::in_body(&bytes)) {
                Some(error) => threw(error),
                None => Verdict::Returned(bytes),
            })
        }
        Err(incomplete) => incomplete.into(),
    }
}

/// Hands the pieces on. Once the caller has gone, the rest is read and dropped, as on AWS, where functions run on; a runtime
/// that understands it is told.
async fn pass_on(body: &mut Incoming, pieces: Sender<Bytes>, may_be_told: bool) -> Upload {
    let (mut passed, mut late) = (0, None);
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = pieces.closed(), if may_be_told => return Upload::Unwanted,
        };
        let data = match frame.map(|frame| frame.map(http_body::Frame::into_data)) {
            None => return Upload::Said(late.map_or(Verdict::Returned(Bytes::new()), threw)),
            Some(Err(_)) => return Upload::Cut,
            Some(Ok(Err(frame))) => {
                let trailers = frame.into_trailers().ok();
                late = trailers.as_ref().and_then(LateError::decode).or(late);
                continue;
            }
            Some(Ok(Ok(data))) => data,
        };
        passed += data.len() as u64;
        if passed > STREAM_RESPONSE_BYTES {
            return Upload::TooLarge(Fault::stream_too_large());
        }
        // The text is passed on as well: on AWS it is nothing but that.
        late = LateError::in_body(&data).or(late);
        if !data.is_empty() && pieces.send(data).await.is_err() && may_be_told {
            return Upload::Unwanted;
        }
    }
}

/// Answers the invocation, and the runtime.
async fn settle(environment: &Environment, driver: &Driver, upload: Upload) -> Reply {
    match upload {
        Upload::Said(verdict) => accepted(environment.answer(driver, &verdict)),
        Upload::TooLarge(fault) => {
            environment.answer(driver, &Verdict::Refused(fault));
            Reply::TooLarge
        }
        Upload::Cut => {
            // Most often because the process is gone: then its supervisor knows better why, and says so.
            sleep(CUT_GRACE).await;
            environment.answer(driver, &Verdict::Refused(truncated()));
            Reply::Truncated
        }
        Upload::Unwanted => {
            environment.answer(driver, &Verdict::Returned(Bytes::new()));
            Reply::Stale
        }
    }
}

/// Somebody else may have answered while the body came: the deadline.
fn accepted(in_time: bool) -> Reply {
    if in_time { Reply::Accepted } else { Reply::Stale }
}

fn threw(LateError { error_type: code, json: payload }: LateError) -> Verdict {
    Verdict::Threw { payload, code }
}

impl From<Incomplete> for Upload {
    fn from(incomplete: Incomplete) -> Self {
        match incomplete {
            Incomplete::TooLarge => Self::TooLarge(Fault::response_too_large()),
            Incomplete::Cut => Self::Cut,
        }
    }
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

/// From an upload's break to the service's own word for it: twice what a supervisor takes to see that its process is gone.
const CUT_GRACE: Duration = Duration::from_millis(100);
