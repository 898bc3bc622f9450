//! The `stayput` program.

use std::process::ExitCode;

use stayput::cli::{self, Cli, Exit, Failure};

/// A request makes many small allocations, and musl has one lock for all of them. What it saves, and the memory that it
/// takes for that, was measured: `docs/performance.md`. In a debug build it would be memory alone.
#[cfg(not(debug_assertions))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // First of all, while there is one thread and no runtime: the warden forks.
    if cli::is_warden() {
        return ended(lambda_local::warden::run().map(|()| Exit::Done).map_err(Failure::from));
    }
    ended(Cli::of_process().run())
}

fn ended(result: Result<Exit, Failure>) -> ExitCode {
    result
        .unwrap_or_else(|failure| {
            cli::report(&failure);
            failure.exit
        })
        .into()
}
