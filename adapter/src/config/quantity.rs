//! Amounts with their unit: `30s`, `256 MiB`. A bare number is nobody's guess.

use std::time::Duration;

use super::mistake::quoted;

/// A time: a whole number and `ms`, `s`, `m` or `h`.
///
/// # Errors
/// What is wrong, and what to write instead.
pub fn duration(text: &str) -> Result<Duration, String> {
    let millis = amount(text, DURATION_UNITS, "s")?;
    Ok(Duration::from_millis(millis))
}

/// A size: a whole number and `B`, `kB`, `MB`, `KiB`, `MiB` or `GiB`.
///
/// # Errors
/// What is wrong, and what to write instead.
pub(super) fn bytes(text: &str) -> Result<usize, String> {
    let bytes = amount(text, SIZE_UNITS, " MiB")?;
    usize::try_from(bytes).map_err(|_| format!("{text:?} is too large"))
}

/// What something is multiplied with.
///
/// Shape: a decimal number from 0.001 to 1000, with three places after the point at most.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Scale {
    thousandths: u32,
}

impl Scale {
    /// # Errors
    /// What is wrong, and what to write instead.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let thousandths = if is_number(whole) && is_number(places) && places.len() <= 3 {
            format!("{whole}{places:0<3}").parse().ok()
        } else {
            None
        };
        let thousandths = thousandths.filter(|thousandths| (1..=1_000_000).contains(thousandths));
        let thousandths = thousandths
            .ok_or_else(|| format!("{} is not a number from \"0.001\" to \"1000\"", quoted(text)))?;
        Ok(Self { thousandths })
    }

    pub fn factor(self) -> f64 {
        f64::from(self.thousandths) / 1_000.0
    }
}

fn amount(text: &str, units: &[(&str, u64)], usual: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    if number.is_empty() {
        return Err(format!("{} is not an amount; write e.g. \"30{usual}\"", quoted(text)));
    }
    if unit.is_empty() {
        return Err(format!("{} has no unit; write {}", quoted(number), quoted(&format!("{number}{usual}"))));
    }
    let Some(&(_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        let known: Vec<_> = units.iter().map(|(name, _)| *name).collect();
        return Err(format!("{} has an unknown unit; known: {}", quoted(text), known.join(", ")));
    };
    let number: Option<u64> = number.parse().ok();
    number
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| format!("{} is too large", quoted(text)))
}

/// In milliseconds.
const DURATION_UNITS: &[(&str, u64)] = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// In bytes.
const SIZE_UNITS: &[(&str, u64)] =
    &[("B", 1), ("kB", 1_000), ("MB", 1_000_000), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_has_three_places() {
        for (text, factor) in
            [("1", 1.0), ("0.001", 0.001), ("0.5", 0.5), ("1000", 1_000.0), ("007.25", 7.25)]
        {
            assert!((Scale::parse(text).unwrap().factor() - factor).abs() < 1e-9, "{text}");
        }
        for text in ["", "0", "0.0001", "1000.001", "-1", "1e3", ".5", "1.", "one", "1,5", "99999999999"] {
            assert!(Scale::parse(text).is_err(), "{text}");
        }
    }

    #[track_caller]
    fn check(text: &str, expected: Result<u64, &str>) {
        let read = duration(text).map(|d| u64::try_from(d.as_millis()).unwrap());
        assert_eq!(read, expected.map_err(str::to_owned), "{text:?}");
    }

    #[test]
    fn times_have_units() {
        check("30s", Ok(30_000));
        check("250 ms", Ok(250));
        check("15m", Ok(900_000));
        check("0s", Ok(0));
        check("5", Err(r#""5" has no unit; write "5s""#));
        check("5 S", Err(r#""5 S" has an unknown unit; known: ms, s, m, h"#));
        check("soon", Err(r#""soon" is not an amount; write e.g. "30s""#));
        check("-5s", Err(r#""-5s" is not an amount; write e.g. "30s""#));
        check("", Err(r#""" is not an amount; write e.g. "30s""#));
        check("18446744073709551615h", Err(r#""18446744073709551615h" is too large"#));
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("256 MiB"), Ok(256 << 20));
        assert_eq!(bytes("10MB"), Ok(10_000_000));
        assert_eq!(bytes("5"), Err(r#""5" has no unit; write "5 MiB""#.to_owned()));
    }
}
