//! An execution in memory: only while somebody has to do with it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use lambda_durable::{Execution, Operation};
use tokio::sync::{Mutex as TurnMutex, watch};

use super::{
    about::About,
    store::{Kept, StoreError},
};

/// The executions that are in memory. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Cells(Arc<Mutex<HashMap<String, Weak<Cell>>>>);

/// One execution's place in memory; one at a time has its turn.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) turn: TurnMutex<Turn>,
    /// True once its end is durable.
    pub(super) is_over: watch::Sender<bool>,
}

/// What whoever has the turn sees and changes.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// `None`: it has to be read first.
    pub(super) loaded: Option<Loaded>,
    /// An invocation of this process runs. One that the disk alone knows of was lost.
    pub(super) runs_here: bool,
    /// Somebody tells those who wait for its end.
    pub(super) is_settling: bool,
}

/// An execution as it is on the disk.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) about: About,
    pub(super) execution: Execution,
    /// Everybody who had to be told of its end has been.
    pub(super) is_settled: bool,
}

/// Keeps an execution's place in memory.
#[derive(Debug)]
pub(super) struct Held {
    id: String,
    /// Taken by `drop` alone.
    cell: Option<Arc<Cell>>,
    cells: Cells,
}

impl Cells {
    pub(super) fn hold(&self, id: &str) -> Held {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = cells.get(id).and_then(Weak::upgrade).unwrap_or_else(|| {
            let cell = Arc::new(Cell { turn: TurnMutex::default(), is_over: watch::Sender::new(false) });
            cells.insert(id.to_owned(), Arc::downgrade(&cell));
            cell
        });
        Held { id: id.to_owned(), cell: Some(cell), cells: self.clone() }
    }
}

impl Held {
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn cell(&self) -> &Cell {
        self.cell.as_deref().expect("there until this is dropped")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut cells = self.cells.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.cell.take());
        // A weak one of a place that others hold can be made strong; then it stays.
        if cells.get(&self.id).is_some_and(|cell| cell.strong_count() == 0) {
            cells.remove(&self.id);
        }
    }
}

impl Loaded {
    /// # Errors
    /// It cannot be read.
    pub(super) fn read(kept: Kept, operations: &[String]) -> Result<Self, StoreError> {
        let damaged =
            |error: serde_json::Error| StoreError::Broken(format!("an execution is damaged: {error}").into());
        let Kept { about, input, state, is_settled } = kept;
        let operations = operations.iter().map(|text| serde_json::from_str(text));
        let operations: Vec<Operation> = operations.collect::<Result<_, _>>().map_err(damaged)?;
        let execution: Execution = serde_json::from_str(&state).map_err(damaged)?;
        let about = serde_json::from_str(&about).map_err(damaged)?;
        Ok(Self { about, execution: execution.with(input, operations), is_settled })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_one_for_all_and_goes_with_the_last() {
        let cells = Cells::default();
        let one = cells.hold("a");
        let other = cells.hold("a");
        assert!(std::ptr::eq(one.cell(), other.cell()));
        drop(one);
        assert_eq!(cells.0.lock().unwrap().len(), 1);
        drop(other);
        assert!(cells.0.lock().unwrap().is_empty());
    }
}
