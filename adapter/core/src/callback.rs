//! Callbacks: where they may go, what promises one, and what it says.
//!
//! ```text
//! X-Callback-Url ─► CallbackUrl ─► Ticket, sealed into the event ─► Lambda ─► destination record
//! caller's URL   ◄─ Callback ◄─ Dialect::callback ◄─ Ended ◄──────────────────┘
//! ```
//!
//! Nothing here dials: [`classify`] is asked of each address that is about to be.

mod address;
mod ended;
mod hops;
mod message;
mod policy;
mod signature;
mod ticket;
mod url;

pub use address::{Verdict, classify};
pub use ended::{Ended, NotRun};
pub use hops::{Hops, MAX_HOPS};
pub use message::{Callback, Ending, Told, When, render};
pub use policy::{HostPattern, Policy};
pub use signature::{SecretError, SigningSecret, SigningSecrets, WEBHOOK_ID};
pub use ticket::{Counterfeit, EXECUTION_MAX, LIFETIME, Mismatch, Ticket, TicketError};
pub use url::{CallbackUrl, MAX_URL_BYTES, Origin, UrlRefusal};

#[cfg(test)]
mod tests;
