//! What the program has to say while it runs, on standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::{
    EnvFilter, Layer as _, fmt, layer::SubscriberExt as _, reload, util::SubscriberInitExt as _,
};

use super::Failure;
use crate::config::{GatewaySettings, LogFormat, LogLevel};

/// Sets what is worth saying from now on.
pub(super) type SetLevel = Box<dyn Fn(LogLevel) + Send + Sync>;

/// Begins to write what `tracing` is told; once per process.
///
/// # Errors
/// Somebody else has begun already.
pub(super) fn start(settings: &GatewaySettings) -> Result<SetLevel, Failure> {
    let (filter, handle) = reload::Layer::new(from(settings.log_level));
    let mut layer = fmt::layer().with_writer(std::io::stderr);
    // Otherwise the library colours as the environment says; it does not ask whether anybody can see it.
    if !std::io::stderr().is_terminal() {
        layer = layer.with_ansi(false);
    }
    let layer = match settings.log_format {
        LogFormat::Text => layer.with_target(false).boxed(),
        LogFormat::Json => layer.json().boxed(),
    };
    let started = tracing_subscriber::registry().with(filter).with(layer).try_init();
    started.map_err(|cause| Failure::usage("the log cannot be started").because(&cause))?;
    Ok(Box::new(move |level| {
        handle.reload(from(level)).expect("the log lives as long as the process");
    }))
}

fn from(level: LogLevel) -> EnvFilter {
    EnvFilter::new(match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    })
}
