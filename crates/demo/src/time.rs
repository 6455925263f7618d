//! Points in time, and the ways in which the logs spell them. Reads no clock.
//!
//! Calendar arithmetic after Fliegel and Van Flandern (CACM 1968), on Julian day numbers.

/// Milliseconds since 1970-01-01, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub(crate) i64);

pub(crate) const SECOND: i64 = 1_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

const EPOCH_JULIAN_DAY: i64 = 2_440_588;

impl Time {
    /// Midnight of a day that exists.
    pub(crate) fn day(year: i64, month: i64, day: i64) -> Self {
        let early = (14 - month) / 12;
        let year = year + 4_800 - early;
        let month = month + 12 * early - 3;
        let julian = day + (153 * month + 2) / 5 + 365 * year + year / 4 - year / 100 + year / 400 - 32_045;
        Self((julian - EPOCH_JULIAN_DAY) * DAY)
    }

    /// The same day at another time of day.
    pub(crate) fn at(self, hour: i64, minute: i64, second: i64) -> Self {
        Self(self.midnight().0 + hour * HOUR + minute * MINUTE + second * SECOND)
    }

    pub(crate) fn plus(self, milliseconds: i64) -> Self {
        Self(self.0 + milliseconds)
    }

    pub(crate) fn midnight(self) -> Self {
        Self(self.day_number() * DAY)
    }

    pub(crate) fn day_number(self) -> i64 {
        self.0.div_euclid(DAY)
    }

    pub(crate) fn hour(self) -> i64 {
        self.0.rem_euclid(DAY) / HOUR
    }

    pub(crate) fn minute(self) -> i64 {
        self.0.rem_euclid(HOUR) / MINUTE
    }

    pub(crate) fn year(self) -> i64 {
        self.date().0
    }

    /// Saturday or Sunday; day 0 was a Thursday.
    pub(crate) fn is_weekend(self) -> bool {
        (self.day_number() + 3).rem_euclid(7) >= 5
    }

    fn date(self) -> (i64, i64, i64) {
        let l = self.day_number() + EPOCH_JULIAN_DAY + 68_569;
        let n = 4 * l / 146_097;
        let l = l - (146_097 * n + 3) / 4;
        let i = 4_000 * (l + 1) / 1_461_001;
        let l = l - 1_461 * i / 4 + 31;
        let j = 80 * l / 2_447;
        let day = l - 2_447 * j / 80;
        let l = j / 11;
        (100 * (n - 49) + i + l, j + 2 - 12 * l, day)
    }

    /// `2021-03-03`.
    pub(crate) fn push_date(self, out: &mut Vec<u8>) {
        let (year, month, day) = self.date();
        two(out, year / 100);
        two(out, year % 100);
        out.push(b'-');
        two(out, month);
        out.push(b'-');
        two(out, day);
    }

    /// `04:23:22`.
    pub(crate) fn push_clock(self, out: &mut Vec<u8>) {
        two(out, self.hour());
        out.push(b':');
        two(out, self.minute());
        out.push(b':');
        two(out, self.0.rem_euclid(MINUTE) / SECOND);
    }

    /// `2021-03-03T04:23:22.370Z`.
    pub(crate) fn push_iso(self, out: &mut Vec<u8>) {
        self.push_date(out);
        out.push(b'T');
        self.push_clock(out);
        out.push(b'.');
        self.push_milliseconds(out);
        out.push(b'Z');
    }

    /// `2021-03-03 04:23:22`.
    pub(crate) fn push_w3c(self, out: &mut Vec<u8>) {
        self.push_date(out);
        out.push(b' ');
        self.push_clock(out);
    }

    pub(crate) fn push_milliseconds(self, out: &mut Vec<u8>) {
        let milliseconds = self.0.rem_euclid(SECOND);
        out.push(b'0' + (milliseconds / 100) as u8);
        two(out, milliseconds % 100);
    }

    /// `20210303`, or `210303` as IIS names its files.
    pub(crate) fn compact(self, century: bool) -> String {
        let (year, month, day) = self.date();
        let year = if century { format!("{year:04}") } else { format!("{:02}", year % 100) };
        format!("{year}{month:02}{day:02}")
    }

    /// `2021-03-03T04:23:22.370Z` as a string.
    pub(crate) fn iso(self) -> String {
        let mut out = Vec::with_capacity(24);
        self.push_iso(&mut out);
        String::from_utf8(out).expect("only ASCII is pushed")
    }

    /// `2021-03-03 04:23:22.370`, as Sysmon writes `UtcTime`.
    pub(crate) fn sysmon(self) -> String {
        self.iso().replace('T', " ").replace('Z', "")
    }

    /// `2021-03-03 04:23:22Z`, for people.
    pub(crate) fn readable(self) -> String {
        let iso = self.iso();
        format!("{} {}Z", &iso[..10], &iso[11..19])
    }

    /// `03/03/2021 04:23:22.0370`, as Exchange setup stamps its lines.
    pub(crate) fn setup(self) -> String {
        let iso = self.iso();
        format!("{}/{}/{} {}.0{}", &iso[5..7], &iso[8..10], &iso[..4], &iso[11..19], &iso[20..23])
    }
}

fn two(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&[b'0' + (value / 10) as u8, b'0' + (value % 10) as u8]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spells_known_days() {
        for (days, text) in [(0, "1970-01-01"), (18_321, "2020-02-29"), (18_689, "2021-03-03"), (20_780, "2026-11-23")]
        {
            assert_eq!(&Time(days * DAY).iso()[..10], text);
        }
        assert_eq!(Time::day(2021, 3, 3).day_number(), 18_689);
        assert_eq!(Time::day(2020, 12, 31).plus(DAY), Time::day(2021, 1, 1));
    }

    #[test]
    fn knows_the_weekend() {
        let saturday = Time::day(2021, 3, 6);
        let week: Vec<bool> = (0..7).map(|day| saturday.plus(day * DAY).is_weekend()).collect();
        assert_eq!(week, [true, true, false, false, false, false, false]);
    }

    #[test]
    fn spells_every_form() {
        let time = Time::day(2021, 3, 3).at(4, 23, 22).plus(37);
        assert_eq!(time.iso(), "2021-03-03T04:23:22.037Z");
        assert_eq!(time.setup(), "03/03/2021 04:23:22.0037");
        assert_eq!(time.readable(), "2021-03-03 04:23:22Z");
        assert_eq!(time.sysmon(), "2021-03-03 04:23:22.037");
        assert_eq!((time.compact(true).as_str(), time.compact(false).as_str()), ("20210303", "210303"));
    }
}
