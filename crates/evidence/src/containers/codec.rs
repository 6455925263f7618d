//! Files that are one compressed stream: gzip, xz, zstd, bzip2.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use model::file::Outcome;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use serde::{Deserialize, Serialize};

use super::Bytes;
use crate::budgets::Budgets;
use crate::ended::{damaged, ended};

/// A decoder that wants more memory than this gets none: the memory is claimed before a byte has come out.
pub(crate) const DECODER_BYTES_MAX: u64 = 128 << 20;

/// How a stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Codec {
    Gzip,
    Xz,
    Zstd,
    Bzip2,
}

impl Codec {
    /// Told by the first bytes.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1F, 0x8B, 0x08, ..] => Some(Self::Gzip),
            [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Some(Self::Zstd),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..] => Some(Self::Bzip2),
            _ => None,
        }
    }

    /// The name of what is inside a file of this name.
    pub(crate) fn inside(self, name: &str) -> String {
        let ending = match self {
            Self::Gzip => ".gz",
            Self::Xz => ".xz",
            Self::Zstd => ".zst",
            Self::Bzip2 => ".bz2",
        };
        let at = name.len().saturating_sub(ending.len());
        let has = name.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(ending));
        if has && at > 0 { name.get(..at).unwrap_or(name).to_owned() } else { name.to_owned() }
    }

    /// The bytes inside, without an end to how many.
    pub(crate) fn decoder<'a>(self, bytes: Bytes<'a>) -> Bytes<'a> {
        match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(bytes)),
            // It reads byte by byte.
            Self::Xz => {
                Box::new(XzReader::new_mem_limit(BufReader::new(bytes), true, (DECODER_BYTES_MAX / 1024) as u32))
            }
            Self::Zstd => Box::new(ZstdFrames::new(bytes)),
            Self::Bzip2 => Box::new(MultiBzDecoder::new(bytes)),
        }
    }

    /// The bytes inside, until a budget is spent.
    pub(crate) fn bounded<'a>(self, bytes: Bytes<'a>, budgets: &Budgets) -> Bytes<'a> {
        let taken = Rc::new(Cell::new(0));
        let counted = Counted { inner: bytes, taken: Rc::clone(&taken) };
        let inner = self.decoder(Box::new(counted));
        Box::new(Bounded { inner, taken, given: 0, budgets: budgets.clone() })
    }
}

/// Counts what is read.
pub(crate) struct Counted<'a> {
    pub(crate) inner: Bytes<'a>,
    pub(crate) taken: Rc<Cell<u64>>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.taken.set(self.taken.get() + count as u64);
        Ok(count)
    }
}

/// Ends where a budget is spent.
pub(crate) struct Bounded<'a> {
    pub(crate) inner: Bytes<'a>,
    pub(crate) taken: Rc<Cell<u64>>,
    pub(crate) given: u64,
    pub(crate) budgets: Budgets,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(why) = self.budgets.stop(self.given, self.taken.get()) {
            return Err(ended(Outcome::LimitReached(why)));
        }
        let count = self.inner.read(buffer)?;
        self.given += count as u64;
        Ok(count)
    }
}

/// Zstandard frames one behind the other, and what is to be skipped between them.
pub(crate) struct ZstdFrames<'a> {
    decoder: FrameDecoder,
    source: BufReader<Bytes<'a>>,
    in_frame: bool,
}

impl<'a> ZstdFrames<'a> {
    pub(crate) fn new(source: Bytes<'a>) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(DECODER_BYTES_MAX);
        Self { decoder, source: BufReader::new(source), in_frame: false }
    }

    /// Goes to the next frame; `false` at the end.
    fn begin(&mut self) -> io::Result<bool> {
        if self.source.fill_buf()?.is_empty() {
            return Ok(false);
        }
        match self.decoder.reset(&mut self.source) {
            Ok(()) => self.in_frame = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                io::copy(&mut (&mut self.source).take(u64::from(length)), &mut io::sink())?;
            }
            Err(error) => return Err(zstd_error(error)),
        }
        Ok(true)
    }
}

fn zstd_error(error: FrameDecoderError) -> io::Error {
    match error {
        FrameDecoderError::WindowSizeTooBig { .. } => {
            ended(Outcome::LimitReached("it wants more memory than a decoder gets".into()))
        }
        error => io::Error::other(error),
    }
}

impl Read for ZstdFrames<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.in_frame {
                if !self.begin()? {
                    return Ok(0);
                }
                continue;
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.source, one).map_err(zstd_error)?;
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            let stored = self.decoder.get_checksum_from_data();
            if stored.is_some() && stored != self.decoder.get_calculated_checksum() {
                return Err(damaged("its checksum is not that of its bytes"));
            }
            self.in_frame = false;
        }
    }
}
