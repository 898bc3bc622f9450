//! A hostile request as the corpus tells it. `README.md` describes the form.

use std::{fs, path::PathBuf};

/// One sequence of bytes, and what they deserve.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// File, line and name.
    pub(crate) name: String,
    pub(crate) sent: Vec<u8>,
    /// The caller ends its side after the last byte.
    pub(crate) shut: bool,
    pub(crate) answers: Vec<Answer>,
}

/// What an answer's status may be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    Status(u16),
    /// `4xx`: its first digit.
    Class(u16),
}

impl Answer {
    pub(crate) fn fits(&self, status: u16) -> bool {
        match *self {
            Self::Status(expected) => status == expected,
            Self::Class(digit) => status / 100 == digit,
        }
    }
}

/// Every case of a file of `tests/hostile`.
///
/// # Panics
/// The file does not fit the form.
pub(crate) fn read(file: &str) -> Vec<Case> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/hostile").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut cases = Vec::new();
    let mut open: Option<Open> = None;
    for (index, line) in text.lines().enumerate() {
        let at = || format!("{file}:{}", index + 1);
        if let Some(name) = line.strip_prefix("=== ") {
            assert!(open.is_none(), "{}: the case before has no =>", at());
            open = Some(Open { name: format!("{} {name}", at()), ..Open::default() });
            continue;
        }
        let Some(case) = &mut open else {
            assert!(line.is_empty() || line.starts_with('#'), "{}: outside of a case", at());
            continue;
        };
        if let Some(answers) = line.strip_prefix("=> ") {
            let case = open.take().expect("just seen");
            cases.extend(case.finish(&answers.split_whitespace().filter_map(answer).collect::<Vec<_>>()));
        } else if let Some(values) = line.strip_prefix("@each ") {
            case.values = values.split(" | ").map(str::to_owned).collect();
        } else if line == "@shut" {
            case.shut = true;
        } else {
            case.lines.push(line.to_owned());
        }
    }
    assert!(open.is_none(), "{file}: the last case has no =>");
    cases
}

/// A case that is still being read.
#[derive(Debug, Default)]
struct Open {
    name: String,
    lines: Vec<String>,
    values: Vec<String>,
    shut: bool,
}

impl Open {
    fn finish(self, answers: &[Answer]) -> Vec<Case> {
        let case = |name: String, value: &str| Case {
            name,
            sent: self.lines.iter().flat_map(|line| bytes(&line.replace("{}", value))).collect(),
            shut: self.shut,
            answers: answers.to_vec(),
        };
        if self.values.is_empty() {
            return vec![case(self.name.clone(), "")];
        }
        self.values.iter().map(|value| case(format!("{} [{value}]", self.name), value)).collect()
    }
}

/// `close` says that no answer comes, or no further one; the end of the list says the same.
fn answer(word: &str) -> Option<Answer> {
    match word.strip_suffix("xx") {
        Some(digit) => Some(Answer::Class(digit.parse().unwrap_or_else(|_| panic!("{word:?}")))),
        None if word == "close" => None,
        None => Some(Answer::Status(word.parse().unwrap_or_else(|_| panic!("{word:?}")))),
    }
}

/// A line's bytes: CR LF at its end unless a backslash stands there.
fn bytes(line: &str) -> Vec<u8> {
    if line == "@good" {
        return GOOD.to_vec();
    }
    if let Some(repeat) = line.strip_prefix("@repeat ") {
        let (times, what) = repeat.split_once(' ').expect("@repeat TIMES WHAT");
        return unescape(what).repeat(times.parse().expect("a number of times"));
    }
    match line.strip_suffix('\\') {
        Some(open) if !open.ends_with('\\') => unescape(open),
        _ => [unescape(line).as_slice(), b"\r\n"].concat(),
    }
}

/// `\r \n \t \0 \\ \s` (a blank) and `\xNN`.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next().expect("something after a backslash") {
                b'r' => b'\r',
                b'n' => b'\n',
                b't' => b'\t',
                b's' => b' ',
                b'0' => 0,
                b'\\' => b'\\',
                b'x' => {
                    let digits =
                        [rest.next(), rest.next()].map(|digit| char::from(digit.expect("two digits")));
                    u8::from_str_radix(&String::from_iter(digits), 16).expect("hexadecimal digits")
                }
                other => panic!("\\{} means nothing", char::from(other)),
            },
            byte => byte,
        });
    }
    bytes
}

/// A request that deserves 200 and ends its connection.
pub(crate) const GOOD: &[u8] =
    b"POST /function/echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
