//! A request's head, judged byte by byte: what is in doubt is refused, never mended.
//!
//! hyper, and every proxy, forgives something: bare line feeds, a length beside an encoding, the same length twice. Two
//! programs that forgive differently see different requests in the same bytes, and that is request smuggling. So nothing
//! is forgiven here but one empty line before a request (RFC 9112 2.2).

use super::{
    limits::{MAX_FIELDS, MAX_HEAD_BYTES, MAX_TARGET_BYTES},
    octets,
    refusal::Refusal,
};

/// What the first bytes of a request are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scan {
    /// Right so far, and not all of it.
    Partial,
    /// A whole head of `len` bytes, the empty line included.
    Whole {
        len: usize,
        framing: Framing,
    },
    Refused(Refusal),
}

/// How long the body is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Framing {
    /// Zero: no body.
    Length(u64),
    Chunked,
}

/// Judges the head at the beginning of `bytes`.
pub(super) fn scan(bytes: &[u8]) -> Scan {
    match Lines::new(bytes).head() {
        Ok(Some((len, framing))) => Scan::Whole { len, framing },
        Ok(None) => Scan::Partial,
        Err(refusal) => Scan::Refused(refusal),
    }
}

struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// `None`: not whole yet.
    fn head(&mut self) -> Result<Option<(usize, Framing)>, Refusal> {
        let mut line = b"".as_slice();
        // One empty line before it is forgiven.
        for _ in 0..2 {
            let first = self.next(self.at + MAX_REQUEST_LINE_BYTES, Refusal::TargetTooLong)?;
            let Some(first) = first else { return Ok(None) };
            line = first;
            if !line.is_empty() {
                break;
            }
        }
        let version = request_line(line)?;
        let mut fields = Fields::default();
        loop {
            let line = self.next(MAX_HEAD_BYTES, Refusal::HeadTooLarge)?;
            let Some(line) = line else { return Ok(None) };
            if line.is_empty() {
                return Ok(Some((self.at, fields.framing(version)?)));
            }
            fields.line(line)?;
        }
    }

    /// The next line, which ends before `limit`, without its end. `None`: not whole yet.
    fn next(&mut self, limit: usize, too_long: Refusal) -> Result<Option<&'a [u8]>, Refusal> {
        let rest = &self.bytes[self.at..];
        let feed = memchr::memchr(b'\n', rest);
        // What can only become too long is too long now.
        if feed.map_or(self.bytes.len(), |feed| self.at + feed + 1) > limit {
            return Err(too_long);
        }
        let Some(feed) = feed else { return Ok(None) };
        let Some(line) = rest[..feed].strip_suffix(b"\r") else { return Err(Refusal::LineEnd) };
        self.at += feed + 1;
        Ok(Some(line))
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Version {
    Http10,
    Http11,
}

fn request_line(line: &[u8]) -> Result<Version, Refusal> {
    let method_end = memchr::memchr(b' ', line).ok_or(Refusal::RequestLine)?;
    let version_start = memchr::memrchr(b' ', line).expect("there is one at least") + 1;
    let (method, version) = (&line[..method_end], &line[version_start..]);
    if version_start <= method_end + 1 || !octets::is_token(method) {
        return Err(Refusal::RequestLine);
    }
    let target = &line[method_end + 1..version_start - 1];
    let version = match version {
        b"HTTP/1.1" => Version::Http11,
        b"HTTP/1.0" => Version::Http10,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if (major.is_ascii_digit() && minor.is_ascii_digit()) =>
        {
            return Err(Refusal::Version);
        }
        _ => return Err(Refusal::RequestLine),
    };
    if method.len() > MAX_METHOD_BYTES {
        return Err(Refusal::Method);
    }
    if target.len() > MAX_TARGET_BYTES {
        return Err(Refusal::TargetTooLong);
    }
    // Absolute targets, CONNECT's authority and `*` are for proxies and for the server as a whole: nobody's calls.
    if method == b"CONNECT" || !octets::is_origin_form(target) {
        return Err(Refusal::Target);
    }
    Ok(version)
}

/// The fields that say where the request ends and whom it is for.
#[derive(Debug, Default)]
struct Fields {
    count: usize,
    hosts: usize,
    length: Option<u64>,
    chunked: bool,
}

impl Fields {
    fn line(&mut self, line: &[u8]) -> Result<(), Refusal> {
        self.count += 1;
        if self.count > MAX_FIELDS {
            return Err(Refusal::TooManyFields);
        }
        let colon = memchr::memchr(b':', line).ok_or(Refusal::Field)?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if !octets::is_token(name) || !octets::is_field_value(value) {
            return Err(Refusal::Field);
        }
        // The lengths keep the comparisons away from nearly all names.
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host(octets::trim(value)),
            6 if name.eq_ignore_ascii_case(b"expect") => expectation(octets::trim(value)),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.content_length(octets::trim(value)),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                self.transfer_encoding(octets::trim(value))
            }
            _ => Ok(()),
        }
    }

    fn host(&mut self, value: &[u8]) -> Result<(), Refusal> {
        self.hosts += 1;
        if self.hosts > 1 || !octets::is_host(value) { Err(Refusal::Host) } else { Ok(()) }
    }

    fn content_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.length.is_some() || value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err(Refusal::ContentLength);
        }
        let number = value
            .iter()
            .try_fold(0_u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
        let length = number.filter(|&length| length <= MAX_ANNOUNCED_BYTES).ok_or(Refusal::BodyTooLarge)?;
        self.length = Some(length);
        Ok(())
    }

    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.chunked {
            return Err(Refusal::TransferEncoding);
        }
        if value.eq_ignore_ascii_case(b"chunked") {
            self.chunked = true;
            return Ok(());
        }
        let known = |coding: &[u8]| OTHER_CODINGS.iter().any(|known| coding.eq_ignore_ascii_case(known));
        let first = value.split(|&byte| byte == b',').next().unwrap_or_default();
        Err(if known(octets::trim(first)) { Refusal::TransferCoding } else { Refusal::TransferEncoding })
    }

    fn framing(&self, version: Version) -> Result<Framing, Refusal> {
        if self.chunked && self.length.is_some() {
            return Err(Refusal::ContentLength);
        }
        if self.chunked && version == Version::Http10 {
            return Err(Refusal::TransferEncoding);
        }
        // HTTP/1.0 knew no Host (RFC 9112 3.2 asks for it in HTTP/1.1).
        if self.hosts == 0 && version == Version::Http11 {
            return Err(Refusal::Host);
        }
        Ok(if self.chunked { Framing::Chunked } else { Framing::Length(self.length.unwrap_or(0)) })
    }
}

fn expectation(value: &[u8]) -> Result<(), Refusal> {
    if value.eq_ignore_ascii_case(b"100-continue") { Ok(()) } else { Err(Refusal::Expectation) }
}

/// The longest registered one has 17 (`UPDATEREDIRECTREF`).
const MAX_METHOD_BYTES: usize = 32;

/// The line's other parts are the method, two blanks, the version and the line's end.
const MAX_REQUEST_LINE_BYTES: usize = MAX_TARGET_BYTES + MAX_METHOD_BYTES + " HTTP/1.1\r\n".len() + 1;

/// An exabyte: beyond any body, and far from where sums of lengths overflow.
const MAX_ANNOUNCED_BYTES: u64 = 1_000_000_000_000_000_000;

/// The others in IANA's registry of transfer codings, and `identity`, which was in it.
const OTHER_CODINGS: &[&[u8]] = &[b"compress", b"deflate", b"gzip", b"identity", b"x-compress", b"x-gzip"];

#[cfg(test)]
mod tests;
