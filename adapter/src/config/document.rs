//! A TOML text as tables that know where they stand and what was asked of them.

use std::{ops::Range, sync::Arc};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    kind::Shape,
    mistake::{Mistakes, Origin, Written, unknown},
};

/// A text that is TOML.
pub(super) struct Document<'t> {
    root: Spanned<DeTable<'t>>,
    places: Places<'t>,
}

/// One table of a document. Remembers which keys were asked for: the others are unknown.
pub(super) struct Section<'d> {
    table: &'d DeTable<'d>,
    places: &'d Places<'d>,
    origin: Origin,
    asked: Vec<&'static str>,
}

impl<'t> Document<'t> {
    /// `file` is the name that messages use.
    ///
    /// # Errors
    /// Every place where the text is not TOML.
    pub(super) fn parse(file: &str, text: &'t str) -> Result<Self, Mistakes> {
        let places = Places::new(file, text);
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut mistakes = Mistakes::default();
        for error in errors {
            let first_line = error.message().lines().next().unwrap_or_default();
            mistakes.at(&places.at(&error.span().unwrap_or(0..0)), first_line);
        }
        mistakes.or(Self { root, places })
    }

    pub(super) fn root(&self) -> Section<'_> {
        Section::new(self.root.get_ref(), &self.places, self.root.span())
    }
}

impl<'d> Section<'d> {
    fn new(table: &'d DeTable<'d>, places: &'d Places<'d>, span: Range<usize>) -> Self {
        Self { table, places, origin: places.at(&span), asked: Vec::new() }
    }

    /// Where the table begins.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The value of a setting, as the one text that it is in the environment, too: of a list, with commas.
    pub(super) fn setting(
        &mut self,
        key: &'static str,
        shape: &Shape,
        mistakes: &mut Mistakes,
    ) -> Option<Written> {
        let text = match shape {
            Shape::Truth => self.truth(key, mistakes)?.to_string(),
            Shape::Texts | Shape::Words(_) => {
                let words = self.words(key, mistakes)?;
                let is_list = self.table.get(key)?.get_ref().is_array();
                // In a list it is a slip, and would be taken for no list at all.
                for empty in words.iter().filter(|word| is_list && word.text.is_empty()) {
                    mistakes.add(empty.mistake("an empty text in a list"));
                }
                words.iter().map(|word| &*word.text).collect::<Vec<_>>().join(", ")
            }
            Shape::Text | Shape::Word(_) | Shape::Count | Shape::Time | Shape::Size | Shape::Hash => {
                return self.word(key, mistakes);
            }
        };
        let origin = self.places.at(&self.table.get(key)?.span());
        Some(Written { key: key.to_owned(), text, origin })
    }

    /// A text, a whole number in its digits, or a date as TOML writes it.
    pub(super) fn word(&mut self, key: &'static str, mistakes: &mut Mistakes) -> Option<Written> {
        let value = self.ask(key)?;
        let written = self.scalar(key, value);
        if written.is_none() {
            self.wrong_type(key, value, "text", mistakes);
        }
        written
    }

    /// A list of texts, or one text.
    pub(super) fn words(&mut self, key: &'static str, mistakes: &mut Mistakes) -> Option<Vec<Written>> {
        let value = self.ask(key)?;
        if let Some(one) = self.scalar(key, value) {
            return Some(vec![one]);
        }
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(key, value, "a list of texts", mistakes);
            return Some(Vec::new());
        };
        let mut words = Vec::new();
        for item in items.iter() {
            match self.scalar(key, item) {
                Some(word) => words.push(word),
                None => self.wrong_type(key, item, "text", mistakes),
            }
        }
        Some(words)
    }

    /// `true` or `false`.
    pub(super) fn truth(&mut self, key: &'static str, mistakes: &mut Mistakes) -> Option<bool> {
        let value = self.ask(key)?;
        let truth = value.get_ref().as_bool();
        if truth.is_none() {
            self.wrong_type(key, value, "true or false", mistakes);
        }
        truth
    }

    /// `[key]`.
    pub(super) fn section(&mut self, key: &'static str, mistakes: &mut Mistakes) -> Option<Self> {
        let value = self.ask(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type(key, value, &format!("a table; write [{key}]"), mistakes);
            return None;
        };
        Some(Self::new(table, self.places, value.span()))
    }

    /// `[[key]]`.
    pub(super) fn rows(&mut self, key: &'static str, mistakes: &mut Mistakes) -> Vec<Self> {
        let Some(value) = self.ask(key) else { return Vec::new() };
        let hint = format!("rows; write [[{key}]]");
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(key, value, &hint, mistakes);
            return Vec::new();
        };
        let mut rows = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_table() {
                Some(table) => rows.push(Self::new(table, self.places, item.span())),
                None => self.wrong_type(key, item, &hint, mistakes),
            }
        }
        rows
    }

    /// Every key that was never asked for is a mistake.
    pub(super) fn finish(self, mistakes: &mut Mistakes) {
        for key in self.table.keys().filter(|key| !self.asked.contains(&key.get_ref().as_ref())) {
            let place = self.places.at(&key.span());
            mistakes.at(&place, unknown(key.get_ref(), self.asked.iter().copied()));
        }
    }

    fn ask(&mut self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.asked.push(key);
        self.table.get(key)
    }

    fn scalar(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Written> {
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Datetime(date) => date.to_string(),
            DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Array(_) | DeValue::Table(_) => return None,
        };
        Some(Written { key: key.to_owned(), text, origin: self.places.at(&value.span()) })
    }

    fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str, mistakes: &mut Mistakes) {
        let found = value.get_ref().type_str();
        mistakes.at(&self.places.at(&value.span()), format!("{key}: this is {found}, not {expected}"));
    }
}

/// From byte offsets to lines and columns.
struct Places<'t> {
    file: Arc<str>,
    text: &'t str,
    line_starts: Vec<usize>,
}

impl<'t> Places<'t> {
    fn new(file: &str, text: &'t str) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { file: file.into(), text, line_starts }
    }

    fn at(&self, span: &Range<usize>) -> Origin {
        let line = self.line_starts.partition_point(|&start| start <= span.start).max(1);
        let line_start = self.line_starts[line - 1];
        let before = self.text.as_bytes().get(line_start..span.start).unwrap_or_default();
        let column = String::from_utf8_lossy(before).chars().count() + 1;
        Origin::File { file: Arc::clone(&self.file), line, column }
    }
}
