//! What a query asks for.

use std::{ops::RangeInclusive, str::FromStr};

use tokio::time::Duration;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Wish {
    /// The last tick's number; the first is 1.
    pub(crate) count: u32,
    /// Between two ticks.
    pub(crate) every: Duration,
    /// Ticks of this one answer.
    pub(crate) fail_after: Option<u32>,
    /// Ticks of this one answer.
    pub(crate) exit_after: Option<u32>,
}

impl Wish {
    /// What is not said is [`DEFAULT_COUNT`] ticks, [`DEFAULT_EVERY_MS`] apart, to a good end.
    ///
    /// # Errors
    /// A sentence about the first number that is none, or out of its range.
    pub(crate) fn parse(query: &str) -> Result<Self, String> {
        Ok(Self {
            count: number(query, "count", 1..=MOST_TICKS)?.unwrap_or(DEFAULT_COUNT),
            every: Duration::from_millis(
                number(query, "every", 0..=LONGEST_EVERY_MS)?.unwrap_or(DEFAULT_EVERY_MS),
            ),
            fail_after: number(query, "fail_after", 0..=MOST_TICKS)?,
            exit_after: number(query, "exit_after", 0..=MOST_TICKS)?,
        })
    }
}

fn number<N: Copy + FromStr + PartialOrd + std::fmt::Display>(
    query: &str,
    name: &str,
    range: RangeInclusive<N>,
) -> Result<Option<N>, String> {
    let Some((_, text)) = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name) else {
        return Ok(None);
    };
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(Some(number)),
        Ok(_) | Err(_) => Err(format!("{name} is a number from {} to {}", range.start(), range.end())),
    }
}

const DEFAULT_COUNT: u32 = 10;
const MOST_TICKS: u32 = 10_000;

/// Milliseconds.
const DEFAULT_EVERY_MS: u64 = 1000;
/// Milliseconds. Above it the function's timeout of 60 s would leave little to see.
const LONGEST_EVERY_MS: u64 = 10_000;
