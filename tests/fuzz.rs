//! Throws mutated inputs at everything that reads what strangers wrote. No nightly compiler, no corpus on disk: the
//! seeds are in the code, and a number is all that it takes to see a failure again.
//!
//! ```text
//! cargo run --release --example fuzz -- --inputs 10000000 --target head [--seed 7]
//! ```

#[path = "fuzz/callbacks.rs"]
mod callbacks;
#[path = "fuzz/mutation.rs"]
mod mutation;
#[path = "conversations/setup.rs"]
mod setup;
#[path = "fuzz/streams.rs"]
mod streams;
#[path = "fuzz/target.rs"]
mod target;

use std::{
    io::{self, Write as _},
    panic::{self, AssertUnwindSafe},
    time::{Duration, Instant},
};

use mutation::Mutations;
use target::Target;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)
    };
    let number =
        |name: &str, default: u64| value(name).map_or(default, |text| text.parse().expect("a number"));
    let (inputs, seed) = (number("--inputs", 100_000), number("--seed", 1));
    let wanted = value("--target");
    let mut out = io::stdout();
    for target in targets().filter(|target| wanted.is_none_or(|wanted| wanted == target.name)) {
        let begun = Instant::now();
        let found = run(target, inputs, seed);
        let seconds = begun.elapsed().as_secs_f64();
        writeln!(
            out,
            "{}: {inputs} inputs in {seconds:.1} s, {:.0}/s; {} accepted; slowest {:?}; {}",
            target.name,
            f64::from(u32::try_from(inputs).unwrap_or(u32::MAX)) / seconds,
            found.accepted,
            found.slowest,
            found.failure.as_deref().unwrap_or("nothing found"),
        )?;
    }
    Ok(())
}

fn targets() -> impl Iterator<Item = &'static Target> {
    target::TARGETS.iter().chain(callbacks::TARGETS).chain(streams::TARGETS)
}

/// What a run has shown.
struct Found {
    /// Inputs that meant something to the target.
    accepted: u64,
    slowest: Duration,
    /// The first input on which the target panicked, and then the run ended.
    failure: Option<String>,
}

fn run(target: &Target, inputs: u64, seed: u64) -> Found {
    let mut mutations = Mutations::new(seed);
    let mut check = (target.check)();
    let mut found = Found { accepted: 0, slowest: Duration::ZERO, failure: None };
    for number in 0..inputs {
        let input = mutations.next(target.seeds, target.words);
        let begun = Instant::now();
        let accepted = panic::catch_unwind(AssertUnwindSafe(|| check(input)));
        found.slowest = found.slowest.max(begun.elapsed());
        match accepted {
            Ok(accepted) => found.accepted += u64::from(accepted),
            Err(_) => {
                let shown = input.escape_ascii();
                found.failure = Some(format!("input {number} of seed {seed}: {shown}"));
                break;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_strangers_write_makes_a_reader_panic() {
        for target in targets() {
            let found = run(target, 20_000, 1);
            assert_eq!(found.failure, None, "{}", target.name);
            // Else the inputs are no good: nothing of them gets past the first check.
            assert!(found.accepted > 100, "{}: {} accepted", target.name, found.accepted);
        }
    }
}
