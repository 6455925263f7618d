//! What is done with the bytes of the evidence, and nothing else is: the jobs of whoever reads.
//!
//! Everything here may run in a process of its own ([`super::crew`]), so a job and its parts are plain data, and a file
//! is told of when it begins, when it gets on and when it is done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use detect::observe::{FileContent, FileFacts, FileTally, Habits, Join, Observer, TimeRange, observe_file};
use detect::plan::Plan;
use evidence::{Input, Inventory, Opened, Rereading, Unit};
use formats::block::{Block, Lines};
use model::file::{FileRecord, Kind, Outcome};
use serde::{Deserialize, Serialize};

use super::arrived::Arrived;
use super::interrupt;
use super::parser::Parser;
use super::reading::{self, Accounted, Pass, Read};
use super::second_look;
use crate::hunt::pass::{self as hunt, Hunted};
use crate::inspect::{self, Inspected};
use crate::verify::again::{self as verify, Hashed};

/// What is asked about files.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Job {
    /// Read them, once and whole.
    Observe,
    /// Search logs again for request ids.
    Join {
        /// In lower case.
        ids: Vec<String>,
        /// The rule that stands for what is found, by its place.
        rule: usize,
        /// What the logs are.
        logs: BTreeMap<u32, Log>,
    },
    /// Read single lines again.
    Lines {
        /// Where they begin, by file.
        offsets: BTreeMap<u32, BTreeSet<u64>>,
        /// All together, in bytes.
        room: usize,
    },
    /// Write down every hit of every rule.
    Hunt(hunt::Question),
    /// Say what pages do.
    Inspect,
    /// Hash them.
    Hash,
}

impl Job {
    /// What is found is told in the order of the files.
    pub fn is_in_order(&self) -> bool {
        matches!(self, Self::Hunt(_))
    }

    /// It reads the files for the first time, and all of them.
    pub fn is_first(&self) -> bool {
        !matches!(self, Self::Join { .. } | Self::Lines { .. })
    }
}

/// A log that was read before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Log {
    pub kind: Kind,
    /// As in the manifest.
    pub path: String,
}

/// What came of one file.
#[derive(Debug, Serialize, Deserialize)]
pub enum Part {
    Observed(Arrived),
    Joined(Box<FileTally>),
    /// By where they begin, without line feeds.
    Lines(Vec<(u64, Vec<u8>)>),
    Hunted(Box<Hunted>),
    Inspected(Result<Option<Box<Inspected>>, Outcome>),
    Hashed(Vec<Hashed>),
}

/// A file that was read.
#[derive(Debug, Serialize, Deserialize)]
pub struct Observed {
    pub accounted: Accounted,
    /// The gzip file it was in.
    pub container: Option<FileRecord>,
    /// The server that folder or name suggest.
    pub suggested: Option<String>,
    /// `None` where it could not be opened.
    pub told: Option<FileTally>,
}

/// What is told while a job runs. Of one file: it begins, gets on any number of times, and is done.
#[derive(Debug, Serialize, Deserialize)]
pub enum Note {
    Begun(u32),
    /// So many more bytes are behind it.
    GotOn(u32, u64),
    /// What a block of it yields, the next one of the evidence: told only by jobs in order.
    Found {
        file: u32,
        number: u64,
        bytes: Vec<u8>,
    },
    /// It is read; only its turn has not come.
    Waits(u32),
    Done(u32, Part),
}

/// A file that was opened, or why not.
type Opens<'o> = Result<Opened<'o>, Outcome>;

/// So many more bytes are behind whoever reads.
pub type GotOn<'g> = dyn Fn(u64) + 'g;

/// Whoever reads, and what is known before.
pub struct Reader<'a> {
    pub inventory: &'a Inventory,
    pub plan: &'a Plan,
    pub range: TimeRange,
    pub threads: usize,
}

impl Reader<'_> {
    /// Does a job on files, by their numbers, and tells of each.
    pub fn perform(&self, job: &Job, files: &[u32], tell: &(dyn Fn(Note) + Sync)) {
        match job {
            Job::Observe => {
                let observing = Observing { plan: self.plan, range: self.range, tell, habits: Mutex::default() };
                // What is handed back has been told of one by one.
                drop(reading::read_all(self.inventory, files, &observing, self.threads));
            }
            Job::Join { ids, rule, logs } => {
                let Some(join) = Join::new(ids, *rule) else { return };
                second_look::search_all(self, &join, files, logs, tell);
            }
            Job::Lines { offsets, room } => self.lines(files, offsets, *room, tell),
            Job::Hunt(question) => hunt::perform(self, *question, files, tell),
            Job::Inspect => self.each(files, tell, &|input, opened, got_on| {
                Part::Inspected(inspect::page(self.plan, input, opened, got_on).map(|page| page.map(Box::new)))
            }),
            Job::Hash => {
                self.each(files, tell, &|input, opened, got_on| Part::Hashed(verify::hash(input, opened, got_on)))
            }
        }
    }

    /// Reads files side by side, each by itself. A fault costs its file: of it nothing is told but that it began.
    fn each(
        &self,
        files: &[u32],
        tell: &(dyn Fn(Note) + Sync),
        read: &(dyn Fn(&Input, Opens<'_>, &GotOn<'_>) -> Part + Sync),
    ) {
        let units = self.inventory.units_of(&files.iter().map(|file| *file as usize).collect());
        let next = AtomicUsize::new(0);
        let one = |at: usize, opened: Opens<'_>| {
            let Some(input) = self.inventory.inputs.get(at).filter(|_| !interrupt::came()) else { return false };
            let file = u32::try_from(at).unwrap_or(u32::MAX);
            tell(Note::Begun(file));
            let part = read(input, opened, &|bytes| tell(Note::GotOn(file, bytes)));
            tell(Note::Done(file, part));
            true
        };
        let work = || {
            while let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)).filter(|_| !interrupt::came()) {
                self.inventory.open_unit(unit, &mut |at, opened| one(at, opened));
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.threads {
                let thread = std::thread::Builder::new().stack_size(pages::STACK_BYTES);
                thread.spawn_scoped(scope, work).expect("the system starts a thread");
            }
        });
    }

    /// One pass over each file, in the order of its bytes, until there is no room for more.
    fn lines(
        &self,
        files: &[u32],
        offsets: &BTreeMap<u32, BTreeSet<u64>>,
        mut room: usize,
        tell: &(dyn Fn(Note) + Sync),
    ) {
        let mut read = |index: usize, again: Option<Rereading<'_>>| {
            let file = u32::try_from(index).unwrap_or(u32::MAX);
            tell(Note::Begun(file));
            let mut lines = Vec::new();
            if let (Some(mut again), Some(offsets)) = (again, offsets.get(&file)) {
                let stop = || {
                    tell(Note::GotOn(file, 0));
                    interrupt::came()
                };
                for offset in offsets {
                    if room == 0 || interrupt::came() {
                        break;
                    }
                    let line = again.line_at(*offset, RECORD_BYTES_MAX, &stop);
                    room = room.saturating_sub(line.len());
                    lines.push((*offset, line));
                }
            }
            tell(Note::Done(file, Part::Lines(lines)));
            room > 0 && !interrupt::came()
        };
        for unit in self.inventory.units_of(&files.iter().map(|file| *file as usize).collect()) {
            let goes_on = match unit {
                Unit::One(index) => {
                    let input = self.inventory.inputs.get(index);
                    read(index, input.and_then(|input| self.inventory.reread(input)))
                }
                Unit::Sequence(indexes) => {
                    let mut goes_on = true;
                    self.inventory.open_sequence(&indexes, &mut |index, opened| {
                        goes_on = read(index, opened.ok().map(Rereading::of));
                        goes_on
                    });
                    goes_on
                }
            };
            if !goes_on {
                break;
            }
        }
    }
}

/// The longest record that is shown whole.
const RECORD_BYTES_MAX: usize = 1 << 20;

/// Gathers what an assessment is judged from.
struct Observing<'a> {
    plan: &'a Plan,
    range: TimeRange,
    tell: &'a (dyn Fn(Note) + Sync),
    /// Those that no observer has at the moment: as many as there are threads, at most.
    habits: Mutex<Vec<Habits<'a>>>,
}

impl Pass for Observing<'_> {
    type Told = FileTally;

    fn plan(&self) -> &Plan {
        self.plan
    }

    fn begin(&self, file: u32) {
        (self.tell)(Note::Begun(file));
    }

    fn got_on(&self, file: u32, bytes: u64) {
        (self.tell)(Note::GotOn(file, bytes));
    }

    fn block(&self, parser: &mut Parser, block: &Block<'_>, facts: &FileFacts, _: u64) -> (FileTally, Lines) {
        let habits = self.habits.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        let mut observer = Observer::new(self.plan, facts, self.range, habits);
        let lines = parser.read(block, &mut observer);
        let (told, habits) = observer.finish();
        self.habits.lock().unwrap_or_else(PoisonError::into_inner).push(habits);
        self.got_on(facts.file, 0);
        (told, lines)
    }

    fn content(&self, facts: &FileFacts, content: &FileContent<'_>) -> FileTally {
        let told = observe_file(self.plan, facts, content);
        self.got_on(facts.file, 0);
        told
    }

    fn tally(told: &mut FileTally) -> &mut FileTally {
        told
    }

    fn take(&self, (accounted, container): &Read, file: u32, told: Option<(FileFacts, FileTally)>) {
        let (suggested, told) = told.map_or((None, None), |(facts, told)| (facts.suggested, Some(told)));
        let observed = Observed { accounted: accounted.clone(), container: container.clone(), suggested, told };
        (self.tell)(Note::Done(file, Part::Observed(Arrived::here(observed))));
    }
}
