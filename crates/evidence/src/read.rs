//! Bytes of a file, hashed while they are read.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use model::file::Outcome;
use sha2::{Digest, Sha256};

use crate::budgets::Budgets;
use crate::containers::codec::Codec;
use crate::containers::listing::Container;
use crate::containers::{Archive, Bytes, Rules, Spring, Work};
use crate::walk::{Input, Inventory, Location, reason};

/// As many bytes as show how a file is compressed.
const CODEC_MAGIC_BYTES: u64 = 10;
/// Between two looks at whether to stop, this much is read at most.
const SKIP_BYTES: u64 = 4 << 20;

/// An opened input.
pub struct Opened<'a> {
    /// The bytes to look at.
    pub stream: Stream<'a>,
    /// It is a single compressed file: the stream gives what is inside, and this is the name inside (`x.log` of
    /// `x.log.gz`).
    pub inside: Option<String>,
}

/// Hashed bytes of an input, decompressed where it is a single compressed file.
pub struct Stream<'a> {
    bytes: Bytes<'a>,
    /// The compressed file around them.
    outer: Option<Shared<'a>>,
    hash: Sha256,
    size: u64,
    /// A second reading is not hashed again.
    hashed: bool,
}

/// An input that is read a second time, for single lines in ascending order: what is compressed is decompressed once.
pub struct Rereading<'a> {
    lines: Lines<'a>,
    /// Where the next byte of a compressed file stands.
    at: u64,
}

enum Lines<'a> {
    Plain(BufReader<File>),
    Stream(Box<BufReader<Stream<'a>>>),
}

/// What the hashes were, once a stream has been read.
pub struct Hashes {
    /// SHA-256 of the bytes the stream gave; `None` where it was not asked for.
    pub sha256: Option<String>,
    /// How many those were.
    pub size: u64,
    /// The same of the file that contains them, for compressed files read to their end.
    pub container: Option<(String, u64)>,
}

struct Hashing<'a> {
    inner: Bytes<'a>,
    hash: Sha256,
    size: u64,
    /// A second reading is not hashed again.
    enabled: bool,
}

/// A compressed file that its decoder reads, and of which the rest is read for its hash when that is done.
#[derive(Clone)]
struct Shared<'a>(Rc<RefCell<Hashing<'a>>>);

impl Inventory {
    /// Opens an input for one pass. A member of a sequence is reached by reading all before it: for a pass over
    /// everything there is [`Inventory::open_sequence`].
    ///
    /// # Errors
    /// What happened instead, as an [`Outcome`].
    pub fn open(&self, input: &Input) -> Result<Opened<'static>, Outcome> {
        self.open_hashed(input, true)
    }

    /// Opens an input once more, for showing single lines of it. `None` where that cannot be done.
    #[must_use]
    pub fn reread(&self, input: &Input) -> Option<Rereading<'static>> {
        let opened = self.open_hashed(input, false).ok()?;
        let lines = match (&input.location, opened.inside) {
            (Location::Path(path), None) => Lines::Plain(BufReader::new(open_file(path).ok()?)),
            _ => Lines::Stream(Box::new(BufReader::new(opened.stream))),
        };
        Some(Rereading { lines, at: 0 })
    }

    fn open_hashed(&self, input: &Input, hashed: bool) -> Result<Opened<'static>, Outcome> {
        if let Some(outcome) = &input.passed_over {
            return Err(outcome.clone());
        }
        let rules = Rules { opening: self.opening.clone(), work: Work::default() };
        let gone = || Outcome::Unreadable("its archive is not in the inventory".into());
        let spring = spring(&self.containers, &input.location, &Arc::new(rules)).ok_or_else(gone)?;
        Opened::begin(spring.bytes()?, input, &self.opening.budgets, hashed)
    }

    /// An archive by its number.
    pub(crate) fn archive(&self, number: u32) -> Option<Archive> {
        let rules = Rules { opening: self.opening.clone(), work: Work::default() };
        archive(&self.containers, number, &Arc::new(rules))
    }
}

/// An archive by its number, with those that it is in.
pub(crate) fn archive(containers: &[Container], number: u32, rules: &Arc<Rules>) -> Option<Archive> {
    let Container { source, codec, format } = containers.get(number as usize)?;
    // An archive stands behind those that it is in: what was tampered with does not lead in circles.
    let outer = containers.get(..number as usize)?;
    let spring = spring(outer, source, rules)?;
    Some(Archive { spring, codec: *codec, format: *format, rules: Arc::clone(rules) })
}

fn spring(containers: &[Container], location: &Location, rules: &Arc<Rules>) -> Option<Spring> {
    Some(match location {
        Location::Path(path) => Spring::File(path.clone()),
        Location::Member { container, member } => {
            Spring::Member(Arc::new(archive(containers, *container, rules)?), member.clone())
        }
    })
}

impl<'a> Rereading<'a> {
    /// Of an input that was opened for that, from its beginning on.
    #[must_use]
    pub fn of(opened: Opened<'a>) -> Self {
        let mut stream = opened.stream;
        stream.leave_unhashed();
        Self { lines: Lines::Stream(Box::new(BufReader::new(stream))), at: 0 }
    }

    /// The bytes from an offset to the next line feed, without it, or to the limit. Empty where that cannot be done,
    /// for an offset of a compressed file that has been passed, and when `stop` says so.
    pub fn line_at(&mut self, offset: u64, limit: usize, stop: &dyn Fn() -> bool) -> Vec<u8> {
        let mut line = Vec::new();
        if !self.go_to(offset, stop) {
            return line;
        }
        // A read error leaves what was read so far.
        let read = match &mut self.lines {
            Lines::Plain(plain) => plain.take(limit as u64).read_until(b'\n', &mut line),
            Lines::Stream(stream) => stream.take(limit as u64).read_until(b'\n', &mut line),
        };
        self.at += line.len() as u64;
        if read.is_ok() && line.last() == Some(&b'\n') {
            line.pop();
        }
        line
    }

    fn go_to(&mut self, offset: u64, stop: &dyn Fn() -> bool) -> bool {
        let stream = match &mut self.lines {
            Lines::Plain(plain) => return !stop() && plain.seek(SeekFrom::Start(offset)).is_ok(),
            Lines::Stream(stream) => stream,
        };
        while self.at < offset {
            if stop() {
                return false;
            }
            match io::copy(&mut stream.take(SKIP_BYTES.min(offset - self.at)), &mut io::sink()) {
                Ok(0) | Err(_) => return false,
                Ok(count) => self.at += count,
            }
        }
        self.at == offset && !stop()
    }
}

impl<'a> Opened<'a> {
    /// Looks at the beginning of an input, and decompresses it where it is a single compressed file.
    pub(crate) fn of(bytes: Bytes<'a>, input: &Input, budgets: &Budgets) -> Result<Self, Outcome> {
        Self::begin(bytes, input, budgets, true)
    }

    fn begin(mut bytes: Bytes<'a>, input: &Input, budgets: &Budgets, hashed: bool) -> Result<Self, Outcome> {
        let mut magic = Vec::new();
        let opening = (&mut bytes).take(CODEC_MAGIC_BYTES).read_to_end(&mut magic);
        let codec = Codec::of(&magic).filter(|_| input.container.is_none());
        let rest: Bytes<'a> = match opening {
            Ok(_) => bytes,
            // What could be read is looked at all the same.
            Err(error) => Box::new(Failing(Some(error))),
        };
        let bytes: Bytes<'a> = Box::new(Cursor::new(magic).chain(rest));
        let (bytes, outer, inside) = match codec {
            None => (bytes, None, None),
            Some(codec) => {
                let hashing = Hashing { inner: bytes, hash: Sha256::new(), size: 0, enabled: hashed };
                let outer = Shared(Rc::new(RefCell::new(hashing)));
                let name = input.path.rsplit(['/', '!']).next().unwrap_or(&input.path);
                (codec.bounded(Box::new(outer.clone()), budgets), Some(outer), Some(codec.inside(name)))
            }
        };
        Ok(Self { stream: Stream { bytes, outer, hash: Sha256::new(), size: 0, hashed }, inside })
    }
}

/// Opens a file to read it, whatever others do with it.
#[cfg(not(windows))]
pub(crate) fn open_file(location: &Path) -> io::Result<File> {
    File::open(location)
}

/// Opens a file to read it, whatever others do with it: they may write, rename and delete it meanwhile. Who has the right
/// to make backups, and uses it, reads what he may not read otherwise.
#[cfg(windows)]
pub(crate) fn open_file(location: &Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt;

    /// Read, write, delete.
    const SHARE_ALL: u32 = 7;
    const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
    File::options().read(true).share_mode(SHARE_ALL).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(location)
}

/// Why a file that was listed a moment ago cannot be opened. Gone, or refused because of what it is: somebody takes
/// files away while they are read, and that is an antivirus program. A refusal for lack of rights is no such sign.
pub(crate) fn not_opened(error: io::Error) -> Outcome {
    /// Numbers of Windows: the file holds a virus, and: it was removed because of one.
    const HELD_BACK: [i32; 2] = [225, 226];
    let is_held_back = cfg!(windows) && error.raw_os_error().is_some_and(|number| HELD_BACK.contains(&number));
    if error.kind() == io::ErrorKind::NotFound || is_held_back {
        return Outcome::Vanished;
    }
    Outcome::Unreadable(reason(&error))
}

impl Stream<'_> {
    /// Nobody asks for the hash of this file: what is read from here on is not hashed.
    pub fn leave_unhashed(&mut self) {
        self.hashed = false;
    }

    /// The hashes of what was read. The rest of a container is read for its own, unless the run is to end.
    #[must_use]
    pub fn finish(self, to_end: bool) -> Hashes {
        let container = self.outer.and_then(|mut outer| {
            let whole = to_end && io::copy(&mut outer, &mut io::sink()).is_ok();
            let hashing = outer.0.borrow();
            whole.then(|| (hex(hashing.hash.clone()), hashing.size))
        });
        Hashes { sha256: self.hashed.then(|| hex(self.hash)), size: self.size, container }
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(buffer)?;
        if self.hashed {
            self.hash.update(buffer.get(..count).unwrap_or_default());
        }
        self.size += count as u64;
        Ok(count)
    }
}

impl Read for Shared<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut hashing = self.0.borrow_mut();
        let count = hashing.inner.read(buffer)?;
        if hashing.enabled {
            hashing.hash.update(buffer.get(..count).unwrap_or_default());
        }
        hashing.size += count as u64;
        Ok(count)
    }
}

/// Ends with what happened before.
pub(crate) struct Failing(pub(crate) Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
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
