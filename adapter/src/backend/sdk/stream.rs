//! The SDK's events as the frames that they were.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use aws_sdk_lambda::{
    operation::{RequestId as _, invoke_with_response_stream::InvokeWithResponseStreamOutput},
    primitives::event_stream::EventReceiver,
    types::{
        InvokeWithResponseStreamResponseEvent as Event,
        error::InvokeWithResponseStreamResponseEventError as EventError,
    },
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use http_body::Frame;
use lambda_protocol::{
    event_stream::{InvokeComplete, invoke_complete, payload_chunk},
    invoke::{InvokeReply, Operation},
};

use crate::backend::{BackendError, Reply, ReplyBody};

/// The reply as it was on the wire, as far as the SDK tells.
pub(super) fn reply(output: InvokeWithResponseStreamOutput) -> Reply {
    let status = u16::try_from(output.status_code).ok().and_then(|code| StatusCode::from_u16(code).ok());
    let value = |text: Option<&str>| text.and_then(|text| HeaderValue::from_str(text).ok());
    let head = InvokeReply {
        request_id: value(output.request_id()),
        executed_version: value(output.executed_version()),
        ..InvokeReply::new(status.unwrap_or(StatusCode::BAD_GATEWAY))
    };
    let body = ReplyBody::arriving(Frames { next: Some(next(output.event_stream)) });
    Reply { head: head.encode(Operation::InvokeWithResponseStream), body }
}

type Receiver = EventReceiver<Event, EventError>;
type Received = (Receiver, Result<Option<Event>, BackendError>);

struct Frames {
    /// `None`: the end, or an error, has been told.
    next: Option<Pin<Box<dyn Future<Output = Received> + Send>>>,
}

fn next(mut receiver: Receiver) -> Pin<Box<dyn Future<Output = Received> + Send>> {
    Box::pin(async move {
        let event = receiver.recv().await.map_err(|error| BackendError::Broken(error.into()));
        (receiver, event)
    })
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = BackendError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BackendError>>> {
        loop {
            let Some(receiving) = &mut self.next else { return Poll::Ready(None) };
            let (receiver, event) = ready!(receiving.as_mut().poll(cx));
            self.next = None;
            let Some(event) = event.transpose() else { return Poll::Ready(None) };
            let frame = match event {
                Err(error) => return Poll::Ready(Some(Err(error))),
                Ok(Event::PayloadChunk(chunk)) => {
                    payload_chunk(chunk.payload.as_ref().map_or(&[], |payload| payload.as_ref()))
                }
                Ok(Event::InvokeComplete(complete)) => invoke_complete(&InvokeComplete {
                    error_code: complete.error_code,
                    error_details: complete.error_details,
                    log_result: complete.log_result,
                }),
                // Newer than this program.
                Ok(_) => Bytes::new(),
            };
            self.next = Some(next(receiver));
            if !frame.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(frame))));
            }
        }
    }
}
