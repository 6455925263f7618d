//! `afterpatch hunt`: every hit of every rule, without a verdict.
//!
//! arguments → inventory → rules → one pass over every byte, hits written in order → end screen → exit status.

mod costs;
mod joined;
pub mod level;
mod lines;
mod outlet;
mod screen;
mod tally;

use std::io::{self, BufWriter, Write};
use std::sync::{Mutex, PoisonError};

use detect::hunt::{Hit, Hunter, hunt_file};
use detect::observe::{FileContent, FileFacts, FileTally, TimeRange};
use detect::plan::{Plan, RuleIndex};
use detect::sigma::correlation::{CorrelationGroup, Member};
use evidence::Inventory;
use formats::block::{Block, Lines};
use model::file::FileRecord;

use crate::assess::outputs::Growing;
use crate::assess::parser::Parser;
use crate::assess::progress::Progress;
use crate::assess::reading::{self, Pass, Read};
use crate::assess::{self, RuleFolders, interrupt};
use crate::cli::{HuntFormat, HuntOptions};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use costs::Costs;
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
    let inventory = Inventory::walk_with(&options.evidence, &options.archives.opening()).map_err(assess::refused)?;
    let packs = (!options.no_packs).then_some(&options.packs);
    let compiled = assess::compile(packs, RuleFolders { sigma: &options.sigma, yara: &[] }, console)?;
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
        costs: Costs::new(options.rule_cost),
        progress: Progress::default(),
    };
    let files: Vec<u32> = (0..).take(inventory.inputs.len()).collect();
    let read = || reading::read_all(inventory, &files, &hunting, threads);
    let records = hunting.progress.show_while(inventory, console, read);
    let counted = hunting.join(inventory);
    (records, counted, begun.and(hunting.outlet.finish()))
}

/// Hands hits on as they are found.
struct Hunting<'a> {
    plan: &'a Plan,
    rules: &'a [Option<RuleSaid>],
    range: TimeRange,
    format: HuntFormat,
    outlet: Outlet<'a>,
    totals: Mutex<Totals>,
    /// Nothing spent yet, and whether to count it.
    costs: Costs,
    progress: Progress,
}

impl Hunting<'_> {
    /// What comes of hits together, behind all files.
    fn join(&self, inventory: &Inventory) -> Counted {
        let file = u32::try_from(inventory.inputs.len()).unwrap_or(u32::MAX);
        let mut piece = self.outlet.piece(file, self.outlet.number_block(file));
        let totals = std::mem::take(&mut *self.totals.lock().unwrap_or_else(PoisonError::into_inner));
        let counted = totals.end(self.plan, &mut |group, hits| {
            self.take_group(group, inventory, hits, &mut piece.bytes);
        });
        drop(piece);
        self.outlet.end(file);
        counted
    }

    /// Counts and writes a correlation that found something.
    fn take_group(&self, group: &CorrelationGroup, inventory: &Inventory, hits: &mut Hits, out: &mut Vec<u8>) {
        let Some(rule) = self.rules.get(group.rule.at()).and_then(Option::as_ref) else { return };
        let first = group.members.first();
        let time = first.map(|member| member.time);
        hits.count(group.rule, rule.level, Some(joined::server(group).unwrap_or(joined::SEVERAL)), time);
        let id =
            |member: &Member| self.plan.rules().get(member.rule.at()).map(|facts| facts.id.clone()).unwrap_or_default();
        if self.format != HuntFormat::Table
            && !lines::write_line(self.format, joined::line(group, rule, inventory, &id), time, out)
        {
            hits.leave_out();
        }
    }

    /// Counts and writes a hit, if its rule is of a level that is asked for. A rule of others that says that it is there
    /// for a correlation alone tells nothing by itself.
    fn take_hit(&self, hit: &Hit<'_>, facts: &FileFacts, hits: &mut Hits, out: &mut Vec<u8>) {
        let Some(rule) = self.rules.get(hit.rule.at()).and_then(Option::as_ref) else { return };
        if rule.foreign && self.plan.is_only_joined(hit.rule) {
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
        self.plan
    }

    fn block(&self, parser: &mut Parser, block: &Block<'_>, facts: &FileFacts, number: u64) -> (Told, Lines) {
        let mut piece = self.outlet.piece(facts.file, number);
        let mut hits = Hits::default();
        let found = |hit: &Hit<'_>| {
            self.take_hit(hit, facts, &mut hits, &mut piece.bytes);
        };
        let mut hunter = Hunter::new(self.plan, facts, self.range, found, self.costs.clone());
        let lines = parser.read(block, &mut hunter);
        let (file, costs) = hunter.finish();
        (Told { file, hits, costs }, lines)
    }

    fn content(&self, facts: &FileFacts, content: &FileContent<'_>) -> Told {
        let mut piece = self.outlet.piece(facts.file, self.outlet.number_block(facts.file));
        let mut hits = Hits::default();
        let file = hunt_file(self.plan, facts, content, &mut |hit| {
            self.take_hit(hit, facts, &mut hits, &mut piece.bytes);
        });
        Told { file, hits, costs: Costs::default() }
    }

    fn tally(told: &mut Told) -> &mut FileTally {
        &mut told.file
    }

    fn got_on(&self, _: u32, bytes: u64) {
        self.progress.got_on(bytes);
    }

    fn take(&self, (read, _): &Read, _: u32, told: Option<(FileFacts, Told)>) {
        self.progress.file_done();
        if let Some((facts, told)) = told {
            self.totals.lock().unwrap_or_else(PoisonError::into_inner).add(&read.host, &facts, told);
        }
    }

    fn hashes_logs(&self) -> bool {
        false
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
    let name = |rule: RuleIndex| plan.rules().get(rule.at()).map(|facts| facts.id.clone()).unwrap_or_default();
    let costs = match options.rule_cost {
        true => costs::table(ended.counted.costs.told(&name)),
        false => String::new(),
    };
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
