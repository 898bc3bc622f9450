//! A row: what the queue knows of one piece of work, apart from its bytes.

use bytes::Bytes;

use crate::{
    moment::Moment,
    name::{Address, Key},
};

/// One row without its content, so that a change of state never writes a payload again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Row {
    pub address: Address,
    pub key: Key,
    pub state: State,
    /// How often the row was leased in all of its life. While it is leased this is the lease's number.
    pub leases: u32,
    /// How many attempts have failed since the row was put or redriven.
    pub attempts: u32,
    /// How often it was given back without an attempt since the last one.
    pub releases: u32,
    /// How often the row came back from the dead.
    pub redriven: u32,
    pub created: Moment,
    /// When a row that still waits has waited too long.
    pub expires: Option<Moment>,
    pub history: History,
    /// What the row counts against the limits: its content and [`ROW_OVERHEAD_BYTES`].
    pub size_bytes: u64,
}

/// Where a row stands. A row that is done is no longer there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum State {
    Waiting { not_before: Moment },
    Leased { until: Moment },
    Dead { since: Moment, reason: Reason },
}

/// [`State`] without its facts: what rows are counted and listed by.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Standing {
    Waiting,
    Leased,
    Dead,
}

/// What somebody saw of a row, by which it is known again: not if it was redriven since, died or came back from its death, or
/// is another one under the same id. That it was tried meanwhile changes nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Seen {
    standing: Standing,
    created: Moment,
    redriven: u32,
}

/// What a row carries, never changed and never looked into.
///
/// Shape: together at most [`MAX_CONTENT_BYTES`](crate::limits::MAX_CONTENT_BYTES).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Content {
    pub attributes: Bytes,
    pub payload: Bytes,
}

/// Why an attempt failed or a row died, for people.
///
/// Shape: at most 512 bytes of UTF-8, one line. What is longer is cut, control characters are blanks.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reason(Box<str>);

/// The last few failed attempts, the latest last.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct History(Vec<Failed>);

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failed {
    pub at: Moment,
    pub reason: Reason,
}

impl Row {
    pub fn standing(&self) -> Standing {
        match self.state {
            State::Waiting { .. } => Standing::Waiting,
            State::Leased { .. } => Standing::Leased,
            State::Dead { .. } => Standing::Dead,
        }
    }

    /// For whoever decides now and acts later.
    pub fn seen(&self) -> Seen {
        Seen { standing: self.standing(), created: self.created, redriven: self.redriven }
    }

    /// When something is due: the end of the pause or of the lease, or the death that retention counts from.
    pub fn due(&self) -> Moment {
        match self.state {
            State::Waiting { not_before } => not_before,
            State::Leased { until } => until,
            State::Dead { since, .. } => since,
        }
    }

    pub fn is_expired(&self, now: Moment) -> bool {
        self.standing() == Standing::Waiting && self.expires.is_some_and(|expires| expires <= now)
    }
}

impl Content {
    pub fn payload(payload: impl Into<Bytes>) -> Self {
        Self { attributes: Bytes::new(), payload: payload.into() }
    }

    pub fn len(&self) -> usize {
        self.attributes.len() + self.payload.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a row with this content counts against the limits.
    pub fn size_bytes(&self) -> u64 {
        self.len() as u64 + ROW_OVERHEAD_BYTES
    }
}

impl Reason {
    pub fn new(text: &str) -> Self {
        let end = text.floor_char_boundary(MAX_REASON_BYTES);
        Self(text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Reason {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl History {
    pub(crate) fn push(&mut self, at: Moment, reason: Reason) {
        if self.0.len() == MAX_HISTORY {
            self.0.remove(0);
        }
        self.0.push(Failed { at, reason });
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Failed> {
        self.0.iter()
    }

    /// One line an attempt: the moment in milliseconds, a blank, the reason.
    pub(crate) fn render(&self) -> String {
        let line = |failed: &Failed| format!("{} {}\n", failed.at.as_millis(), failed.reason.as_str());
        self.0.iter().map(line).collect()
    }

    /// `None`: these are not lines that [`Self::render`] writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let line = |line: &str| {
            let (at, reason) = line.split_once(' ')?;
            Some(Failed { at: Moment::from_millis(at.parse().ok()?), reason: Reason::new(reason) })
        };
        text.split_terminator('\n').map(line).collect::<Option<_>>().map(Self)
    }
}

impl<'a> IntoIterator for &'a History {
    type Item = &'a Failed;
    type IntoIter = std::slice::Iter<'a, Failed>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What a row costs besides its content: its columns and its places in the indexes, rounded up.
pub const ROW_OVERHEAD_BYTES: u64 = 512;

/// The bytes of a reason that are kept.
pub const MAX_REASON_BYTES: usize = 512;

/// The attempts whose reasons are kept.
pub const MAX_HISTORY: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_short_line() {
        assert_eq!(Reason::new("a\r\nb").as_str(), "a  b");
        assert_eq!(Reason::new(&"é".repeat(300)).as_str().len(), 512);
    }

    #[test]
    fn a_history_keeps_the_last_few_and_survives_its_text() {
        let mut history = History::default();
        for n in 0..7 {
            history.push(Moment::from_millis(n), Reason::new(&format!("no {n}")));
        }
        assert_eq!(history.iter().map(|failed| failed.at.as_millis()).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
        assert_eq!(History::parse(&history.render()), Some(history));
        assert_eq!(History::parse("x y\n"), None);
    }
}
