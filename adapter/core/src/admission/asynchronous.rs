//! What an asynchronous call must keep to besides, decided from its head.

use lambda_protocol::quotas::EVENT_REQUEST_BYTES;

use crate::{Call, Rejection, Shape, callback::Policy, keys::Key, table::Function};

/// What the operator allows of asynchronous calls.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Asynchronous {
    /// Where callbacks may go; `None`: none can be promised.
    pub callbacks: Option<Policy>,
    /// Bytes of an event that promises a callback.
    pub callback_event_bytes: usize,
}

impl Default for Asynchronous {
    fn default() -> Self {
        let callbacks = Some(Policy::default());
        Self { callbacks, callback_event_bytes: CALLBACK_EVENT_BYTES }
    }
}

impl Asynchronous {
    /// The bytes that the call's event may have.
    ///
    /// # Errors
    /// A callback that is not to be sent; a function whose events have no place for what a dialect's callers may ask.
    pub(super) fn admit(&self, call: &Call, key: &Key, function: &Function) -> Result<usize, Rejection> {
        match call.shape {
            Shape::Http { .. } if function.payload_is_event && !function.durable => {
                return Err(Rejection::NotImplemented("this function takes synchronous calls only"));
            }
            Shape::Http { .. } | Shape::Event => {}
        }
        match &call.callback {
            None => Ok(EVENT_REQUEST_BYTES),
            Some(_) if function.durable => Err(Rejection::NotImplemented(
                "no callback tells of a durable function's end; ask for it instead",
            )),
            Some(url) => {
                let policy = self.callbacks.as_ref();
                let policy = policy.ok_or(Rejection::NotImplemented("callbacks are not available here"))?;
                url.check(&policy.of(key))?;
                Ok(self.callback_event_bytes.min(EVENT_REQUEST_BYTES))
            }
        }
    }
}

/// By default: a quarter of what a destination record may have, which event and answer share. Ours.
pub const CALLBACK_EVENT_BYTES: usize = 262_144;
