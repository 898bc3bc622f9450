//! Looking at a database while the queue runs: a connection of its own that cannot write.

use std::{fmt, path::Path};

use rusqlite::{Connection, OpenFlags, params};

use super::{LOCK_WAIT, encode, rows as statements};
use crate::{
    batch::Value,
    error::Failure,
    limits::MAX_PAGE_ROWS,
    moment::Moment,
    name::{Address, QueueName, RowId, Slot},
    row::{Content, Row, Standing},
    store::{Owner, Tallies, Tally},
};

/// Sees what is durable. Every call blocks for a few reads of a file; async callers move it to a thread for that.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
}

/// Where a page of a list ended: a due time, and a place among those of the same. It stays good while rows come and go.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Cursor {
    due: i64,
    seq: i64,
}

impl Cursor {
    /// Reads what `Display` writes. `None`: it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let (due, seq) = text.split_once('-')?;
        Some(Self { due: due.parse().ok()?, seq: seq.parse().ok()? })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.due, self.seq)
    }
}

/// Some of a queue's rows that stand alike, by their due times.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page {
    pub rows: Vec<Row>,
    /// `None`: this was the last.
    pub next: Option<Cursor>,
}

/// Errors of every method but `open`: [`Failure`].
#[allow(clippy::missing_errors_doc, reason = "said once, above")]
impl Reader {
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(LOCK_WAIT)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        Ok(Self { connection })
    }

    /// The queue's rows that stand so, from `from` on: at most [`MAX_PAGE_ROWS`]. Content is not read.
    pub fn list(
        &self,
        queue: &QueueName,
        standing: Standing,
        from: Cursor,
        limit: usize,
    ) -> Result<Page, Failure> {
        let limit = limit.clamp(1, MAX_PAGE_ROWS);
        let sql = format!(
            "SELECT {}, seq FROM queue_row WHERE queue = ?1 AND state = ?2 AND (due, seq) > (?3, ?4) \
             ORDER BY due, seq LIMIT ?5",
            encode::ROW
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let state = encode::standing(standing);
        let one_more = encode::signed(limit as u64 + 1);
        let mut found = statement.query(params![queue.as_str(), state, from.due, from.seq, one_more])?;
        let (mut rows, mut last, mut next) = (Vec::new(), from, None);
        while let Some(columns) = found.next()? {
            if rows.len() == limit {
                next = Some(last);
                break;
            }
            let row = encode::row(columns)?;
            last = Cursor { due: row.due().as_millis(), seq: columns.get(statements::COLUMNS)? };
            rows.push(row);
        }
        Ok(Page { rows, next })
    }

    /// One row, with what it carries.
    pub fn show(&self, address: &Address) -> Result<Option<(Row, Content)>, Failure> {
        let sql = format!(
            "SELECT {}, attributes, payload, content_sum FROM queue_row JOIN content USING (seq) \
             WHERE queue = ?1 AND id = ?2",
            encode::ROW
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut found = statement.query([address.queue.as_str(), address.id.as_str()])?;
        let Some(columns) = found.next()? else { return Ok(None) };
        Ok(Some((encode::row(columns)?, encode::content(columns, statements::COLUMNS, address)?)))
    }

    /// The queue's rows whose ids begin so, by their ids: at most [`MAX_PAGE_ROWS`]. Content is not read.
    pub fn beginning(&self, queue: &QueueName, start: &RowId, limit: usize) -> Result<Vec<Row>, Failure> {
        let sql = format!(
            "SELECT {} FROM queue_row WHERE queue = ?1 AND id >= ?2 AND id < ?3 ORDER BY id LIMIT ?4",
            encode::ROW
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        // Ids are visible ASCII, so that this is behind all that begin so.
        let behind = format!("{}\u{7f}", start.as_str());
        let limit = encode::signed(limit.clamp(1, MAX_PAGE_ROWS) as u64);
        let mut found = statement.query(params![queue.as_str(), start.as_str(), behind, limit])?;
        let mut rows = Vec::new();
        while let Some(columns) = found.next()? {
            rows.push(encode::row(columns)?);
        }
        Ok(rows)
    }

    /// How much there is, by queue.
    pub fn tallies(&self) -> Result<Tallies, Failure> {
        statements::tallies(&self.connection)
    }

    /// How much is in one queue.
    pub fn depth(&self, queue: &QueueName) -> Result<Tally, Failure> {
        Ok(self.tallies()?.remove(&Owner::Queue(queue.clone())).unwrap_or_default())
    }

    /// When the row was put that has waited longest among those that could be leased at `now`, by their due times.
    pub fn oldest_due(&self, queue: &QueueName, now: Moment) -> Result<Option<Moment>, Failure> {
        let sql =
            "SELECT created FROM queue_row WHERE queue = ?1 AND state = 0 AND due <= ?2 ORDER BY due LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut found = statement.query(params![queue.as_str(), now.as_millis()])?;
        let Some(columns) = found.next()? else { return Ok(None) };
        Ok(Some(Moment::from_millis(columns.get(0)?)))
    }

    /// A value that has not expired at `now`.
    pub fn value(&self, slot: &Slot, now: Moment) -> Result<Option<Value>, Failure> {
        let value = statements::value(&self.connection, slot)?;
        Ok(value.filter(|value| value.expires.is_none_or(|expires| now < expires)))
    }

    /// The values of a namespace in the order of their names, those behind `after` that have not expired at `now`;
    /// `limit` of them, at most a page.
    pub fn values(
        &self,
        namespace: &QueueName,
        after: &str,
        limit: usize,
        now: Moment,
    ) -> Result<Vec<(Slot, Value)>, Failure> {
        let sql = "SELECT name, bytes, expires, sum FROM value WHERE namespace = ?1 AND name > ?2 \
             AND (expires IS NULL OR expires > ?3) ORDER BY name LIMIT ?4";
        let mut statement = self.connection.prepare_cached(sql)?;
        let limit = encode::signed(limit.clamp(1, MAX_PAGE_ROWS) as u64);
        let mut found = statement.query(params![namespace.as_str(), after, now.as_millis(), limit])?;
        let mut values = Vec::new();
        while let Some(columns) = found.next()? {
            let slot = Slot::parse(namespace.as_str(), columns.get_ref(0)?.as_str()?)?;
            let value = encode::value(columns, 1, &slot)?;
            values.push((slot, value));
        }
        Ok(values)
    }
}

/// Pages in memory, for each reader.
const CACHE_KIB: i64 = 2 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text() {
        let cursor = Cursor { due: 1_764_025_868_123, seq: 7 };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        assert_eq!(Cursor::parse("1764025868123"), None);
    }
}
