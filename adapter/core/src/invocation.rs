//! An admitted call: the Lambda function behind the name, and what the caller's key allows.

use std::sync::Arc;

use crate::{Call, Mode, Shape, keys::Key, table::Function};

/// A call that may happen.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub function: Arc<Function>,
    pub key: Arc<Key>,
    pub mode: Mode,
    /// The dialect's shape, unless the table says that this function takes bare events.
    pub shape: Shape,
    /// May the answer carry the log tail and error traces?
    pub logs: bool,
}

impl Invocation {
    pub(crate) fn new(call: &Call, function: Arc<Function>, key: Arc<Key>, logs: bool) -> Self {
        let shape = if function.payload_is_event { Shape::Event } else { call.shape.clone() };
        Self { function, key, mode: call.mode, shape, logs }
    }
}
