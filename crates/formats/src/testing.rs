//! What the tests of all readers share: a sink that remembers, golden pairs, and the properties that every reader keeps.
#![allow(clippy::disallowed_methods, reason = "tests read fixtures")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use expect_test::expect_file;
use model::{Reject, Row, Sink, WindowsEvent};

use crate::block::{Block, Lines};

/// A sink that remembers everything as text.
#[derive(Default, Debug, PartialEq)]
pub struct Seen {
    /// Rows and events, one a line.
    pub text: String,
    /// The cells of rows.
    pub cells: Vec<Vec<String>>,
    pub rejects: Vec<Reject>,
    block: Vec<u8>,
}

impl Seen {
    /// Reads a file as one block.
    pub fn of(bytes: &[u8], read: impl Fn(&Block<'_>, &mut dyn Sink) -> Lines) -> (Self, Lines) {
        let mut seen = Self::default();
        let count = read(&Block::whole(bytes), &mut seen);
        assert_eq!(count.rejected, seen.rejects.len() as u64, "every reject is handed on");
        assert_eq!(count.total(), physical_lines(bytes), "every line is counted");
        (seen, count)
    }
}

impl Sink for Seen {
    fn block(&mut self, bytes: &[u8]) {
        self.block = bytes.to_vec();
    }

    fn row(&mut self, row: &Row<'_>) {
        assert_eq!(row.cells.len(), row.schema.names.len());
        assert!(self.block[row.in_block..].starts_with(row.line), "the row lies in its block");
        let texts = (0..row.cells.len()).map(|column| String::from_utf8_lossy(&row.text(column)).into_owned());
        self.cells.push(texts.collect());
        let time = row.time.map_or("-".to_owned(), |time| time.to_string());
        let cells = self.cells.last().expect("just pushed");
        let _ = write!(self.text, "{}@{} {time}", row.number, row.offset);
        for (name, cell) in row.schema.names.iter().zip(cells) {
            let _ = write!(self.text, " {name}={cell:?}");
        }
        self.text.push('\n');
    }

    fn event(&mut self, event: &WindowsEvent<'_>) {
        let time = event.time.map_or("-".to_owned(), |time| time.to_string());
        let _ = writeln!(
            self.text,
            "{}@{} {time} shift={:?} {:?} {:?} id={} level={:?} {:?}",
            event.record,
            event.offset,
            event.clock_shift_secs,
            event.channel,
            event.provider,
            event.event_id,
            event.level,
            event.computer
        );
        for (name, value) in &event.fields {
            let _ = writeln!(self.text, "    {name}: {value:?}");
        }
    }

    fn reject(&mut self, reject: Reject) {
        let _ = writeln!(self.text, "{}@{} reject {:?}", reject.record, reject.offset, reject.reason);
        self.rejects.push(reject);
    }
}

/// Counted independently of the readers.
pub fn physical_lines(bytes: &[u8]) -> u64 {
    let ends = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    ends + u64::from(!bytes.is_empty() && !bytes.ends_with(b"\n"))
}

fn in_crate(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A fixture, by its path in the crate.
pub fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(in_crate(path)).unwrap()
}

/// Compares every `NAME.in` of a folder with `NAME.out`. `UPDATE_EXPECT=1` writes the latter.
pub fn check_golden(folder: &str, read: impl Fn(&Block<'_>, &mut dyn Sink) -> Lines) {
    let mut inputs: Vec<_> = std::fs::read_dir(in_crate(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.retain(|path| path.extension().is_some_and(|extension| extension == "in"));
    inputs.sort();
    assert!(!inputs.is_empty(), "no fixtures in {folder}");
    for input in inputs {
        let (mut seen, count) = Seen::of(&std::fs::read(&input).unwrap(), &read);
        let _ = writeln!(
            seen.text,
            "{} events, {} headers, {} blanks, {} rejected",
            count.events, count.headers, count.blanks, count.rejected
        );
        expect_file![input.with_extension("out")].assert_eq(&seen.text);
    }
}

/// Cutting a file at any line end changes nothing, for readers that carry nothing from block to block.
pub fn each_cut_reads_the_same(bytes: &[u8], read: impl Fn(&Block<'_>, &mut dyn Sink) -> Lines) {
    each_cut_reads_the_same_with(bytes, &read, |_, back, sink| read(back, sink));
}

/// Cutting a file at any line end changes nothing; `read_back` is told what stands before its block.
pub fn each_cut_reads_the_same_with(
    bytes: &[u8],
    read: impl Fn(&Block<'_>, &mut dyn Sink) -> Lines,
    read_back: impl Fn(&[u8], &Block<'_>, &mut dyn Sink) -> Lines,
) {
    let (whole, whole_count) = Seen::of(bytes, &read);
    let cuts = (1..bytes.len()).filter(|at| bytes[at - 1] == b'\n');
    for cut in cuts {
        let (front, back) = bytes.split_at(cut);
        let mut seen = Seen::default();
        let mut count = read(&Block::whole(front), &mut seen);
        let block = Block { bytes: back, offset: cut as u64, first_line: 1 + count.total() };
        count += read_back(front, &block, &mut seen);
        assert_eq!((count, &seen.text), (whole_count, &whole.text), "cut at byte {cut}");
    }
}

/// Flipped bytes and cut ends never stop a reader, and every line stays counted.
pub fn flips_are_survived(bytes: &[u8], read: impl Fn(&Block<'_>, &mut dyn Sink) -> Lines) {
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    for _ in 0..2_000 {
        let mut damaged = bytes.to_vec();
        for _ in 0..=random.below(8) {
            let at = random.below(damaged.len());
            damaged[at] = match random.below(4) {
                0 => b'\n',
                1 => b'"',
                2 => 0,
                _ => random.next().to_le_bytes()[0],
            };
        }
        if random.below(4) == 0 {
            damaged.truncate(random.below(damaged.len()));
        }
        // The counts are checked inside.
        let _ = Seen::of(&damaged, &read);
    }
}

/// Numbers that are the same in every run (xorshift).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % (limit.max(1) as u64)).unwrap()
    }
}

/// The files of a folder of public evidence, by name, or `None` (said aloud) where it is not at hand.
pub fn evidence(folder: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let root =
        std::env::var_os("AFTERPATCH_EVIDENCE").map_or_else(|| in_crate("../../../shared/evidence"), PathBuf::from);
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else {
        eprintln!("skipped: no evidence `{folder}` (set AFTERPATCH_EVIDENCE)");
        return None;
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Some(files.iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect())
}
