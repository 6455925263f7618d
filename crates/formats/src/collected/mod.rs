//! What collectors write down of the files they copy: the copy log of KAPE (CSV) and the lists of uploads and of file
//! metadata of Velociraptor (JSON, one object a line); and the hashes of dissect's acquire (CSV).
//!
//! The first two tell the times that a file had on the server, which the copy no longer has. All tell the hash that it
//! had when it was copied ([`hashes`]). Facts: the public documentation of KAPE (`_copylog.csv`: `SourceFile`,
//! `SourceFileSha1`, `CreatedOnUtc`, `ModifiedOnUtc`), of Velociraptor's artefact Windows.KapeFiles.Targets
//! (`SourceFile`, `SourceFileSha256`, `Created`, `Changed`, `Modified`), and the source of dissect.target
//! (`$metadata$/file-hashes.csv.gz`: `path`, `file-size`, `md5`, `sha1`, `sha256`).

mod hashes;

use model::listing::{FileTimes, ListedFile, TimeBasis};
use model::{Reject, RejectReason, Sink, Utc};
use serde::Deserialize;

use crate::block::{Block, Lines, lines};

pub use hashes::hashes;

/// Longer lines are no lines of a list of files.
const LINE_BYTES_MAX: usize = 64 << 10;
/// More columns than any copy log has.
const COLUMNS_MAX: usize = 64;

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Where the columns stand that are read: source, size, created, modified.
    Kape([usize; 4]),
    /// One JSON object a line.
    Velociraptor,
    /// Hashes without times.
    Acquire,
}

impl Shape {
    /// The list that begins with these bytes; `None` when it is none.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        let (first, _) = lines(head).find(|(line, _)| !line.trim_ascii().is_empty())?;
        let first = first.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(first);
        if first.starts_with(b"{") {
            return object(first).map(|_| Self::Velociraptor);
        }
        let names = cells(first)?;
        let at = |wanted: &str| names.iter().position(|name| name == wanted);
        if at("path").and(at("file-size")).is_some() && ["md5", "sha1", "sha256"].iter().any(|hash| at(hash).is_some())
        {
            return Some(Self::Acquire);
        }
        at("CopiedTimestamp")?;
        Some(Self::Kape([at("SourceFile")?, at("FileSize")?, at("CreatedOnUtc")?, at("ModifiedOnUtc")?]))
    }
}

/// Reads a list. `wanted` says which paths are asked for.
pub fn read(
    block: &Block<'_>,
    shape: Shape,
    wanted: &dyn Fn(&str) -> bool,
    found: &mut dyn FnMut(ListedFile),
    sink: &mut dyn Sink,
) -> Lines {
    let mut count = Lines::default();
    for (number, (line, at)) in (block.first_line..).zip(lines(block.bytes)) {
        let offset = block.offset + at as u64;
        if line.trim_ascii().is_empty() {
            count.blanks += 1;
            continue;
        }
        let read = match shape {
            _ if line.len() > LINE_BYTES_MAX => Err(RejectReason::TooLong),
            Shape::Velociraptor => object(line).ok_or(RejectReason::NotAnEvent),
            Shape::Kape(_) | Shape::Acquire if is_header(line) => {
                count.headers += 1;
                continue;
            }
            Shape::Acquire => match cells(line) {
                // It has no times, and names files that were never copied.
                Some(_) => {
                    count.events += 1;
                    continue;
                }
                None => Err(RejectReason::Quoting),
            },
            Shape::Kape(columns) => row(line, columns),
        };
        match read {
            Ok(file) => {
                count.events += 1;
                if wanted(&file.path) {
                    found(ListedFile { record: number, offset, ..file });
                }
            }
            Err(reason) => {
                count.rejected += 1;
                sink.reject(Reject { record: number, offset, reason });
            }
        }
    }
    count
}

fn is_header(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
    let is_of_kape = line.starts_with(b"CopiedTimestamp,") || line.starts_with(b"\"CopiedTimestamp\",");
    is_of_kape || (line.starts_with(b"path,") && line.windows(11).any(|part| part == b",file-size,"))
}

fn row(line: &[u8], [source, size, created, modified]: [usize; 4]) -> Result<ListedFile, RejectReason> {
    let cells = cells(line).ok_or(RejectReason::Quoting)?;
    let cell = |at: usize| cells.get(at).map(String::as_str).unwrap_or_default();
    if cell(source).is_empty() {
        return Err(RejectReason::NotAnEvent);
    }
    Ok(listed(cell(source), cell(size).parse().unwrap_or(0), [cell(created), "", cell(modified)]))
}

#[derive(Deserialize)]
struct Object {
    #[serde(rename = "SourceFile")]
    source: String,
    #[serde(rename = "FileSize", alias = "Size", default)]
    size: Option<u64>,
    #[serde(rename = "Created")]
    created: Option<String>,
    #[serde(rename = "Changed", default)]
    changed: Option<String>,
    #[serde(rename = "Modified")]
    modified: Option<String>,
}

fn object(line: &[u8]) -> Option<ListedFile> {
    let read: Object = serde_json::from_slice(line.get(..LINE_BYTES_MAX).unwrap_or(line)).ok()?;
    let texts = [read.created, read.changed, read.modified].map(Option::unwrap_or_default);
    // A list of anything else has no times.
    texts.iter().any(|text| !text.is_empty()).then_some(())?;
    Some(listed(&read.source, read.size.unwrap_or(0), [&texts[0], &texts[1], &texts[2]]))
}

fn listed(path: &str, size: u64, [created, changed, modified]: [&str; 3]) -> ListedFile {
    let path = plain_path(path);
    let time = |text: &str| Utc::parse(text.trim().as_bytes()).filter(|time| (1971..2200).contains(&time.date().0));
    let times = FileTimes {
        created: time(created),
        modified: time(modified),
        changed: time(changed),
        named: None,
        basis: TimeBasis::Collector,
    };
    ListedFile { path, size, times, ..ListedFile::default() }
}

/// With backslashes, and without what stands for the devices of Windows.
fn plain_path(path: &str) -> String {
    path.strip_prefix(r"\\.\").or_else(|| path.strip_prefix(r"\\?\")).unwrap_or(path).replace('/', "\\")
}

/// The cells of a CSV line; `None` where quotes do not close or there are too many.
fn cells(line: &[u8]) -> Option<Vec<String>> {
    let text = String::from_utf8_lossy(line);
    let (mut cells, mut cell) = (Vec::new(), String::new());
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted && cells.len() == COLUMNS_MAX => return None,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            other => cell.push(other),
        }
    }
    cells.push(cell);
    (!quoted).then_some(cells)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{Shape, read};
    use crate::testing::Seen;

    fn check(text: &str, expected: &expect_test::Expect) {
        let shape = Shape::of(text.as_bytes()).unwrap();
        let found = std::cell::RefCell::new(String::new());
        let (_, lines) = Seen::of(text.as_bytes(), |block, sink| {
            let mut note = |file: model::listing::ListedFile| {
                let time = |time: Option<model::Utc>| time.map_or("-".to_owned(), |time| time.to_string());
                let (created, modified) = (time(file.times.created), time(file.times.modified));
                found.borrow_mut().push_str(&format!("{} {} {created} {modified}\n", file.record, file.path));
            };
            read(block, shape, &|path| path.ends_with(".aspx"), &mut note, sink)
        });
        expected.assert_eq(&format!("{}{lines:?}\n", found.borrow()));
    }

    #[test]
    fn reads_the_copy_log_of_kape() {
        check(
            "CopiedTimestamp,SourceFile,DestinationFile,FileSize,SourceFileSha1,DeferredCopy,CreatedOnUtc,ModifiedOnUtc,LastAccessedOnUtc,CopyDuration\r\n\
             2021-03-10 08:00:00.0000000,\"C:\\inetpub\\wwwroot\\aspnet_client\\a,b.aspx\",E:\\x,120,00,False,2021-03-03 05:00:00.1234567,2021-03-03 05:00:01.0000000,2021-03-03 05:00:00.0000000,00:00:00\r\n\
             2021-03-10 08:00:00.0000000,C:\\Windows\\x.evtx,E:\\x,120,00,False,2021-03-03 05:00:00,2021-03-03 05:00:00,,\r\n\
             \"broken\r\n",
            &expect![[r#"
                2 C:\inetpub\wwwroot\aspnet_client\a,b.aspx 2021-03-03T05:00:00.123456Z 2021-03-03T05:00:01Z
                Lines { events: 2, headers: 1, blanks: 0, rejected: 1 }
            "#]],
        );
    }

    #[test]
    fn reads_the_lists_of_velociraptor() {
        check(
            "{\"SourceFile\":\"\\\\\\\\.\\\\C:\\\\inetpub\\\\wwwroot\\\\x.aspx\",\"Size\":9,\"Created\":\"2021-03-03T05:00:00Z\",\"Changed\":\"2021-03-03T05:00:00Z\",\"Modified\":\"2021-03-03T05:00:02Z\",\"LastAccessed\":\"2021-03-03T05:00:00Z\"}\n\
             {\"SourceFile\":\"C:\\\\x.aspx\",\"Created\":\"1601-01-01T00:00:00Z\",\"Modified\":\"2021-03-03T05:00:02Z\"}\n\
             {\"other\":1}\n\n",
            &expect![[r#"
                1 C:\inetpub\wwwroot\x.aspx 2021-03-03T05:00:00Z 2021-03-03T05:00:02Z
                2 C:\x.aspx - 2021-03-03T05:00:02Z
                Lines { events: 2, headers: 0, blanks: 1, rejected: 1 }
            "#]],
        );
    }

    #[test]
    fn what_is_no_list_is_none() {
        for text in ["", "a,b,c\n", "{\"SourceFile\":\"C:\\\\x\"}\n", "{}\n", "CopiedTimestamp,SourceFile\n"] {
            assert_eq!(Shape::of(text.as_bytes()), None, "{text}");
        }
    }
}
