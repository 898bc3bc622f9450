use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;

/// What a stream says that comes cut at these places: the answer's bytes, and the end.
fn decoded(stream: &[u8], cuts: &[usize]) -> Result<(Vec<u8>, Option<Piece>), EventStreamError> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    let (mut decoder, mut answer, mut end) = (Decoder::default(), Vec::new(), None);
    for ends in cuts.windows(2) {
        let mut input = Bytes::copy_from_slice(&stream[ends[0]..ends[1]]);
        while let Some(piece) = decoder.decode(&mut input)? {
            match piece {
                Piece::Payload(bytes) => answer.extend_from_slice(&bytes),
                Piece::Complete(_) | Piece::Exception { .. } => end = Some(piece),
            }
        }
        assert!(input.is_empty());
    }
    decoder.end().map(|()| (answer, end))
}

fn stream(chunks: &[Vec<u8>], complete: &InvokeComplete) -> Vec<u8> {
    let frames = chunks.iter().map(|chunk| payload_chunk(chunk)).chain([invoke_complete(complete)]);
    frames.fold(Vec::new(), |stream, frame| [&stream[..], &frame].concat())
}

/// A frame with these headers, every part of it right.
fn frame(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    let length = |bytes: usize| u32::try_from(bytes).unwrap().to_be_bytes();
    out.extend_from_slice(&length(PRELUDE_LEN + headers.len() + payload.len() + CRC_LEN));
    out.extend_from_slice(&length(headers.len()));
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_be_bytes());
    out.extend_from_slice(headers);
    out.extend_from_slice(payload);
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_be_bytes());
    out.to_vec()
}

fn texts(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in pairs {
        headers::write(&mut out, name, value);
    }
    out
}

fn failed() -> InvokeComplete {
    InvokeComplete {
        error_code: Some("OrderUnknown".to_owned()),
        error_details: Some(r#"{"errorType":"OrderUnknown"}"#.to_owned()),
        log_result: Some("bG9n".to_owned()),
    }
}

/// Byte by byte what the service sends, so that both directions cannot be wrong together.
#[test]
fn a_chunk_is_written_as_the_service_writes_it() {
    let mut expected = vec![0, 0, 0, 0x6b, 0, 0, 0, 0x5a];
    expected.extend_from_slice(&crc32fast::hash(&expected).to_be_bytes());
    expected.extend_from_slice(b"\x0b:event-type\x07\x00\x0cPayloadChunk");
    expected.extend_from_slice(b"\x0d:content-type\x07\x00\x18application/octet-stream");
    expected.extend_from_slice(b"\x0d:message-type\x07\x00\x05event");
    expected.push(b'x');
    expected.extend_from_slice(&crc32fast::hash(&expected).to_be_bytes());
    assert_eq!(payload_chunk(b"x"), expected);
}

#[test]
fn a_stream_that_went_well_ends_with_an_empty_object() {
    let stream = stream(&[], &InvokeComplete::default());
    assert!(stream.windows(2).any(|pair| pair == b"{}"));
    assert_eq!(decoded(&stream, &[]), Ok((Vec::new(), Some(Piece::Complete(InvokeComplete::default())))));
}

#[test]
fn a_payload_is_handed_on_before_its_frame_is_whole_and_without_a_copy() {
    let frame = payload_chunk(b"first second");
    let mut decoder = Decoder::default();
    let mut input = frame.slice(..frame.len() - CRC_LEN - 7);
    let Ok(Some(Piece::Payload(first))) = decoder.decode(&mut input) else { panic!("no piece") };
    assert_eq!(first, "first");
    assert!(frame.as_ptr_range().contains(&first.as_ptr()));
    assert_eq!(decoder.decode(&mut input), Ok(None));
    assert_eq!(decoder.end(), Err(EventStreamError::Truncated));
}

#[test]
fn other_events_and_other_headers_are_skipped() {
    let mut odd = texts(&[(":message-type", "event"), (":event-type", "Progress")]);
    for (kind, len) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16)] {
        odd.extend_from_slice(&[1, b'a', kind]);
        odd.extend_from_slice(&vec![7; len]);
    }
    odd.extend_from_slice(&[1, b'b', 6, 0, 2, 9, 9]);
    let stream = [frame(&odd, b"ignored"), frame(&odd, b""), stream(&[b"x".to_vec()], &failed())].concat();
    assert_eq!(decoded(&stream, &[]), Ok((b"x".to_vec(), Some(Piece::Complete(failed())))));
}

#[test]
fn a_frame_without_a_message_type_is_an_event() {
    let chunk = frame(&texts(&[(":event-type", "PayloadChunk")]), b"x");
    let stream = [chunk, invoke_complete(&failed()).to_vec()].concat();
    assert_eq!(decoded(&stream, &[]).unwrap().0, b"x");
}

#[test]
fn the_services_own_failure_ends_a_stream() {
    for headers in [
        [(":message-type", "exception"), (":exception-type", "ServiceException")],
        [(":message-type", "error"), (":error-code", "ServiceException")],
    ] {
        let stream = frame(&texts(&headers), b"{}");
        let end =
            Piece::Exception { code: "ServiceException".to_owned(), message: Bytes::from_static(b"{}") };
        assert_eq!(decoded(&stream, &[]), Ok((Vec::new(), Some(end))));
    }
}

#[track_caller]
fn check_refused(stream: &[u8], expected: EventStreamError) {
    assert_eq!(decoded(stream, &[]), Err(expected));
}

#[test]
fn what_is_no_stream_is_refused() {
    let whole = stream(&[b"x".to_vec()], &failed());
    check_refused(b"", EventStreamError::Truncated);
    check_refused(&whole[..whole.len() - 1], EventStreamError::Truncated);
    check_refused(&[&whole[..], b"x"].concat(), EventStreamError::Trailing);
    check_refused(&frame(&[3, b'a'], b""), EventStreamError::Headers);
    check_refused(&frame(&[1, b'a', 10], b""), EventStreamError::Headers);
    let complete = texts(&[(":message-type", "event"), (":event-type", "InvokeComplete")]);
    check_refused(&frame(&complete, b"["), EventStreamError::Complete);
    let lengths = |total: u32, headers: u32| {
        let lengths = [total.to_be_bytes(), headers.to_be_bytes()].concat();
        [&lengths[..], &crc32fast::hash(&lengths).to_be_bytes()].concat()
    };
    check_refused(&lengths(15, 0), EventStreamError::Length);
    check_refused(&lengths(100, 85), EventStreamError::Length);
    check_refused(&lengths(200_017, 200_000), EventStreamError::Length);
    check_refused(&lengths(25 * 1024 * 1024 + 16, 0), EventStreamError::Length);
}

proptest! {
    #[test]
    fn what_is_written_is_read_however_it_is_cut(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..5),
        code in prop::option::of(".*"),
        details in prop::option::of(".*"),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let complete = InvokeComplete { error_code: code, error_details: details, log_result: None };
        let stream = stream(&chunks, &complete);
        prop_assert_eq!(decoded(&stream, &cuts), Ok((chunks.concat(), Some(Piece::Complete(complete)))));
    }

    #[test]
    fn every_cut_point_of_one_stream(cut in 0usize..1000) {
        let stream = stream(&[b"one".to_vec(), b"two".to_vec()], &failed());
        prop_assert_eq!(decoded(&stream, &[cut]), decoded(&stream, &[]));
        let cut = cut % stream.len();
        prop_assert_eq!(decoded(&stream[..cut], &[]), Err(EventStreamError::Truncated));
    }

    #[test]
    fn no_changed_byte_goes_unseen(at in any::<prop::sample::Index>(), flip in 1u8..) {
        let mut stream = stream(&[b"one".to_vec(), b"two".to_vec()], &failed());
        let at = at.index(stream.len());
        stream[at] ^= flip;
        prop_assert!(decoded(&stream, &[]).is_err());
    }

    #[test]
    fn no_input_panics(stream in any::<Vec<u8>>(), headers in any::<Vec<u8>>(), cuts in prop::collection::vec(any::<usize>(), 0..4)) {
        let _ = decoded(&stream, &cuts);
        let _ = decoded(&frame(&headers, &stream), &cuts);
    }
}
