//! The comma-separated IIS format without any header: fifteen fixed columns, local time.
//!
//! Layout as in Microsoft's "IIS Log File Format": client, user, date, time, service, server, address, time taken,
//! bytes received, bytes sent, status, Windows status, method, target, parameters.

use std::sync::{Arc, OnceLock};

use model::{Cell, Family, Reject, RejectReason, Row, Schema, Sink, Utc};

use super::LINE_BYTES_MAX;
use crate::block::{Block, Lines, lines};

const NAMES: [&str; 15] = [
    "c-ip",
    "cs-username",
    "date",
    "time",
    "s-sitename",
    "s-computername",
    "s-ip",
    "time-taken",
    "cs-bytes",
    "sc-bytes",
    "sc-status",
    "sc-win32-status",
    "cs-method",
    "cs-uri-stem",
    "cs-uri-query",
];

fn schema() -> &'static Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let names = NAMES.iter().map(|name| (*name).into()).collect();
        Arc::new(Schema { family: Family::Iis, log_type: "".into(), version: None, names })
    })
}

/// Reads the lines of a block.
pub fn read(block: &Block<'_>, sink: &mut dyn Sink) -> Lines {
    let mut count = Lines::default();
    let mut cells = Vec::with_capacity(NAMES.len());
    sink.block(block.bytes);
    for (line, in_block) in lines(block.bytes) {
        let (number, offset) = (block.first_line + count.total(), block.offset + in_block as u64);
        if line.is_empty() {
            count.blanks += 1;
            continue;
        }
        match split(line, &mut cells) {
            Ok(time) => {
                count.events += 1;
                sink.row(&Row { schema: schema(), number, offset, in_block, line, time: Some(time), cells: &cells });
            }
            Err(reason) => {
                count.rejected += 1;
                sink.reject(Reject { record: number, offset, reason });
            }
        }
    }
    count
}

fn split(line: &[u8], cells: &mut Vec<Cell>) -> Result<Utc, RejectReason> {
    cells.clear();
    if line.len() > LINE_BYTES_MAX {
        return Err(RejectReason::TooLong);
    }
    let mut start = 0;
    let line_end = line.strip_suffix(b",").unwrap_or(line).len();
    while start <= line_end && cells.len() < NAMES.len() {
        let rest = line.get(start..line_end).unwrap_or_default();
        let length = memchr::memchr(b',', rest).unwrap_or(rest.len());
        let blanks = rest.iter().take_while(|byte| **byte == b' ').count().min(length);
        let short = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        cells.push(Cell { start: short(start + blanks), end: short(start + length), doubled: false });
        start += length + 1;
    }
    let found = u32::try_from(cells.len()).unwrap_or(u32::MAX);
    if cells.len() < NAMES.len() {
        return Err(RejectReason::FieldCount { expected: 15, found });
    }
    let text = |column: usize| {
        let cell = cells.get(column).copied().unwrap_or_default();
        String::from_utf8_lossy(line.get(cell.start as usize..cell.end as usize).unwrap_or_default()).into_owned()
    };
    local_time(&text(2), &text(3)).ok_or(RejectReason::Time)
}

/// `03/20/01` and `7:55:20`: month first, as the format fixes it; two-digit years are 19xx from 90 on.
fn local_time(date: &str, time: &str) -> Option<Utc> {
    let mut parts = date.split('/').map(str::parse::<u32>);
    let (month, day, year) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let year = match year {
        0..=89 => 2000 + year,
        90..=99 => 1900 + year,
        full => full,
    };
    let mut clock = time.split(':').map(str::parse::<u32>);
    let clock = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    Utc::from_civil((i64::from(year), month, day), clock, 0)
}
