//! The readers of streamed answers: however the bytes are and wherever they are cut, the same is made of them.

use bytes::Bytes;
use lambda_protocol::{
    event_stream::{InvokeComplete, invoke_complete, payload_chunk},
    runtime_api::LateError,
};
use stayput_core::{
    Invocation, Outcome, Rejection,
    translate::stream::{Beginning, CutShort},
};

use super::{
    setup,
    target::{Check, Target, some_call},
};

pub(crate) static TARGETS: &[Target] = &[
    Target { name: "event-stream", seeds: STREAMS, words: STREAM_WORDS, check: event_stream },
    Target { name: "http-stream", seeds: HTTP_STREAMS, words: STREAM_WORDS, check: http_stream },
    Target { name: "late-error", seeds: LATE, words: STREAM_WORDS, check: || Box::new(late_error) },
];

/// What a caller gets: the outcome and its bytes, and how they end.
type Told = Result<(Outcome, Vec<u8>, Result<(), CutShort>), Rejection>;

/// Bytes as they are, and as a frame whose lengths and checksums are put right, so that it is read: the first is how long
/// its headers are.
fn event_stream() -> Check {
    let (keys, table) = (setup::keys(), setup::table());
    let invocation = some_call(&keys, &table);
    Box::new(move |input| {
        let (length, rest) = input.split_first().unwrap_or((&0, &[]));
        let (headers, payload) = rest.split_at(usize::from(*length).min(rest.len()));
        let stream = [frame(headers, payload), invoke_complete(&InvokeComplete::default()).to_vec()].concat();
        let is_read = told_alike(&invocation, &stream);
        told_alike(&invocation, input) || is_read
    })
}

/// Bytes as the function's, in chunks of whatever size.
fn http_stream() -> Check {
    let (keys, table) = (setup::keys(), setup::table());
    let invocation = some_call(&keys, &table);
    let mut turn = 0;
    Box::new(move |input| {
        turn = turn % 60 + 1;
        let chunks =
            input.chunks(turn).map(payload_chunk).chain([invoke_complete(&InvokeComplete::default())]);
        told_alike(&invocation, &chunks.fold(Vec::new(), |stream, frame| [&stream[..], &frame].concat()))
    })
}

fn late_error(input: &[u8]) -> bool {
    let told = LateError::in_body(input);
    if let Some(error) = &told {
        assert!(LateError::decode(&error.encode()).is_some(), "what is read can be told");
    }
    told.is_some()
}

/// Whether it means something, and the same in one piece as in many.
fn told_alike(invocation: &Invocation, stream: &[u8]) -> bool {
    let whole = told(invocation, stream, stream.len().max(1));
    for size in [1, 7, 64] {
        assert_eq!(told(invocation, stream, size), whole, "in pieces of {size}");
    }
    whole.is_ok()
}

fn told(invocation: &Invocation, stream: &[u8], size: usize) -> Told {
    let mut pieces = stream.chunks(size).map(Bytes::copy_from_slice);
    let mut beginning = Beginning::of(invocation);
    let (begun, mut input) = loop {
        let mut input = pieces.next().ok_or(Rejection::AnswerLost)?;
        if let Some(begun) = beginning.read(&mut input)? {
            break (begun, input);
        }
    };
    let mut bytes = begun.first.to_vec();
    let Some(mut rest) = begun.rest else { return Ok((begun.outcome, bytes, Ok(()))) };
    let end = loop {
        match rest.read(&mut input) {
            Err(cut) => break Err(cut),
            Ok(Some(piece)) => bytes.extend_from_slice(&piece),
            Ok(None) if rest.is_over() => break Ok(()),
            Ok(None) => match pieces.next() {
                Some(piece) => input = piece,
                None => break rest.end(),
            },
        }
    };
    Ok((begun.outcome, bytes, end))
}

fn frame(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = |bytes: usize| u32::try_from(bytes).expect("inputs are short").to_be_bytes();
    let mut out = [length(16 + headers.len() + payload.len()), length(headers.len())].concat();
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(headers);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out
}

const STREAMS: &[&[u8]] = &[
    b"\x1b\x0b:event-type\x07\x00\x0cPayloadChunk{\"statusCode\":200}\0\0\0\0\0\0\0\0abc",
    b"\x3d\x0d:message-type\x07\x00\x09exception\x0f:exception-type\x07\x00\x10ServiceException{}",
    b"\x1d\x0b:event-type\x07\x00\x0eInvokeComplete{\"ErrorCode\":\"Late\",\"ErrorDetails\":\"{}\"}",
    b"\x11\x01a\x00\x01b\x04\0\0\0\0\x01c\x06\0\x02xx",
];

const HTTP_STREAMS: &[&[u8]] = &[
    b"{\"statusCode\":201,\"headers\":{\"X-A\":\"1\"},\"cookies\":[\"a=1\"]}\0\0\0\0\0\0\0\0body",
    b"{}\0\0\0\0\0\0\0\0",
    b"{\"a\":1}",
    b"data: 1\n\n",
];

const LATE: &[&[u8]] = &[
    b"xLambda-Runtime-Function-Error-Type: Runtime.StreamError\r\nLambda-Runtime-Function-Error-Body: Ym9vbQ==\r\n",
    b"\r\n",
];

const STREAM_WORDS: &[&[u8]] = &[
    b"\0",
    b"\0\0\0\0\0\0\0\0",
    b"{",
    b"}",
    b"\"statusCode\":",
    b"\"headers\":",
    b":event-type",
    b":message-type",
    b"event",
    b"exception",
    b"error",
    b"PayloadChunk",
    b"InvokeComplete",
    b"\x07\x00",
    b"\xff\xff",
    b"\r\n",
    b"Lambda-Runtime-Function-Error-Body: ",
    b"=",
];
