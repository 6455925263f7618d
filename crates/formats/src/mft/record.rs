//! One record of a file table. Whatever lies outside of it is damage, never a panic.

use model::Utc;
use model::listing::{TableName, TableRecord, TableStream};

/// A record's own size bounds its content; this is said aloud.
pub const CONTENT_BYTES_MAX: usize = 4_096;
/// Names of one file that are kept. Programs make hard links by the dozen, forgers by the thousand.
pub const NAMES_MAX: usize = 16;
/// Streams of one file that are kept.
pub const STREAMS_MAX: usize = 8;

/// Every so many bytes, two are kept elsewhere in the record to show whether it was written whole.
const SECTOR_BYTES: usize = 512;
/// Fewer attributes than this fit in a record.
const ATTRIBUTES_MAX: usize = 256;

const STANDARD_INFORMATION: u32 = 0x10;
const FILE_NAME: u32 = 0x30;
const DATA: u32 = 0x80;
const END: u32 = 0xFFFF_FFFF;

const IN_USE: u16 = 1;
const FOLDER: u16 = 2;
/// The name is the short one that programs of old see.
const SHORT_NAME: u8 = 2;
/// From 1601 to 1970, in tenths of microseconds.
const EPOCH: u64 = 116_444_736_000_000_000;

/// What a record turned out to be.
pub(super) enum Found {
    /// Never used.
    Blank,
    /// It holds no name: a part of another record, or a file of the file system.
    Nameless,
    /// A file that nobody asks for.
    Other,
    /// A folder, a file that is wanted, or a part of one.
    Record(Box<TableRecord>),
    /// Damaged, and what was read before.
    Damaged(&'static str, Option<Box<TableRecord>>),
}

/// Reads one record, which must be whole.
pub(super) fn read_record(bytes: &[u8], number: u64, wanted: &dyn Fn(&str) -> bool) -> Found {
    if bytes.iter().take(SECTOR_BYTES).all(|byte| *byte == 0) {
        return Found::Blank;
    }
    if bytes.starts_with(b"BAAD") {
        return Found::Damaged("a record that the file system itself marked as bad", None);
    }
    if !bytes.starts_with(b"FILE") {
        return Found::Damaged("no record of a file table", None);
    }
    let mut room = [0; CONTENT_BYTES_MAX];
    let Some((bytes, is_one_writing)) = mended(bytes, &mut room) else {
        return Found::Damaged("the checks of a record of the file table", None);
    };
    let Some((mut record, first)) = header(bytes, number) else {
        return Found::Damaged("the header of a record of the file table", None);
    };
    let mut parts = Parts::default();
    let whole = attributes(bytes, first, &mut record, &mut parts);
    let had_names = !parts.names.is_empty();
    let is_wanted = parts.settle(&mut record, wanted);
    let record = is_wanted.then(|| Box::new(record));
    match (whole, record) {
        (_, record) if !is_one_writing => Found::Damaged("a record that was not written whole", record),
        (None, record) => Found::Damaged("the attributes of a record of the file table", record),
        (Some(()), Some(record)) => Found::Record(record),
        (Some(()), None) if had_names => Found::Other,
        (Some(()), None) => Found::Nameless,
    }
}

/// The record with the last two bytes of every sector put back in their places, and whether all sectors were written at
/// once. A table that was copied while the system ran has records of which that is not so: most of their bytes are good.
fn mended<'r>(bytes: &[u8], room: &'r mut [u8; CONTENT_BYTES_MAX]) -> Option<(&'r [u8], bool)> {
    let record = room.get_mut(..bytes.len())?;
    record.copy_from_slice(bytes);
    let at = usize::from(u16_at(record, 4)?);
    let count = usize::from(u16_at(record, 6)?).checked_sub(1)?;
    if count != record.len() / SECTOR_BYTES {
        return None;
    }
    let check = u16_at(record, at)?;
    let mut is_one_writing = true;
    for sector in 0..count {
        let own = u16_at(record, at + 2 + sector * 2)?;
        let end = (sector + 1) * SECTOR_BYTES;
        if u16_at(record, end - 2)? == check {
            record.get_mut(end - 2..end)?.copy_from_slice(&own.to_le_bytes());
        } else {
            is_one_writing = false;
        }
    }
    Some((record, is_one_writing))
}

/// What the header says, and where the first attribute stands.
fn header(bytes: &[u8], number: u64) -> Option<(TableRecord, usize)> {
    let flags = u16_at(bytes, 0x16)?;
    let base = reference(u64_at(bytes, 0x20)?).0;
    let record = TableRecord {
        number,
        sequence: u16_at(bytes, 0x10)?,
        base: (base != 0).then_some(base),
        in_use: flags & IN_USE != 0,
        is_folder: flags & FOLDER != 0,
        ..TableRecord::default()
    };
    Some((record, usize::from(u16_at(bytes, 0x14)?)))
}

/// Names and streams before anybody has said whether they are wanted: content is not copied yet.
#[derive(Default)]
struct Parts<'b> {
    names: Vec<(TableName, bool)>,
    content: Option<&'b [u8]>,
    streams: Vec<(String, u64, Option<&'b [u8]>)>,
}

impl Parts<'_> {
    /// Fills in what is wanted; `false` when nothing of it is.
    fn settle(self, record: &mut TableRecord, wanted: &dyn Fn(&str) -> bool) -> bool {
        let has_long = self.names.iter().any(|(_, is_short)| !is_short);
        let kept = self.names.into_iter().filter(|(_, is_short)| !(has_long && *is_short)).map(|(name, _)| name);
        record.names = kept.take(NAMES_MAX).collect();
        let streams = self.streams.into_iter().filter(|(name, ..)| wanted(name)).take(STREAMS_MAX);
        record.streams = streams
            .map(|(name, size, content)| TableStream { name: name.into(), size, content: content.map(Into::into) })
            .collect();
        if record.is_folder {
            return !record.names.is_empty();
        }
        let by_name = record.names.iter().any(|name| wanted(&name.name));
        // A part of another record may hold nothing but its content, and whose that is shows only later.
        if by_name {
            record.content = self.content.map(Into::into);
        }
        by_name || !record.streams.is_empty()
    }
}

/// Reads the attributes that tell something; `None` when the record breaks off or contradicts itself.
fn attributes<'b>(bytes: &'b [u8], first: usize, record: &mut TableRecord, parts: &mut Parts<'b>) -> Option<()> {
    let mut at = first;
    for _ in 0..ATTRIBUTES_MAX {
        let kind = u32_at(bytes, at)?;
        if kind == END {
            return Some(());
        }
        let length = usize::try_from(u32_at(bytes, at.checked_add(4)?)?).ok()?;
        let end = at.checked_add(length)?;
        let attribute = bytes.get(at..end).filter(|_| length >= 0x18)?;
        match kind {
            STANDARD_INFORMATION => record.times = standard_times(resident(attribute)?)?,
            FILE_NAME if parts.names.len() < NAMES_MAX * 2 => parts.names.push(file_name(resident(attribute)?)?),
            DATA => data(attribute, record, parts)?,
            _ => {}
        }
        at = end;
    }
    None
}

/// The content of an attribute, where it lies in the record.
fn resident(attribute: &[u8]) -> Option<&[u8]> {
    if *attribute.get(8)? != 0 {
        return None;
    }
    let length = usize::try_from(u32_at(attribute, 0x10)?).ok()?;
    let at = usize::from(u16_at(attribute, 0x14)?);
    attribute.get(at..at.checked_add(length)?)
}

fn standard_times(content: &[u8]) -> Option<[Option<Utc>; 3]> {
    Some([time(u64_at(content, 0)?), time(u64_at(content, 8)?), time(u64_at(content, 16)?)])
}

/// A name, and whether it is a short one.
fn file_name(content: &[u8]) -> Option<(TableName, bool)> {
    let (parent, parent_sequence) = reference(u64_at(content, 0)?);
    let created = time(u64_at(content, 8)?);
    let length = usize::from(*content.get(0x40)?) * 2;
    let is_short = *content.get(0x41)? == SHORT_NAME;
    let name = utf16(content.get(0x42..0x42 + length)?).into();
    Some((TableName { parent, parent_sequence, created, name }, is_short))
}

fn data<'b>(attribute: &'b [u8], record: &mut TableRecord, parts: &mut Parts<'b>) -> Option<()> {
    let in_record = *attribute.get(8)? == 0;
    // Of content that is kept elsewhere, only its first part knows the size.
    if !in_record && u64_at(attribute, 0x10)? != 0 {
        return Some(());
    }
    let content = if in_record { Some(resident(attribute)?) } else { None };
    let size = content.map_or_else(|| u64_at(attribute, 0x30), |content| Some(content.len() as u64))?;
    let length = usize::from(*attribute.get(9)?) * 2;
    if length == 0 {
        record.size = Some(size);
        parts.content = content;
        return Some(());
    }
    let at = usize::from(u16_at(attribute, 10)?);
    let name = utf16(attribute.get(at..at.checked_add(length)?)?);
    parts.streams.push((name, size, content));
    Some(())
}

/// Number and sequence of a record that another names.
fn reference(raw: u64) -> (u64, u16) {
    (raw & 0x0000_FFFF_FFFF_FFFF, (raw >> 48) as u16)
}

/// A time of the file system; `None` where it is none of this age.
fn time(ticks: u64) -> Option<Utc> {
    let since = ticks.checked_sub(EPOCH)? / 10;
    let time = Utc(i64::try_from(since).ok()?);
    (time.date().0 < 2_200).then_some(time)
}

fn utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    char::decode_utf16(units).map(|one| one.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}
