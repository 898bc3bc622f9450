//! What the gateway does under load that no test has the time for: the program itself in front of a stand-in for
//! Lambda, and callers who are too many, unfair, or there when it is told to end.
//!
//! ```text
//! cargo build --release && cargo run --release --example exams -- overload | unfair | reload | stop
//! ```
//!
//! Where there are two cores, the gateway has the first and everything else the second. Linux.

#[path = "exams/callers.rs"]
mod callers;
#[path = "exams/gateway.rs"]
mod gateway;
#[path = "exams/lambda.rs"]
mod lambda;
#[path = "exams/overload.rs"]
mod overload;
#[path = "exams/reload.rs"]
mod reload;
#[path = "exams/stop.rs"]
mod stop;
#[path = "exams/unfair.rs"]
mod unfair;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

fn main() -> io::Result<ExitCode> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        match wanted.as_str() {
            "overload" => overload::run().await,
            "unfair" => unfair::run().await,
            "reload" => reload::run().await,
            "stop" => stop::run().await,
            _ => Err(io::Error::other("which one? overload, unfair, reload or stop")),
        }
    })?;
    let mut out = io::stdout();
    for (what, holds) in &report {
        writeln!(out, "{} {what}", if *holds { "holds" } else { "FAILS" })?;
    }
    let all = report.iter().all(|(_, holds)| *holds);
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was seen, and whether it is as promised.
type Report = Vec<(String, bool)>;
