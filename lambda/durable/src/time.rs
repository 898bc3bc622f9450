//! Moments, as the caller's clock tells them.

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

/// Milliseconds since the epoch.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Moment(pub u64);

/// How a moment is written. Source: `reference/durable.md` 4.2: the SDKs read the two places differently.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Notation {
    /// In answers of the API: seconds, with a fraction.
    Seconds,
    /// In the event that a function gets: milliseconds, whole.
    Milliseconds,
}

impl Moment {
    pub fn plus_seconds(self, seconds: u64) -> Self {
        self.plus_ms(seconds.saturating_mul(1_000))
    }

    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// As JSON.
    pub fn write(self, notation: Notation) -> Value {
        match notation {
            Notation::Milliseconds => self.0.into(),
            // Three decimals are exact enough for a few thousand years.
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of today fit 53 bits")]
            Notation::Seconds => Number::from_f64(self.0 as f64 / 1_000.0).map_or(Value::Null, Value::Number),
        }
    }
}
