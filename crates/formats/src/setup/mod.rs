//! ExchangeSetup.log: `[MM/dd/yyyy HH:mm:ss.0fff] [level] text`, in UTC.
//!
//! The bracketed time is UTC whatever the zone of the server (lines that quote a local time beside it show it), and its
//! fraction is the millisecond padded to four digits. Lines without stamp continue the text before them; they are rows
//! of their own, without time and level, so that nothing is dropped and a file can be cut at any line end.
//!
//! Source: setup logs in the tests of microsoft/CSS-Exchange.

mod facts;

use std::sync::{Arc, OnceLock};

use model::{Cell, Family, Reject, RejectReason, Row, Schema, Sink, Utc};

use crate::block::{Block, Lines, lines};

pub use facts::{SetupFact, fact};

/// A longer line is a reject.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// The columns: `time`, `level`, `text`.
#[must_use]
pub fn schema() -> &'static Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let names = vec!["time".into(), "level".into(), "text".into()];
        Arc::new(Schema { family: Family::Setup, log_type: "".into(), version: None, names })
    })
}

/// The column of the text in [`schema`].
pub const TEXT: usize = 2;

/// Reads the lines of a block.
pub fn read(block: &Block<'_>, sink: &mut dyn Sink) -> Lines {
    let mut count = Lines::default();
    sink.block(block.bytes);
    for (line, in_block) in lines(block.bytes) {
        let (number, offset) = (block.first_line + count.total(), block.offset + in_block as u64);
        if line.trim_ascii().is_empty() {
            count.blanks += 1;
            continue;
        }
        match cells(line) {
            Ok((time, cells)) => {
                count.events += 1;
                sink.row(&Row { schema: schema(), number, offset, in_block, line, time, cells: &cells });
            }
            Err(reason) => {
                count.rejected += 1;
                sink.reject(Reject { record: number, offset, reason });
            }
        }
    }
    count
}

/// Does this line carry the stamp of the setup log? For telling what a file is.
#[must_use]
pub fn is_record(line: &[u8]) -> bool {
    Stamp::of(line).is_some_and(|stamp| stamp.time.is_some())
}

fn cells(line: &[u8]) -> Result<(Option<Utc>, [Cell; 3]), RejectReason> {
    if line.len() > LINE_BYTES_MAX {
        return Err(RejectReason::TooLong);
    }
    if line.iter().all(|byte| *byte == 0) {
        return Err(RejectReason::Binary);
    }
    let Some(stamp) = Stamp::of(line) else {
        return Ok((None, [Cell::default(), Cell::default(), cell(0, line.len())]));
    };
    let time = stamp.time.ok_or(RejectReason::Time)?;
    Ok((Some(time), [cell(1, TIME_END), cell(stamp.level.0, stamp.level.1), cell(stamp.text, line.len())]))
}

/// `line` is no longer than [`LINE_BYTES_MAX`], so positions fit.
fn cell(start: usize, end: usize) -> Cell {
    let short = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Cell { start: short(start.min(end)), end: short(end), doubled: false }
}

/// The form of `[03/09/2021 01:19:06.0304] [`; `0` stands for any digit.
const FORM: &[u8] = b"[00/00/0000 00:00:00.0000] [";
/// Where the closing bracket of the time stands.
const TIME_END: usize = 25;
/// More digits are no nesting level.
const LEVEL_DIGITS_MAX: usize = 4;

/// What stands in front of the text of a line.
struct Stamp {
    /// `None` when it has the form but no such time exists.
    time: Option<Utc>,
    level: (usize, usize),
    text: usize,
}

impl Stamp {
    fn of(line: &[u8]) -> Option<Self> {
        let head = line.get(..FORM.len())?;
        let fits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
        if !head.iter().zip(FORM).all(fits) {
            return None;
        }
        let rest = line.get(FORM.len()..)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || digits > LEVEL_DIGITS_MAX || rest.get(digits) != Some(&b']') {
            return None;
        }
        let level = (FORM.len(), FORM.len() + digits);
        let behind = level.1 + 1;
        let text = behind + usize::from(line.get(behind) == Some(&b' '));
        Some(Self { time: time(head), level, text })
    }
}

fn time(head: &[u8]) -> Option<Utc> {
    let number = |from: usize, to: usize| {
        let digits = head.get(from..to).unwrap_or_default();
        digits.iter().fold(0, |value: u32, digit| value * 10 + u32::from(digit.wrapping_sub(b'0')))
    };
    let date = (i64::from(number(7, 11)), number(1, 3), number(4, 6));
    Utc::from_civil(date, (number(12, 14), number(15, 17), number(18, 20)), number(21, 25) * 1_000)
}

#[cfg(test)]
mod tests;
