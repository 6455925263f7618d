//! Objects written over many lines, as `ConvertTo-Json` writes them by default: which lines belong to one object.
//!
//! An object starts at a line that is a brace alone and ends at the closing brace as far to the right; what stands
//! between is indented further. Indentation and not the count of braces decides, so that a lost quote or brace costs
//! one object and never the rest of the file. This looks at lines only; what an object says is read elsewhere.

use super::trimmed;
use crate::block::lines;

/// A longer object is a reject: a record of an event log is at most 64 KiB, which escapes and indentation multiply.
pub const OBJECT_BYTES_MAX: usize = 1 << 20;

/// The state of a JSON export at a line end: the object that is not closed yet, if there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub(super) open: Option<Object>,
}

/// An object that has been opened, and what earlier blocks hold of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// Blanks in front of its opening brace.
    indent: usize,
    /// Its text in earlier blocks; dropped once it is too long.
    text: Vec<u8>,
    /// Bytes in earlier blocks.
    pub bytes_before: u64,
    /// Lines in earlier blocks.
    pub lines_before: u64,
}

/// What a line is to the objects around it.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// No object is open: the line stands for itself.
    Alone,
    /// An object begins. The one that was open has no end and is damaged.
    Opens(Option<Object>),
    /// The line belongs to the open object.
    Inside,
    /// The last line of the object.
    Closes(Object),
    /// The line cannot belong to the open object, which is therefore damaged.
    Breaks(Object),
}

impl Header {
    /// Is an object open here? At the end of a file that means that the file is cut.
    #[must_use]
    pub fn is_inside_object(&self) -> bool {
        self.open.is_some()
    }

    /// Moves on over a block without reading its records.
    pub fn advance(&mut self, block: &[u8]) {
        let mut start = 0;
        for (line, at) in lines(block) {
            if let Step::Opens(_) = self.step(line) {
                start = at;
            }
        }
        self.carry(block.get(start..).unwrap_or_default());
    }

    /// Takes the next line.
    pub(super) fn step(&mut self, line: &[u8]) -> Step {
        let opens = trimmed(line) == b"{";
        if self.open.is_none() && !opens {
            return Step::Alone;
        }
        let indent = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let text = line.trim_ascii();
        // Windows PowerShell writes an empty line into empty objects and lists.
        if self.open.as_ref().is_some_and(|object| text.is_empty() || indent > object.indent) {
            return Step::Inside;
        }
        let opened = opens.then(|| Object { indent, ..Object::default() });
        match (std::mem::replace(&mut self.open, opened), text) {
            (Some(object), b"}" | b"}," | b"}]") if object.indent == indent => Step::Closes(object),
            (broken, _) if opens => Step::Opens(broken),
            (Some(broken), _) => Step::Breaks(broken),
            (None, _) => Step::Alone,
        }
    }

    /// Keeps the text of the open object, which begins the bytes, for the blocks that follow.
    pub(super) fn carry(&mut self, text: &[u8]) {
        let Some(object) = &mut self.open else { return };
        object.bytes_before += text.len() as u64;
        object.lines_before += memchr::memchr_iter(b'\n', text).count() as u64;
        if object.bytes_before <= OBJECT_BYTES_MAX as u64 {
            object.text.extend_from_slice(text);
        } else {
            object.text = Vec::new();
        }
    }
}

impl Object {
    /// The whole object, with its last part, which stands in the current block. `None` if it is too long.
    pub fn whole<'a>(&'a mut self, last: &'a [u8]) -> Option<&'a [u8]> {
        if self.bytes_before + last.len() as u64 > OBJECT_BYTES_MAX as u64 {
            return None;
        }
        if self.text.is_empty() {
            return Some(last);
        }
        self.text.extend_from_slice(last);
        Some(&self.text)
    }
}
