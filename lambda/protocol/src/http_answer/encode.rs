//! From an HTTP answer to a function's payload.

use std::io::Write;

use http::{HeaderMap, HeaderName, HeaderValue, header::SET_COOKIE};

use super::HttpAnswer;
use crate::{
    http_json::{self, header_text},
    json::text,
};

impl HttpAnswer {
    /// The payload that decodes to this: `cookies` and `multiValueHeaders` only where they are needed, the body as
    /// base64 where it is no UTF-8 or would be longer as text.
    ///
    /// A header value that is no UTF-8 has no place in JSON; it is read as Latin-1, and then decodes to the UTF-8 of
    /// those characters.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD_LEN + http_json::body_len(&self.body));
        write!(out, r#"{{"statusCode":{}"#, self.status.as_u16()).expect("writing to a Vec cannot fail");
        let (repeated, single) = names(&self.headers);
        write_object(&mut out, "headers", &single, |out, name| {
            if let Some(value) = self.headers.get(name) {
                text::write(out, &header_text(value));
            }
        });
        write_object(&mut out, "multiValueHeaders", &repeated, |out, name| {
            write_list(out, self.headers.get_all(name).iter());
        });
        if self.headers.contains_key(SET_COOKIE) {
            out.extend_from_slice(br#","cookies":"#);
            write_list(&mut out, self.headers.get_all(SET_COOKIE).iter());
        }
        out.push(b',');
        http_json::write_body(&mut out, &self.body);
        out.push(b'}');
        out
    }
}

/// A usual answer's head, in bytes; a hint for the buffer.
const HEAD_LEN: usize = 512;

/// Names that have several values, and names that have one. Cookies are neither.
fn names(headers: &HeaderMap) -> (Vec<&HeaderName>, Vec<&HeaderName>) {
    headers
        .keys()
        .filter(|name| *name != SET_COOKIE)
        .partition(|name| headers.get_all(*name).iter().nth(1).is_some())
}

fn write_object(
    out: &mut Vec<u8>,
    key: &str,
    names: &[&HeaderName],
    mut value: impl FnMut(&mut Vec<u8>, &HeaderName),
) {
    for (index, name) in names.iter().enumerate() {
        if index == 0 {
            out.push(b',');
            text::write(out, key);
            out.extend_from_slice(b":{");
        } else {
            out.push(b',');
        }
        text::write(out, name.as_str());
        out.push(b':');
        value(out, name);
    }
    if !names.is_empty() {
        out.push(b'}');
    }
}

fn write_list<'a>(out: &mut Vec<u8>, values: impl Iterator<Item = &'a HeaderValue>) {
    for (index, value) in values.enumerate() {
        out.push(if index == 0 { b'[' } else { b',' });
        text::write(out, &header_text(value));
    }
    out.push(b']');
}
