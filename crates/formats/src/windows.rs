//! One convention for Windows events of every shape: names of the event data, unnamed data, cmdlets of Exchange, and
//! the clock that a record betrays.
//!
//! The readers of JSON exports and of event logs fill a [`Draft`]; what it becomes does not depend on the shape.

use std::borrow::Cow;

use model::{Raw, Utc, WindowsEvent};

/// Elements of `System` that rules may ask for, and the names they ask by.
pub const SYSTEM_EXTRAS: [&str; 5] = ["EventRecordID", "Task", "Opcode", "Keywords", "Version"];
/// The provider of channel `MSExchange Management`: event 1 success, 6 failure, 8 unhandled exception.
const CMDLET_PROVIDER: &str = "MSExchange CmdletLogs";
/// The provider whose events carry `UtcTime`.
const SYSMON_PROVIDER: &str = "Microsoft-Windows-Sysmon";
/// Offsets of time zones are multiples of this.
const ZONE_GRAIN_SECS: i64 = 15 * 60;
/// Event and export are written within this of each other; a greater rest is no time zone.
const ZONE_REST_SECS_MAX: i64 = 5 * 60;

/// An event that is being put together.
#[derive(Clone, Debug, Default)]
pub struct Draft<'a> {
    pub time: Option<Utc>,
    pub channel: Cow<'a, str>,
    pub provider: Cow<'a, str>,
    pub event_id: Option<u32>,
    pub level: Option<u8>,
    pub computer: Cow<'a, str>,
    pub fields: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Draft<'a> {
    /// Adds a field of the event data.
    pub fn add(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        self.fields.push((name.into(), value.into()));
    }

    /// Adds a field unless the event has it.
    pub fn add_if_new(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        let name = name.into();
        if self.field(&name).is_none() {
            self.fields.push((name, value.into()));
        }
    }

    /// Adds unnamed data: `Data[0]`, `Data[1]`, … and all of it as `Data`.
    pub fn add_unnamed(&mut self, values: Vec<Cow<'a, str>>) {
        if values.is_empty() {
            return;
        }
        let joined = match values.as_slice() {
            [only] => only.clone(),
            several => Cow::Owned(several.join("\n")),
        };
        for (index, value) in values.into_iter().enumerate() {
            self.fields.push((unnamed(index), value));
        }
        self.add("Data", joined);
    }

    /// The event, or `None` when it has no event id, or neither channel nor provider.
    pub fn finish(mut self, record: u64, offset: u64, raw: Raw<'a>) -> Option<WindowsEvent<'a>> {
        let event_id = self.event_id?;
        if self.channel.is_empty() && self.provider.is_empty() {
            return None;
        }
        self.add_cmdlet();
        Some(WindowsEvent {
            record,
            offset,
            time: self.time,
            clock_shift_secs: self.clock_shift_secs(),
            channel: self.channel,
            provider: self.provider,
            event_id,
            level: self.level,
            computer: self.computer,
            fields: self.fields,
            raw,
        })
    }

    fn field(&self, name: &str) -> Option<&Cow<'a, str>> {
        self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Gives `Cmdlet` and `Parameters` to events of Exchange's cmdlet log, from its unnamed data, else from its text.
    fn add_cmdlet(&mut self) {
        if !self.provider.eq_ignore_ascii_case(CMDLET_PROVIDER) {
            return;
        }
        let from_data = match (self.field("Data[0]"), self.field("Data[1]")) {
            (Some(name), parameters) if is_cmdlet(name) => {
                Some((name.clone(), parameters.cloned().unwrap_or_default()))
            }
            (Some(all), _) => split_joined(all),
            (None, _) => None,
        };
        let found = from_data.or_else(|| self.field("Message").and_then(split_message));
        if let Some((cmdlet, parameters)) = found {
            self.add_if_new("Cmdlet", cmdlet);
            self.add_if_new("Parameters", parameters);
        }
    }

    /// By how much the export's time stamps run ahead of the UTC that Sysmon writes into its records.
    fn clock_shift_secs(&self) -> Option<i64> {
        if !self.provider.eq_ignore_ascii_case(SYSMON_PROVIDER) {
            return None;
        }
        let utc = Utc::parse(self.field("UtcTime")?.trim().as_bytes())?;
        let ahead = self.time?.secs_since(utc);
        let zone =
            ahead.saturating_add(ZONE_GRAIN_SECS / 2).div_euclid(ZONE_GRAIN_SECS).saturating_mul(ZONE_GRAIN_SECS);
        (ahead.abs_diff(zone) <= ZONE_REST_SECS_MAX.unsigned_abs()).then_some(zone)
    }
}

/// `Data[7]`, without a new text for the first ones.
fn unnamed(index: usize) -> Cow<'static, str> {
    const FIRST: [&str; 8] = ["Data[0]", "Data[1]", "Data[2]", "Data[3]", "Data[4]", "Data[5]", "Data[6]", "Data[7]"];
    match FIRST.get(index) {
        Some(name) => Cow::Borrowed(*name),
        None => Cow::Owned(format!("Data[{index}]")),
    }
}

/// `Set-OabVirtualDirectory`: verb, hyphen, noun.
fn is_cmdlet(text: &str) -> bool {
    let letters = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.split_once('-').is_some_and(|(verb, noun)| letters(verb) && letters(noun))
}

/// Exports that join unnamed data by commas: `Set-Mailbox, -Identity "x", domain/user, …`.
fn split_joined<'a>(all: &Cow<'a, str>) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
    let at = all.find(", ").filter(|at| all.get(..*at).is_some_and(is_cmdlet))?;
    Some((part(all, 0, at), part(all, at + 2, all.len())))
}

/// `Cmdlet suceeded. Cmdlet Set-OabVirtualDirectory, parameters -ExternalUrl "…" -Identity "…".` (the product's
/// spelling), likewise `Cmdlet failed. …`. A localised text gives nothing.
fn split_message<'a>(message: &Cow<'a, str>) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
    const BEFORE_NAME: &str = ". Cmdlet ";
    const BEFORE_PARAMETERS: &str = ", parameters";
    message.strip_prefix("Cmdlet ")?;
    let name_at = message.find(BEFORE_NAME)? + BEFORE_NAME.len();
    let name_end = name_at + message.get(name_at..)?.find(BEFORE_PARAMETERS)?;
    if !is_cmdlet(message.get(name_at..name_end)?) {
        return None;
    }
    let parameters_at = name_end + BEFORE_PARAMETERS.len();
    let rest = message.get(parameters_at..)?;
    let blanks = rest.len() - rest.trim_start().len();
    let kept = rest.trim_end();
    let end = parameters_at + kept.strip_suffix('.').unwrap_or(kept).len();
    Some((part(message, name_at, name_end), part(message, (parameters_at + blanks).min(end), end)))
}

/// A part of a text, borrowed where the text is.
fn part<'a>(text: &Cow<'a, str>, start: usize, end: usize) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(start..end).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(text.get(start..end).unwrap_or_default().to_owned()),
    }
}

/// An event id, written as number or text. The upper half of a 32-bit id holds qualifiers, which are no part of it.
pub fn event_id(text: &str) -> Option<u32> {
    text.trim().parse::<u32>().ok().map(|id| id & 0xFFFF)
}

/// A level, written as number or as English word.
pub fn level(text: &str) -> Option<u8> {
    match text.trim().to_ascii_lowercase().as_str() {
        "critical" => Some(1),
        "error" => Some(2),
        "warning" => Some(3),
        "information" | "informational" | "info" => Some(4),
        "verbose" => Some(5),
        "logalways" | "log always" => Some(0),
        number => number.parse().ok(),
    }
}

/// A time in any spelling of the exports: RFC 3339 (also with blanks before the offset), seconds since 1970 with
/// fraction, and PowerShell's `/Date(milliseconds)/`.
pub fn time(text: &str) -> Option<Utc> {
    let text = text.trim();
    if let Some(millis) = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) {
        let digits = millis.split('+').next().unwrap_or_default();
        return Some(Utc(digits.parse::<i64>().ok()?.checked_mul(1_000)?));
    }
    if let Some(time) = Utc::parse(text.as_bytes()) {
        return Some(time);
    }
    if let Some((clock, offset)) = text.rsplit_once(' ')
        && offset.starts_with(['+', '-', 'Z'])
    {
        return Utc::parse(format!("{}{offset}", clock.trim_end()).as_bytes());
    }
    epoch_seconds(text)
}

/// `1614746602.370123`. Only what lies between 1990 and 2100 is taken for seconds.
fn epoch_seconds(text: &str) -> Option<Utc> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (secs, micros) = match whole.parse::<i64>() {
        Ok(secs) if fraction.bytes().all(|byte| byte.is_ascii_digit()) => {
            let digits = fraction.get(..6).unwrap_or(fraction);
            (secs, format!("{digits:0<6}").parse::<i64>().ok()?)
        }
        // `1.614746602e9`; the cast saturates, and the range below refuses what did.
        _ => (text.parse::<f64>().ok()?.floor() as i64, 0),
    };
    (631_152_000..4_102_444_800).contains(&secs).then(|| Utc(secs * 1_000_000 + micros))
}

#[cfg(test)]
mod tests {
    use model::Raw;

    use super::{Draft, event_id, level, time};

    fn cmdlet(message: &str) -> Option<(String, String)> {
        let mut draft = Draft { provider: "MSExchange CmdletLogs".into(), event_id: Some(1), ..Draft::default() };
        draft.add("Message", message);
        let event = draft.finish(1, 0, Raw::Text(b"")).expect("an event");
        Some((event.field("Cmdlet")?.to_owned(), event.field("Parameters")?.to_owned()))
    }

    #[test]
    fn cmdlet_and_parameters_from_the_rendered_text() {
        let both = |name: &str, parameters: &str| Some((name.to_owned(), parameters.to_owned()));
        let text = "Cmdlet suceeded. Cmdlet Set-OabVirtualDirectory, parameters -ExternalUrl \"http://x/. a\" -Identity \"OAB\".";
        assert_eq!(cmdlet(text), both("Set-OabVirtualDirectory", "-ExternalUrl \"http://x/. a\" -Identity \"OAB\""));
        assert_eq!(cmdlet("Cmdlet failed. Cmdlet Get-User, parameters ."), both("Get-User", ""));
        assert_eq!(cmdlet("Cmdlet failed. Cmdlet Get-User, parameters"), both("Get-User", ""));
        assert_eq!(cmdlet("Das Cmdlet war erfolgreich. Cmdlet Get-User, Parameter -X."), None);
        assert_eq!(cmdlet("Cmdlet suceeded. Cmdlet not one, parameters x."), None);
    }

    #[test]
    fn cmdlet_from_unnamed_data_wins_over_the_text() {
        let mut draft = Draft { provider: "msexchange cmdletlogs".into(), event_id: Some(1), ..Draft::default() };
        draft.add_unnamed(vec!["New-ManagementRoleAssignment".into(), "-Role \"x\"".into(), "u".into()]);
        draft.add("Message", "Cmdlet suceeded. Cmdlet Get-User, parameters -A.");
        let event = draft.finish(1, 0, Raw::Text(b"")).expect("an event");
        assert_eq!(event.field("Cmdlet"), Some("New-ManagementRoleAssignment"));
        assert_eq!(event.field("parameters"), Some("-Role \"x\""));
        assert_eq!(event.field("data"), Some("New-ManagementRoleAssignment\n-Role \"x\"\nu"));
    }

    fn shift(created: &str, utc: &str) -> Option<i64> {
        let provider = "Microsoft-Windows-Sysmon".into();
        let mut draft = Draft { provider, event_id: Some(1), time: time(created), ..Draft::default() };
        draft.add("UtcTime", utc);
        draft.finish(1, 0, Raw::Text(b"")).expect("an event").clock_shift_secs
    }

    #[test]
    fn the_clock_shift_is_a_time_zone_or_nothing() {
        assert_eq!(shift("2021-03-14T01:39:32.609Z", "2021-03-14 06:39:30.227"), Some(-5 * 3_600));
        assert_eq!(shift("2021-03-14T12:09:32Z", "2021-03-14 06:39:30.227"), Some(19_800));
        assert_eq!(shift("2021-03-14T06:39:30.227Z", "2021-03-14 06:39:30.226"), Some(0));
        assert_eq!(shift("2021-03-14T06:39:29Z", "2021-03-14 06:39:30.226"), Some(0));
        assert_eq!(shift("2021-03-14T06:46:30Z", "2021-03-14 06:39:30"), None);
        assert_eq!(shift("2021-03-14T06:46:30Z", "-"), None);
    }

    #[test]
    fn spellings_of_times_levels_and_ids() {
        for text in [
            "2021-03-03T04:43:22.370123Z",
            "2021-03-03 04:43:22.370123 +00:00",
            "2021-03-03T05:43:22.3701239+01:00",
            "1614746602.370123",
        ] {
            assert_eq!(
                time(text).map(|time| time.to_string()).as_deref(),
                Some("2021-03-03T04:43:22.370123Z"),
                "{text}"
            );
        }
        assert_eq!(time("/Date(1614746602370)/").map(|time| time.0), Some(1_614_746_602_370_000));
        assert_eq!(time("1.614746602e9").map(|time| time.0), Some(1_614_746_602_000_000));
        assert_eq!(time("/Date(9223372036854775807)/"), None);
        for text in ["", "4", "-1", "1e400", "NaN", "yesterday", "03/03/2021 04:23"] {
            assert_eq!(time(text), None, "{text}");
        }
        assert_eq!((level("Info"), level("2"), level("Fehler")), (Some(4), Some(2), None));
        assert_eq!((event_id("4688"), event_id("1073742852"), event_id("x")), (Some(4688), Some(1028), None));
    }
}
