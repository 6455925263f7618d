//! One pass over all inputs, each read to its end: told what it is, handed to its reader, and accounted for. What is
//! made of it is a matter of the [`Pass`].

use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use detect::observe::{CONTENT_BYTES_MAX, FileContent, FileFacts, FileTally, HEAD_BYTES, Merge};
use detect::pack::IndicatorKind;
use detect::plan::Plan;
use evidence::{Hashes, Input, Inventory, OlderHashes, Opened, Stream, Unit, kind, outcome_of, place};
use formats::block::{Block, Lines};
use formats::registry::Contents;
use formats::text::encoding::{Encoding, decode_utf16};
use model::file::{FileRecord, Kind, Outcome};
use serde::{Deserialize, Serialize};

use super::blocks::Cut;
use super::parser::Parser;
use super::pool::Pool;
use super::{hive, interrupt, listed, page};

/// What is made of what is read. Many threads ask at once.
pub trait Pass: Sync {
    /// What a stretch of a file tells; adds up regardless of order.
    type Told: Merge + Default + Send;

    /// The rules, which say what has to be read of files that are no logs.
    fn plan(&self) -> &Plan;
    /// Reads a block of a file.
    fn block(&self, parser: &mut Parser, block: &Block<'_>, facts: &FileFacts, number: u64) -> (Self::Told, Lines);
    /// Looks at a file that is no log.
    fn content(&self, facts: &FileFacts, content: &FileContent<'_>) -> Self::Told;
    /// The counts, times and rejects in what was told of a file.
    fn tally(told: &mut Self::Told) -> &mut FileTally;
    /// A file is about to be read.
    fn begin(&self, _file: u32) {}
    /// So many more bytes of a file are read.
    fn got_on(&self, _file: u32, _bytes: u64) {}
    /// Takes a file that is done, however it got there, and what it told, if it could be read. Called once per file.
    fn take(&self, read: &Read, file: u32, told: Option<(FileFacts, Self::Told)>);
    /// Whether the hashes of logs are asked for. Those of other files always are: indicators name them.
    fn hashes_logs(&self) -> bool {
        true
    }
    /// May more of a file be read now? It is asked again when a block or a file is done.
    fn has_room(&self, _file: u32) -> bool {
        true
    }
    /// Gives a number to the next block of a file, which is then read without fail.
    fn number_block(&self, _file: u32) -> u64 {
        0
    }
    /// Nothing more comes of a file, however its reading ended.
    fn end(&self, _file: u32) {}
}

/// Ends a file also where its reading ends in a fault.
struct Ending<'a, P: Pass>(&'a P, u32);

impl<P: Pass> Drop for Ending<'_, P> {
    fn drop(&mut self) {
        self.0.end(self.1);
    }
}

/// Ends the files of a sequence that it did not come to: who writes in the order of files waits for each.
struct EndingRest<'a, P: Pass>(&'a P, &'a [usize]);

impl<P: Pass> Drop for EndingRest<'_, P> {
    fn drop(&mut self) {
        self.1.iter().for_each(|index| self.0.end(number(*index)));
    }
}

/// Reads inputs by their numbers. What is handed back is in their order.
pub fn read_all<P: Pass>(inventory: &Inventory, files: &[u32], pass: &P, threads: usize) -> Vec<Read> {
    let read = |parser: &mut Parser, block: &Block<'_>, facts: &FileFacts, number: u64| {
        let (mut told, lines) = pass.block(parser, block, facts, number);
        listed::take_files(parser, P::tally(&mut told));
        (told, lines)
    };
    let pool = Pool::new(threads, &read, &interrupt::INTERRUPTED);
    let records = Mutex::new(std::iter::repeat_with(|| None).take(inventory.inputs.len()).collect());
    let reading = Reading { inventory, pass, pool: &pool, records };
    let units = inventory.units_of(&files.iter().map(|file| *file as usize).collect());
    for lost in pool.run(threads, units.len(), &|at| units.get(at).into_iter().for_each(|unit| reading.read(unit))) {
        units.get(lost).into_iter().for_each(|unit| reading.lose(unit));
    }
    reading.records.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect()
}

/// What reading needs to know and where it puts what it finds.
struct Reading<'a, P: Pass> {
    inventory: &'a Inventory,
    pass: &'a P,
    pool: &'a Pool<'a, P::Told>,
    /// By the number of the input.
    records: Mutex<Vec<Option<Read>>>,
}

/// An input that has been read, and the gzip file it was in.
pub type Read = (Accounted, Option<FileRecord>);

/// What is known of an input once it has been read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Accounted {
    pub record: FileRecord,
    /// Files of one host share it.
    pub host: String,
    /// The input was UTF-16: offsets of its records are those of the decoded text.
    pub decoded: bool,
}

/// What the bytes of a file came to.
struct Result<T> {
    told: T,
    lines: Lines,
    /// Only line-based files have physical lines.
    is_text: bool,
    problem: Option<Outcome>,
}

impl<P: Pass> Reading<'_, P> {
    /// Reads one input, or those of an archive that only has a front, one behind the other.
    fn read(&self, unit: &Unit) {
        match unit {
            Unit::One(index) => {
                let open = || self.inventory.inputs.get(*index).map(|input| self.inventory.open(input));
                self.read_one(*index, open);
            }
            Unit::Sequence(indexes) => {
                let mut rest = EndingRest(self.pass, indexes);
                // Getting to a file is the work of that file.
                indexes.first().into_iter().for_each(|first| self.pass.begin(number(*first)));
                self.inventory.open_sequence(indexes, &mut |index, opened| {
                    rest.1 = rest.1.split_first().map_or(&[], |(_, rest)| rest);
                    // A fault costs its file, and not those behind it.
                    let read = || self.read_one(index, || Some(opened));
                    if catch_unwind(AssertUnwindSafe(read)).is_err() {
                        self.lose(&Unit::One(index));
                    }
                    rest.1.first().into_iter().for_each(|next| self.pass.begin(number(*next)));
                    !self.pool.is_interrupted()
                });
            }
        }
    }

    /// Reads input number `index`.
    fn read_one<'o>(&self, index: usize, open: impl FnOnce() -> Option<std::result::Result<Opened<'o>, Outcome>>) {
        let file = number(index);
        let _ending = Ending(self.pass, file);
        self.pass.begin(file);
        self.wait_for_room(file);
        let (Some(input), Some(opened)) = (self.inventory.inputs.get(index), open()) else { return };
        match opened {
            Ok(opened) => {
                let (mut read, facts, told) = self.read_opened(file, input, opened.stream, opened.inside.as_deref());
                read.0.record.notes.clone_from(&input.notes);
                self.put(index, read, Some((facts, told)));
            }
            Err(outcome) => self.put(index, (unread(input, outcome), None), None),
        }
    }

    /// Accounts for the inputs of a unit whose reading ended in a fault. What was read before the fault stays as it is.
    fn lose(&self, unit: &Unit) {
        let indexes = match unit {
            Unit::One(index) => std::slice::from_ref(index),
            Unit::Sequence(indexes) => indexes,
        };
        for index in indexes {
            let Some(input) = self.inventory.inputs.get(*index) else { continue };
            let lost = unread(input, Outcome::Unreadable("lost to a fault of the reader".into()));
            self.put(*index, (lost, None), None);
        }
    }

    /// Accounts for an input, once.
    fn put(&self, index: usize, read: Read, told: Option<(FileFacts, P::Told)>) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = records.get_mut(index).filter(|slot| slot.is_none()) else { return };
        *slot = Some(read.clone());
        drop(records);
        self.pass.take(&read, number(index), told);
    }

    fn wait_for_room(&self, file: u32) {
        self.pool.help_until(&|| self.pass.has_room(file) || self.pool.is_interrupted());
    }

    fn read_opened(
        &self,
        file: u32,
        input: &Input,
        mut stream: Stream<'_>,
        inside: Option<&str>,
    ) -> (Read, FileFacts, P::Told) {
        let path = inside.map_or_else(|| input.path.clone(), |name| format!("{}!{name}", input.path));
        // The name inside a gzip file stands where the gzip file stands.
        let place = match inside {
            Some(name) => place::place(
                &input
                    .path
                    .rsplit_once(['/', '!'])
                    .map_or_else(|| name.to_owned(), |(folder, _)| format!("{folder}/{name}")),
            ),
            None => input.place.clone(),
        };
        let mut head = Vec::with_capacity(kind::HEAD_BYTES);
        let opening = (&mut stream).take(kind::HEAD_BYTES as u64).read_to_end(&mut head);
        // A hive is full of wide characters and is no text.
        let encoding = if kind::is_hive(&head) { Encoding::Utf8 } else { Encoding::of(&head) };
        let decoded = encoding.is_utf16();
        let text = if decoded { decode_utf16(&head, encoding == Encoding::Utf16Be) } else { Vec::new() };
        let shown: &[u8] = if decoded { &text } else { &head };
        let kind = kind::kind(shown, &place.on_server);
        let suggested = place::suggested_server(&place.host, path.rsplit(['/', '!']).next().unwrap_or(&path));
        let on_server = place.on_server.clone();
        let facts = FileFacts { file, on_server, path: path.clone(), suggested };
        let (mut result, hashes) = match Parser::of(kind, &place.on_server, shown) {
            Some(parser) => {
                if !self.pass.hashes_logs() {
                    stream.leave_unhashed();
                }
                self.read_blocks(stream, &head, encoding, parser, &facts)
            }
            None => {
                let size = if inside.is_some() || input.is_member() { 0 } else { input.size };
                self.read_content(stream, (head, encoding), (kind, size), &facts)
            }
        };
        if let Err(error) = opening {
            result.problem = Some(outcome_of(&error));
        }
        let tally = P::tally(&mut result.told);
        let clock_shift_secs = tally.finish();
        let outcome = result.problem.take().unwrap_or(Outcome::Complete);
        let whole = outcome == Outcome::Complete;
        let mut record = record(&path, if whole { hashes.size } else { input.size }, kind, outcome);
        // The hash of a part would pass for the hash of the file.
        record.sha256 = hashes.sha256.filter(|_| whole);
        record.clock_shift_secs = clock_shift_secs;
        fill(&mut record, tally, result.lines, result.is_text);
        let container = hashes.container.map(|(sha256, size)| FileRecord {
            sha256: Some(sha256),
            ..self::record(&input.path, size, Kind::Container, Outcome::Complete)
        });
        ((Accounted { record, host: place.host, decoded }, container), facts, result.told)
    }

    fn read_blocks(
        &self,
        mut stream: Stream<'_>,
        head: &[u8],
        encoding: Encoding,
        mut parser: Parser,
        facts: &FileFacts,
    ) -> (Result<P::Told>, Hashes) {
        let shared = Pool::open(facts.clone());
        let is_text = parser.is_of_lines();
        let mut problem = None;
        let mut blocks = Cut::new(&parser, &mut stream, head, encoding);
        loop {
            self.wait_for_room(facts.file);
            if self.pool.is_interrupted() {
                problem = Some(Outcome::Interrupted);
                break;
            }
            match blocks.next() {
                Ok(Some(block)) => {
                    let before = parser.clone();
                    parser.advance(&block.bytes);
                    self.pass.got_on(facts.file, block.bytes.len() as u64);
                    self.pool.submit(&shared, before, self.pass.number_block(facts.file), block);
                }
                Ok(None) => break,
                Err(error) => {
                    problem = Some(outcome_of(&error));
                    break;
                }
            }
        }
        let (mut told, lines, faults) = self.pool.close(&shared);
        listed::look_at(self.pass, &parser, facts, &mut told);
        if faults > 0 {
            problem = Some(Outcome::Unreadable(format!("{faults} blocks lost to a fault of the reader")));
        }
        (Result { told, lines, is_text, problem }, stream.finish(!self.pool.is_interrupted()))
    }

    /// Files that are no logs: their beginning is looked at, a hive whole, and all of them is hashed.
    fn read_content(
        &self,
        mut stream: Stream<'_>,
        (mut content, encoding): (Vec<u8>, Encoding),
        (kind, size): (Kind, u64),
        facts: &FileFacts,
    ) -> (Result<P::Told>, Hashes) {
        let plan = self.pass.plan();
        let is_hive = kind == Kind::RegistryHive;
        let _turn = is_hive.then(hive::turn);
        let shown = !matches!(kind, Kind::Other | Kind::Container | Kind::RegistryHive);
        // Padding does not hide a page: more of it is read than rules look into.
        let most = match kind {
            Kind::Other | Kind::Container => 0,
            Kind::RegistryHive => hive::HIVE_BYTES_MAX,
            Kind::WebFile => pages::PAGE_BYTES_MAX + 1,
            _ => CONTENT_BYTES_MAX,
        };
        let missing = most.max(plan.yara_bytes_max()).saturating_sub(content.len()) as u64;
        if is_hive {
            content.reserve_exact(usize::try_from(size.min(missing)).unwrap_or_default());
        }
        let mut outcome = (&mut stream).take(missing).read_to_end(&mut content).map(|_| ());
        let asked = plan.indicators().has(IndicatorKind::Sha1) || plan.indicators().has(IndicatorKind::Md5);
        let mut older = asked.then(OlderHashes::default);
        older.iter_mut().for_each(|older| older.update(&content));
        let mut buffer = vec![0; 256 * 1024];
        while outcome.is_ok() && !self.pool.is_interrupted() {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    older.iter_mut().for_each(|older| older.update(buffer.get(..count).unwrap_or_default()));
                    self.pass.got_on(facts.file, count as u64);
                }
                Err(error) => outcome = Err(error),
            }
        }
        self.pass.got_on(facts.file, content.len() as u64);
        let interrupted = self.pool.is_interrupted();
        let hashes = stream.finish(!interrupted);
        let page = page::reading(kind, &facts.on_server, &content);
        let head = content.get(..HEAD_BYTES.min(content.len())).unwrap_or_default();
        let beginning = content.get(..CONTENT_BYTES_MAX).unwrap_or(&content);
        let decoded = encoding.is_utf16().then(|| decode_utf16(beginning, encoding == Encoding::Utf16Be));
        let text = decoded.as_deref().unwrap_or(beginning);
        let parts = parts(kind, if is_hive { &content } else { text }, hashes.size, &facts.on_server);
        let (sha1, md5) = older.map(OlderHashes::finish).unzip();
        let file = FileContent {
            kind,
            size: hashes.size,
            sha256: hashes.sha256.as_deref(),
            sha1: sha1.as_deref(),
            md5: md5.as_deref(),
            head,
            content: if shown { text } else { &[] },
            bytes: content.get(..plan.yara_bytes_max()).unwrap_or(&content),
            elements: &parts.elements,
            page: page.as_ref(),
            computer: parts.computer.as_deref(),
            listed: None,
        };
        let mut told = self.pass.content(facts, &file);
        let tally = P::tally(&mut told);
        parts.rejects.into_iter().for_each(|reject| tally.reject(reject));
        // Elements are no lines and no records; what could not be read is told all the same.
        let rejected = tally.rejects.values().map(|(count, _, _)| count).sum();
        let values = if is_hive { parts.elements.len() as u64 } else { 0 };
        let lines = Lines { rejected, events: values, ..Lines::default() };
        let problem = match outcome {
            Err(error) => Some(outcome_of(&error)),
            Ok(()) => interrupted.then_some(Outcome::Interrupted),
        };
        (Result { told, lines, is_text: false, problem }, hashes)
    }
}

/// The parts of a file, which rules look at one by one, where files of its kind have any.
fn parts(kind: Kind, content: &[u8], size: u64, on_server: &str) -> Contents {
    let (elements, rejects) = match kind {
        Kind::Configuration => formats::config::read(content),
        Kind::ScheduledTask => formats::config::task::read(content),
        Kind::DirectoryExport => formats::config::directory::read(content),
        Kind::RegistryHive => return hive::read(content, size, on_server),
        _ => Default::default(),
    };
    Contents { elements, rejects, computer: None }
}

/// The number of an input in the manifest.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// What is known of an input that could not be read.
pub fn unread(input: &Input, outcome: Outcome) -> Accounted {
    // A page that cannot be opened is still a page of its server.
    let kind = if exchange::is_page_name(&input.place.on_server) { Kind::WebFile } else { Kind::Other };
    let mut record = record(&input.path, input.size, kind, outcome);
    record.notes.clone_from(&input.notes);
    Accounted { record, host: input.place.host.clone(), decoded: false }
}

/// The line of the manifest of a file of which nothing has been read.
pub fn record(path: &str, size: u64, kind: Kind, outcome: Outcome) -> FileRecord {
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
        same_as: None,
        claimed: None,
        claims: None,
        notes: Vec::new(),
    }
}

fn fill(record: &mut FileRecord, tally: &FileTally, lines: Lines, is_text: bool) {
    record.records = lines.events;
    record.rejected = lines.rejected;
    record.headers = lines.headers;
    record.blanks = lines.blanks;
    record.lines = if is_text { lines.total() } else { 0 };
    record.first = tally.span.map(|span| span.0);
    record.last = tally.span.map(|span| span.1);
    record.reasons = tally.reasons();
    record.source = tally.main_source();
    record.server = tally.main_server();
}
