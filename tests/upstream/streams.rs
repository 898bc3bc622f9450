//! Streamed answers from a Lambda that goes wrong midway: a caller never takes half an answer for a whole one.

use lambda_protocol::event_stream::{InvokeComplete, invoke_complete, payload_chunk};

use crate::{
    faulty::{Ends, Faulty, Reads, Script},
    gateway::{BACKENDS, Caller, Stream},
};

const HEAD: &[u8] = b"{\"statusCode\":201,\"headers\":{\"x-a\":\"1\"}}\0\0\0\0\0\0\0\0";

/// A reply of `InvokeWithResponseStream`; `is_whole`: the last chunk of the HTTP body is there, too.
fn reply(frames: &[u8], is_whole: bool) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n\
                transfer-encoding: chunked\r\n\r\n";
    let mut reply = format!("{head}{:x}\r\n", frames.len()).into_bytes();
    reply.extend_from_slice(frames);
    reply.extend_from_slice(if is_whole { b"\r\n0\r\n\r\n" } else { b"\r\n" });
    reply
}

fn frames(chunks: &[&[u8]], end: Option<&InvokeComplete>) -> Vec<u8> {
    let chunks = chunks.iter().map(|chunk| payload_chunk(chunk));
    chunks.chain(end.map(invoke_complete)).fold(Vec::new(), |frames, frame| [&frames[..], &frame].concat())
}

fn well() -> InvokeComplete {
    InvokeComplete::default()
}

fn failed(code: &str, details: &str) -> InvokeComplete {
    let (error_code, error_details) = (Some(code.to_owned()), Some(details.to_owned()));
    InvokeComplete { error_code, error_details, log_result: None }
}

/// What callers get, with each backend.
#[track_caller]
fn check(writes: &[u8], ends: Ends, expected: impl Fn(&str, &Caller, Stream)) {
    for (name, backend) in BACKENDS {
        let script = Script { reads: Reads::All, writes: writes.to_vec(), ends };
        let lambda = Faulty::start(script).expect("a Lambda");
        let caller = Caller::new(backend(lambda.address));
        let stream = caller.stream();
        assert_eq!(lambda.requests(), 1, "{name}");
        expected(name, &caller, stream);
    }
}

#[track_caller]
fn check_cut(writes: &[u8], ends: Ends, blame: &str) {
    check(writes, ends, |name, caller, stream| {
        assert_eq!((stream.head.status.as_u16(), &*stream.came), (201, &b"one"[..]), "{name}");
        assert!(!stream.is_whole, "{name}");
        let figure = format!("stayput_cut_streams_total{{dialect=\"altair\",blame=\"{blame}\"}}");
        assert_eq!(caller.figure(&figure).as_deref(), Some("1"), "{name}");
        assert_eq!(caller.figure("stayput_streams ").as_deref(), Some("0"), "{name}");
    });
}

#[test]
fn a_whole_stream_arrives_with_the_functions_head() {
    let writes = reply(&frames(&[HEAD, b"one", b"two"], Some(&well())), true);
    check(&writes, Ends::KeepAlive, |name, caller, stream| {
        assert_eq!((stream.head.status.as_u16(), &*stream.came), (201, &b"onetwo"[..]), "{name}");
        assert_eq!(stream.head.headers["x-a"], "1", "{name}");
        assert!(stream.is_whole, "{name}");
        assert_eq!(caller.figure("stayput_cut_streams_total"), None, "{name}");
    });
}

#[test]
fn connections_are_used_again_after_a_stream() {
    let (name, backend) = BACKENDS[0];
    let writes = reply(&frames(&[HEAD, b"one"], Some(&well())), true);
    let lambda =
        Faulty::start(Script { reads: Reads::All, writes, ends: Ends::KeepAlive }).expect("a Lambda");
    let caller = Caller::new(backend(lambda.address));
    for _ in 0..3 {
        assert!(caller.stream().is_whole, "{name}");
    }
    assert_eq!((lambda.requests(), lambda.connections()), (3, 1), "{name}");
}

#[test]
fn a_function_that_fails_midway_cuts_the_answer() {
    let late = failed("OrderUnknown", r#"{"errorType":"OrderUnknown"}"#);
    check_cut(&reply(&frames(&[HEAD, b"one"], Some(&late)), true), Ends::KeepAlive, "function");
}

#[test]
fn a_lambda_that_goes_midway_cuts_the_answer() {
    let begun = frames(&[HEAD, b"one"], None);
    // Its HTTP body has a proper end, and the stream in it has none.
    check_cut(&reply(&begun, true), Ends::KeepAlive, "backend");
    check_cut(&reply(&begun, false), Ends::Close, "backend");
    check_cut(&reply(&begun, false), Ends::Reset, "backend");
}

#[test]
fn a_lambda_that_falls_silent_midway_cuts_the_answer() {
    check_cut(&reply(&frames(&[HEAD, b"one"], None), false), Ends::Stall, "backend");
}

#[test]
fn a_stream_that_is_garbled_cuts_the_answer() {
    let mut garbled = frames(&[HEAD, b"one", b"two"], Some(&well()));
    let at = garbled.len() - 200;
    garbled[at] ^= 1;
    let writes = reply(&garbled, true);
    check(&writes, Ends::KeepAlive, |name, _, stream| {
        assert!(!stream.is_whole && stream.head.status == 201, "{name}: {stream:?}");
    });
}

#[test]
fn a_fault_before_the_head_is_rendered_whole() {
    let object = r#"{"errorType":"OrderUnknown","errorMessage":"no order 7"}"#;
    let fault = failed("Runtime.Unknown", object);
    for chunks in [&[][..], &[object.as_bytes()], &[&HEAD[..HEAD.len() - 1]]] {
        check(&reply(&frames(chunks, Some(&fault)), true), Ends::KeepAlive, |name, _, stream| {
            let said = String::from_utf8_lossy(&stream.came);
            assert!(stream.is_whole && said.contains("no order 7"), "{name}: {stream:?}");
            assert!(stream.head.status.is_server_error(), "{name}: {stream:?}");
        });
    }
}

#[test]
fn a_refusal_is_rendered_whole() {
    let writes = b"HTTP/1.1 404 Not Found\r\nx-amzn-errortype: ResourceNotFoundException\r\ncontent-length: 2\r\n\r\n{}";
    check(writes, Ends::KeepAlive, |name, _, stream| {
        assert!(stream.is_whole && stream.head.status == 404, "{name}: {stream:?}");
    });
}

#[test]
fn a_caller_who_goes_is_counted_and_lambda_is_left() {
    for (name, backend) in BACKENDS {
        let writes = reply(&frames(&[HEAD, b"one"], None), false);
        let lambda =
            Faulty::start(Script { reads: Reads::All, writes, ends: Ends::Stall }).expect("a Lambda");
        let caller = Caller::new(backend(lambda.address));
        caller.leave_stream();
        let figure = "stayput_cut_streams_total{dialect=\"altair\",blame=\"caller\"}";
        assert_eq!(caller.figure(figure).as_deref(), Some("1"), "{name}");
        assert_eq!(caller.figure("stayput_streams ").as_deref(), Some("0"), "{name}");
    }
}
