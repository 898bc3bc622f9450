//! How a command ends.

use std::{error::Error, fmt, process::ExitCode};

/// The documented exit codes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    Done = 0,
    /// A function ran and failed; or what was asked for is not there.
    Negative = 1,
    /// Usage, configuration, or whatever else stands in the way on this side.
    Usage = 2,
    Unreachable = 3,
    TimedOut = 4,
}

/// Why a command could not do what it was asked. Prints its causes with `{:#}`.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    what: String,
    causes: Vec<String>,
}

impl Failure {
    /// Wrong on this side. `what` ends with what to do about it.
    pub fn usage(what: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, what: what.to_string(), causes: Vec::new() }
    }

    /// What was asked for is not there.
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self { exit: Exit::Negative, what: what.to_string(), causes: Vec::new() }
    }

    pub fn unreachable(what: impl fmt::Display) -> Self {
        Self { exit: Exit::Unreachable, what: what.to_string(), causes: Vec::new() }
    }

    pub fn timed_out(what: impl fmt::Display) -> Self {
        Self { exit: Exit::TimedOut, what: what.to_string(), causes: Vec::new() }
    }

    pub fn because(self, cause: &(dyn Error + 'static)) -> Self {
        Self { causes: chain(Some(cause)), ..self }
    }
}

impl<E: Error + 'static> From<E> for Failure {
    /// An error whose own words say what is wrong.
    fn from(error: E) -> Self {
        Self { exit: Exit::Usage, what: error.to_string(), causes: chain(error.source()) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if f.alternate() {
            self.causes.iter().try_for_each(|cause| write!(f, ": {cause}"))?;
        }
        Ok(())
    }
}

/// An error's own words, then its causes'.
fn chain(first: Option<&(dyn Error + 'static)>) -> Vec<String> {
    std::iter::successors(first, |&error| error.source()).map(ToString::to_string).collect()
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
