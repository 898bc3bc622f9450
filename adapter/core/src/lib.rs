//! Pure translation between the legacy platforms' HTTP dialects and AWS Lambda's `Invoke`.
//!
//! ```text
//! request head ─ Dialect::parse ─► Call ─ admission ─► Invocation ─ translate::encode ─► Invoke
//! response     ◄─ Dialect::render ─ Outcome ◄─ translate::decode ─ Lambda's reply
//! callback     ◄─ Dialect::callback ─ Ended ◄─ destination record
//! ```
//!
//! No sockets, files, clocks, randomness, environment or logs: time, ids and the caller's address are arguments.
//! Request bodies pass beside this crate as bytes; it never parses one.

pub mod admission;
pub mod call;
pub mod callback;
pub mod delivery;
pub mod dialect;
pub mod exchange;
pub mod headers;
pub mod idempotency;
pub mod invocation;
pub mod keys;
pub mod limits;
pub mod outcome;
pub mod path;
pub mod rejection;
pub mod table;
pub mod token;
pub mod trace;
pub mod translate;

pub use call::{Call, Credential, FunctionKey, Mode, Shape};
pub use callback::CallbackUrl;
pub use dialect::{DIALECTS, Dialect, Rendered, RenderedBody};
pub use exchange::Exchange;
pub use idempotency::IdempotencyKey;
pub use invocation::Invocation;
pub use outcome::{Answer, Failure, Outcome};
pub use rejection::{Blame, Rejection};
pub use trace::Trace;
