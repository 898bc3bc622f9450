//! The store's statements.

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Params, params};

use super::{SqliteStore, encode};
use crate::{
    batch::Value,
    error::Failure,
    moment::Moment,
    name::{Address, Key, QueueName, RowId, Slot},
    row::{Content, Row, Standing},
    store::{Owner, Store, Tallies, Tally},
};

impl Store for SqliteStore {
    fn begin(&mut self) -> Result<(), Failure> {
        Ok(self.connection.execute_batch("BEGIN IMMEDIATE")?)
    }

    fn commit(&mut self, now: Moment) -> Result<(), Failure> {
        let done = self.committed(now);
        if done.is_err() {
            self.roll_back();
        }
        done
    }

    fn roll_back(&mut self) {
        if !self.connection.is_autocommit() {
            // It fails only where SQLite has rolled back by itself.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    fn row(&mut self, address: &Address) -> Result<Option<Row>, Failure> {
        const SQL: &str = "SELECT queue, id, key, state, due, expires, created, leases, attempts, releases, redriven, \
             size_bytes, reason, history, sum FROM queue_row WHERE queue = ?1 AND id = ?2";
        let mut statement = self.cached(SQL)?;
        let mut rows = statement.query(params![address.queue.as_str(), address.id.as_str()])?;
        rows.next()?.map(encode::row).transpose()
    }

    fn content(&mut self, address: &Address) -> Result<Content, Failure> {
        let mut statement = self.cached(
            "SELECT attributes, payload, content_sum FROM queue_row JOIN content USING (seq) WHERE queue = ?1 AND id = ?2",
        )?;
        let mut rows = statement.query(params![address.queue.as_str(), address.id.as_str()])?;
        match rows.next()? {
            Some(columns) => encode::content(columns, 0, address),
            None => Err(Failure::Damaged { what: format!("the row {address} has no content") }),
        }
    }

    fn add(&mut self, row: &Row, content: &Content) -> Result<(), Failure> {
        self.cached(
            "INSERT INTO queue_row (queue, id, key, state, due, expires, created, leases, attempts, releases, redriven, \
             size_bytes, reason, history, content_sum, sum) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        )?
        .execute(params![
            row.address.queue.as_str(),
            row.address.id.as_str(),
            row.key.as_str(),
            encode::standing(row.standing()),
            row.due().as_millis(),
            row.expires.map(Moment::as_millis),
            row.created.as_millis(),
            row.leases,
            row.attempts,
            row.releases,
            row.redriven,
            encode::signed(row.size_bytes),
            encode::reason(row),
            row.history.render(),
            encode::content_sum(&row.address, content),
            encode::row_sum(row),
        ])?;
        let seq = self.connection.last_insert_rowid();
        let content = params![seq, &content.attributes[..], &content.payload[..]];
        self.one("INSERT INTO content (seq, attributes, payload) VALUES (?1, ?2, ?3)", content)
    }

    fn write(&mut self, row: &Row) -> Result<(), Failure> {
        self.one(
            "UPDATE queue_row SET state = ?3, due = ?4, expires = ?5, leases = ?6, attempts = ?7, releases = ?8, \
             redriven = ?9, reason = ?10, history = ?11, sum = ?12 WHERE queue = ?1 AND id = ?2",
            params![
                row.address.queue.as_str(),
                row.address.id.as_str(),
                encode::standing(row.standing()),
                row.due().as_millis(),
                row.expires.map(Moment::as_millis),
                row.leases,
                row.attempts,
                row.releases,
                row.redriven,
                encode::reason(row),
                row.history.render(),
                encode::row_sum(row),
            ],
        )
    }

    fn remove(&mut self, address: &Address) -> Result<(), Failure> {
        let seq: i64 = self
            .cached("SELECT seq FROM queue_row WHERE queue = ?1 AND id = ?2")?
            .query_row(params![address.queue.as_str(), address.id.as_str()], |columns| columns.get(0))?;
        self.one("DELETE FROM queue_row WHERE seq = ?1", [seq])?;
        self.one("DELETE FROM content WHERE seq = ?1", [seq])
    }

    fn due(
        &mut self,
        queue: &QueueName,
        standing: Standing,
        up_to: Moment,
        limit: usize,
    ) -> Result<Vec<Address>, Failure> {
        self.addresses(
            "SELECT queue, id FROM queue_row WHERE queue = ?1 AND state = ?2 AND due <= ?3 ORDER BY due LIMIT ?4",
            params![queue.as_str(), encode::standing(standing), up_to.as_millis(), encode::signed(limit as u64)],
        )
    }

    fn next_key(&mut self, queue: &QueueName, after: Option<&Key>) -> Result<Option<Key>, Failure> {
        let mut statement = match after {
            Some(_) => self.cached(
                "SELECT key FROM queue_row WHERE queue = ?1 AND state = 0 AND key > ?2 ORDER BY key LIMIT 1",
            )?,
            None => self.cached(
                "SELECT key FROM queue_row WHERE queue = ?1 AND state = 0 AND key >= ?2 ORDER BY key LIMIT 1",
            )?,
        };
        let mut rows = statement.query(params![queue.as_str(), after.map_or("", Key::as_str)])?;
        let Some(columns) = rows.next()? else { return Ok(None) };
        Ok(Some(Key::parse(columns.get_ref(0)?.as_str()?)?))
    }

    fn due_of(&mut self, queue: &QueueName, key: &Key, up_to: Moment) -> Result<Option<Address>, Failure> {
        let mut found = self.addresses(
            "SELECT queue, id FROM queue_row WHERE queue = ?1 AND state = 0 AND key = ?2 AND due <= ?3 ORDER BY due LIMIT 1",
            params![queue.as_str(), key.as_str(), up_to.as_millis()],
        )?;
        Ok(found.pop())
    }

    fn expired(&mut self, up_to: Moment, limit: usize) -> Result<Vec<Address>, Failure> {
        self.addresses(
            "SELECT queue, id FROM queue_row WHERE state = 0 AND expires IS NOT NULL AND expires <= ?1 \
             ORDER BY expires LIMIT ?2",
            params![up_to.as_millis(), encode::signed(limit as u64)],
        )
    }

    fn earliest(&mut self, queue: &QueueName, standing: Standing) -> Result<Option<Moment>, Failure> {
        self.moment(
            "SELECT min(due) FROM queue_row WHERE queue = ?1 AND state = ?2",
            params![queue.as_str(), encode::standing(standing)],
        )
    }

    fn earliest_expiry(&mut self) -> Result<Option<Moment>, Failure> {
        let rows =
            self.moment("SELECT min(expires) FROM queue_row WHERE state = 0 AND expires IS NOT NULL", [])?;
        let values = self.moment("SELECT min(expires) FROM value WHERE expires IS NOT NULL", [])?;
        Ok([rows, values].into_iter().flatten().min())
    }

    fn value(&mut self, slot: &Slot) -> Result<Option<Value>, Failure> {
        value(&self.connection, slot)
    }

    fn set(&mut self, slot: &Slot, value: &Value) -> Result<(), Failure> {
        self.one(
            "INSERT OR REPLACE INTO value (namespace, name, bytes, expires, sum) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                slot.namespace(),
                slot.name(),
                &value.bytes[..],
                value.expires.map(Moment::as_millis),
                encode::value_sum(slot, value),
            ],
        )
    }

    fn unset(&mut self, slot: &Slot) -> Result<(), Failure> {
        self.one("DELETE FROM value WHERE namespace = ?1 AND name = ?2", [slot.namespace(), slot.name()])
    }

    fn expired_values(&mut self, up_to: Moment, limit: usize) -> Result<Vec<Slot>, Failure> {
        let mut statement = self.cached(
            "SELECT namespace, name FROM value WHERE expires IS NOT NULL AND expires <= ?1 ORDER BY expires LIMIT ?2",
        )?;
        let mut rows = statement.query(params![up_to.as_millis(), encode::signed(limit as u64)])?;
        let mut found = Vec::new();
        while let Some(columns) = rows.next()? {
            found.push(Slot::parse(columns.get_ref(0)?.as_str()?, columns.get_ref(1)?.as_str()?)?);
        }
        Ok(found)
    }

    fn tallies(&mut self) -> Result<Tallies, Failure> {
        tallies(&self.connection)
    }

    fn write_tally(&mut self, owner: &Owner, tally: Tally) -> Result<(), Failure> {
        let name = owner_name(owner);
        if tally == Tally::default() {
            self.cached("DELETE FROM tally WHERE owner = ?1")?.execute([name])?;
            return Ok(());
        }
        let [waiting, leased, dead, bytes] =
            [tally.waiting, tally.leased, tally.dead, tally.bytes].map(encode::signed);
        self.one(
            "INSERT OR REPLACE INTO tally (owner, waiting, leased, dead, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![name, waiting, leased, dead, bytes],
        )
    }

    fn hold_reserve(&mut self, hold: bool) -> bool {
        self.hold(hold)
    }
}

impl SqliteStore {
    fn cached(&self, sql: &'static str) -> Result<CachedStatement<'_>, Failure> {
        Ok(self.connection.prepare_cached(sql)?)
    }

    /// A statement that changes one row, or the database is not what we think.
    fn one(&self, sql: &'static str, params: impl Params) -> Result<(), Failure> {
        match self.cached(sql)?.execute(params)? {
            1 => Ok(()),
            changed => {
                Err(Failure::Damaged { what: format!("a statement changed {changed} rows instead of one") })
            }
        }
    }

    fn addresses(&self, sql: &'static str, params: impl Params) -> Result<Vec<Address>, Failure> {
        let mut statement = self.cached(sql)?;
        let mut rows = statement.query(params)?;
        let mut found = Vec::new();
        while let Some(columns) = rows.next()? {
            let queue = QueueName::parse(columns.get_ref(0)?.as_str()?)?;
            found.push(Address { queue, id: RowId::parse(columns.get_ref(1)?.as_str()?)? });
        }
        Ok(found)
    }

    fn moment(&self, sql: &'static str, params: impl Params) -> Result<Option<Moment>, Failure> {
        let found: Option<i64> = self.cached(sql)?.query_row(params, |columns| columns.get(0))?;
        Ok(found.map(Moment::from_millis))
    }
}

pub(super) fn value(connection: &Connection, slot: &Slot) -> Result<Option<Value>, Failure> {
    let sql = "SELECT bytes, expires, sum FROM value WHERE namespace = ?1 AND name = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([slot.namespace(), slot.name()])?;
    rows.next()?.map(|columns| encode::value(columns, 0, slot)).transpose()
}

pub(super) fn tallies(connection: &Connection) -> Result<Tallies, Failure> {
    let mut statement = connection.prepare_cached("SELECT owner, waiting, leased, dead, bytes FROM tally")?;
    let mut rows = statement.query([])?;
    let mut found = Tallies::new();
    while let Some(columns) = rows.next()? {
        let owner = match columns.get_ref(0)?.as_str()? {
            VALUES => Owner::Values,
            name => Owner::Queue(QueueName::parse(name)?),
        };
        let number = |at| Ok::<_, Failure>(columns.get::<_, i64>(at)?.unsigned_abs());
        let tally = Tally { waiting: number(1)?, leased: number(2)?, dead: number(3)?, bytes: number(4)? };
        found.insert(owner, tally);
    }
    Ok(found)
}

pub(super) fn mark(connection: &Connection, name: &str) -> Result<i64, Failure> {
    let sql = "SELECT number FROM mark WHERE name = ?1";
    let found = connection.query_row(sql, [name], |columns| columns.get(0)).optional()?;
    found.ok_or_else(|| Failure::Damaged { what: format!("the mark {name} is missing") })
}

pub(super) fn set_mark(connection: &Connection, name: &str, number: i64) -> Result<(), Failure> {
    let sql = "UPDATE mark SET number = ?2 WHERE name = ?1";
    connection.prepare_cached(sql)?.execute(params![name, number])?;
    Ok(())
}

fn owner_name(owner: &Owner) -> &str {
    match owner {
        Owner::Queue(queue) => queue.as_str(),
        Owner::Values => VALUES,
    }
}

/// The columns of [`encode::ROW`].
pub(super) const COLUMNS: usize = 15;

/// The commits since the database was made.
pub(super) const COMMITS: &str = "commits";

/// The last moment that a commit saw.
pub(super) const CLOCK: &str = "clock";

const VALUES: &str = "";
