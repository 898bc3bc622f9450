//! Is the database as it was written? SQLite vouches for its pages and indexes, our sums for what is in them, and the
//! tallies for the number of rows.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::{encode, rows};
use crate::{
    error::Failure,
    name::Slot,
    row::{ROW_OVERHEAD_BYTES, Standing},
    store::{Owner, Tally},
};

pub(super) fn everything(connection: &Connection) -> Result<(), Failure> {
    pages(connection)?;
    let mut found = BTreeMap::<Owner, Tally>::new();
    all_rows(connection, &mut found)?;
    all_values(connection, &mut found)?;
    if found == rows::tallies(connection)? {
        Ok(())
    } else {
        Err(Failure::Damaged { what: "there are not as many rows as there should be".to_owned() })
    }
}

fn pages(connection: &Connection) -> Result<(), Failure> {
    let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(Failure::Damaged { what: verdict }) }
}

fn all_rows(connection: &Connection, found: &mut BTreeMap<Owner, Tally>) -> Result<(), Failure> {
    let columns = encode::ROW;
    let sql = format!(
        "SELECT {columns}, attributes, payload, content_sum FROM queue_row LEFT JOIN content USING (seq)"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut all = statement.query([])?;
    while let Some(columns) = all.next()? {
        let row = encode::row(columns)?;
        encode::content(columns, rows::COLUMNS, &row.address)?;
        let owner = Owner::Queue(row.address.queue.clone());
        found.entry(owner).or_default().add(row.standing(), row.size_bytes);
    }
    Ok(())
}

fn all_values(connection: &Connection, found: &mut BTreeMap<Owner, Tally>) -> Result<(), Failure> {
    let mut statement = connection.prepare("SELECT namespace, name, bytes, expires, sum FROM value")?;
    let mut all = statement.query([])?;
    while let Some(columns) = all.next()? {
        let slot = Slot::parse(columns.get_ref(0)?.as_str()?, columns.get_ref(1)?.as_str()?)?;
        let value = encode::value(columns, 2, &slot)?;
        let bytes = value.bytes.len() as u64 + ROW_OVERHEAD_BYTES;
        found.entry(Owner::Values).or_default().add(Standing::Waiting, bytes);
    }
    Ok(())
}
