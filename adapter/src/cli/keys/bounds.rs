//! What bounds a key: how much, and when; from the command line, and for people.

use std::{fmt::Write as _, num::NonZeroU32, time::SystemTime};

use clap::Args;
use jiff::Timestamp;
use stayput_core::{
    keys::{Key, Validity},
    limits::{KeyLimits, Rate},
};

use crate::{cli::Failure, config::key::moment};

/// Options about a key's bounds.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct Bounds {
    /// Calls in a second, minute or hour, as 50/s, 600/m or 5/h [default: as many as come]
    #[arg(long, value_name = "CALLS/UNIT", value_parser = Rate::parse)]
    rate: Option<Rate>,
    /// How many of them at once, after a pause [default: what comes in a second]
    #[arg(long, value_name = "CALLS", requires = "rate", value_parser = Rate::parse_burst)]
    burst: Option<NonZeroU32>,
    /// Calls at a time [default: its share of the gateway's]
    #[arg(long, value_name = "CALLS")]
    concurrency: Option<NonZeroU32>,
    /// The first moment at which it counts, as 2026-01-31T00:00:00Z [default: always has]
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    not_before: Option<SystemTime>,
    /// The first moment at which it counts no more [default: for ever]
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    not_after: Option<SystemTime>,
}

impl Bounds {
    /// # Errors
    /// The key would never count.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match (self.not_before, self.not_after) {
            (Some(start), Some(end)) if end <= start => {
                Err(Failure::usage("--not-after: the key would never count; --not-before is not before it"))
            }
            (_, _) => Ok(()),
        }
    }

    /// The fields of its row, a line each.
    pub(super) fn toml(&self) -> String {
        let fields = [
            ("rate", self.rate.map(|rate| format!("\"{rate}\""))),
            ("burst", self.burst.map(|burst| burst.to_string())),
            ("concurrency", self.concurrency.map(|calls| calls.to_string())),
            ("not_before", self.not_before.map(rfc3339)),
            ("not_after", self.not_after.map(rfc3339)),
        ];
        let mut toml = String::new();
        for (name, value) in fields.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            writeln!(toml, "{name} = {value}").expect("writing to memory does not fail");
        }
        toml
    }
}

/// How much a key may do, in a few words.
pub(super) fn limits(key: &Key) -> String {
    let KeyLimits { rate, concurrency } = key.limits;
    let rate = rate.map(|rate| format!("{rate} (burst {})", rate.burst()));
    let at_once = concurrency.map(|calls| format!("{calls} at a time"));
    let limits: Vec<_> = [rate, at_once].into_iter().flatten().collect();
    if limits.is_empty() { "none".to_owned() } else { limits.join(", ") }
}

/// When a key counts, in a few words.
pub(super) fn dates(key: &Key) -> String {
    let Validity { not_before, not_after } = key.valid;
    let start = not_before.map(|start| format!("from {}", rfc3339(start)));
    let end = not_after.map(|end| format!("until {}", rfc3339(end)));
    let dates: Vec<_> = [start, end].into_iter().flatten().collect();
    if dates.is_empty() { "always".to_owned() } else { dates.join(" ") }
}

/// In UTC. A moment that no calendar of ours has is told as the first.
pub(super) fn rfc3339(moment: SystemTime) -> String {
    Timestamp::try_from(moment).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}
