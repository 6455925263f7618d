//! What one chunk may cost. A chunk is 64 KiB, but a template can name one value a thousand times, and values repeat
//! elements; without a bound, one crafted chunk would fill memory.

use super::cursor::{Flaw, Result};

/// Text made of one record.
pub const RECORD_TEXT_BYTES_MAX: usize = 4 << 20;
/// Tokens read and nodes made for one record.
pub const RECORD_NODES_MAX: usize = 1 << 17;
/// Text made of one chunk; genuine chunks stay below 1 MiB.
pub const CHUNK_TEXT_BYTES_MAX: usize = 16 << 20;
/// Tokens read and nodes made for one chunk.
pub const CHUNK_NODES_MAX: usize = 1 << 20;

/// What may still be spent.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    nodes: usize,
    text: usize,
}

impl Budget {
    pub fn of_chunk() -> Self {
        Self { nodes: CHUNK_NODES_MAX, text: CHUNK_TEXT_BYTES_MAX }
    }

    /// What a record may spend of it.
    pub fn of_record(&self) -> Self {
        Self { nodes: self.nodes.min(RECORD_NODES_MAX), text: self.text.min(RECORD_TEXT_BYTES_MAX) }
    }

    /// Takes off what a record spent, which began with `before` and has `after` left.
    pub fn settle(&mut self, before: &Self, after: &Self) {
        self.nodes = self.nodes.saturating_sub(before.nodes.saturating_sub(after.nodes));
        self.text = self.text.saturating_sub(before.text.saturating_sub(after.text));
    }

    pub fn spend(&mut self, nodes: usize, text: usize) -> Result<()> {
        match (self.nodes.checked_sub(nodes), self.text.checked_sub(text)) {
            (Some(nodes), Some(text)) => {
                *self = Self { nodes, text };
                Ok(())
            }
            // Nothing is left, so that what comes next in the record does not try again.
            _ => {
                *self = Self { nodes: 0, text: 0 };
                Err(Flaw::TooMuch)
            }
        }
    }
}
