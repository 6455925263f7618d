//! The time modifiers: a part of a date, as it is written in the record.
//!
//! The specification says that they convert neither time zones nor formats. So a date is `2021-03-03`, a time
//! `04:23:22`, and both are taken as they stand (ISO 8601, with `T` or a space between); other writings have no parts.

use model::Utc;

const DAY_MICROS: i64 = 86_400_000_000;

/// What is taken out of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimePart {
    Minute,
    Hour,
    Day,
    /// Of ISO 8601: weeks begin on Monday, and the first is the one with the year's first Thursday.
    Week,
    Month,
    Year,
}

impl TimePart {
    /// The part as a number; `None` where the text does not have it.
    pub(super) fn of(self, text: &[u8]) -> Option<i64> {
        let text = text.trim_ascii();
        match self {
            Self::Minute => clock(text).map(|(_, minute)| minute),
            Self::Hour => clock(text).map(|(hour, _)| hour),
            Self::Day => date(text).map(|(_, _, day)| day),
            Self::Month => date(text).map(|(_, month, _)| month),
            Self::Year => date(text).map(|(year, ..)| year),
            Self::Week => week(date(text)?),
        }
    }
}

/// Year, month and day at the beginning of the text.
fn date(text: &[u8]) -> Option<(i64, i64, i64)> {
    let ends = |at: usize| text.get(at).is_none_or(|byte| matches!(byte, b'T' | b't' | b' '));
    if text.get(4) != Some(&b'-') || text.get(7) != Some(&b'-') || !ends(10) {
        return None;
    }
    let found = (digits(text.get(..4)?)?, digits(text.get(5..7)?)?, digits(text.get(8..10)?)?);
    days(found).map(|_| found)
}

/// Hour and minute: after the date, or alone.
fn clock(text: &[u8]) -> Option<(i64, i64)> {
    let time = match text.get(2) {
        Some(b':') => text,
        _ => date(text).and_then(|_| text.get(11..))?,
    };
    let (hour, minute) = (digits(time.get(..2)?)?, digits(time.get(3..5)?)?);
    let ends = time.get(5).is_none_or(|byte| !byte.is_ascii_digit());
    (time.get(2) == Some(&b':') && ends && hour < 24 && minute < 60).then_some((hour, minute))
}

fn week((year, month, day): (i64, i64, i64)) -> Option<i64> {
    let days_now = days((year, month, day))?;
    // 1970-01-01 was a Thursday.
    let thursday = days_now - (days_now + 3).rem_euclid(7) + 3;
    let starts = [year + 1, year, year - 1].into_iter().filter_map(|year| days((year, 1, 1)));
    starts.into_iter().find(|first| *first <= thursday).map(|first| (thursday - first) / 7 + 1)
}

/// Days since 1970; `None` for dates that are none.
fn days((year, month, day): (i64, i64, i64)) -> Option<i64> {
    let (month, day) = (u32::try_from(month).ok()?, u32::try_from(day).ok()?);
    Utc::from_civil((year, month, day), (0, 0, 0), 0).map(|time| time.0.div_euclid(DAY_MICROS))
}

fn digits(text: &[u8]) -> Option<i64> {
    let all = text.iter().all(u8::is_ascii_digit);
    if all { std::str::from_utf8(text).ok()?.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::TimePart::{self, Day, Hour, Minute, Month, Week, Year};

    #[test]
    fn takes_parts_as_they_are_written() {
        for (part, text, expected) in [
            (Minute, "2021-03-03T04:23:22.370Z", Some(23)),
            (Hour, "2021-03-03 04:23:22", Some(4)),
            (Hour, "2021-03-03T04:23:22+05:00", Some(4)),
            (Hour, "04:23:22", Some(4)),
            (Hour, "24:00:00", None),
            (Hour, "2021-03-03", None),
            (Day, "2021-03-03", Some(3)),
            (Day, "2021-02-30", None),
            (Month, "2021-03-03T04:23:22", Some(3)),
            (Year, "2021-03-03", Some(2021)),
            (Year, "2021-03-031", None),
            (Year, "3/3/2021", None),
            (Year, "1614745402", None),
            (Year, "", None),
            (Day, "04:23:22", None),
        ] {
            assert_eq!(TimePart::of(part, text.as_bytes()), expected, "{part:?} {text}");
        }
    }

    /// The examples of ISO 8601 at the turn of years.
    #[test]
    fn weeks_are_those_of_iso_8601() {
        for (text, expected) in [
            ("2005-01-01", 53),
            ("2005-01-02", 53),
            ("2005-12-31", 52),
            ("2006-01-01", 52),
            ("2006-01-02", 1),
            ("2007-01-01", 1),
            ("2008-12-29", 1),
            ("2010-01-03", 53),
            ("2021-03-03", 9),
        ] {
            assert_eq!(Week.of(text.as_bytes()), Some(expected), "{text}");
        }
    }
}
