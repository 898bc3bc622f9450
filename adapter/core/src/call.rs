//! A parsed request: what the caller wants, in our words, before anyone asks whether they may.

use crate::{CallbackUrl, IdempotencyKey};

/// One request, parsed by a dialect from its head.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    pub function: FunctionKey,
    pub mode: Mode,
    pub shape: Shape,
    /// `X-Callback-Url` of an asynchronous call; read, and not yet judged.
    pub callback: Option<CallbackUrl>,
    /// Of an asynchronous call; others' goes to the function alone.
    pub idempotency_key: Option<IdempotencyKey>,
}

/// A function as the caller names it: a key in the operator's table, never part of an ARN.
///
/// Shape: the dialect's own. Stedi `name`, Altair `space/name`, Eywa a lower-case UUID, OpenFaaS `name` or
/// `name.namespace`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FunctionKey(String);

impl FunctionKey {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Does the caller wait for the function's answer?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    Sync,
    Async,
}

/// What the function gets to see.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Shape {
    /// The body's bytes are the event.
    Event,
    /// An HTTP request. `path` is what follows the dialect's prefix, as sent and still encoded; begins with `/`.
    Http { path: String },
}

/// A presented secret. Prints as dots.
#[derive(Clone, Eq, PartialEq)]
pub struct Credential(Vec<u8>);

impl Credential {
    pub fn new(secret: impl Into<Vec<u8>>) -> Self {
        Self(secret.into())
    }

    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(…)")
    }
}
