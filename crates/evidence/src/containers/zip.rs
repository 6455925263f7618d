//! Zip archives, by PKWARE's APPNOTE 6.3.10: the list of members at the end, and members by what it says of them.
//!
//! Read here and not by a library, because libraries keep one of two members of the same name, and evidence has both.

use std::cell::{Cell, RefCell};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::rc::Rc;

use bzip2::read::BzDecoder;
use crc32fast::Hasher;
use deflate64::Deflate64Decoder;
use flate2::read::DeflateDecoder;
use model::file::Outcome;
use serde::{Deserialize, Serialize};

use super::codec::{Bounded, Codec, Counted, ZstdFrames};
use super::rewind::Window;
use super::{Bytes, Rules, Seekable, crypt};
use crate::ended::{damaged, outcome_of};

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL_BYTES: u64 = 30;
const CENTRAL_BYTES: usize = 46;
const END_BYTES: usize = 22;
const LOCATOR_BYTES: u64 = 20;
/// The end of an archive with the longest comment that one can have.
const END_WITHIN: u64 = END_BYTES as u64 + 0xFFFF;
/// Between two members stand no more bytes than this that belong to one of them: a descriptor of sizes.
const DESCRIPTOR_BYTES: u64 = 24;
const AES: u16 = 99;

const ENCRYPTED: u16 = 1;
const WITH_DESCRIPTOR: u16 = 1 << 3;
const STRONGLY_ENCRYPTED: u16 = 1 << 6;
const HEADERS_HIDDEN: u16 = 1 << 13;

/// Where a member stands and how to read it: all that is needed to open it without the list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Of its local header.
    offset: u64,
    compressed: u64,
    /// As declared.
    pub(crate) size: u64,
    crc: u32,
    method: u16,
    flags: u16,
    time: u16,
    /// Version, strength and method of what AES encrypted.
    aes: Option<(u16, u8, u16)>,
}

/// An entry with what only listing needs.
pub(crate) struct Listed {
    pub(crate) entry: Entry,
    pub(crate) name: Vec<u8>,
    /// A link or device by its rights on Unix.
    pub(crate) is_special: bool,
    /// Another entry has the same bytes, or its own are not there.
    pub(crate) refused: Option<&'static str>,
}

/// What the list of members says.
pub(crate) struct Directory {
    /// In the order of their bytes.
    pub(crate) members: Vec<Listed>,
    pub(crate) notes: Vec<String>,
    /// Where the list begins.
    pub(crate) start: u64,
}

impl Entry {
    pub(crate) fn is_encrypted(&self) -> bool {
        self.flags & ENCRYPTED != 0
    }

    /// Do its bytes stand in the archive as they are?
    pub(crate) fn is_plain(&self) -> bool {
        self.method == 0 && !self.is_encrypted()
    }

    /// What a member of this size is reckoned as, and as many bytes as it may give.
    pub(crate) fn charge(&self) -> u64 {
        self.size.max(self.compressed)
    }

    /// Does it declare to swell like a bomb?
    pub(crate) fn compressed(&self) -> u64 {
        self.compressed
    }

    fn method(&self) -> u16 {
        self.aes.map_or(self.method, |(_, _, method)| method)
    }

    /// Goes to its local header and behind it: where its bytes begin, and in what the two headers differ.
    pub(crate) fn data(&self, reader: &mut Seekable<'_>, name: Option<&[u8]>) -> io::Result<(u64, Option<String>)> {
        reader.seek(SeekFrom::Start(self.offset))?;
        let mut header = [0; LOCAL_BYTES as usize];
        reader.read_exact(&mut header)?;
        if !header.starts_with(LOCAL) {
            return Err(damaged("where its header should be there is none"));
        }
        let (name_bytes, extra_bytes) = (u16_at(&header, 26), u16_at(&header, 28));
        let start = self.offset + LOCAL_BYTES + u64::from(name_bytes) + u64::from(extra_bytes);
        let Some(listed) = name else { return Ok((start, None)) };
        let mut own = vec![0; usize::from(name_bytes)];
        reader.read_exact(&mut own)?;
        let mut differ = Vec::new();
        differ.extend((own != listed).then_some("name"));
        differ.extend((u16_at(&header, 8) != self.method).then_some("method"));
        let meaning = ENCRYPTED | WITH_DESCRIPTOR | STRONGLY_ENCRYPTED;
        differ.extend(((u16_at(&header, 6) ^ self.flags) & meaning != 0).then_some("flags"));
        if self.flags & WITH_DESCRIPTOR == 0 {
            let sizes = (u32_at(&header, 18), u32_at(&header, 22));
            let same = |own: u32, listed: u64| own == u32::MAX || u64::from(own) == listed;
            differ.extend((!same(sizes.0, self.compressed) || !same(sizes.1, self.size)).then_some("size"));
            differ.extend((u32_at(&header, 14) != self.crc).then_some("checksum"));
        }
        let note = (!differ.is_empty()).then(|| {
            format!("its two headers differ in {}; it is read as the list of members says", differ.join(", "))
        });
        Ok((start, note))
    }

    /// Its bytes: decrypted, decompressed, checked at their end.
    pub(crate) fn open<'a>(&self, mut reader: Seekable<'a>, rules: &Rules) -> Result<Bytes<'a>, Outcome> {
        self.readable()?;
        let (start, _) = self.data(&mut reader, None).map_err(|error| outcome_of(&error))?;
        let window: Bytes<'a> = Box::new(Window::new(reader, start, self.compressed));
        let taken = Rc::new(Cell::new(0));
        let raw: Bytes<'a> = Box::new(Counted { inner: window, taken: Rc::clone(&taken) });
        let rest = Shared(Rc::new(RefCell::new(self.decrypted(raw, rules)?)));
        let shared: Bytes<'a> = Box::new(rest.clone());
        let inner: Bytes<'a> = match self.method() {
            0 => shared,
            8 => Box::new(DeflateDecoder::new(shared)),
            9 => Box::new(Deflate64Decoder::new(shared)),
            12 => Box::new(BzDecoder::new(shared)),
            93 => Box::new(ZstdFrames::new(shared)),
            95 => Codec::Xz.decoder(shared),
            method => return Err(Outcome::Unreadable(format!("compression method {method} is not read"))),
        };
        let inner = Box::new(Bounded { inner, taken, given: 0, budgets: rules.opening.budgets.clone() });
        let crc = (self.aes.is_none_or(|(version, ..)| version == 1)).then_some(self.crc);
        Ok(Box::new(Checked { inner, rest, hasher: Hasher::new(), given: 0, entry: self.clone(), crc }))
    }

    /// What keeps it from being read at all.
    pub(crate) fn readable(&self) -> Result<(), Outcome> {
        if self.flags & (STRONGLY_ENCRYPTED | HEADERS_HIDDEN) != 0 {
            let how = "PKWARE's strong encryption, which is not read: decrypt it with the program that made it";
            return Err(Outcome::Encrypted(how.into()));
        }
        if !matches!(self.method(), 0 | 8 | 9 | 12 | 93 | 95) {
            return Err(Outcome::Unreadable(format!("compression method {} is not read", self.method())));
        }
        Ok(())
    }

    fn decrypted<'a>(&self, raw: Bytes<'a>, rules: &Rules) -> Result<Bytes<'a>, Outcome> {
        if !self.is_encrypted() {
            return Ok(raw);
        }
        let passwords = &rules.opening.passwords;
        let found = match self.aes {
            Some((_, strength, _)) => crypt::aes(raw, strength, self.compressed, passwords),
            None => {
                let check = if self.flags & WITH_DESCRIPTOR != 0 { self.time >> 8 } else { (self.crc >> 24) as u16 };
                crypt::old(raw, check as u8, passwords)
            }
        };
        found.map_err(|error| outcome_of(&error))?.ok_or_else(|| self.locked(passwords.len()))
    }

    /// Why no password opened it.
    pub(crate) fn locked(&self, passwords: usize) -> Outcome {
        let scheme = match self.aes {
            Some((_, 1, _)) => "AES-128",
            Some((_, 2, _)) => "AES-192",
            Some(_) => "AES-256",
            None => "ZipCrypto",
        };
        Outcome::Encrypted(super::locked(scheme, passwords))
    }
}

/// A reader of which what is left can still be read when its decoder is done.
#[derive(Clone)]
struct Shared<'a>(Rc<RefCell<Bytes<'a>>>);

impl Read for Shared<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(buffer)
    }
}

/// Compares size and checksum at the end with what was declared.
struct Checked<'a> {
    inner: Bytes<'a>,
    rest: Shared<'a>,
    hasher: Hasher,
    given: u64,
    entry: Entry,
    crc: Option<u32>,
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.inner.read(buffer)?;
        self.given += count as u64;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        if self.given > self.entry.charge() {
            let declared = self.entry.size;
            return Err(damaged(format!("it holds more than the {declared} bytes that its header declares")));
        }
        if count > 0 {
            return Ok(count);
        }
        io::copy(&mut self.rest, &mut io::sink())?;
        if self.given != self.entry.size {
            let (given, declared) = (self.given, self.entry.size);
            return Err(damaged(format!("it holds {given} bytes where its header declares {declared}")));
        }
        if self.crc.is_some_and(|crc| crc != self.hasher.clone().finalize()) {
            return Err(damaged("its CRC-32 is not that of its bytes"));
        }
        Ok(0)
    }
}

/// Where the list of members stands.
struct End {
    start: u64,
    length: u64,
    declared: u64,
    /// Bytes in front of the archive that offsets do not count.
    base: u64,
    notes: Vec<String>,
}

/// Reads the list of members.
pub(crate) fn list(reader: &mut Seekable<'_>, rules: &Rules) -> Result<Directory, Outcome> {
    let budgets = &rules.opening.budgets;
    let failed = |error: io::Error| outcome_of(&error);
    let End { start, length, declared, base, mut notes } = find_end(reader).map_err(failed)?;
    reader.seek(SeekFrom::Start(start)).map_err(failed)?;
    let mut list = BufReader::new(reader.take(length.min(budgets.directory_bytes)));
    let mut members = Vec::new();
    loop {
        if members.len() as u64 >= budgets.members {
            notes.push(format!("it has more than {} members; the rest is not read", budgets.members));
            break;
        }
        match read_entry(&mut list, base) {
            Ok(Some(listed)) => members.push(listed),
            Ok(None) => break,
            Err(_) if length > budgets.directory_bytes => {
                let most = budgets.directory_bytes;
                notes.push(format!("its list of members is longer than {most} bytes; the rest is not read"));
                break;
            }
            Err(_) => {
                notes.push(format!("its list of members breaks off after {} members", members.len()));
                break;
            }
        }
    }
    if notes.is_empty() && members.len() as u64 != declared && !(members.len() > 0xFFFF && declared <= 0xFFFF) {
        notes.push(format!("it declares {declared} members and lists {}", members.len()));
    }
    members.sort_by_key(|listed| listed.entry.offset);
    refuse_overlaps(&mut members, start);
    Ok(Directory { members, notes, start })
}

/// Finds the end record, and by it the list of members.
fn find_end(reader: &mut Seekable<'_>) -> io::Result<End> {
    let length = reader.seek(SeekFrom::End(0))?;
    let tail_start = length.saturating_sub(END_WITHIN);
    reader.seek(SeekFrom::Start(tail_start))?;
    let mut tail = Vec::new();
    reader.take(END_WITHIN).read_to_end(&mut tail)?;
    let ends = || (0..tail.len().saturating_sub(END_BYTES - 1)).rev().filter(|at| has(&tail, *at, b"PK\x05\x06"));
    let is_last = |at: &usize| at + END_BYTES + usize::from(u16_at(&tail, at + 20)) == tail.len();
    let at = ends().find(is_last).or_else(|| ends().next());
    let at = at.ok_or_else(|| damaged("its list of members is missing: it was cut off, or never finished"))?;
    let mut notes = Vec::new();
    if !is_last(&at) {
        notes.push("bytes that belong to no archive stand behind its end".to_owned());
    }
    let mut end = tail_start + at as u64;
    let (mut declared, mut size, mut offset) =
        (u64::from(u16_at(&tail, at + 10)), u64::from(u32_at(&tail, at + 12)), u64::from(u32_at(&tail, at + 16)));
    if let Some((record, large)) = find_large_end(reader, end)? {
        (declared, size, offset) = (u64_at(&large, 32), u64_at(&large, 40), u64_at(&large, 48));
        end = record;
    }
    if size == 0 && declared == 0 {
        return Ok(End { start: end, length: 0, declared, base: 0, notes });
    }
    // Bytes in front of an archive shift all of it; a list that claims another length is looked for where it claims.
    for start in [end.checked_sub(size), Some(offset)].into_iter().flatten() {
        let mut magic = [0; 4];
        reader.seek(SeekFrom::Start(start))?;
        if start < end && reader.read_exact(&mut magic).is_ok() && magic == *CENTRAL {
            let base = start.saturating_sub(offset);
            if base > 0 {
                notes.push(format!("{base} bytes that are no part of the archive stand in front of it"));
            }
            return Ok(End { start, length: end - start, declared, base, notes });
        }
    }
    Err(damaged("its list of members is not where its end says"))
}

/// The end record of large archives, where there is one: where it stands and what it says.
fn find_large_end(reader: &mut Seekable<'_>, end: u64) -> io::Result<Option<(u64, [u8; 56])>> {
    let Some(locator_at) = end.checked_sub(LOCATOR_BYTES) else { return Ok(None) };
    reader.seek(SeekFrom::Start(locator_at))?;
    let mut locator = [0; LOCATOR_BYTES as usize];
    reader.read_exact(&mut locator)?;
    if !locator.starts_with(b"PK\x06\x07") {
        return Ok(None);
    }
    // Where the locator says, or, with bytes in front, right before the locator.
    for at in [Some(u64_at(&locator, 8)), locator_at.checked_sub(56)].into_iter().flatten() {
        let mut record = [0; 56];
        reader.seek(SeekFrom::Start(at))?;
        if at < locator_at && reader.read_exact(&mut record).is_ok() && record.starts_with(b"PK\x06\x06") {
            return Ok(Some((at, record)));
        }
    }
    Ok(None)
}

/// The next entry of the list; `None` where it ends.
fn read_entry(list: &mut impl Read, base: u64) -> io::Result<Option<Listed>> {
    let mut header = [0; CENTRAL_BYTES];
    let mut read = 0;
    while read < CENTRAL_BYTES {
        match list.read(header.get_mut(read..).unwrap_or_default())? {
            0 if read == 0 => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => read += count,
        }
    }
    if !header.starts_with(CENTRAL) {
        // A signature of the list, or what an archive of many parts has, may follow.
        return if header.starts_with(b"PK") { Ok(None) } else { Err(damaged("no entry")) };
    }
    let mut take = |at: usize| {
        let mut bytes = vec![0; usize::from(u16_at(&header, at))];
        list.read_exact(&mut bytes).map(|()| bytes)
    };
    let (name, extra, _) = (take(28)?, take(30)?, take(32)?);
    let mut entry = Entry {
        offset: u64::from(u32_at(&header, 42)),
        compressed: u64::from(u32_at(&header, 20)),
        size: u64::from(u32_at(&header, 24)),
        crc: u32_at(&header, 16),
        method: u16_at(&header, 10),
        flags: u16_at(&header, 8),
        time: u16_at(&header, 12),
        aes: None,
    };
    read_extra(&extra, &mut entry);
    entry.offset = entry.offset.saturating_add(base);
    // The upper half of the attributes is a mode of Unix where the maker ran there; the type 0 says nothing.
    let file_type = (u32_at(&header, 38) >> 28) & 0xF;
    let is_special = matches!(header.get(5), Some(3 | 19)) && !matches!(file_type, 0 | 4 | 8);
    Ok(Some(Listed { entry, name, is_special, refused: None }))
}

/// Sizes of more than 32 bits, and how AES encrypted it.
fn read_extra(mut extra: &[u8], entry: &mut Entry) {
    while extra.len() >= 4 {
        let (id, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let field = extra.get(4..(4 + length).min(extra.len())).unwrap_or_default();
        match id {
            1 => {
                let mut large = field.chunks_exact(8).map(|bytes| u64_at(bytes, 0));
                for value in [&mut entry.size, &mut entry.compressed, &mut entry.offset] {
                    if *value == u64::from(u32::MAX) {
                        *value = large.next().unwrap_or(*value);
                    }
                }
            }
            0x9901 if entry.method == AES && field.len() >= 7 => {
                let strength = field.get(4).copied().unwrap_or_default();
                entry.aes = Some((u16_at(field, 0), strength, u16_at(field, 5)));
            }
            _ => {}
        }
        extra = extra.get(4 + length..).unwrap_or_default();
    }
}

/// Bytes belong to one member: who claims those of another, or of the list, is not read.
fn refuse_overlaps(members: &mut [Listed], list_start: u64) {
    let mut end = 0;
    for listed in members {
        let entry = &listed.entry;
        let own = LOCAL_BYTES.saturating_add(listed.name.len() as u64).saturating_add(entry.compressed);
        let own_end = entry.offset.saturating_add(own);
        if own_end > list_start {
            listed.refused = Some("its bytes are not in the archive");
        } else if entry.offset < end {
            listed.refused = Some("its bytes are those of another member, too, as in a bomb");
        } else {
            end = own_end;
        }
    }
}

/// What stands between the members and is none of them.
pub(crate) fn gaps(ends: &[(u64, u64)], list_start: u64) -> Option<String> {
    let starts = ends.iter().map(|(start, _)| *start).skip(1).chain([list_start]);
    let gap = |(end, next): (u64, u64)| next.checked_sub(end).filter(|gap| *gap >= DESCRIPTOR_BYTES + LOCAL_BYTES);
    let bytes: u64 = ends.iter().map(|(_, end)| *end).zip(starts).filter_map(gap).sum();
    (bytes > 0)
        .then(|| format!("{bytes} bytes between its members belong to none of them: members may have been left out"))
}

impl Listed {
    /// From its header to the end of its bytes, given where those begin.
    pub(crate) fn span(&self, data: u64) -> (u64, u64) {
        (self.entry.offset, data.saturating_add(self.entry.compressed))
    }
}

/// The scheme that a Velociraptor collection names for the archive inside it.
pub(crate) fn velociraptor_scheme(metadata: &[u8]) -> Option<&'static str> {
    let says = |scheme: &str| metadata.windows(scheme.len()).any(|window| window == scheme.as_bytes());
    if !says("EncryptedPass") {
        return None;
    }
    ["X509", "PGP"].into_iter().find(|scheme| says(&format!("\"{scheme}\"")))
}

fn has(bytes: &[u8], at: usize, wanted: &[u8]) -> bool {
    bytes.get(at..).is_some_and(|bytes| bytes.starts_with(wanted))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u16::from_le_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
