//! YAML (or JSON, its subset) as a tree of texts, lists and maps that remember where they were written.
//!
//! Short intrinsics become long ones on the way in: `!Sub x` is read as `{Fn::Sub: x}`, so whoever evaluates sees one form.

use std::{borrow::Cow, collections::HashMap};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput, Tag};

use super::findings::{Findings, Place, Reported, did_you_mean};

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) place: Place,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    /// As written: CloudFormation hands numbers and booleans on as text, too.
    Text(String),
    List(Vec<Node>),
    /// In the file's order, each key once.
    Map(Vec<Entry>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Of the key.
    pub(super) place: Place,
    pub(super) value: Node,
}

impl Node {
    /// Reads a whole template.
    pub(super) fn read(text: &str, found: &mut Findings) -> Result<Self, Reported> {
        if text.len() > MAX_BYTES {
            let message = format!("the template is over CloudFormation's limit of {MAX_BYTES} bytes");
            return Err(found.mistake(START, message));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Reader { events: Parser::new_from_str(text), found }.document()
    }

    pub(super) fn text(place: Place, text: impl Into<String>) -> Self {
        Self { place, value: Value::Text(text.into()) }
    }

    /// The entries, if this is a map.
    pub(super) fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            Value::Null | Value::Text(_) | Value::List(_) => None,
        }
    }

    /// The value under `key`, if this is a map that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries()?.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// `{Ref: …}` or `{Fn::…: …}`: the function's name and its argument.
    pub(super) fn intrinsic(&self) -> Option<(&str, &Self)> {
        match self.entries()? {
            [Entry { key, value, .. }] if key == "Ref" || key.starts_with("Fn::") => Some((key, value)),
            _ => None,
        }
    }

    /// What stands here, in a reader's words.
    pub(super) fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Text(_) => "a text".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => match self.intrinsic() {
                Some((name, _)) => format!("`{name}`"),
                None => "a map".to_owned(),
            },
        }
    }
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    found: &'a mut Findings,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Node, Reported> {
        loop {
            let (event, place) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) => {}
                Event::StreamEnd => return Err(self.found.mistake(place, "the template is empty")),
                event => {
                    let root = self.node(event, place, 0)?;
                    return self.end().map(|()| root);
                }
            }
        }
    }

    /// The whole file is read, so that a broken end does not go unnoticed.
    fn end(&mut self) -> Result<(), Reported> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentStart(_), place) => {
                    return Err(self
                        .found
                        .mistake(place, "a template is one YAML document, and here a second begins"));
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Place), Reported> {
        match self.events.next_event() {
            Some(Ok((event, span))) => Ok((event, place(&span.start))),
            Some(Err(error)) => {
                let message = format!("not YAML: {}", error.info());
                Err(self.found.mistake(place(error.marker()), message))
            }
            None => Ok((Event::StreamEnd, START)),
        }
    }

    fn node(&mut self, event: Event<'a>, place: Place, depth: usize) -> Result<Node, Reported> {
        if depth > MAX_DEPTH {
            return Err(self.found.mistake(place, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let (value, tag) = match event {
            Event::Scalar(text, style, _, tag) => (scalar(text, style, tag.as_deref()), tag),
            Event::SequenceStart(_, tag) => (self.list(depth)?, tag),
            Event::MappingStart(_, tag) => (self.map(depth)?, tag),
            Event::Alias(_) => {
                return Err(self
                    .found
                    .mistake(place, "CloudFormation has no YAML aliases: write the value out"));
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err(self.found.mistake(place, "not YAML: a value is missing")),
        };
        Ok(self.tagged(Node { value, place }, tag.as_deref()))
    }

    fn list(&mut self, depth: usize) -> Result<Value, Reported> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, place) => items.push(self.node(event, place, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Reported> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = HashMap::new();
        loop {
            let (event, at) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Value::Map(entries));
            }
            let key = self.node(event, at, depth + 1)?;
            let (event, value_at) = self.next()?;
            let value = self.node(event, value_at, depth + 1)?;
            let key = match key.value {
                Value::Text(key) if key == "<<" => {
                    self.found.mistake(at, "CloudFormation has no YAML merges (`<<`): write the entries out");
                    continue;
                }
                Value::Text(key) => key,
                Value::Null | Value::List(_) | Value::Map(_) => {
                    self.found.mistake(at, "a key must be a text");
                    continue;
                }
            };
            match seen.insert(key.clone(), at) {
                None => entries.push(Entry { key, place: at, value }),
                Some(first) => {
                    let message = format!("`{key}` is already given on line {}", first.line);
                    self.found.mistake(at, message);
                }
            }
        }
    }

    fn tagged(&mut self, node: Node, tag: Option<&Tag>) -> Node {
        let Some(tag) = tag else { return node };
        if tag.is_yaml_core_schema() {
            if !CORE_TAGS.contains(&tag.suffix.as_str()) {
                self.found
                    .mistake(node.place, format!("CloudFormation does not know the tag `!!{}`", tag.suffix));
            }
            return node;
        }
        match SHORT_FORMS.iter().find(|form| tag.handle == "!" && form[1..] == tag.suffix) {
            Some(form) => {
                let name = form[1..].to_owned();
                let key = if matches!(*form, "!Ref" | "!Condition") { name } else { format!("Fn::{name}") };
                let place = node.place;
                Node { place, value: Value::Map(vec![Entry { key, place, value: node }]) }
            }
            None => {
                let known = SHORT_FORMS.iter().copied();
                self.found
                    .mistake(node.place, format!("unknown tag {}", did_you_mean(&tag.to_string(), known)));
                node
            }
        }
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let untagged_word = style == ScalarStyle::Plain && tag.is_none_or(|tag| !tag.is_yaml_core_schema());
    match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" if untagged_word => Value::Null,
        _ => Value::Text(text.into_owned()),
    }
}

fn place(marker: &Marker) -> Place {
    Place { line: marker.line(), column: marker.col() + 1 }
}

pub(super) const START: Place = Place { line: 1, column: 1 };

/// Bytes. Source: CloudFormation quotas, "template body size in an Amazon S3 object", 1 MB.
const MAX_BYTES: usize = 1_048_576;

/// Levels. Ours: deeper than any template, shallow enough for every stack.
const MAX_DEPTH: usize = 64;

/// Source: CloudFormation user guide, "Intrinsic function reference", short forms.
const SHORT_FORMS: &[&str] = &[
    "!And",
    "!Base64",
    "!Cidr",
    "!Condition",
    "!Contains",
    "!EachMemberEquals",
    "!EachMemberIn",
    "!Equals",
    "!FindInMap",
    "!GetAtt",
    "!GetAZs",
    "!If",
    "!ImportValue",
    "!Join",
    "!Length",
    "!Not",
    "!Or",
    "!Ref",
    "!RefAll",
    "!Select",
    "!Split",
    "!Sub",
    "!ToJsonString",
    "!Transform",
    "!ValueOf",
    "!ValueOfAll",
];

/// What is left of YAML's own tags once CloudFormation's exceptions (binary, omap, pairs, set, timestamp) are gone.
const CORE_TAGS: &[&str] = &["bool", "float", "int", "map", "null", "seq", "str"];
