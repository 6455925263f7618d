//! A hit as a line: JSON, CSV, or JSON for Timesketch.
//!
//! JSON lines are whole up to [`FIELD_BYTES_MAX`] a field; bytes that are no UTF-8 are written as `\xNN`, and characters
//! that a terminal would obey as `\uNNNN`. CSV is neutralised for spreadsheets. Timesketch asks for `message`,
//! `datetime` and `timestamp_desc`, and takes `tag` as a list (its `docs/guides/user/import-from-json-csv.md` and
//! `timesketch/lib/utils.py`); what has no time cannot stand in a timeline.

use std::borrow::Cow;
use std::fmt::Write as _;

use detect::hunt::{Hit, Record};
use detect::observe::FileFacts;
use model::Utc;
use model::campaign::RuleFacts;
use report::hostile::ForCsv;
use report::timeline::datetime;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::joined::MemberSaid;
use super::level::Level;
use crate::cli::HuntFormat;

/// Bytes of one field; longer ones end in [`CUT_MARK`]. Keywords of OpenSearch end at 32,766.
pub const FIELD_BYTES_MAX: usize = 32_000;
/// Stands at the end of a field that was cut; file and offset lead to the whole record.
pub const CUT_MARK: &str = " [cut here]";
/// Fields of one record; a forged header can name more columns than any log has.
const FIELDS_MAX: usize = 1_024;

/// The columns of CSV, in order.
pub const COLUMNS: [&str; 19] = [
    "timestamp",
    "level",
    "title",
    "computer",
    "source",
    "channel",
    "provider",
    "event_id",
    "client",
    "account",
    "subject",
    "rule",
    "uuid",
    "campaign",
    "attack",
    "record",
    "file",
    "offset",
    "details",
];

/// What every line says of its rule.
#[derive(Clone, Debug, serde::Serialize)]
pub struct RuleSaid {
    /// `proxylogon/anchor-backend`.
    pub id: String,
    /// One line.
    pub title: String,
    /// How much it matters.
    pub level: Level,
    /// The `id` in the rule file.
    pub uuid: Option<String>,
    /// The campaign.
    pub campaign: Option<String>,
    /// ATT&CK techniques.
    pub attack: Vec<String>,
    /// It joins hits of others.
    #[serde(skip)]
    pub correlation: bool,
    /// It comes from a rule set of others.
    #[serde(skip)]
    pub foreign: bool,
}

impl RuleSaid {
    /// From the facts of a rule.
    pub fn of(facts: &RuleFacts) -> Self {
        Self {
            id: facts.id.clone(),
            title: facts.title.clone(),
            level: Level::of(facts),
            uuid: facts.uuid.clone(),
            campaign: facts.campaign.clone(),
            attack: facts.attack.clone(),
            correlation: facts.correlation,
            foreign: facts.set.is_some(),
        }
    }
}

/// A hit as JSON has it.
#[derive(serde::Serialize)]
pub struct Line<'a> {
    pub timestamp: Option<String>,
    pub rule: &'a RuleSaid,
    pub computer: Option<&'a str>,
    pub source: String,
    pub channel: Option<&'a str>,
    pub provider: Option<&'a str>,
    pub event_id: Option<u32>,
    pub record: Option<u64>,
    pub file: &'a str,
    pub offset: Option<u64>,
    pub client: Option<Cow<'a, str>>,
    pub account: Option<Cow<'a, str>>,
    pub subject: Option<Cow<'a, str>>,
    pub fields: Fields,
    /// Of a correlation, the hits that it joins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<MemberSaid>,
}

/// A hit as Timesketch has it: flat.
#[derive(serde::Serialize)]
struct Event<'a> {
    message: String,
    datetime: String,
    timestamp_desc: &'static str,
    timestamp: i64,
    tag: Vec<&'a str>,
    level: Level,
    rule: &'a str,
    title: &'a str,
    campaign: Option<&'a str>,
    computer: Option<&'a str>,
    source: String,
    channel: Option<&'a str>,
    provider: Option<&'a str>,
    event_id: Option<u32>,
    client: Option<Cow<'a, str>>,
    account: Option<Cow<'a, str>>,
    subject: Option<Cow<'a, str>>,
    file: &'a str,
    record: Option<u64>,
    offset: Option<u64>,
    details: String,
}

/// Names and values, in the order of the record. No name stands twice.
pub struct Fields(pub Vec<(String, String)>);

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// What stands before the first line.
pub fn header(format: HuntFormat) -> String {
    match format {
        HuntFormat::Csv => format!("{}\r\n", COLUMNS.join(",")),
        HuntFormat::Table | HuntFormat::Jsonl | HuntFormat::Timesketch => String::new(),
    }
}

/// Writes a hit; `false` where this format cannot hold it.
pub fn write(format: HuntFormat, hit: &Hit<'_>, rule: &RuleSaid, facts: &FileFacts, out: &mut Vec<u8>) -> bool {
    if format == HuntFormat::Table {
        return true;
    }
    write_line(format, Line::of(hit, rule, facts), hit.time, out)
}

/// Writes a line of that time; `false` where this format cannot hold it.
pub fn write_line(format: HuntFormat, line: Line<'_>, time: Option<Utc>, out: &mut Vec<u8>) -> bool {
    let text = match format {
        HuntFormat::Table => String::new(),
        HuntFormat::Jsonl => report::json::line(&line) + "\n",
        HuntFormat::Csv => line.csv(),
        HuntFormat::Timesketch => match time {
            Some(time) => report::json::line(&line.event(time)) + "\n",
            None => return false,
        },
    };
    out.extend_from_slice(text.as_bytes());
    true
}

impl<'a> Line<'a> {
    fn of(hit: &'a Hit<'_>, rule: &'a RuleSaid, facts: &'a FileFacts) -> Self {
        let event = match hit.record {
            Record::Event(event) => Some(event),
            _ => None,
        };
        // A file as a whole stands nowhere in itself.
        let stands = !matches!(hit.record, Record::File(_)) || hit.origin.record > 0;
        let told = |text: &'a str| Some(text).filter(|text| !text.is_empty());
        Self {
            timestamp: hit.time.map(|time| time.to_string()),
            rule,
            computer: hit.server.or(facts.suggested.as_deref()),
            source: capped(&hit.source.to_string()),
            channel: event.and_then(|event| told(&event.channel)),
            provider: event.and_then(|event| told(&event.provider)),
            event_id: event.map(|event| event.event_id),
            record: stands.then_some(hit.origin.record),
            file: &facts.path,
            offset: stands.then_some(hit.origin.offset),
            client: hit.client.map(text),
            account: hit.account.map(text),
            subject: hit.subject.map(text),
            fields: fields(&hit.record),
            members: Vec::new(),
        }
    }

    fn details(&self) -> String {
        let mut details = String::new();
        for (name, value) in &self.fields.0 {
            let separator = if details.is_empty() { "" } else { " | " };
            write!(details, "{separator}{name}={value}").expect("a string takes everything");
            if details.len() > FIELD_BYTES_MAX {
                break;
            }
        }
        capped(&details)
    }

    fn csv(&self) -> String {
        let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
        let some = |text: &Option<Cow<'_, str>>| text.as_deref().unwrap_or_default().to_owned();
        let told = |text: Option<&str>| capped(text.unwrap_or_default());
        let cells: [String; COLUMNS.len()] = [
            self.timestamp.clone().unwrap_or_default(),
            self.rule.level.word().to_owned(),
            self.rule.title.clone(),
            told(self.computer),
            self.source.clone(),
            told(self.channel),
            told(self.provider),
            number(self.event_id.map(u64::from)),
            some(&self.client),
            some(&self.account),
            some(&self.subject),
            self.rule.id.clone(),
            self.rule.uuid.clone().unwrap_or_default(),
            self.rule.campaign.clone().unwrap_or_default(),
            self.rule.attack.join(" "),
            number(self.record),
            told(Some(self.file)),
            number(self.offset),
            self.details(),
        ];
        let mut line = String::new();
        for (at, cell) in cells.iter().enumerate() {
            let separator = if at == 0 { "" } else { "," };
            write!(line, "{separator}{}", ForCsv(cell)).expect("a string takes everything");
        }
        line + "\r\n"
    }

    fn event(self, time: Utc) -> Event<'a> {
        let details = self.details();
        let mut tag = vec![self.rule.level.word()];
        tag.extend(self.rule.attack.iter().map(String::as_str));
        Event {
            message: capped(&format!("{} | {details}", self.rule.title)),
            datetime: datetime(time),
            timestamp_desc: "Record Written",
            timestamp: time.0,
            tag,
            level: self.rule.level,
            rule: &self.rule.id,
            title: &self.rule.title,
            campaign: self.rule.campaign.as_deref(),
            computer: self.computer,
            source: self.source,
            channel: self.channel,
            provider: self.provider,
            event_id: self.event_id,
            client: self.client,
            account: self.account,
            subject: self.subject,
            file: self.file,
            record: self.record,
            offset: self.offset,
            details,
        }
    }
}

/// Fields of a record. A second one of the same name is told apart by a number.
fn fields(record: &Record<'_>) -> Fields {
    let mut all: Vec<(String, String)> = Vec::new();
    record.fields(&mut |name, value| {
        if all.len() >= FIELDS_MAX {
            return;
        }
        let is_taken = |name: &str, all: &[(String, String)]| all.iter().any(|(taken, _)| taken == name);
        let mut name = capped(name);
        if is_taken(&name, &all) {
            name = format!("{name}#{}", all.len() + 1);
            if is_taken(&name, &all) {
                return;
            }
        }
        all.push((name, text(value).into_owned()));
    });
    Fields(all)
}

/// Bytes of a record as text, cut where they are too many.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && text.len() <= FIELD_BYTES_MAX
    {
        return Cow::Borrowed(text);
    }
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            write!(text, "\\x{byte:02x}").expect("a string takes everything");
        }
        if text.len() > FIELD_BYTES_MAX {
            break;
        }
    }
    Cow::Owned(capped(&text))
}

fn capped(text: &str) -> String {
    if text.len() <= FIELD_BYTES_MAX {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(FIELD_BYTES_MAX - CUT_MARK.len());
    format!("{}{CUT_MARK}", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{CUT_MARK, FIELD_BYTES_MAX, FIELDS_MAX, Record, capped, fields, text};
    use detect::plan::FileFields;

    fn told(all: &[(&str, &[u8])]) -> Vec<(String, String)> {
        let file = FileFields { fields: all.iter().map(|(name, value)| (*name, (*value).into())).collect() };
        fields(&Record::File(&file)).0
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_by_number() {
        assert_eq!(text(b"gr\xc3\xb6\xdfe\x00"), "gr\u{f6}\\xdfe\0");
        assert_eq!(text(b"plain"), "plain");
    }

    #[test]
    fn long_fields_are_cut_on_a_character_and_say_so() {
        for long in ["\u{e9}".repeat(FIELD_BYTES_MAX), "x".repeat(FIELD_BYTES_MAX + 1)] {
            let cut = capped(&long);
            assert!(cut.len() <= FIELD_BYTES_MAX && cut.ends_with(CUT_MARK));
            assert_eq!(text(long.as_bytes()), cut);
        }
        let noise = vec![0xff; FIELD_BYTES_MAX];
        assert!(text(&noise).len() <= FIELD_BYTES_MAX && text(&noise).ends_with(CUT_MARK));
    }

    #[test]
    fn no_name_stands_twice() {
        let all = told(&[("a", b"1"), ("a", b"2"), ("a#2", b"3"), ("b", b"4")]);
        let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "a#2", "a#2#3", "b"]);
    }

    #[test]
    fn a_forged_header_does_not_swell_a_line() {
        let names: Vec<String> = (0..FIELDS_MAX * 2).map(|number| number.to_string()).collect();
        let all: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
        assert_eq!(told(&all).len(), FIELDS_MAX);
    }
}
