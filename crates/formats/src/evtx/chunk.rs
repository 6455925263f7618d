//! One chunk of an event log.
//!
//! The `evtx` crate walks and renders the records. It is wrapped in `catch_unwind`: it promises no panics, but indexes
//! slices by numbers from the file, and one hostile chunk must not cost the others. Only its own work runs inside; the
//! sink never does. Its render budget bounds time and memory per chunk, and ours bounds what is kept. A hang cannot be
//! caught here; the caller's limits on the worker are for that.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use evtx::err::EvtxError;
use evtx::{EvtxChunkData, ParserSettings};
use model::{Reject, RejectReason, Sink, Utc};

use super::CHUNK_MAGIC;
use crate::block::Lines;
use crate::jsonl;

/// A record takes 28 bytes or more of 64 KiB.
pub const RECORDS_PER_CHUNK_MAX: usize = 2_400;
/// Rendered records of one chunk; genuine chunks stay below 1 MiB.
pub const RENDERED_BYTES_MAX: usize = 64 << 20;

/// Bytes of the chunk header.
const CHUNK_HEADER_BYTES: usize = 512;
const RECORD_MAGIC: &[u8; 4] = b"**\0\0";

/// Hands on every record of a chunk, and a reject for all that could not be read. `bytes` are 64 KiB, less at the cut
/// end of a file; `offset` is where they begin in it.
pub fn read_chunk(bytes: &[u8], offset: u64, sink: &mut dyn Sink) -> Lines {
    Chunk { bytes, offset }.read(sink)
}

#[derive(Clone, Copy)]
struct Chunk<'a> {
    bytes: &'a [u8],
    offset: u64,
}

/// A record as the crate rendered it, or why it could not.
enum Rendered {
    Record { id: u64, offset: u64, time: Utc, json: Vec<u8> },
    Flawed(Reject),
}

impl Chunk<'_> {
    fn read(self, sink: &mut dyn Sink) -> Lines {
        let mut count = Lines::default();
        if self.is_blank() {
            count.blanks = 1;
            return count;
        }
        let mut rendered = Vec::new();
        // Records rendered before a panic are whole.
        let outcome = catch_unwind(AssertUnwindSafe(|| self.render(&mut rendered)));
        let flaw = match outcome {
            Ok(flaw) => flaw,
            Err(_) => Some(RejectReason::Damaged("the chunk overturned its reader")),
        };
        for item in rendered {
            match hand_on(item, sink) {
                Ok(()) => count.events += 1,
                Err(reject) => {
                    count.rejected += 1;
                    sink.reject(reject);
                }
            }
        }
        if let Some(reason) = flaw {
            count.rejected += 1;
            sink.reject(Reject { record: 0, offset: self.offset, reason });
        }
        count
    }

    /// Space that Windows reserved and did not use.
    fn is_blank(&self) -> bool {
        self.bytes.iter().all(|byte| *byte == 0)
    }

    /// Renders the records. What is wrong with the chunk as a whole is handed back.
    fn render(&self, rendered: &mut Vec<Rendered>) -> Option<RejectReason> {
        if !self.bytes.starts_with(CHUNK_MAGIC) {
            return Some(RejectReason::Damaged("the chunk does not begin like one"));
        }
        if self.bytes.len() < CHUNK_HEADER_BYTES {
            return Some(RejectReason::Truncated);
        }
        let Ok(mut data) = EvtxChunkData::new(self.bytes.to_vec(), false) else {
            return Some(RejectReason::Damaged("the chunk header cannot be read"));
        };
        let is_sound = data.validate_checksum();
        let last_id = data.header.last_event_record_id;
        let settings = ParserSettings::new().indent(false).recover_records(true);
        let Ok(mut chunk) = data.parse(Arc::new(settings)) else {
            return Some(RejectReason::Damaged("the names of the chunk cannot be read"));
        };
        let is_whole = self.bytes.len() >= super::CHUNK_BYTES;
        let mut walk = Walk { previous: None, last_id, kept_bytes: 0 };
        for record in chunk.iter() {
            if rendered.len() >= RECORDS_PER_CHUNK_MAX || walk.kept_bytes >= RENDERED_BYTES_MAX {
                return Some(RejectReason::Damaged("the chunk holds more than a chunk can hold"));
            }
            match record {
                Ok(record) => self.keep(record, &mut walk, rendered),
                Err(error) => rendered.push(Rendered::Flawed(self.reject(&error))),
            }
        }
        match () {
            () if !is_whole => Some(RejectReason::Truncated),
            () if !is_sound => {
                Some(RejectReason::Damaged("the chunk was altered, or copied while in use: wrong checksum"))
            }
            () => None,
        }
    }

    fn keep(&self, record: evtx::EvtxRecord<'_>, walk: &mut Walk, rendered: &mut Vec<Rendered>) {
        let id = record.event_record_id;
        let start = record.binxml_offset.saturating_sub(RECORD_HEADER_BYTES);
        let end = record.binxml_offset + u64::from(record.binxml_size) + RECORD_TRAILER_BYTES;
        if record.recovered && !walk.is_next(id, start) {
            return;
        }
        walk.previous = Some((id, end));
        let time = Utc(record.timestamp.as_microsecond());
        match record.into_json_bytes() {
            Ok(json) => {
                walk.kept_bytes += json.data.len();
                rendered.push(Rendered::Record { id, offset: self.offset + start, time, json: json.data });
            }
            Err(error) => rendered.push(Rendered::Flawed(self.reject(&error))),
        }
    }

    fn reject(&self, error: &EvtxError) -> Reject {
        match error {
            EvtxError::FailedToReadRecordAt { offset, .. } => Reject {
                record: 0,
                offset: self.offset + offset,
                reason: RejectReason::Damaged("a record cannot be found where one belongs"),
            },
            EvtxError::FailedToParseRecord { record_id, .. } => Reject {
                record: *record_id,
                offset: self.offset + self.position_of(*record_id),
                reason: RejectReason::Damaged("a record cannot be read"),
            },
            _ => Reject {
                record: 0,
                offset: self.offset,
                reason: RejectReason::Damaged("something in the chunk cannot be read"),
            },
        }
    }

    /// Where in the chunk the record of that id begins; 0 when it cannot be found.
    fn position_of(&self, id: u64) -> u64 {
        memchr::memmem::find_iter(self.bytes, RECORD_MAGIC)
            .find(|at| self.bytes.get(at + 8..at + 16) == Some(&id.to_le_bytes()))
            .map_or(0, |at| at as u64)
    }
}

const RECORD_HEADER_BYTES: u64 = 24;
/// The size of the record once more.
const RECORD_TRAILER_BYTES: u64 = 4;

/// How far the walk over a chunk came.
struct Walk {
    /// Id and end of the record before.
    previous: Option<(u64, u64)>,
    /// The last id that the chunk header knows.
    last_id: u64,
    kept_bytes: usize,
}

impl Walk {
    /// Is this record, which the chunk header does not know, the next one? The header of a chunk in use lags behind its
    /// records; whatever else lies in free space is left from before and was, or is, counted elsewhere.
    fn is_next(&self, id: u64, start: u64) -> bool {
        self.previous.is_some_and(|(last, end)| id > self.last_id && id == last.saturating_add(1) && start == end)
    }
}

fn hand_on(item: Rendered, sink: &mut dyn Sink) -> Result<(), Reject> {
    let (id, offset, time, json) = match item {
        Rendered::Record { id, offset, time, json } => (id, offset, time, json),
        Rendered::Flawed(reject) => return Err(reject),
    };
    let mut event = jsonl::parse(&json, id, offset, &json).map_err(|_| Reject {
        record: id,
        offset,
        reason: RejectReason::NotAnEvent,
    })?;
    event.time = event.time.or(Some(time));
    sink.event(&event);
    Ok(())
}
