//! The body of an answer that its function is still making: taken out of Lambda's event stream as it comes.

use std::{
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use stayput_core::translate::stream::Rest;

use super::CutOff;
use crate::{backend::ReplyBody, ending::Ending};

/// What follows an answer's beginning.
#[derive(Debug)]
pub(super) struct Streamed {
    /// Bytes of the answer that are here.
    first: Bytes,
    /// Bytes of the event stream that are here.
    input: Bytes,
    /// `None`: the last event has come.
    rest: Option<Rest>,
    reply: ReplyBody,
    /// Whoever is to be told how it ends.
    ending: Option<Ending>,
}

impl Streamed {
    /// `input`: what follows the beginning and is here; the rest is in `reply`.
    pub(super) fn new(first: Bytes, input: Bytes, rest: Rest, reply: ReplyBody) -> Self {
        Self { first, input, rest: Some(rest), reply, ending: None }
    }

    pub(super) fn told_to(&mut self, ending: Ending) {
        self.ending = Some(ending);
    }

    pub(super) fn buffered_bytes(&self) -> usize {
        self.first.len() + self.input.len() + self.reply.buffered_bytes()
    }

    pub(super) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, CutOff>>> {
        if !self.first.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.first))));
        }
        let next = ready!(self.poll_rest(cx));
        if !matches!(next, Ok(Some(_)))
            && let Some(ending) = self.ending.take()
        {
            ending.over(next.as_ref().err());
        }
        Poll::Ready(next.transpose())
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, CutOff>> {
        loop {
            let Some(rest) = &mut self.rest else {
                // What is left are a few bytes that say nothing and give its connection back. Without them it is closed.
                while let Some(Ok(_)) = ready!(self.reply.poll_piece(cx)) {}
                return Poll::Ready(Ok(None));
            };
            match rest.read(&mut self.input) {
                Ok(Some(bytes)) => return Poll::Ready(Ok(Some(bytes))),
                Ok(None) if rest.is_over() => {
                    self.rest = None;
                    self.reply.may_pause_for(CLOSING_TIME);
                }
                Ok(None) => match ready!(self.reply.poll_piece(cx)?) {
                    Some(input) => self.input = input,
                    None => rest.end()?,
                },
                Err(cut) => return Poll::Ready(Err(cut.into())),
            }
        }
    }
}

/// How long Lambda may take, after a stream's last event, to end the response that it was in. Ours.
const CLOSING_TIME: Duration = Duration::from_secs(1);
