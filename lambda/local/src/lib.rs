//! AWS Lambda on one machine: its HTTP API, its Runtime API, its execution environments. No Docker, no account.
//!
//! ```text
//! URL ─► url ─┐
//! Invoke ─► service (checks, in AWS's order) ─► pool (concurrency, reuse) ─► environment ─► Runtime API ─► process
//!                └─► events (queue, retries, destinations) ──► pool …             └─ warden (spawns, kills, reaps)
//! ```

mod alarm;
mod answer;
mod api;
mod body;
mod deploy;
mod environment;
mod event_stream;
pub mod events;
mod executions;
mod front;
pub mod function;
mod functions;
mod invoke;
pub mod languages;
mod logs;
mod observer;
mod pool;
mod response_body;
mod run;
pub mod rust_build;
mod service;
mod settings;
pub mod template;
pub mod url;
pub mod warden;

pub use deploy::Deployments;
pub use executions::store::ExecutionStore;
pub use function::{Function, Program};
pub use logs::LogSink;
pub use observer::{Observer, Step};
pub use response_body::{Body, BrokenOff};
pub use service::LocalLambda;
pub use settings::{Settings, Signatures};
