//! AWS Lambda on one machine: its HTTP API, its Runtime API, its execution environments. No Docker, no account.
//!
//! ```text
//! Invoke ─► service (checks, in AWS's order) ─► pool (concurrency, reuse) ─► environment ─► Runtime API ─► process
//!                                                                               └─ warden (spawns, kills, reaps)
//! ```

mod body;
mod environment;
mod front;
pub mod function;
mod invoke;
pub mod languages;
mod logs;
mod pool;
pub mod rust_build;
mod service;
mod settings;
pub mod template;
pub mod warden;

pub use function::{Function, Program};
pub use logs::LogSink;
pub use service::LocalLambda;
pub use settings::{Settings, Signatures};
