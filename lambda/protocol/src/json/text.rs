//! JSON strings: written in one pass, read without a copy where nothing is escaped.

use std::borrow::Cow;

/// Appends `text` as a JSON string, quotes included.
pub(crate) fn write(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escape(out, text);
    out.push(b'"');
}

/// Appends `text` as the inside of a JSON string.
pub(crate) fn escape(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let (plain, odd) = rest.split_at(plain_prefix(rest));
        out.extend_from_slice(plain);
        let Some((&byte, after)) = odd.split_first() else { return };
        match short_escape(byte) {
            Some(letter) => out.extend_from_slice(&[b'\\', letter]),
            None => {
                let digit = |nibble: u8| HEX[usize::from(nibble)];
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            }
        }
        rest = after;
    }
}

/// How many bytes [`escape`] appends; stops counting where it is over `enough`.
pub(crate) fn escaped_len(text: &[u8], enough: usize) -> usize {
    let mut len = 0;
    for chunk in text.chunks(CHUNK) {
        len += chunk.len();
        if !is_plain(chunk) {
            len += chunk.iter().map(|&byte| extra_bytes(byte)).sum::<usize>();
        }
        if len > enough {
            break;
        }
    }
    len
}

/// How many leading bytes may stand in a JSON string as they are.
pub(crate) fn plain_prefix(bytes: &[u8]) -> usize {
    let mut len = 0;
    for chunk in bytes.chunks(CHUNK) {
        if is_plain(chunk) {
            len += chunk.len();
        } else {
            return len + chunk.iter().take_while(|&&byte| !needs_escape(byte)).count();
        }
    }
    len
}

/// The text of a JSON string whose syntax has been checked, given with its quotes. Half a surrogate pair, which is
/// no character, becomes U+FFFD.
pub(crate) fn unescape(quoted: &str) -> Cow<'_, str> {
    let inside = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    let Some(first) = memchr::memchr(b'\\', inside.as_bytes()) else { return Cow::Borrowed(inside) };
    let mut text = String::with_capacity(inside.len());
    let (plain, mut rest) = inside.split_at(first);
    text.push_str(plain);
    while let Some(escaped) = rest.strip_prefix('\\') {
        let after = read_escape(escaped, &mut text);
        let next = memchr::memchr(b'\\', after.as_bytes()).unwrap_or(after.len());
        text.push_str(&after[..next]);
        rest = &after[next..];
    }
    Cow::Owned(text)
}

/// Reads what follows a backslash; gives back what follows the escape.
fn read_escape<'a>(escaped: &'a str, text: &mut String) -> &'a str {
    let mut rest = escaped.chars();
    match rest.next() {
        Some('b') => text.push('\u{8}'),
        Some('f') => text.push('\u{c}'),
        Some('n') => text.push('\n'),
        Some('r') => text.push('\r'),
        Some('t') => text.push('\t'),
        Some('u') => return read_unicode(rest.as_str(), text),
        Some(other) => text.push(other),
        None => {}
    }
    rest.as_str()
}

fn read_unicode<'a>(digits: &'a str, text: &mut String) -> &'a str {
    let (high, rest) = hex4(digits);
    if let 0xd800..=0xdbff = high
        && let Some(second) = rest.strip_prefix("\\u")
        && let (low @ 0xdc00..=0xdfff, after) = hex4(second)
    {
        let pair = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        text.push(char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER));
        return after;
    }
    text.push(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
    rest
}

fn hex4(digits: &str) -> (u32, &str) {
    match digits.split_at_checked(4) {
        Some((four, rest)) => (u32::from_str_radix(four, 16).unwrap_or(NO_CHARACTER), rest),
        None => (NO_CHARACTER, ""),
    }
}

/// Over the last code point.
const NO_CHARACTER: u32 = u32::MAX;

/// Bytes looked at together: the compiler turns the test of one chunk into a few vector instructions.
const CHUNK: usize = 32;

const HEX: &[u8; 16] = b"0123456789abcdef";

fn is_plain(chunk: &[u8]) -> bool {
    !chunk.iter().fold(false, |odd, &byte| odd | needs_escape(byte))
}

fn needs_escape(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

fn short_escape(byte: u8) -> Option<u8> {
    match byte {
        b'"' | b'\\' => Some(byte),
        b'\n' => Some(b'n'),
        b'\r' => Some(b'r'),
        b'\t' => Some(b't'),
        0x08 => Some(b'b'),
        0x0c => Some(b'f'),
        _ => None,
    }
}

fn extra_bytes(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
        0..0x20 => 5,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in any::<String>()) {
            let mut out = Vec::new();
            write(&mut out, &text);
            prop_assert_eq!(out.len() - 2, escaped_len(text.as_bytes(), usize::MAX));
            prop_assert_eq!(&serde_json::from_slice::<String>(&out).unwrap(), &text);
            prop_assert_eq!(unescape(std::str::from_utf8(&out).unwrap()), text);
        }

        #[test]
        fn reading_agrees_with_serde_json(parts in prop::collection::vec(r#"[a-z]{0,40}|\\u[0-9a-fD]{4}|\\[nrtbf/"\\]|é|😀"#, 0..8)) {
            let quoted = format!("\"{}\"", parts.concat());
            match serde_json::from_str::<String>(&quoted) {
                Ok(expected) => prop_assert_eq!(unescape(&quoted), expected),
                Err(_) => prop_assert!(unescape(&quoted).contains(char::REPLACEMENT_CHARACTER)),
            }
        }

        #[test]
        fn anything_may_be_unescaped(text in any::<String>()) {
            unescape(&text);
        }
    }
}
