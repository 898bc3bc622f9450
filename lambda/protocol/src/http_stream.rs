//! How a streamed HTTP answer begins: its head as JSON, eight NUL bytes, and then the body as it comes.
//!
//! Source: AWS Lambda developer guide, "Response streaming: HTTP integration responses"; what Node's and Rust's official
//! runtimes send. `InvokeWithResponseStream` passes all of it through as payload; whoever answers over HTTP takes it apart.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, StatusCode, header::SET_COOKIE};
use memchr::memchr;

use crate::{
    http_answer::{HttpAnswerError, Members},
    http_json::header_text,
    json::text,
};

/// The head of a streamed HTTP answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HttpStreamHead {
    /// From 200 to 599.
    pub status: StatusCode,
    /// Cookies are here too, as `set-cookie`. Framing and hop-by-hop names have not been judged yet.
    pub headers: HeaderMap,
}

impl HttpStreamHead {
    /// The prelude: JSON and the eight NUL bytes. Values of one name are joined with `, ` (RFC 9110 section 5.3), as the
    /// format has room for one; cookies have a list of their own.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = format!(r#"{{"statusCode":{},"headers":{{"#, self.status.as_u16()).into_bytes();
        let names = self.headers.keys().filter(|name| *name != SET_COOKIE);
        for (index, name) in names.enumerate() {
            separate(&mut out, index);
            text::write(&mut out, name.as_str());
            out.extend_from_slice(b":\"");
            for (index, value) in self.headers.get_all(name).iter().enumerate() {
                out.extend_from_slice(if index == 0 { b"" } else { b", " });
                text::escape(&mut out, &header_text(value));
            }
            out.push(b'"');
        }
        out.extend_from_slice(br#"},"cookies":["#);
        for (index, cookie) in self.headers.get_all(SET_COOKIE).iter().enumerate() {
            separate(&mut out, index);
            text::write(&mut out, &header_text(cookie));
        }
        out.extend_from_slice(b"]}");
        out.extend_from_slice(&DELIMITER);
        out
    }

    /// From the JSON alone. Members are read as kindly as those of a whole answer
    /// ([`HttpAnswer::decode`](crate::http_answer::HttpAnswer::decode)); no status is 200.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn decode(json: &[u8]) -> Result<Self, HttpAnswerError> {
        let members = Members::read(json)?;
        let status = members.status()?.unwrap_or(StatusCode::OK);
        Ok(Self { status, headers: members.all_headers()? })
    }

    /// Of an answer that has no head of its own. Source: what function URLs send of one.
    pub fn of_raw_bytes() -> Self {
        let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, OCTET_STREAM)]);
        Self { status: StatusCode::OK, headers }
    }
}

/// Finds out how a streamed answer begins, from its pieces as they come.
#[derive(Debug, Default)]
pub struct Opening {
    held: BytesMut,
    /// How many of them are known to be no NUL.
    searched: usize,
}

/// How an answer begins.
#[derive(Debug, Eq, PartialEq)]
pub enum Opened {
    /// With a head; `rest` is what has come of the body.
    Head { head: HttpStreamHead, rest: Bytes },
    /// Without one: all of it is body, and this is what has come.
    Raw(Bytes),
}

impl Opening {
    /// `None`: more has to come. Decided with the delimiter, after [`PRELUDE_BYTES`] without one, or as soon as the
    /// bytes cannot be a head any more, which is at the first byte where it is no `{`.
    ///
    /// # Errors
    /// There is a delimiter, and no head before it.
    pub fn read(&mut self, piece: Bytes) -> Result<Option<Opened>, HttpAnswerError> {
        let bytes = if self.held.is_empty() {
            piece
        } else {
            self.held.extend_from_slice(&piece);
            std::mem::take(&mut self.held).freeze()
        };
        match self.judge(&bytes) {
            Judged::Unknown => {
                self.held = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&*shared));
                Ok(None)
            }
            Judged::Raw => Ok(Some(Opened::Raw(bytes))),
            Judged::Head { json_len } => {
                let head = HttpStreamHead::decode(&bytes[..json_len])?;
                Ok(Some(Opened::Head { head, rest: bytes.slice(json_len + DELIMITER.len()..) }))
            }
        }
    }

    /// The answer ended before it was decided: all of it.
    pub fn end(self) -> Bytes {
        self.held.freeze()
    }

    fn judge(&mut self, bytes: &[u8]) -> Judged {
        match bytes.first() {
            None => return Judged::Unknown,
            Some(b'{') => {}
            Some(_) => return Judged::Raw,
        }
        let Some(found) = memchr(0, &bytes[self.searched..]) else {
            self.searched = bytes.len();
            return if bytes.len() > PRELUDE_BYTES { Judged::Raw } else { Judged::Unknown };
        };
        let json_len = self.searched + found;
        self.searched = json_len;
        let delimiter = &bytes[json_len..bytes.len().min(json_len + DELIMITER.len())];
        // JSON has no NUL, so that the first is the delimiter's or there is none.
        if json_len > PRELUDE_BYTES || delimiter.iter().any(|byte| *byte != 0) {
            Judged::Raw
        } else if delimiter.len() < DELIMITER.len() {
            Judged::Unknown
        } else {
            Judged::Head { json_len }
        }
    }
}

enum Judged {
    Unknown,
    Raw,
    Head { json_len: usize },
}

fn separate(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.push(b',');
    }
}

/// What a runtime calls an answer that begins with a head.
pub const HTTP_INTEGRATION_RESPONSE: HeaderValue =
    HeaderValue::from_static("application/vnd.awslambda.http-integration-response");

/// Bytes of a head's JSON. Ours: beyond what any HTTP server takes of a head, so that a body of JSON without a head does
/// not stand still for long.
pub const PRELUDE_BYTES: usize = 64 * 1024;

const DELIMITER: [u8; 8] = [0; 8];

const OCTET_STREAM: HeaderValue = HeaderValue::from_static("application/octet-stream");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is found, and the whole body, of an answer that comes cut at these places.
    fn opened(answer: &[u8], cuts: &[usize]) -> Result<(Option<HttpStreamHead>, Vec<u8>), HttpAnswerError> {
        let mut opening = Opening::default();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (answer.len() + 1)).collect();
        cuts.extend([0, answer.len()]);
        cuts.sort_unstable();
        let mut pieces = cuts.windows(2).map(|ends| Bytes::copy_from_slice(&answer[ends[0]..ends[1]]));
        while let Some(piece) = pieces.next() {
            let (head, first) = match opening.read(piece)? {
                None => continue,
                Some(Opened::Head { head, rest }) => (Some(head), rest),
                Some(Opened::Raw(bytes)) => (None, bytes),
            };
            return Ok((head, pieces.fold(first.to_vec(), |body, piece| [&body[..], &piece].concat())));
        }
        Ok((None, opening.end().to_vec()))
    }

    fn head(status: u16, headers: &[(&'static str, &'static str)]) -> HttpStreamHead {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        HttpStreamHead { status: StatusCode::from_u16(status).unwrap(), headers: map }
    }

    #[track_caller]
    fn check(answer: &[u8], expected: Option<&HttpStreamHead>, body: &[u8]) {
        let found = opened(answer, &[]).unwrap();
        assert_eq!((found.0.as_ref(), &*found.1), (expected, body), "{}", String::from_utf8_lossy(answer));
    }

    #[test]
    fn a_head_is_what_stands_before_eight_nul_bytes() {
        let expected = head(201, &[("x-a", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]);
        let json = br#"{"statusCode":201,"headers":{"X-A":"1"},"cookies":["a=1","b=2"]}"#;
        check(&[json, &[0; 8][..], b"{}\0"].concat(), Some(&expected), b"{}\0");
        check(b"{}\0\0\0\0\0\0\0\0", Some(&head(200, &[])), b"");
    }

    #[test]
    fn without_one_all_is_body() {
        for body in [&b""[..], b"text", b"{\"a\":1}", b"\0\0\0\0\0\0\0\0x", b"{}\0\0\0\0\0\0\0x", b"{}\0"] {
            check(body, None, body);
        }
        let long = [b"{", &[b' '; PRELUDE_BYTES][..], b"}\0\0\0\0\0\0\0\0"].concat();
        check(&long, None, &long);
    }

    #[test]
    fn what_cannot_be_a_head_is_passed_on_at_once() {
        let mut opening = Opening::default();
        let first = Bytes::from_static(b"data: 1\n\n");
        assert_eq!(opening.read(first.clone()), Ok(Some(Opened::Raw(first))));
    }

    #[test]
    fn a_delimiter_without_a_head_is_the_functions_mistake() {
        for json in ["{", r#"{"statusCode":99}"#, r#"{"headers":1}"#] {
            let answer = [json.as_bytes(), &[0; 8]].concat();
            assert!(opened(&answer, &[]).is_err(), "{json}");
        }
    }

    #[test]
    fn values_of_one_name_are_joined_and_cookies_are_not() {
        let written =
            head(200, &[("vary", "a"), ("vary", "b"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]).encode();
        let expected = r#"{"statusCode":200,"headers":{"vary":"a, b"},"cookies":["a=1","b=2"]}"#;
        assert_eq!(written, [expected.as_bytes(), &[0; 8]].concat());
    }

    proptest! {
        #[test]
        fn however_it_is_cut_it_is_the_same(
            status in 200u16..600,
            value in "[ -~]{0,20}",
            body in any::<Vec<u8>>(),
            cuts in prop::collection::vec(any::<usize>(), 0..6),
        ) {
            let value = HeaderValue::try_from(value.trim()).unwrap();
            let headers = HeaderMap::from_iter([("x-a".parse().unwrap(), value)]);
            let head = HttpStreamHead { status: StatusCode::from_u16(status).unwrap(), headers };
            let answer = [&head.encode()[..], &body].concat();
            prop_assert_eq!(opened(&answer, &cuts), Ok((Some(head), body)));
        }

        #[test]
        fn no_answer_panics_or_loses_a_byte(
            answer in prop::collection::vec(prop_oneof![Just(b'{'), Just(0), any::<u8>()], 0..40),
            cuts in prop::collection::vec(any::<usize>(), 0..6),
        ) {
            let whole = opened(&answer, &[]);
            prop_assert_eq!(&opened(&answer, &cuts), &whole);
            if let Ok((None, body)) = whole {
                prop_assert_eq!(body, answer);
            }
        }
    }
}
