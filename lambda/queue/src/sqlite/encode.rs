//! Rows and values between their types and columns, with the sums that tell whether they are as they were written.

use bytes::Bytes;
use rusqlite::Row as Columns;

use crate::{
    batch::Value,
    error::Failure,
    moment::Moment,
    name::{Address, Key, QueueName, RowId, Slot},
    row::{Content, History, Reason, Row, Standing, State},
};

/// The columns that [`row`] reads, in its order.
pub(super) const ROW: &str = "queue, id, key, state, due, expires, created, leases, attempts, releases, redriven, size_bytes, reason, history, sum";

pub(super) fn row(columns: &Columns<'_>) -> Result<Row, Failure> {
    let text = |at| columns.get_ref(at)?.as_str().map_err(Failure::from);
    let moment = |at| Ok::<_, Failure>(Moment::from_millis(columns.get(at)?));
    let due = moment(4)?;
    let state = match columns.get::<_, i64>(3)? {
        WAITING => State::Waiting { not_before: due },
        LEASED => State::Leased { until: due },
        DEAD => State::Dead { since: due, reason: Reason::new(text(12)?) },
        state => return Err(Failure::Damaged { what: format!("a row has the state {state}") }),
    };
    let row = Row {
        address: Address { queue: QueueName::parse(text(0)?)?, id: RowId::parse(text(1)?)? },
        key: Key::parse(text(2)?)?,
        state,
        expires: columns.get::<_, Option<i64>>(5)?.map(Moment::from_millis),
        created: moment(6)?,
        leases: columns.get(7)?,
        attempts: columns.get(8)?,
        releases: columns.get(9)?,
        redriven: columns.get(10)?,
        size_bytes: columns.get::<_, i64>(11)?.unsigned_abs(),
        history: History::parse(text(13)?).unwrap_or_default(),
    };
    if row_sum(&row) == columns.get::<_, u32>(14)? {
        Ok(row)
    } else {
        Err(Failure::Damaged { what: format!("the row {} is not as it was written", row.address) })
    }
}

/// What the sum of a row covers: all of it but the content, which has a sum of its own.
pub(super) fn row_sum(row: &Row) -> u32 {
    let numbers = [
        standing(row.standing()),
        row.due().as_millis(),
        row.expires.map_or(-1, Moment::as_millis),
        row.created.as_millis(),
        row.leases.into(),
        row.attempts.into(),
        row.releases.into(),
        row.redriven.into(),
        signed(row.size_bytes),
    ];
    let mut sum = Sum::default();
    for text in [row.address.queue.as_str(), row.address.id.as_str(), row.key.as_str(), reason(row)] {
        sum.add(text.as_bytes());
    }
    for number in numbers {
        sum.add(&number.to_le_bytes());
    }
    sum.add(row.history.render().as_bytes());
    sum.end()
}

pub(super) fn content_sum(address: &Address, content: &Content) -> u32 {
    let mut sum = Sum::default();
    for part in [address.queue.as_str().as_bytes(), address.id.as_str().as_bytes()] {
        sum.add(part);
    }
    sum.add(&content.attributes);
    sum.add(&content.payload);
    sum.end()
}

/// The columns `attributes, payload, content_sum` from `at` on.
pub(super) fn content(columns: &Columns<'_>, at: usize, address: &Address) -> Result<Content, Failure> {
    let blob = |at| Ok::<_, Failure>(Bytes::copy_from_slice(columns.get_ref(at)?.as_blob()?));
    let content = Content { attributes: blob(at)?, payload: blob(at + 1)? };
    if content_sum(address, &content) == columns.get::<_, u32>(at + 2)? {
        Ok(content)
    } else {
        Err(Failure::Damaged { what: format!("the content of {address} is not as it was written") })
    }
}

pub(super) fn value_sum(slot: &Slot, value: &Value) -> u32 {
    let mut sum = Sum::default();
    sum.add(slot.namespace().as_bytes());
    sum.add(slot.name().as_bytes());
    sum.add(&value.expires.map_or(-1, Moment::as_millis).to_le_bytes());
    sum.add(&value.bytes);
    sum.end()
}

/// The columns `bytes, expires, sum` from `at` on.
pub(super) fn value(columns: &Columns<'_>, at: usize, slot: &Slot) -> Result<Value, Failure> {
    let bytes = Bytes::copy_from_slice(columns.get_ref(at)?.as_blob()?);
    let value = Value { bytes, expires: columns.get::<_, Option<i64>>(at + 1)?.map(Moment::from_millis) };
    if value_sum(slot, &value) == columns.get::<_, u32>(at + 2)? {
        Ok(value)
    } else {
        let what = format!("the value {}/{} is not as it was written", slot.namespace(), slot.name());
        Err(Failure::Damaged { what })
    }
}

pub(super) fn standing(standing: Standing) -> i64 {
    match standing {
        Standing::Waiting => WAITING,
        Standing::Leased => LEASED,
        Standing::Dead => DEAD,
    }
}

/// Why a row is dead; empty for one that is not.
pub(super) fn reason(row: &Row) -> &str {
    match &row.state {
        State::Dead { reason, .. } => reason.as_str(),
        State::Waiting { .. } | State::Leased { .. } => "",
    }
}

/// SQLite's integers have a sign. Sizes and counts end far below.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

const WAITING: i64 = 0;
const LEASED: i64 = 1;
const DEAD: i64 = 2;

/// CRC-32 over parts and their lengths.
#[derive(Default)]
struct Sum(crc32fast::Hasher);

impl Sum {
    fn add(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    fn end(self) -> u32 {
        self.0.finalize()
    }
}
