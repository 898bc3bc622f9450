//! What is read from the tables.

use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params_from_iter};

use super::{ExecutionStore, StoreError, write::signed};

/// An execution as it lies there.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) about: String,
    pub(crate) input: String,
    pub(crate) state: String,
    pub(crate) is_settled: bool,
}

/// One of a list.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) about: String,
    pub(crate) status: String,
    pub(crate) started: u64,
    pub(crate) ended: Option<u64>,
}

/// Which executions of a function are wanted.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) function: String,
    pub(crate) version: Option<String>,
    pub(crate) name: Option<String>,
    /// Empty: any.
    pub(crate) statuses: Vec<String>,
    /// Milliseconds, both exclusive.
    pub(crate) after: Option<u64>,
    pub(crate) before: Option<u64>,
    pub(crate) newest_first: bool,
    /// Start and id of the last one that the caller has.
    pub(crate) behind: Option<(u64, String)>,
    pub(crate) items: usize,
}

impl ExecutionStore {
    pub(crate) async fn find(&self, id: &str) -> Result<Option<Kept>, StoreError> {
        let id = id.to_owned();
        self.read(move |connection| find(connection, &id)).await
    }

    /// With its operations, in order.
    pub(crate) async fn whole(&self, id: &str) -> Result<Option<(Kept, Vec<String>)>, StoreError> {
        let id = id.to_owned();
        self.read(move |connection| {
            let Some(kept) = find(connection, &id)? else { return Ok(None) };
            let sql = "SELECT content FROM operation WHERE execution = ? ORDER BY place";
            let mut statement = connection.prepare_cached(sql)?;
            let operations = statement.query_map([&id], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(Some((kept, operations)))
        })
        .await
    }

    /// The function's execution of this name.
    pub(crate) async fn named(&self, function: &str, name: &str) -> Result<Option<Kept>, StoreError> {
        let (function, name) = (function.to_owned(), name.to_owned());
        self.read(move |connection| {
            let sql = "SELECT about, input, state, settled FROM execution WHERE function = ? AND name = ?";
            connection.prepare_cached(sql)?.query_row([function, name], kept).optional()
        })
        .await
    }

    /// Up to `items` that are to be looked at between the two moments, the first first, and when.
    pub(crate) async fn due(
        &self,
        from: u64,
        until: u64,
        items: usize,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        self.read(move |connection| {
            let sql = "SELECT id, due FROM execution WHERE due BETWEEN ? AND ? ORDER BY due, id LIMIT ?";
            let mut statement = connection.prepare_cached(sql)?;
            let values = [signed(from), signed(until), signed(items as u64)];
            let rows = statement.query_map(values, |row| Ok((row.get(0)?, unsigned(row.get(1)?))))?;
            rows.collect()
        })
        .await
    }

    /// Up to `items` events of an execution: those behind the one of this number, in either direction.
    pub(crate) async fn events(
        &self,
        id: &str,
        behind: Option<u64>,
        newest_first: bool,
        items: usize,
    ) -> Result<Vec<String>, StoreError> {
        let id = id.to_owned();
        self.read(move |connection| {
            let (sql, behind) = if newest_first {
                let sql =
                    "SELECT content FROM event WHERE execution = ? AND number < ? ORDER BY number DESC LIMIT ?";
                (sql, behind.unwrap_or(u64::MAX))
            } else {
                let sql = "SELECT content FROM event WHERE execution = ? AND number > ? ORDER BY number LIMIT ?";
                (sql, behind.unwrap_or(0))
            };
            let mut statement = connection.prepare_cached(sql)?;
            let values: [&dyn ToSql; 3] = [&id, &signed(behind), &signed(items as u64)];
            statement.query_map(values, |row| row.get(0))?.collect()
        })
        .await
    }

    /// The invocations of functions that are not durable which were not over when the last process ended.
    pub(crate) async fn calls(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare("SELECT execution, operation FROM call")?;
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
        .await
    }

    pub(crate) async fn list(&self, wanted: Wanted) -> Result<Vec<Found>, StoreError> {
        self.read(move |connection| wanted.list(connection)).await
    }
}

impl Wanted {
    fn list(self, connection: &Connection) -> rusqlite::Result<Vec<Found>> {
        let mut sql = "SELECT about, status, started, ended FROM execution WHERE function = ?".to_owned();
        let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(self.function)];
        let mut ask = |condition: &str, asked: Vec<Box<dyn ToSql>>| {
            sql.push_str(" AND ");
            sql.push_str(condition);
            values.extend(asked);
        };
        if let Some(version) = self.version {
            ask("version = ?", vec![Box::new(version)]);
        }
        if let Some(name) = self.name {
            ask("name = ?", vec![Box::new(name)]);
        }
        if !self.statuses.is_empty() {
            let places = vec!["?"; self.statuses.len()].join(", ");
            let statuses = self.statuses.into_iter().map(|status| Box::new(status) as Box<dyn ToSql>);
            ask(&format!("status IN ({places})"), statuses.collect());
        }
        if let Some(after) = self.after {
            ask("started > ?", vec![Box::new(signed(after))]);
        }
        if let Some(before) = self.before {
            ask("started < ?", vec![Box::new(signed(before))]);
        }
        let (order, behind) = if self.newest_first { ("DESC", "<") } else { ("ASC", ">") };
        if let Some((started, id)) = self.behind {
            ask(&format!("(started, id) {behind} (?, ?)"), vec![Box::new(signed(started)), Box::new(id)]);
        }
        sql.push_str(&format!(" ORDER BY started {order}, id {order} LIMIT ?"));
        values.push(Box::new(signed(self.items as u64)));
        let mut statement = connection.prepare(&sql)?;
        let rows = statement.query_map(params_from_iter(values), |row| {
            Ok(Found {
                about: row.get(0)?,
                status: row.get(1)?,
                started: unsigned(row.get(2)?),
                ended: row.get::<_, Option<i64>>(3)?.map(unsigned),
            })
        })?;
        rows.collect()
    }
}

fn find(connection: &Connection, id: &str) -> rusqlite::Result<Option<Kept>> {
    let sql = "SELECT about, input, state, settled FROM execution WHERE id = ?";
    connection.prepare_cached(sql)?.query_row([id], kept).optional()
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok(Kept { about: row.get(0)?, input: row.get(1)?, state: row.get(2)?, is_settled: row.get(3)? })
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
