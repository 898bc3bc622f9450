//! One program after the other on the same data: each is killed, and the next goes on.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{
    promises::{BOOTSTRAP, TEMPLATE},
    running::{Running, folder},
};

/// The folder of them all, and how long the slowest took until it was ready.
pub(crate) struct Lives {
    place: Option<TempDir>,
    template: String,
    words: &'static [&'static str],
    pub(crate) slowest: Duration,
}

impl Lives {
    /// With the function that [`Promises`](super::promises::Promises) calls.
    pub(crate) fn new() -> Self {
        Self::with(BOOTSTRAP)
    }

    /// With this program as the function `echo`.
    pub(crate) fn with(program: &[u8]) -> Self {
        let lives = Self::of(TEMPLATE.to_owned(), &["--no-watch"]);
        let bootstrap = lives.place().join("bootstrap");
        fs::write(&bootstrap, program).expect("a file");
        fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755)).expect("it is ours");
        lives
    }

    /// With the functions of `template`, and more `words` on the command line.
    pub(crate) fn of(template: String, words: &'static [&'static str]) -> Self {
        Self { place: Some(folder()), template, words, slowest: Duration::ZERO }
    }

    pub(crate) fn place(&self) -> &Path {
        self.place.as_ref().expect("nothing runs").path()
    }

    /// The next one; `None` where it died before it was ready.
    pub(crate) fn begin(&mut self, variables: &[(&str, String)]) -> Option<Running> {
        let begun = Instant::now();
        // A few processes of the function are enough, and each start has to make them.
        let variables = [&[("STAYPUT_LAMBDA_CONCURRENCY", PROCESSES.to_string())], variables].concat();
        let place = self.place.take().expect("nothing runs");
        match Running::with_variables(place, &self.template, self.words, &variables) {
            Ok(running) => {
                self.slowest = self.slowest.max(begun.elapsed());
                Some(running)
            }
            Err(place) => {
                self.place = Some(place);
                None
            }
        }
    }

    /// Kills it, if it is not dead.
    pub(crate) fn end(&mut self, running: Option<Running>) {
        if let Some(running) = running {
            self.place = Some(running.kept());
        }
    }

    /// What the last one wrote to its standard error.
    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.place().join("stderr")).unwrap_or_default()
    }
}

/// Of the function at a time.
const PROCESSES: usize = 8;
