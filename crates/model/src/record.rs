//! What a reader hands on: rows of delimited logs, Windows events, and the lines that were neither.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Family, Utc};

/// Where a record stands, down to the byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// Index of the file in the manifest.
    pub file: u32,
    /// Physical line (from 1) of a text log, record id of an event log.
    pub record: u64,
    /// Byte offset of the record in the file.
    pub offset: u64,
}

/// The columns in force for a stretch of a delimited log, as its `#Fields` line or header row gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The family that the log names itself, or that its columns show.
    pub family: Family,
    /// The words after `#Log-type:`, empty where there is none.
    pub log_type: Box<str>,
    /// The words after `#Version:`.
    pub version: Option<Box<str>>,
    /// Column names in order, as written.
    pub names: Vec<Box<str>>,
}

impl Schema {
    /// The position of a column, by name without regard to case.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|column| column.eq_ignore_ascii_case(name))
    }
}

/// One cell of a row: a range of the line, without its outer quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// First byte in the line.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Quotes inside are doubled and have to be undone.
    pub doubled: bool,
}

/// One record of a delimited log. It borrows the line and the scratch space of its reader.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The columns in force.
    pub schema: &'a Arc<Schema>,
    /// Physical line number, from 1.
    pub number: u64,
    /// Byte offset of the line in the file.
    pub offset: u64,
    /// Byte offset of the line in the block handed to [`Sink::block`].
    pub in_block: usize,
    /// The line without its line end.
    pub line: &'a [u8],
    /// When it happened, as the log says; UTC.
    pub time: Option<Utc>,
    /// The cells, as many as `schema.names`.
    pub cells: &'a [Cell],
}

impl<'a> Row<'a> {
    /// The bytes of a cell as they stand in the line (outer quotes taken off, inner ones still doubled).
    #[must_use]
    pub fn raw(&self, column: usize) -> &'a [u8] {
        self.cells
            .get(column)
            .and_then(|cell| self.line.get(cell.start as usize..cell.end as usize))
            .unwrap_or_default()
    }

    /// Whether quotes inside a cell are doubled.
    #[must_use]
    pub fn is_doubled(&self, column: usize) -> bool {
        self.cells.get(column).is_some_and(|cell| cell.doubled)
    }

    /// The bytes of a cell as the writer meant them.
    #[must_use]
    pub fn text(&self, column: usize) -> Cow<'a, [u8]> {
        let raw = self.raw(column);
        if self.is_doubled(column) { Cow::Owned(undouble(raw)) } else { Cow::Borrowed(raw) }
    }
}

/// Undoes `""`.
fn undouble(raw: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().peekable();
    while let Some(byte) = bytes.next() {
        text.push(*byte);
        if *byte == b'"' && bytes.peek() == Some(&&b'"') {
            bytes.next();
        }
    }
    text
}

/// One Windows event, from EVTX or from a JSON export of any shape.
#[derive(Clone, Debug)]
pub struct WindowsEvent<'a> {
    /// Line number of a JSON export, record id of an event log.
    pub record: u64,
    /// Byte offset of the line or record.
    pub offset: u64,
    /// When it was created, as the record says.
    pub time: Option<Utc>,
    /// Seconds by which `time` runs ahead of (positive) or behind UTC, where the record itself shows it: Sysmon
    /// carries `UtcTime` beside the export's own time stamp.
    pub clock_shift_secs: Option<i64>,
    /// `Security`, `MSExchange Management`.
    pub channel: Cow<'a, str>,
    /// `Microsoft-Windows-Sysmon`, `MSExchange CmdletLogs`.
    pub provider: Cow<'a, str>,
    /// Event id.
    pub event_id: u32,
    /// 1 critical to 5 verbose; 0 is written by auditing.
    pub level: Option<u8>,
    /// The computer named in the record.
    pub computer: Cow<'a, str>,
    /// Event data by name. Unnamed data is `Data[0]`, `Data[1]`, … and, joined by line feeds, `Data`. The rendered
    /// text, where the export has it, is `Message`.
    pub fields: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// The record as it is shown to a person: the JSON line.
    pub raw: Raw<'a>,
}

impl WindowsEvent<'_> {
    /// A field of the event data, by name without regard to case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_ref())
    }
}

/// A record as it is shown to a person.
#[derive(Clone, Copy)]
pub enum Raw<'a> {
    /// The bytes of the log.
    Text(&'a [u8]),
    /// A record that is no text, which is written as text only when somebody asks for it.
    Rendered(&'a dyn Render),
}

/// A record that can be written as text.
pub trait Render {
    /// The text.
    fn render(&self) -> Vec<u8>;
}

impl<'a> Raw<'a> {
    /// The bytes, rendered now where the log holds no text.
    #[must_use]
    pub fn bytes(&self) -> Cow<'a, [u8]> {
        match self {
            Self::Text(text) => Cow::Borrowed(*text),
            Self::Rendered(record) => Cow::Owned(record.render()),
        }
    }
}

impl fmt::Debug for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.debug_tuple("Text").field(text).finish(),
            Self::Rendered(_) => f.write_str("Rendered(..)"),
        }
    }
}

/// What is known of a Windows event before its data are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventHead<'a> {
    /// `Security`.
    pub channel: &'a str,
    /// `Microsoft-Windows-Security-Auditing`.
    pub provider: &'a str,
    /// Event id.
    pub event_id: u32,
    /// The computer named in the record.
    pub computer: &'a str,
}

/// One element of a file that is no log: of an XML configuration, or a value of a registry hive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Line on which it begins, from 1; of a hive, which value it is of those that are read.
    pub line: u64,
    /// Byte offset of its tag, or of its key.
    pub offset: u64,
    /// When it was last changed, where the file says so.
    pub time: Option<Utc>,
    /// `element`, `section`, `location`, its attributes, those of its parent as `parent.…`, and `text`; of a hive
    /// `TargetObject`, `Details` and what belongs to them.
    pub fields: Vec<(String, String)>,
    /// The tag as it is written, or the value as JSON.
    pub raw: Vec<u8>,
}

/// A line or record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Line number or record id.
    pub record: u64,
    /// Byte offset.
    pub offset: u64,
    /// Why.
    pub reason: RejectReason,
}

/// Why a line is no event. Each reason is counted by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// A record before any `#Fields` line or header row.
    NoColumns,
    /// Another number of cells than columns.
    FieldCount {
        /// Columns in force.
        expected: u32,
        /// Cells in the line.
        found: u32,
    },
    /// The quotes do not close.
    Quoting,
    /// No readable time where one belongs.
    Time,
    /// Not a JSON object, or not an event.
    NotAnEvent,
    /// Longer than the reader's limit.
    TooLong,
    /// Only NUL or other control bytes.
    Binary,
    /// A damaged chunk or record of an event log.
    Damaged(&'static str),
    /// Read and whole, but not searched to its end.
    Unsearched(&'static str),
    /// The file ends inside the record.
    Truncated,
}

/// What a reader feeds. `detect` implements it; tests implement it to look at what was read.
pub trait Sink {
    /// The bytes from which the following rows are cut, so that they can be searched at once.
    fn block(&mut self, _bytes: &[u8]) {}
    /// A record of a delimited log.
    fn row(&mut self, row: &Row<'_>);
    /// Is anything asked of an event with this head but that it is there? If not, a reader may hand it on with the
    /// system fields alone.
    fn wants_data(&mut self, _head: &EventHead<'_>) -> bool {
        true
    }
    /// A Windows event.
    fn event(&mut self, event: &WindowsEvent<'_>);
    /// A line that is no event, header or blank.
    fn reject(&mut self, reject: Reject);
}
