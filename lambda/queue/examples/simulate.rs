//! `simulate --seeds 100000 [--from 0]`: many histories; `simulate --seed 7`: one of them again.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, reason = "a program for people")]

#[path = "../tests/model/mod.rs"]
mod model;

use std::{env, process::ExitCode, time::Instant};

use model::world::history;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let number = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let (from, end) = match (number("--seed"), number("--seeds"), number("--from").unwrap_or_default()) {
        (Some(seed), ..) => (seed, seed + 1),
        (None, Some(seeds), from) => (from, from + seeds),
        (None, None, _) => {
            eprintln!("simulate --seeds N [--from N] | --seed N");
            return ExitCode::from(2);
        }
    };
    let started = Instant::now();
    let (mut puts, mut restarts, mut commits) = (0, 0, 0);
    for seed in from..end {
        match history(seed, false) {
            Ok(report) => {
                puts += report.puts;
                restarts += report.restarts;
                commits += report.commits;
                if end - from == 1 {
                    println!("{report:?}");
                }
            }
            Err(breach) => {
                eprintln!("{breach}");
                return ExitCode::FAILURE;
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "seeds {from} to {end}: {puts} puts, {commits} commits, {restarts} restarts, no breach, {seconds:.1} s"
    );
    ExitCode::SUCCESS
}
