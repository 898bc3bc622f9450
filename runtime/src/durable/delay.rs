//! How long to wait: a length of time, a moment, or text such as `1h`.

use std::time::{Duration, SystemTime};

use lambda_durable::limits::DELAY_MAX_S;

/// How long a step may take or sleeps. Made by `into()`, so steps take any of these:
///
/// * a [`Duration`];
/// * a [`SystemTime`], the moment at which it ends;
/// * text: a number and a unit, as `30 mins`, `2.5d` or `1 hour`, or several such as `1h30m`. Units are `ms`, `s`, `m`,
///   `h`, `d`, `w` and `y` (365.25 days), or their English names, long or short.
///
/// Less than a second is a second. More than 366 days are more than Lambda waits: the step fails before anything is sent.
///
/// ```
/// use std::time::Duration;
/// use stayput_runtime::durable::Delay;
///
/// assert_eq!(Delay::from("1 hour"), Delay::from(Duration::from_secs(3600)));
/// assert_eq!(Delay::from("2.5d"), Delay::from(Duration::from_secs(216_000)));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delay(Written);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Written {
    For(Duration),
    Until(SystemTime),
    /// Text that is none; said when the step is awaited.
    Unusable(String),
}

impl Delay {
    /// Whole seconds from `now` on, as Lambda takes them: rounded up.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn seconds(&self, now: SystemTime) -> Result<u64, String> {
        let length = match &self.0 {
            Written::For(length) => *length,
            Written::Until(moment) => moment.duration_since(now).unwrap_or_default(),
            Written::Unusable(text) => return Err(text.clone()),
        };
        let seconds = length.as_secs().saturating_add(u64::from(length.subsec_nanos() > 0)).max(1);
        if seconds > DELAY_MAX_S {
            return Err(format!(
                "{seconds} s are more than the 366 days ({DELAY_MAX_S} s) that Lambda waits"
            ));
        }
        Ok(seconds)
    }
}

impl From<Duration> for Delay {
    fn from(length: Duration) -> Self {
        Self(Written::For(length))
    }
}

impl From<SystemTime> for Delay {
    fn from(moment: SystemTime) -> Self {
        Self(Written::Until(moment))
    }
}

impl From<&str> for Delay {
    fn from(text: &str) -> Self {
        Self(parse(text).map_or_else(Written::Unusable, Written::For))
    }
}

impl From<String> for Delay {
    fn from(text: String) -> Self {
        Self::from(&*text)
    }
}

fn parse(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(format!("{text:?} is no length of time; write it as \"1h\""));
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let (digits, behind) = rest.split_at(number);
        let behind = behind.trim_start();
        let (unit, behind) =
            behind.split_at(behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len()));
        let number: f64 =
            digits.parse().map_err(|_| format!("{text:?} is no length of time; write it as \"1h\""))?;
        if unit.is_empty() {
            return Err(format!("{text:?} has no unit; write \"{digits}s\" or \"{digits}ms\""));
        }
        let Some(length) = length_of(&unit.to_ascii_lowercase()) else {
            return Err(format!("{text:?} has an unknown unit, {unit:?}; units are ms, s, m, h, d, w and y"));
        };
        seconds += number * length;
        rest = behind.trim_start();
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("{text:?} is too long"))
}

/// Seconds of a unit. Those of the npm package `ms`, in which Inngest's users write.
fn length_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        "y" | "yr" | "yrs" | "year" | "years" => 31_557_600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<u64, &str>) {
        let seconds = Delay::from(text).seconds(UNIX_EPOCH);
        assert_eq!(
            seconds.as_ref().map_err(String::as_str),
            expected.as_ref().map_err(|text| *text),
            "{text:?}"
        );
    }

    #[test]
    fn text_is_a_number_and_a_unit() {
        check("1h", Ok(3_600));
        check("1 hour", Ok(3_600));
        check("30 mins", Ok(1_800));
        check("2.5d", Ok(216_000));
        check("1W", Ok(604_800));
        check("1y", Ok(31_557_600));
        check("1h30m", Ok(5_400));
        check(" 1h 30 minutes ", Ok(5_400));
        check("1500ms", Ok(2));
        check(".5 s", Ok(1));
    }

    #[test]
    fn what_is_no_time_says_so() {
        check("", Err("\"\" is no length of time; write it as \"1h\""));
        check("soon", Err("\"soon\" is no length of time; write it as \"1h\""));
        check("-1h", Err("\"-1h\" is no length of time; write it as \"1h\""));
        check("5", Err("\"5\" has no unit; write \"5s\" or \"5ms\""));
        check(
            "5 fortnights",
            Err("\"5 fortnights\" has an unknown unit, \"fortnights\"; units are ms, s, m, h, d, w and y"),
        );
        check("2y", Err("63115200 s are more than the 366 days (31622400 s) that Lambda waits"));
    }

    #[test]
    fn the_least_is_a_second_and_the_most_366_days() {
        let seconds = |length: Duration| Delay::from(length).seconds(UNIX_EPOCH);
        assert_eq!(seconds(Duration::ZERO), Ok(1));
        assert_eq!(seconds(Duration::from_millis(1_001)), Ok(2));
        assert_eq!(seconds(Duration::from_secs(DELAY_MAX_S)), Ok(DELAY_MAX_S));
        assert!(seconds(Duration::from_secs(DELAY_MAX_S) + Duration::from_nanos(1)).is_err());
        assert!(seconds(Duration::MAX).is_err());
    }

    #[test]
    fn a_moment_is_counted_from_now_and_the_past_is_a_second() {
        let moment = Delay::from(UNIX_EPOCH + Duration::from_secs(100));
        assert_eq!(moment.seconds(UNIX_EPOCH), Ok(100));
        assert_eq!(moment.seconds(UNIX_EPOCH + Duration::from_millis(99_500)), Ok(1));
        assert_eq!(moment.seconds(UNIX_EPOCH + Duration::from_secs(1_000)), Ok(1));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,20}", number in "[0-9.]{0,30}", unit in "[a-z ]{0,8}") {
            let _ = Delay::from(text);
            let _ = Delay::from(format!("{number}{unit}")).seconds(UNIX_EPOCH);
        }
    }
}
