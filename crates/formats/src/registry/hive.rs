//! The structure of a hive: cells, keys, lists of keys, values. Every offset in it is the word of whoever wrote the file.
//!
//! Format: msuhanov/regf, "Windows registry file format specification". Nothing is copied but names and the text of values;
//! what does not hold together is a reject, and a budget bounds the keys that are looked at, however they are chained.

use std::cell::{Cell, RefCell};

use model::{Reject, RejectReason, Utc};

use super::value::Value;

/// Bytes before the first bin.
pub const BASE_BLOCK_BYTES: usize = 4_096;
/// Keys that are looked at in one hive. Of a genuine SOFTWARE hive what is asked for takes about 20,000.
const KEYS_MAX: u32 = 200_000;
/// Keys below one key. `Services` has about 800; a hostile list can claim what it likes.
const SUBKEYS_MAX: usize = 65_536;
/// Values of one key.
const VALUES_MAX: usize = 4_096;
/// Lists in a list of lists.
const LISTS_MAX: usize = 2_048;
/// Places of damage that are told one by one.
const REJECTS_MAX: usize = 1_000;
/// A name longer than this is none: Windows stops at 255 characters.
const NAME_BYTES_MAX: usize = 1_024;

/// The bytes of a hive.
pub struct Hive<'a> {
    bytes: &'a [u8],
    keys_left: Cell<u32>,
    rejects: RefCell<Vec<Reject>>,
}

/// A key of a hive.
#[derive(Clone, Debug)]
pub struct Key<'a> {
    /// Its name.
    pub name: String,
    /// Byte offset in the file.
    pub offset: u64,
    /// When it was last written: a value set or removed, a key below it made or removed.
    pub written: Option<Utc>,
    cell: &'a [u8],
}

impl<'a> Hive<'a> {
    /// A hive, or why it is none.
    pub fn open(bytes: &'a [u8]) -> Result<Self, RejectReason> {
        if !bytes.starts_with(b"regf") || bytes.len() <= BASE_BLOCK_BYTES {
            return Err(RejectReason::Truncated);
        }
        let hive = Self { bytes, keys_left: Cell::new(KEYS_MAX), rejects: RefCell::default() };
        if u32_at(bytes, 20) != Some(1) {
            return Err(RejectReason::Damaged("a hive of a version that is not known"));
        }
        let claimed = u32_at(bytes, 40).and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
        if bytes.len() - BASE_BLOCK_BYTES < claimed {
            hive.reject(bytes.len(), RejectReason::Truncated);
        }
        Ok(hive)
    }

    /// Changes stand in its transaction logs that were not yet written into it.
    pub fn is_dirty(&self) -> bool {
        u32_at(self.bytes, 4) != u32_at(self.bytes, 8)
    }

    /// The key that holds all others.
    pub fn root(&self) -> Option<Key<'a>> {
        let root = self.key(u32_at(self.bytes, 36)?);
        if root.is_none() {
            self.reject(BASE_BLOCK_BYTES, RejectReason::Damaged("the root key of the hive cannot be found"));
        }
        root
    }

    /// What could not be read.
    pub fn into_rejects(self) -> Vec<Reject> {
        self.rejects.into_inner()
    }

    /// The key below another, by its path and without regard to case.
    pub fn find(&self, key: &Key<'a>, path: &str) -> Option<Key<'a>> {
        path.split('\\').try_fold(key.clone(), |key, name| {
            self.subkeys(&key).into_iter().find(|below| below.name.eq_ignore_ascii_case(name))
        })
    }

    /// The keys directly below another.
    pub fn subkeys(&self, key: &Key<'a>) -> Vec<Key<'a>> {
        let count = u32_at(key.cell, 20).unwrap_or_default();
        let Some(list) = u32_at(key.cell, 28).filter(|_| count > 0) else { return Vec::new() };
        let mut offsets = Vec::new();
        self.offsets_in(list, true, &mut offsets);
        if offsets.is_empty() {
            self.reject(place(list), RejectReason::Damaged("a list of keys cannot be read"));
        }
        let mut keys = Vec::new();
        for offset in offsets {
            if self.keys_left.get() == 0 {
                break;
            }
            match self.key(offset) {
                Some(key) => keys.push(key),
                None => self.reject(place(offset), RejectReason::Damaged("a key cannot be read")),
            }
        }
        keys
    }

    /// The values of a key.
    pub fn values(&self, key: &Key<'a>) -> Vec<Value> {
        let count = u32_at(key.cell, 36).unwrap_or_default();
        let Some(list) = u32_at(key.cell, 40).filter(|_| count > 0) else { return Vec::new() };
        let Some(offsets) = self.cell(list) else {
            self.reject(place(list), RejectReason::Damaged("a list of values cannot be read"));
            return Vec::new();
        };
        let wanted = usize::try_from(count).unwrap_or(usize::MAX).min(VALUES_MAX);
        let mut values = Vec::new();
        for offset in offsets.chunks_exact(4).take(wanted).filter_map(|entry| u32_at(entry, 0)) {
            match self.value(offset) {
                Some(value) => values.push(value),
                None => self.reject(place(offset), RejectReason::Damaged("a value cannot be read")),
            }
        }
        values
    }

    /// A value of a key by its name, without regard to case.
    pub fn value_of(&self, key: &Key<'a>, name: &str) -> Option<Value> {
        self.values(key).into_iter().find(|value| value.name.eq_ignore_ascii_case(name))
    }

    /// Notes what could not be read.
    pub fn reject(&self, offset: usize, reason: RejectReason) {
        let mut rejects = self.rejects.borrow_mut();
        if rejects.len() < REJECTS_MAX {
            rejects.push(Reject { record: 0, offset: offset as u64, reason });
        }
    }

    fn key(&self, offset: u32) -> Option<Key<'a>> {
        let left = self.keys_left.get();
        self.keys_left.set(left.saturating_sub(1));
        if left == 1 {
            self.reject(place(offset), RejectReason::TooLong);
        }
        let cell = self.cell(offset).filter(|cell| left > 0 && cell.starts_with(b"nk"))?;
        let name = name_at(cell, 76, u16_at(cell, 72)?, u16_at(cell, 2)? & 0x20 != 0)?;
        Some(Key { name, offset: place(offset) as u64, written: filetime(u64_at(cell, 4)?), cell })
    }

    fn value(&self, offset: u32) -> Option<Value> {
        const INLINE: u32 = 0x8000_0000;
        let cell = self.cell(offset).filter(|cell| cell.starts_with(b"vk"))?;
        let name = name_at(cell, 20, u16_at(cell, 2)?, u16_at(cell, 16)? & 1 != 0)?;
        let (size, data, kind) = (u32_at(cell, 4)?, u32_at(cell, 8)?, u32_at(cell, 12)?);
        let length = usize::try_from(size & !INLINE).ok()?;
        let bytes = match size & INLINE {
            0 if length == 0 => &[],
            0 => self.data(data, length)?,
            _ => cell.get(8..8 + length.min(4))?,
        };
        Some(Value { name, kind, bytes: bytes.to_vec() })
    }

    /// The data of a value; of data in several segments the first one, which is more than is kept.
    fn data(&self, offset: u32, length: usize) -> Option<&'a [u8]> {
        const SEGMENT_BYTES: usize = 16_344;
        let cell = self.cell(offset)?;
        if length > SEGMENT_BYTES && cell.starts_with(b"db") {
            let first = u32_at(self.cell(u32_at(cell, 4)?)?, 0)?;
            let segment = self.cell(first)?;
            return segment.get(..SEGMENT_BYTES.min(segment.len()));
        }
        cell.get(..length.min(SEGMENT_BYTES))
    }

    /// The offsets in a list of keys. Lists of lists nest once.
    fn offsets_in(&self, list: u32, may_nest: bool, offsets: &mut Vec<u32>) {
        let Some(cell) = self.cell(list) else { return };
        let count = usize::from(u16_at(cell, 2).unwrap_or_default());
        let entries = |size: usize| cell.get(4..).unwrap_or_default().chunks_exact(size).take(count);
        match cell.get(..2) {
            Some(b"lf" | b"lh") => {
                let room = SUBKEYS_MAX.saturating_sub(offsets.len());
                offsets.extend(entries(8).filter_map(|entry| u32_at(entry, 0)).take(room));
            }
            Some(b"li") => {
                let room = SUBKEYS_MAX.saturating_sub(offsets.len());
                offsets.extend(entries(4).filter_map(|entry| u32_at(entry, 0)).take(room));
            }
            Some(b"ri") if may_nest => {
                for entry in entries(4).take(LISTS_MAX).filter_map(|entry| u32_at(entry, 0)) {
                    self.offsets_in(entry, false, offsets);
                }
            }
            _ => {}
        }
    }

    /// The content of a cell that is in use. A free one holds what somebody removed.
    fn cell(&self, offset: u32) -> Option<&'a [u8]> {
        let at = place(offset);
        let size = i32::from_le_bytes(self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?);
        let length = usize::try_from(size.checked_neg()?).ok().filter(|length| *length > 4)?;
        self.bytes.get(at + 4..at.checked_add(length)?)
    }
}

/// Where in the file a cell stands.
fn place(offset: u32) -> usize {
    BASE_BLOCK_BYTES.saturating_add(usize::try_from(offset).unwrap_or(usize::MAX))
}

fn name_at(cell: &[u8], at: usize, length: u16, is_narrow: bool) -> Option<String> {
    let length = usize::from(length);
    let bytes = cell.get(at..at.checked_add(length)?).filter(|_| length <= NAME_BYTES_MAX)?;
    Some(if is_narrow { bytes.iter().map(|byte| char::from(*byte)).collect() } else { super::value::utf16(bytes) })
}

/// 100-nanosecond steps since 1601. What lies outside of 1990 to 2100 is no time.
pub(super) fn filetime(steps: u64) -> Option<Utc> {
    const EPOCH_MICROS: i64 = 11_644_473_600_000_000;
    let micros = i64::try_from(steps / 10).ok()?.checked_sub(EPOCH_MICROS)?;
    (631_152_000_000_000..4_102_444_800_000_000).contains(&micros).then_some(Utc(micros))
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}
