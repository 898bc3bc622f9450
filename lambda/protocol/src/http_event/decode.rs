//! From the event's JSON to a request.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, header::COOKIE};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::value::RawValue;

use super::{HttpEventError, HttpRequest};
use crate::json::object;

impl HttpRequest {
    /// Reads an event of version 2.0 (ours, a function URL's or an HTTP API's).
    ///
    /// # Errors
    /// The first rule that the event breaks.
    pub fn decode(event: &[u8]) -> Result<Self, HttpEventError> {
        let event = Event::read(event)?;
        if text(event.version).as_deref() != Some("2.0") {
            return Err(wrong("`version` is not \"2.0\""));
        }
        let path = text(event.raw_path).ok_or_else(|| wrong("`rawPath` is missing"))?;
        let query = text(event.raw_query).unwrap_or_default();
        let method = text(event.method).ok_or_else(|| wrong("`requestContext.http.method` is missing"))?;

        let mut request = Request::new(body(&event)?);
        *request.method_mut() = Method::from_bytes(method.as_bytes())
            .map_err(|_| wrong("`requestContext.http.method` is not a method"))?;
        *request.uri_mut() = uri(&path, &query)?;
        *request.version_mut() = version(text(event.protocol).as_deref());
        *request.headers_mut() = headers(&event)?;
        Ok(Self {
            request,
            request_id: text(event.request_id).map(Cow::into_owned),
            source_ip: text(event.source_ip).map(Cow::into_owned),
        })
    }
}

/// The members that a request is made of, not yet looked at.
#[derive(Default)]
struct Event<'a> {
    version: Option<&'a RawValue>,
    raw_path: Option<&'a RawValue>,
    raw_query: Option<&'a RawValue>,
    cookies: Option<&'a RawValue>,
    headers: Option<&'a RawValue>,
    body: Option<&'a RawValue>,
    is_base64_encoded: Option<&'a RawValue>,
    request_id: Option<&'a RawValue>,
    method: Option<&'a RawValue>,
    protocol: Option<&'a RawValue>,
    source_ip: Option<&'a RawValue>,
}

impl<'a> Event<'a> {
    fn read(json: &'a [u8]) -> Result<Self, HttpEventError> {
        let mut event = Self::default();
        let (mut context, mut http) = (None, None);
        object::members(json, |key, value| match &*key {
            "version" => event.version = Some(value),
            "rawPath" => event.raw_path = Some(value),
            "rawQueryString" => event.raw_query = Some(value),
            "cookies" => event.cookies = Some(value),
            "headers" => event.headers = Some(value),
            "body" => event.body = Some(value),
            "isBase64Encoded" => event.is_base64_encoded = Some(value),
            "requestContext" => context = Some(value),
            _ => {}
        })
        .map_err(|_| wrong("not a JSON object"))?;
        inner(context, "`requestContext` is not an object", |key, value| match key {
            "requestId" => event.request_id = Some(value),
            "http" => http = Some(value),
            _ => {}
        })?;
        inner(http, "`requestContext.http` is not an object", |key, value| match key {
            "method" => event.method = Some(value),
            "protocol" => event.protocol = Some(value),
            "sourceIp" => event.source_ip = Some(value),
            _ => {}
        })?;
        Ok(event)
    }
}

/// The members of an object inside the event; `null` and absence are an empty one.
fn inner<'a>(
    object: Option<&'a RawValue>,
    flaw: &str,
    mut on: impl FnMut(&str, &'a RawValue),
) -> Result<(), HttpEventError> {
    match present(object) {
        Some(json) => {
            object::members(json.get().as_bytes(), |key, value| on(&key, value)).map_err(|_| wrong(flaw))
        }
        None => Ok(()),
    }
}

fn present(value: Option<&RawValue>) -> Option<&RawValue> {
    value.filter(|value| value.get() != "null")
}

fn text(value: Option<&RawValue>) -> Option<Cow<'_, str>> {
    value.and_then(object::string)
}

fn body(event: &Event<'_>) -> Result<Bytes, HttpEventError> {
    let Some(body) = present(event.body) else { return Ok(Bytes::new()) };
    let body = object::string(body).ok_or_else(|| wrong("`body` is not text"))?;
    if event.is_base64_encoded.is_some_and(|flag| flag.get() == "true") {
        let bytes = base64_simd::forgiving_decode_to_vec(body.as_bytes());
        return bytes.map(Bytes::from).map_err(|_| wrong("`body` is not base64"));
    }
    Ok(Bytes::from(body.into_owned()))
}

/// Path and query as they are, where a URI may hold them. HTTP APIs decode the path before they send it, so that
/// blanks and the like may stand in it: those are encoded again.
fn uri(path: &str, query: &str) -> Result<Uri, HttpEventError> {
    if !path.starts_with('/') {
        return Err(wrong("`rawPath` does not begin with `/`"));
    }
    let target = |path: &str, query: &str| {
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    };
    if !path.contains(['?', '#'])
        && !query.contains('#')
        && let Ok(uri) = Uri::try_from(target(path, query))
    {
        return Ok(uri);
    }
    let encode = |text, set| utf8_percent_encode(text, set).to_string();
    Uri::try_from(target(&encode(path, NOT_IN_PATH), &encode(query, NOT_IN_QUERY)))
        .map_err(|_| wrong("`rawPath` and `rawQueryString` are no URI"))
}

const NOT_IN_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'#').add(b'<').add(b'>').add(b'"');
const NOT_IN_PATH: &AsciiSet = &NOT_IN_QUERY.add(b'?').add(b'\\').add(b'^').add(b'`').add(b'{').add(b'}');

fn version(protocol: Option<&str>) -> Version {
    match protocol {
        Some("HTTP/0.9") => Version::HTTP_09,
        Some("HTTP/1.0") => Version::HTTP_10,
        Some("HTTP/2.0" | "HTTP/2") => Version::HTTP_2,
        Some("HTTP/3.0" | "HTTP/3") => Version::HTTP_3,
        Some(_) | None => Version::HTTP_11,
    }
}

fn headers(event: &Event<'_>) -> Result<HeaderMap, HttpEventError> {
    let mut headers = HeaderMap::new();
    let mut flaw = None;
    inner(event.headers, "`headers` is not an object", |name, value| {
        let pair = HeaderName::from_bytes(name.as_bytes())
            .ok()
            .zip(object::scalar(value).and_then(|text| header_value(&text)));
        let added = pair.is_some_and(|(name, value)| headers.try_append(name, value).is_ok());
        if !added {
            flaw = Some(wrong("`headers` holds what no header may"));
        }
    })?;
    if let Some(list) = present(event.cookies) {
        let mut cookies: Vec<Cow<'_, str>> = Vec::new();
        object::elements(list, |cookie| cookies.extend(object::string(cookie)))
            .map_err(|_| wrong("`cookies` is not a list"))?;
        if !cookies.is_empty() {
            let value = header_value(&cookies.join("; "));
            let added = value.is_some_and(|value| headers.try_insert(COOKIE, value).is_ok());
            if !added {
                flaw = Some(wrong("`cookies` holds what no header may"));
            }
        }
    }
    flaw.map_or(Ok(headers), Err)
}

fn header_value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).ok()
}

fn wrong(what: &str) -> HttpEventError {
    HttpEventError(what.to_owned())
}
