//! Bytes of a file, hashed while they are read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

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
/// Between two looks at whether to stop, this much is read at most.
const SKIP_BYTES: u64 = 4 << 20;

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
    /// A second reading is not hashed again.
    hashed: bool,
}

/// An input that is read a second time, for single lines in ascending order: a gzip file is decompressed once.
pub struct Rereading {
    lines: Lines,
    /// Where the next byte of a gzip file stands.
    at: u64,
}

enum Lines {
    Plain(BufReader<File>),
    Gzip(Box<BufReader<Stream>>),
}

enum Source {
    Plain(Hashing<File>),
    Gzip(Box<MultiGzDecoder<Hashing<File>>>),
}

/// What the hashes were, once a stream has been read.
pub struct Hashes {
    /// SHA-256 of the bytes the stream gave; `None` where it was not asked for.
    pub sha256: Option<String>,
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
        open(input, true)
    }

    /// Opens an input once more, for showing single lines of it. `None` where that cannot be done.
    #[must_use]
    pub fn reread(&self, input: &Input) -> Option<Rereading> {
        let stream = open(input, false).ok()?.stream;
        let lines = match stream.source {
            Source::Plain(plain) => Lines::Plain(BufReader::new(plain.inner)),
            Source::Gzip(_) => Lines::Gzip(Box::new(BufReader::new(stream))),
        };
        Some(Rereading { lines, at: 0 })
    }
}

impl Rereading {
    /// The bytes from an offset to the next line feed, without it, or to the limit. Empty where that cannot be done,
    /// for an offset of a gzip file that has been passed, and when `stop` says so.
    pub fn line_at(&mut self, offset: u64, limit: usize, stop: &dyn Fn() -> bool) -> Vec<u8> {
        let mut line = Vec::new();
        if !self.go_to(offset, stop) {
            return line;
        }
        // A read error leaves what was read so far.
        let read = match &mut self.lines {
            Lines::Plain(plain) => plain.take(limit as u64).read_until(b'\n', &mut line),
            Lines::Gzip(gzip) => gzip.take(limit as u64).read_until(b'\n', &mut line),
        };
        self.at += line.len() as u64;
        if read.is_ok() && line.last() == Some(&b'\n') {
            line.pop();
        }
        line
    }

    fn go_to(&mut self, offset: u64, stop: &dyn Fn() -> bool) -> bool {
        let gzip = match &mut self.lines {
            Lines::Plain(plain) => return !stop() && plain.seek(SeekFrom::Start(offset)).is_ok(),
            Lines::Gzip(gzip) => gzip,
        };
        while self.at < offset {
            if stop() {
                return false;
            }
            match io::copy(&mut gzip.take(SKIP_BYTES.min(offset - self.at)), &mut io::sink()) {
                Ok(0) | Err(_) => return false,
                Ok(count) => self.at += count,
            }
        }
        self.at == offset && !stop()
    }
}

fn open(input: &Input, hashed: bool) -> Result<Opened, Outcome> {
    if let Some(outcome) = &input.passed_over {
        return Err(outcome.clone());
    }
    let failed = |error: io::Error| Outcome::Unreadable(reason(&error));
    let mut file = open_file(&input.location).map_err(not_opened)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(Outcome::NotRegular);
    }
    let mut magic = [0; 3];
    let is_gzip = file.read_exact(&mut magic).is_ok() && magic == [0x1F, 0x8B, 0x08];
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    let hashing = Hashing { inner: file, hash: Sha256::new(), size: 0, enabled: is_gzip && hashed };
    let (source, inside) = if is_gzip {
        let name = input.path.rsplit('/').next().unwrap_or(&input.path);
        let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".GZ")).unwrap_or(name);
        (Source::Gzip(Box::new(MultiGzDecoder::new(hashing))), Some(name.to_owned()))
    } else {
        (Source::Plain(hashing), None)
    };
    Ok(Opened { stream: Stream { source, hash: Sha256::new(), size: 0, hashed }, inside })
}

/// Opens a file to read it, whatever others do with it.
#[cfg(not(windows))]
fn open_file(location: &Path) -> io::Result<File> {
    File::open(location)
}

/// Opens a file to read it, whatever others do with it: they may write, rename and delete it meanwhile. Who has the right
/// to make backups, and uses it, reads what he may not read otherwise.
#[cfg(windows)]
fn open_file(location: &Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt;

    /// Read, write, delete.
    const SHARE_ALL: u32 = 7;
    const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
    File::options().read(true).share_mode(SHARE_ALL).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(location)
}

/// Why a file that was listed a moment ago cannot be opened. Gone, or refused because of what it is: somebody takes
/// files away while they are read, and that is an antivirus program. A refusal for lack of rights is no such sign.
fn not_opened(error: io::Error) -> Outcome {
    /// Numbers of Windows: the file holds a virus, and: it was removed because of one.
    const HELD_BACK: [i32; 2] = [225, 226];
    let is_held_back = cfg!(windows) && error.raw_os_error().is_some_and(|number| HELD_BACK.contains(&number));
    if error.kind() == io::ErrorKind::NotFound || is_held_back {
        return Outcome::Vanished;
    }
    Outcome::Unreadable(reason(&error))
}

impl Stream {
    /// Nobody asks for the hash of this file: what is read from here on is not hashed.
    pub fn leave_unhashed(&mut self) {
        self.hashed = false;
    }

    /// The hashes of what was read. The rest of a container is read for its own, unless the run is to end.
    #[must_use]
    pub fn finish(self, to_end: bool) -> Hashes {
        let container = match self.source {
            Source::Plain(_) => None,
            Source::Gzip(decoder) => {
                let mut hashing = decoder.into_inner();
                let whole = to_end && io::copy(&mut hashing, &mut io::sink()).is_ok();
                whole.then(|| (hex(hashing.hash), hashing.size))
            }
        };
        Hashes { sha256: self.hashed.then(|| hex(self.hash)), size: self.size, container }
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
        if self.hashed {
            self.hash.update(buffer.get(..count).unwrap_or_default());
        }
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use crate::walk::Inventory;
    use crate::walk::tests::Folder;

    /// Three lines, one of them longer than the others together, and no line feed at the end.
    fn text() -> Vec<u8> {
        [b"first\n".to_vec(), vec![b'x'; 9 << 20], b"\r\nlast".to_vec()].concat()
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn folder(name: &str) -> (Folder, Inventory) {
        let folder = Folder::new(name);
        folder.put("plain.log", &text());
        folder.put("zipped.log.gz", &gzip(&text()));
        let inventory = Inventory::walk(&[folder.path("")]).unwrap();
        (folder, inventory)
    }

    #[test]
    fn lines_again_from_plain_and_gzip_files_alike() {
        let (_folder, inventory) = folder("lines_again");
        for input in &inventory.inputs {
            let mut again = inventory.reread(input).unwrap();
            assert_eq!(again.line_at(0, 100, &|| false), b"first", "{}", input.path);
            assert_eq!(again.line_at(8, 100, &|| false), [b'x'; 100], "cut at its limit: {}", input.path);
            let last = 6 + (9 << 20) + 2;
            assert_eq!(again.line_at(last, 100, &|| false), b"last", "{}", input.path);
            assert_eq!(again.line_at(last + 50, 100, &|| false), b"", "past the end: {}", input.path);
        }
    }

    #[test]
    fn a_file_that_goes_away_before_it_is_read_has_vanished() {
        let (folder, inventory) = folder("vanished");
        std::fs::remove_file(folder.path("plain.log")).unwrap();
        let outcomes: Vec<_> = inventory
            .inputs
            .iter()
            .map(|input| inventory.open(input).err().map(|outcome| (input.path.clone(), outcome)))
            .collect();
        assert_eq!(outcomes, [Some(("plain.log".to_owned(), model::file::Outcome::Vanished)), None]);
    }

    #[test]
    fn a_gzip_file_is_not_read_backwards() {
        let (_folder, inventory) = folder("backwards");
        let mut again = inventory.reread(&inventory.inputs[1]).unwrap();
        assert_eq!(again.line_at(6, 10, &|| false), b"xxxxxxxxxx");
        assert_eq!(again.line_at(0, 10, &|| false), b"");
    }

    #[test]
    fn reading_again_stops_on_the_way() {
        let (_folder, inventory) = folder("stops");
        for input in &inventory.inputs {
            let mut again = inventory.reread(input).unwrap();
            assert_eq!(again.line_at(0, 100, &|| true), b"", "{}", input.path);
        }
        let looks = std::cell::Cell::new(0);
        let stop = || looks.replace(looks.get() + 1) == 1;
        let mut again = inventory.reread(&inventory.inputs[1]).unwrap();
        assert_eq!(again.line_at(6 + (9 << 20) + 2, 100, &stop), b"");
        assert_eq!(looks.get(), 2, "it looks before every stretch");
    }
}
