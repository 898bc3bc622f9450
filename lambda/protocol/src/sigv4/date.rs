//! The one form of time that a signature knows: `YYYYMMDDTHHMMSSZ`.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A whole second of UTC, from 1970 to 9999.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct AmzDate {
    /// Since the epoch; at most [`LAST_SECOND`].
    seconds: u64,
}

impl AmzDate {
    /// The second in which `now` lies. A clock outside of the years that can be written is taken for the nearest that
    /// can.
    pub fn at(now: SystemTime) -> Self {
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self { seconds: seconds.min(LAST_SECOND) }
    }

    /// `None`: not this form, or no such day or time.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let [date @ .., b'T', h1, h2, m1, m2, s1, s2, b'Z'] = text else { return None };
        let [y1, y2, y3, y4, mo1, mo2, d1, d2] = *date else { return None };
        let (year, month, day) = (number(&[y1, y2, y3, y4])?, number(&[mo1, mo2])?, number(&[d1, d2])?);
        let (hour, minute, second) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?, number(&[*s1, *s2])?);
        if year < 1970 || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let days = days_from_civil(year, month, day)?;
        Some(Self { seconds: days * DAY_SECONDS + hour * 3600 + minute * 60 + second })
    }

    /// Days since the epoch.
    pub fn day(self) -> u64 {
        self.seconds / DAY_SECONDS
    }

    /// `YYYYMMDDTHHMMSSZ`
    pub fn text(self) -> [u8; 16] {
        let (year, month, day) = civil_from_days(self.day());
        let second = self.seconds % DAY_SECONDS;
        let mut text = *b"00000000T000000Z";
        digits(&mut text[0..4], year);
        digits(&mut text[4..6], month);
        digits(&mut text[6..8], day);
        digits(&mut text[9..11], second / 3600);
        digits(&mut text[11..13], second / 60 % 60);
        digits(&mut text[13..15], second % 60);
        text
    }

    /// `YYYYMMDD`, the day in a credential scope.
    pub fn date(self) -> [u8; 8] {
        *self.text().first_chunk().expect("8 of 16")
    }

    pub fn plus(self, time: Duration) -> Self {
        Self { seconds: self.seconds.saturating_add(time.as_secs()).min(LAST_SECOND) }
    }

    pub fn minus(self, time: Duration) -> Self {
        Self { seconds: self.seconds.saturating_sub(time.as_secs()) }
    }
}

impl fmt::Display for AmzDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).expect("ASCII"))
    }
}

const DAY_SECONDS: u64 = 86_400;
/// 9999-12-31T23:59:59Z: a year has four digits.
const LAST_SECOND: u64 = 253_402_300_799;

fn digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b"0123456789"[usize::try_from(number % 10).expect("a digit")];
        number /= 10;
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    digits
        .iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0')))
}

/// Year, month and day. The calendar repeats every 400 years; counted from March, a leap day is a year's last.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + MARCH_OF_YEAR_0;
    let (era, day_of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// The way back; `None`: no such day. `year` is 1970 or later.
fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) {
        return None;
    }
    let year_from_march = year - u64::from(month <= 2);
    let (era, year_of_era) = (year_from_march / 400, year_from_march % 400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day.checked_sub(1)?;
    let days = era * ERA_DAYS + 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = days.checked_sub(MARCH_OF_YEAR_0)?;
    // The 31st of a shorter month is a day of the next.
    (civil_from_days(days) == (year, month, day)).then_some(days)
}

/// 400 years.
const ERA_DAYS: u64 = 146_097;
/// From the first of March of the year 0 to the epoch.
const MARCH_OF_YEAR_0: u64 = 719_468;

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> AmzDate {
        AmzDate::at(UNIX_EPOCH + Duration::from_secs(seconds))
    }

    #[track_caller]
    fn check(seconds: u64) {
        let timestamp = Timestamp::from_second(i64::try_from(seconds).unwrap()).unwrap();
        let expected = timestamp.strftime("%Y%m%dT%H%M%SZ").to_string();
        let date = at(seconds);
        assert_eq!(date.to_string(), expected);
        assert_eq!(&date.date()[..], &expected.as_bytes()[..8]);
        assert_eq!(AmzDate::parse(expected.as_bytes()), Some(date));
    }

    #[test]
    fn every_day_until_2101_is_jiffs() {
        for day in 0..47_848 {
            check(day * DAY_SECONDS + day * 7_919 % DAY_SECONDS);
        }
    }

    #[test]
    fn a_clock_that_is_wrong_has_the_nearest_date() {
        assert_eq!(AmzDate::at(UNIX_EPOCH - Duration::from_secs(1)).to_string(), "19700101T000000Z");
        assert_eq!(at(LAST_SECOND).to_string(), "99991231T235959Z");
        assert_eq!(at(LAST_SECOND + 1), at(LAST_SECOND));
        assert_eq!(at(LAST_SECOND).plus(Duration::from_secs(9)), at(LAST_SECOND));
        assert_eq!(at(1).minus(Duration::from_secs(9)), at(0));
    }

    #[test]
    fn what_is_no_date_is_not_read() {
        for text in [
            "",
            "20260101T000000",
            "2026-01-01T00:00:00Z",
            "20260230T000000Z",
            "20250229T000000Z",
            "20260001T000000Z",
            "20261301T000000Z",
            "20260100T000000Z",
            "20260132T000000Z",
            "20260101T240000Z",
            "20260101T006000Z",
            "20260101T000060Z",
            "19691231T235959Z",
            "00000101T000000Z",
            "2026010aT000000Z",
            "120260101T000000Z",
        ] {
            assert_eq!(AmzDate::parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_second_that_can_be_written_is_jiffs(seconds in 0..=LAST_SECOND) {
            // Jiff's own last second is a day earlier, so that every time zone can write it.
            check(seconds.min(LAST_SECOND - DAY_SECONDS * 2));
        }

        #[test]
        fn no_text_panics(text in proptest::collection::vec(any::<u8>(), 0..20), mut date in any::<[u8; 16]>()) {
            let _ = AmzDate::parse(&text);
            (date[8], date[15]) = (b'T', b'Z');
            let _ = AmzDate::parse(&date.map(|byte| b'0' + byte % 11));
            let _ = AmzDate::parse(&date);
        }
    }
}
