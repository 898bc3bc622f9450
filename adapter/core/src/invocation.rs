//! An admitted call: the Lambda function behind the name, and what the caller's key allows.

use std::sync::Arc;

use crate::{Call, CallbackUrl, IdempotencyKey, Mode, Shape, keys::Key, table::Function};

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
    /// Where the caller is told of the end; judged.
    pub callback: Option<CallbackUrl>,
    pub idempotency_key: Option<IdempotencyKey>,
    /// Bytes of the largest event that Lambda, or the operator, takes of such a call.
    pub event_limit: usize,
}

impl Invocation {
    pub(crate) fn new(
        call: &Call,
        function: Arc<Function>,
        key: Arc<Key>,
        logs: bool,
        event_limit: usize,
    ) -> Self {
        let shape = if function.payload_is_event { Shape::Event } else { call.shape.clone() };
        let (callback, idempotency_key) = (call.callback.clone(), call.idempotency_key.clone());
        Self { function, key, mode: call.mode, shape, logs, callback, idempotency_key, event_limit }
    }

    /// Does the answer pass on as the function makes it? Only where the caller gets an HTTP answer: Stedi's has headers that
    /// are known at its end alone, and a bare payload has no head.
    pub fn is_streamed(&self) -> bool {
        self.function.streams && self.mode == Mode::Sync && matches!(self.shape, Shape::Http { .. })
    }
}
