//! `damage --cases 5000 [--seed 1]`: hurts a stopped database in as many places and opens it.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, reason = "a program for people")]

#[path = "../tests/injury/mod.rs"]
mod injury;
#[allow(dead_code, reason = "the numbers alone are used")]
#[path = "../tests/model/mod.rs"]
mod model;

use std::{env, process::ExitCode};

use injury::{Stopped, Verdict};
use model::random::Random;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let number = |name: &str, otherwise| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse::<u64>().ok()).unwrap_or(otherwise)
    };
    let (cases, mut random) = (number("--cases", 5_000), Random::new(number("--seed", 1)));
    let stopped = Stopped::new();
    let (mut whole, mut refused) = (0_u64, 0_u64);
    for case in 0..cases {
        match stopped.hurt(&mut random) {
            Ok(Verdict::Whole) => whole += 1,
            Ok(Verdict::Refused) => refused += 1,
            Err(breach) => {
                eprintln!("case {case}: {breach}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{cases} cases: {whole} opened with every row, {refused} refused by name");
    ExitCode::SUCCESS
}
