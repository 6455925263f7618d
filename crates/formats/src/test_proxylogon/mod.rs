//! What Microsoft's Test-ProxyLogon script wrote: CSV files of `Export-Csv`, all values quoted, with a `#TYPE` line in
//! front where Windows PowerShell wrote them. Spreadsheets and converters through which such files went leave quotes out
//! and, where the comma is the decimal sign, separate by semicolons; the header row tells.
//!
//! | file | columns |
//! |---|---|
//! | `<server>-Cve-2021-26855.csv` | `DateTime`, `AnchorMailbox`, later versions with `RequestId`, `UrlStem`, … between: hits in the HttpProxy logs |
//! | `<server>-Cve-2021-26857.csv` | `TimeCreated`, `MachineName`, `Message` |
//! | `<server>-other.csv` | `ComputerName`, `Type`, `Path`, `Name`, `LastWrite` |
//! | `<server>-LogAgeDays.csv` | `Oabgen`, `Ecp`, `AutodProxy`, … |
//!
//! Remote runs append `PSComputerName`, `RunspaceId`, `PSShowComputerName`. Only `DateTime` is a time that can be read:
//! the others are written in the format of somebody's culture, and local. Texts that run over several lines give a row
//! for their first line; the lines behind it are counted rejects.
//!
//! Source: microsoft/CSS-Exchange, Security/src/Test-ProxyLogon.ps1.

use std::sync::Arc;

use model::{Cell, Family, Reject, RejectReason, Row, Schema, Sink, Utc};

use crate::block::{Block, Lines, lines};

/// A longer line is a reject.
pub const LINE_BYTES_MAX: usize = 1 << 20;
/// More columns are no output of the script: the HttpProxy logs, from which it chose, have about a hundred.
const COLUMNS_MAX: usize = 40;
/// A column of the HttpProxy logs that the script never chose.
const NOT_CHOSEN: &str = "BackEndStatus";

/// A longer line is no header row.
const HEADER_BYTES_MAX: usize = 4_096;

/// Columns that together only the script writes.
const MARKS: [&[&str]; 4] = [
    &["DateTime", "AnchorMailbox"],
    &["TimeCreated", "MachineName", "Message"],
    &["ComputerName", "Type", "Path", "Name", "LastWrite"],
    &["Oabgen", "Ecp", "AutodProxy"],
];

/// The columns in force at a line end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    schema: Option<Arc<Schema>>,
    separator: u8,
}

impl Header {
    /// The columns in force.
    #[must_use]
    pub fn schema(&self) -> Option<&Arc<Schema>> {
        self.schema.as_ref()
    }

    /// Moves on over a block without reading its records.
    pub fn advance(&mut self, block: &[u8]) {
        for (line, _) in lines(block) {
            self.row(line);
        }
    }

    /// Takes a line if it is a header row of the script.
    fn row(&mut self, line: &[u8]) -> bool {
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        if !line.first().is_some_and(|first| *first == b'"' || first.is_ascii_alphabetic())
            || line.len() > HEADER_BYTES_MAX
        {
            return false;
        }
        // Names hold neither.
        let Some(separator) = memchr::memchr2(b',', b';', line).and_then(|at| line.get(at)).copied() else {
            return false;
        };
        let mut cells = Vec::new();
        if split(line, separator, COLUMNS_MAX, &mut cells) != Quotes::Closed || cells.len() > COLUMNS_MAX {
            return false;
        }
        let name = |cell: &Cell| {
            let bytes = line.get(cell.start as usize..cell.end as usize).unwrap_or_default();
            String::from_utf8_lossy(bytes.trim_ascii()).into()
        };
        let names: Vec<Box<str>> = cells.iter().map(name).collect();
        let has = |wanted: &&str| names.iter().any(|name| name.as_ref() == *wanted);
        if has(&NOT_CHOSEN) || !MARKS.iter().any(|mark| mark.iter().all(has)) {
            return false;
        }
        self.separator = separator;
        self.schema =
            Some(Arc::new(Schema { family: Family::TestProxyLogon, log_type: "".into(), version: None, names }));
        true
    }
}

/// Does the begin of a file show a header row of the script?
#[must_use]
pub fn is_output(head: &[u8]) -> bool {
    let mut header = Header::default();
    lines(head).take(3).any(|(line, _)| header.row(line))
}

/// Reads the lines of a block. `header` holds what was in force before it and afterwards what is in force behind it.
pub fn read(block: &Block<'_>, header: &mut Header, sink: &mut dyn Sink) -> Lines {
    let mut count = Lines::default();
    let mut cells = Vec::new();
    sink.block(block.bytes);
    for (line, in_block) in lines(block.bytes) {
        let (number, offset) = (block.first_line + count.total(), block.offset + in_block as u64);
        if line.trim_ascii().is_empty() {
            count.blanks += 1;
        } else if is_type_line(line) || header.row(line) {
            count.headers += 1;
        } else {
            match record(line, header, &mut cells) {
                Ok((schema, time)) => {
                    count.events += 1;
                    sink.row(&Row { schema, number, offset, in_block, line, time, cells: &cells });
                }
                Err(reason) => {
                    count.rejected += 1;
                    sink.reject(Reject { record: number, offset, reason });
                }
            }
        }
    }
    count
}

/// `#TYPE Selected.System.Management.Automation.PSCustomObject`
fn is_type_line(line: &[u8]) -> bool {
    line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line).starts_with(b"#TYPE ")
}

fn record<'h>(
    line: &[u8],
    header: &'h Header,
    cells: &mut Vec<Cell>,
) -> Result<(&'h Arc<Schema>, Option<Utc>), RejectReason> {
    if line.len() > LINE_BYTES_MAX {
        return Err(RejectReason::TooLong);
    }
    if line.iter().all(|byte| *byte == 0) {
        return Err(RejectReason::Binary);
    }
    let schema = header.schema.as_ref().ok_or(RejectReason::NoColumns)?;
    let columns = schema.names.len();
    let quotes = split(line, header.separator, columns, cells);
    // The last value alone may run on in the next line.
    if quotes == Quotes::Broken || (quotes == Quotes::Open && cells.len() != columns) {
        return Err(RejectReason::Quoting);
    }
    if cells.len() != columns {
        let short = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        return Err(RejectReason::FieldCount { expected: short(columns), found: short(cells.len()) });
    }
    let row = Row { schema, number: 0, offset: 0, in_block: 0, line, time: None, cells };
    let time = match schema.column("DateTime") {
        Some(column) => Some(Utc::parse(&row.text(column)).ok_or(RejectReason::Time)?),
        None => None,
    };
    Ok((schema, time))
}

/// How the quotes of a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    Closed,
    /// Inside the last cell.
    Open,
    /// Text behind a closing quote.
    Broken,
}

/// Cuts a line at separators outside quotes, into one cell more than `columns` at most.
fn split(line: &[u8], separator: u8, columns: usize, cells: &mut Vec<Cell>) -> Quotes {
    cells.clear();
    let mut start = 0;
    while cells.len() <= columns {
        let rest = line.get(start..).unwrap_or_default();
        if rest.first() != Some(&b'"') {
            let length = memchr::memchr(separator, rest).unwrap_or(rest.len());
            cells.push(cell(start, start + length, false));
            if length == rest.len() {
                break;
            }
            start += length + 1;
            continue;
        }
        let (end, doubled, closed) = quoted_end(line, start + 1);
        cells.push(cell(start + 1, end, doubled));
        match line.get(end + 1) {
            _ if !closed => return Quotes::Open,
            None => break,
            Some(byte) if *byte == separator => start = end + 2,
            Some(_) => return Quotes::Broken,
        }
    }
    Quotes::Closed
}

/// The end of the quoted value that starts at `from`, whether quotes are doubled in it, and whether it closes.
fn quoted_end(line: &[u8], from: usize) -> (usize, bool, bool) {
    let (mut at, mut doubled) = (from, false);
    while let Some(length) = line.get(at..).and_then(|rest| memchr::memchr(b'"', rest)) {
        at += length;
        if line.get(at + 1) != Some(&b'"') {
            return (at, doubled, true);
        }
        doubled = true;
        at += 2;
    }
    (line.len(), doubled, false)
}

/// Lines are no longer than [`LINE_BYTES_MAX`], so positions fit.
fn cell(start: usize, end: usize, doubled: bool) -> Cell {
    let short = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Cell { start: short(start.min(end)), end: short(end), doubled }
}

#[cfg(test)]
mod tests;
