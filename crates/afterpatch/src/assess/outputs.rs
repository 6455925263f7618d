//! Writes the files of an assessment: whole or not at all, and never through a link.
//!
//! Each file is written under a fresh name in the folder of the results, brought to the disk and put in its place by
//! renaming. What stood there before, which may be a link to evidence, is replaced and never opened.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use evidence::Inventory;
use model::assessment::Assessment;
use model::file::FileRecord;
use report::custody::{CUSTODY, Written};
use sha2::{Digest, Sha256};

use crate::exit::{Exit, Failure};

/// Name of the page, for the last line on screen.
pub const REPORT: &str = "report.html";

/// Leftovers of other runs that are stepped over in search of a fresh name.
const FRESH_NAMES_MAX: u32 = 100;
/// So much must fit on the disk before anything is read.
const PROBE_BYTES: usize = 64 << 10;

/// Refuses a folder that cannot be written to, before hours go into reading. Leaves nothing behind: where the folder is
/// absent, its nearest existing parent is tried.
pub fn prepare(folder: &Path) -> Result<(), Failure> {
    let probed = nearest(folder).and_then(|existing| {
        let mut probe = Fresh::new(&existing, "probe")?;
        probe.fill(|out| out.write_all(&[0; PROBE_BYTES])).map(|_| ())
    });
    probed.map_err(|error| cannot_write(folder, &error))
}

/// Writes all outputs to a folder that lies outside the evidence. Handed back is the SHA-256 of `custody.json`, which stands
/// for all of them.
pub fn write(
    folder: &Path,
    evidence: &[PathBuf],
    assessment: &Assessment,
    files: &[FileRecord],
    tables: &[(&str, &str)],
) -> Result<String, Failure> {
    fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
    // Once more, now that all of the path exists and no link in it can be overlooked.
    Inventory::refuse_output_inside(evidence, folder).map_err(super::refused)?;
    let all: [(&str, &Fill<'_>); 5] = [
        ("assessment.json", &|out| report::json::write(assessment, out)),
        ("timeline.csv", &|out| report::timeline::write_csv(assessment, out)),
        ("timeline.jsonl", &|out| report::timeline::write_jsonl(assessment, out)),
        ("manifest.jsonl", &|out| report::manifest::write(files, out).map(|_| ())),
        (REPORT, &|out| out.write_all(report::html::report(assessment, files).as_bytes())),
    ];
    let fills: Vec<_> = tables.iter().map(|(_, text)| |out: &mut dyn Write| out.write_all(text.as_bytes())).collect();
    let fills = fills.iter().map(|fill| fill as &Fill<'_>);
    let tables: Vec<(&str, &Fill<'_>)> = tables.iter().map(|(name, _)| *name).zip(fills).collect();
    let seal = |written: Vec<Written>| (CUSTODY, report::custody::text(assessment, written));
    let sealed = replace(folder, &[&all, tables.as_slice()].concat(), Some(&seal));
    sealed.map(Option::unwrap_or_default).map_err(|error| cannot_write(folder, &error))
}

/// Writes one file of its own, whole or not at all.
pub fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    let growing = Growing::new(path)?;
    growing.file().write_all(text.as_bytes()).map_err(|error| cannot_write_file(path, &error))?;
    growing.put()
}

/// A file that is written bit by bit. It stands under a fresh name until it is put in its place.
pub struct Growing {
    into: Into,
    path: PathBuf,
}

enum Into {
    /// A new file beside it, which takes its place in the end.
    Beside(Fresh),
    /// A device or a pipe is written as it is: nothing may take its place.
    Straight(File),
}

impl Growing {
    /// An empty file.
    pub fn new(path: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| cannot_write_file(path, &error);
        let name =
            path.file_name().filter(|_| !path.is_dir()).ok_or_else(|| failed(io::ErrorKind::IsADirectory.into()))?;
        let into = if path.metadata().is_ok_and(|there| !there.is_file()) {
            Into::Straight(OpenOptions::new().write(true).open(path).map_err(failed)?)
        } else {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Into::Beside(Fresh::new(folder, &name.to_string_lossy()).map_err(failed)?)
        };
        Ok(Self { into, path: path.to_owned() })
    }

    /// To write to.
    pub fn file(&self) -> &File {
        match &self.into {
            Into::Beside(fresh) => &fresh.file,
            Into::Straight(file) => file,
        }
    }

    /// Brings it to the disk and puts it in its place.
    pub fn put(self) -> Result<(), Failure> {
        let Self { into: Into::Beside(fresh), path } = self else { return Ok(()) };
        fresh.file.sync_all().and_then(|()| fresh.put(&path)).map_err(|error| cannot_write_file(&path, &error))
    }
}

fn cannot_write_file(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Usage, format!("cannot write `{}`: {error}", path.display()))
        .hint("choose another file with -o FILE")
}

/// Writes what stands in one file.
type Fill<'a> = dyn Fn(&mut dyn Write) -> io::Result<()> + 'a;

/// Results have no place.
pub fn cannot_write(folder: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Usage, format!("cannot write results to `{}`: {error}", folder.display()))
        .hint("choose another folder with -o DIR")
}

/// Makes one more file of what was written of the others.
type Seal<'a> = dyn Fn(Vec<Written>) -> (&'static str, String) + 'a;

/// Nothing is put in its place before everything has been written. The seal comes last, and the signature of an older
/// one goes: it signs what is no longer there. Handed back is the SHA-256 of the seal.
fn replace(folder: &Path, all: &[(&str, &Fill<'_>)], seal: Option<&Seal<'_>>) -> io::Result<Option<String>> {
    let (mut fresh, mut written) = (Vec::new(), Vec::new());
    for (name, fill) in all {
        let mut file = Fresh::new(folder, name)?;
        let (size, sha256) = file.fill(fill)?;
        written.push(Written { name: (*name).to_owned(), size, sha256 });
        fresh.push((file, *name));
    }
    let mut sealed = None;
    if let Some(seal) = seal {
        let (name, text) = seal(written);
        let mut file = Fresh::new(folder, name)?;
        sealed = Some(file.fill(|out| out.write_all(text.as_bytes()))?.1);
        fresh.push((file, name));
        match fs::remove_file(folder.join(format!("{name}.minisig"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fresh.into_iter().try_for_each(|(file, name)| file.put(&folder.join(name)))?;
    Ok(sealed)
}

/// The folder itself or the nearest parent that exists.
fn nearest(folder: &Path) -> io::Result<PathBuf> {
    for path in folder.ancestors() {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => return Ok(path.to_owned()),
            Ok(_) => return Err(io::ErrorKind::NotADirectory.into()),
            // A link that leads nowhere is in the way.
            Err(error) if error.kind() != io::ErrorKind::NotFound || fs::symlink_metadata(path).is_ok() => {
                return Err(error);
            }
            Err(_) => {}
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// A file under a name that nothing had before. It is removed unless it is put in its place.
struct Fresh {
    /// Empty once it is in its place.
    path: PathBuf,
    file: File,
}

impl Fresh {
    fn new(folder: &Path, name: &str) -> io::Result<Self> {
        let mut number = 0;
        loop {
            let path = folder.join(format!(".{name}.{number}.part"));
            // Neither truncates nor follows a link.
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok(Self { path, file }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < FRESH_NAMES_MAX => number += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Size and SHA-256 of what was written.
    fn fill(&mut self, fill: impl Fn(&mut dyn Write) -> io::Result<()>) -> io::Result<(u64, String)> {
        let mut out = Hashed { inner: BufWriter::new(&self.file), hash: Sha256::new(), size: 0 };
        fill(&mut out)?;
        // Dropping the writer would swallow the error of a full disk.
        out.flush()?;
        let Hashed { inner, hash, size } = out;
        drop(inner);
        self.file.sync_all()?;
        Ok((size, hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    fn put(mut self, place: &Path) -> io::Result<()> {
        fs::rename(&self.path, place)?;
        self.path.clear();
        Ok(())
    }
}

/// Hashes what goes through it.
struct Hashed<W> {
    inner: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..count).unwrap_or_default());
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // Nothing better can be done.
            _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{self, Write};
    use std::path::Path;

    use tempfile::TempDir;

    use super::{prepare, replace};

    fn names(folder: &Path) -> Vec<String> {
        // No evidence: the folder of this test.
        #[allow(clippy::disallowed_methods)]
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[allow(clippy::disallowed_methods)]
    fn content(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    fn say(text: &'static str) -> impl Fn(&mut dyn Write) -> io::Result<()> {
        move |out| out.write_all(text.as_bytes())
    }

    #[test]
    fn files_are_replaced_whole() {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("a"), "a longer text from before").unwrap();
        fs::write(folder.path().join(".a.0.part"), "left by a run that was killed").unwrap();
        replace(folder.path(), &[("a", &say("new")), ("b", &say("also new"))], None).unwrap();
        assert_eq!(names(folder.path()), [".a.0.part", "a", "b"]);
        assert_eq!(content(&folder.path().join("a")), "new");
    }

    #[test]
    fn links_are_replaced_and_not_written_through() {
        let folder = TempDir::new().unwrap();
        let (evidence, output) = (folder.path().join("evidence"), folder.path().join("output"));
        fs::write(&evidence, "as it was").unwrap();
        fs::create_dir(&output).unwrap();
        fs::hard_link(&evidence, output.join("hard")).unwrap();
        #[cfg(unix)]
        for name in ["soft", ".soft.0.part"] {
            std::os::unix::fs::symlink(&evidence, output.join(name)).unwrap();
        }
        replace(&output, &[("hard", &say("new")), ("soft", &say("new"))], None).unwrap();
        assert_eq!(content(&evidence), "as it was");
        assert_eq!((content(&output.join("hard")), content(&output.join("soft"))), ("new".into(), "new".into()));
        assert!(!fs::symlink_metadata(output.join("soft")).unwrap().is_symlink());
    }

    #[test]
    fn an_error_leaves_everything_as_it_was() {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("a"), "before").unwrap();
        let full = |out: &mut dyn Write| out.write_all(b"half").and(Err(io::ErrorKind::StorageFull.into()));
        let error = replace(folder.path(), &[("a", &say("new")), ("b", &full)], None).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(names(folder.path()), ["a"]);
        assert_eq!(content(&folder.path().join("a")), "before");
        fs::create_dir(folder.path().join("taken")).unwrap();
        assert!(replace(folder.path(), &[("taken", &say("new"))], None).is_err());
        assert_eq!(names(folder.path()), ["a", "taken"]);
    }

    #[test]
    fn preparing_leaves_nothing_behind() {
        let folder = TempDir::new().unwrap();
        for path in ["", "absent", "absent/deeper", "absent/../other"] {
            prepare(&folder.path().join(path)).unwrap();
        }
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn preparing_refuses_what_is_no_folder() {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        for path in ["file", "file/below"] {
            assert!(prepare(&folder.path().join(path)).is_err(), "{path}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("nowhere", folder.path().join("link")).unwrap();
            assert!(prepare(&folder.path().join("link")).is_err() && prepare(&folder.path().join("link/a")).is_err());
            // Nobody, not even root, makes files there.
            assert!(!Path::new("/proc/self").exists() || prepare(Path::new("/proc/self/results")).is_err());
        }
        assert!(!names(folder.path()).iter().any(|name| name.ends_with(".part")));
    }
}
