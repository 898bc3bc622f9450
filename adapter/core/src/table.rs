//! The operator's function table: what callers may name, and the Lambda function behind each name.

use std::{collections::HashMap, sync::Arc, time::Duration};

use lambda_protocol::function::{FunctionRef, Qualifier};

use crate::FunctionKey;

/// Function names by dialect. A name that is not here does not exist.
#[derive(Debug, Default)]
pub struct Table {
    by_dialect: HashMap<String, HashMap<FunctionKey, Arc<Function>>>,
}

/// One row: a Lambda function and how it is called.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Function {
    pub lambda: FunctionRef,
    pub qualifier: Option<Qualifier>,
    /// `payload = "event"`: on HTTP dialects too, the body goes in as the event and the payload comes out.
    pub payload_is_event: bool,
    /// `durable = true`: a call starts an execution, which has the call's id as its name.
    pub durable: bool,
    /// `stream = true`: HTTP answers pass on as the function makes them.
    pub streams: bool,
    /// How long the gateway waits for the answer.
    pub timeout: Duration,
}

impl Table {
    /// Adds a name; gives back the row that had it before, which is the operator's mistake.
    pub fn add(&mut self, dialect: &str, key: FunctionKey, function: Arc<Function>) -> Option<Arc<Function>> {
        self.by_dialect.entry(dialect.to_owned()).or_default().insert(key, function)
    }

    /// Is there nothing that a caller could name?
    pub fn is_empty(&self) -> bool {
        self.by_dialect.is_empty()
    }

    pub fn find(&self, dialect: &str, key: &FunctionKey) -> Option<&Arc<Function>> {
        self.by_dialect.get(dialect)?.get(key)
    }

    /// Every name, in no order: dialect, key, row.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &FunctionKey, &Arc<Function>)> {
        self.by_dialect
            .iter()
            .flat_map(|(dialect, rows)| rows.iter().map(move |(key, row)| (dialect.as_str(), key, row)))
    }
}
