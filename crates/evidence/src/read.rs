//! Bytes of a file, hashed while they are read.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use flate2::read::MultiGzDecoder;
use model::file::Outcome;
use sha2::{Digest, Sha256};

use crate::walk::{Input, Inventory, reason};

/// More decompressed bytes than this of one gzip file are not read.
pub const GZIP_BYTES_MAX: u64 = 256 << 30;
/// A gzip file that swells more than this, once it is past [`GZIP_BYTES_FREE`], is a bomb. Logs shrink 10 to 40 times.
pub const GZIP_RATIO_MAX: u64 = 400;
/// Below this size the ratio says nothing.
pub const GZIP_BYTES_FREE: u64 = 64 << 20;

/// An opened input.
pub struct Opened {
    /// The bytes to look at.
    pub stream: Stream,
    /// It is a gzip file: the stream gives what is inside, and this is the name inside (`x.log` of `x.log.gz`).
    pub inside: Option<String>,
}

/// Hashed bytes of an input, decompressed where it is a gzip file.
pub struct Stream {
    source: Source,
    hash: Sha256,
    size: u64,
}

enum Source {
    Plain(Hashing<File>),
    Gzip(Box<MultiGzDecoder<Hashing<File>>>),
}

/// What the hashes were, once a stream has been read.
pub struct Hashes {
    /// SHA-256 of the bytes the stream gave.
    pub sha256: String,
    /// How many those were.
    pub size: u64,
    /// The same of the file that contains them, for gzip files read to their end.
    pub container: Option<(String, u64)>,
}

struct Hashing<R> {
    inner: R,
    hash: Sha256,
    size: u64,
    /// The plain stream hashes at the outer level; hashing here as well would do it twice.
    enabled: bool,
}

impl Inventory {
    /// Opens an input for one pass.
    ///
    /// # Errors
    /// What happened instead, as an [`Outcome`].
    pub fn open(&self, input: &Input) -> Result<Opened, Outcome> {
        if let Some(outcome) = &input.passed_over {
            return Err(outcome.clone());
        }
        let failed = |error: io::Error| Outcome::Unreadable(reason(&error));
        let mut file = File::open(&input.location).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(Outcome::NotRegular);
        }
        let mut magic = [0; 3];
        let is_gzip = file.read_exact(&mut magic).is_ok() && magic == [0x1F, 0x8B, 0x08];
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let hashing = Hashing { inner: file, hash: Sha256::new(), size: 0, enabled: is_gzip };
        let (source, inside) = if is_gzip {
            let name = input.path.rsplit('/').next().unwrap_or(&input.path);
            let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".GZ")).unwrap_or(name);
            (Source::Gzip(Box::new(MultiGzDecoder::new(hashing))), Some(name.to_owned()))
        } else {
            (Source::Plain(hashing), None)
        };
        Ok(Opened { stream: Stream { source, hash: Sha256::new(), size: 0 }, inside })
    }

    /// Reads up to `limit` bytes at an offset, for showing a record again. Empty where that cannot be done.
    #[must_use]
    pub fn read_at(&self, input: &Input, offset: u64, limit: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Ok(opened) = self.open(input) {
            let mut stream = opened.stream;
            let skipped = match &mut stream.source {
                Source::Plain(plain) => plain.inner.seek(SeekFrom::Start(offset)).is_ok(),
                Source::Gzip(_) => {
                    io::copy(&mut (&mut stream).take(offset), &mut io::sink()).is_ok_and(|n| n == offset)
                }
            };
            if skipped {
                // A read error leaves what was read so far.
                _ = (&mut stream).take(limit as u64).read_to_end(&mut bytes);
            }
        }
        bytes
    }
}

impl Stream {
    /// The hashes of what was read. The rest of a container is read for its own.
    #[must_use]
    pub fn finish(self) -> Hashes {
        let container = match self.source {
            Source::Plain(_) => None,
            Source::Gzip(decoder) => {
                let mut hashing = decoder.into_inner();
                let whole = io::copy(&mut hashing, &mut io::sink()).is_ok();
                whole.then(|| (hex(hashing.hash), hashing.size))
            }
        };
        Hashes { sha256: hex(self.hash), size: self.size, container }
    }

    /// A decompressed stream that swells past its limits ends here.
    fn swells(&self) -> bool {
        match &self.source {
            Source::Plain(_) => false,
            Source::Gzip(decoder) => {
                let compressed = decoder.get_ref().size.max(1);
                self.size > GZIP_BYTES_MAX || (self.size > GZIP_BYTES_FREE && self.size / compressed > GZIP_RATIO_MAX)
            }
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.swells() {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "decompresses past its limit"));
        }
        let count = match &mut self.source {
            Source::Plain(plain) => plain.read(buffer)?,
            Source::Gzip(gzip) => gzip.read(buffer)?,
        };
        self.hash.update(buffer.get(..count).unwrap_or_default());
        self.size += count as u64;
        Ok(count)
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if self.enabled {
            self.hash.update(buffer.get(..count).unwrap_or_default());
        }
        self.size += count as u64;
        Ok(count)
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
