//! The body of `InvokeWithResponseStream`'s answer: frames, made as the function's pieces come.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderValue;
use lambda_protocol::event_stream::{InvokeComplete, invoke_complete, payload_chunk};

use crate::answer::{Answer, Answering, Arrived, Failure, Lost};

#[derive(Debug)]
pub(crate) struct EventStream {
    /// `None`: its end has been read.
    answering: Option<Answering>,
    /// What had come of it before its head was sent.
    first: Option<Arrived>,
    /// The last frame, while others are before it.
    last: Option<Bytes>,
    is_begun: bool,
}

impl EventStream {
    /// `first` is what has come of it.
    pub(crate) fn new(first: Arrived, rest: Answering) -> Self {
        Self { answering: Some(rest), first: Some(first), last: None, is_begun: false }
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Lost>>> {
        if let Some(last) = self.last.take() {
            return Poll::Ready(Some(Ok(last)));
        }
        let arrived = match (self.first.take(), &mut self.answering) {
            (Some(first), _) => first,
            (None, None) => return Poll::Ready(None),
            (None, Some(answering)) => match ready!(answering.poll_next(cx)) {
                Ok(arrived) => arrived,
                Err(lost) => {
                    self.answering = None;
                    return Poll::Ready(Some(Err(lost)));
                }
            },
        };
        Poll::Ready(Some(Ok(match arrived {
            Arrived::Piece(piece) => {
                self.is_begun = true;
                payload_chunk(&piece)
            }
            Arrived::End(answer) => {
                self.answering = None;
                self.end(&answer)
            }
        })))
    }

    /// The first of the frames that are left. An error object is payload only where nothing has been sent before it.
    fn end(&mut self, answer: &Answer) -> Bytes {
        let complete = invoke_complete(&complete(answer));
        if answer.payload.is_empty() || (answer.failure.is_some() && self.is_begun) {
            return complete;
        }
        self.last = Some(complete);
        payload_chunk(&answer.payload)
    }
}

fn complete(answer: &Answer) -> InvokeComplete {
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    let (error_code, error_details) = match &answer.failure {
        None => (None, None),
        Some(Failure { code, service_said: Some(said) }) => (Some(code.clone()), Some(said.clone())),
        Some(Failure { code, service_said: None }) => {
            (Some(code.clone()), Some(String::from_utf8_lossy(&answer.payload).into_owned()))
        }
    };
    InvokeComplete { error_code, error_details, log_result: answer.log_result.as_ref().and_then(text) }
}
