//! Which traces are kept, as `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` say.
//!
//! Source: OpenTelemetry specification, "Environment variables", general SDK configuration.

use stayput_core::{Trace, trace::TraceId};

/// A sampler.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Does the caller's decision count, if it made one?
    parent_based: bool,
    /// Of the others, this share is kept, 0.0 to 1.0.
    ratio: f64,
}

/// What is wrong with the variables.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SamplingError {
    #[error(
        "OTEL_TRACES_SAMPLER: {0:?} is none of always_on, always_off, traceidratio and parentbased_ with one of these"
    )]
    Sampler(String),
    #[error("OTEL_TRACES_SAMPLER_ARG: {0:?} is no share from 0.0 to 1.0")]
    Share(String),
}

impl Sampling {
    /// # Errors
    /// A sampler that is not known here, or a share that is none.
    pub fn parse(sampler: Option<&str>, share: Option<&str>) -> Result<Self, SamplingError> {
        let sampler = sampler.unwrap_or("parentbased_always_on");
        let rest = sampler.strip_prefix("parentbased_");
        let ratio = match rest.unwrap_or(sampler) {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => read_share(share)?,
            _ => return Err(SamplingError::Sampler(sampler.to_owned())),
        };
        Ok(Self { parent_based: rest.is_some(), ratio })
    }

    pub fn keeps(self, trace: &Trace<'_>) -> bool {
        match trace.sampled {
            Some(decided) if self.parent_based => decided,
            Some(_) | None => share_of(trace.id) < self.ratio,
        }
    }
}

/// Where none is written, all are kept, as the specification has it.
fn read_share(text: Option<&str>) -> Result<f64, SamplingError> {
    let Some(text) = text else { return Ok(1.0) };
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| SamplingError::Share(text.to_owned()))
}

/// A number from 0.0 to below 1.0 that every participant reads from the same trace: its last 32 bits.
fn share_of(id: TraceId) -> f64 {
    let [.., a, b, c, d] = id.0.to_be_bytes();
    f64::from(u32::from_be_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use uuid::Uuid;

    use super::*;

    #[track_caller]
    fn check(sampler: &str, share: Option<&str>, decided: Option<bool>, id: u128, kept: bool) {
        let mut trace = Trace::begin(Uuid::nil(), UNIX_EPOCH);
        (trace.id, trace.sampled) = (TraceId(id), decided);
        let sampling = Sampling::parse(Some(sampler), share).unwrap();
        assert_eq!(sampling.keeps(&trace), kept, "{sampler} {share:?} {decided:?} {id:x}");
    }

    #[test]
    fn a_callers_decision_counts_where_the_sampler_is_based_on_it() {
        check("parentbased_always_off", None, Some(true), 1, true);
        check("parentbased_always_on", None, Some(false), 1, false);
        check("always_off", None, Some(true), 1, false);
        check("always_on", None, Some(false), 1, true);
    }

    #[test]
    fn what_nobody_decided_is_decided_here() {
        check("parentbased_always_on", None, None, 1, true);
        check("parentbased_always_off", None, None, 1, false);
        check("parentbased_traceidratio", Some("0.25"), None, 0x3fff_ffff, true);
        check("parentbased_traceidratio", Some("0.25"), None, 0x4000_0000, false);
        check("traceidratio", Some("1"), None, 0xffff_ffff, true);
        check("traceidratio", Some("0.0"), None, 0, false);
    }

    #[test]
    fn a_misspelt_word_is_an_error() {
        let parse = Sampling::parse;
        assert!(matches!(parse(Some("always"), None), Err(SamplingError::Sampler(_))));
        for share in ["", "2", "-0.1", "NaN", "half"] {
            assert!(
                matches!(parse(Some("traceidratio"), Some(share)), Err(SamplingError::Share(_))),
                "{share}"
            );
        }
        assert_eq!(parse(None, None), parse(Some("parentbased_always_on"), None));
    }
}
