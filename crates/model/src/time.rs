//! Points in time, always UTC.
//!
//! Exchange and IIS write UTC; other sources are converted by the reader that knows their time base. Nothing here
//! reads a clock.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Utc(pub i64);

const SECOND: i64 = 1_000_000;
const DAY_SECS: i64 = 86_400;

impl Utc {
    /// The time of a civil date and time of day, or `None` when a part is out of range.
    #[must_use]
    pub fn from_civil(date: (i64, u32, u32), time: (u32, u32, u32), micros: u32) -> Option<Self> {
        let (year, month, day) = date;
        let (hour, minute, second) = time;
        let valid = (1601..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 61
            && micros < 1_000_000;
        if !valid {
            return None;
        }
        let secs = days_from_civil(year, month, day) * DAY_SECS
            + i64::from(hour) * 3_600
            + i64::from(minute) * 60
            + i64::from(second);
        Some(Self(secs * SECOND + i64::from(micros)))
    }

    /// Reads `2021-03-03T04:23:22.370Z`, `2021-03-03 04:23:22`, `2021-03-03` and RFC 3339 with an offset.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let date = parse_date(text.get(..10)?)?;
        let Some((separator, rest)) = text.get(10..).and_then(<[u8]>::split_first) else {
            return Self::from_civil(date, (0, 0, 0), 0);
        };
        if !matches!(separator, b'T' | b't' | b' ') {
            return None;
        }
        let time = parse_time(rest.get(..8)?)?;
        let (micros, rest) = parse_fraction(rest.get(8..)?)?;
        let local = Self::from_civil(date, time, micros)?;
        Some(Self(local.0 - parse_offset(rest)? * SECOND))
    }

    /// Reads the `date` and `time` columns of a W3C log: `2021-03-03` and `04:23:22`.
    #[must_use]
    pub fn parse_w3c(date: &[u8], time: &[u8]) -> Option<Self> {
        Self::from_civil(parse_date(date)?, parse_time(time.get(..8)?)?, 0)
    }

    /// Whole hours since the epoch: the grain of coverage.
    #[must_use]
    pub fn hour(self) -> i64 {
        self.0.div_euclid(3_600 * SECOND)
    }

    /// The first moment of an hour counted by [`Utc::hour`].
    #[must_use]
    pub fn from_hour(hour: i64) -> Self {
        Self(hour * 3_600 * SECOND)
    }

    /// This time moved by whole seconds.
    #[must_use]
    pub fn plus_secs(self, secs: i64) -> Self {
        Self(self.0.saturating_add(secs.saturating_mul(SECOND)))
    }

    /// Seconds from `earlier` to this, negative when this is before.
    #[must_use]
    pub fn secs_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).div_euclid(SECOND)
    }

    /// Year, month and day.
    #[must_use]
    pub fn date(self) -> (i64, u32, u32) {
        civil_from_days(self.0.div_euclid(DAY_SECS * SECOND))
    }
}

/// RFC 3339 with `Z`, as many fraction digits (0, 3 or 6) as the time has.
impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        let in_day = self.0.rem_euclid(DAY_SECS * SECOND);
        let (secs, micros) = (in_day / SECOND, in_day % SECOND);
        let (hour, minute, second) = (secs / 3_600, secs / 60 % 60, secs % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match micros {
            0 => f.write_str("Z"),
            m if m % 1_000 == 0 => write!(f, ".{:03}Z", m / 1_000),
            m => write!(f, ".{m:06}Z"),
        }
    }
}

/// Text for people and their tools, the number between our own processes.
impl Serialize for Utc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Utc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return i64::deserialize(deserializer).map(Self);
        }
        let text = String::deserialize(deserializer)?;
        Self::parse(text.as_bytes()).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 time"))
    }
}

fn digits(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0u32, |value, byte| {
        byte.is_ascii_digit().then(|| value.wrapping_mul(10).wrapping_add(u32::from(byte - b'0')))
    })
}

fn parse_date(text: &[u8]) -> Option<(i64, u32, u32)> {
    match text {
        [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] => {
            Some((i64::from(digits(&[*y1, *y2, *y3, *y4])?), digits(&[*m1, *m2])?, digits(&[*d1, *d2])?))
        }
        _ => None,
    }
}

fn parse_time(text: &[u8]) -> Option<(u32, u32, u32)> {
    match text {
        [h1, h2, b':', m1, m2, b':', s1, s2] => {
            Some((digits(&[*h1, *h2])?, digits(&[*m1, *m2])?, digits(&[*s1, *s2])?))
        }
        _ => None,
    }
}

/// The microseconds of `.370…` and what follows; more than six digits are cut.
fn parse_fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let Some(rest) = text.strip_prefix(b".") else {
        return Some((0, text));
    };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, rest) = rest.split_at(length);
    let kept = fraction.get(..6).unwrap_or(fraction);
    let scale = 10u32.pow(6 - u32::try_from(kept.len()).ok()?);
    (length > 0).then_some((digits(kept)? * scale, rest))
}

/// Seconds east of UTC of `Z`, nothing (taken as UTC) or `+01:00`.
fn parse_offset(text: &[u8]) -> Option<i64> {
    match text {
        [] | b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let secs = i64::from(digits(&[*h1, *h2])?) * 3_600 + i64::from(digits(&[*m1, *m2])?) * 60;
            Some(if *sign == b'-' { -secs } else { secs })
        }
        _ => None,
    }
}

fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    // Both are within 1..=31 by construction.
    (year, u32::try_from(month).unwrap_or(1), u32::try_from(day).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::Utc;

    fn round_trip(text: &str) {
        let time = Utc::parse(text.as_bytes()).expect(text);
        assert_eq!(time.to_string(), text);
    }

    #[test]
    fn prints_what_it_reads() {
        for text in
            ["2021-03-03T04:23:22.370Z", "2020-02-29T23:59:59Z", "1970-01-01T00:00:00.000001Z", "2026-11-23T00:00:00Z"]
        {
            round_trip(text);
        }
    }

    #[test]
    fn agrees_with_an_independent_calendar() {
        for days in (-100_000..200_000).step_by(13) {
            let ours = Utc(days * 86_400_000_000).to_string();
            let theirs = jiff::Timestamp::from_second(days * 86_400).expect("in range").to_string();
            assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "2021-13-01",
            "2021-02-29",
            "2021-03-03T24:00:00Z",
            "2021-03-03X00:00:00",
            "03/03/2021",
            "2021-03-03T04:23:22.Z",
        ] {
            assert_eq!(Utc::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn applies_an_offset() {
        let time = Utc::parse(b"2021-03-03T01:00:00+02:00").map(|time| time.to_string());
        assert_eq!(time.as_deref(), Some("2021-03-02T23:00:00Z"));
    }
}
