//! From a request to the event's JSON: written straight into one buffer, the body escaped or encoded in one pass.

use std::{borrow::Cow, io::Write, time::SystemTime};

use http::{
    HeaderMap, HeaderName, Version,
    header::{COOKIE, HOST, USER_AGENT},
};
use jiff::{Timestamp, tz::Offset};
use percent_encoding::percent_decode;

use super::HttpEvent;
use crate::{
    http_json::{self, header_text},
    json::text,
};

impl HttpEvent<'_> {
    /// The event, with `body` as text where it is UTF-8 and not longer so than as base64, else as base64.
    ///
    /// As AWS does: header names are lower-case, repeated headers and query parameters are joined with `,`, cookies
    /// are in `cookies` and not in `headers`, and `body`, `cookies` and `queryStringParameters` are absent where
    /// there are none. Beyond AWS: where a header name repeats, its pairs as sent also lie in
    /// `requestContext.stayput.headers`; a header value that is no UTF-8 is read as Latin-1, so that no byte of it is
    /// lost. `apiId` and `domainPrefix` are the first label of the host.
    pub fn encode(&self, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.head_len() + http_json::body_len(body));
        out.extend_from_slice(br#"{"version":"2.0","routeKey":"$default""#);
        member(&mut out, b"rawPath", self.raw_path);
        member(&mut out, b"rawQueryString", self.raw_query);
        self.cookies(&mut out);
        self.headers(&mut out);
        self.query_parameters(&mut out);
        self.request_context(&mut out);
        out.push(b',');
        if body.is_empty() {
            out.extend_from_slice(br#""isBase64Encoded":false"#);
        } else {
            http_json::write_body(&mut out, body);
        }
        out.push(b'}');
        out
    }

    /// About how long the event is without its body; a guess that is seldom too small.
    fn head_len(&self) -> usize {
        let headers: usize =
            self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 8).sum();
        let ticket = self.ticket.map_or(0, str::len);
        FIXED_LEN + 2 * self.raw_path.len() + 3 * self.raw_query.len() + headers + ticket
    }

    fn cookies(&self, out: &mut Vec<u8>) {
        let mut list = List::new(out, br#","cookies":["#);
        for value in self.headers.get_all(COOKIE) {
            for cookie in header_text(value).split(';').map(str::trim).filter(|cookie| !cookie.is_empty()) {
                text::write(list.next(), cookie);
            }
        }
        list.close(b"]");
    }

    fn headers(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(br#","headers":{"#);
        for (index, name) in self.headers.keys().filter(|name| *name != COOKIE).enumerate() {
            out.extend_from_slice(if index == 0 { b"\"" } else { b",\"" });
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b"\":\"");
            for (index, value) in self.headers.get_all(name).iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                text::escape(out, &header_text(value));
            }
            out.push(b'"');
        }
        out.push(b'}');
    }

    /// In the order of the keys.
    fn query_parameters(&self, out: &mut Vec<u8>) {
        let pairs = self.raw_query.split('&').filter(|pair| !pair.is_empty());
        let mut pairs: Vec<_> = pairs
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (form_decode(key), form_decode(value))
            })
            .collect();
        pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut object = List::new(out, br#","queryStringParameters":{"#);
        for same_key in pairs.chunk_by(|(one, _), (other, _)| one == other) {
            let out = object.next();
            for (index, (key, value)) in same_key.iter().enumerate() {
                if index == 0 {
                    text::write(out, key);
                    out.extend_from_slice(b":\"");
                } else {
                    out.push(b',');
                }
                text::escape(out, value);
            }
            out.push(b'"');
        }
        object.close(b"}");
    }

    fn request_context(&self, out: &mut Vec<u8>) {
        let host = self.headers.get(HOST).map(header_text).unwrap_or_default();
        let domain = without_port(&host);
        let prefix = domain.split('.').next().unwrap_or_default();
        out.extend_from_slice(br#","requestContext":{"accountId":"anonymous""#);
        member(out, b"apiId", prefix);
        member(out, b"domainName", domain);
        member(out, b"domainPrefix", prefix);
        out.extend_from_slice(br#","http":{"method":"#);
        text::write(out, self.method.as_str());
        member(out, b"path", self.raw_path);
        member(out, b"protocol", protocol(self.version));
        member(out, b"sourceIp", self.source_ip);
        if let Some(agent) = self.headers.get(USER_AGENT) {
            member(out, b"userAgent", &header_text(agent));
        }
        out.push(b'}');
        member(out, b"requestId", self.request_id);
        out.extend_from_slice(br#","routeKey":"$default","stage":"$default""#);
        write_time(out, self.time);
        self.beyond_aws(out);
        out.push(b'}');
    }

    /// `stayput`, absent where it would be empty.
    fn beyond_aws(&self, out: &mut Vec<u8>) {
        let mut object = List::new(out, br#","stayput":{"#);
        if let Some(ticket) = self.ticket {
            let out = object.next();
            out.extend_from_slice(br#""ticket":"#);
            text::write(out, ticket);
        }
        if repeated_names(self.headers).next().is_some() {
            self.repeated_headers(object.next());
        }
        object.close(b"}");
    }

    fn repeated_headers(&self, out: &mut Vec<u8>) {
        let mut list = List::new(out, br#""headers":["#);
        for name in repeated_names(self.headers) {
            for value in self.headers.get_all(name) {
                let out = list.next();
                out.push(b'[');
                text::write(out, name.as_str());
                out.push(b',');
                text::write(out, &header_text(value));
                out.push(b']');
            }
        }
        list.close(b"]");
    }
}

/// What every event has beside the request's own words, in bytes, rounded up.
const FIXED_LEN: usize = 640;

/// A list or object that is absent where it would be empty.
struct List<'a> {
    out: &'a mut Vec<u8>,
    open: &'static [u8],
    is_open: bool,
}

impl<'a> List<'a> {
    fn new(out: &'a mut Vec<u8>, open: &'static [u8]) -> Self {
        Self { out, open, is_open: false }
    }

    /// Where the next element goes.
    fn next(&mut self) -> &mut Vec<u8> {
        self.out.extend_from_slice(if self.is_open { b"," } else { self.open });
        self.is_open = true;
        self.out
    }

    fn close(self, end: &[u8]) {
        if self.is_open {
            self.out.extend_from_slice(end);
        }
    }
}

fn member(out: &mut Vec<u8>, key: &[u8], value: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key);
    out.extend_from_slice(b"\":");
    text::write(out, value);
}

/// Cookies are told apart in `cookies` already.
fn repeated_names(headers: &HeaderMap) -> impl Iterator<Item = &HeaderName> {
    let some_repeat = headers.len() > headers.keys_len();
    headers
        .keys()
        .filter(move |name| some_repeat && *name != COOKIE && headers.get_all(*name).iter().nth(1).is_some())
}

/// `+` is a blank and `%XX` a byte; what is then no UTF-8 becomes U+FFFD.
fn form_decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['+', '%']) {
        return Cow::Borrowed(text);
    }
    let blanks = text.replace('+', " ");
    Cow::Owned(percent_decode(blanks.as_bytes()).decode_utf8_lossy().into_owned())
}

/// `[::1]:8080` is `[::1]`.
fn without_port(host: &str) -> &str {
    let address_end = host.find(']').unwrap_or(0);
    let port = host[address_end..].find(':').map_or(host.len(), |at| address_end + at);
    &host[..port]
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

/// `time` as the Common Log Format has it, and `timeEpoch` in milliseconds.
fn write_time(out: &mut Vec<u8>, time: SystemTime) {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    // A clock beyond the year 9999 is told as the epoch rather than as an error.
    let time = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
    let civil = Offset::UTC.to_datetime(time);
    let month = usize::try_from(civil.month() - 1).ok().and_then(|month| MONTHS.get(month)).unwrap_or(&"Jan");
    write!(
        out,
        r#","time":"{:02}/{month}/{:04}:{:02}:{:02}:{:02} +0000","timeEpoch":{}"#,
        civil.day(),
        civil.year(),
        civil.hour(),
        civil.minute(),
        civil.second(),
        time.as_millisecond(),
    )
    .expect("writing to a Vec cannot fail");
}
