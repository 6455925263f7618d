//! The screen at the end of a hunt: hits per rule and host, then what was read, what was not, and what ran.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use indicatif::DecimalBytes;
use model::file::{FileRecord, Kind, Outcome};
use report::hostile::ForTerminal;
use report::{count, screen};

use super::level::Level;
use super::lines::RuleSaid;
use super::tally::{Counted, Row};

/// Names of files shown of each sort.
const NAMES_MAX: usize = 5;
/// Sources shown.
const SOURCES_MAX: usize = 12;
/// Columns of labels.
const LABEL_COLUMNS: usize = 10;
/// Lines that one label may take.
const LINES_MAX: usize = 6;
/// Columns of the longest level.
const LEVEL_COLUMNS: usize = 13;
/// Columns of a host.
const HOST_COLUMNS: usize = 15;

/// What the screen is made of.
pub struct Ended<'a> {
    /// What was counted.
    pub counted: &'a Counted,
    /// The rules, by their numbers; those below the level asked for are left out.
    pub rules: &'a [Option<RuleSaid>],
    /// Every input.
    pub files: &'a [FileRecord],
    /// The level asked for.
    pub level: Level,
    /// The run was interrupted.
    pub incomplete: bool,
    /// On standard output a person looks.
    pub colour: bool,
    /// Columns.
    pub width: usize,
}

impl Ended<'_> {
    /// Hits by rule and host; the highest level first, in it the rule with most hits.
    pub fn table(&self) -> String {
        let mut text = String::new();
        if self.counted.rows.is_empty() {
            return "No rule fits any record that was read.\n\n".to_owned();
        }
        let mut by_rule: BTreeMap<u32, Vec<&Row>> = BTreeMap::new();
        for row in &self.counted.rows {
            by_rule.entry(row.rule.0).or_default().push(row);
        }
        let said = |rule: u32| self.rules.get(rule as usize).and_then(Option::as_ref);
        let mut rules: Vec<(&RuleSaid, Vec<&Row>)> =
            by_rule.into_iter().filter_map(|(rule, rows)| Some((said(rule)?, rows))).collect();
        let hits = |rows: &[&Row]| rows.iter().map(|row| row.count.hits).sum::<u64>();
        rules.sort_by(|(a, of_a), (b, of_b)| (b.level, hits(of_b), &a.id).cmp(&(a.level, hits(of_a), &b.id)));
        for (rule, rows) in rules {
            self.rule(&mut text, rule);
            rows.into_iter().for_each(|row| host(&mut text, row));
        }
        if self.counted.other_hits > 0 {
            let hits = count(self.counted.other_hits, "hit", "hits");
            writeln!(text, "and {hits} of further rules and hosts").expect("a string takes everything");
        }
        text.push('\n');
        text
    }

    fn rule(&self, text: &mut String, rule: &RuleSaid) {
        let level = self.painted(rule.level, &format!("{:<LEVEL_COLUMNS$}", rule.level.word()));
        let room = self.width.saturating_sub(LEVEL_COLUMNS + 2);
        let title = format!("{:.room$}", ForTerminal(&rule.title));
        // The name of the rule stands beside its title where there is room, else below it.
        let id = ForTerminal(&rule.id).to_string();
        if title.chars().count() + 2 + id.chars().count() <= room {
            writeln!(text, "{level} {title}  {id}")
        } else {
            // Whole, however long: it is there to be copied.
            writeln!(text, "{level} {title}\n{:LEVEL_COLUMNS$} {id}", "")
        }
        .expect("a string takes everything");
    }

    /// What was read and what not, what ran, and what came of it.
    pub fn footer(&self) -> String {
        let mut text = String::new();
        if self.incomplete {
            self.said(&mut text, "Stopped", "the run was interrupted; all this is of what was read until then");
        }
        self.said(&mut text, "Read", &self.read());
        let not_read = self.not_read();
        if !not_read.is_empty() {
            self.said(&mut text, "Not read", &not_read.join("; "));
        }
        if let Some(rejected) = self.rejected() {
            self.said(&mut text, "Rejected", &rejected);
        }
        if let Some(clocks) = self.clocks() {
            self.said(&mut text, "Clocks", &clocks);
        }
        if !self.counted.sources.is_empty() {
            self.said(&mut text, "Sources", &self.sources());
        }
        self.said(&mut text, "Rules", &self.ran());
        self.said(&mut text, "Hits", &self.hits());
        text
    }

    fn read(&self) -> String {
        let read: Vec<&FileRecord> = self.files.iter().filter(|file| is_read(file)).collect();
        let bytes: u64 = read.iter().map(|file| file.size).sum();
        let records: u64 = read.iter().map(|file| file.records).sum();
        let first = read.iter().filter_map(|file| file.first).min();
        let last = read.iter().filter_map(|file| file.last).max();
        let span = match (first, last) {
            (Some(first), Some(last)) => format!(" from {} to {} UTC", plain(first), plain(last)),
            _ => String::new(),
        };
        let (files, records) = (count(read.len() as u64, "file", "files"), count(records, "record", "records"));
        format!("{files}, {}, {records}{span}", DecimalBytes(bytes))
    }

    fn not_read(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut sort = |one: &str, many: &str, is_one: &dyn Fn(&FileRecord) -> bool| {
            let names: Vec<&str> =
                self.files.iter().filter(|file| is_one(file)).map(|file| file.path.as_str()).collect();
            if !names.is_empty() {
                all.push(format!("{} ({})", count(names.len() as u64, one, many), examples(&names)));
            }
        };
        sort("file not recognised", "files not recognised", &|file| {
            file.outcome == Outcome::Complete && file.kind == Kind::Other
        });
        sort("archive, whose files may be among the read", "archives, whose files may be among the read", &|file| {
            file.outcome == Outcome::Complete && file.kind == Kind::Container
        });
        sort("file unreadable in whole or part", "files unreadable in whole or part", &|file| {
            matches!(file.outcome, Outcome::Unreadable(_))
        });
        sort("file gone when it was to be read", "files gone when they were to be read", &|file| {
            file.outcome == Outcome::Vanished
        });
        sort("file that is encrypted", "files that are encrypted", &|file| {
            matches!(file.outcome, Outcome::Encrypted(_))
        });
        sort("file past a limit", "files past a limit", &|file| matches!(file.outcome, Outcome::LimitReached(_)));
        sort("link or device", "links and devices", &|file| file.outcome == Outcome::NotRegular);
        sort("file not read to its end", "files not read to their end", &|file| file.outcome == Outcome::Interrupted);
        all
    }

    fn rejected(&self) -> Option<String> {
        let with = self.files.iter().filter(|file| file.rejected > 0);
        let rejected: u64 = with.clone().map(|file| file.rejected).sum();
        let most = with.clone().max_by_key(|file| (file.rejected, std::cmp::Reverse(&file.path)))?;
        let reason = most.reasons.first().map(|reason| format!(" ({})", reason.reason)).unwrap_or_default();
        let lines = count(rejected, "line or record", "lines or records");
        let files = count(with.count() as u64, "file", "files");
        Some(format!("{lines} in {files} could not be read, most in {}{reason}", most.path))
    }

    fn clocks(&self) -> Option<String> {
        let names: Vec<&str> =
            self.files.iter().filter(|file| file.clock_shift_secs != 0).map(|file| file.path.as_str()).collect();
        let files = count(names.len() as u64, "file", "files");
        (!names.is_empty()).then(|| {
            format!(
                "{files} ({}) whose own records show that their times are not UTC: as written in hits",
                examples(&names)
            )
        })
    }

    fn sources(&self) -> String {
        let sources = &self.counted.sources;
        let shown: Vec<String> = sources
            .iter()
            .take(SOURCES_MAX)
            .map(|(source, records)| format!("{source} {}", number(*records)))
            .collect();
        let rest = sources.len().saturating_sub(SOURCES_MAX);
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        format!("{}{rest}", shown.join(" · "))
    }

    fn ran(&self) -> String {
        let (correlations, ran): (Vec<_>, Vec<_>) = self.rules.iter().flatten().partition(|rule| rule.correlation);
        let below = match self.level {
            Level::Informational => String::new(),
            level => format!(" of level {} or above", level.word()),
        };
        let correlations = match correlations.len() {
            0 => String::new(),
            correlations => format!(" and {}", count(correlations as u64, "correlation", "correlations")),
        };
        let cut_short = match self.counted.cut_short.as_slice() {
            [] => String::new(),
            [first, rest @ ..] => {
                let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
                format!("; {}: {}{more}", first.rule, first.reason)
            }
        };
        format!("{}{correlations} ran{below}{cut_short}", count(ran.len() as u64, "rule", "rules"))
    }

    fn hits(&self) -> String {
        let of_level = |level: &Level| {
            let hits = self.counted.levels.get(level.at()).copied().filter(|hits| *hits > 0)?;
            Some(format!("{} {}", number(hits), level.word()))
        };
        let levels: Vec<String> = Level::ALL.iter().rev().filter_map(of_level).collect();
        let levels = if levels.is_empty() { String::new() } else { format!(": {}", levels.join(", ")) };
        let left_out = match self.counted.left_out {
            0 => String::new(),
            hits => format!("; {} without a time cannot stand in a timeline", count(hits, "hit", "hits")),
        };
        let only_joined = match self.counted.only_joined {
            0 => String::new(),
            hits => format!("; {} went to correlations alone", count(hits, "hit", "hits")),
        };
        format!("{}{levels}{left_out}{only_joined}", number(self.counted.hits()))
    }

    /// A label and what it says, in lines of the width.
    fn said(&self, text: &mut String, label: &str, said: &str) {
        let room = self.width.saturating_sub(LABEL_COLUMNS).max(20);
        let mut label = label;
        for line in screen::lines(said, room, LINES_MAX) {
            writeln!(text, "{label:<LABEL_COLUMNS$}{line}").expect("a string takes everything");
            label = "";
        }
    }

    fn painted(&self, level: Level, text: &str) -> String {
        let code = match level {
            Level::Critical => "1;31",
            Level::High => "31",
            Level::Medium => "33",
            Level::Low => "36",
            Level::Informational => "2",
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

fn host(text: &mut String, row: &Row) {
    let host = format!("{:.HOST_COLUMNS$}", ForTerminal(&row.host));
    let span = match row.count.span {
        None => "no time".to_owned(),
        Some((first, last)) if first == last => plain(first),
        Some((first, last)) => format!("{} to {}", plain(first), plain(last)),
    };
    let hits = count(row.count.hits, "hit", "hits");
    writeln!(text, "{:LEVEL_COLUMNS$} {host:<HOST_COLUMNS$} {hits:>13}  {span}", "")
        .expect("a string takes everything");
}

/// Read as what it is.
fn is_read(file: &FileRecord) -> bool {
    let is_broken = matches!(file.outcome, Outcome::Unreadable(_) | Outcome::Vanished | Outcome::NotRegular);
    !matches!(file.kind, Kind::Other | Kind::Container) && (!is_broken || file.records > 0)
}

/// The first names, and that there are more.
fn examples(names: &[&str]) -> String {
    let more = if names.len() > NAMES_MAX { ", …" } else { "" };
    format!("{}{more}", names.iter().take(NAMES_MAX).copied().collect::<Vec<_>>().join(", "))
}

/// A number alone, in groups of three.
fn number(value: u64) -> String {
    count(value, "", "").trim_end().to_owned()
}

/// To the second, as people write it.
fn plain(time: model::Utc) -> String {
    let text = time.to_string();
    text.get(..19).unwrap_or(&text).replace('T', " ")
}
