//! What was read so far, beside the results until these are written: a run that is killed goes on where it was.
//!
//! A record per file, with its length and a checksum. A record that was torn ends the journal; what follows is read
//! again. The journal holds for the same evidence, rules and program only.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use evidence::Inventory;
use model::assessment::PackIdentity;
use model::file::{Kind, Outcome};
use sha2::{Digest, Sha256};

use super::arrived::Arrived;
use super::work::Observed;

/// Its name in the folder for results.
pub const JOURNAL: &str = "resume.partial";
/// A longer record is none of ours.
const RECORD_BYTES_MAX: u32 = 1 << 30;
const MAGIC: &[u8; 8] = b"afterp\0\x01";

/// For what a journal holds.
pub type Key = [u8; 32];

/// A journal that is written. It stands in its folder from the first file on that was recognised: a run that finds
/// nothing to judge leaves nothing behind.
pub struct Journal {
    path: PathBuf,
    file: Option<File>,
    /// What goes in front of the next record.
    pending: Vec<u8>,
}

/// Of the same evidence, rules and program comes the same key.
pub fn key(inventory: &Inventory, packs: &[PackIdentity], rules: usize, range: &str) -> Key {
    let mut digest = Sha256::new();
    let mut add = |text: &[u8]| {
        digest.update((text.len() as u64).to_le_bytes());
        digest.update(text);
    };
    add(env!("CARGO_PKG_VERSION").as_bytes());
    add(range.as_bytes());
    add(&(rules as u64).to_le_bytes());
    packs.iter().for_each(|pack| add(pack.sha256.as_bytes()));
    for input in &inventory.inputs {
        add(input.path.as_bytes());
        add(&input.size.to_le_bytes());
    }
    digest.finalize().into()
}

/// What an earlier run left.
pub enum Left {
    /// Files that are done.
    Files(Vec<(u32, Observed)>),
    /// No journal.
    Nothing,
    /// A journal of other evidence, other rules or another version.
    Other,
}

/// Reads what an earlier run left in a folder, without what stands behind a torn record.
pub fn read(folder: &Path, key: &Key) -> Left {
    let path = folder.join(JOURNAL);
    // A link could lead to evidence.
    if !path.symlink_metadata().is_ok_and(|there| there.is_file()) {
        return Left::Nothing;
    }
    // Our own file among our own results.
    #[allow(clippy::disallowed_methods)]
    let Ok(file) = File::open(path) else { return Left::Nothing };
    let mut from = BufReader::new(file);
    let mut begin = [0; 40];
    if from.read_exact(&mut begin).is_err() || begin[..8] != MAGIC[..] || begin[8..] != key[..] {
        return Left::Other;
    }
    let mut files = Vec::new();
    while let Some(record) = next(&mut from).and_then(|record| postcard::from_bytes(&record).ok()) {
        files.push(record);
    }
    Left::Files(files)
}

impl Journal {
    /// A new journal.
    pub fn new(folder: &Path, key: &Key) -> Self {
        Self { path: folder.join(JOURNAL), file: None, pending: [&MAGIC[..], key].concat() }
    }

    /// Goes on with a journal that was just read.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn go_on(folder: &Path) -> io::Result<Self> {
        let path = folder.join(JOURNAL);
        let mut file = OpenOptions::new().read(true).write(true).open(&path)?;
        let end = whole_records(&mut BufReader::new(&file));
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        Ok(Self { path, file: Some(file), pending: Vec::new() })
    }

    /// Adds a file that is done. One that an interruption cut short is not: it will be read again.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn add(&mut self, number: u32, arrived: &Arrived) -> io::Result<()> {
        let told = &arrived.observed.accounted.record;
        if told.outcome == Outcome::Interrupted {
            return Ok(());
        }
        let record = postcard::to_extend(&number, vec![0; 8]).map_err(io::Error::other)?;
        let mut record = arrived.encode(record).map_err(io::Error::other)?;
        let body = record.get(8..).unwrap_or_default();
        let (length, sum) = (u32::try_from(body.len()).map_err(io::Error::other)?, crc32fast::hash(body));
        if let Some(begin) = record.first_chunk_mut::<8>() {
            begin[..4].copy_from_slice(&length.to_le_bytes());
            begin[4..].copy_from_slice(&sum.to_le_bytes());
        }
        self.pending.append(&mut record);
        if self.file.is_none() && matches!(told.kind, Kind::Other | Kind::Container) {
            return Ok(());
        }
        // In one call: a process that is killed between two leaves a torn record, which is noticed.
        let pending = std::mem::take(&mut self.pending);
        self.file()?.write_all(&pending)
    }

    fn file(&mut self) -> io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                self.path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
                // What stands there may be a link: it is replaced and never opened.
                match std::fs::remove_file(&self.path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => OpenOptions::new().write(true).create_new(true).open(&self.path)?,
                }
            }
        };
        Ok(self.file.insert(file))
    }

    /// The results are written: nothing has to be done again.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn remove(self) -> io::Result<()> {
        if self.file.is_some() { std::fs::remove_file(self.path) } else { Ok(()) }
    }
}

/// Where the last whole record ends.
fn whole_records(from: &mut impl Read) -> u64 {
    let mut end = 40;
    if io::copy(&mut from.take(end), &mut io::sink()).is_ok() {
        while let Some(record) = next(from) {
            end += 8 + record.len() as u64;
        }
    }
    end
}

fn next(from: &mut impl Read) -> Option<Vec<u8>> {
    let mut begin = [0; 8];
    from.read_exact(&mut begin).ok()?;
    let (length, sum) = begin.split_first_chunk::<4>()?;
    let (length, sum) = (u32::from_le_bytes(*length), u32::from_le_bytes(sum.try_into().ok()?));
    let mut record = Vec::new();
    from.take(u64::from(length.min(RECORD_BYTES_MAX))).read_to_end(&mut record).ok()?;
    (record.len() == length as usize && crc32fast::hash(&record) == sum).then_some(record)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests look at their own journal")]
mod tests {
    use model::file::Outcome;
    use tempfile::TempDir;

    use super::{JOURNAL, Journal, Left, read};
    use crate::assess::arrived::Arrived;
    use crate::assess::reading;
    use crate::assess::work::Observed;

    const KEY: [u8; 32] = [7; 32];

    fn observed(name: &str, outcome: Outcome) -> Arrived {
        let accounted = reading::Accounted {
            record: reading::record(name, 1, model::file::Kind::WebFile, outcome),
            host: String::new(),
            decoded: false,
        };
        let told = Some(detect::observe::FileTally::default());
        Arrived::here(Observed { accounted, container: None, suggested: None, told })
    }

    fn names(left: Left) -> Option<Vec<(u32, String)>> {
        match left {
            Left::Files(files) => {
                Some(files.into_iter().map(|(number, file)| (number, file.accounted.record.path)).collect())
            }
            _ => None,
        }
    }

    #[test]
    fn goes_on_behind_the_last_whole_record() {
        let folder = TempDir::new().unwrap();
        assert!(matches!(read(folder.path(), &KEY), Left::Nothing));
        let mut journal = Journal::new(folder.path(), &KEY);
        for (number, name) in [(0, "a"), (1, "b")] {
            journal.add(number, &observed(name, Outcome::Complete)).unwrap();
        }
        journal.add(2, &observed("cut short", Outcome::Interrupted)).unwrap();
        drop(journal);
        let path = folder.path().join(JOURNAL);
        let whole = std::fs::read(&path).unwrap();
        let both = [(0, "a".to_owned()), (1, "b".to_owned())];
        assert_eq!(names(read(folder.path(), &KEY)).unwrap(), both);
        assert!(matches!(read(folder.path(), &[8; 32]), Left::Other), "of other evidence");
        let travelled: Vec<u8> = postcard::to_stdvec(&observed("d", Outcome::Complete)).unwrap();
        let mut journal = Journal::go_on(folder.path()).unwrap();
        journal.add(3, &postcard::from_bytes(&travelled).unwrap()).unwrap();
        let all = names(read(folder.path(), &KEY)).unwrap();
        assert_eq!(all[2], (3, "d".to_owned()), "as it came from another process");
        for cut in 41..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let kept = names(read(folder.path(), &KEY)).unwrap();
            assert!(kept.len() < 2 && both.starts_with(&kept), "{cut}");
            let mut journal = Journal::go_on(folder.path()).unwrap();
            journal.add(9, &observed("c", Outcome::Complete)).unwrap();
            drop(journal);
            let last = names(read(folder.path(), &KEY)).unwrap().pop().unwrap();
            assert_eq!(last, (9, "c".to_owned()), "{cut}: what is added stands behind whole records");
        }
        for at in 40..whole.len() {
            let mut bad = whole.clone();
            bad[at] ^= 0x40;
            std::fs::write(&path, &bad).unwrap();
            assert!(names(read(folder.path(), &KEY)).unwrap().len() < 2, "a flipped bit at {at} is noticed");
        }
    }
}
