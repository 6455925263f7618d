//! The templates seen so far, compiled.
//!
//! Every chunk holds the definitions that its records use, so the same ones come again in each. Their bytes differ in
//! where names stand; a definition is known again when GUID, size, all other bytes and the names are the same. What is
//! kept changes how fast a log is read, never what is read.

use std::collections::HashMap;
use std::sync::Arc;

use super::budget::Budget;
use super::cursor::{Cursor, Result};
use super::plan::Plan;
use super::tree::{Builder, DEFINITION_HEADER_BYTES, NAME_LINK_BYTES, name_at};

/// Definitions kept. The servers of one organisation have some hundreds.
const KNOWN_MAX: usize = 4_096;
/// Bytes of definitions kept.
const KNOWN_BYTES_MAX: usize = 32 << 20;
/// Definitions with the same GUID and size: which names a chunk holds already changes their layout.
const VARIANTS_MAX: usize = 32;

/// The compiled templates.
#[derive(Debug, Default)]
pub struct Definitions {
    /// Of this chunk, by offset.
    here: Vec<(usize, Arc<Plan>)>,
    known: HashMap<Key, Vec<Known>>,
    count: usize,
    bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    guid: [u8; 16],
    size: usize,
}

#[derive(Debug)]
struct Known {
    body: Box<[u8]>,
    names: Vec<Name>,
    plan: Arc<Plan>,
}

/// A reference to a name in a definition.
#[derive(Debug)]
struct Name {
    /// Where in the body.
    at: usize,
    /// The name follows right behind.
    is_here: bool,
    /// Hash, length and text.
    bytes: Box<[u8]>,
}

impl Definitions {
    /// Forgets where the definitions of the chunk before stood.
    pub fn begin_chunk(&mut self) {
        self.here.clear();
    }

    /// The plan of the definition at `offset`.
    pub fn plan(&mut self, chunk: &[u8], offset: usize, budget: &mut Budget) -> Result<Arc<Plan>> {
        if let Some((_, plan)) = self.here.iter().find(|(at, _)| *at == offset) {
            return Ok(Arc::clone(plan));
        }
        let mut cursor = Cursor::new(chunk, offset, chunk.len());
        cursor.take(NAME_LINK_BYTES)?;
        let guid = *cursor.take(16)?.first_chunk().unwrap_or(&[0; 16]);
        let key = Key { guid, size: cursor.size()? };
        let start = offset + DEFINITION_HEADER_BYTES;
        let body = cursor.take(key.size)?;
        let known = self.known.get(&key).and_then(|known| known.iter().find(|known| known.is_at(start, body, chunk)));
        let plan = match known {
            Some(known) => Arc::clone(&known.plan),
            None => self.compile(chunk, offset, key, body, budget)?,
        };
        self.here.push((offset, Arc::clone(&plan)));
        Ok(plan)
    }

    fn compile(
        &mut self,
        chunk: &[u8],
        offset: usize,
        key: Key,
        body: &[u8],
        budget: &mut Budget,
    ) -> Result<Arc<Plan>> {
        let mut builder = Builder::new(chunk, budget);
        let root = builder.definition(offset, 0)?;
        let plan = Arc::new(Plan::of(&root));
        let start = offset + DEFINITION_HEADER_BYTES;
        let names = builder.names.iter().map(|site| {
            let bytes = name_at(chunk, site.name).ok()?.into();
            Some(Name { at: site.at.checked_sub(start)?, is_here: site.name == site.at + 4, bytes })
        });
        if let Some(names) = names.collect::<Option<Vec<_>>>()
            && !builder.has_inner_stream
        {
            self.keep(key, Known { body: body.into(), names, plan: Arc::clone(&plan) });
        }
        Ok(plan)
    }

    fn keep(&mut self, key: Key, known: Known) {
        if self.count >= KNOWN_MAX || self.bytes >= KNOWN_BYTES_MAX {
            self.known.clear();
            (self.count, self.bytes) = (0, 0);
        }
        let variants = self.known.entry(key).or_default();
        if variants.len() < VARIANTS_MAX {
            self.count += 1;
            self.bytes += known.body.len() * 2;
            variants.push(known);
        }
    }
}

impl Known {
    /// Is this what stands at `start` of the chunk?
    fn is_at(&self, start: usize, body: &[u8], chunk: &[u8]) -> bool {
        let mut from = 0;
        for name in &self.names {
            let reference = body.get(name.at..).and_then(<[u8]>::first_chunk).map(|bytes| u32::from_le_bytes(*bytes));
            let Some(offset) = reference.and_then(|offset| usize::try_from(offset).ok()) else { return false };
            let begin = offset.saturating_add(NAME_LINK_BYTES);
            let is_same = body.get(from..name.at) == self.body.get(from..name.at)
                && (offset == start + name.at + 4) == name.is_here
                && chunk.get(begin..begin.saturating_add(name.bytes.len())) == Some(&*name.bytes);
            if !is_same {
                return false;
            }
            // The link to the next name is the chunk's own.
            from = name.at + if name.is_here { 4 + NAME_LINK_BYTES } else { 4 };
        }
        body.get(from..) == self.body.get(from..)
    }
}
