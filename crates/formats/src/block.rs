//! A stretch of a line-based file, and the count of what its lines turned out to be.
//!
//! The caller may cut a file at any line ends and read the pieces in any order: every reader gives the same events,
//! rejects and counts for the pieces as for the whole. So nothing here, and no reader, remembers anything between two
//! blocks that the caller did not hand over.

use std::ops::AddAssign;

/// A stretch of a file: whole lines, except that the last line of the file may lack its line end.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Offset in the file of the first byte.
    pub offset: u64,
    /// Number of the first line, from 1.
    pub first_line: u64,
}

impl<'a> Block<'a> {
    /// A whole file as one block.
    #[must_use]
    pub fn whole(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0, first_line: 1 }
    }
}

/// What the lines of a block were. The sum is the number of physical lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Lines (or records of a binary log) that are events.
    pub events: u64,
    /// Directives, header rows, brackets around a list, and the lines of a pretty-printed object before its last.
    pub headers: u64,
    /// Lines without content.
    pub blanks: u64,
    /// Lines that are none of these; each was handed to the sink with its reason.
    pub rejected: u64,
}

impl Lines {
    /// All physical lines.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.events + self.headers + self.blanks + self.rejected
    }
}

impl AddAssign for Lines {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.headers += other.headers;
        self.blanks += other.blanks;
        self.rejected += other.rejected;
    }
}

/// The physical lines of a block: each without its line end (LF or CRLF), with the offset of its first byte in the
/// block. A last line without line end counts; the nothing after a last line end does not.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = (&[u8], usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let offset = at;
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        at = offset.saturating_add(length).saturating_add(1);
        let line = rest.get(..length).unwrap_or_default();
        Some((line.strip_suffix(b"\r").unwrap_or(line), offset))
    })
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn takes_line_ends_off_and_counts_the_last_line() {
        let found: Vec<_> = lines(b"a\r\n\nb\rc\n\r\nd").collect();
        let expected: [(&[u8], usize); 5] = [(b"a", 0), (b"", 3), (b"b\rc", 4), (b"", 8), (b"d", 10)];
        assert_eq!(found, expected);
    }

    #[test]
    fn nothing_follows_the_last_line_end() {
        assert_eq!(lines(b"").count(), 0);
        assert_eq!(lines(b"a\n").count(), 1);
        assert_eq!(lines(b"a\n\n").count(), 2);
    }
}
