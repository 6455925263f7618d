//! `afterpatch hunt`: every hit of every rule, without a verdict.
//!
//! arguments → inventory → rules → one pass over every byte, hits written in order → end screen → exit status.

mod costs;
pub mod level;
mod lines;
mod outlet;
mod screen;
mod tally;

use std::io::{self, BufWriter, Write};
use std::sync::{Mutex, PoisonError};

use detect::hunt::{Hit, Hunter, hunt_file};
use detect::observe::{FileContent, FileFacts, FileTally, TimeRange};
use detect::plan::{Compiled, Plan};
use evidence::Inventory;
use formats::block::{Block, Lines};
use model::file::FileRecord;

use crate::assess::outputs::Growing;
use crate::assess::parser::Parser;
use crate::assess::reading::{self, Pass, Read};
use crate::assess::{self, interrupt};
use crate::cli::{HuntFormat, HuntOptions};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use level::Level;
use lines::RuleSaid;
use outlet::{KEPT_BYTES_MAX, Outlet};
use screen::Ended;
use tally::{Counted, Hits, Told, Totals};

/// Runs the verb.
pub fn run(options: &HuntOptions, console: &Console) -> Result<Exit, Failure> {
    options.refuse_contradictions()?;
    if let Some(output) = &options.output {
        Inventory::refuse_output_inside(&options.evidence, output).map_err(|error| {
            Failure::new(Exit::Usage, error.to_string()).hint("choose a file outside the evidence with -o FILE")
        })?;
    }
    let inventory = Inventory::walk(&options.evidence).map_err(assess::refused)?;
    let compiled = compile(options, console)?;
    let rules = rules(&compiled.plan, options.level)?;
    let growing = options.output.as_deref().map(Growing::new).transpose()?;
    interrupt::listen();
    let out: Box<dyn Write + Send + '_> = match (&growing, options.format) {
        (Some(growing), _) => Box::new(BufWriter::new(growing.file())),
        (None, HuntFormat::Table) => Box::new(io::sink()),
        (None, _) => Box::new(console.stream()),
    };
    let (records, counted, written) = hunt(&inventory, &compiled.plan, &rules, options, out, console);
    match written {
        // A closed pipe is the reader's wish.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(found(&counted, options)),
        written => written.map_err(|error| {
            let message = format!("cannot write hits: {error}");
            Failure::new(Exit::Usage, message).hint("choose another file with -o FILE")
        })?,
    }
    let files = files_of(records);
    // A file that nobody recognises can be hit by its name or bytes.
    if !interrupt::came() && counted.hits() == 0 {
        assess::refuse_nothing(&files, &options.evidence)?;
    }
    growing.map_or(Ok(()), Growing::put)?;
    let ended = Ended {
        counted: &counted,
        rules: &rules,
        files: &files,
        level: options.level,
        incomplete: interrupt::came(),
        colour: console.colour,
        width: console.width(),
    };
    show(&ended, &compiled.plan, options, console);
    Ok(if interrupt::came() { Exit::Interrupted } else { found(&counted, options) })
}

/// Everything that is looked for: today the packs. Sets of rules of others join them here.
fn compile(options: &HuntOptions, console: &Console) -> Result<Compiled, Failure> {
    if let Some(set) = options.sigma.first() {
        let message = format!("cannot load `{}`: this version runs the rules of packs only", set.display());
        return Err(Failure::new(Exit::Usage, message).hint("`afterpatch packs import` makes a pack of Sigma rules"));
    }
    assess::compile(&options.packs, &[], console)
}

/// What lines say of each rule; of those below the level nothing is said.
fn rules(plan: &Plan, level: Level) -> Result<Vec<Option<RuleSaid>>, Failure> {
    let said = |facts| Some(RuleSaid::of(facts)).filter(|rule| rule.level >= level);
    let rules: Vec<Option<RuleSaid>> = plan.rules().iter().map(said).collect();
    if rules.iter().all(Option::is_none) {
        let message = format!("no rule is of level {} or above: nothing could be found", level.word());
        return Err(Failure::new(Exit::Usage, message).hint("lower --level"));
    }
    Ok(rules)
}

/// The pass over every byte.
fn hunt(
    inventory: &Inventory,
    plan: &Plan,
    rules: &[Option<RuleSaid>],
    options: &HuntOptions,
    mut out: Box<dyn Write + Send + '_>,
    console: &Console,
) -> (Vec<Read>, Counted, io::Result<()>) {
    let threads =
        options.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let begun = out.write_all(lines::header(options.format).as_bytes());
    let hunting = Hunting {
        plan,
        rules,
        range: TimeRange { from: options.from, until: options.to },
        format: options.format,
        outlet: Outlet::new(out, KEPT_BYTES_MAX, &interrupt::INTERRUPTED),
        totals: Mutex::default(),
    };
    let records = reading::read_all(inventory, &hunting, threads, console);
    let written = begun.and(hunting.outlet.finish());
    (records, hunting.totals.into_inner().unwrap_or_else(PoisonError::into_inner).end(), written)
}

/// Hands hits on as they are found.
struct Hunting<'a> {
    plan: &'a Plan,
    rules: &'a [Option<RuleSaid>],
    range: TimeRange,
    format: HuntFormat,
    outlet: Outlet<'a>,
    totals: Mutex<Totals>,
}

impl Hunting<'_> {
    /// Counts and writes a hit, if its rule is of a level that is asked for. Members of correlations are noted here,
    /// when there is somebody who joins them.
    fn take_hit(&self, hit: &Hit<'_>, facts: &FileFacts, hits: &mut Hits, out: &mut Vec<u8>) {
        let Some(rule) = self.rules.get(hit.rule.at()).and_then(Option::as_ref) else { return };
        hits.count(hit.rule, rule.level, hit.server, hit.time);
        if !lines::write(self.format, hit, rule, facts, out) {
            hits.leave_out();
        }
    }
}

impl Pass for Hunting<'_> {
    type Told = Told;

    fn plan(&self) -> &Plan {
        self.plan
    }

    fn block(&self, parser: &mut Parser, block: &Block<'_>, facts: &FileFacts, number: u64) -> (Told, Lines) {
        let mut piece = self.outlet.piece(facts.file, number);
        let mut hits = Hits::default();
        let family = parser.clone().advance(block.bytes);
        let mut hunter = Hunter::new(self.plan, facts, self.range, family, |hit: &Hit<'_>| {
            self.take_hit(hit, facts, &mut hits, &mut piece.bytes);
        });
        let lines = parser.read(block, &mut hunter);
        let file = hunter.finish();
        (Told { file, hits }, lines)
    }

    fn content(&self, facts: &FileFacts, content: &FileContent<'_>) -> Told {
        let mut piece = self.outlet.piece(facts.file, self.outlet.number_block(facts.file));
        let mut hits = Hits::default();
        let file = hunt_file(self.plan, facts, content, &mut |hit| {
            self.take_hit(hit, facts, &mut hits, &mut piece.bytes);
        });
        Told { file, hits }
    }

    fn tally(told: &mut Told) -> &mut FileTally {
        &mut told.file
    }

    fn take(&self, host: &str, facts: &FileFacts, told: Told) {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).add(host, facts, told);
    }

    fn has_room(&self, file: u32) -> bool {
        self.outlet.has_room(file)
    }

    fn number_block(&self, file: u32) -> u64 {
        self.outlet.number_block(file)
    }

    fn end(&self, file: u32) {
        self.outlet.end(file);
    }
}

/// Every input, and the gzip files behind them.
fn files_of(records: Vec<Read>) -> Vec<FileRecord> {
    let (files, containers): (Vec<_>, Vec<_>) = records.into_iter().unzip();
    files.into_iter().map(|file| file.record).chain(containers.into_iter().flatten()).collect()
}

/// The screen on standard output, where that is not taken by hits; else what is to be said on standard error.
fn show(ended: &Ended<'_>, plan: &Plan, options: &HuntOptions, console: &Console) {
    let costs = if options.rule_cost { costs::table(costs::of(plan)) } else { String::new() };
    match (options.format, &options.output) {
        (HuntFormat::Table, _) => console.result(&format!("{}{}{costs}", ended.table(), ended.footer())),
        (_, Some(_)) if !console.quiet => {
            console.result(&format!("{}{}{costs}", ended.table(), ended.footer()));
        }
        _ => format!("{}{costs}", ended.footer()).lines().for_each(|line| console.say(line)),
    }
}

fn found(counted: &Counted, options: &HuntOptions) -> Exit {
    if options.fail_on.is_some_and(|level| counted.reach(level)) { Exit::Found } else { Exit::Done }
}
