//! The records of a chunk: where each begins and ends, and where something else stands in their place.
//!
//! The header says how far the records go. The header of a chunk in use lags behind them, so what follows the last known
//! record without a gap and with the next id is a record too; whatever else lies in free space is left from before, and
//! was, or is, counted elsewhere.

use model::Utc;

use super::cursor::Cursor;
use super::value;

/// Bytes of the chunk header.
pub const HEADER_BYTES: usize = 512;
/// Bytes of a record before its content: magic, size, id, time.
pub const RECORD_HEADER_BYTES: usize = 24;
/// The size of the record once more.
pub const RECORD_TRAILER_BYTES: usize = 4;

const RECORD_MAGIC: &[u8; 4] = b"**\0\0";
/// A record takes this or more.
const RECORD_BYTES_MIN: usize = RECORD_HEADER_BYTES + RECORD_TRAILER_BYTES;
/// The flag of chunks without checksums.
const NO_CHECKSUM: u32 = 0x4;

/// What the header of a chunk says.
#[derive(Clone, Copy, Debug)]
struct Header {
    first_id: u64,
    last_id: u64,
    /// Where free space begins.
    free: usize,
    is_sound: bool,
}

impl Header {
    fn read(chunk: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(chunk, 24, chunk.len());
        let (first_id, last_id) = (cursor.u64().ok()?, cursor.u64().ok()?);
        cursor.take(8).ok()?;
        let free = cursor.size().ok()?;
        let records_sum = cursor.u32().ok()?;
        let flags = Cursor::new(chunk, 120, chunk.len()).u32().ok()?;
        let header_sum = Cursor::new(chunk, 124, chunk.len()).u32().ok()?;
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(chunk.get(..120)?);
        hasher.update(chunk.get(128..HEADER_BYTES)?);
        let is_sound = flags & NO_CHECKSUM != 0
            || hasher.finalize() == header_sum
                && chunk.get(HEADER_BYTES..free).is_some_and(|records| crc32fast::hash(records) == records_sum);
        Some(Self { first_id, last_id, free, is_sound })
    }
}

/// Where a record lies in its chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    pub id: u64,
    /// When it was written.
    pub time: Option<Utc>,
    pub start: usize,
    pub end: usize,
}

impl Frame {
    /// The record at `start`, if there is one.
    fn at(chunk: &[u8], start: usize) -> Option<Self> {
        let mut cursor = Cursor::new(chunk, start, chunk.len());
        if cursor.take(4).ok()? != RECORD_MAGIC {
            return None;
        }
        let size = cursor.size().ok().filter(|size| *size >= RECORD_BYTES_MIN)?;
        let id = cursor.u64().ok()?;
        let time = value::micros(cursor.u64().ok()?).map(Utc);
        let end = start.checked_add(size).filter(|end| *end <= chunk.len())?;
        Some(Self { id, time, start, end })
    }

    /// Does it end with its size, as every whole record does?
    fn is_whole(&self, chunk: &[u8]) -> bool {
        let trailer = Cursor::new(chunk, self.end - RECORD_TRAILER_BYTES, self.end).size();
        trailer == Ok(self.end - self.start)
    }

    /// Where its content begins and ends.
    pub fn content(&self) -> (usize, usize) {
        (self.start + RECORD_HEADER_BYTES, self.end - RECORD_TRAILER_BYTES)
    }
}

/// What stands where a record belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Record(Frame),
    /// Something else, from here to the next record.
    Gap(usize),
}

/// Goes over the records of a chunk.
#[derive(Debug)]
pub struct Walk<'c> {
    chunk: &'c [u8],
    header: Header,
    at: usize,
    /// The record before.
    previous: Option<Frame>,
    /// Within what the header knows.
    is_known: bool,
    /// There were records that the header does not know.
    is_behind: bool,
}

impl<'c> Walk<'c> {
    /// `None` for less than a chunk header.
    pub fn new(chunk: &'c [u8]) -> Option<Self> {
        let header = Header::read(chunk)?;
        Some(Self { chunk, header, at: HEADER_BYTES, previous: None, is_known: true, is_behind: false })
    }

    /// Are the checksums those of the content?
    pub fn is_sound(&self) -> bool {
        self.header.is_sound
    }

    /// Where known records end. A header that puts free space into itself is not believed.
    fn known_end(&self) -> usize {
        if self.header.free < HEADER_BYTES { self.chunk.len() } else { self.header.free.min(self.chunk.len()) }
    }

    /// The next one among those that the header knows.
    fn known(&mut self) -> Option<Step> {
        match Frame::at(self.chunk, self.at) {
            Some(frame) => {
                self.is_known = frame.id != self.header.last_id;
                Some(self.pass(frame))
            }
            None => self.resume().or_else(|| {
                let is_blank = self.chunk.get(self.at..).is_none_or(|rest| rest.iter().take(4).all(|byte| *byte == 0));
                let gap = Step::Gap(self.at);
                self.at = self.chunk.len();
                (!is_blank).then_some(gap)
            }),
        }
    }

    /// The next one behind those.
    fn unknown(&mut self) -> Option<Step> {
        let previous = self.previous?;
        match Frame::at(self.chunk, self.at) {
            Some(frame) if frame.is_whole(self.chunk) => {
                let is_next = frame.id == previous.id.saturating_add(1);
                let is_next = is_next && self.is_new(&frame);
                self.is_behind |= is_next;
                is_next.then(|| self.pass(frame))
            }
            // Free space of a chunk that is not in use can hold anything.
            _ if self.is_behind => self.resume(),
            _ => None,
        }
    }

    fn pass(&mut self, frame: Frame) -> Step {
        self.at = frame.end;
        self.previous = Some(frame);
        Step::Record(frame)
    }

    /// Looks for the next whole record behind what cannot be read, and stands there.
    fn resume(&mut self) -> Option<Step> {
        let from = self.at + 1;
        let rest = self.chunk.get(from..)?;
        let next = memchr::memmem::find_iter(rest, RECORD_MAGIC)
            .filter_map(|at| Frame::at(self.chunk, from + at))
            .find(|frame| frame.is_whole(self.chunk) && self.belongs(frame))?;
        let gap = Step::Gap(self.at);
        self.at = next.start;
        // It stands behind a gap, so that only what it says of itself makes it the next one.
        self.previous = Some(Frame { id: next.id.saturating_sub(1), ..next });
        Some(gap)
    }

    /// Is this one of the chunk's records, and not left from before? The header knows it, or it follows the record
    /// before the gap with no more between them than the gap can hold.
    fn belongs(&self, frame: &Frame) -> bool {
        let ids = self.header.first_id..=self.header.last_id;
        let is_known = self.is_known && frame.end <= self.known_end() && ids.contains(&frame.id);
        let lost_max = (frame.start.saturating_sub(self.at) / RECORD_BYTES_MIN) as u64;
        let follows = self.previous.is_some_and(|previous| {
            frame.id > previous.id && frame.id - previous.id - 1 <= lost_max && (self.is_known || self.is_new(frame))
        });
        is_known || follows
    }

    /// Of a header with a wrong checksum the last id may be as wrong.
    fn is_new(&self, frame: &Frame) -> bool {
        frame.id > self.header.last_id || !self.header.is_sound
    }
}

impl Iterator for Walk<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if self.is_known && self.at >= self.known_end() {
            self.is_known = false;
        }
        if self.is_known { self.known() } else { self.unknown() }
    }
}
