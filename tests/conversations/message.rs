//! The four sections of a turn: what they say, and how they are compared.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request, response};
use lambda_protocol::event_stream::EVENT_STREAM;

use super::{
    event,
    stream::Stream,
    template::{Known, Template, show},
};

/// `--- request`: what the caller sends.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) head: request::Parts,
    pub(crate) body: Bytes,
    /// Head and body as they go over a socket.
    pub(crate) raw: Bytes,
}

/// `--- invoke`: what Lambda is asked.
#[derive(Debug)]
pub(crate) struct ExpectedInvoke {
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Headers,
    pub(crate) payload: ExpectedPayload,
}

#[derive(Debug)]
pub(crate) enum ExpectedPayload {
    Bytes(Template),
    /// JSON of an HTTP event, with placeholders in its texts.
    Event(String),
}

/// `--- lambda`: what comes back.
#[derive(Debug)]
pub(crate) enum Lambda {
    Reply {
        status: StatusCode,
        headers: Headers,
        body: Template,
    },
    /// A streamed answer.
    Stream(Stream),
    /// Nobody listens.
    Unreachable,
    /// No answer within the function's timeout.
    Deadline,
}

/// `--- response`: what the caller gets.
#[derive(Debug)]
pub(crate) struct ExpectedResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: Headers,
    pub(crate) body: Template,
    /// After these bytes the answer breaks off.
    pub(crate) is_cut: bool,
}

/// What the caller has got.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) head: response::Parts,
    pub(crate) body: Vec<u8>,
    /// The answer broke off.
    pub(crate) is_cut: bool,
}

/// Fields in the order of the file.
pub(crate) type Headers = Vec<(HeaderName, Template)>;

impl ExpectedInvoke {
    /// # Errors
    /// The first difference.
    pub(crate) fn check(
        &self,
        head: &request::Parts,
        payload: &[u8],
        known: &mut Known,
    ) -> Result<(), String> {
        let target = head.uri.path_and_query().map_or("", |target| target.as_str());
        if head.method != http::Method::POST || target != self.target {
            return Err(format!("invoke: expected POST {}, got {} {target}", self.target, head.method));
        }
        let is_compared = |name: &HeaderName| {
            let name = name.as_str();
            (name.starts_with("x-amz-") || name.starts_with("x-amzn-")) && !UNLISTED.contains(&name)
        };
        check_headers(&self.headers, &head.headers, is_compared, known)
            .map_err(|error| format!("invoke: {error}"))?;
        self.check_payload(payload, known)
    }

    /// What the function sees of it.
    ///
    /// # Errors
    /// The first difference.
    pub(crate) fn check_event(&self, event: &[u8], known: &mut Known) -> Result<(), String> {
        self.check_payload(event, known).or_else(|difference| {
            // Where there is no payload, Lambda makes one.
            let made = event == b"{}" && self.check_payload(b"", known).is_ok();
            if made { Ok(()) } else { Err(difference) }
        })
    }

    fn check_payload(&self, payload: &[u8], known: &mut Known) -> Result<(), String> {
        match &self.payload {
            ExpectedPayload::Bytes(template) => template.check(payload, known),
            ExpectedPayload::Event(written) => event::check(written, payload, known),
        }
        .map_err(|error| format!("invoke's payload: {error}"))
    }
}

impl Lambda {
    /// The reply's head and body, or `None` where there is no reply.
    ///
    /// # Errors
    /// A placeholder whose value is not known yet.
    pub(crate) fn reply(&self, known: &Known) -> Result<Option<(response::Parts, Bytes)>, String> {
        let (mut head, ()) = http::Response::new(()).into_parts();
        let body = match self {
            Self::Reply { status, headers, body } => {
                head.status = *status;
                for (name, value) in headers {
                    let value = HeaderValue::from_bytes(&value.fill(known)?);
                    head.headers.append(name, value.map_err(|error| error.to_string())?);
                }
                body.fill(known)?.into()
            }
            Self::Stream(stream) => {
                head.headers.insert(header::CONTENT_TYPE, EVENT_STREAM);
                stream.encode(known)?
            }
            Self::Unreachable | Self::Deadline => return Ok(None),
        };
        Ok(Some((head, body)))
    }
}

impl ExpectedResponse {
    pub(crate) fn lists(&self, name: &HeaderName) -> bool {
        self.headers.iter().any(|(listed, _)| listed == name)
    }

    /// # Errors
    /// The first difference.
    pub(crate) fn check(&self, got: &Got, known: &mut Known) -> Result<(), String> {
        let Got { head, body, is_cut } = got;
        if head.status != self.status {
            return Err(format!(
                "response: expected {}, got {} with {}",
                self.status,
                head.status,
                show(body)
            ));
        }
        let is_compared = |name: &HeaderName| !SERVERS_OWN.contains(name);
        check_headers(&self.headers, &head.headers, is_compared, known)
            .map_err(|error| format!("response: {error}"))?;
        self.body.check(body, known).map_err(|error| format!("response's body: {error}"))?;
        match (self.is_cut, is_cut) {
            (true, true) | (false, false) => Ok(()),
            (true, false) => Err("response: it is whole, and should be cut off".to_owned()),
            (false, true) => Err("response: it is cut off".to_owned()),
        }
    }
}

/// Every listed field must be there with all its values, and no other that is compared.
pub(crate) fn check_headers(
    listed: &Headers,
    actual: &HeaderMap,
    is_compared: impl Fn(&HeaderName) -> bool,
    known: &mut Known,
) -> Result<(), String> {
    for name in actual.keys().filter(|name| is_compared(name)) {
        if !listed.iter().any(|(expected, _)| expected == name) {
            return Err(format!("{name}: {} is not expected", show(actual[name].as_bytes())));
        }
    }
    for (index, (name, _)) in listed.iter().enumerate() {
        if listed[..index].iter().any(|(earlier, _)| earlier == name) {
            continue;
        }
        let expected: Vec<&Template> =
            listed.iter().filter(|field| field.0 == *name).map(|field| &field.1).collect();
        let values: Vec<&HeaderValue> = actual.get_all(name).iter().collect();
        if expected.len() != values.len() {
            return Err(format!("{name}: expected {} values, got {values:?}", expected.len()));
        }
        for (template, value) in expected.into_iter().zip(values) {
            template.check(value.as_bytes(), known).map_err(|error| format!("{name}: {error}"))?;
        }
    }
    Ok(())
}

/// Fields that are compared only where they are listed: what signs a request to AWS, what the SDK says of itself, and
/// the trace, which every Invoke has.
const UNLISTED: [&str; 5] =
    ["x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-user-agent", "x-amzn-trace-id"];

static SERVERS_OWN: [HeaderName; 4] =
    [header::DATE, header::CONTENT_LENGTH, header::CONNECTION, header::TRANSFER_ENCODING];

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(fields: &[(&'static str, &str)]) -> Headers {
        fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), Template::parse(value).unwrap()))
            .collect()
    }

    fn expected(is_cut: bool) -> ExpectedResponse {
        let headers = listed(&[("x-tag", "1"), ("x-tag", "2")]);
        ExpectedResponse { status: StatusCode::OK, headers, body: Template::parse("ok").unwrap(), is_cut }
    }

    fn got(fields: &[(&str, &str)], body: &str, is_cut: bool) -> Got {
        let mut response = http::Response::builder();
        for (name, value) in fields {
            response = response.header(*name, *value);
        }
        let (head, ()) = response.body(()).unwrap().into_parts();
        Got { head, body: body.as_bytes().to_vec(), is_cut }
    }

    #[track_caller]
    fn check_response(fields: &[(&str, &str)], body: &str, difference: Option<&str>) {
        let result = expected(false).check(&got(fields, body, false), &mut Known::new());
        match difference {
            None => assert_eq!(result, Ok(()), "{fields:?}"),
            Some(text) => {
                assert!(result.as_ref().is_err_and(|error| error.contains(text)), "{text}: {result:?}")
            }
        }
    }

    const TAGS: [(&str, &str); 2] = [("x-tag", "1"), ("x-tag", "2")];

    #[test]
    fn a_response_has_every_listed_field_and_no_other_but_the_servers() {
        check_response(&TAGS, "ok", None);
        check_response(&[TAGS[0], ("date", "now"), TAGS[1], ("content-length", "2")], "ok", None);
        check_response(&[TAGS[0], TAGS[1], ("x-more", "1")], "ok", Some("x-more"));
        check_response(&TAGS[..1], "ok", Some("expected 2 values"));
        check_response(&[TAGS[1], TAGS[0]], "ok", Some("x-tag"));
        check_response(&TAGS, "oK", Some("body"));
    }

    #[test]
    fn a_broken_answer_is_no_whole_one() {
        for (is_expected, is_cut) in [(false, false), (false, true), (true, false), (true, true)] {
            let result = expected(is_expected).check(&got(&TAGS, "ok", is_cut), &mut Known::new());
            assert_eq!(result.is_ok(), is_expected == is_cut, "{result:?}");
        }
    }

    #[track_caller]
    fn check_invoke(target: &str, fields: &[(&str, &str)], payload: &str, matches: bool) {
        let expected = ExpectedInvoke {
            target: "/2015-03-31/functions/f/invocations".to_owned(),
            headers: listed(&[("x-amz-invocation-type", "RequestResponse")]),
            payload: ExpectedPayload::Bytes(Template::parse("{}").unwrap()),
        };
        let mut request = http::Request::post(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let result = expected.check(&head, payload.as_bytes(), &mut Known::new());
        assert_eq!(result.is_ok(), matches, "{target} {fields:?} {payload}: {result:?}");
    }

    #[test]
    fn an_invoke_has_every_listed_field_and_no_other_of_lambdas() {
        let target = "/2015-03-31/functions/f/invocations";
        let kind = ("x-amz-invocation-type", "RequestResponse");
        check_invoke(target, &[kind], "{}", true);
        check_invoke(target, &[kind, ("host", "a"), ("x-amz-date", "1"), ("authorization", "b")], "{}", true);
        check_invoke(target, &[kind, ("x-amz-log-type", "Tail")], "{}", false);
        check_invoke(target, &[], "{}", false);
        check_invoke(target, &[kind], "{ }", false);
        check_invoke("/2015-03-31/functions/g/invocations", &[kind], "{}", false);
        check_invoke("/2015-03-31/functions/f/invocations?Qualifier=1", &[kind], "{}", false);
    }
}
