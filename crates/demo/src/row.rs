//! One record of a comma-separated log, written straight into the buffer of its file.

use crate::random::Guid;
use crate::time::Time;

/// Writes the cells of a record in their order.
pub(crate) struct Row<'a> {
    out: &'a mut Vec<u8>,
    cells: usize,
}

impl<'a> Row<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, cells: 0 }
    }

    /// Begins the next cell and hands out the buffer for it. What is written there must not need quotes.
    pub(crate) fn cell(&mut self) -> &mut Vec<u8> {
        if self.cells > 0 {
            self.out.push(b',');
        }
        self.cells += 1;
        self.out
    }

    /// A value of which it is known that it holds neither comma nor quote.
    pub(crate) fn plain(&mut self, value: &str) -> &mut Self {
        self.cell().extend_from_slice(value.as_bytes());
        self
    }

    /// Any value, quoted after RFC 4180 where it must be.
    pub(crate) fn text(&mut self, value: &str) -> &mut Self {
        let out = self.cell();
        if !value.bytes().any(|byte| matches!(byte, b',' | b'"')) {
            out.extend_from_slice(value.as_bytes());
            return self;
        }
        out.push(b'"');
        for byte in value.bytes() {
            if byte == b'"' {
                out.push(b'"');
            }
            out.push(byte);
        }
        out.push(b'"');
        self
    }

    pub(crate) fn number(&mut self, value: i64) -> &mut Self {
        push_number(self.cell(), value);
        self
    }

    pub(crate) fn numbers(&mut self, values: &[i64]) -> &mut Self {
        for value in values {
            self.number(*value);
        }
        self
    }

    pub(crate) fn time(&mut self, value: Time) -> &mut Self {
        value.push_iso(self.cell());
        self
    }

    pub(crate) fn guid(&mut self, value: Guid) -> &mut Self {
        value.push(self.cell());
        self
    }

    /// Empty cells.
    pub(crate) fn empty(&mut self, count: usize) -> &mut Self {
        for _ in 0..count {
            self.cell();
        }
        self
    }

    /// Ends the record, of which the log has `columns`.
    pub(crate) fn end(&mut self, columns: usize) {
        debug_assert_eq!(self.cells, columns, "cells of a record");
        self.out.extend_from_slice(b"\r\n");
    }
}

/// Decimal digits.
pub(crate) fn push_number(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_only_where_it_must() {
        let mut out = Vec::new();
        Row::new(&mut out).text("a b").text("a,b").text("say \"x\"").number(-70).empty(2).end(6);
        assert_eq!(String::from_utf8(out).unwrap(), "a b,\"a,b\",\"say \"\"x\"\"\",-70,,\r\n");
    }
}
