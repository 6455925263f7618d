//! Cutting a record into cells.

use std::sync::Arc;

use memchr::{memchr, memchr_iter};
use model::{Cell, RejectReason, Schema};

use super::header::{Columns, Dialect, Form};

/// How a record was cut: as which reading of the columns, or why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Split {
    /// As many cells as columns.
    As(usize),
    /// More cells than columns, made to fit.
    Stretched(usize),
    Failed(RejectReason),
}

/// Cuts a record as these columns say.
pub fn split(line: &[u8], columns: &Columns, cells: &mut Vec<Cell>) -> Split {
    match columns.dialect {
        Dialect::Spaces => split_spaces(line, columns, cells),
        Dialect::Commas => split_commas(line, &columns.variants, cells),
    }
}

/// Cuts at commas outside quotes. More cells than columns are taken as columns that a newer build appended.
fn split_commas(line: &[u8], variants: &[Arc<Schema>], cells: &mut Vec<Cell>) -> Split {
    if cut_quoted(line, cells).is_none() {
        // A quote that never closes: what was written is no RFC 4180, so quotes mean nothing in it.
        cut_at(line, b',', cells);
        return match fitting(cells.len(), variants) {
            Some(variant) => Split::As(variant),
            None => Split::Failed(RejectReason::Quoting),
        };
    }
    if let Some(variant) = fitting(cells.len(), variants) {
        return Split::As(variant);
    }
    let expected = variants.first().map_or(0, |schema| schema.names.len());
    if cells.len() > expected && variants.len() == 1 {
        cells.truncate(expected);
        return Split::Stretched(0);
    }
    Split::Failed(field_count(expected, cells.len()))
}

/// Cuts at single blanks. An empty value can be two blanks in a row. Where a value itself holds blanks (Exchange
/// appends latency texts to the query), the columns to its right are counted from the end, and the cut stands only if
/// every column of known form has that form.
fn split_spaces(line: &[u8], columns: &Columns, cells: &mut Vec<Cell>) -> Split {
    cut_at(line, b' ', cells);
    let Some(schema) = columns.variants.first() else {
        return Split::Failed(RejectReason::NoColumns);
    };
    let expected = schema.names.len();
    if cells.len() == expected + 1 && cells.last().is_some_and(|cell| cell.start == cell.end) {
        cells.pop();
    }
    if cells.len() == expected {
        return Split::As(0);
    }
    let found = cells.len();
    if found < expected {
        return Split::Failed(field_count(expected, found));
    }
    let surplus = found - expected;
    for at in &columns.elastic {
        let joined = join_cells(cells, *at, surplus);
        if has_known_forms(line, &joined, &columns.rigid) {
            *cells = joined;
            return Split::Stretched(0);
        }
    }
    Split::Failed(field_count(expected, found))
}

fn field_count(expected: usize, found: usize) -> RejectReason {
    let short = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    RejectReason::FieldCount { expected: short(expected), found: short(found) }
}

fn fitting(found: usize, variants: &[Arc<Schema>]) -> Option<usize> {
    variants.iter().position(|schema| schema.names.len() == found)
}

/// Lines are no longer than `LINE_BYTES_MAX`, so positions fit.
pub fn cell(start: usize, end: usize, doubled: bool) -> Cell {
    Cell { start: start as u32, end: end as u32, doubled }
}

fn cut_at(line: &[u8], separator: u8, cells: &mut Vec<Cell>) {
    cells.clear();
    let mut start = 0;
    for at in memchr_iter(separator, line) {
        cells.push(cell(start, at, false));
        start = at + 1;
    }
    cells.push(cell(start, line.len(), false));
}

/// `None` when a quote does not close.
fn cut_quoted(line: &[u8], cells: &mut Vec<Cell>) -> Option<()> {
    cells.clear();
    let mut start = 0;
    while let Some(first) = line.get(start) {
        let end = match first {
            // Most cells of an Exchange log are empty.
            b',' => start,
            b'"' => {
                let (end, doubled) = closing_quote(line, start + 1)?;
                cells.push(cell(start + 1, end, doubled));
                match line.get(end + 1) {
                    None => return Some(()),
                    Some(b',') => start = end + 2,
                    // Text behind the closing quote: not RFC 4180.
                    Some(_) => return None,
                }
                continue;
            }
            _ => match memchr(b',', line.get(start..)?) {
                Some(length) => start + length,
                None => break,
            },
        };
        cells.push(cell(start, end, false));
        start = end + 1;
    }
    // The last cell: also behind a comma at the end of the line stands one, an empty one.
    cells.push(cell(start, line.len(), false));
    Some(())
}

/// The position of the quote that ends the value starting at `from`, and whether quotes are doubled inside.
fn closing_quote(line: &[u8], from: usize) -> Option<(usize, bool)> {
    let mut at = from;
    let mut doubled = false;
    loop {
        at += memchr(b'"', line.get(at..)?)?;
        if line.get(at + 1) != Some(&b'"') {
            return Some((at, doubled));
        }
        doubled = true;
        at += 2;
    }
}

/// The cells with `surplus + 1` of them from `at` on made one. Empty ones at its edges are the blanks of an empty value
/// next to it, not part of it.
fn join_cells(cells: &[Cell], at: usize, surplus: usize) -> Vec<Cell> {
    let mut joined = Vec::with_capacity(cells.len() - surplus);
    joined.extend_from_slice(cells.get(..at).unwrap_or_default());
    let group = cells.get(at..=at + surplus).unwrap_or_default();
    let mut filled = group.iter().filter(|cell| cell.start < cell.end);
    if let Some(first) = filled.next() {
        let last = filled.next_back().unwrap_or(first);
        joined.push(Cell { start: first.start, end: last.end, doubled: false });
    } else {
        joined.extend(group.first());
    }
    joined.extend_from_slice(cells.get(at + surplus + 1..).unwrap_or_default());
    joined
}

pub fn has_known_forms(line: &[u8], cells: &[Cell], rigid: &[(usize, Form)]) -> bool {
    rigid.iter().all(|(column, form)| {
        let Some(value) = cells.get(*column).and_then(|cell| line.get(cell.start as usize..cell.end as usize)) else {
            return false;
        };
        match form {
            _ if value == b"-" => true,
            Form::Number => !value.is_empty() && value.len() <= 12 && value.iter().all(u8::is_ascii_digit),
            Form::Address => {
                value.len() <= 64
                    && value.iter().any(|byte| matches!(byte, b'.' | b':'))
                    && value.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':' | b'%'))
            }
        }
    })
}
