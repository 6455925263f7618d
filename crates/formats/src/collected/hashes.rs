//! The hashes in a collector's list: what each file was when it was copied. Nothing is compared here.

use model::listing::ListedHash;
use serde_json::{Map, Value};

use super::{LINE_BYTES_MAX, Shape, cells, plain_path};
use crate::block::lines;

/// Hands on every line of a whole list that names a file with a hash. What is no such line is passed over: how many
/// lines could not be read is counted where the list is read for its times.
pub fn hashes(list: &[u8], found: &mut dyn FnMut(ListedHash)) {
    let Some(shape) = Shape::of(list) else { return };
    let mut columns = Columns::default();
    for (number, (line, _)) in (1..).zip(lines(list)) {
        if line.len() > LINE_BYTES_MAX || line.trim_ascii().is_empty() {
            continue;
        }
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        let listed = match shape {
            Shape::Velociraptor => object(line),
            Shape::Kape(_) | Shape::Acquire if columns.source.is_none() => {
                columns = Columns::of(&cells(line).unwrap_or_default());
                None
            }
            Shape::Kape(_) | Shape::Acquire => columns.row(line),
        };
        if let Some(listed) = listed.filter(is_claim) {
            found(ListedHash { record: number, ..listed });
        }
    }
}

fn is_claim(listed: &ListedHash) -> bool {
    !listed.path.is_empty() && (listed.sha256.is_some() || listed.sha1.is_some() || listed.md5.is_some())
}

/// Where the columns of a CSV list stand.
#[derive(Default)]
struct Columns {
    source: Option<usize>,
    copy: Option<usize>,
    size: Option<usize>,
    sha256: Option<usize>,
    sha1: Option<usize>,
    md5: Option<usize>,
}

impl Columns {
    fn of(names: &[String]) -> Self {
        let at = |wanted: &[&str]| names.iter().position(|name| wanted.contains(&name.as_str()));
        Self {
            source: at(&["SourceFile", "path"]),
            copy: at(&["DestinationFile"]),
            size: at(&["FileSize", "file-size"]),
            sha256: at(&["SourceFileSha256", "sha256"]),
            sha1: at(&["SourceFileSha1", "sha1"]),
            md5: at(&["SourceFileMd5", "md5"]),
        }
    }

    fn row(&self, line: &[u8]) -> Option<ListedHash> {
        let cells = cells(line)?;
        let cell = |at: Option<usize>| at.and_then(|at| cells.get(at)).map(String::as_str).unwrap_or_default();
        Some(ListedHash {
            path: path(cell(self.source)),
            copy: plain_path(cell(self.copy)),
            size: cell(self.size).trim().parse().ok(),
            sha256: digest(cell(self.sha256), 64),
            sha1: digest(cell(self.sha1), 40),
            md5: digest(cell(self.md5), 32),
            record: 0,
        })
    }
}

/// A line of Velociraptor: hashes in columns of their own, or in what `upload()` gave.
fn object(line: &[u8]) -> Option<ListedHash> {
    let read: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let upload = read.get("Upload").and_then(Value::as_object);
    let text = |names: &[&str]| {
        let own = names.iter().find_map(|name| read.get(*name)?.as_str());
        own.or_else(|| names.iter().find_map(|name| upload?.get(*name)?.as_str())).unwrap_or_default()
    };
    let size = |name: &str| read.get(name).or_else(|| upload?.get(name)).and_then(Value::as_u64);
    Some(ListedHash {
        path: path(text(&["SourceFile"])),
        copy: plain_path(text(&["DestinationFile", "Path"])),
        size: size("FileSize").or_else(|| size("Size")),
        sha256: digest(text(&["SourceFileSha256", "Sha256", "sha256"]), 64),
        sha1: digest(text(&["SourceFileSha1", "Sha1", "sha1"]), 40),
        md5: digest(text(&["SourceFileMd5", "Md5", "md5"]), 32),
        record: 0,
    })
}

/// acquire writes `/sysvol/…` and `/c:/…` where others write `C:\…`.
fn path(written: &str) -> String {
    let path = plain_path(written.trim());
    let path = path.strip_prefix('\\').filter(|_| !path.starts_with(r"\\")).unwrap_or(&path);
    match path.split_once('\\') {
        Some((volume, rest)) if volume.eq_ignore_ascii_case("sysvol") => format!(r"c:\{rest}"),
        _ => path.to_owned(),
    }
}

/// A hash in hex of so many digits, in small letters; `None` for anything else.
fn digest(text: &str, digits: usize) -> Option<String> {
    let text = text.trim();
    let is_hash = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::hashes;

    fn check(list: &str, expected: &Expect) {
        let mut told = String::new();
        hashes(list.as_bytes(), &mut |listed| {
            let hash = [("sha256", &listed.sha256), ("sha1", &listed.sha1), ("md5", &listed.md5)];
            let hash: String =
                hash.iter().filter_map(|(kind, hash)| Some(format!(" {kind} {:.8}", hash.as_deref()?))).collect();
            told.push_str(&format!("{} {} {:?}{hash} > {}\n", listed.record, listed.path, listed.size, listed.copy));
        });
        expected.assert_eq(&told);
    }

    #[test]
    fn of_kape() {
        check(
            "\u{feff}CopiedTimestamp,SourceFile,DestinationFile,FileSize,SourceFileSha1,DeferredCopy,CreatedOnUtc,ModifiedOnUtc,LastAccessedOnUtc,CopyDuration\r\n\
             2021-03-10 08:00:00,\"C:\\a,b.aspx\",E:\\x\\C\\a,120,DA39A3EE5E6B4B0D3255BFEF95601890AFD80709,False,2021-03-03,2021-03-03,,\r\n\
             2021-03-10 08:00:00,C:\\no.hash,E:\\x\\C\\b,120,,False,2021-03-03,2021-03-03,,\r\n\
             2021-03-10 08:00:00,C:\\no.hex,E:\\x\\C\\b,120,zz39a3ee5e6b4b0d3255bfef95601890afd80709,False,2021-03-03,2021-03-03,,\r\n\
             \"broken\r\n",
            &expect![[r#"
                2 C:\a,b.aspx Some(120) sha1 da39a3ee > E:\x\C\a
            "#]],
        );
    }

    #[test]
    fn of_velociraptor() {
        let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        check(
            &format!(
                "{{\"SourceFile\":\"\\\\\\\\.\\\\C:\\\\x.aspx\",\"DestinationFile\":\"C:/x\",\"FileSize\":9,\"SourceFileSha256\":\"{hash}\",\"Modified\":\"2021-03-03T05:00:00Z\"}}\n\
                 {{\"SourceFile\":\"C:\\\\y\",\"Modified\":\"2021-03-03T05:00:02Z\",\"Upload\":{{\"Path\":\"C:/y\",\"Size\":7,\"sha256\":\"{hash}\",\"md5\":\"d41d8cd98f00b204e9800998ecf8427e\"}}}}\n\
                 {{\"SourceFile\":\"C:\\\\z\",\"Modified\":\"2021-03-03T05:00:02Z\",\"SourceFileSha256\":7}}\nnonsense\n"
            ),
            &expect![[r#"
                1 C:\x.aspx Some(9) sha256 e3b0c442 > C:\x
                2 C:\y Some(7) sha256 e3b0c442 md5 d41d8cd9 > C:\y
            "#]],
        );
    }

    #[test]
    fn of_acquire() {
        check(
            "path,file-size,md5,sha1,sha256\n\
             /sysvol/inetpub/a.aspx,9,d41d8cd98f00b204e9800998ecf8427e,,\n\
             /D:/x,1,,DA39A3EE5E6B4B0D3255BFEF95601890AFD80709,\n",
            &expect![[r#"
                2 c:\inetpub\a.aspx Some(9) md5 d41d8cd9 > 
                3 D:\x Some(1) sha1 da39a3ee > 
            "#]],
        );
    }

    /// Whatever is damaged, the other lines are handed on, each with its number.
    #[test]
    fn no_flipped_or_missing_byte_stops_it() {
        let list = b"path,file-size,md5\n/sysvol/a,9,d41d8cd98f00b204e9800998ecf8427e\n\"/b\",1,d41d8cd98f00b204e9800998ecf8427e\n";
        let of = |bytes: &[u8]| {
            let mut records = Vec::new();
            hashes(bytes, &mut |listed| records.push(listed.record));
            records
        };
        assert_eq!(of(list), [2, 3]);
        let second = list.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for place in 0..list.len() {
            for flip in [1, 0x20, 0x80, 0xFF] {
                let mut bytes = list.to_vec();
                bytes[place] ^= flip;
                let records = of(&bytes);
                let spoils_one = place >= second && list[place] != b'\n';
                assert!(!spoils_one || !records.is_empty(), "{place} {flip}");
                assert!(records.is_sorted() && records.len() <= 3, "{place} {flip}: {records:?}");
            }
            _ = of(&list[..place]);
        }
    }

    #[test]
    fn other_files_claim_nothing() {
        check("SourceFile,SourceFileSha1\nC:\\x,da39a3ee5e6b4b0d3255bfef95601890afd80709\n", &expect![""]);
        check("", &expect![""]);
    }
}
