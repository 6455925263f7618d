//! The table of files of an NTFS volume (`$MFT`), record by record.
//!
//! A record has a fixed size, so the table can be cut anywhere between two of them and its pieces read side by side. A
//! record names its folder by number, and that folder can stand anywhere: paths are put together by whoever has seen
//! all records. Nothing is remembered between two records, nothing is allocated by a size that a record states, and a
//! record that is damaged is a reject; what was read of it before the damage is handed on all the same.
//!
//! Facts: the on-disk structures as documented by the Linux-NTFS project and in Microsoft's open specifications.

mod record;

use model::{Reject, RejectReason, Sink};

use crate::block::{Block, Lines};
pub use record::{CONTENT_BYTES_MAX, NAMES_MAX, STREAMS_MAX};
use record::{Found, read_record};

/// Bytes of a record on nearly all volumes.
const RECORD_BYTES: usize = 1_024;
/// Bytes of a record on volumes with sectors of 4,096 bytes.
const RECORD_BYTES_LARGE: usize = 4_096;

/// Bytes of a record, as the first of them says.
#[must_use]
pub fn record_bytes(head: &[u8]) -> usize {
    let stated = head.get(0x1C..0x20).and_then(<[u8]>::first_chunk).map(|bytes| u32::from_le_bytes(*bytes));
    if stated == Some(4_096) { RECORD_BYTES_LARGE } else { RECORD_BYTES }
}

/// Reads a block of whole records; the last of the file may be cut off. `wanted` says of which names of
/// files and streams records are wanted: of others nothing is made. Folders always are. Records count as events where they are of files or folders, as headers where they
/// continue another record or have no name, as blanks where they were never used.
pub fn read(
    block: &Block<'_>,
    record_bytes: usize,
    wanted: &dyn Fn(&str) -> bool,
    found: &mut dyn FnMut(model::listing::TableRecord),
    sink: &mut dyn Sink,
) -> Lines {
    let mut count = Lines::default();
    let size = record_bytes.max(RECORD_BYTES);
    let mut offset = block.offset;
    for bytes in block.bytes.chunks(size) {
        let number = offset / size as u64;
        let reject = |reason| Reject { record: number, offset, reason };
        if bytes.len() < size {
            count.rejected += 1;
            sink.reject(reject(RejectReason::Truncated));
            break;
        }
        match read_record(bytes, number, wanted) {
            Found::Blank => count.blanks += 1,
            Found::Nameless => count.headers += 1,
            Found::Other => count.events += 1,
            Found::Record(record) => {
                count.events += u64::from(record.base.is_none());
                count.headers += u64::from(record.base.is_some());
                found(*record);
            }
            Found::Damaged(why, record) => {
                count.rejected += 1;
                sink.reject(reject(RejectReason::Damaged(why)));
                record.into_iter().for_each(|record| found(*record));
            }
        }
        offset += size as u64;
    }
    count
}

#[cfg(test)]
mod tests;
