//! From what a function has answered to an HTTP response.
//!
//! ```text
//! BUFFERED         whole payload ─► HttpAnswer::decode ─► response
//! RESPONSE_STREAM  pieces ─► Opening (head, eight NULs) ─► response, whose body is what follows, as it comes
//! ```
//!
//! A function that has failed, or whose answer makes no sense, is a 502. One that fails after its head has been sent on is
//! cut off: a broken answer must not look like a whole one.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use lambda_protocol::{
    http_answer::{HttpAnswer, HttpAnswerError},
    http_stream::{HttpStreamHead, Opened, Opening},
};

use super::fields;
use crate::{
    answer::{Answer, Answering, Arrived, Lost},
    response_body::Body,
};

/// A whole answer.
///
/// # Errors
/// It is no HTTP answer.
pub(crate) fn whole(answer: &Answer) -> Result<Response<Body>, HttpAnswerError> {
    if answer.failure.is_some() {
        return Ok(internal_server_error());
    }
    let HttpAnswer { status, headers, body } = HttpAnswer::decode(&answer.payload)?;
    Ok(response(&HttpStreamHead { status, headers }, Body::from(body)))
}

/// An answer that travels as it is made. `arrived` is what has come of it; it is read until it is known how it begins.
///
/// # Errors
/// It has a head, and that is none.
pub(crate) async fn streamed(
    mut arrived: Arrived,
    mut rest: Answering,
) -> Result<Response<Body>, HttpAnswerError> {
    let mut opening = Opening::default();
    loop {
        match arrived {
            Arrived::End(answer) => return over(opening, answer),
            Arrived::Piece(piece) => {
                if let Some(opened) = opening.read(piece)? {
                    let (head, first) = parts(opened);
                    return Ok(response(&head, Body::pieces(Pieces { first, rest: Some(rest) })));
                }
            }
        }
        arrived = match rest.next().await {
            Ok(arrived) => arrived,
            Err(Lost) => return Ok(internal_server_error()),
        };
    }
}

/// What AWS answers when the function could not.
pub(crate) fn internal_server_error() -> Response<Body> {
    let mut response = Response::new(Body::from(&b"Internal Server Error"[..]));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The body of an answer after its head, as it comes.
#[derive(Debug)]
pub(crate) struct Pieces {
    first: Bytes,
    /// `None`: its end has been read.
    rest: Option<Answering>,
}

impl Pieces {
    /// A function that fails now is told of as one that was lost: nothing else can be said to the caller.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Lost>>> {
        if !self.first.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.first))));
        }
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let end = match ready!(rest.poll_next(cx)) {
            Ok(Arrived::Piece(piece)) => return Poll::Ready(Some(Ok(piece))),
            Ok(Arrived::End(Answer { failure: Some(_), .. })) | Err(Lost) => Some(Err(Lost)),
            Ok(Arrived::End(Answer { payload, .. })) => (!payload.is_empty()).then_some(Ok(payload)),
        };
        self.rest = None;
        Poll::Ready(end)
    }
}

/// The answer was over before it was known how it begins.
fn over(mut opening: Opening, answer: Answer) -> Result<Response<Body>, HttpAnswerError> {
    if answer.failure.is_some() {
        return Ok(internal_server_error());
    }
    let opened = opening.read(answer.payload)?.unwrap_or_else(|| Opened::Raw(opening.end()));
    let (head, body) = parts(opened);
    Ok(response(&head, Body::from(body)))
}

/// An answer without a head of its own is bytes.
fn parts(opened: Opened) -> (HttpStreamHead, Bytes) {
    match opened {
        Opened::Head { head, rest } => (head, rest),
        Opened::Raw(bytes) => (HttpStreamHead::of_raw_bytes(), bytes),
    }
}

fn response(head: &HttpStreamHead, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = fields::from_function(&head.headers);
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::answer::{Failure, Reply};

    fn answer(payload: &str) -> Answer {
        Answer { payload: Bytes::copy_from_slice(payload.as_bytes()), failure: None, log_result: None }
    }

    fn failed() -> Answer {
        let failure = Failure { code: "Runtime.Unknown".to_owned(), service_said: None };
        Answer { failure: Some(failure), ..answer("{}") }
    }

    /// The status and the body of what comes in these pieces and then ends so; the body is an error where it is cut.
    async fn stream(pieces: &[&str], end: Answer) -> Result<(u16, Result<Bytes, String>), HttpAnswerError> {
        let (reply, mut answering) = Reply::in_pieces();
        let sending = async {
            let sender = reply.pieces().unwrap();
            for piece in pieces {
                let _ = sender.send(Bytes::copy_from_slice(piece.as_bytes())).await;
            }
            drop(sender);
            reply.end(end);
        };
        let reading = async {
            let first = answering.next().await.unwrap();
            let (head, body) = streamed(first, answering).await?.into_parts();
            let body = body.collect().await.map(http_body_util::Collected::to_bytes);
            Ok((head.status.as_u16(), body.map_err(|error| error.to_string())))
        };
        tokio::join!(sending, reading).1
    }

    fn whole_body(status: u16, body: &'static str) -> Result<(u16, Result<Bytes, String>), HttpAnswerError> {
        Ok((status, Ok(Bytes::from_static(body.as_bytes()))))
    }

    const NULS: &str = "\0\0\0\0\0\0\0\0";

    #[test]
    fn a_whole_answer_says_its_status_and_a_failed_one_is_a_502() {
        assert_eq!(whole(&answer(r#"{"statusCode":201}"#)).unwrap().status(), 201);
        assert_eq!(whole(&answer(r#"{"a":1}"#)).unwrap().headers()["content-type"], "application/json");
        assert_eq!(whole(&failed()).unwrap().status(), 502);
        assert!(whole(&answer(r#"{"statusCode":1}"#)).is_err());
    }

    #[tokio::test]
    async fn the_head_is_what_stands_before_the_nuls_however_it_comes() {
        for pieces in [
            &[r#"{"statusCode":201}"#, NULS, "ab"][..],
            &[r#"{"status"#, "Code\":201}\0\0", "\0\0\0\0\0\0a", "b"],
        ] {
            assert_eq!(stream(pieces, answer("")).await, whole_body(201, "ab"), "{pieces:?}");
        }
        assert_eq!(stream(&[], answer("{}\0\0\0\0\0\0\0\0ab")).await, whole_body(200, "ab"));
    }

    #[tokio::test]
    async fn without_a_head_all_is_body() {
        assert_eq!(stream(&["a", "b"], answer("")).await, whole_body(200, "ab"));
        assert_eq!(stream(&["{", "b"], answer("")).await, whole_body(200, "{b"));
        assert_eq!(stream(&[], answer("{\"a\":1}")).await, whole_body(200, "{\"a\":1}"));
    }

    #[tokio::test]
    async fn a_failure_is_a_502_until_the_head_is_sent_and_a_cut_from_then_on() {
        for pieces in [&[][..], &["{\"status"]] {
            assert_eq!(
                stream(pieces, failed()).await,
                whole_body(502, "Internal Server Error"),
                "{pieces:?}"
            );
        }
        let (status, body) = stream(&["{}", NULS, "a"], failed()).await.unwrap();
        assert_eq!(status, 200);
        assert!(body.is_err());
    }

    #[tokio::test]
    async fn a_head_that_is_none_is_the_functions_mistake() {
        assert!(stream(&["{\"statusCode\":1}", NULS], answer("")).await.is_err());
    }
}
