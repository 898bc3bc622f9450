//! The tables, and what is written into them.

use std::sync::mpsc;

use rusqlite::{Connection, Transaction, params};
use tokio::sync::oneshot;

use super::StoreError;

/// One change. Those of one order become durable together.
#[derive(Debug)]
pub(crate) enum Change {
    Save(Box<Saved>),
    /// A function that is not durable is being invoked for this operation.
    Calls {
        execution: String,
        operation: String,
    },
    CallIsOver {
        execution: String,
        operation: String,
    },
    /// Nothing of it stays.
    Delete {
        execution: String,
    },
}

/// An execution after a transition.
#[derive(Debug)]
pub(crate) struct Saved {
    pub(crate) id: String,
    /// Of one that was not there before.
    pub(crate) new: Option<New>,
    /// Lambda's word.
    pub(crate) status: &'static str,
    pub(crate) ended: Option<u64>,
    /// When it is looked at again, milliseconds; 0: at once.
    pub(crate) due: u64,
    pub(crate) is_running: bool,
    pub(crate) is_settled: bool,
    /// All of it but its input, operations and history.
    pub(crate) state: String,
    /// New or changed, by their places.
    pub(crate) operations: Vec<(usize, String)>,
    /// New, by their numbers.
    pub(crate) events: Vec<(u64, String)>,
}

/// What never changes of an execution.
#[derive(Debug)]
pub(crate) struct New {
    pub(crate) function: String,
    pub(crate) version: String,
    pub(crate) name: String,
    pub(crate) started: u64,
    pub(crate) about: String,
    pub(crate) input: String,
}

pub(super) struct Order {
    pub(super) changes: Vec<Change>,
    pub(super) done: oneshot::Sender<Result<(), StoreError>>,
}

/// The tables are there, and nobody's but ours.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if format == 0 {
        connection.execute_batch(TABLES)?;
        connection.pragma_update(None, "user_version", FORMAT)?;
    } else if format != FORMAT {
        let text = format!("its format is {format}, and this program reads {FORMAT}");
        return Err(rusqlite::Error::InvalidParameterName(text));
    }
    // Whatever ran when the last process ended runs no more.
    connection.execute("UPDATE execution SET due = 0 WHERE running = 1", []).map(drop)
}

/// Until nobody can order anything any more: everything that waits becomes one transaction.
pub(super) fn write(mut connection: Connection, inbox: &mpsc::Receiver<Order>) {
    while let Ok(first) = inbox.recv() {
        let mut orders = vec![first];
        orders.extend(inbox.try_iter().take(ORDERS - 1));
        if commit(&mut connection, &orders).is_ok() {
            orders.into_iter().for_each(|order| order.answer(Ok(())));
            continue;
        }
        // One that cannot be written is not to take others with it.
        for order in orders {
            let done = commit(&mut connection, std::slice::from_ref(&order));
            order.answer(done);
        }
    }
}

impl Order {
    fn answer(self, done: Result<(), StoreError>) {
        // Whoever has gone does not want to know.
        let _ = self.done.send(done);
    }
}

fn commit(connection: &mut Connection, orders: &[Order]) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    for change in orders.iter().flat_map(|order| &order.changes) {
        change.apply(&transaction)?;
    }
    Ok(transaction.commit()?)
}

impl Change {
    fn apply(&self, to: &Transaction<'_>) -> rusqlite::Result<()> {
        match self {
            Self::Save(saved) => saved.apply(to),
            Self::Calls { execution, operation } => {
                let sql = "INSERT OR IGNORE INTO call (execution, operation) VALUES (?, ?)";
                to.prepare_cached(sql)?.execute([execution, operation]).map(drop)
            }
            Self::CallIsOver { execution, operation } => {
                let sql = "DELETE FROM call WHERE execution = ? AND operation = ?";
                to.prepare_cached(sql)?.execute([execution, operation]).map(drop)
            }
            Self::Delete { execution } => {
                let deletes = [
                    "DELETE FROM execution WHERE id = ?",
                    "DELETE FROM operation WHERE execution = ?",
                    "DELETE FROM event WHERE execution = ?",
                    "DELETE FROM call WHERE execution = ?",
                ];
                deletes.iter().try_for_each(|sql| to.prepare_cached(sql)?.execute([execution]).map(drop))
            }
        }
    }
}

impl Saved {
    fn apply(&self, to: &Transaction<'_>) -> rusqlite::Result<()> {
        if let Some(New { function, version, name, started, about, input }) = &self.new {
            let sql = "INSERT INTO execution (id, function, version, name, started, about, input, status, due, running, \
                       settled, state) VALUES (?, ?, ?, ?, ?, ?, ?, '', 0, 0, 0, '')";
            to.prepare_cached(sql)?.execute(params![
                self.id,
                function,
                version,
                name,
                signed(*started),
                about,
                input
            ])?;
        }
        let sql = "UPDATE execution SET status = ?, ended = ?, due = ?, running = ?, settled = ?, state = ? WHERE id = ?";
        to.prepare_cached(sql)?.execute(params![
            self.status,
            self.ended.map(signed),
            signed(self.due),
            self.is_running,
            self.is_settled,
            self.state,
            self.id
        ])?;
        let sql = "INSERT OR REPLACE INTO operation (execution, place, content) VALUES (?, ?, ?)";
        for (place, content) in &self.operations {
            to.prepare_cached(sql)?.execute(params![self.id, signed(*place as u64), content])?;
        }
        let sql = "INSERT INTO event (execution, number, content) VALUES (?, ?, ?)";
        for (number, content) in &self.events {
            to.prepare_cached(sql)?.execute(params![self.id, signed(*number), content])?;
        }
        Ok(())
    }
}

/// SQLite's integers have a sign.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Orders of one transaction: what waits for it is in memory.
const ORDERS: usize = 256;

/// Of the tables below.
const FORMAT: i64 = 1;

const TABLES: &str = "
CREATE TABLE execution (
    id TEXT PRIMARY KEY NOT NULL,
    function TEXT NOT NULL,
    version TEXT NOT NULL,
    name TEXT NOT NULL,
    started INTEGER NOT NULL,
    ended INTEGER,
    status TEXT NOT NULL,
    due INTEGER NOT NULL,
    running INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    about TEXT NOT NULL,
    input TEXT NOT NULL,
    state TEXT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX execution_name ON execution (function, name);
CREATE INDEX execution_started ON execution (function, started, id);
CREATE INDEX execution_due ON execution (due, id);
CREATE INDEX execution_running ON execution (running) WHERE running = 1;
CREATE TABLE operation (
    execution TEXT NOT NULL,
    place INTEGER NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (execution, place)
) WITHOUT ROWID;
CREATE TABLE event (
    execution TEXT NOT NULL,
    number INTEGER NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (execution, number)
) WITHOUT ROWID;
CREATE TABLE call (
    execution TEXT NOT NULL,
    operation TEXT NOT NULL,
    PRIMARY KEY (execution, operation)
) WITHOUT ROWID;
";
