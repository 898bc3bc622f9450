//! The gateway that speaks the legacy platforms' dialects to their callers and Lambda's `Invoke` to the functions,
//! and everything around it on the command line.

pub mod acceptance;
pub mod access_log;
pub mod admin;
#[cfg(feature = "aws")]
pub mod aws;
pub mod backend;
pub mod body;
pub mod buffer;
pub mod cli;
pub mod config;
pub mod data_dir;
pub mod deliverer;
pub mod destinations;
pub mod ending;
pub mod events;
#[cfg(feature = "aws")]
pub mod forwarder;
pub mod front;
pub mod gateway;
pub mod ledger;
pub mod metrics;
pub mod pieces;
mod record;
pub mod reload;
pub mod routes;
pub mod rules;
pub mod secret;
pub mod stripe;
#[cfg(feature = "aws")]
pub mod sweeper;
pub mod telemetry;
pub mod timelines;
#[cfg(feature = "tls")]
pub mod tls;
pub mod tokens;
