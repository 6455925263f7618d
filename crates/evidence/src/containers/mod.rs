//! Archives, read where they are: what they hold is never written anywhere.
//!
//! An [`Archive`] is known by where its bytes come from (a [`Spring`]) and how they are to be read. Both can be opened
//! again and again, by any thread, and hold nothing open themselves.

pub(crate) mod codec;
mod crypt;
pub(crate) mod listing;
mod names;
mod rewind;
mod seven_zip;
mod tar;
#[cfg(test)]
mod tests;
pub(crate) mod units;
mod zip;

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::file::Outcome;
use serde::{Deserialize, Serialize};

use crate::budgets::Opening;
use crate::ended::{ended, outcome_of};
use crate::read::{self, not_opened};
use codec::Codec;
use rewind::{Rewinding, Window};
pub(crate) use tar::is_tar;

/// An archive that can only be read from the front is held in memory where it is no larger than this.
pub(crate) const HELD_BYTES_MAX: u64 = 16 << 20;
/// As many bytes as show what a file is: a header of tar.
const MAGIC_BYTES: usize = 1024;

/// Bytes from the front to the end.
pub(crate) type Bytes<'a> = Box<dyn Read + 'a>;
/// Bytes that can be moved about in.
pub(crate) type Seekable<'a> = Box<dyn ReadSeek + 'a>;

/// Both, for one box.
pub(crate) trait ReadSeek: Read + Seek {}

impl<T: Read + Seek + ?Sized> ReadSeek for T {}

/// How an archive is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Format {
    Zip,
    Tar,
    SevenZip,
}

/// Where a member stands in its archive, and how to read it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Member {
    Zip(zip::Entry),
    Tar { data: u64, size: u64 },
    SevenZip { file: u32 },
}

/// Where bytes come from.
#[derive(Clone)]
pub(crate) enum Spring {
    File(PathBuf),
    Held(Arc<[u8]>),
    Member(Arc<Archive>, Member),
}

/// An archive.
pub(crate) struct Archive {
    pub(crate) spring: Spring,
    pub(crate) codec: Option<Codec>,
    pub(crate) format: Format,
    pub(crate) rules: Arc<Rules>,
}

/// What holds for everything that is opened for one purpose.
#[derive(Default)]
pub(crate) struct Rules {
    pub(crate) opening: Opening,
    /// Left for beginning streams again.
    pub(crate) work: Work,
}

/// Bytes that may still be read for moving about in streams.
#[derive(Clone)]
pub(crate) struct Work(Arc<AtomicU64>);

impl Default for Work {
    fn default() -> Self {
        Self::of(u64::MAX)
    }
}

impl Work {
    pub(crate) fn of(bytes: u64) -> Self {
        Self(Arc::new(AtomicU64::new(bytes)))
    }

    fn spend(&self, bytes: u64) -> io::Result<()> {
        let less = |left: u64| left.checked_sub(bytes);
        let spent = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        spent.map(|_| ()).map_err(|_| {
            ended(Outcome::LimitReached("finding out what archives hold takes more reading than is allowed".into()))
        })
    }
}

/// Why no password opens something, and what to do.
fn locked(scheme: &str, passwords: usize) -> String {
    match passwords {
        0 => format!("{scheme}: give its password with --password"),
        1 => format!("{scheme}: the password given does not fit"),
        many => format!("{scheme}: none of the {many} passwords given fits"),
    }
}

/// The format of an archive, compressed or not, by its first bytes.
fn format(head: &[u8]) -> Option<Format> {
    match head {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Format::Zip),
        [b'7', b'z', 0xBC, 0xAF, 0x27, 0x1C, ..] => Some(Format::SevenZip),
        _ => tar::is_tar(head).then_some(Format::Tar),
    }
}

/// What is an archive, and how it is to be read: a tar archive may be compressed as a whole.
pub(crate) fn recognise(
    head: &[u8],
    bytes: impl FnOnce() -> Option<Bytes<'static>>,
) -> Option<(Option<Codec>, Format)> {
    let Some(codec) = Codec::of(head) else { return Some((None, format(head)?)) };
    let mut inside = Vec::new();
    _ = codec.decoder(bytes()?).take(MAGIC_BYTES as u64).read_to_end(&mut inside);
    tar::is_tar(&inside).then_some((Some(codec), Format::Tar))
}

impl Spring {
    /// The bytes from the front.
    pub(crate) fn bytes(&self) -> Result<Bytes<'static>, Outcome> {
        match self {
            Self::File(path) => Ok(Box::new(open_file(path)?)),
            Self::Held(bytes) => Ok(Box::new(Cursor::new(Arc::clone(bytes)))),
            Self::Member(archive, Member::SevenZip { file }) => seven_zip::member(archive, *file),
            Self::Member(archive, member) => member.open(archive.reader()?, &archive.rules),
        }
    }

    /// Can it be moved about in at no cost?
    pub(crate) fn is_seekable(&self) -> bool {
        match self {
            Self::File(_) | Self::Held(_) => true,
            Self::Member(archive, Member::Zip(entry)) => archive.is_random() && entry.is_plain(),
            Self::Member(archive, Member::Tar { .. }) => archive.is_random(),
            Self::Member(_, Member::SevenZip { .. }) => false,
        }
    }

    /// The bytes, to move about in: at no cost, or by reading a stream again.
    fn seekable(&self, work: &Work) -> Result<Seekable<'static>, Outcome> {
        match self {
            Self::File(path) => Ok(Box::new(open_file(path)?)),
            Self::Held(bytes) => Ok(Box::new(Cursor::new(Arc::clone(bytes)))),
            Self::Member(archive, Member::Tar { data, size }) if self.is_seekable() => {
                Ok(Box::new(Window::new(archive.reader()?, *data, *size)))
            }
            Self::Member(archive, Member::Zip(entry)) if self.is_seekable() => {
                let mut reader = archive.reader()?;
                let (start, _) = entry.data(&mut reader, None).map_err(|error| outcome_of(&error))?;
                Ok(Box::new(Window::new(reader, start, entry.compressed())))
            }
            Self::Member(..) => {
                let again = self.clone();
                Ok(Box::new(Rewinding::new(move || again.bytes(), work.clone())))
            }
        }
    }
}

impl Archive {
    /// Can its members be opened each by itself, at no cost?
    pub(crate) fn is_random(&self) -> bool {
        self.codec.is_none() && self.format != Format::SevenZip && self.spring.is_seekable()
    }

    /// The archive, decompressed where it is compressed as a whole.
    pub(crate) fn reader(&self) -> Result<Seekable<'static>, Outcome> {
        let Some(codec) = self.codec else { return self.spring.seekable(&self.rules.work) };
        let (spring, rules) = (self.spring.clone(), Arc::clone(&self.rules));
        let open = move || Ok(codec.bounded(spring.bytes()?, &rules.opening.budgets));
        Ok(Box::new(Rewinding::new(open, self.rules.work.clone())))
    }
}

impl Member {
    /// Opens a member of an archive that is read by moving about in it.
    pub(crate) fn open<'a>(&self, reader: Seekable<'a>, rules: &Rules) -> Result<Bytes<'a>, Outcome> {
        match self {
            Self::Zip(entry) => entry.open(reader, rules),
            Self::Tar { data, size } => {
                Ok(Box::new(Whole { inner: Box::new(Window::new(reader, *data, *size)), left: *size }))
            }
            Self::SevenZip { .. } => Err(Outcome::Unreadable("members of a 7z archive are read in their order".into())),
        }
    }
}

/// Bytes that have to be so many.
pub(crate) struct Whole<'a> {
    pub(crate) inner: Bytes<'a>,
    pub(crate) left: u64,
}

impl Read for Whole<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.saturating_sub(count as u64);
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(count)
    }
}

fn open_file(path: &std::path::Path) -> Result<File, Outcome> {
    let file = read::open_file(path).map_err(not_opened)?;
    let metadata = file.metadata().map_err(|error| outcome_of(&error))?;
    if metadata.is_file() { Ok(file) } else { Err(Outcome::NotRegular) }
}
