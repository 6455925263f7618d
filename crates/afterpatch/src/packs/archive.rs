//! The pack file: a pack as one tar archive, the same bytes for the same pack.
//!
//! Members are `ID/path`, sorted, without times, owners or rights. On reading only that is taken: regular files with
//! plain relative paths under one folder, within limits, and an end where the end belongs. Nothing is ever extracted.
//!
//! Format: ustar (POSIX.1-1988).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{Cursor, Read};

use detect::pack::{FILE_BYTES_MAX, PackFiles};
use tar::{Archive, Builder, EntryType, Header};

use super::open::{PACK_BYTES_MAX, PACK_DEPTH_MAX, PACK_FILES_MAX};

/// Upper bound of a pack file: its files, and a header and padding for each.
pub const ARCHIVE_BYTES_MAX: u64 = PACK_BYTES_MAX + (PACK_FILES_MAX as u64 + 1) * 1024;
/// Upper bound of the path of a member, a limit of the format.
const PATH_BYTES_MAX: usize = 255;
/// Two blocks of nothing end an archive.
const END: [u8; 1024] = [0; 1024];
const BLOCK: u64 = 512;

/// The pack as one file; an error in words where a path does not fit.
pub fn write(pack: &PackFiles) -> Result<Vec<u8>, String> {
    let mut sorted: Vec<(String, &[u8])> =
        pack.files.iter().map(|(path, bytes)| (format!("{}/{path}", pack.id), &**bytes)).collect();
    sorted.sort_unstable();
    let mut builder = Builder::new(Vec::new());
    for (path, bytes) in sorted {
        refuse_path(&path)?;
        let mut header = Header::new_ustar();
        header.set_path(&path).map_err(|error| format!("has a path `{path}` that does not fit: {error}"))?;
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_cksum();
        builder.append(&header, bytes).map_err(|error| format!("cannot be put into a file: {error}"))?;
    }
    builder.into_inner().map_err(|error| format!("cannot be put into a file: {error}"))
}

/// The pack in a file; an error says in words what is wrong with the file: `is cut off`.
pub fn read(bytes: &[u8]) -> Result<PackFiles, String> {
    let mut archive = Archive::new(Cursor::new(bytes));
    // Raw: extensions that give a member another path or size are members here, and refused.
    let entries = archive.entries().map_err(|_| no_pack())?.raw(true);
    let mut reading = Reading { id: None, files: Vec::new(), seen: BTreeSet::new(), bytes: 0, end: 0 };
    for entry in entries {
        let mut entry =
            entry.map_err(|_| if reading.files.is_empty() { no_pack() } else { "is damaged".to_owned() })?;
        reading.add(&mut entry)?;
    }
    let rest = usize::try_from(reading.end).ok().and_then(|end| bytes.get(end..)).unwrap_or_default();
    match reading.id {
        Some(id) if rest == END => Ok(PackFiles { id, files: reading.files }),
        Some(_) if rest.len() < END.len() => Err("is cut off".into()),
        Some(_) => Err("has something behind its end".into()),
        None => Err(no_pack()),
    }
}

fn no_pack() -> String {
    "is no pack file".into()
}

struct Reading {
    id: Option<String>,
    files: Vec<(String, Cow<'static, [u8]>)>,
    seen: BTreeSet<String>,
    bytes: u64,
    /// Where the next member or the end has to begin.
    end: u64,
}

impl Reading {
    fn add<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> Result<(), String> {
        let header = entry.header();
        let path = String::from_utf8(header.path_bytes().into_owned()).map_err(|_| "holds a path that is no text")?;
        if header.as_ustar().is_none() || header.entry_type() != EntryType::Regular {
            return Err(format!("holds `{path}`, which is no regular file"));
        }
        refuse_path(&path)?;
        let size = header.size().map_err(|_| format!("holds `{path}` with a size that is no number"))?;
        self.bytes = self.bytes.saturating_add(size);
        if size > FILE_BYTES_MAX as u64 || self.bytes > PACK_BYTES_MAX || self.files.len() >= PACK_FILES_MAX {
            return Err(format!("holds `{path}`, which takes it over the limits of a pack"));
        }
        let (id, inner) = path.split_once('/').ok_or_else(|| format!("holds `{path}` outside of its folder"))?;
        if self.id.get_or_insert_with(|| id.to_owned()) != id {
            return Err("holds more than one pack".into());
        }
        if !self.seen.insert(inner.to_lowercase()) {
            return Err(format!("holds `{path}` twice"));
        }
        // Never a buffer of the size that the header claims.
        let mut content = Vec::new();
        entry.take(size).read_to_end(&mut content).map_err(|_| format!("is cut off in `{path}`"))?;
        if content.len() as u64 != size {
            return Err(format!("is cut off in `{path}`"));
        }
        self.end = entry.raw_file_position() + size.div_ceil(BLOCK) * BLOCK;
        self.files.push((inner.to_owned(), Cow::Owned(content)));
        Ok(())
    }
}

/// Plain names below one folder, on any system.
fn refuse_path(path: &str) -> Result<(), String> {
    let parts: Vec<&str> = path.split('/').collect();
    let odd = |c: char| c.is_control() || matches!(c, '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    let bad_part = |part: &&str| part.is_empty() || *part == "." || *part == ".." || part.ends_with(['.', ' ']);
    let is_bad = path.len() > PATH_BYTES_MAX
        || !(2..=PACK_DEPTH_MAX + 2).contains(&parts.len())
        || path.contains(odd)
        || parts.iter().any(bad_part)
        || !super::is_id(parts.first().copied().unwrap_or_default());
    if is_bad { Err(format!("holds the path `{path}`, which no pack has")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use detect::pack::PackFiles;
    use tar::{Builder, EntryType, Header};

    use super::{read, write};

    fn pack() -> PackFiles {
        let file = |path: &str, text: &'static str| (path.to_owned(), Cow::Borrowed(text.as_bytes()));
        PackFiles { id: "p".into(), files: vec![file("rules/b.yml", "b"), file("pack.toml", "id"), file("empty", "")] }
    }

    #[test]
    fn comes_back_sorted_and_the_same() {
        let bytes = write(&pack()).unwrap();
        let mut turned = pack();
        turned.files.reverse();
        assert_eq!(bytes, write(&turned).unwrap());
        let back = read(&bytes).unwrap();
        assert_eq!(back.id, "p");
        assert_eq!(
            back.files.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(),
            ["empty", "pack.toml", "rules/b.yml"]
        );
        assert_eq!(write(&back).unwrap(), bytes);
    }

    #[test]
    fn a_file_that_is_cut_off_anywhere_or_changed_in_a_header_is_refused() {
        let bytes = write(&pack()).unwrap();
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{length}");
        }
        for at in (0..bytes.len()).step_by(7) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x41;
            // Content may differ, which only a signature shows; nothing may panic.
            _ = read(&damaged);
        }
        assert!(read(&[bytes.as_slice(), b"more"].concat()).unwrap_err().contains("behind"));
        assert!(read(b"nonsense").is_err() && read(&[0; 4096]).is_err());
    }

    fn member(path: &str, kind: EntryType, size: u64) -> Vec<u8> {
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_cksum();
        let mut builder = Builder::new(Vec::new());
        builder.append(&header, &b""[..]).unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn odd_members_are_refused() {
        for path in ["../x", "p/../x", "/p/x", "p//x", "p/./x", "p\\x/y", "C:/x", "p/x\u{1}", "x", "p/a./b", "p/\u{7f}"]
        {
            assert!(read(&member(path, EntryType::Regular, 0)).unwrap_err().contains("path"), "{path}");
        }
        for kind in [
            EntryType::Symlink,
            EntryType::Link,
            EntryType::Directory,
            EntryType::Fifo,
            EntryType::XHeader,
            EntryType::GNULongName,
        ] {
            assert!(read(&member("p/x", kind, 0)).is_err(), "{kind:?}");
        }
        assert!(read(&member("p/x", EntryType::Regular, u64::from(u32::MAX))).unwrap_err().contains("limits"));
        assert!(read(&member("p/x", EntryType::Regular, 5_000)).is_err());
    }

    #[test]
    fn one_pack_and_each_file_once() {
        let join = |first: &[u8], second: &[u8]| [&first[..first.len() - 1024], second].concat();
        let one = member("p/x", EntryType::Regular, 0);
        assert!(read(&join(&one, &one)).unwrap_err().contains("twice"));
        assert!(read(&join(&one, &member("p/X", EntryType::Regular, 0))).unwrap_err().contains("twice"));
        assert!(read(&join(&one, &member("q/x", EntryType::Regular, 0))).unwrap_err().contains("more than one"));
    }

    #[test]
    fn paths_that_do_not_fit_are_not_written() {
        for path in ["../x", "a:b", &"long".repeat(80)] {
            let files = vec![(path.to_owned(), Cow::Borrowed(&b""[..]))];
            assert!(write(&PackFiles { id: "p".into(), files }).is_err(), "{path}");
        }
    }
}
