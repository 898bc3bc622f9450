//! `traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
//!
//! Source: W3C Trace Context, level 1, §3.2.

use http::{HeaderMap, HeaderValue};

use super::{SpanId, TRACEPARENT, TraceId};

/// The field's four parts but for the version, which is always `00` when we write it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TraceParent {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
    pub(super) sampled: bool,
}

impl TraceParent {
    /// `None`: the field is absent, malformed, or there more than once.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Self::parse(value.to_str().ok()?),
            (None, _) | (Some(_), Some(_)) => None,
        }
    }

    /// A version after ours may have more after a dash; of it, the parts that we know are read (§3.2.4).
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (known, more) = text.split_at_checked(LEN)?;
        let mut parts = known.split('-');
        let mut part = |digits| hex(parts.next()?, digits);
        let (version, trace, span, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        let fits = match version {
            0 => more.is_empty(),
            0xff => false,
            _ => more.is_empty() || more.starts_with('-'),
        };
        let span = u64::try_from(span).ok()?;
        (fits && trace != 0 && span != 0).then_some(Self {
            trace: TraceId(trace),
            span: SpanId(span),
            sampled: flags & SAMPLED != 0,
        })
    }

    pub(super) fn to_header(self) -> HeaderValue {
        let flags = if self.sampled { "01" } else { "00" };
        HeaderValue::try_from(format!("00-{}-{}-{flags}", self.trace, self.span)).expect("digits and dashes")
    }
}

/// A number of exactly so many hexadecimal digits. Capitals are none (§3.2.2).
fn hex(text: &str, digits: usize) -> Option<u128> {
    let fits = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    fits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// Bytes of version `00`.
const LEN: usize = 55;

const SAMPLED: u128 = 1;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[track_caller]
    fn check(text: &str, expected: Option<bool>) {
        assert_eq!(TraceParent::parse(text).map(|parent| parent.sampled), expected, "{text:?}");
    }

    #[test]
    fn the_sampled_flag_is_the_lowest_bit() {
        check(VALID, Some(true));
        check(&VALID.replace("-01", "-00"), Some(false));
        check(&VALID.replace("-01", "-fe"), Some(false));
        check(&VALID.replace("-01", "-03"), Some(true));
    }

    #[test]
    fn a_later_version_may_have_more() {
        check(&VALID.replacen("00", "cc", 1), Some(true));
        check(&format!("{}-what-the-future-will-be-like", VALID.replacen("00", "cc", 1)), Some(true));
        check(&format!("{}.more", VALID.replacen("00", "cc", 1)), None);
        check(&format!("{VALID}-more"), None);
    }

    #[test]
    fn what_is_malformed_is_none() {
        for text in [
            "",
            "00",
            &VALID[..54],
            &VALID.to_uppercase(),
            &VALID.replacen("00", "ff", 1),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7a-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7001",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn one_that_is_there_twice_is_none() {
        let mut headers = HeaderMap::new();
        headers.append(TRACEPARENT, HeaderValue::from_static(VALID));
        assert!(TraceParent::read(&headers).is_some());
        headers.append(TRACEPARENT, HeaderValue::from_static(VALID));
        assert_eq!(TraceParent::read(&headers), None);
    }

    proptest! {
        #[test]
        fn what_is_rendered_parses_to_itself(trace in 1_u128.., span in 1_u64.., sampled: bool) {
            let parent = TraceParent { trace: TraceId(trace), span: SpanId(span), sampled };
            prop_assert_eq!(TraceParent::parse(parent.to_header().to_str().unwrap()), Some(parent));
        }

        #[test]
        fn anything_may_be_parsed(text in r"\PC{0,70}") {
            TraceParent::parse(&text);
        }
    }
}
