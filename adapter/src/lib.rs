//! The gateway that speaks the legacy platforms' dialects to their callers and Lambda's `Invoke` to the functions,
//! and everything around it on the command line.

pub mod access_log;
pub mod admin;
pub mod backend;
pub mod body;
pub mod buffer;
pub mod cli;
pub mod config;
pub mod data_dir;
pub mod gateway;
pub mod metrics;
pub mod routes;
pub mod secret;
pub mod server;
pub mod telemetry;
pub mod tokens;
