//! JSON objects and arrays read member by member. No tree: values are handed on as the text they are.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer as _,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Deserializer, value::RawValue};

use super::text;

/// Calls `on` for every member of the object that `json` is, in order.
///
/// # Errors
/// `json` is not one object of valid JSON; `on` may have been called for the members before the flaw.
pub(crate) fn members<'a, F>(json: &'a [u8], on: F) -> Result<(), serde_json::Error>
where
    F: FnMut(Cow<'a, str>, &'a RawValue),
{
    let mut source = Deserializer::from_slice(json);
    source.deserialize_map(Members(on))?;
    source.end()
}

/// Calls `on` for every element of the array that `json` is, in order.
///
/// # Errors
/// `json` is not an array.
pub(crate) fn elements<'a, F>(json: &'a RawValue, on: F) -> Result<(), serde_json::Error>
where
    F: FnMut(&'a RawValue),
{
    Deserializer::from_str(json.get()).deserialize_seq(Elements(on))
}

/// The text of a JSON string; `None` for every other kind of value.
pub(crate) fn string(json: &RawValue) -> Option<Cow<'_, str>> {
    json.get().starts_with('"').then(|| text::unescape(json.get()))
}

/// A string's text, or a number or boolean as written; `None` for `null`, objects and arrays.
pub(crate) fn scalar(json: &RawValue) -> Option<Cow<'_, str>> {
    match json.get().as_bytes().first() {
        Some(b'"') => Some(text::unescape(json.get())),
        Some(b'{' | b'[' | b'n') | None => None,
        Some(_) => Some(Cow::Borrowed(json.get())),
    }
}

struct Members<F>(F);

impl<'a, F: FnMut(Cow<'a, str>, &'a RawValue)> Visitor<'a> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            self.0(key, map.next_value()?);
        }
        Ok(())
    }
}

struct Elements<F>(F);

impl<'a, F: FnMut(&'a RawValue)> Visitor<'a> for Elements<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element()? {
            self.0(element);
        }
        Ok(())
    }
}

/// Borrowed unless the key has escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
