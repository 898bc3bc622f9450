//! What is wrong with the settings: everything at once, each by the name that the operator used.

use std::{fmt, sync::Arc};

/// Where a value was written.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Origin {
    Default,
    /// Counted from 1; columns in characters.
    File {
        file: Arc<str>,
        line: usize,
        column: usize,
    },
    Variable(String),
    Flag(&'static str),
}

/// A value as somebody wrote it, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Written {
    /// The key's name in the file.
    pub key: String,
    pub text: String,
    pub origin: Origin,
}

/// One thing to correct. Never quotes what may be a secret.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Mistake {
    pub origin: Origin,
    pub what: String,
}

/// Everything that has to be corrected, in the order of the file. Never empty where it is an error.
#[derive(Clone, Debug, Default, Eq, PartialEq, thiserror::Error)]
#[error("{}", self.lines())]
pub struct Mistakes(Vec<Mistake>);

impl Written {
    /// A mistake in this value.
    pub(super) fn mistake(&self, what: impl fmt::Display) -> Mistake {
        let what = match &self.origin {
            // A variable's or flag's name says it already.
            Origin::Variable(_) | Origin::Flag(_) => what.to_string(),
            Origin::Default | Origin::File { .. } => format!("{}: {what}", self.key),
        };
        Mistake { origin: self.origin.clone(), what }
    }
}

impl Mistakes {
    pub(super) fn add(&mut self, mistake: Mistake) {
        self.0.push(mistake);
    }

    pub(super) fn at(&mut self, origin: &Origin, what: impl Into<String>) {
        self.0.push(Mistake { origin: origin.clone(), what: what.into() });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was checked, unless something is wrong.
    pub(super) fn or<T>(mut self, checked: T) -> Result<T, Self> {
        self.0.sort();
        if self.is_empty() { Ok(checked) } else { Err(self) }
    }

    /// In the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }

    fn lines(&self) -> String {
        self.0.iter().map(Mistake::to_string).collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.what)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// ` is unknown`, with the known word that was probably meant.
pub(super) fn unknown<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let shown = quoted(word);
    match nearest(word, known.clone()) {
        Some(meant) => format!("{shown} is unknown; did you mean {meant:?}?"),
        None => {
            let known: Vec<_> = known.into_iter().collect();
            format!("{shown} is unknown; known: {}", known.join(", "))
        }
    }
}

/// The known word that was probably meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST_SUGGESTED {
        return None;
    }
    let distance = |other: &str| strsim::damerau_levenshtein(&word.to_lowercase(), &other.to_lowercase());
    let (meant, distance) =
        known.into_iter().map(|other| (other, distance(other))).min_by_key(|&(_, d)| d)?;
    (distance <= MAX_SLIPS && distance < meant.len().min(word.len())).then_some(meant)
}

/// A word of the operator's in quotes, cut where it goes on for too long.
pub(super) fn quoted(text: &str) -> String {
    let cut: String = text.chars().take(LONGEST_QUOTED).collect();
    if cut.len() < text.len() { format!("{cut:?}…") } else { format!("{text:?}") }
}

/// Slips of the finger (letters missing, added, wrong or swapped) between a word and what was meant.
const MAX_SLIPS: usize = 2;

/// Bytes. Longer words are not compared: the comparison grows with their length.
const LONGEST_SUGGESTED: usize = 64;

/// Characters of somebody's text in a message.
const LONGEST_QUOTED: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, expected: Option<&str>) {
        assert_eq!(nearest(word, ["listen", "timeout", "stedi", "key"]), expected, "{word:?}");
    }

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        check("listen", Some("listen"));
        check("litsen", Some("listen"));
        check("Timeuot", Some("timeout"));
        check("steddi", Some("stedi"));
        check("keys", Some("key"));
    }

    #[test]
    fn another_word_is_not_taken_for_a_slip() {
        check("colour", None);
        check("ab", None);
        check("", None);
        check(&"listen".repeat(20), None);
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(quoted("ü\n"), r#""ü\n""#);
        assert_eq!(quoted(&"ü".repeat(100)), format!("{:?}…", "ü".repeat(LONGEST_QUOTED)));
    }
}
