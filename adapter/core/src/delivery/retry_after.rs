//! `Retry-After`: how long a receiver wants to be left alone.

use std::time::{Duration, SystemTime};

use http::HeaderValue;
use jiff::fmt::rfc2822::DateTimeParser;

/// Seconds, or a date (RFC 9110 §10.2.3). `None`: neither, which is no wish. A date that has passed is no pause.
pub fn retry_after(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are more seconds than anybody waits.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(SystemTime::from(date).duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;

    /// A second before the example of RFC 9110: Sun, 06 Nov 1994 08:49:37 GMT.
    const NOW_S: u64 = 784_111_776;

    #[track_caller]
    fn check(text: &str, expected: Option<u64>) {
        let now = UNIX_EPOCH + Duration::from_secs(NOW_S);
        let read = retry_after(&HeaderValue::from_str(text).unwrap(), now);
        assert_eq!(read, expected.map(Duration::from_secs), "{text:?}");
    }

    #[test]
    fn seconds_and_dates_are_read_and_nothing_else() {
        check("120", Some(120));
        check(" 0 ", Some(0));
        check("99999999999999999999999", Some(u64::MAX));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(1));
        check("Sun, 06 Nov 1994 08:49:30 GMT", Some(0));
        for text in ["", "-1", "1.5", "soon", "1 s", "Sun, 06 Nov 1994"] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn no_value_panics(bytes in any::<Vec<u8>>()) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let _ = retry_after(&value, UNIX_EPOCH);
            }
        }
    }
}
