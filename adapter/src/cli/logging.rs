//! What the program has to say while it runs, on standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt};

use super::Failure;
use crate::config::{GatewaySettings, LogFormat, LogLevel};

/// Begins to write what `tracing` is told; once per process.
///
/// # Errors
/// Somebody else has begun already.
pub(super) fn start(settings: &GatewaySettings) -> Result<(), Failure> {
    let level = match settings.log_level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    let mut builder = fmt().with_env_filter(EnvFilter::new(level)).with_writer(std::io::stderr);
    // Otherwise the library colours as the environment says; it does not ask whether anybody can see it.
    if !std::io::stderr().is_terminal() {
        builder = builder.with_ansi(false);
    }
    let started = match settings.log_format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    started.map_err(|cause| Failure::usage("the log cannot be started").because(&*cause))
}
