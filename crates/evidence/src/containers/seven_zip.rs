//! 7z archives. Their members stand in blocks that can only be read from the front.

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use model::file::Outcome;
use sevenz_rust2::{Archive as Index, BlockDecoder, Error, Password};

use super::codec::DECODER_BYTES_MAX;
use super::{Archive, Bytes, Rules, Seekable};
use crate::ended::{ended, outcome_of};

const MEMORY_KIB: usize = (DECODER_BYTES_MAX / 1024) as usize;
/// So much of a member is read to see whether a password fits.
const TRIED_BYTES: u64 = 64 << 20;
/// Pieces that a member is handed over in, and how many wait.
const PIECE_BYTES: usize = 64 * 1024;
const PIECES_MAX: usize = 8;

/// An archive whose list of members has been read.
pub(crate) struct Opened {
    index: Index,
    password: Password,
    /// No password fits what is encrypted in it.
    is_locked: bool,
}

/// One member.
pub(crate) struct Listed {
    /// Its number in the archive.
    pub(crate) file: u32,
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) is_special: bool,
    /// It is encrypted, and no password fits.
    pub(crate) is_locked: bool,
}

/// Reads the list of members, with the first password that opens it.
pub(crate) fn open(reader: &mut Seekable<'_>, rules: &Rules) -> Result<Opened, Outcome> {
    let mut locked = false;
    let passwords = &rules.opening.passwords;
    let tried = passwords.iter().map(|password| Password::new(password));
    for password in std::iter::once(Password::empty()).chain(tried) {
        let mut source = Source::with_capacity(PIECE_BYTES, reader);
        match Index::read_with_memory_limit(&mut source, &password, MEMORY_KIB) {
            // A list that is not encrypted opens with any password: the right one shows at the members.
            Ok(index) => {
                let right = if locked { Some(password) } else { right_password(&index, &mut source, passwords) };
                let is_locked = right.is_none();
                return Ok(Opened { index, password: right.unwrap_or_else(Password::empty), is_locked });
            }
            Err(Error::PasswordRequired | Error::MaybeBadPassword(_)) => locked = true,
            // With a wrong password the list is no list.
            Err(_) if locked => {}
            Err(error) => return Err(outcome(error)),
        }
    }
    Err(Outcome::Encrypted(super::locked("AES-256 (7z, its list of members too)", passwords.len())))
}

/// The first password with which a member can be read. One that fits none is not tried on members one by one.
fn right_password(index: &Index, source: &mut Source<'_, '_>, passwords: &[String]) -> Option<Password> {
    let first = (0..index.files.len()).find(|file| index.is_file_encrypted(*file));
    let block = first.and_then(|file| index.stream_map.file_block_index.get(file).copied().flatten());
    let Some(block) = block else { return Some(Password::empty()) };
    let mut fits = |password: &Password| {
        let decoder = BlockDecoder::new_with_memory_limit(1, MEMORY_KIB, block, index, password, source);
        let mut is_read = false;
        let mut read = |entry: &sevenz_rust2::ArchiveEntry, bytes: &mut dyn Read| {
            // The checksum at the end of a member tells, or that so much of it decompresses.
            is_read = io::copy(&mut bytes.take(TRIED_BYTES), &mut io::sink()).is_ok();
            Ok(is_read && entry.size == 0)
        };
        _ = decoder.for_each_entries(&mut read);
        is_read
    };
    passwords.iter().map(|password| Password::new(password)).find(|password| fits(password))
}

impl Opened {
    /// The members in the order in which they are read; folders are left out.
    pub(crate) fn members(&self) -> Vec<Listed> {
        let files = &self.index.files;
        let mut order: Vec<usize> = (0..files.len()).collect();
        let block = |file: &usize| self.index.stream_map.file_block_index.get(*file).copied().flatten();
        // What belongs to no block is empty, and comes last.
        order.sort_by_key(|file| (block(file).unwrap_or(usize::MAX), *file));
        let listed = |file: usize| {
            let entry = files.get(file)?;
            // A mode of Unix stands in the upper half where bit 15 says so.
            let mode = entry.windows_attributes >> 16;
            let has_mode = entry.has_windows_attributes && entry.windows_attributes & 0x8000 != 0;
            let is_link = entry.has_windows_attributes && entry.windows_attributes & 0x400 != 0;
            let is_special = is_link || entry.is_anti_item || (has_mode && !matches!(mode >> 12, 0 | 8));
            let is_locked = self.is_locked && self.index.is_file_encrypted(file) && entry.has_stream;
            let (file, name) = (u32::try_from(file).ok()?, entry.name.clone());
            let size = if entry.has_stream { entry.size } else { 0 };
            (!entry.is_directory).then_some(Listed { file, name, size, is_special, is_locked })
        };
        order.into_iter().filter_map(listed).collect()
    }

    /// Hands over members in the order of `members`, until `each` says that no more of them are wanted.
    pub(crate) fn read(
        &self,
        reader: &mut Seekable<'_>,
        each: &mut dyn FnMut(u32, Result<Bytes<'_>, Outcome>) -> bool,
        wanted: &dyn Fn(u32) -> bool,
    ) {
        let map = &self.index.stream_map;
        let number = |file: usize| u32::try_from(file).unwrap_or(u32::MAX);
        let block_of = |file: usize| map.file_block_index.get(file).copied().flatten();
        for block in 0..self.index.blocks.len() {
            let first = map.block_first_file_index.get(block).copied().unwrap_or_default();
            let files: Vec<usize> =
                (first..self.index.files.len()).take_while(|file| block_of(*file) == Some(block)).collect();
            let Some(last) = files.iter().copied().filter(|file| wanted(number(*file))).max() else { continue };
            let (mut at, mut go_on) = (first, true);
            let mut source = Source::with_capacity(PIECE_BYTES, reader);
            let decoder =
                BlockDecoder::new_with_memory_limit(1, MEMORY_KIB, block, &self.index, &self.password, &mut source);
            let mut one = |_: &sevenz_rust2::ArchiveEntry, bytes: &mut dyn Read| {
                let file = at;
                at += 1;
                if wanted(number(file)) {
                    go_on = each(number(file), Ok(Box::new(bytes)));
                } else {
                    io::copy(bytes, &mut io::sink()).map_err(Error::from)?;
                }
                Ok(go_on && file < last)
            };
            let ended = decoder.for_each_entries(&mut one).err().map(outcome);
            if !go_on {
                return;
            }
            let broken =
                || ended.clone().unwrap_or_else(|| Outcome::Unreadable("its block breaks off before it".into()));
            // Those that the block did not come to; the one at which it broke off has said so itself.
            for file in files.into_iter().filter(|file| *file >= at && wanted(number(*file))) {
                if !each(number(file), Err(broken())) {
                    return;
                }
            }
        }
        for file in (0..self.index.files.len()).filter(|file| block_of(*file).is_none() && wanted(number(*file))) {
            if !each(number(file), Ok(Box::new(io::empty()))) {
                return;
            }
        }
    }
}

/// One member as a stream: its block is read by a thread of its own, because the reader of 7z hands out and is not
/// asked.
pub(crate) fn member(archive: &Arc<Archive>, file: u32) -> Result<Bytes<'static>, Outcome> {
    let (sender, pieces) = sync_channel(PIECES_MAX);
    let archive = Arc::clone(archive);
    let thread = std::thread::Builder::new().name("7z".to_owned());
    let spawned = thread.spawn(move || send(&archive, file, &sender));
    spawned.map_err(|error| outcome_of(&error))?;
    Ok(Box::new(Pieces { pieces, piece: Vec::new(), at: 0, done: false }))
}

/// A piece of a member; an empty one is its end.
type Piece = Result<Vec<u8>, Outcome>;

fn send(archive: &Arc<Archive>, file: u32, sender: &SyncSender<Piece>) {
    let mut reader = match archive.reader() {
        Ok(reader) => reader,
        Err(outcome) => return tell(sender, outcome),
    };
    let opened = match open(&mut reader, &archive.rules) {
        Ok(opened) => opened,
        Err(outcome) => return tell(sender, outcome),
    };
    let mut each = |_: u32, bytes: Result<Bytes<'_>, Outcome>| {
        let mut bytes = match bytes {
            Ok(bytes) => bytes,
            Err(outcome) => {
                tell(sender, outcome);
                return false;
            }
        };
        loop {
            let mut piece = Vec::new();
            let read = (&mut bytes).take(PIECE_BYTES as u64).read_to_end(&mut piece);
            let piece = read.map(|_| piece).map_err(|error| outcome_of(&error));
            let is_last = piece.as_ref().map_or(true, Vec::is_empty);
            // Nobody reads on: the rest is of no use.
            if sender.send(piece).is_err() || is_last {
                return false;
            }
        }
    };
    opened.read(&mut reader, &mut each, &|one| one == file);
}

fn tell(sender: &SyncSender<Piece>, outcome: Outcome) {
    // Nobody who listens any more wants to know.
    _ = sender.send(Err(outcome));
}

struct Pieces {
    pieces: Receiver<Piece>,
    piece: Vec<u8>,
    at: usize,
    done: bool,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.piece.len() && !self.done {
            let lost = |_| Err(Outcome::Unreadable("lost to a fault of the reader".into()));
            self.piece = self.pieces.recv().unwrap_or_else(lost).map_err(ended)?;
            self.at = 0;
            self.done = self.piece.is_empty();
        }
        let part = self.piece.get(self.at..).unwrap_or_default();
        let count = part.len().min(buffer.len());
        buffer.get_mut(..count).unwrap_or_default().copy_from_slice(part.get(..count).unwrap_or_default());
        self.at += count;
        Ok(count)
    }
}

/// A reader of a known type for a library that wants one, and reads byte by byte.
type Source<'r, 'a> = BufReader<&'r mut Seekable<'a>>;

fn outcome(error: Error) -> Outcome {
    match error {
        Error::Io(error, _) => outcome_of(&error),
        Error::MaybeBadPassword(_) | Error::PasswordRequired => {
            Outcome::Encrypted("AES-256 (7z): give its password".into())
        }
        Error::MaxMemLimited { .. } => Outcome::LimitReached("it wants more memory than a decoder gets".into()),
        Error::UnsupportedCompressionMethod(_) | Error::Unsupported(_) | Error::ExternalUnsupported => {
            Outcome::Unreadable("it is compressed in a way that is not read".into())
        }
        Error::ChecksumVerificationFailed | Error::NextHeaderCrcMismatch => {
            Outcome::Unreadable("a checksum is not that of its bytes".into())
        }
        _ => Outcome::Unreadable("it is damaged".into()),
    }
}
