//! The members of a property that is a map, evaluated already: which there may be, and what shape each has.

use std::ops::RangeInclusive;

use super::{
    evaluator::Evaluator,
    findings::{Place, Reported, did_you_mean},
    tree::{Node, Value},
};

impl Evaluator<'_> {
    /// `name` is what the map is called.
    ///
    /// # Errors
    /// It is no map, or has a key that is not among `known`.
    pub(super) fn check_keys(&mut self, node: &Node, name: &str, known: &[&str]) -> Result<(), Reported> {
        let Some(entries) = node.entries() else {
            return Err(self.wrong_shape(node.place, &format!("`{name}`"), "a map", node));
        };
        match entries.iter().find(|entry| !known.contains(&entry.key.as_str())) {
            None => Ok(()),
            Some(stranger) => {
                let meant = did_you_mean(&stranger.key, known.iter().copied());
                let message = format!("unknown entry of `{name}` {meant}");
                Err(self.found.mistake(stranger.place, message))
            }
        }
    }

    /// A text and where it stands. `None`: not given.
    pub(super) fn text_member(
        &mut self,
        node: &Node,
        name: &str,
    ) -> Result<Option<(Place, String)>, Reported> {
        let Some(value) = node.get(name) else { return Ok(None) };
        match value.as_text() {
            Some(text) => Ok(Some((value.place, text.to_owned()))),
            None => Err(self.wrong_shape(value.place, &format!("`{name}`"), "a text", value)),
        }
    }

    pub(super) fn number_member(
        &mut self,
        node: &Node,
        name: &str,
        limits: RangeInclusive<u32>,
    ) -> Result<Option<u32>, Reported> {
        let Some((place, text)) = self.text_member(node, name)? else { return Ok(None) };
        match text.parse() {
            Ok(number) if limits.contains(&number) => Ok(Some(number)),
            Ok(_) | Err(_) => {
                let (least, most) = (limits.start(), limits.end());
                let message = format!("`{name}` is a whole number from {least} to {most}, not `{text}`");
                Err(self.found.mistake(place, message))
            }
        }
    }

    /// A word that `parse` knows; `words` are those that there are, for people.
    pub(super) fn word_member<T>(
        &mut self,
        node: &Node,
        name: &str,
        words: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Reported> {
        let Some((place, text)) = self.text_member(node, name)? else { return Ok(None) };
        match parse(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(self.found.mistake(place, format!("`{name}` is {words}, not `{text}`"))),
        }
    }

    /// A list of texts; empty if not given. One text is a list of one, as CloudFormation takes it.
    pub(super) fn texts_member(&mut self, node: &Node, name: &str) -> Result<Vec<(Place, String)>, Reported> {
        let Some(list) = node.get(name) else { return Ok(Vec::new()) };
        let items = match &list.value {
            Value::List(items) => items.as_slice(),
            Value::Text(_) => std::slice::from_ref(list),
            Value::Null | Value::Map(_) => {
                return Err(self.wrong_shape(list.place, &format!("`{name}`"), "a list of texts", list));
            }
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item.as_text() {
                Some(text) => texts.push((item.place, text.to_owned())),
                None => {
                    let what = format!("an entry of `{name}`");
                    return Err(self.wrong_shape(item.place, &what, "a text", item));
                }
            }
        }
        Ok(texts)
    }
}
