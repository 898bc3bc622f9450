//! Frames, read from whatever pieces the network makes of them.
//!
//! What a `PayloadChunk` carries is handed on as it comes, as slices of what was read; its checksum is known only with its
//! end, and a wrong one is an error then. Everything else is small and is collected.

use bytes::{Buf, Bytes};
use crc32fast::Hasher;

use super::{
    CRC_LEN, InvokeComplete, MAX_HEADERS_BYTES, MAX_PAYLOAD_BYTES, PRELUDE_LEN,
    headers::{self, Kind},
};
use crate::json::object;

/// Takes a stream apart. Reads nothing itself, and copies nothing of the function's answer.
#[derive(Debug)]
pub struct Decoder {
    part: Part,
    /// Of the frame that is being read.
    kind: Kind,
    crc: Hasher,
    /// Of the part that is being read, where it is needed whole.
    collected: Vec<u8>,
    is_over: bool,
}

/// The part of a frame that is being read.
#[derive(Clone, Copy, Debug)]
enum Part {
    Prelude,
    Headers {
        len: usize,
        payload_len: usize,
    },
    /// Handed on, or skipped.
    Passing {
        left: usize,
    },
    /// Up to the frame's end: the checksum, and before it a payload that is needed whole.
    Rest {
        len: usize,
    },
}

/// Something that a stream says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Piece {
    /// Some bytes of the function's answer, never none.
    Payload(Bytes),
    /// The end. Nothing follows.
    Complete(InvokeComplete),
    /// The service failed: its word for it, and what else it says, which is JSON as a rule. Nothing follows.
    Exception { code: String, message: Bytes },
}

/// Why a stream is none, or not whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EventStreamError {
    #[error("a frame's checksum is wrong")]
    Checksum,
    #[error("a frame's lengths are not possible")]
    Length,
    #[error("a frame's headers cannot be read")]
    Headers,
    #[error("the last event cannot be read")]
    Complete,
    #[error("there are bytes after the last event")]
    Trailing,
    #[error("the stream ended before its last event")]
    Truncated,
}

impl Default for Decoder {
    fn default() -> Self {
        let (part, kind, crc) = (Part::Prelude, Kind::Unknown, Hasher::new());
        Self { part, kind, crc, collected: Vec::new(), is_over: false }
    }
}

impl Decoder {
    /// Takes the next piece from the front of `input`. `None`: `input` is used up, and more has to come.
    ///
    /// # Errors
    /// This is no such stream; it is not to be read on.
    pub fn decode(&mut self, input: &mut Bytes) -> Result<Option<Piece>, EventStreamError> {
        loop {
            if self.is_over {
                return if input.is_empty() { Ok(None) } else { Err(EventStreamError::Trailing) };
            }
            let part = self.part;
            match part {
                Part::Prelude if self.collect(input, PRELUDE_LEN) => self.part = self.prelude()?,
                Part::Headers { len, payload_len } if self.collect(input, len) => {
                    self.part = self.headers(payload_len)?;
                }
                Part::Passing { left: 0 } => self.part = Part::Rest { len: CRC_LEN },
                Part::Passing { left } if !input.is_empty() => {
                    let piece = input.split_to(left.min(input.len()));
                    self.crc.update(&piece);
                    self.part = Part::Passing { left: left - piece.len() };
                    if self.kind == Kind::PayloadChunk {
                        return Ok(Some(Piece::Payload(piece)));
                    }
                }
                Part::Rest { len } if self.collect(input, len) => {
                    self.part = Part::Prelude;
                    if let Some(piece) = self.end_frame()? {
                        self.is_over = true;
                        return Ok(Some(piece));
                    }
                }
                Part::Prelude | Part::Headers { .. } | Part::Passing { .. } | Part::Rest { .. } => {
                    return Ok(None);
                }
            }
        }
    }

    /// # Errors
    /// The input has ended, and the stream had not.
    pub fn end(&self) -> Result<(), EventStreamError> {
        if self.is_over { Ok(()) } else { Err(EventStreamError::Truncated) }
    }

    /// Whether all `len` bytes of the part are here now.
    fn collect(&mut self, input: &mut Bytes, len: usize) -> bool {
        let missing = (len - self.collected.len()).min(input.len());
        self.collected.extend_from_slice(&input[..missing]);
        input.advance(missing);
        self.collected.len() == len
    }

    fn prelude(&mut self) -> Result<Part, EventStreamError> {
        let [total, headers_len, crc] = [0, 4, 8].map(|at| self.number(at));
        if crc32fast::hash(&self.collected[..8]) != crc {
            return Err(EventStreamError::Checksum);
        }
        let length = |number: u32| usize::try_from(number).map_err(|_| EventStreamError::Length);
        let (total, len) = (length(total)?, length(headers_len)?);
        let payload_len = total.checked_sub(PRELUDE_LEN + CRC_LEN).and_then(|rest| rest.checked_sub(len));
        let payload_len = payload_len
            .filter(|bytes| *bytes <= MAX_PAYLOAD_BYTES && len <= MAX_HEADERS_BYTES)
            .ok_or(EventStreamError::Length)?;
        self.crc = Hasher::new();
        self.crc.update(&self.collected);
        self.collected.clear();
        Ok(Part::Headers { len, payload_len })
    }

    fn headers(&mut self, payload_len: usize) -> Result<Part, EventStreamError> {
        self.crc.update(&self.collected);
        self.kind = headers::read(&self.collected)?;
        self.collected.clear();
        Ok(match self.kind {
            Kind::PayloadChunk | Kind::Unknown => Part::Passing { left: payload_len },
            Kind::InvokeComplete | Kind::Exception(_) => Part::Rest { len: payload_len + CRC_LEN },
        })
    }

    /// What the frame says, where that has not been handed on already.
    fn end_frame(&mut self) -> Result<Option<Piece>, EventStreamError> {
        let payload_len = self.collected.len() - CRC_LEN;
        let expected = self.number(payload_len);
        self.crc.update(&self.collected[..payload_len]);
        if self.crc.clone().finalize() != expected {
            return Err(EventStreamError::Checksum);
        }
        let mut payload = std::mem::take(&mut self.collected);
        payload.truncate(payload_len);
        Ok(match std::mem::replace(&mut self.kind, Kind::Unknown) {
            Kind::PayloadChunk | Kind::Unknown => {
                // Kept, so that it is not made anew for each frame.
                payload.clear();
                self.collected = payload;
                None
            }
            Kind::InvokeComplete => Some(Piece::Complete(complete(&payload)?)),
            Kind::Exception(code) => Some(Piece::Exception { code, message: payload.into() }),
        })
    }

    /// The big-endian number at this place of what is collected.
    fn number(&self, at: usize) -> u32 {
        let bytes = self.collected[at..at + 4].try_into().expect("four bytes");
        u32::from_be_bytes(bytes)
    }
}

/// No payload at all says as much as an empty object.
fn complete(json: &[u8]) -> Result<InvokeComplete, EventStreamError> {
    let mut complete = InvokeComplete::default();
    if json.is_empty() {
        return Ok(complete);
    }
    object::members(json, |key, value| {
        let slot = match &*key {
            "ErrorCode" => &mut complete.error_code,
            "ErrorDetails" => &mut complete.error_details,
            "LogResult" => &mut complete.log_result,
            _ => return,
        };
        *slot = object::string(value).map(std::borrow::Cow::into_owned);
    })
    .map_err(|_| EventStreamError::Complete)?;
    Ok(complete)
}
