//! Where a page of the list ended.

use std::fmt;

use event_queue::sqlite::Cursor;

use super::ORDER;

/// A place in the list. It stays good while events come and go.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Page {
    /// In [`ORDER`].
    pub(super) place: usize,
    pub(super) cursor: Cursor,
}

impl Page {
    /// Reads what `Display` writes. `None`: it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let (place, cursor) = text.split_once('-')?;
        let place = place.parse().ok().filter(|place| *place < ORDER.len())?;
        Some(Self { place, cursor: Cursor::parse(cursor)? })
    }

    /// Where the next queue begins.
    pub(super) fn behind(self) -> Self {
        Self { place: self.place + 1, cursor: Cursor::default() }
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.place, self.cursor)
    }
}
