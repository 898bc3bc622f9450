//! The canonical request, which is never written down: its parts go into the hash as they come.

use http::{HeaderMap, HeaderValue, Uri, header::AsHeaderName};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, percent_encode_byte};
use sha2::{Digest, Sha256};

use super::{PayloadHash, hex};

/// A canonical request in the making: start, then a header for each signed name in its order, then finish.
///
/// Source: IAM user guide, "Create a signed AWS API request", step 1.
pub(super) struct Canonical(Sha256);

impl Canonical {
    pub(super) fn start(method: &str, uri: &Uri) -> Self {
        let mut canonical = Self(Sha256::new());
        canonical.put(method.as_bytes());
        canonical.put(b"\n");
        canonical.path(uri.path());
        canonical.put(b"\n");
        canonical.query(uri.query().unwrap_or_default());
        canonical.put(b"\n");
        canonical
    }

    /// All values of a name; none at all are an empty one.
    pub(super) fn header(&mut self, name: impl AsHeaderName + AsRef<str>, headers: &HeaderMap) {
        self.put(name.as_ref().as_bytes());
        let mut before = b":";
        for value in headers.get_all(name) {
            self.put(before);
            self.value(value);
            before = b",";
        }
        self.put(if before == b":" { b":\n" } else { b"\n" });
    }

    /// `signed_headers` as the `Authorization` header names them.
    pub(super) fn finish(mut self, signed_headers: &[u8], payload_hash: &PayloadHash) -> [u8; 32] {
        self.put(b"\n");
        self.put(signed_headers);
        self.put(b"\n");
        self.put(&hex::encode(payload_hash));
        self.0.finalize().into()
    }

    fn put(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn encoded(&mut self, bytes: &[u8], set: &'static AsciiSet) {
        percent_encode(bytes, set).for_each(|piece| self.put(piece.as_bytes()));
    }

    /// Encoded once more than on the wire, without dot segments and empty ones.
    fn path(&mut self, path: &str) {
        if !path.contains("/.") && !path.contains("//") {
            self.encoded(if path.is_empty() { b"/" } else { path.as_bytes() }, PATH);
            return;
        }
        let mut segments = Vec::new();
        for segment in path.split('/') {
            match segment {
                "" | "." => {}
                ".." => drop(segments.pop()),
                _ => segments.push(segment),
            }
        }
        for segment in &segments {
            self.put(b"/");
            self.encoded(segment.as_bytes(), PATH);
        }
        let folder = ["/", "/.", "/.."].iter().any(|end| path.ends_with(end));
        if segments.is_empty() || folder {
            self.put(b"/");
        }
    }

    /// Each pair encoded anew, in the order of the encoded names and then values.
    fn query(&mut self, query: &str) {
        if !query.contains('&') {
            if !query.is_empty() {
                self.pair(query);
            }
            return;
        }
        let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
        pairs.sort_unstable_by(|one, other| {
            let ((one, one_value), (other, other_value)) = (name_and_value(one), name_and_value(other));
            canonical(one)
                .cmp(canonical(other))
                .then_with(|| canonical(one_value).cmp(canonical(other_value)))
        });
        for (at, pair) in pairs.into_iter().enumerate() {
            if at > 0 {
                self.put(b"&");
            }
            self.pair(pair);
        }
    }

    fn pair(&mut self, pair: &str) {
        let (name, value) = name_and_value(pair);
        self.component(name);
        self.put(b"=");
        self.component(value);
    }

    fn component(&mut self, text: &str) {
        canonical(text).for_each(|byte| self.put(&[byte]));
    }

    /// Without the blanks around it, and one for each run of blanks within.
    fn value(&mut self, value: &HeaderValue) {
        let value = value.as_bytes().trim_ascii();
        if memchr::memchr(b' ', value).is_none() {
            return self.put(value);
        }
        let mut words = value.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        self.put(words.next().unwrap_or_default());
        for word in words {
            self.put(b" ");
            self.put(word);
        }
    }
}

/// Everything but RFC 3986's unreserved characters and the slash.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

fn name_and_value(pair: &str) -> (&str, &str) {
    pair.split_once('=').unwrap_or((pair, ""))
}

/// A name or value of a query in its only canonical spelling. A plus is a blank, as forms have it.
fn canonical(text: &str) -> impl Iterator<Item = u8> {
    let blank = |part: usize| (part > 0).then_some(b' ');
    let decoded = text
        .split('+')
        .enumerate()
        .flat_map(move |(at, part)| blank(at).into_iter().chain(percent_decode_str(part)));
    decoded.flat_map(|byte| {
        let is_plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        let escaped = *percent_encode_byte(byte).as_bytes().first_chunk::<3>().expect("%XX");
        if is_plain { [byte, 0, 0].into_iter().take(1) } else { escaped.into_iter().take(3) }
    })
}

#[cfg(test)]
mod tests;
