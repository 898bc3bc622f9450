//! The grammar of RFC 8259 as a loop over bytes with a stack of what is open.

use super::{Inside, JsonErrorKind, MAX_DEPTH, MAX_TOKEN_BYTES, text};

/// Goes through a text that is valid UTF-8.
pub(super) struct Scanner<'a> {
    json: &'a [u8],
    at: usize,
    /// Where each open array and object began; its bracket is there.
    open: Vec<usize>,
}

/// A flaw and where it is.
pub(super) struct Flaw {
    pub(super) at: usize,
    pub(super) kind: JsonErrorKind,
}

pub(super) const A_VALUE: &str =
    "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

const A_KEY: &str = "was expecting double-quote to start field name";
const A_COLON: &str = "was expecting a colon to separate field name and value";
const A_COMMA_IN_OBJECT: &str = "was expecting comma to separate Object entries";
const A_COMMA_IN_ARRAY: &str = "was expecting comma to separate Array entries";
const A_DIGIT: &str = "expected digit (0-9) for valid numeric value";
const A_HEX_DIGIT: &str = "expected a hex-digit for character escape sequence";
const NOTHING: &str = "expected end-of-input";

/// What is due next.
enum Due {
    Value,
    /// Or the end of an array that has just begun.
    FirstElement,
    /// Or the end of an object that has just begun.
    FirstKey,
    Key,
    /// A comma, a closing bracket, or the end.
    Separator,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(json: &'a [u8]) -> Self {
        Self { json, at: 0, open: Vec::new() }
    }

    pub(super) fn document(mut self) -> Result<(), Flaw> {
        let mut due = Due::Value;
        loop {
            self.skip_blanks();
            due = match due {
                Due::Value => self.value()?,
                Due::FirstElement => match self.peek() {
                    Some(b']') => self.close(),
                    Some(_) => Due::Value,
                    None => return Err(self.ended(Inside::Array)),
                },
                Due::FirstKey => match self.peek() {
                    Some(b'}') => self.close(),
                    Some(_) | None => Due::Key,
                },
                Due::Key => self.key()?,
                Due::Separator => match self.open.last() {
                    Some(&begin) => self.separator(self.json[begin])?,
                    None if self.at == self.json.len() => return Ok(()),
                    None => return Err(self.unexpected(NOTHING)),
                },
            };
        }
    }

    fn value(&mut self) -> Result<Due, Flaw> {
        match self.peek() {
            Some(b'"') => self.string()?,
            Some(b'{') => return self.open(Due::FirstKey),
            Some(b'[') => return self.open(Due::FirstElement),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(byte) if byte.is_ascii_alphabetic() => self.word()?,
            Some(_) => return Err(self.unexpected(A_VALUE)),
            None => return Err(self.ended(Inside::Nothing)),
        }
        Ok(Due::Separator)
    }

    fn key(&mut self) -> Result<Due, Flaw> {
        match self.peek() {
            Some(b'"') => self.string()?,
            Some(_) => return Err(self.unexpected(A_KEY)),
            None => return Err(self.ended(Inside::Object)),
        }
        self.skip_blanks();
        match self.peek() {
            Some(b':') => self.at += 1,
            Some(_) => return Err(self.unexpected(A_COLON)),
            None => return Err(self.ended(Inside::Object)),
        }
        Ok(Due::Value)
    }

    fn separator(&mut self, bracket: u8) -> Result<Due, Flaw> {
        let in_object = bracket == b'{';
        match self.peek() {
            Some(b'}') if in_object => Ok(self.close()),
            Some(b']') if !in_object => Ok(self.close()),
            Some(b',') => {
                self.at += 1;
                Ok(if in_object { Due::Key } else { Due::Value })
            }
            Some(_) => Err(self.unexpected(if in_object { A_COMMA_IN_OBJECT } else { A_COMMA_IN_ARRAY })),
            None => Err(self.ended(if in_object { Inside::Object } else { Inside::Array })),
        }
    }

    fn open(&mut self, due: Due) -> Result<Due, Flaw> {
        if self.open.len() == MAX_DEPTH {
            return Err(self.flaw(JsonErrorKind::Depth));
        }
        self.open.push(self.at);
        self.at += 1;
        Ok(due)
    }

    fn close(&mut self) -> Due {
        self.open.pop();
        self.at += 1;
        Due::Separator
    }

    fn string(&mut self) -> Result<(), Flaw> {
        self.at += 1;
        loop {
            self.at += text::plain_prefix(&self.json[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(control) => return Err(self.flaw(JsonErrorKind::Control(char::from(control)))),
                None => return Err(self.ended(Inside::Text)),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Flaw> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    match self.peek() {
                        Some(digit) if digit.is_ascii_hexdigit() => self.at += 1,
                        Some(_) => return Err(self.unexpected(A_HEX_DIGIT)),
                        None => return Err(self.ended(Inside::Text)),
                    }
                }
            }
            Some(_) => return Err(self.flaw(JsonErrorKind::Escape(self.character()))),
            None => return Err(self.ended(Inside::Text)),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Flaw> {
        self.skip_one(b"-");
        if self.skip_one(b"0") {
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.flaw(JsonErrorKind::LeadingZero));
            }
        } else {
            self.digits()?;
        }
        if self.skip_one(b".") {
            self.digits()?;
        }
        if self.skip_one(b"eE") {
            self.skip_one(b"+-");
            self.digits()?;
        }
        Ok(())
    }

    /// One or more.
    fn digits(&mut self) -> Result<(), Flaw> {
        match self.peek() {
            Some(b'0'..=b'9') => {
                let digits = self.json[self.at..].iter().take_while(|byte| byte.is_ascii_digit());
                self.at += digits.count();
                Ok(())
            }
            Some(_) => Err(self.unexpected(A_DIGIT)),
            None => Err(self.ended(Inside::Number)),
        }
    }

    fn word(&mut self) -> Result<(), Flaw> {
        let rest = &self.json[self.at..];
        let len = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        match &rest[..len] {
            b"null" | b"true" | b"false" => {
                self.at += len;
                Ok(())
            }
            token => {
                let token = token[..len.min(MAX_TOKEN_BYTES)].iter().copied().map(char::from).collect();
                Err(self.flaw(JsonErrorKind::UnknownToken(token)))
            }
        }
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn skip_one(&mut self, set: &[u8]) -> bool {
        let found = self.peek().is_some_and(|byte| set.contains(&byte));
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    /// The whole character that begins here.
    fn character(&self) -> char {
        let rest = std::str::from_utf8(&self.json[self.at..]).unwrap_or_default();
        rest.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn unexpected(&self, expected: &'static str) -> Flaw {
        self.flaw(JsonErrorKind::Unexpected { character: self.character(), expected })
    }

    fn ended(&self, inside: Inside) -> Flaw {
        self.flaw(JsonErrorKind::End(inside))
    }

    fn flaw(&self, kind: JsonErrorKind) -> Flaw {
        Flaw { at: self.at, kind }
    }
}
