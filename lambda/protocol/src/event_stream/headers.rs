//! A frame's headers: written as text, read as far as their types have lengths.

use super::{decode::EventStreamError, words};

/// What kind of frame it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    PayloadChunk,
    InvokeComplete,
    /// The service's own failure; the word it has for it.
    Exception(String),
    /// Newer than this program, and not for it.
    Unknown,
}

pub(super) fn write(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(u8::try_from(name.len()).expect("our names are short"));
    out.extend_from_slice(name.as_bytes());
    out.push(TEXT);
    out.extend_from_slice(&u16::try_from(value.len()).expect("our values are short").to_be_bytes());
    out.extend_from_slice(value.as_bytes());
}

/// A frame without `:message-type` is taken for an event, as lenient clients do.
pub(super) fn read(mut bytes: &[u8]) -> Result<Kind, EventStreamError> {
    let (mut message, mut event, mut failure) = (None, None, None);
    while !bytes.is_empty() {
        let (name, value) = next(&mut bytes).ok_or(EventStreamError::Headers)?;
        match name {
            words::MESSAGE_TYPE => message = value,
            words::EVENT_TYPE => event = value,
            words::EXCEPTION_TYPE | words::ERROR_CODE => failure = value,
            _ => {}
        }
    }
    Ok(match (message.unwrap_or(words::EVENT), event) {
        (words::EXCEPTION | words::ERROR, _) => Kind::Exception(failure.unwrap_or_default().to_owned()),
        (words::EVENT, Some(words::PAYLOAD_CHUNK)) => Kind::PayloadChunk,
        (words::EVENT, Some(words::INVOKE_COMPLETE)) => Kind::InvokeComplete,
        (_, _) => Kind::Unknown,
    })
}

/// Takes one header off. Its value is `None` where it is no text.
fn next<'a>(bytes: &mut &'a [u8]) -> Option<(&'a str, Option<&'a str>)> {
    let name_len = take(bytes, 1)?[0];
    let name = std::str::from_utf8(take(bytes, name_len.into())?).ok()?;
    let kind = take(bytes, 1)?[0];
    let fixed = match kind {
        TRUE | FALSE => Some(0),
        BYTE => Some(1),
        SHORT => Some(2),
        INTEGER => Some(4),
        LONG | TIMESTAMP => Some(8),
        UUID => Some(16),
        BINARY | TEXT => None,
        _ => return None,
    };
    let len = match fixed {
        Some(len) => len,
        None => usize::from(u16::from_be_bytes(take(bytes, 2)?.try_into().ok()?)),
    };
    let value = take(bytes, len)?;
    let text = (kind == TEXT).then(|| std::str::from_utf8(value));
    Some((name, text.transpose().ok()?))
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

const TRUE: u8 = 0;
const FALSE: u8 = 1;
const BYTE: u8 = 2;
const SHORT: u8 = 3;
const INTEGER: u8 = 4;
const LONG: u8 = 5;
const BINARY: u8 = 6;
const TEXT: u8 = 7;
const TIMESTAMP: u8 = 8;
const UUID: u8 = 9;
