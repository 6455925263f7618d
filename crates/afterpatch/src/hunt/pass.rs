//! The pass of a hunt over every byte: what is found is told block by block in the order of the evidence, and of each file
//! what was counted once all of it has been told.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use detect::hunt::{Hit, Hunter, hunt_file};
use detect::observe::{FileContent, FileFacts, FileTally};
use detect::plan::Plan;
use formats::block::{Block, Lines};
use model::file::FileRecord;
use serde::{Deserialize, Serialize};

use super::costs::Costs;
use super::level::Level;
use super::lines::{self, RuleSaid};
use super::outlet::{KEPT_BYTES_MAX, Outlet, Turn};
use super::tally::{Hits, Told};
use crate::assess::parser::Parser;
use crate::assess::reading::{self, Accounted, Pass, Read};
use crate::assess::work::{Note, Part, Reader};
use crate::cli::HuntFormat;

/// What a hunt asks of files.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Question {
    /// Rules below it are passed over.
    pub level: Level,
    /// How hits are written.
    pub format: HuntFormat,
    /// Whether it is counted what rules spend.
    pub costs: bool,
}

/// What came of one file, beside its hits.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hunted {
    pub accounted: Accounted,
    /// The gzip file it was in.
    pub container: Option<FileRecord>,
    /// The server that folder or name suggest.
    pub suggested: Option<String>,
    /// `None` where it could not be opened.
    pub told: Option<Told>,
}

/// What lines say of each rule; of those below the level nothing is said.
pub fn rules(plan: &Plan, level: Level) -> Vec<Option<RuleSaid>> {
    let said = |facts| Some(RuleSaid::of(facts)).filter(|rule| rule.level >= level);
    plan.rules().iter().map(said).collect()
}

/// Hunts in files, by their numbers, and tells of each.
pub fn perform(reader: &Reader<'_>, question: Question, files: &[u32], tell: &(dyn Fn(Note) + Sync)) {
    let waiting = Mutex::new(BTreeMap::new());
    let take = |turn: Turn| match turn {
        Turn::Block { file, number, bytes } => tell(Note::Found { file, number, bytes }),
        Turn::Ended(file) => both(&waiting, file, None, tell),
    };
    let hunting = Hunting {
        reader,
        rules: &rules(reader.plan, question.level),
        format: question.format,
        costs: Costs::new(question.costs),
        outlet: Outlet::new(Box::new(take), KEPT_BYTES_MAX),
        waiting: &waiting,
        tell,
    };
    let mut asked = files.iter().copied().peekable();
    for file in (0..).take(reader.inventory.inputs.len()) {
        if asked.next_if_eq(&file).is_none() {
            hunting.outlet.end(file);
        }
    }
    // What is handed back has been told of one by one.
    drop(reading::read_all(reader.inventory, files, &hunting, reader.threads));
}

/// What is known of a file whose turn has come, or which is read: it is told of when it is both. `None` stands for the
/// turn.
type Waiting = Mutex<BTreeMap<u32, Option<Box<Hunted>>>>;

fn both(waiting: &Waiting, file: u32, hunted: Option<Box<Hunted>>, tell: &(dyn Fn(Note) + Sync)) {
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    match waiting.remove(&file) {
        None => _ = waiting.insert(file, hunted),
        Some(other) => {
            // Nothing of the next file is told before.
            if let Some(hunted) = hunted.or(other) {
                tell(Note::Done(file, Part::Hunted(hunted)));
            }
        }
    }
}

/// Hands hits on as they are found.
struct Hunting<'a> {
    reader: &'a Reader<'a>,
    rules: &'a [Option<RuleSaid>],
    format: HuntFormat,
    /// Nothing spent yet, and whether to count it.
    costs: Costs,
    outlet: Outlet<'a>,
    waiting: &'a Waiting,
    tell: &'a (dyn Fn(Note) + Sync),
}

impl Hunting<'_> {
    /// Counts and writes a hit, if its rule is of a level that is asked for. A rule of others that says that it is there
    /// for a correlation alone tells nothing by itself.
    fn take_hit(&self, hit: &Hit<'_>, facts: &FileFacts, hits: &mut Hits, out: &mut Vec<u8>) {
        let Some(rule) = self.rules.get(hit.rule.at()).and_then(Option::as_ref) else { return };
        if rule.foreign && self.plan().is_only_joined(hit.rule) {
            return hits.pass_to_correlation();
        }
        hits.count(hit.rule, rule.level, hit.server, hit.time);
        if !lines::write(self.format, hit, rule, facts, out) {
            hits.leave_out();
        }
    }
}

impl Pass for Hunting<'_> {
    type Told = Told;

    fn plan(&self) -> &Plan {
        self.reader.plan
    }

    fn begin(&self, file: u32) {
        (self.tell)(Note::Begun(file));
    }

    fn got_on(&self, file: u32, bytes: u64) {
        (self.tell)(Note::GotOn(file, bytes));
    }

    fn block(&self, parser: &mut Parser, block: &Block<'_>, facts: &FileFacts, number: u64) -> (Told, Lines) {
        let mut piece = self.outlet.piece(facts.file, number);
        let mut hits = Hits::default();
        let found = |hit: &Hit<'_>| {
            self.take_hit(hit, facts, &mut hits, &mut piece.bytes);
        };
        let mut hunter = Hunter::new(self.plan(), facts, self.reader.range, found, self.costs.clone());
        let lines = parser.read(block, &mut hunter);
        let (file, costs) = hunter.finish();
        self.got_on(facts.file, 0);
        (Told { file, hits, costs }, lines)
    }

    fn content(&self, facts: &FileFacts, content: &FileContent<'_>) -> Told {
        let mut piece = self.outlet.piece(facts.file, self.outlet.number_block(facts.file));
        let mut hits = Hits::default();
        let file = hunt_file(self.plan(), facts, content, &mut |hit| {
            self.take_hit(hit, facts, &mut hits, &mut piece.bytes);
        });
        self.got_on(facts.file, 0);
        Told { file, hits, costs: Costs::default() }
    }

    fn tally(told: &mut Told) -> &mut FileTally {
        &mut told.file
    }

    fn take(&self, (accounted, container): &Read, file: u32, told: Option<(FileFacts, Told)>) {
        // From here on it only waits for its turn.
        (self.tell)(Note::Waits(file));
        let (suggested, told) = told.map_or((None, None), |(facts, told)| (facts.suggested, Some(told)));
        let hunted = Hunted { accounted: accounted.clone(), container: container.clone(), suggested, told };
        both(self.waiting, file, Some(Box::new(hunted)), self.tell);
    }

    fn hashes_logs(&self) -> bool {
        false
    }

    fn has_room(&self, file: u32) -> bool {
        let has_room = self.outlet.has_room(file);
        if !has_room {
            // It stands still for no fault of its own.
            self.got_on(file, 0);
        }
        has_room
    }

    fn number_block(&self, file: u32) -> u64 {
        self.outlet.number_block(file)
    }

    fn end(&self, file: u32) {
        self.outlet.end(file);
    }
}
