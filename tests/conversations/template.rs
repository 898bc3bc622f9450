//! Text with placeholders: `<<id>>`, `<<4 x a>>` and the others that `README.md` lists.

use std::collections::BTreeMap;

/// Bytes, some of which are not known when the file is written.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Bytes(Vec<u8>),
    Word(Word),
    /// To the end of the line, at least one character.
    Any,
}

/// What only a run knows.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Word {
    Id,
    StartNs,
    ElapsedS,
    Peer,
    Span,
}

/// What a run knows by now. A word that is not here is learned where it first stands.
pub(crate) type Known = BTreeMap<Word, String>;

impl Template {
    /// # Errors
    /// The placeholder that is none.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("<<") {
            let (inner, after) = after.split_once(">>").ok_or_else(|| format!("<<{after:.20} has no >>"))?;
            parts.push(Part::Bytes(before.as_bytes().to_vec()));
            parts.push(placeholder(inner).ok_or_else(|| format!("<<{inner}>> is no placeholder"))?);
            rest = after;
        }
        parts.push(Part::Bytes(rest.as_bytes().to_vec()));
        Ok(Self(parts))
    }

    /// What the other expects behind what this one does.
    pub(crate) fn followed_by(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The bytes, where every word is known.
    ///
    /// # Errors
    /// The word that is not.
    pub(crate) fn fill(&self, known: &Known) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        for part in &self.0 {
            match part {
                Part::Bytes(literal) => bytes.extend_from_slice(literal),
                Part::Word(word) => {
                    let value = known.get(word).ok_or_else(|| format!("{word:?} is not known here"))?;
                    bytes.extend_from_slice(value.as_bytes());
                }
                Part::Any => return Err("<<any>> can only be expected".to_owned()),
            }
        }
        Ok(bytes)
    }

    /// Does `actual` match? Learns the words that it meets for the first time.
    ///
    /// # Errors
    /// Where the two part ways.
    pub(crate) fn check(&self, actual: &[u8], known: &mut Known) -> Result<(), String> {
        let mut rest = actual;
        for part in &self.0 {
            let taken = match part {
                Part::Bytes(literal) => rest.starts_with(literal).then_some(literal.len()),
                Part::Word(word) => word.take(rest, known),
                Part::Any => {
                    Some(rest.iter().take_while(|byte| **byte != b'\n').count()).filter(|len| *len > 0)
                }
            };
            let Some(taken) = taken else {
                let at = actual.len() - rest.len();
                return Err(format!("at byte {at} expected {}, got {}", part.show(), show(rest)));
            };
            rest = &rest[taken..];
        }
        if rest.is_empty() { Ok(()) } else { Err(format!("expected the end, got {}", show(rest))) }
    }
}

impl Word {
    /// How many bytes at the beginning of `text` are this word's value.
    fn take(self, text: &[u8], known: &mut Known) -> Option<usize> {
        if let Some(value) = known.get(&self) {
            return text.starts_with(value.as_bytes()).then_some(value.len());
        }
        let fits = |byte: &u8| match self {
            Self::Id => byte.is_ascii_digit() || matches!(byte, b'a'..=b'f' | b'-'),
            Self::StartNs => byte.is_ascii_digit(),
            Self::ElapsedS => byte.is_ascii_digit() || *byte == b'.',
            Self::Span => byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'),
            Self::Peer => byte.is_ascii_digit() || matches!(byte, b'.' | b':'),
        };
        let len = text.iter().take_while(|byte| fits(byte)).count();
        let value = String::from_utf8(text[..len].to_vec()).expect("digits and signs");
        let whole = match self {
            Self::Id => len == UUID_LEN,
            Self::Span => len == SPAN_LEN,
            Self::StartNs => len > 0,
            Self::ElapsedS => value.parse::<f64>().is_ok(),
            Self::Peer => value.parse::<std::net::SocketAddr>().is_ok(),
        };
        whole.then(|| {
            known.insert(self, value);
            len
        })
    }
}

impl Part {
    fn show(&self) -> String {
        match self {
            Self::Bytes(bytes) => show(bytes),
            Self::Word(word) => format!("{word:?}"),
            Self::Any => "anything".to_owned(),
        }
    }
}

/// Bytes as text, cut where nobody would read on.
pub(crate) fn show(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN_BYTES)]);
    let more =
        if bytes.len() > SHOWN_BYTES { format!(" … {} bytes in all", bytes.len()) } else { String::new() };
    format!("{text:?}{more}")
}

fn placeholder(inner: &str) -> Option<Part> {
    let word = match inner {
        "id" => Word::Id,
        "start-ns" => Word::StartNs,
        "elapsed-s" => Word::ElapsedS,
        "peer" => Word::Peer,
        "span" => Word::Span,
        "any" => return Some(Part::Any),
        _ => return literal(inner).map(Part::Bytes),
    };
    Some(Part::Word(word))
}

fn literal(inner: &str) -> Option<Vec<u8>> {
    if let Some(text) = inner.strip_prefix("base64 ") {
        return Some(base64_simd::STANDARD.encode_to_string(text).into_bytes());
    }
    if let Some(digits) = inner.strip_prefix("hex ") {
        return digits.split(' ').map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
    }
    if let Some(count) = inner.strip_suffix(" nul") {
        return Some(vec![0; count.parse().ok()?]);
    }
    let (count, text) = inner.split_once(" x ")?;
    Some(text.repeat(count.parse().ok()?).into_bytes())
}

const UUID_LEN: usize = 36;
const SPAN_LEN: usize = 16;
const SHOWN_BYTES: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(template: &str, actual: &[u8], matches: bool) {
        let result = Template::parse(template).unwrap().check(actual, &mut Known::new());
        assert_eq!(result.is_ok(), matches, "{template:?} against {actual:?}: {result:?}");
    }

    const UUID: &str = "01980000-0000-7000-8000-000000000001";
    const OTHER: &str = "01980000-0000-7000-8000-000000000002";

    #[test]
    fn literals_are_what_they_describe() {
        check("a<<3 x bc>>d", b"abcbcbcd", true);
        check("<<hex 00 ff>>", b"\x00\xff", true);
        check("{}<<3 nul>>", b"{}\0\0\0", true);
        check(r#"<<base64 {"a":1}>>"#, b"eyJhIjoxfQ==", true);
        check("abc", b"ab", false);
        check("ab", b"abc", false);
    }

    #[test]
    fn a_word_is_the_same_wherever_it_stands() {
        check("<<id>> <<id>>", format!("{UUID} {UUID}").as_bytes(), true);
        check("<<id>> <<id>>", format!("{UUID} {OTHER}").as_bytes(), false);
        check("<<id>>", b"no-uuid", false);
        check("<<elapsed-s>>s", b"0.250000s", true);
        check("<<start-ns>>", b"", false);
        check("<<span>>-<<span>>", b"00f067aa0ba902b7-00f067aa0ba902b7", true);
        check("<<span>>", b"00f067aa0ba902b", false);
        check("<<peer>>", b"127.0.0.1:8080", true);
    }

    #[test]
    fn anything_ends_with_the_line() {
        check("a<<any>>", b"abc", true);
        check("a<<any>>", b"a", false);
        check("a<<any>>", b"ab\nc", false);
    }

    #[test]
    fn what_is_known_can_be_filled_in() {
        let template = Template::parse("id=<<id>>").unwrap();
        assert!(template.fill(&Known::new()).is_err());
        let known = Known::from([(Word::Id, UUID.to_owned())]);
        assert_eq!(template.fill(&known).unwrap(), format!("id={UUID}").into_bytes());
    }

    #[test]
    fn what_is_no_placeholder_is_a_mistake() {
        for text in ["<<idd>>", "<<id", "<<x x y>>", "<<hex 0g>>", "<<x nul>>"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
