//! Reads one input to its end: tells what it is, hands it to its reader, and accounts for it.

use std::io::Read as _;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use detect::observe::{
    CONTENT_BYTES_MAX, FileContent, FileFacts, FileTally, HEAD_BYTES, Observer, Tally, TimeRange, observe_file,
};
use detect::pack::IndicatorKind;
use detect::plan::Plan;
use evidence::{Hashes, Input, Inventory, OlderHashes, Stream, kind, place};
use formats::block::Lines;
use formats::text::encoding::{Encoding, decode_utf16};
use model::file::{FileRecord, Kind, Outcome};

use super::blocks::Blocks;
use super::parser::Parser;
use super::pool::Pool;

/// What reading needs to know and where it puts what it finds.
pub struct Reading<'a> {
    pub inventory: &'a Inventory,
    pub plan: &'a Plan,
    pub range: TimeRange,
    pub pool: &'a Pool<'a>,
    pub tally: Mutex<Tally>,
    /// One record per input, and one more where the input is a gzip file.
    pub records: Mutex<Vec<Option<Read>>>,
}

/// An input that has been read, and the gzip file it was in.
pub type Read = (Accounted, Option<FileRecord>);

/// What is known of an input once it has been read.
pub struct Accounted {
    pub record: FileRecord,
    /// Files of one host share it.
    pub host: String,
    /// The input was UTF-16: offsets of its records are those of the decoded text.
    pub decoded: bool,
}

/// What the bytes of a file came to.
#[derive(Default)]
struct Result {
    tally: FileTally,
    lines: Lines,
    /// Only line-based files have physical lines.
    is_text: bool,
    problem: Option<Outcome>,
}

impl Reading<'_> {
    /// Reads input number `index`.
    pub fn read(&self, index: usize) {
        let Some(input) = self.inventory.inputs.get(index) else { return };
        let accounted = match self.inventory.open(input) {
            Ok(opened) => self.read_opened(index, input, opened.stream, opened.inside.as_deref()),
            Err(outcome) => (self.unread(input, outcome), None),
        };
        if let Some(slot) = self.records.lock().unwrap_or_else(PoisonError::into_inner).get_mut(index) {
            *slot = Some(accounted);
        }
    }

    /// Accounts for input number `index`, whose reading ended in a fault.
    pub fn lose(&self, index: usize) {
        let Some(input) = self.inventory.inputs.get(index) else { return };
        let lost = (self.unread(input, Outcome::Unreadable("lost to a fault of the reader".into())), None);
        if let Some(slot) = self.records.lock().unwrap_or_else(PoisonError::into_inner).get_mut(index) {
            *slot = Some(lost);
        }
    }

    fn unread(&self, input: &Input, outcome: Outcome) -> Accounted {
        let record = record(&input.path, input.size, Kind::Other, outcome);
        Accounted { record, host: input.place.host.clone(), decoded: false }
    }

    fn read_opened(&self, index: usize, input: &Input, mut stream: Stream, inside: Option<&str>) -> Read {
        let path = inside.map_or_else(|| input.path.clone(), |name| format!("{}!{name}", input.path));
        // The name inside a gzip file stands where the gzip file stands.
        let place = match inside {
            Some(name) => place::place(
                &input.path.rsplit_once('/').map_or_else(|| name.to_owned(), |(folder, _)| format!("{folder}/{name}")),
            ),
            None => input.place.clone(),
        };
        let mut head = Vec::new();
        let opening = (&mut stream).take(kind::HEAD_BYTES as u64).read_to_end(&mut head);
        let encoding = Encoding::of(&head);
        let decoded = encoding.is_utf16();
        let text = if decoded { decode_utf16(&head, encoding == Encoding::Utf16Be) } else { Vec::new() };
        let shown: &[u8] = if decoded { &text } else { &head };
        let kind = kind::kind(shown, &place.on_server);
        let facts = FileFacts { file: u32::try_from(index).unwrap_or(u32::MAX), on_server: place.on_server.clone() };
        let (mut result, hashes) = match Parser::of(kind, &place.on_server, shown) {
            Some(parser) => self.read_lines(stream, &head, encoding, parser, facts),
            None if kind == Kind::Evtx => self.read_events(stream, &head, &facts),
            None => self.read_content(stream, head, encoding, kind, &facts),
        };
        if let Err(error) = opening {
            result.problem = Some(Outcome::Unreadable(error.kind().to_string()));
        }
        let clock_shift_secs = result.tally.finish();
        let outcome = result.problem.take().unwrap_or(Outcome::Complete);
        let whole = outcome == Outcome::Complete;
        let mut record = record(&path, if whole { hashes.size } else { input.size }, kind, outcome);
        // The hash of a part would pass for the hash of the file.
        record.sha256 = whole.then_some(hashes.sha256);
        record.clock_shift_secs = clock_shift_secs;
        fill(&mut record, &result);
        let suggested = place::suggested_server(&place.host, path.rsplit(['/', '!']).next().unwrap_or(&path));
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).add(&place.host, suggested.as_deref(), result.tally);
        let container = hashes.container.map(|(sha256, size)| FileRecord {
            sha256: Some(sha256),
            ..self::record(&input.path, size, Kind::Container, Outcome::Complete)
        });
        (Accounted { record, host: place.host, decoded }, container)
    }

    fn read_lines(
        &self,
        stream: Stream,
        head: &[u8],
        encoding: Encoding,
        mut parser: Parser,
        facts: FileFacts,
    ) -> (Result, Hashes) {
        let shared = Pool::open(facts);
        let mut stream = stream;
        let mut problem = None;
        let mut blocks = Blocks::new(&mut stream, head, encoding);
        loop {
            if self.pool.is_interrupted() {
                problem = Some(Outcome::Interrupted);
                break;
            }
            match blocks.next() {
                Ok(Some(block)) => {
                    let before = parser.clone();
                    parser.advance(&block.bytes);
                    self.pool.bytes_read.fetch_add(block.bytes.len() as u64, Ordering::Relaxed);
                    self.pool.submit(&shared, before, block);
                }
                Ok(None) => break,
                Err(error) => {
                    problem = Some(Outcome::Unreadable(error.kind().to_string()));
                    break;
                }
            }
        }
        let (tally, lines, faults) = self.pool.close(&shared);
        if faults > 0 {
            problem = Some(Outcome::Unreadable(format!("{faults} blocks lost to a fault of the reader")));
        }
        (Result { tally, lines, is_text: true, problem }, stream.finish(!self.pool.is_interrupted()))
    }

    fn read_events(&self, mut stream: Stream, head: &[u8], facts: &FileFacts) -> (Result, Hashes) {
        let mut observer = Observer::new(self.plan, facts, self.range, None);
        let mut source = Interruptible { inner: head.chain(&mut stream), pool: self.pool };
        let (lines, outcome) = formats::evtx::read(&mut source, &mut observer);
        let problem = outcome.err().map(|error| match error.kind() {
            std::io::ErrorKind::Interrupted | std::io::ErrorKind::ConnectionAborted => Outcome::Interrupted,
            kind => Outcome::Unreadable(kind.to_string()),
        });
        (
            Result { tally: observer.finish(), lines, is_text: false, problem },
            stream.finish(!self.pool.is_interrupted()),
        )
    }

    /// Files that are no logs: their beginning is looked at, all of them is hashed.
    fn read_content(
        &self,
        mut stream: Stream,
        head: Vec<u8>,
        encoding: Encoding,
        kind: Kind,
        facts: &FileFacts,
    ) -> (Result, Hashes) {
        let mut content = head;
        let wanted = !matches!(kind, Kind::Other | Kind::Container) || self.plan.has_yara();
        let missing = if wanted { CONTENT_BYTES_MAX.saturating_sub(content.len()) as u64 } else { 0 };
        let mut outcome = (&mut stream).take(missing).read_to_end(&mut content).map(|_| ());
        let asked = self.plan.indicators().has(IndicatorKind::Sha1) || self.plan.indicators().has(IndicatorKind::Md5);
        let mut older = asked.then(OlderHashes::default);
        older.iter_mut().for_each(|older| older.update(&content));
        let mut buffer = vec![0; 256 * 1024];
        while outcome.is_ok() && !self.pool.is_interrupted() {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    older.iter_mut().for_each(|older| older.update(buffer.get(..count).unwrap_or_default()));
                    _ = self.pool.bytes_read.fetch_add(count as u64, Ordering::Relaxed);
                }
                Err(error) => outcome = Err(error),
            }
        }
        self.pool.bytes_read.fetch_add(content.len() as u64, Ordering::Relaxed);
        let interrupted = self.pool.is_interrupted();
        let hashes = stream.finish(!interrupted);
        let shown = !matches!(kind, Kind::Other | Kind::Container);
        let bytes = if self.plan.has_yara() { content.clone() } else { Vec::new() };
        let head = content.get(..HEAD_BYTES.min(content.len())).unwrap_or_default().to_vec();
        if encoding.is_utf16() {
            content = decode_utf16(&content, encoding == Encoding::Utf16Be);
        }
        let shown: &[u8] = if shown { &content } else { &[] };
        let (elements, damage) = match kind {
            Kind::Configuration => formats::config::read(&content),
            _ => Default::default(),
        };
        let (sha1, md5) = older.map(OlderHashes::finish).unzip();
        let file = FileContent {
            kind,
            size: hashes.size,
            sha256: Some(&hashes.sha256),
            sha1: sha1.as_deref(),
            md5: md5.as_deref(),
            head: &head,
            content: shown,
            bytes: &bytes,
            elements: &elements,
        };
        let mut tally = observe_file(self.plan, facts, &file);
        damage.into_iter().for_each(|reject| tally.reject(reject));
        // Elements are no lines and no records; what could not be read is told all the same.
        let rejected = tally.rejects.values().map(|(count, _, _)| count).sum();
        let lines = Lines { rejected, ..Lines::default() };
        let problem = match outcome {
            Err(error) => Some(Outcome::Unreadable(error.kind().to_string())),
            Ok(()) => interrupted.then_some(Outcome::Interrupted),
        };
        (Result { tally, lines, problem, ..Result::default() }, hashes)
    }
}

/// A stream that ends with an error when the run is interrupted.
struct Interruptible<'a, R> {
    inner: R,
    pool: &'a Pool<'a>,
}

impl<R: std::io::Read> std::io::Read for Interruptible<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.pool.is_interrupted() {
            // Not `Interrupted`: the standard library would try again.
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        let count = self.inner.read(buffer)?;
        self.pool.bytes_read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

fn record(path: &str, size: u64, kind: Kind, outcome: Outcome) -> FileRecord {
    FileRecord {
        path: path.to_owned(),
        size,
        sha256: None,
        kind,
        source: None,
        server: None,
        records: 0,
        rejected: 0,
        headers: 0,
        blanks: 0,
        lines: 0,
        first: None,
        last: None,
        reasons: Vec::new(),
        clock_shift_secs: 0,
        outcome,
    }
}

fn fill(record: &mut FileRecord, result: &Result) {
    record.records = result.lines.events;
    record.rejected = result.lines.rejected;
    record.headers = result.lines.headers;
    record.blanks = result.lines.blanks;
    record.lines = if result.is_text { result.lines.total() } else { 0 };
    record.first = result.tally.span.map(|span| span.0);
    record.last = result.tally.span.map(|span| span.1);
    record.reasons = result.tally.reasons();
    record.source = result.tally.main_source();
    record.server = result.tally.main_server();
}
