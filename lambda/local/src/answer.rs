//! A function's answer on its way from its environment to whoever waits for it: in pieces where they want it so, and then its
//! end.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderValue;
use lambda_protocol::fault::Fault;
use tokio::sync::{mpsc, oneshot};

/// What a function, or the service on its behalf, has answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What of it did not come in pieces before: all of it, as a rule. Of a failed one always the error object.
    pub(crate) payload: Bytes,
    pub(crate) failure: Option<Failure>,
    /// `X-Amz-Log-Result`, if the call asked for it.
    pub(crate) log_result: Option<HeaderValue>,
}

/// The function failed; `X-Amz-Function-Error` is due.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Failure {
    /// `InvokeComplete`'s word for it.
    pub(crate) code: String,
    /// What `InvokeComplete` says where the service speaks for the function; else that is the payload.
    pub(crate) service_said: Option<String>,
}

impl Failure {
    /// The service speaks for the function.
    pub(crate) fn made(fault: &Fault) -> Self {
        let code = fault.error_type.clone().unwrap_or_else(|| UNKNOWN.to_owned());
        Self { code, service_said: Some(fault.error_message.clone().unwrap_or_default()) }
    }

    /// The runtime has posted an error; `named` is its header's word for it. Source: AWS's Runtime Interface Emulator, which
    /// takes two families of names.
    pub(crate) fn posted(payload: &[u8], named: Option<&HeaderValue>) -> Self {
        let named = named.and_then(|name| name.to_str().ok()).map(str::to_owned);
        let code = named.or_else(|| Fault::decode(payload).error_type).filter(|code| is_known(code));
        Self { code: code.unwrap_or_else(|| UNKNOWN.to_owned()), service_said: None }
    }
}

/// `Runtime.Word` or `Function.Word`.
fn is_known(code: &str) -> bool {
    let word = code.strip_prefix("Runtime.").or_else(|| code.strip_prefix("Function."));
    word.is_some_and(|word| {
        word.len() > 1
            && word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.chars().all(|c| c.is_ascii_alphabetic())
    })
}

const UNKNOWN: &str = "Runtime.Unknown";

/// Where an answer goes. Dropped before its end, it tells that the service could not run the call.
#[derive(Debug)]
pub(crate) struct Reply {
    /// `None`: the answer is wanted whole.
    pieces: Option<mpsc::Sender<Bytes>>,
    end: oneshot::Sender<Answer>,
}

impl Reply {
    /// For an answer that is wanted whole.
    pub(crate) fn whole() -> (Self, oneshot::Receiver<Answer>) {
        let (end, answered) = oneshot::channel();
        (Self { pieces: None, end }, answered)
    }

    /// For an answer that is wanted as it is made.
    pub(crate) fn in_pieces() -> (Self, Answering) {
        let (sender, pieces) = mpsc::channel(PIECES_AHEAD);
        let (end, answered) = oneshot::channel();
        (Self { pieces: Some(sender), end }, Answering { pieces, end: answered })
    }

    /// The way for pieces, if they are wanted. While it is held, the end is not heard of.
    pub(crate) fn pieces(&self) -> Option<mpsc::Sender<Bytes>> {
        self.pieces.clone()
    }

    pub(crate) fn end(self, answer: Answer) {
        drop(self.pieces);
        // Whoever has gone does not want it any more.
        let _ = self.end.send(answer);
    }
}

/// An answer that comes in pieces. Dropped, it tells that nobody wants it any more.
#[derive(Debug)]
pub(crate) struct Answering {
    pieces: mpsc::Receiver<Bytes>,
    end: oneshot::Receiver<Answer>,
}

/// What has come of an answer.
#[derive(Debug)]
pub(crate) enum Arrived {
    Piece(Bytes),
    /// Not to be asked after again.
    End(Answer),
}

/// The service could not run the function, or not to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the function was not run to its end")]
pub(crate) struct Lost;

impl Answering {
    /// Behind an answer that is there whole, nothing comes.
    pub(crate) fn over() -> Self {
        let (_, answering) = Reply::in_pieces();
        answering
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Arrived, Lost>> {
        if let Some(piece) = ready!(self.pieces.poll_recv(cx)) {
            return Poll::Ready(Ok(Arrived::Piece(piece)));
        }
        let end = ready!(Future::poll(std::pin::Pin::new(&mut self.end), cx));
        Poll::Ready(end.map(Arrived::End).map_err(|_| Lost))
    }

    pub(crate) async fn next(&mut self) -> Result<Arrived, Lost> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }
}

/// Pieces that wait for the reader: one, so that a slow one holds the function back at once.
const PIECES_AHEAD: usize = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(named: Option<&'static str>, payload: &str, code: &str) {
        let named = named.map(HeaderValue::from_static);
        assert_eq!(Failure::posted(payload.as_bytes(), named.as_ref()).code, code, "{named:?} {payload}");
    }

    #[test]
    fn only_names_of_lambdas_families_are_codes() {
        check(Some("Runtime.ImportModuleError"), "{}", "Runtime.ImportModuleError");
        check(None, r#"{"errorType":"Function.Odd"}"#, "Function.Odd");
        check(Some("unhandled"), r#"{"errorType":"OrderUnknown"}"#, "Runtime.Unknown");
        for odd in ["Runtime.", "Runtime.a", "Runtime.A", "Runtime.A1", "Sandbox.Timedout"] {
            check(Some(odd), "{}", "Runtime.Unknown");
        }
    }

    #[tokio::test]
    async fn the_end_comes_after_every_piece() {
        let (reply, mut answering) = Reply::in_pieces();
        let pieces = reply.pieces().unwrap();
        pieces.send(Bytes::from_static(b"a")).await.unwrap();
        reply.end(Answer { payload: Bytes::new(), failure: None, log_result: None });
        drop(pieces);
        assert!(matches!(answering.next().await, Ok(Arrived::Piece(piece)) if piece == "a"));
        assert!(matches!(answering.next().await, Ok(Arrived::End(_))));
    }

    #[tokio::test]
    async fn an_answer_that_is_given_up_is_lost() {
        let (reply, mut answering) = Reply::in_pieces();
        drop(reply);
        assert_eq!(answering.next().await.map(drop), Err(Lost));
    }
}
