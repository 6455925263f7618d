//! Tables of servers and their builds, as spreadsheets, inventories and `Export-Csv` write them.
//!
//! The first line names the columns; commas, semicolons or tabs; UTF-8 or UTF-16. A table is read whole or refused.

use std::io::Read;
use std::path::Path;

use csv::{ReaderBuilder, StringRecord};
use evidence::Inventory;
use exchange::Knowledge;
use formats::text::encoding::{Encoding, decode_utf16};
use model::advice::NotUnderstood;
use report::hostile::ForTerminal;

use super::asked::{Asked, Row};
use crate::exit::{Exit, Failure};

/// No table of servers is as large.
const TABLE_BYTES_MAX: u64 = 64 << 20;
/// No name of a server is as long.
const SERVER_CHARS_MAX: usize = 255;
/// Columns that a refusal names.
const COLUMNS_SHOWN_MAX: usize = 12;

/// Names of the column with the server, the surest first.
const SERVER: [&str; 7] = ["server", "name", "host", "hostname", "computer", "identity", "fqdn"];
/// Names of the column with the build, the surest first. The last names only the CU.
const BUILD: [&str; 8] =
    ["build", "exchangebuild", "buildnumber", "exsetup", "fileversion", "productversion", "version", CU_ONLY];
const CU_ONLY: &str = "admindisplayversion";

/// The rows of a table; `-` is standard input.
pub fn rows(path: &Path) -> Result<Asked, Failure> {
    let (label, bytes) = if path == Path::new("-") {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(TABLE_BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|error| unreadable("standard input", &error.to_string()))?;
        ("standard input".to_owned(), bytes)
    } else {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        (name, content(path, TABLE_BYTES_MAX)?)
    };
    if bytes.len() as u64 > TABLE_BYTES_MAX {
        return Err(unreadable(&label, &format!("larger than {} MiB", TABLE_BYTES_MAX >> 20)));
    }
    read(&label, &text(&bytes))
}

/// What stands in a file, one byte more than `bytes_max` at most.
pub fn content(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let shown = path.display().to_string();
    if path.is_dir() {
        return Err(unreadable(&shown, "it is a folder"));
    }
    let inventory =
        Inventory::walk(&[path.to_owned()]).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    let input = inventory.inputs.first().ok_or_else(|| unreadable(&shown, "it is no file"))?;
    let opened = inventory.open(input).map_err(|_| unreadable(&shown, "it is no file that can be read"))?;
    let mut bytes = Vec::new();
    let read = opened.stream.take(bytes_max + 1).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(&shown, &error.to_string()))?;
    Ok(bytes)
}

fn unreadable(name: &str, why: &str) -> Failure {
    Failure::new(Exit::Usage, format!("cannot read `{name}`: {why}"))
}

fn text(bytes: &[u8]) -> String {
    let decoded = match Encoding::of(bytes) {
        Encoding::Utf16Le => decode_utf16(bytes, false),
        Encoding::Utf16Be => decode_utf16(bytes, true),
        Encoding::Utf8 | Encoding::Utf8Bom => bytes.to_vec(),
    };
    let text = String::from_utf8_lossy(&decoded);
    text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned()
}

fn read(label: &str, text: &str) -> Result<Asked, Failure> {
    let (text, skipped) = behind_preamble(text);
    let separator = separator(text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default());
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(text.as_bytes());
    let mut lines = Lines { text, at: 0, line: 1 + skipped };
    let mut records = reader.records();
    let header = match records.next() {
        Some(Ok(header)) => header,
        _ => return Err(no_build_column(label, 1 + skipped, &StringRecord::new())),
    };
    let header_line = lines.of(&header);
    let build = column(&header, &BUILD).ok_or_else(|| no_build_column(label, header_line, &header))?;
    let server = column(&header, &SERVER);
    let cu_only = plain(header.get(build).unwrap_or_default()) == CU_ONLY;
    let mut table = Asked::default();
    for record in records {
        let record = record.map_err(|_| unreadable(label, "a row of it is no text"))?;
        let source = format!("{label}:{}", lines.of(&record));
        let server = server.and_then(|column| record.get(column)).map(str::trim).filter(|name| !name.is_empty());
        add(&mut table, source, server, record.get(build).unwrap_or_default().trim(), cu_only);
    }
    Ok(table)
}

/// Counts lines up to a record. The reader's own count stands at the line end before the record.
struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line on which a record begins; records in order.
    fn of(&mut self, record: &StringRecord) -> u64 {
        let start = record.position().map_or(self.at, |position| usize::try_from(position.byte()).unwrap_or(self.at));
        let bytes = self.text.as_bytes();
        let blank = bytes.iter().skip(start).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let passed = bytes.get(self.at..start + blank).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.at = self.at.max(start + blank);
        self.line
    }
}

fn add(table: &mut Asked, source: String, server: Option<&str>, asked: &str, cu_only: bool) {
    let known = Knowledge::shipped();
    let number = if cu_only { known.read_display_version(asked) } else { known.read_number(asked) };
    let too_long = server.is_some_and(|name| name.chars().count() > SERVER_CHARS_MAX);
    let cut = |name: &str| name.chars().take(SERVER_CHARS_MAX).collect::<String>();
    let (server, asked) = (server.map(cut), cut(asked));
    match number {
        Ok(number) if !too_long => table.rows.push(Row { server, asked, source, number }),
        Ok(_) => {
            let why = format!("the name of the server has more than {SERVER_CHARS_MAX} characters");
            table.not_understood.push(NotUnderstood { source, server, asked, why });
        }
        Err(error) => {
            table.not_understood.push(NotUnderstood { source, server, asked, why: error.to_string() });
        }
    }
}

/// Leaves out `#TYPE …` of `Export-Csv` and `sep=;` of a spreadsheet, and says how many lines that were.
fn behind_preamble(text: &str) -> (&str, u64) {
    let (mut rest, mut skipped) = (text, 0);
    while let Some((first, below)) = rest.split_once('\n') {
        let first = first.trim().trim_start_matches('"');
        let is_preamble = first.starts_with("#TYPE") || first.len() == 5 && first.starts_with("sep=");
        if !is_preamble {
            break;
        }
        (rest, skipped) = (below, skipped + 1);
    }
    (rest, skipped)
}

/// Whatever stands most often between the names of the columns.
fn separator(header: &str) -> u8 {
    let count = |separator: u8| {
        let (mut count, mut quoted) = (0, false);
        for byte in header.bytes() {
            quoted ^= byte == b'"';
            count += usize::from(byte == separator && !quoted);
        }
        count
    };
    [b'\t', b';', b','].into_iter().max_by_key(|separator| count(*separator)).unwrap_or(b',')
}

/// The surest column of those wanted.
fn column(header: &StringRecord, wanted: &[&str]) -> Option<usize> {
    wanted.iter().find_map(|name| header.iter().position(|cell| plain(cell) == *name))
}

/// `Exchange Build` → `exchangebuild`.
fn plain(cell: &str) -> String {
    let kept = cell.chars().filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-' | '\u{feff}'));
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

fn no_build_column(label: &str, line: u64, header: &StringRecord) -> Failure {
    let seen: Vec<String> =
        header.iter().take(COLUMNS_SHOWN_MAX).map(|cell| format!("`{:.30}`", ForTerminal(cell))).collect();
    let seen = if seen.is_empty() { "nothing".to_owned() } else { seen.join(", ") };
    let message = format!(
        "`{label}`, line {line}: no column names a build; expected one of {}; seen: {seen}",
        BUILD.map(|name| format!("`{name}`")).join(", ")
    );
    Failure::new(Exit::Usage, message)
        .hint("the first line names the columns, for example: server,build; the server may also be called name or host")
}

#[cfg(test)]
mod tests {
    use super::{Asked, read, separator, text};

    fn rows(table: &str) -> Vec<String> {
        let shown = |asked: Asked| {
            let good = asked.rows.into_iter().map(|row| {
                let first = row.number.builds[0];
                format!("{} {first} {}", row.server.unwrap_or_default(), row.source)
            });
            let bad = asked.not_understood.into_iter().map(|row| format!("! {} {}", row.asked, row.source));
            good.chain(bad).collect()
        };
        read("t.csv", table).map(shown).unwrap_or_else(|failure| vec![failure.message])
    }

    #[test]
    fn columns_by_any_of_their_names() {
        for header in
            ["server,build", "Name,Version", "HOST,Exchange Build", "fqdn,File_Version", "\"Identity\",ExSetup"]
        {
            assert_eq!(rows(&format!("{header}\nA,15.1.2106.2\n")), ["A 15.1.2106.2 t.csv:2"], "{header}");
        }
        assert_eq!(rows("build;x;server\r\n15.01.2106.002;;A\r\n"), ["A 15.1.2106.2 t.csv:2"]);
        assert_eq!(rows("server\tbuild\nA\t15.1.2106.2"), ["A 15.1.2106.2 t.csv:2"]);
        assert_eq!(rows("build\n15.1.2106.2\n"), [" 15.1.2106.2 t.csv:2"], "names are not needed");
    }

    #[test]
    fn the_surest_column_counts() {
        assert_eq!(
            rows("Name,AdminDisplayVersion,FileVersion\nA,Version 15.1 (Build 2106.2),15.01.2106.013\n"),
            ["A 15.1.2106.13 t.csv:2"]
        );
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let table = "#TYPE Selected.Server\r\n\"Name\",\"AdminDisplayVersion\"\r\n\r\n\"A\",\"Version 15.1 (Build 2106.2)\"\r\n\"B\",\"x\"\r\n";
        assert_eq!(rows(table), ["A 15.1.2106.2 t.csv:4", "! x t.csv:5"]);
        assert_eq!(rows("sep=;\nserver;build\nA;15.1.2106.2\n"), ["A 15.1.2106.2 t.csv:3"]);
    }

    #[test]
    fn says_what_was_expected_and_seen() {
        let message = rows("foo,\u{1b}[2Jbar\n1,2\n").remove(0);
        assert!(message.contains("`t.csv`, line 1") && message.contains("`build`"), "{message}");
        assert!(message.contains("seen: `foo`, `\\x1b[2Jbar`"), "{message}");
        assert!(rows("").remove(0).contains("seen: nothing"));
    }

    #[test]
    fn encodings() {
        let utf16: Vec<u8> =
            "\u{feff}server,build\r\nÄ,15.1.2106.2\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(rows(&text(&utf16)), ["Ä 15.1.2106.2 t.csv:2"]);
        assert_eq!(rows(&text(b"\xef\xbb\xbfserver,build\nA,15.1.2106.2\n")), ["A 15.1.2106.2 t.csv:2"]);
        assert_eq!(rows(&text(b"server,build\n\xff,15.1.2106.2\n")), ["\u{fffd} 15.1.2106.2 t.csv:2"]);
    }

    #[test]
    fn separators_in_quotes_do_not_count() {
        assert_eq!(separator("\"a,b,c\";d"), b';');
        assert_eq!(separator("build"), b',');
    }

    #[test]
    fn nothing_panics() {
        let pieces = ["\"", ",", ";", "\n", "\r", "build", "server", "15.1.2106.2", "\0", "é", "#TYPE", "\t", "sep=;"];
        for number in 0..100_000_usize {
            let table: String = (0..6).map(|place| pieces[(number >> (place * 3)) % pieces.len()]).collect();
            _ = read("t.csv", &table);
        }
    }
}
