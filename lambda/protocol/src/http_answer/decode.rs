//! From a function's payload to an HTTP answer. Each member is read as kindly as its meaning allows, as functions
//! written for several platforms spell it differently; what would change the meaning is an error.

use std::{borrow::Cow, collections::HashSet};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_TYPE, SET_COOKIE},
};
use serde_json::value::RawValue;

use super::{HttpAnswer, HttpAnswerError};
use crate::json::object;

impl HttpAnswer {
    /// Reads a payload; plain JSON without a status is a 200 with itself as its body, as function URLs infer.
    ///
    /// * `statusCode`, or Altair's `status_code`: a number or a text of digits. A payload that is no object, or has
    ///   neither, is the body of a 200 of `application/json`, byte for byte.
    /// * `headers`: text, numbers and booleans; a list adds its elements. A name in `multiValueHeaders` replaces the
    ///   same name in `headers`, as in API Gateway. `cookies` become `set-cookie`. What cannot be a header (a name
    ///   with a blank, a value with a line break, `null`) is dropped.
    /// * `body`: a text is its characters, or with `isBase64Encoded` its bytes; an object or a list is its JSON, as
    ///   `application/json` unless the headers say otherwise; a number or boolean is its JSON; `null` is empty.
    ///
    /// A body of text without escapes, and one of JSON, is a slice of the payload and not a copy.
    ///
    /// # Errors
    /// The first rule that the payload breaks.
    pub fn decode(payload: &Bytes) -> Result<Self, HttpAnswerError> {
        let is_object = payload.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        if !is_object {
            return Ok(inferred(payload));
        }
        let members = Members::read(payload)?;
        let Some(status) = members.status()? else {
            return Ok(inferred(payload));
        };
        let mut headers = members.all_headers()?;
        let is_base64 = members.is_base64_encoded.and_then(object::scalar).is_some_and(|flag| flag == "true");
        let body = match members.body {
            Some(json) => read_body(payload, json, is_base64, &mut headers)?,
            None => Bytes::new(),
        };
        Ok(Self { status, headers, body })
    }
}

/// The members of an answer; those that are `null` count as absent.
#[derive(Default)]
pub(crate) struct Members<'a> {
    status_code: Option<&'a RawValue>,
    status_code_altair: Option<&'a RawValue>,
    headers: Option<&'a RawValue>,
    multi_value_headers: Option<&'a RawValue>,
    cookies: Option<&'a RawValue>,
    body: Option<&'a RawValue>,
    is_base64_encoded: Option<&'a RawValue>,
}

impl<'a> Members<'a> {
    pub(crate) fn read(payload: &'a [u8]) -> Result<Self, HttpAnswerError> {
        let mut members = Self::default();
        object::members(payload, |key, value| {
            let slot = match &*key {
                "statusCode" => &mut members.status_code,
                "status_code" => &mut members.status_code_altair,
                "headers" => &mut members.headers,
                "multiValueHeaders" => &mut members.multi_value_headers,
                "cookies" => &mut members.cookies,
                "body" => &mut members.body,
                "isBase64Encoded" => &mut members.is_base64_encoded,
                _ => return,
            };
            *slot = (value.get() != "null").then_some(value);
        })
        .map_err(|error| {
            let place = format!("not JSON at line {} column {}", error.line(), error.column());
            HttpAnswerError::Shape(place)
        })?;
        Ok(members)
    }

    pub(crate) fn status(&self) -> Result<Option<StatusCode>, HttpAnswerError> {
        self.status_code.or(self.status_code_altair).map(read_status).transpose()
    }

    /// Cookies are among them, as `set-cookie`.
    pub(crate) fn all_headers(&self) -> Result<HeaderMap, HttpAnswerError> {
        let mut headers = HeaderMap::new();
        if let Some(json) = self.headers {
            read_headers(json, &mut headers)?;
        }
        if let Some(json) = self.multi_value_headers {
            read_multi_value_headers(json, &mut headers)?;
        }
        if let Some(json) = self.cookies {
            add(&mut headers, &SET_COOKIE, json);
        }
        Ok(headers)
    }
}

fn inferred(payload: &Bytes) -> HttpAnswer {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, APPLICATION_JSON)]);
    HttpAnswer { status: StatusCode::OK, headers, body: payload.clone() }
}

const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");

/// 1xx is refused: it is no answer, and would leave the caller waiting for one.
fn read_status(json: &RawValue) -> Result<StatusCode, HttpAnswerError> {
    let text = object::scalar(json).ok_or(HttpAnswerError::Status)?;
    // Some languages have one kind of number only.
    let digits = text.strip_suffix(".0").unwrap_or(&text);
    let status = digits.parse().ok().and_then(|number: u16| StatusCode::from_u16(number).ok());
    status.filter(|status| (200..600).contains(&status.as_u16())).ok_or(HttpAnswerError::Status)
}

fn read_headers(json: &RawValue, headers: &mut HeaderMap) -> Result<(), HttpAnswerError> {
    for_each_header(json, "`headers` is not an object", |name, value| add(headers, &name, value))
}

fn read_multi_value_headers(json: &RawValue, headers: &mut HeaderMap) -> Result<(), HttpAnswerError> {
    let mut replaced = HashSet::new();
    for_each_header(json, "`multiValueHeaders` is not an object", |name, value| {
        if replaced.insert(name.clone()) {
            headers.remove(&name);
        }
        add(headers, &name, value);
    })
}

fn for_each_header(
    json: &RawValue,
    flaw: &str,
    mut on: impl FnMut(HeaderName, &RawValue),
) -> Result<(), HttpAnswerError> {
    object::members(json.get().as_bytes(), |name, value| {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            on(name, value);
        }
    })
    .map_err(|_| HttpAnswerError::Shape(flaw.to_owned()))
}

/// Adds a value, or every value of a list.
fn add(headers: &mut HeaderMap, name: &HeaderName, json: &RawValue) {
    let mut add_one = |json| {
        let value = object::scalar(json).and_then(|text| HeaderValue::from_bytes(text.as_bytes()).ok());
        if let Some(value) = value {
            // Beyond the 24,576 values that a map may hold the rest is dropped like any other unusable header.
            headers.try_append(name, value).unwrap_or_default();
        }
    };
    if json.get().starts_with('[') {
        // Has been read as JSON once, so that this cannot fail.
        object::elements(json, add_one).unwrap_or_default();
    } else {
        add_one(json);
    }
}

fn read_body(
    payload: &Bytes,
    json: &RawValue,
    is_base64: bool,
    headers: &mut HeaderMap,
) -> Result<Bytes, HttpAnswerError> {
    match (object::string(json), is_base64) {
        (Some(text), true) => base64_simd::forgiving_decode_to_vec(text.as_bytes())
            .map(Bytes::from)
            .map_err(|_| HttpAnswerError::Base64),
        (Some(Cow::Borrowed(text)), false) => Ok(payload.slice_ref(text.as_bytes())),
        (Some(Cow::Owned(text)), false) => Ok(Bytes::from(text)),
        (None, true) => Err(HttpAnswerError::Base64),
        (None, false) => {
            if json.get().starts_with(['{', '[']) && !headers.contains_key(CONTENT_TYPE) {
                headers.try_insert(CONTENT_TYPE, APPLICATION_JSON).unwrap_or_default();
            }
            Ok(payload.slice_ref(json.get().as_bytes()))
        }
    }
}
