use std::{cell::Cell, convert::Infallible, rc::Rc, time::Duration};

use http::header::TRAILER;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::timeout,
};

use super::*;
use crate::{Error, Streamed, Writer, answer::AnswerBody};

/// Bytes that the connection holds in either direction.
const SOCKET_BYTES: usize = 4 * 1024;
const PIECE_BYTES: usize = 1024;

/// Counts the pieces that were produced; and whether what produces them is still there.
#[derive(Default)]
struct Seen {
    pieces: Cell<usize>,
    dropped: Cell<bool>,
}

struct DropFlag(Rc<Seen>);

impl Drop for DropFlag {
    fn drop(&mut self) {
        self.0.dropped.set(true);
    }
}

/// Pieces as fast as they are taken, without end.
fn endless() -> (Rc<Seen>, Streamed) {
    let seen = Rc::new(Seen::default());
    let flag = DropFlag(Rc::clone(&seen));
    let pieces = async move |out: Writer| {
        loop {
            out.write(vec![b'x'; PIECE_BYTES]).await?;
            flag.0.pieces.set(flag.0.pieces.get() + 1);
        }
    };
    (seen, Streamed::new(pieces))
}

fn request(stream: Streamed) -> Request<AnswerBody<Streamed>> {
    let names = "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body";
    Request::post("/").header(TRAILER, names).body(AnswerBody::new(None, stream)).unwrap()
}

/// A Runtime API that has read the head of the request and `pieces` bytes of what follows.
async fn read(api: &mut DuplexStream, bytes: usize) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(api.read_u8().await.unwrap());
    }
    let mut body = vec![0; bytes];
    api.read_exact(&mut body).await.unwrap();
}

// Paused: Tokio's clock jumps ahead once nothing moves any more.
#[tokio::test(start_paused = true)]
async fn who_does_not_read_holds_the_producer() {
    let (io, mut api) = duplex(SOCKET_BYTES);
    let (seen, stream) = endless();
    let posting = async { timeout(Duration::from_secs(60), post(io, request(stream))).await };
    let (posted, _stopped_reading) = tokio::join!(posting, async {
        read(&mut api, 3 * PIECE_BYTES).await;
        api
    });
    assert!(posted.is_err(), "nobody has answered");
    // What was read, what lies in the socket and before it, and a piece that was cut by each of these borders.
    let most = 3 + (SOCKET_BYTES + UNSENT_BYTES) / PIECE_BYTES + 3;
    assert!((3..=most).contains(&seen.pieces.get()), "{} pieces", seen.pieces.get());
    assert!(seen.dropped.get());
}

/// How the posting ends that meets this on the way, after `PIECE_BYTES`. The stream must have been dropped.
async fn meet(
    then: impl AsyncFnOnce(DuplexStream) -> Option<DuplexStream>,
) -> Result<StatusCode, hyper::Error> {
    let (io, mut api) = duplex(SOCKET_BYTES);
    let (seen, stream) = endless();
    let (posted, _open) = tokio::join!(post(io, request(stream)), async {
        read(&mut api, PIECE_BYTES).await;
        then(api).await
    });
    assert!(seen.dropped.get(), "the stream lives on after {posted:?}");
    posted
}

#[tokio::test]
async fn an_answer_before_the_end_drops_the_stream() {
    let answered = meet(async |mut api| {
        api.write_all(b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        Some(api)
    });
    assert_eq!(answered.await.unwrap(), StatusCode::GONE);
    let answered_and_hung_up = meet(async |mut api| {
        api.write_all(b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
        None
    });
    assert_eq!(answered_and_hung_up.await.unwrap(), StatusCode::GONE);
}

#[tokio::test]
async fn a_connection_that_breaks_drops_the_stream() {
    meet(async |_| None).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn it_is_dropped_while_it_waits_for_something_else_too() {
    let (io, mut api) = duplex(SOCKET_BYTES);
    let seen = Rc::new(Seen::default());
    let flag = DropFlag(Rc::clone(&seen));
    let stream = Streamed::new(async move |out: Writer| {
        let _flag = flag;
        out.write("first").await?;
        std::future::pending::<Result<(), Error>>().await
    });
    let (posted, ()) = tokio::join!(post(io, request(stream)), async {
        read(&mut api, 5).await;
        drop(api);
    });
    assert!(posted.is_err() && seen.dropped.get(), "{posted:?}");
}

/// What follows the head of the request that has `stream` for its body.
async fn wire(stream: Streamed) -> String {
    let (io, mut api) = duplex(SOCKET_BYTES);
    let (posted, wire) = tokio::join!(post(io, request(stream)), async {
        read(&mut api, 0).await;
        let mut wire = Vec::new();
        while !wire.ends_with(b"\r\n\r\n") {
            wire.push(api.read_u8().await.unwrap());
        }
        api.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        String::from_utf8(wire).unwrap()
    });
    assert_eq!(posted.unwrap(), StatusCode::ACCEPTED);
    wire
}

#[tokio::test]
async fn each_piece_is_a_chunk_and_a_late_failure_two_trailers() {
    let pieces = async |out: Writer| {
        out.write("one").await?;
        out.write("").await?;
        out.write("three").await?;
        Ok(())
    };
    assert_eq!(wire(Streamed::new(pieces)).await, "3\r\none\r\n5\r\nthree\r\n0\r\n\r\n");

    let failing = async |out: Writer| {
        out.write("one").await?;
        Err(Error::new("Late", "too late"))
    };
    let body = "eyJlcnJvclR5cGUiOiJMYXRlIiwiZXJyb3JNZXNzYWdlIjoidG9vIGxhdGUifQ==";
    let expected = format!(
        "3\r\none\r\n0\r\nlambda-runtime-function-error-type: Late\r\nlambda-runtime-function-error-body: {body}\r\n\r\n"
    );
    assert_eq!(wire(Streamed::new(failing)).await, expected);
}

#[tokio::test]
async fn a_panic_on_the_way_is_a_late_failure() {
    let panicking = async |out: Writer| {
        out.write("one").await?;
        panic!("boom")
    };
    let wire = wire(Streamed::new(panicking)).await;
    assert!(wire.contains("lambda-runtime-function-error-type: Panic\r\n"), "{wire}");
}

#[tokio::test]
async fn the_body_knows_whether_it_was_whole() {
    let stream = Streamed::whole("all");
    let mut body = Box::pin(AnswerBody::new(None, stream));
    let ended = body.ended();
    let mut seen = Vec::new();
    while let Some(Ok::<_, Infallible>(_)) = std::future::poll_fn(|task| body.as_mut().poll_frame(task)).await
    {
        seen.push(ended.is_true());
    }
    assert_eq!((seen, ended.is_true()), (vec![false], true));
}
