//! Logs that describe their own columns: IIS W3C and HTTPERR (blanks between cells) and all Exchange text logs (commas).
//!
//! Columns are bound by `#Fields` or by the plain header row, never by position, and may change inside a file. A line
//! that cannot be read is a counted reject; the next line starts afresh, so no burst of bad lines hides what follows.
//!
//! Formats: W3C Extended Log File Format as IIS writes it; RFC 4180 cells as Exchange writes them.

mod family;
mod header;
mod iis_native;
mod marks;
mod split;
mod swift;

use std::sync::Arc;

use model::{Cell, Reject, RejectReason, Row, Schema, Sink, Utc};

pub use header::{Dialect, Header};
pub use iis_native::read as read_iis_native;

use crate::block::{Block, Lines, lines};
use header::Columns;
use split::{Split, has_known_forms, split};

/// A longer line is a reject. The longest genuine ones (ActiveSync `Log=` values, exception texts) stay below 100 KiB.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// Reads the lines of a block. `header` holds what was in force before it and afterwards what is in force behind it.
pub fn read(block: &Block<'_>, header: &mut Header, sink: &mut dyn Sink) -> Lines {
    let mut reader = Reader { cells: Vec::with_capacity(128), at_end: !block.bytes.ends_with(b"\n") };
    let mut count = Lines::default();
    sink.block(block.bytes);
    let mut at = 0;
    // Ordinary records are read at one go, until something else comes.
    while at < block.bytes.len() {
        at = swift::read(block, at, header, &mut reader.cells, (&mut count, sink));
        let mut rest = lines(block.bytes.get(at..).unwrap_or_default());
        let Some((line, _)) = rest.next() else { break };
        reader.take(line, Place::of(block, at, &count), block, header, (&mut count, sink));
        at = rest.next().map_or(block.bytes.len(), |(_, next)| at + next);
    }
    count
}

/// Reads the lines of a block one by one. The slow and plain way to do the same as [`read`].
#[cfg(test)]
pub(crate) fn read_plainly(block: &Block<'_>, header: &mut Header, sink: &mut dyn Sink) -> Lines {
    let mut reader = Reader { cells: Vec::new(), at_end: !block.bytes.ends_with(b"\n") };
    let mut count = Lines::default();
    sink.block(block.bytes);
    for (line, in_block) in lines(block.bytes) {
        reader.take(line, Place::of(block, in_block, &count), block, header, (&mut count, sink));
    }
    count
}

enum LineIs {
    Event,
    Header,
    Blank,
}

#[derive(Clone, Copy)]
struct Place {
    number: u64,
    offset: u64,
    in_block: usize,
}

impl Place {
    /// Of the line that begins at this byte of a block, when the lines before it are counted.
    fn of(block: &Block<'_>, in_block: usize, count: &Lines) -> Self {
        Self { number: block.first_line + count.total(), offset: block.offset + in_block as u64, in_block }
    }
}

struct Reader {
    cells: Vec<Cell>,
    /// The block ends without a line end, as only the end of a file may.
    at_end: bool,
}

impl Reader {
    /// Reads a line, whatever it is, and counts it.
    fn take(
        &mut self,
        line: &[u8],
        place: Place,
        block: &Block<'_>,
        header: &mut Header,
        (count, sink): (&mut Lines, &mut dyn Sink),
    ) {
        match self.line(line, place, block.bytes, header, sink) {
            Ok(LineIs::Event) => count.events += 1,
            Ok(LineIs::Header) => count.headers += 1,
            Ok(LineIs::Blank) => count.blanks += 1,
            Err(reason) => {
                count.rejected += 1;
                sink.reject(Reject { record: place.number, offset: place.offset, reason });
            }
        }
    }

    fn line(
        &mut self,
        line: &[u8],
        place: Place,
        block: &[u8],
        header: &mut Header,
        sink: &mut dyn Sink,
    ) -> Result<LineIs, RejectReason> {
        let (line, skipped) = without_padding(line);
        match line.first() {
            None if skipped > 0 => return Err(RejectReason::Binary),
            None => return Ok(LineIs::Blank),
            Some(_) if line.len() > LINE_BYTES_MAX => return Err(RejectReason::TooLong),
            Some(_) => {}
        }
        if let Some(taken) = header.take(line) {
            return taken.map(|()| LineIs::Header);
        }
        let is_last = self.at_end && place.in_block + skipped + line.len() >= block.len();
        let (schema, time) = self.cells(line, header, is_last).map_err(|reason| match reason {
            RejectReason::FieldCount { .. } | RejectReason::Quoting if is_last => RejectReason::Truncated,
            other => other,
        })?;
        let in_block = place.in_block + skipped;
        let offset = place.offset + skipped as u64;
        sink.row(&Row { schema, number: place.number, offset, in_block, line, time, cells: &self.cells });
        Ok(LineIs::Event)
    }

    /// Splits a record and reads its time.
    fn cells<'h>(&mut self, line: &[u8], header: &'h Header, is_last: bool) -> Result<Timed<'h>, RejectReason> {
        let columns = header.columns.as_deref().ok_or(RejectReason::NoColumns)?;
        let (fits, read) = self.cells_as(line, columns, header);
        let beyond_doubt = fits && matches!(read, Ok((_, Some(_))));
        // What is left of a last record may fit anything.
        if beyond_doubt || header.earlier.is_empty() || is_last {
            return read;
        }
        let has_forms = read.is_ok() && columns.dialect == Dialect::Spaces && !columns.rigid.is_empty();
        if let Some(read) = self.cells_as_before(line, header, has_forms) {
            return Ok(read);
        }
        self.cells_as(line, columns, header).1
    }

    /// Also says whether there were as many cells as columns.
    fn cells_as<'h>(
        &mut self,
        line: &[u8],
        columns: &'h Columns,
        header: &Header,
    ) -> (bool, Result<Timed<'h>, RejectReason>) {
        let (fits, variant) = match split(line, columns, &mut self.cells) {
            Split::As(variant) => (true, variant),
            Split::Stretched(variant) => (false, variant),
            Split::Failed(reason) => return (false, Err(reason)),
        };
        let Some(schema) = columns.variants.get(variant) else { return (false, Err(RejectReason::NoColumns)) };
        let row = Row { schema, number: 0, offset: 0, in_block: 0, line, time: None, cells: &self.cells };
        (fits, columns.time(variant, &row, header.day).map(|time| (schema, time)))
    }

    /// Reads a record as one of the columns that were in force before, where it fits them beyond doubt: a time, and
    /// as many cells as columns or (W3C) all values of known form. `exactly`: the former in any case.
    fn cells_as_before<'h>(&mut self, line: &[u8], header: &'h Header, exactly: bool) -> Option<Timed<'h>> {
        header.earlier.iter().find_map(|columns| {
            let (fits, read) = self.cells_as(line, columns, header);
            let read = read.ok().filter(|(_, time)| time.is_some())?;
            let sure = match columns.dialect {
                Dialect::Commas => fits,
                Dialect::Spaces => {
                    (fits || !exactly)
                        && !columns.rigid.is_empty()
                        && has_known_forms(line, &self.cells, &columns.rigid)
                }
            };
            sure.then_some(read)
        })
    }
}

/// The reading of the columns by which a record was cut, and its time.
type Timed<'h> = (&'h Arc<Schema>, Option<Utc>);

/// IIS reserves space with NUL bytes; after a crash they stay in front of the next record.
fn without_padding(line: &[u8]) -> (&[u8], usize) {
    let skipped = line.iter().take_while(|byte| **byte == 0).count();
    let line = line.get(skipped..).unwrap_or_default();
    // A BOM in mid-file comes from files joined by hand.
    match line.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => (rest, skipped + 3),
        None => (line, skipped),
    }
}

#[cfg(test)]
mod tests;
