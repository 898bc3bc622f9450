use http::StatusCode;
use lambda_protocol::{
    event_stream::{invoke_complete, payload_chunk},
    fault::FaultKind,
};
use proptest::prelude::*;

use super::*;

/// An answer as the caller gets it: the outcome, its bytes, and how it ends.
type Told = Result<(Outcome, Vec<u8>, Result<(), CutShort>), Rejection>;

/// What is made of a stream that comes cut at these places.
fn told(stream: &[u8], cuts: &[usize]) -> Told {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    let mut pieces = cuts.windows(2).map(|ends| Bytes::copy_from_slice(&stream[ends[0]..ends[1]]));
    let mut beginning = Beginning { frames: Decoder::default(), opening: Opening::default(), traces: false };
    let (begun, mut input) = loop {
        let Some(mut input) = pieces.next() else { return Err(Rejection::AnswerLost) };
        if let Some(begun) = beginning.read(&mut input)? {
            break (begun, input);
        }
    };
    let mut bytes = begun.first.to_vec();
    let Some(mut rest) = begun.rest else { return Ok((begun.outcome, bytes, Ok(()))) };
    loop {
        match rest.read(&mut input) {
            Err(cut) => return Ok((begun.outcome, bytes, Err(cut))),
            Ok(Some(piece)) => bytes.extend_from_slice(&piece),
            Ok(None) if rest.is_over() => return Ok((begun.outcome, bytes, Ok(()))),
            Ok(None) => match pieces.next() {
                Some(piece) => input = piece,
                None => return Ok((begun.outcome, bytes, rest.end())),
            },
        }
    }
}

fn stream(chunks: &[&[u8]], end: Option<&InvokeComplete>) -> Vec<u8> {
    let chunks = chunks.iter().map(|chunk| payload_chunk(chunk));
    chunks.chain(end.map(invoke_complete)).fold(Vec::new(), |stream, frame| [&stream[..], &frame].concat())
}

fn failed(code: &str, details: &str) -> InvokeComplete {
    InvokeComplete {
        error_code: Some(code.to_owned()),
        error_details: Some(details.to_owned()),
        log_result: None,
    }
}

fn well() -> InvokeComplete {
    InvokeComplete::default()
}

fn returned(status: u16, headers: &[(&'static str, &'static str)]) -> Outcome {
    let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let status = StatusCode::from_u16(status).unwrap();
    Outcome::Returned(Answer { status, headers: headers.collect(), log_result: None })
}

const HEAD: &[u8] =
    b"{\"statusCode\":201,\"headers\":{\"x-a\":\"1\",\"content-length\":\"7\"}}\0\0\0\0\0\0\0\0";
const RAW: &[(&str, &str)] = &[("content-type", "application/octet-stream")];

#[test]
fn the_head_is_the_functions_and_the_framing_is_not() {
    let stream = stream(&[HEAD, b"one", b"two"], Some(&well()));
    assert_eq!(told(&stream, &[]), Ok((returned(201, &[("x-a", "1")]), b"onetwo".to_vec(), Ok(()))));
}

#[test]
fn bytes_without_a_head_are_a_200() {
    for body in [&b""[..], b"text", b"{\"statusCode\":404}"] {
        let chunks = if body.is_empty() { vec![] } else { vec![body] };
        let told = told(&stream(&chunks, Some(&well())), &[]);
        assert_eq!(told, Ok((returned(200, RAW), body.to_vec(), Ok(()))));
    }
}

#[track_caller]
fn check_fault(chunks: &[&[u8]], end: &InvokeComplete, kind: FaultKind, payload: &str) {
    let (outcome, bytes, end) = told(&stream(chunks, Some(end)), &[]).unwrap();
    let Outcome::Faulted(failure) = outcome else { panic!("{outcome:?}") };
    assert_eq!((failure.kind, failure.fault.trace.len()), (kind, 0), "{failure:?}");
    assert_eq!((&*String::from_utf8(bytes).unwrap(), end), (payload, Ok(())));
}

#[test]
fn a_fault_before_the_head_is_complete_is_an_outcome() {
    let object = r#"{"errorType":"OrderUnknown","errorMessage":"no order 7","trace":["a"]}"#;
    let thrown = failed("Runtime.Unknown", object);
    check_fault(&[], &thrown, FaultKind::Thrown, object);
    check_fault(&[object.as_bytes()], &thrown, FaultKind::Thrown, object);
    check_fault(&[&HEAD[..HEAD.len() - 1]], &thrown, FaultKind::Thrown, object);
    let words = "RequestId: 1 Error: Task timed out after 3.00 seconds";
    let payload = format!(r#"{{"errorType":"Sandbox.Timedout","errorMessage":"{words}"}}"#);
    check_fault(&[], &failed("Sandbox.Timedout", words), FaultKind::TimedOut, &payload);
    let bare = InvokeComplete { error_details: None, ..failed("Runtime.ExitError", "") };
    check_fault(&[], &bare, FaultKind::Crashed, r#"{"errorType":"Runtime.ExitError"}"#);
}

#[track_caller]
fn check_cut(stream: &[u8], expected: CutShort) {
    assert_eq!(told(stream, &[]), Ok((returned(201, &[("x-a", "1")]), b"one".to_vec(), Err(expected))));
}

#[test]
fn an_answer_that_has_begun_is_cut_short_by_whatever_happens() {
    let late = failed("Late", "{}");
    check_cut(&stream(&[HEAD, b"one"], Some(&late)), CutShort::Function { code: "Late".to_owned() });
    check_cut(&stream(&[HEAD, b"one"], None), CutShort::Stream(EventStreamError::Truncated));
    let mut broken = stream(&[HEAD, b"one"], None);
    *broken.last_mut().unwrap() ^= 1;
    check_cut(&broken, CutShort::Stream(EventStreamError::Checksum));
}

#[test]
fn a_head_that_is_none_is_the_functions_mistake() {
    let bad = b"{\"statusCode\":7}\0\0\0\0\0\0\0\0";
    assert!(matches!(told(&stream(&[bad], None), &[]), Err(Rejection::BadAnswer(_))));
}

#[test]
fn a_stream_that_is_none_has_lost_its_answer() {
    assert_eq!(told(b"<html>no Lambda at all</html>", &[]), Err(Rejection::AnswerLost));
    assert_eq!(told(&stream(&[b"{"], None), &[]), Err(Rejection::AnswerLost));
}

proptest! {
    #[test]
    fn however_a_stream_is_cut_the_caller_gets_the_same(
        body in prop::collection::vec(any::<u8>(), 0..60),
        has_head in any::<bool>(),
        end in prop::option::of(prop_oneof![Just(well()), Just(failed("Late", "{}"))]),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let head = if has_head { HEAD } else { b"" };
        let chunks: Vec<&[u8]> = head.chunks(20).chain(body.chunks(7)).collect();
        let stream = stream(&chunks, end.as_ref());
        prop_assert_eq!(told(&stream, &cuts), told(&stream, &[]));
    }

    #[test]
    fn no_stream_panics(bytes in any::<Vec<u8>>(), cuts in prop::collection::vec(any::<usize>(), 0..4)) {
        let _ = told(&bytes, &cuts);
        let _ = told(&stream(&[&bytes], None), &cuts);
    }
}
