//! Frames, written.

use bytes::Bytes;

use super::{CRC_LEN, InvokeComplete, MAX_PAYLOAD_BYTES, PRELUDE_LEN, headers, words};
use crate::json::text;

/// A frame with a piece of the function's answer, copied once. What is longer than a frame may be becomes several.
pub fn payload_chunk(payload: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(payload.len() + FIXED_LEN);
    for part in payload.chunks(MAX_PAYLOAD_BYTES) {
        write(&mut out, words::PAYLOAD_CHUNK, "application/octet-stream", part);
    }
    out.into()
}

/// The frame that ends a stream.
pub fn invoke_complete(complete: &InvokeComplete) -> Bytes {
    let mut payload = vec![b'{'];
    let members = [
        ("ErrorCode", &complete.error_code),
        ("ErrorDetails", &complete.error_details),
        ("LogResult", &complete.log_result),
    ];
    for (key, value) in members {
        if let Some(value) = value {
            if payload.len() > 1 {
                payload.push(b',');
            }
            text::write(&mut payload, key);
            payload.push(b':');
            text::write(&mut payload, value);
        }
    }
    payload.push(b'}');
    let mut out = Vec::with_capacity(payload.len() + FIXED_LEN);
    write(&mut out, words::INVOKE_COMPLETE, "application/json", &payload);
    out.into()
}

/// Appends one event.
fn write(out: &mut Vec<u8>, event: &str, content_type: &str, payload: &[u8]) {
    let start = out.len();
    out.extend_from_slice(&[0; PRELUDE_LEN]);
    headers::write(out, words::EVENT_TYPE, event);
    headers::write(out, words::CONTENT_TYPE, content_type);
    headers::write(out, words::MESSAGE_TYPE, words::EVENT);
    let headers_len = out.len() - start - PRELUDE_LEN;
    out.extend_from_slice(payload);
    let total = out.len() - start + CRC_LEN;
    let prelude = &mut out[start..start + PRELUDE_LEN];
    prelude[..4].copy_from_slice(&length(total));
    prelude[4..8].copy_from_slice(&length(headers_len));
    let crc = crc32fast::hash(&prelude[..8]);
    prelude[8..].copy_from_slice(&crc.to_be_bytes());
    let crc = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&crc.to_be_bytes());
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).expect("a frame's parts are bounded").to_be_bytes()
}

/// What a frame has besides its payload, in bytes, rounded up.
const FIXED_LEN: usize = 128;
