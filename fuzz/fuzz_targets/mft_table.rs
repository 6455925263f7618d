//! Any bytes as a table of files. Nothing stops the reader, every record is counted, and a table cut between two records
//! reads as in one piece.
#![no_main]

use formats::block::{Block, Lines};
use formats::mft;
use libfuzzer_sys::fuzz_target;
use model::listing::TableRecord;
use model::{Reject, Row, Sink, WindowsEvent};

#[derive(Default)]
struct Rejects(Vec<Reject>);

impl Sink for Rejects {
    fn row(&mut self, _: &Row<'_>) {
        unreachable!("a table of files has no rows");
    }

    fn event(&mut self, _: &WindowsEvent<'_>) {
        unreachable!("a table of files has no events");
    }

    fn reject(&mut self, reject: Reject) {
        self.0.push(reject);
    }
}

fn run(bytes: &[u8], offset: u64, size: usize) -> (Vec<TableRecord>, Lines, Vec<Reject>) {
    let (mut found, mut rejects) = (Vec::new(), Rejects::default());
    let block = Block { bytes, offset, first_line: 0 };
    let lines = mft::read(&block, size, &|_| true, &mut |record| found.push(record), &mut rejects);
    assert_eq!(lines.rejected, rejects.0.len() as u64);
    assert_eq!(lines.total(), bytes.len().div_ceil(size) as u64);
    (found, lines, rejects.0)
}

fuzz_target!(|bytes: &[u8]| {
    let size = mft::record_bytes(bytes);
    let whole = run(bytes, 0, size);
    let cut = (bytes.len() / 2) / size * size;
    let (mut found, mut lines, mut rejects) = run(&bytes[..cut], 0, size);
    let (more, added, refused) = run(&bytes[cut..], cut as u64, size);
    found.extend(more);
    lines += added;
    rejects.extend(refused);
    assert_eq!((found, lines, rejects), whole);
});
