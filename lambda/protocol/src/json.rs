//! Is this JSON? Asked of every payload before a function sees it, and answered without building anything.

use std::fmt;

pub(crate) mod object;
mod scanner;
pub(crate) mod text;

use scanner::{Flaw, Scanner};

/// Checks that `json` is one JSON value and nothing else but blanks around it.
///
/// As strict as RFC 8259; the one bound beyond it is [`MAX_DEPTH`]. Texts and keys may repeat and may hold half a
/// surrogate pair as `\ud800`.
///
/// # Errors
/// The first flaw, with its place.
pub fn check(json: &[u8]) -> Result<(), JsonError> {
    let whole = std::str::from_utf8(json);
    let valid = whole.as_ref().map_or_else(|error| error.valid_up_to(), |text| text.len());
    match Scanner::new(&json[..valid]).document() {
        Ok(()) if valid == json.len() => Ok(()),
        Err(Flaw { at, kind }) if valid == json.len() || !matches!(kind, JsonErrorKind::End(_)) => {
            Err(JsonError::new(json, at, kind))
        }
        // What precedes the byte that is no UTF-8 is fine as far as it goes.
        Ok(()) => Err(JsonError::new(json, valid, not_utf8(&json[valid..], false))),
        Err(Flaw { kind, .. }) => {
            let before_value = kind == JsonErrorKind::End(Inside::Nothing);
            Err(JsonError::new(json, valid, not_utf8(&json[valid..], before_value)))
        }
    }
}

/// Most arrays and objects inside each other. Source: the bound of Jackson, which parses for Lambda
/// (`StreamReadConstraints.DEFAULT_MAX_DEPTH`).
pub const MAX_DEPTH: usize = 1000;

/// A syntax error. Its text is in the manner of the parser behind Lambda, as `InvalidRequestContentException` quotes
/// it; two of the kinds are recorded, the others follow them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JsonError {
    /// From 1.
    pub line: usize,
    /// Bytes from the line's begin, from 1.
    pub column: usize,
    pub kind: JsonErrorKind,
}

/// What is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum JsonErrorKind {
    /// A character that cannot stand where it stands; what could.
    Unexpected {
        character: char,
        expected: &'static str,
    },
    /// A word that is not `null`, `true` or `false`. At most [`MAX_TOKEN_BYTES`].
    UnknownToken(String),
    /// A control character in a string.
    Control(char),
    /// `\x` in a string.
    Escape(char),
    LeadingZero,
    /// A byte that begins no character.
    Utf8Start(u8),
    /// A byte that does not continue the character before it.
    Utf8Middle(u8),
    Depth,
    /// The text ends early.
    End(Inside),
}

/// Where a text ended early.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Inside {
    /// Where a value was due.
    Nothing,
    Text,
    Number,
    Object,
    Array,
}

/// Longest unknown word that is quoted.
pub const MAX_TOKEN_BYTES: usize = 256;

impl JsonError {
    fn new(json: &[u8], at: usize, kind: JsonErrorKind) -> Self {
        let before = &json[..at];
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        let column = at - memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1) + 1;
        Self { line, column, kind }
    }
}

impl std::error::Error for JsonError {}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, kind } = self;
        write!(
            f,
            "{kind}\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); \
             line: {line}, column: {column}]"
        )
    }
}

impl fmt::Display for JsonErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexpected { character, expected } => {
                write!(f, "Unexpected character ({}): {expected}", Described(*character))
            }
            Self::UnknownToken(token) => write!(f, "Unrecognized token '{token}': was {VALUE}"),
            Self::Control(character) => write!(
                f,
                "Illegal unquoted character ({}): has to be escaped using backslash to be included in string value",
                Described(*character)
            ),
            Self::Escape(character) => write!(f, "Unrecognized character escape {}", Described(*character)),
            Self::LeadingZero => f.write_str("Invalid numeric value: Leading zeroes not allowed"),
            Self::Utf8Start(byte) => write!(f, "Invalid UTF-8 start byte {byte:#04x}"),
            Self::Utf8Middle(byte) => write!(f, "Invalid UTF-8 middle byte {byte:#04x}"),
            Self::Depth => {
                write!(
                    f,
                    "Document nesting depth ({}) exceeds the maximum allowed ({MAX_DEPTH})",
                    MAX_DEPTH + 1
                )
            }
            Self::End(inside) => write!(f, "Unexpected end-of-input{}", inside.missing()),
        }
    }
}

impl Inside {
    fn missing(self) -> &'static str {
        match self {
            Self::Nothing => ": expected a value",
            Self::Text => ": was expecting closing quote for a string value",
            Self::Number => " in a numeric value",
            Self::Object => ": expected close marker for Object",
            Self::Array => ": expected close marker for Array",
        }
    }
}

/// What may begin a value.
const VALUE: &str = "expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// A character as the errors show it: `'x' (code 120)`.
struct Described(char);

impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(character) = *self;
        let code = u32::from(character);
        if character.is_control() {
            write!(f, "(CTRL-CHAR, code {code})")
        } else if code > 255 {
            write!(f, "'{character}' (code {code} / {code:#x})")
        } else {
            write!(f, "'{character}' (code {code})")
        }
    }
}

/// Where a value is due, Lambda's parser takes the bytes 0x80 to 0x9f for the control characters of Latin-1.
fn not_utf8(rest: &[u8], before_value: bool) -> JsonErrorKind {
    match *rest {
        [byte @ 0x80..=0x9f, ..] if before_value => {
            JsonErrorKind::Unexpected { character: char::from(byte), expected: scanner::A_VALUE }
        }
        [lead @ 0xc2..=0xf4, ref after @ ..] => {
            let width = match lead {
                ..0xe0 => 1,
                0xe0..0xf0 => 2,
                0xf0.. => 3,
            };
            match after.iter().take(width).find(|byte| !matches!(byte, 0x80..=0xbf)).or_else(|| after.first())
            {
                Some(&byte) => JsonErrorKind::Utf8Middle(byte),
                None => JsonErrorKind::End(Inside::Text),
            }
        }
        [byte, ..] => JsonErrorKind::Utf8Start(byte),
        [] => JsonErrorKind::End(Inside::Nothing),
    }
}

#[cfg(test)]
mod tests;
