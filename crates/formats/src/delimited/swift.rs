//! The way nearly all records take: cells, line end and time found in one go over the bytes.
//!
//! A record goes this way if it leaves no question open: it begins like no header, has as many cells as columns, no
//! quotes, and a time. Whatever else comes is left to the reader of single lines, which reads these records alike.

use model::{Cell, Row, Sink};

use super::header::{Dialect, Header, may_be_header};
use super::marks::Marks;
use super::split::cell;
use super::{LINE_BYTES_MAX, Place};
use crate::block::{Block, Lines};

/// Reads records from a line start on, as long as each is beyond doubt. Returns where the first stands that is not.
pub fn read(
    block: &Block<'_>,
    from: usize,
    header: &Header,
    cells: &mut Vec<Cell>,
    (count, sink): (&mut Lines, &mut dyn Sink),
) -> usize {
    let Some(columns) = header.columns.as_deref() else { return from };
    // The first reading of the columns is the only one, or the one that is tried first.
    let Some(schema) = columns.variants.first() else { return from };
    let (separator, wanted) = match columns.dialect {
        Dialect::Spaces => (b' ', *b" \n\n"),
        Dialect::Commas => (b',', *b",\"\n"),
    };
    let text = block.bytes.get(from..).unwrap_or_default();
    let mut marks = Marks::new(text, wanted);
    let mut start = 0;
    loop {
        if may_be_header(text.get(start..).unwrap_or_default()) {
            return from + start;
        }
        let expected = (separator, schema.names.len());
        let Some(end) = cut(text, start, expected, &mut marks, cells) else { return from + start };
        let line = without_return(text.get(start..end).unwrap_or_default(), cells);
        if line.is_empty() || line.len() > LINE_BYTES_MAX {
            return from + start;
        }
        let place = Place::of(block, from + start, count);
        let Place { number, offset, in_block } = place;
        let mut row = Row { schema, number, offset, in_block, line, time: None, cells };
        let Ok(Some(time)) = columns.time(0, &row, header.day) else { return from + start };
        row.time = Some(time);
        sink.row(&row);
        count.events += 1;
        start = end + 1;
    }
}

/// Cuts the line that begins at `start`, and returns where it ends. `None`: it has quotes, no end, or another number of
/// cells than columns.
fn cut(
    text: &[u8],
    start: usize,
    (separator, columns): (u8, usize),
    marks: &mut Marks<'_>,
    cells: &mut Vec<Cell>,
) -> Option<usize> {
    cells.clear();
    let mut begin = start;
    while cells.len() < columns {
        let at = marks.next()?;
        let mark = *text.get(at)?;
        cells.push(cell(begin - start, at - start, false));
        if mark != separator {
            return (mark == b'\n' && cells.len() == columns).then_some(at);
        }
        begin = at + 1;
    }
    None
}

/// A line without its carriage return, which belongs to the line end.
fn without_return<'l>(line: &'l [u8], cells: &mut [Cell]) -> &'l [u8] {
    let Some(without) = line.strip_suffix(b"\r") else { return line };
    if let Some(last) = cells.last_mut() {
        // The last cell ends where the line does.
        last.end -= 1;
    }
    without
}
