//! Windows event logs (EVTX), chunk by chunk from a stream, so that a caller can hash what is read in the same pass.
//!
//! A file is a header of 4 KiB and chunks of 64 KiB that stand for themselves: a damaged one costs itself, a damaged
//! record costs itself, and each is a counted reject. A [`Reader`] reads the chunks of one or of many logs: it keeps the
//! templates, compiled, so that most records are read without making anything but their texts (`plan`); the rest go
//! over a tree and JSON, which is also how a record is shown to a person (`tree`, `json`). Names and values are those
//! that the reader of JSON exports gives for the JSON of `evtx_dump`, whatever the way.
//!
//! Counting: `events` are records; `headers` the file header; `blanks` chunks of nothing but zeroes, which Windows
//! reserves; `rejected` whatever could not be read, and once per chunk whose checksums are not those of its content:
//! its records come all the same, since a log copied from a running system has stale ones.
//!
//! Format: Joachim Metz, "Windows XML Event Log (EVTX) format" (libevtx).

mod budget;
mod chunk;
mod cursor;
mod definitions;
mod fields;
mod json;
mod plan;
mod reader;
mod tree;
mod value;

use std::io::{self, Read};

use model::{Reject, RejectReason, Sink};

pub use budget::{CHUNK_NODES_MAX, CHUNK_TEXT_BYTES_MAX, RECORD_NODES_MAX, RECORD_TEXT_BYTES_MAX};
pub use reader::Reader;

use crate::block::Lines;

/// Size of the file header.
pub const HEADER_BYTES: usize = 4_096;
/// Size of a chunk.
pub const CHUNK_BYTES: usize = 65_536;

const FILE_MAGIC: &[u8; 8] = b"ElfFile\0";
const CHUNK_MAGIC: &[u8; 8] = b"ElfChnk\0";

/// Is this the begin of an event log, or of a chunk that lost its file?
#[must_use]
pub fn is_event_log(head: &[u8]) -> bool {
    head.starts_with(FILE_MAGIC) || head.starts_with(CHUNK_MAGIC)
}

/// Reads a log to the end of the stream. What is damaged becomes rejects; an error of the stream itself is handed back
/// beside all that was read before it.
pub fn read(source: &mut dyn Read, sink: &mut dyn Sink) -> (Lines, io::Result<()>) {
    let mut count = Lines::default();
    let outcome = read_chunks(source, &mut count, sink);
    (count, outcome)
}

fn read_chunks(source: &mut dyn Read, count: &mut Lines, sink: &mut dyn Sink) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(CHUNK_BYTES);
    let mut reader = Reader::default();
    fill(source, &mut buffer, HEADER_BYTES)?;
    let mut offset = 0;
    // A carved log can begin with a chunk.
    if !buffer.starts_with(CHUNK_MAGIC) {
        *count += read_header(&buffer, sink);
        offset = buffer.len() as u64;
        buffer.clear();
    }
    loop {
        let outcome = fill(source, &mut buffer, CHUNK_BYTES);
        if !buffer.is_empty() {
            *count += reader.chunk(&buffer, offset, sink);
        }
        outcome?;
        if buffer.len() < CHUNK_BYTES {
            return Ok(());
        }
        offset += buffer.len() as u64;
        buffer.clear();
    }
}

/// Fills the buffer up to `length`, less at the end of the stream.
fn fill(source: &mut dyn Read, buffer: &mut Vec<u8>, length: usize) -> io::Result<()> {
    let missing = length.saturating_sub(buffer.len()) as u64;
    source.take(missing).read_to_end(buffer).map(|_| ())
}

/// Reads one chunk that stands by itself; see [`Reader::chunk`].
pub fn read_chunk(bytes: &[u8], offset: u64, sink: &mut dyn Sink) -> Lines {
    Reader::default().chunk(bytes, offset, sink)
}

/// Checks the file header. Chunks stand at fixed places behind it, so a damaged header costs nothing but itself.
pub fn read_header(bytes: &[u8], sink: &mut dyn Sink) -> Lines {
    let reason = match bytes {
        [] => return Lines::default(),
        _ if bytes.starts_with(FILE_MAGIC) && bytes.len() >= HEADER_BYTES => {
            return Lines { headers: 1, ..Lines::default() };
        }
        _ if bytes.starts_with(FILE_MAGIC) => RejectReason::Truncated,
        _ => RejectReason::Damaged("the file header is not that of an event log"),
    };
    sink.reject(Reject { record: 0, offset: 0, reason });
    Lines { rejected: 1, ..Lines::default() }
}

#[cfg(test)]
mod tests;
