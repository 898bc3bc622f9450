//! What rows and values are called.

use std::{fmt, sync::Arc};

/// A queue's name.
///
/// Shape: 1 to 80 of `A-Z a-z 0-9 - _ .`.
/// Source: SQS API reference, `CreateQueue`, parameter `QueueName`, with its `.fifo` ending.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct QueueName(Arc<str>);

/// A row's name within its queue, given by whoever puts it; the same for all of its life, redriven or not.
///
/// Shape: 1 to 128 visible ASCII characters.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RowId(Arc<str>);

/// Whose row it is: rows of one queue are handed out in turns by key.
///
/// Shape: 0 to 256 bytes of UTF-8 without control characters. The empty key is a key like any other.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key(Arc<str>);

/// Where a row is found: ids are unique within a queue.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Address {
    pub queue: QueueName,
    pub id: RowId,
}

/// Where a value is found.
///
/// Shape: a namespace of the shape of a [`QueueName`], a name of 1 to 256 bytes of UTF-8 without control characters.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Slot {
    namespace: QueueName,
    name: Key,
}

/// Why a text is no name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NameError {
    #[error("a name of {bytes} bytes; 1 to {limit} are allowed")]
    Length { bytes: usize, limit: usize },
    #[error("a character at byte {at} that names may not have")]
    Character { at: usize },
}

impl QueueName {
    /// # Errors
    /// The first rule that `text` breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        check(text, 1, MAX_QUEUE_NAME_BYTES, fits).map(|()| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RowId {
    /// # Errors
    /// The first rule that `text` breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check(text, 1, MAX_ROW_ID_BYTES, |c| c.is_ascii_graphic()).map(|()| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Key {
    /// # Errors
    /// The first rule that `text` breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check(text, 0, MAX_KEY_BYTES, |c| !c.is_control()).map(|()| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Slot {
    /// # Errors
    /// The first rule that one of the two breaks.
    pub fn parse(namespace: &str, name: &str) -> Result<Self, NameError> {
        check(name, 1, MAX_KEY_BYTES, |c| !c.is_control())?;
        Ok(Self { namespace: QueueName::parse(namespace)?, name: Key(name.into()) })
    }

    pub fn namespace(&self) -> &str {
        self.namespace.as_str()
    }

    pub fn name(&self) -> &str {
        self.name.as_str()
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.queue.0, self.id.0)
    }
}

fn check(text: &str, least: usize, limit: usize, fits: impl Fn(char) -> bool) -> Result<(), NameError> {
    match text.char_indices().find(|(_, c)| !fits(*c)) {
        Some((at, _)) => Err(NameError::Character { at }),
        None if (least..=limit).contains(&text.len()) => Ok(()),
        None => Err(NameError::Length { bytes: text.len(), limit }),
    }
}

const MAX_QUEUE_NAME_BYTES: usize = 80;
const MAX_ROW_ID_BYTES: usize = 128;
const MAX_KEY_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_inclusive() {
        assert!(QueueName::parse(&"q".repeat(80)).is_ok());
        assert_eq!(QueueName::parse(&"q".repeat(81)), Err(NameError::Length { bytes: 81, limit: 80 }));
        assert!(Key::parse("").is_ok());
        assert_eq!(RowId::parse(""), Err(NameError::Length { bytes: 0, limit: 128 }));
    }

    #[test]
    fn odd_characters_are_refused_with_their_place() {
        assert_eq!(QueueName::parse("a/b"), Err(NameError::Character { at: 1 }));
        assert_eq!(RowId::parse("a b"), Err(NameError::Character { at: 1 }));
        assert_eq!(Key::parse("a\nb"), Err(NameError::Character { at: 1 }));
    }
}
