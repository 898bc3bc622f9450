//! What the gateway does under load that no test has the time for: the program itself in front of a stand-in for
//! Lambda, and callers who are too many, unfair, or there when it is told to end.
//!
//! ```text
//! cargo build --release && cargo run --release --example exams -- overload | unfair | reload | stop
//! ```
//!
//! Where there are two cores, the gateway has the first and everything else the second. Linux.
//!
//! And what `stayput dev` makes of asynchronous calls, with everything on all cores:
//!
//! ```text
//! cargo build --release && cargo run --release --example exams -- power_cut | hanging | accepted | backlog
//! ```
//!
//! And of streams: `vanishing`, whose callers go at random, and `slow_reader`.

#[path = "exams/accepted.rs"]
mod accepted;
#[path = "exams/backlog.rs"]
mod backlog;
#[path = "exams/callers.rs"]
mod callers;
#[path = "exams/gateway.rs"]
mod gateway;
#[path = "exams/hanging.rs"]
mod hanging;
#[path = "exams/lambda.rs"]
mod lambda;
#[path = "exams/laptop.rs"]
mod laptop;
#[path = "exams/overload.rs"]
mod overload;
#[path = "exams/power_cut.rs"]
mod power_cut;
#[path = "exams/reload.rs"]
mod reload;
#[path = "exams/slow_reader.rs"]
mod slow_reader;
#[path = "exams/stop.rs"]
mod stop;
#[path = "exams/unfair.rs"]
mod unfair;
#[path = "exams/vanishing.rs"]
mod vanishing;

#[path = "program/cuts.rs"]
mod cuts;
#[path = "program/lives.rs"]
mod lives;
#[path = "program/power.rs"]
mod power;
#[path = "program/promises.rs"]
mod promises;
#[path = "program/running.rs"]
#[allow(dead_code, reason = "the program's tests need more of it")]
mod running;
#[path = "program/sink.rs"]
#[allow(dead_code, reason = "the program's tests need more of it")]
mod sink;

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
            "power_cut" => power_cut::run().await,
            "accepted" => accepted::run().await,
            "backlog" => backlog::run().await,
            "hanging" => hanging::run().await,
            "vanishing" => vanishing::run().await,
            "slow_reader" => slow_reader::run().await,
            _ => Err(io::Error::other("which one? The head of tests/exams.rs names them")),
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
