//! The output of other scanners → observations, one file per format.
//!
//! What a file is, its content says. Files have gigabytes and come from strangers: each is read once, a record at a time, within
//! limits, and a record that cannot be read costs that record: it is counted and the first ones are named. Nothing here opens
//! a file.

mod censys;
mod escapes;
mod head;
mod httpx;
mod lines;
mod masscan;
mod nmap;
mod parts;
mod shadowserver;
mod shodan;
mod zgrab2;

use std::fmt;
use std::io::{self, BufRead, Cursor, Read};

use model::Utc;
use model::survey::Observation;
use serde::Serialize;

/// A line or an XML element that is longer is not read.
pub const RECORD_BYTES_MAX: usize = 16 << 20;
/// So many refused records are named; all are counted.
pub const REJECTS_MAX: usize = 20;
/// By so much of a file its format is told.
const HEAD_BYTES: u64 = 64 * 1024;
/// One record gives so many observations at most.
const OBSERVATIONS_PER_RECORD_MAX: usize = 4_096;

/// Who wrote a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// JSON lines of `zgrab2`.
    Zgrab2,
    /// JSON lines of `httpx` of ProjectDiscovery.
    Httpx,
    /// XML of `nmap`.
    Nmap,
    /// JSON, list or XML of `masscan`.
    Masscan,
    /// JSON lines of Shodan.
    Shodan,
    /// JSON lines of Censys.
    Censys,
    /// CSV of Shadowserver.
    Shadowserver,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Zgrab2, Self::Httpx, Self::Nmap, Self::Masscan, Self::Shodan, Self::Censys, Self::Shadowserver];

    /// `zgrab2`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zgrab2 => "zgrab2",
            Self::Httpx => "httpx",
            Self::Nmap => "nmap",
            Self::Masscan => "masscan",
            Self::Shodan => "shodan",
            Self::Censys => "censys",
            Self::Shadowserver => "shadowserver",
        }
    }

    /// By its name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a file is to be read.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// `None`: as its content says.
    pub format: Option<Format>,
    /// When records were seen that do not say so.
    pub observed_at: Option<Utc>,
}

/// What became of a file. `records` are lines, or hosts of an XML file; `records = read + rejected + blank`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// As it was read.
    pub format: Format,
    /// All of them.
    pub records: u64,
    /// Those that were understood.
    pub read: u64,
    /// Those that were not.
    pub rejected: u64,
    /// Those that hold nothing by design: empty lines, comments, the header row, brackets around a list.
    pub blank: u64,
    /// What the records that were read gave.
    pub observations: u64,
    /// Records that were read and tell of no service.
    pub without_service: u64,
    /// The first that were refused.
    pub rejects: Vec<Reject>,
    /// The end is missing: the scanner was stopped, or the file is cut.
    pub cut: bool,
}

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// Counted from 1: the line, or the host of an XML file.
    pub record: u64,
    /// Without full stop.
    pub why: String,
}

/// Why a file could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is none of the formats.
    #[error("it is the output of no known scanner")]
    UnknownFormat,
    /// Reading it failed.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Takes an observation; `false` ends the reading.
pub type Take<'t> = dyn FnMut(Observation) -> bool + 't;

/// Reads a file to its end.
///
/// # Errors
/// When it is none of the formats, or reading fails.
pub fn import(input: &mut dyn BufRead, options: &ImportOptions, take: &mut Take<'_>) -> Result<Account, ImportError> {
    let mut head = Vec::new();
    input.take(HEAD_BYTES).read_to_end(&mut head)?;
    let start = without_mark(&head);
    if start.iter().all(u8::is_ascii_whitespace) && options.format.is_none() {
        return Err(ImportError::UnknownFormat);
    }
    let format = options.format.or_else(|| format_of(start)).ok_or(ImportError::UnknownFormat)?;
    let is_xml = start.trim_ascii_start().starts_with(b"<");
    let start = start.to_vec();
    let mut whole = Cursor::new(start).chain(input);
    let mut intake = Intake::new(format, options.observed_at, take);
    match format {
        Format::Nmap => nmap::read(&mut whole, &mut intake)?,
        Format::Masscan if is_xml => nmap::read(&mut whole, &mut intake)?,
        Format::Masscan => lines::each(&mut whole, &mut intake, masscan::line)?,
        Format::Zgrab2 => lines::each(&mut whole, &mut intake, zgrab2::line)?,
        Format::Httpx => lines::each(&mut whole, &mut intake, httpx::line)?,
        Format::Shodan => lines::each(&mut whole, &mut intake, shodan::line)?,
        Format::Censys => lines::each(&mut whole, &mut intake, censys::line)?,
        Format::Shadowserver => {
            let mut reader = shadowserver::Rows::default();
            lines::each(&mut whole, &mut intake, |line, intake| reader.line(line, intake))?;
        }
    }
    Ok(intake.account)
}

/// Which format a file is, by its beginning.
#[must_use]
pub fn format_of(head: &[u8]) -> Option<Format> {
    let head = without_mark(head).trim_ascii_start();
    let has = |text: &str| memchr::memmem::find(head, text.as_bytes()).is_some();
    let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default().to_ascii_lowercase();
    let in_first = |text: &str| memchr::memmem::find(&first, text.as_bytes()).is_some();
    match head.first()? {
        b'<' if has("scanner=\"masscan\"") => Some(Format::Masscan),
        b'<' => has("<nmaprun").then_some(Format::Nmap),
        b'{' | b'[' | b',' => json_format(head),
        b'#' if first.starts_with(b"#masscan") => Some(Format::Masscan),
        _ if first.starts_with(b"open tcp ") || first.starts_with(b"banner tcp ") => Some(Format::Masscan),
        _ if in_first("timestamp") && in_first("ip") && in_first("port") && in_first(",") => Some(Format::Shadowserver),
        _ => None,
    }
}

fn json_format(head: &[u8]) -> Option<Format> {
    let has = |text: &str| memchr::memmem::find(head, text.as_bytes()).is_some();
    let is_record = has("\"ip\"") && has("\"ports\"");
    if head.starts_with(b"[") || head.starts_with(b",") || is_record && has("\"proto\"") && !has("\"services\"") {
        return (is_record || head.starts_with(b"[")).then_some(Format::Masscan);
    }
    if has("\"ip_str\"") {
        return Some(Format::Shodan);
    }
    if has("\"data\"") && has("\"status\"") && (has("\"protocol\"") || has("\"redirect_response_chain\"")) {
        return Some(Format::Zgrab2);
    }
    if has("\"services\"") || has("\"endpoints\"") {
        return Some(Format::Censys);
    }
    if has("\"input\"") && (has("\"status_code\"") || has("\"status-code\"") || has("\"failed\"")) {
        return Some(Format::Httpx);
    }
    has("\"headers\"").then_some(Format::Censys)
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Counts records and hands observations on.
pub(crate) struct Intake<'t, 'f> {
    pub account: Account,
    /// For records that name no time.
    pub observed_at: Option<Utc>,
    /// Nobody wants more.
    pub is_stopped: bool,
    of_record: usize,
    take: &'t mut Take<'f>,
}

impl<'t, 'f> Intake<'t, 'f> {
    fn new(format: Format, observed_at: Option<Utc>, take: &'t mut Take<'f>) -> Self {
        let account = Account {
            format,
            records: 0,
            read: 0,
            rejected: 0,
            blank: 0,
            observations: 0,
            without_service: 0,
            rejects: Vec::new(),
            cut: false,
        };
        Self { account, observed_at, is_stopped: false, of_record: 0, take }
    }

    /// One more observation of the record at hand.
    pub(crate) fn give(&mut self, observation: Observation) {
        if self.of_record < OBSERVATIONS_PER_RECORD_MAX && !self.is_stopped {
            self.of_record += 1;
            self.account.observations += 1;
            self.is_stopped = !(self.take)(observation);
        }
    }

    /// The record at hand has ended.
    pub(crate) fn end_record(&mut self, outcome: Result<Held, String>) {
        self.account.records += 1;
        let given = std::mem::take(&mut self.of_record);
        match outcome {
            Ok(Held::Nothing) => self.account.blank += 1,
            Ok(Held::Record) => {
                self.account.read += 1;
                self.account.without_service += u64::from(given == 0);
            }
            Err(why) => {
                self.account.rejected += 1;
                if self.account.rejects.len() < REJECTS_MAX {
                    let why = why.chars().take(200).collect();
                    self.account.rejects.push(Reject { record: self.account.records, why });
                }
            }
        }
    }

    /// When a record was seen.
    pub(crate) fn time(&self, said: Option<&str>) -> Result<Utc, String> {
        said.and_then(|text| Utc::parse(text.as_bytes()))
            .or(self.observed_at)
            .ok_or_else(|| "it names no time".to_owned())
    }
}

/// Whether a line holds a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Record,
    /// An empty line, a comment, a bracket.
    Nothing,
}
