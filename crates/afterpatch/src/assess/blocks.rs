//! A stream of bytes, cut into blocks of whole lines or of whole chunks of an event log.

use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use formats::evtx;
use formats::text::encoding::{Encoding, Utf16};

use super::parser::Parser;

/// A block is read to about this size: small enough that all in flight stay small, large enough that reading is cheap.
pub const BLOCK_BYTES: usize = 2 << 20;
/// A line longer than this is cut; its reader rejects it as too long. A little more than any reader takes.
const LINE_BYTES_MAX: usize = (4 << 20) + 64;
/// Chunks of an event log that are read as one block.
const CHUNKS_PER_BLOCK: usize = BLOCK_BYTES / evtx::CHUNK_BYTES;

/// A stream, cut as its reader needs it.
pub enum Cut<R> {
    Lines(Blocks<R>),
    Chunks(Chunks<R>),
}

impl<R: Read> Cut<R> {
    /// `head` was already read from `source`.
    pub fn new(parser: &Parser, source: R, head: &[u8], encoding: Encoding) -> Self {
        match parser {
            Parser::Evtx(header) => Self::Chunks(Chunks::new(source, head, *header)),
            // Records of a table of files fit in chunks without a rest.
            Parser::FileTable(..) => Self::Chunks(Chunks::new(source, head, 0)),
            _ => Self::Lines(Blocks::new(source, head, encoding)),
        }
    }

    /// The next block; `None` at the end. After an error comes what was read before it, then the end.
    pub fn next(&mut self) -> io::Result<Option<OwnedBlock>> {
        match self {
            Self::Lines(blocks) => blocks.next(),
            Self::Chunks(chunks) => chunks.next(),
        }
    }
}

/// Cuts an event log at the ends of chunks, which stand at fixed places. The file header stays with the first chunks.
pub struct Chunks<R> {
    source: R,
    /// Read but not handed out.
    rest: Vec<u8>,
    header: usize,
    offset: u64,
    ended: bool,
    /// What ended the source before its time; told after everything that was read before it.
    failed: Option<io::Error>,
}

impl<R: Read> Chunks<R> {
    /// `head` was already read from `source`; so many bytes stand before the first chunk.
    pub fn new(source: R, head: &[u8], header: usize) -> Self {
        let mut rest = spare_buffer();
        rest.extend_from_slice(head);
        Self { source, rest, header, offset: 0, ended: false, failed: None }
    }

    fn next(&mut self) -> io::Result<Option<OwnedBlock>> {
        let wanted = std::mem::take(&mut self.header) + CHUNKS_PER_BLOCK * evtx::CHUNK_BYTES;
        let missing = wanted.saturating_sub(self.rest.len()) as u64;
        if !self.ended {
            let filled = (&mut self.source).take(missing).read_to_end(&mut self.rest);
            self.ended = self.rest.len() < wanted;
            self.failed = filled.err();
        }
        if self.rest.is_empty() {
            return self.failed.take().map_or(Ok(None), Err);
        }
        let bytes = split_off_head(&mut self.rest, wanted, self.ended);
        let offset = self.offset;
        self.offset += bytes.len() as u64;
        Ok(Some(OwnedBlock { bytes, offset, first_line: 0 }))
    }
}

/// Cuts a stream at line ends.
pub struct Blocks<R> {
    source: R,
    /// Read but not handed out: the beginning of a line.
    rest: Vec<u8>,
    /// Bytes at the start of the next read that belong to a line already cut as too long.
    skipping: bool,
    decoder: Option<Utf16>,
    ended: bool,
    /// What ended the source before its time; told after everything that was read before it.
    failed: Option<io::Error>,
    offset: u64,
    line: u64,
}

/// A block that owns its bytes.
pub struct OwnedBlock {
    pub bytes: Vec<u8>,
    pub offset: u64,
    pub first_line: u64,
}

impl Drop for OwnedBlock {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
        if (BUFFER_BYTES..=BUFFER_BYTES * 2).contains(&bytes.capacity()) && spare.len() < SPARE_MAX {
            bytes.clear();
            spare.push(bytes);
        }
    }
}

/// Room for a block and for what is read beyond it.
const BUFFER_BYTES: usize = BLOCK_BYTES + (512 << 10);
/// Buffers kept: as many as there are blocks in flight with few threads.
const SPARE_MAX: usize = 8;

/// Buffers of blocks that are done with. New memory would be zeroed by the system page by page, which costs as much as
/// reading.
static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

fn spare_buffer() -> Vec<u8> {
    let spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    spare.unwrap_or_else(|| Vec::with_capacity(BUFFER_BYTES))
}

/// The first bytes of a buffer, in it; what is left goes to another one. `last`: nothing more will be read.
fn split_off_head(buffer: &mut Vec<u8>, length: usize, last: bool) -> Vec<u8> {
    let length = length.min(buffer.len());
    let mut rest = if last && length == buffer.len() { Vec::new() } else { spare_buffer() };
    rest.extend_from_slice(buffer.get(length..).unwrap_or_default());
    let mut head = std::mem::replace(buffer, rest);
    head.truncate(length);
    head
}

impl<R: Read> Blocks<R> {
    /// `head` was already read from `source`.
    pub fn new(source: R, head: &[u8], encoding: Encoding) -> Self {
        let mut blocks = Self {
            source,
            rest: spare_buffer(),
            skipping: false,
            decoder: None,
            ended: false,
            failed: None,
            offset: 0,
            line: 1,
        };
        if encoding.is_utf16() {
            let mut decoder = Utf16::new(encoding == Encoding::Utf16Be);
            decoder.push(head, &mut blocks.rest);
            blocks.decoder = Some(decoder);
        } else {
            let without_mark = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
            blocks.offset = (head.len() - without_mark.len()) as u64;
            blocks.rest.extend_from_slice(without_mark);
        }
        blocks
    }

    /// The next block; `None` at the end. After an error comes what was read before it, then the end.
    pub fn next(&mut self) -> io::Result<Option<OwnedBlock>> {
        while !self.ended && (self.rest.len() < BLOCK_BYTES || self.is_inside_a_line()) {
            if let Err(error) = self.fill() {
                self.ended = true;
                self.failed = Some(error);
            }
            self.skip();
        }
        match (self.cut(), &mut self.failed) {
            (None, failed) if failed.is_some() => failed.take().map_or(Ok(None), Err),
            (block, _) => Ok(block),
        }
    }

    /// What was read is the beginning of one line, which may still become a readable one.
    fn is_inside_a_line(&self) -> bool {
        self.rest.len() <= LINE_BYTES_MAX && memchr::memrchr(b'\n', &self.rest).is_none()
    }

    fn fill(&mut self) -> io::Result<()> {
        const PIECE: usize = 256 * 1024;
        if let Some(decoder) = &mut self.decoder {
            let mut piece = Vec::with_capacity(PIECE);
            let count = (&mut self.source).take(PIECE as u64).read_to_end(&mut piece)?;
            decoder.push(&piece, &mut self.rest);
            if count == 0 {
                self.ended = true;
                if let Some(decoder) = self.decoder.take() {
                    decoder.finish(&mut self.rest);
                }
            }
            return Ok(());
        }
        let missing = BLOCK_BYTES.saturating_sub(self.rest.len()).max(PIECE) as u64;
        self.ended = (&mut self.source).take(missing).read_to_end(&mut self.rest)? == 0;
        Ok(())
    }

    /// Drops what belongs to a line that was already cut.
    fn skip(&mut self) {
        if !self.skipping {
            return;
        }
        let end = memchr::memchr(b'\n', &self.rest);
        let count = end.map_or(self.rest.len(), |at| at + 1);
        self.rest.drain(..count);
        self.offset += count as u64;
        self.skipping = end.is_none() && !self.ended;
    }

    fn cut(&mut self) -> Option<OwnedBlock> {
        if self.rest.is_empty() {
            return None;
        }
        let whole =
            if self.ended { Some(self.rest.len()) } else { memchr::memrchr(b'\n', &self.rest).map(|at| at + 1) };
        let length = whole.unwrap_or_else(|| {
            self.skipping = true;
            LINE_BYTES_MAX
        });
        let mut bytes = split_off_head(&mut self.rest, length, self.ended);
        let (offset, first_line) = (self.offset, self.line);
        self.offset += bytes.len() as u64;
        if self.skipping {
            bytes.push(b'\n');
            self.skip();
        }
        self.line += memchr::memchr_iter(b'\n', &bytes).count() as u64;
        Some(OwnedBlock { bytes, offset, first_line })
    }
}

#[cfg(test)]
mod tests {
    use formats::block::lines;
    use formats::evtx::{CHUNK_BYTES, HEADER_BYTES};
    use formats::text::encoding::Encoding;

    use super::{BLOCK_BYTES, Blocks, CHUNKS_PER_BLOCK, Chunks};

    /// Offset and length of each block of an event log of so many bytes.
    fn cut(length: usize, head: usize, header: usize) -> Vec<(u64, usize)> {
        let bytes = vec![7; length];
        let (head, tail) = bytes.split_at(head.min(length));
        let mut chunks = Chunks::new(tail, head, header);
        std::iter::from_fn(|| chunks.next().unwrap()).map(|block| (block.offset, block.bytes.len())).collect()
    }

    #[test]
    fn an_event_log_is_cut_between_chunks() {
        const RUN: usize = CHUNKS_PER_BLOCK * CHUNK_BYTES;
        let (first, second) = (HEADER_BYTES + RUN, (HEADER_BYTES + RUN) as u64);
        for head in [0, 8, HEADER_BYTES, 100_000] {
            assert_eq!(cut(0, head, HEADER_BYTES), []);
            assert_eq!(cut(100, head, HEADER_BYTES), [(0, 100)]);
            assert_eq!(cut(first, head, HEADER_BYTES), [(0, first)]);
            assert_eq!(cut(first + 1, head, HEADER_BYTES), [(0, first), (second, 1)]);
            assert_eq!(cut(first + RUN + 9, head, HEADER_BYTES), [(0, first), (second, RUN), (second + RUN as u64, 9)]);
            assert_eq!(cut(RUN + 5, head, 0), [(0, RUN), (RUN as u64, 5)], "carved");
        }
    }

    #[test]
    fn a_broken_event_log_is_read_up_to_where_it_breaks() {
        let mut chunks = Chunks::new(Failing(3 << 20), b"", HEADER_BYTES);
        let lengths = [chunks.next(), chunks.next()].map(|block| block.unwrap().unwrap().bytes.len());
        assert_eq!(lengths.iter().sum::<usize>(), 3 << 20);
        assert_eq!(chunks.next().err().unwrap().kind(), std::io::ErrorKind::InvalidData);
        assert!(matches!(chunks.next(), Ok(None)));
    }

    fn read(bytes: &[u8], encoding: Encoding) -> Vec<(u64, u64, usize)> {
        let (head, tail) = bytes.split_at(bytes.len().min(10));
        let mut blocks = Blocks::new(tail, head, encoding);
        let mut found = Vec::new();
        while let Some(block) = blocks.next().unwrap() {
            for (number, (line, at)) in (block.first_line..).zip(lines(&block.bytes)) {
                found.push((number, block.offset + at as u64, line.len()));
            }
        }
        found
    }

    #[test]
    fn lines_keep_their_numbers_and_offsets() {
        let mut text = Vec::new();
        let mut expected = Vec::new();
        for number in 1..200_000u64 {
            let length = usize::try_from(number % 97).unwrap();
            expected.push((number, text.len() as u64, length));
            text.extend(std::iter::repeat_n(b'x', length));
            text.push(b'\n');
        }
        assert!(text.len() > 2 * BLOCK_BYTES);
        assert_eq!(read(&text, Encoding::Utf8), expected);
    }

    #[test]
    fn a_monstrous_line_is_one_line() {
        let mut text = b"a\n".to_vec();
        text.extend(std::iter::repeat_n(b'x', 5 * BLOCK_BYTES));
        text.extend_from_slice(b"\nb\n");
        let found = read(&text, Encoding::Utf8);
        assert_eq!(found.len(), 3);
        assert_eq!(found[0], (1, 0, 1));
        assert!(found[1].2 > 1 << 20);
        assert_eq!(found[2], (3, 2 + 5 * BLOCK_BYTES as u64 + 1, 1));
    }

    /// Fails after so many bytes.
    struct Failing(usize);

    impl std::io::Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0 == 0 {
                return Err(std::io::ErrorKind::InvalidData.into());
            }
            let count = buffer.len().min(self.0);
            buffer[..count].fill(b'\n');
            self.0 -= count;
            Ok(count)
        }
    }

    #[test]
    fn an_error_is_told_after_what_was_read_before_it() {
        let mut blocks = Blocks::new(Failing(3 << 20), b"", Encoding::Utf8);
        let mut bytes = 0;
        let error = loop {
            match blocks.next() {
                Ok(Some(block)) => bytes += block.bytes.len(),
                Ok(None) => panic!("the error was swallowed"),
                Err(error) => break error,
            }
        };
        assert_eq!((bytes, error.kind()), (3 << 20, std::io::ErrorKind::InvalidData));
        assert!(matches!(blocks.next(), Ok(None)));
    }

    #[test]
    fn utf16_is_decoded() {
        let text: Vec<u8> = "\u{feff}ab\r\ncd".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&text, Encoding::Utf16Le).iter().map(|line| line.2).collect::<Vec<_>>(), [2, 2]);
    }
}
