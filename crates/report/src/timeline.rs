//! `timeline.csv` and `timeline.jsonl`: what happened in order of time, for Timesketch and for spreadsheets.
//!
//! A row per evidence record that has a time, and rows for builds, exposure windows and web shells. `message`,
//! `datetime` and `timestamp_desc` come first because Timesketch asks for them; `timestamp` is the same moment in
//! microseconds, because an import fails where the two differ. The CSV is neutralised for spreadsheets, the JSON lines
//! are lossless up to [`FIELD_BYTES_MAX`].
//!
//! Source: Timesketch, "Create a timeline from JSON/JSONL/CSV file"; OpenSearch keywords end at 32,766 bytes.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

use model::Utc;
use model::assessment::{Assessment, Evidence, Finding, ServerAssessment};
use serde::Serialize;

use crate::hostile::ForCsv;
use crate::json;
use crate::wording::{proves_word, stage_word};

/// Bytes of one field; longer ones end in [`CUT_MARK`].
pub const FIELD_BYTES_MAX: usize = 32_000;

/// Stands at the end of a field that was cut.
pub const CUT_MARK: &str = " [cut here: the whole text is in assessment.json]";

/// The columns, in order.
pub const COLUMNS: [&str; 17] = [
    "message",
    "datetime",
    "timestamp_desc",
    "timestamp",
    "server",
    "source",
    "stage",
    "proves",
    "campaign",
    "rule",
    "client",
    "account",
    "subject",
    "path",
    "record",
    "offset",
    "finding",
];

/// One row. Fields stand in the order of [`COLUMNS`].
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Row<'a> {
    message: Cow<'a, str>,
    datetime: String,
    timestamp_desc: &'static str,
    timestamp: i64,
    server: Cow<'a, str>,
    source: Cow<'a, str>,
    stage: &'static str,
    proves: &'static str,
    campaign: Cow<'a, str>,
    rule: Cow<'a, str>,
    client: Cow<'a, str>,
    account: Cow<'a, str>,
    subject: Cow<'a, str>,
    path: Cow<'a, str>,
    record: Option<u64>,
    offset: Option<u64>,
    finding: Cow<'a, str>,
}

/// Writes `timeline.csv`: UTF-8, a header, CRLF (RFC 4180).
///
/// # Errors
/// Whatever the writer says.
pub fn write_csv(assessment: &Assessment, mut out: impl io::Write) -> io::Result<()> {
    write!(out, "{}\r\n", COLUMNS.join(","))?;
    for row in rows(assessment) {
        write!(out, "{}\r\n", csv_line(&row))?;
    }
    Ok(())
}

/// Writes `timeline.jsonl`: one object a line.
///
/// # Errors
/// Whatever the writer says.
pub fn write_jsonl(assessment: &Assessment, mut out: impl io::Write) -> io::Result<()> {
    for row in rows(assessment) {
        writeln!(out, "{}", json::line(&row))?;
    }
    Ok(())
}

fn csv_line(row: &Row<'_>) -> String {
    let mut line = String::new();
    let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    let text = [&row.server, &row.source];
    let facts = [&row.campaign, &row.rule, &row.client, &row.account, &row.subject, &row.path];
    write!(line, "{},{},{},{}", ForCsv(&row.message), row.datetime, row.timestamp_desc, row.timestamp)
        .expect("a string takes everything");
    for cell in text {
        write!(line, ",{}", ForCsv(cell)).expect("a string takes everything");
    }
    write!(line, ",{},{}", row.stage, row.proves).expect("a string takes everything");
    for cell in facts {
        write!(line, ",{}", ForCsv(cell)).expect("a string takes everything");
    }
    write!(line, ",{},{},{}", number(row.record), number(row.offset), ForCsv(&row.finding))
        .expect("a string takes everything");
    line
}

/// All rows, by time, finding, path and record.
fn rows(assessment: &Assessment) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for server in &assessment.servers {
        build_rows(server, &mut rows);
        window_rows(server, &mut rows);
        web_shell_rows(server, &mut rows);
    }
    for finding in &assessment.findings {
        rows.extend(finding.evidence.iter().filter_map(|evidence| evidence_row(finding, evidence)));
    }
    // `f2` comes before `f10`.
    rows.sort_by(|a, b| {
        let key = |row: &Row<'_>| (row.timestamp, row.finding.len());
        key(a)
            .cmp(&key(b))
            .then_with(|| (&a.finding, &a.path, a.record, &a.server).cmp(&(&b.finding, &b.path, b.record, &b.server)))
    });
    rows
}

fn evidence_row<'a>(finding: &'a Finding, evidence: &'a Evidence) -> Option<Row<'a>> {
    let time = evidence.time?;
    Some(Row {
        message: capped(Cow::Owned(format!("{} | {}", finding.title, evidence.text))),
        stage: stage_word(finding.stage),
        proves: proves_word(finding.proves),
        campaign: capped(finding.campaign.as_deref().unwrap_or_default().into()),
        rule: capped((&finding.rule).into()),
        client: capped(finding.client.as_deref().unwrap_or_default().into()),
        account: capped(finding.account.as_deref().unwrap_or_default().into()),
        subject: capped(finding.subject.as_deref().unwrap_or_default().into()),
        path: capped((&evidence.path).into()),
        record: Some(evidence.record),
        offset: Some(evidence.offset),
        finding: capped((&finding.id).into()),
        ..bare_row(time, "Record Written", Cow::Borrowed(""), &finding.server, &finding.source)
    })
}

fn build_rows<'a>(server: &'a ServerAssessment, rows: &mut Vec<Row<'a>>) {
    for span in &server.builds {
        let named = format!("{} {} ({})", span.product, span.update, span.build);
        for (time, description, verb) in
            [(span.first_seen, "Build First Seen", "first seen"), (span.last_seen, "Build Last Seen", "last seen")]
        {
            let message = format!("{} {verb} running {named}", server.server);
            rows.push(bare_row(time, description, message.into(), &server.server, &span.source));
        }
    }
}

fn window_rows<'a>(server: &'a ServerAssessment, rows: &mut Vec<Row<'a>>) {
    for exposure in &server.exposure {
        let begin = (Some(exposure.from), "Exposure Window Begin", "opens", &exposure.from_basis);
        let end = (exposure.until, "Exposure Window End", "closes", &exposure.until_basis);
        for (time, description, verb, basis) in [begin, end] {
            let Some(time) = time else { continue };
            let message = format!("{}: window for {} {verb} ({basis})", server.server, exposure.campaign);
            let row = bare_row(time, description, message.into(), &server.server, "");
            rows.push(Row { campaign: capped((&exposure.campaign).into()), ..row });
        }
    }
}

fn web_shell_rows<'a>(server: &'a ServerAssessment, rows: &mut Vec<Row<'a>>) {
    for shell in &server.web_shells {
        let moments = [
            (shell.written, "Web Shell Written", "written"),
            (shell.compiled, "Web Shell Compiled", "compiled"),
            (shell.first_use, "Web Shell First Use", "first used"),
            (shell.last_use, "Web Shell Last Use", "last used"),
        ];
        for (time, description, verb) in moments {
            let Some(time) = time else { continue };
            let message = format!("Web shell {verb}: {}", shell.path);
            let row = bare_row(time, description, message.into(), &server.server, "");
            rows.push(Row { stage: "foothold", subject: capped((&shell.path).into()), ..row });
        }
    }
}

fn bare_row<'a>(
    time: Utc,
    timestamp_desc: &'static str,
    message: Cow<'a, str>,
    server: &'a str,
    source: &'a str,
) -> Row<'a> {
    Row {
        message: capped(message),
        datetime: datetime(time),
        timestamp_desc,
        timestamp: time.0,
        server: capped(server.into()),
        source: capped(source.into()),
        stage: "",
        proves: "",
        campaign: "".into(),
        rule: "".into(),
        client: "".into(),
        account: "".into(),
        subject: "".into(),
        path: "".into(),
        record: None,
        offset: None,
        finding: "".into(),
    }
}

/// Always six digits and `+00:00`: importers that guess the format from the first row stay right for the last.
#[must_use]
pub fn datetime(time: Utc) -> String {
    let micros = time.0.rem_euclid(1_000_000);
    let seconds = Utc(time.0 - micros).to_string();
    format!("{}.{micros:06}+00:00", seconds.trim_end_matches('Z'))
}

fn capped(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.len() <= FIELD_BYTES_MAX {
        return text;
    }
    let mut end = FIELD_BYTES_MAX - CUT_MARK.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}{CUT_MARK}", &text[..end]))
}

#[cfg(test)]
mod tests {
    use model::Utc;
    use serde_json::Value;

    use super::{COLUMNS, CUT_MARK, FIELD_BYTES_MAX, capped, datetime, rows, write_csv, write_jsonl};
    use crate::samples;

    fn csv(assessment: &model::assessment::Assessment) -> String {
        let mut out = Vec::new();
        write_csv(assessment, &mut out).expect("memory takes everything");
        String::from_utf8(out).expect("UTF-8")
    }

    fn jsonl(assessment: &model::assessment::Assessment) -> Vec<Value> {
        let mut out = Vec::new();
        write_jsonl(assessment, &mut out).expect("memory takes everything");
        let text = String::from_utf8(out).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// A reader of RFC 4180 that knows nothing of ours.
    fn cells(line: &str) -> Vec<String> {
        let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' if quoted && chars.peek() == Some(&'"') => cell.push(chars.next().expect("peeked")),
                '"' => quoted = !quoted,
                ',' if !quoted => cells.push(std::mem::take(&mut cell)),
                c => cell.push(c),
            }
        }
        cells.push(cell);
        cells
    }

    #[test]
    fn every_line_has_every_column() {
        for (name, assessment, _) in samples::all() {
            let text = csv(&assessment);
            let lines: Vec<_> = text.split_terminator("\r\n").collect();
            assert_eq!(lines.len(), rows(&assessment).len() + 1, "{name}");
            for line in lines {
                assert_eq!(cells(line).len(), COLUMNS.len(), "{name}: {line}");
                assert!(!line.contains(['\r', '\n']), "{name}: {line}");
            }
        }
    }

    #[test]
    fn json_lines_have_the_same_columns_in_order() {
        let (assessment, _) = samples::compromised();
        let line = crate::json::line(&rows(&assessment)[0]);
        let places: Vec<_> = COLUMNS.iter().map(|column| line.find(&format!("\"{column}\":"))).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{line}");
    }

    #[test]
    fn timestamp_equals_datetime() {
        for row in jsonl(&samples::compromised().0) {
            let time = Utc::parse(row["datetime"].as_str().expect("text").as_bytes()).expect("a time");
            assert_eq!(row["timestamp"].as_i64(), Some(time.0));
        }
        assert_eq!(datetime(Utc(-1)), "1969-12-31T23:59:59.999999+00:00");
    }

    #[test]
    fn rows_are_in_order_of_time() {
        for (name, assessment, _) in samples::all() {
            assert!(rows(&assessment).is_sorted_by_key(|row| row.timestamp), "{name}");
        }
    }

    #[test]
    fn tells_builds_windows_and_web_shells() {
        let rows = jsonl(&samples::compromised().0);
        for description in [
            "Build First Seen",
            "Exposure Window Begin",
            "Exposure Window End",
            "Web Shell First Use",
            "Web Shell Last Use",
            "Record Written",
        ] {
            assert!(rows.iter().any(|row| row["timestamp_desc"] == description), "{description}");
        }
    }

    #[test]
    fn long_fields_are_cut_on_a_character_and_say_so() {
        let long = "é".repeat(FIELD_BYTES_MAX);
        let cut = capped(long.as_str().into());
        assert!(cut.len() <= FIELD_BYTES_MAX && cut.ends_with(CUT_MARK));
        assert_eq!(capped("short".into()), "short");
    }
}
