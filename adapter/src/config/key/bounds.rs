//! What bounds a key: how much, and when.

use std::time::SystemTime;

use jiff::Timestamp;
use stayput_core::{
    keys::Validity,
    limits::{KeyLimits, Rate},
};

use crate::config::{
    kind::count,
    mistake::{Mistakes, Written, quoted},
    raw::RawKey,
};

pub(super) fn limits(raw: &RawKey, mistakes: &mut Mistakes) -> KeyLimits {
    let rate = check(raw.rate.as_ref(), mistakes, |text| {
        Rate::parse(text).map_err(|error| format!("{}: {error}", quoted(text)))
    });
    let burst = check(raw.burst.as_ref(), mistakes, |text| {
        Rate::parse_burst(text).map_err(|error| format!("{}: {error}", quoted(text)))
    });
    if let (None, Some(burst)) = (&raw.rate, &raw.burst) {
        mistakes.add(burst.mistake("there is no rate that this could be the burst of"));
    }
    let rate = rate.map(|rate| burst.map_or(rate, |burst| rate.with_burst(burst)));
    KeyLimits { rate, concurrency: check(raw.concurrency.as_ref(), mistakes, count) }
}

pub(super) fn validity(raw: &RawKey, mistakes: &mut Mistakes) -> Validity {
    let not_before = check(raw.not_before.as_ref(), mistakes, moment);
    let not_after = check(raw.not_after.as_ref(), mistakes, moment);
    if let (Some(start), Some(end), Some(written)) = (not_before, not_after, &raw.not_after)
        && end <= start
    {
        mistakes.add(written.mistake("the key would never count; not_before is not before it"));
    }
    Validity { not_before, not_after }
}

/// RFC 3339, with its offset: a date alone begins at another moment in each place.
///
/// # Errors
/// What a moment has to be.
pub fn moment(text: &str) -> Result<SystemTime, String> {
    let moment: Result<Timestamp, _> = text.parse();
    moment
        .map(SystemTime::from)
        .map_err(|_| format!("{} is not a moment; write e.g. 2026-01-31T00:00:00Z", quoted(text)))
}

fn check<T>(
    written: Option<&Written>,
    mistakes: &mut Mistakes,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let written = written?;
    read(&written.text).map_err(|what| mistakes.add(written.mistake(what))).ok()
}
