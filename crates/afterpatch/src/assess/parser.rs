//! Which reader a file gets, and the state it needs where a block ends.

use std::cell::Cell;

use detect::observe::FileTable;
use formats::block::{Block, Lines};
use formats::{antivirus, collected, delimited, evtx, jsonl, mft, setup, test_proxylogon};
use model::file::Kind;
use model::{Family, Sink};

/// What a carved event log, which lost its header, begins with.
const CHUNK_MAGIC: &[u8] = b"ElfChnk\0";

/// A reader with its state where a block ends: at a line end, or between two chunks of an event log.
#[derive(Clone)]
pub enum Parser {
    Delimited(Box<delimited::Header>),
    IisNative,
    Setup,
    WindowsEvents(jsonl::Header),
    TestProxyLogon(test_proxylogon::Header),
    Antivirus(Box<antivirus::Header>),
    /// So many bytes of a file header stand before the first chunk.
    Evtx(usize),
    /// A table of files with records of so many bytes, and what was read of it.
    FileTable(usize, Box<FileTable>),
    /// A collector's list of files, and what was read of it.
    FileList(collected::Shape, Box<FileTable>),
}

impl Parser {
    /// The reader for a kind of file; `None` for files that are not read block by block.
    pub fn of(kind: Kind, on_server: &str, head: &[u8]) -> Option<Self> {
        match kind {
            Kind::DelimitedLog => Some(Self::Delimited(Box::new(delimited::Header::for_file(on_server, head)))),
            Kind::IisNative => Some(Self::IisNative),
            Kind::ExchangeSetup => Some(Self::Setup),
            Kind::WindowsEventsJson => Some(Self::WindowsEvents(jsonl::Header::default())),
            Kind::TestProxyLogon => Some(Self::TestProxyLogon(test_proxylogon::Header::default())),
            Kind::AntivirusLog => Some(Self::Antivirus(Box::default())),
            Kind::Evtx => Some(Self::Evtx(if head.starts_with(CHUNK_MAGIC) { 0 } else { evtx::HEADER_BYTES })),
            Kind::FileTable => Some(Self::FileTable(mft::record_bytes(head), Box::default())),
            Kind::FileList => collected::Shape::of(head).map(|shape| Self::FileList(shape, Box::default())),
            _ => None,
        }
    }

    /// Takes out the files that were read since the last time, where this reads a list of files.
    pub fn take_files(&mut self) -> Option<FileTable> {
        match self {
            Self::FileTable(_, files) | Self::FileList(_, files) => Some(std::mem::take(files)),
            _ => None,
        }
    }

    /// Is what is read text, of which lines are counted?
    pub fn is_of_lines(&self) -> bool {
        !matches!(self, Self::Evtx(_) | Self::FileTable(..))
    }

    /// Moves on over a block, and says what family its records belong to as far as that shows.
    pub fn advance(&mut self, block: &[u8]) -> Option<Family> {
        match self {
            Self::Delimited(header) => {
                let before = header.schema().map(|schema| schema.family);
                header.advance(block);
                before.or_else(|| header.schema().map(|schema| schema.family))
            }
            Self::IisNative => Some(Family::Iis),
            Self::Setup => Some(Family::Setup),
            Self::WindowsEvents(header) => {
                header.advance(block);
                None
            }
            Self::TestProxyLogon(header) => {
                header.advance(block);
                Some(Family::TestProxyLogon)
            }
            Self::Antivirus(header) => {
                header.advance(block);
                Some(Family::Windows)
            }
            Self::Evtx(header) => {
                *header = 0;
                Some(Family::Windows)
            }
            Self::FileTable(..) | Self::FileList(..) => Some(Family::File),
        }
    }

    /// Reads a block.
    pub fn read(&mut self, block: &Block<'_>, sink: &mut dyn Sink) -> Lines {
        match self {
            Self::Delimited(header) => delimited::read(block, header, sink),
            Self::IisNative => delimited::read_iis_native(block, sink),
            Self::Setup => setup::read(block, sink),
            Self::WindowsEvents(header) => jsonl::read_on(block, header, sink),
            Self::TestProxyLogon(header) => test_proxylogon::read(block, header, sink),
            Self::Antivirus(header) => antivirus::read(block, header, sink),
            Self::Evtx(header) => read_chunks(block, *header, sink),
            Self::FileTable(record_bytes, files) => {
                let mut note = |record| files.note(record);
                mft::read(block, *record_bytes, &exchange::is_telling_name, &mut note, sink)
            }
            Self::FileList(shape, files) => {
                let wanted =
                    |path: &str| exchange::is_telling_name(path) && exchange::is_watched_path(&path.to_lowercase());
                collected::read(block, *shape, &wanted, &mut |file| files.note_line(file), sink)
            }
        }
    }
}

/// Reads a run of chunks, before which a file header may stand.
fn read_chunks(block: &Block<'_>, header: usize, sink: &mut dyn Sink) -> Lines {
    let (header, chunks) = block.bytes.split_at(header.min(block.bytes.len()));
    let mut count = evtx::read_header(header, sink);
    let mut offset = block.offset + header.len() as u64;
    // Taken out while it reads: one that a fault overturned is not used again.
    let mut reader = EVENT_LOGS.take();
    for chunk in chunks.chunks(evtx::CHUNK_BYTES) {
        count += reader.chunk(chunk, offset, sink);
        offset += chunk.len() as u64;
    }
    EVENT_LOGS.set(reader);
    count
}

thread_local! {
    /// The reader of event logs of a thread: logs define the same templates again and again.
    static EVENT_LOGS: Cell<evtx::Reader> = Cell::default();
}

#[cfg(test)]
mod tests {
    use formats::block::{Block, Lines};
    use formats::text::encoding::Encoding;
    use model::file::Kind;
    use model::{Reject, Row, Sink, WindowsEvent};

    use super::Parser;
    use crate::assess::blocks::Cut;

    #[derive(Default, Debug, PartialEq)]
    struct Rejects(Vec<Reject>);

    impl Sink for Rejects {
        fn row(&mut self, _: &Row<'_>) {}
        fn event(&mut self, _: &WindowsEvent<'_>) {}
        fn reject(&mut self, reject: Reject) {
            self.0.push(reject);
        }
    }

    fn in_blocks(log: &[u8]) -> (Lines, Rejects) {
        let (head, tail) = log.split_at(log.len().min(4_096));
        let mut parser = Parser::of(Kind::Evtx, "", head).unwrap();
        let mut cut = Cut::new(&parser, tail, head, Encoding::Utf8);
        let (mut lines, mut rejects) = (Lines::default(), Rejects::default());
        while let Some(block) = cut.next().unwrap() {
            let here = Block { bytes: &block.bytes, offset: block.offset, first_line: block.first_line };
            lines += parser.clone().read(&here, &mut rejects);
            parser.advance(&block.bytes);
        }
        (lines, rejects)
    }

    /// Chunks that are empty, damaged, or no chunks: each is counted, and each reject has its place.
    #[test]
    fn in_blocks_an_event_log_reads_as_in_one_piece() {
        let chunk = |number: u8| {
            let mut chunk = vec![0; formats::evtx::CHUNK_BYTES];
            match number % 3 {
                0 => {}
                1 => chunk[..8].copy_from_slice(b"ElfChnk\0"),
                _ => chunk.fill(number),
            }
            chunk
        };
        let header = |magic: &[u8]| [magic, &vec![0; 4_096 - magic.len()]].concat();
        for begin in [header(b"ElfFile\0"), header(b"ElfChnk\0")[..0].to_vec()] {
            for (chunks, cut_off) in [(0, 0), (1, 0), (32, 0), (32, 9), (33, 1), (70, 65_000)] {
                let mut log = begin.clone();
                // A carved log begins with what is a chunk by its first bytes.
                (1..=chunks).for_each(|number| log.extend(chunk(number)));
                log.truncate(log.len() - cut_off);
                let mut rejects = Rejects::default();
                let (lines, outcome) = formats::evtx::read(&mut &log[..], &mut rejects);
                outcome.unwrap();
                assert_eq!(in_blocks(&log), (lines, rejects), "{chunks} chunks less {cut_off}");
            }
        }
        let cut_in_header = &header(b"ElfFile\0")[..100];
        assert_eq!(in_blocks(cut_in_header).0, Lines { rejected: 1, ..Lines::default() });
    }
}
