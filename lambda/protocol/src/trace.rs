//! The X-Ray trace header: `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=…`.
//!
//! Source: AWS X-Ray developer guide, "Tracing header"; `Lineage` as Lambda sends it.

use std::{
    fmt::{self, Write as _},
    time::{SystemTime, UNIX_EPOCH},
};

use http::HeaderValue;

/// A request's place in a trace. Members of the header that are not named here are not kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Trace<'a> {
    pub root: Root,
    /// The segment that calls.
    pub parent: Option<u64>,
    /// `None`: nobody has decided yet (`Sampled=?`, or nothing).
    pub sampled: Option<bool>,
    /// Lambda's own counter against recursion; opaque. At most [`MAX_LINEAGE_BYTES`].
    pub lineage: Option<&'a str>,
}

/// The trace itself: when it began, and 96 random bits.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Root {
    /// Since the epoch.
    pub seconds: u32,
    pub random: [u8; 12],
}

impl<'a> Trace<'a> {
    /// A new trace, not sampled. `random` comes from the caller: nothing here is random.
    pub fn new(now: SystemTime, random: [u8; 12]) -> Self {
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        Self { root: Root { seconds, random }, parent: None, sampled: Some(false), lineage: None }
    }

    /// `None`: there is no well-formed root, so that there is no trace to go on with.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (mut root, mut parent, mut sampled, mut lineage) = (None, None, None, None);
        for member in text.split(';') {
            let Some((key, value)) = member.split_once('=') else { continue };
            match (key.trim(), value.trim()) {
                ("Root", value) => root = Root::parse(value),
                ("Parent", value) => parent = hex(value, 16).and_then(|id| u64::try_from(id).ok()),
                ("Sampled", "1") => sampled = Some(true),
                ("Sampled", "0") => sampled = Some(false),
                ("Lineage", value) if is_lineage(value) => lineage = Some(value),
                _ => {}
            }
        }
        Some(Self { root: root?, parent, sampled, lineage })
    }

    pub fn to_header(&self) -> HeaderValue {
        let text = |trace: &Self| {
            let mut text = String::with_capacity(HEADER_BYTES + trace.lineage.map_or(0, str::len));
            write!(text, "{trace}").expect("writing to a String cannot fail");
            text
        };
        // A lineage that was put together by hand may hold what no header may.
        HeaderValue::try_from(text(self))
            .or_else(|_| HeaderValue::try_from(text(&Self { lineage: None, ..*self })))
            .expect("a trace without lineage is ASCII")
    }
}

impl fmt::Display for Trace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Root=")?;
        self.root.fmt(f)?;
        if let Some(parent) = self.parent {
            f.write_str(";Parent=")?;
            f.write_str(as_text(&digits::<16>(parent.into())))?;
        }
        if let Some(sampled) = self.sampled {
            f.write_str(if sampled { ";Sampled=1" } else { ";Sampled=0" })?;
        }
        match self.lineage {
            Some(lineage) => write!(f, ";Lineage={lineage}"),
            None => Ok(()),
        }
    }
}

impl Root {
    /// The same trace as a W3C `trace-id` in big-endian: 8 digits of time, 24 of the random bits.
    pub fn to_u128(self) -> u128 {
        let random = self.random.iter().fold(0, |number, byte| (number << 8) | u128::from(*byte));
        (u128::from(self.seconds) << RANDOM_BITS) | random
    }

    pub fn from_u128(id: u128) -> Self {
        let [a, b, c, d, random @ ..] = id.to_be_bytes();
        Self { seconds: u32::from_be_bytes([a, b, c, d]), random }
    }

    /// Shape: `1-`, 8 hexadecimal digits, `-`, 24 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let (seconds, random) = text.strip_prefix("1-")?.split_once('-')?;
        let seconds = u32::try_from(hex(seconds, 8)?).ok()?;
        let [_, _, _, _, random @ ..] = hex(random, 24)?.to_be_bytes();
        Some(Self { seconds, random })
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = digits::<32>(self.to_u128());
        let (seconds, random) = as_text(&digits).split_at(8);
        f.write_str("1-")?;
        f.write_str(seconds)?;
        f.write_str("-")?;
        f.write_str(random)
    }
}

/// Longest lineage that is kept, in bytes. Ours: Lambda's are under 100.
pub const MAX_LINEAGE_BYTES: usize = 256;

/// The last `N` hexadecimal digits of a number. There is a trace in every call, and the formatter takes ten times as
/// long.
pub fn digits<const N: usize>(number: u128) -> [u8; N] {
    let mut rest = number;
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[usize::from(rest.to_le_bytes()[0] & 0xf)];
        rest >>= 4;
    }
    digits
}

/// What [`digits`] gives, as text.
pub fn as_text(digits: &[u8]) -> &str {
    std::str::from_utf8(digits).expect("digits are ASCII")
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Of a header without lineage: `Root=` and 35, `;Parent=` and 16, `;Sampled=` and 1, `;Lineage=`.
const HEADER_BYTES: usize = 40 + 24 + 10 + 9;

const RANDOM_BITS: u32 = 96;

fn is_lineage(value: &str) -> bool {
    (1..=MAX_LINEAGE_BYTES).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A number of exactly so many hexadecimal digits, at most 32.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(Trace::parse(text).map(|trace| trace.to_string()).as_deref(), expected, "{text:?}");
    }

    #[test]
    fn a_header_is_read_whatever_its_order() {
        let whole =
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a87bd80c:0";
        check(whole, Some(whole));
        check(
            " Sampled=0; Root=1-5759E988-bd862e3fe1be46a994272793 ;Self=1-0-0",
            Some("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"),
        );
        check(
            "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=?;Parent=xyz",
            Some("Root=1-5759e988-bd862e3fe1be46a994272793"),
        );
    }

    #[test]
    fn without_a_root_there_is_no_trace() {
        for text in [
            "",
            "Parent=53995c3f42cd8ad8;Sampled=1",
            "Root=1-1-2",
            "Root=2-5759e988-bd862e3fe1be46a994272793",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn a_new_trace_begins_now_and_is_not_sampled() {
        let now = UNIX_EPOCH + Duration::from_secs(0x5759_e988);
        let trace = Trace::new(now, [0xbd; 12]);
        assert_eq!(trace.to_header(), "Root=1-5759e988-bdbdbdbdbdbdbdbdbdbdbdbd;Sampled=0");
    }

    proptest! {
        #[test]
        fn what_is_rendered_parses_to_itself(
            seconds: u32, random: [u8; 12], parent: Option<u64>, sampled: Option<bool>,
            lineage in prop::option::of("[0-9a-f:|]{1,40}"),
        ) {
            let root = Root { seconds, random };
            let trace = Trace { root, parent, sampled, lineage: lineage.as_deref() };
            let header = trace.to_header();
            prop_assert_eq!(Trace::parse(header.to_str().unwrap()), Some(trace));
            prop_assert_eq!(Root::from_u128(root.to_u128()), root);
        }

        #[test]
        fn anything_may_be_parsed_and_what_is_kept_fits_a_header(text: String) {
            if let Some(trace) = Trace::parse(&text) {
                trace.to_header();
            }
        }
    }
}
