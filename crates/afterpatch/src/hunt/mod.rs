//! `afterpatch hunt`: every hit of every rule, without a verdict.
//!
//! arguments → inventory → rules → one pass over every byte, hits written in order → end screen → exit status.

mod costs;
mod joined;
pub mod level;
mod lines;
mod outlet;
pub mod pass;
mod screen;
mod tally;

use std::io::{self, BufWriter, Write};

use detect::plan::{Plan, RuleIndex};
use detect::sigma::correlation::{CorrelationGroup, Member};
use evidence::Inventory;
use model::file::{FileRecord, Outcome};

use crate::assess::crew::Crew;
use crate::assess::outputs::Growing;
use crate::assess::party::Asked;
use crate::assess::progress::Progress;
use crate::assess::work::{Job, Note, Part};
use crate::assess::{self, RuleFolders, Rules, interrupt, reading};
use crate::cli::{HuntFormat, HuntOptions};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use level::Level;
use lines::RuleSaid;
use pass::{Hunted, Question};
use screen::Ended;
use tally::{Counted, Hits, Totals};

/// Runs the verb.
pub fn run(options: &HuntOptions, console: &Console) -> Result<Exit, Failure> {
    options.refuse_contradictions()?;
    if let Some(output) = &options.output {
        Inventory::refuse_output_inside(&options.evidence, output).map_err(|error| {
            Failure::new(Exit::Usage, error.to_string()).hint("choose a file outside the evidence with -o FILE")
        })?;
    }
    Inventory::refuse_missing(&options.evidence).map_err(assess::refused)?;
    let packs = (!options.no_packs).then_some(&options.packs);
    let files = Rules::open(packs, RuleFolders { sigma: &options.sigma, yara: &[] })?;
    let asked = options.asked();
    // It lists the evidence and compiles its rules while this one does.
    let mut away = asked.away(None, files.files())?;
    let compiled = files.compile(packs, console)?;
    let rules = rules(&compiled.plan, options.level)?;
    let growing = options.output.as_deref().map(Growing::new).transpose()?;
    interrupt::listen();
    let inventory = asked.inventory(None, &mut away)?;
    let out: Box<dyn Write + Send + '_> = match (&growing, options.format) {
        (Some(growing), _) => Box::new(BufWriter::new(growing.file())),
        (None, HuntFormat::Table) => Box::new(io::sink()),
        (None, _) => Box::new(console.stream()),
    };
    let progress = Progress::default();
    let mut crew = asked.crew(away, &inventory, &compiled.plan, &progress);
    let hunt =
        Hunt { plan: &compiled.plan, rules: &rules, inventory: &inventory, format: options.format, out: Out::new(out) };
    let question = Question { level: options.level, format: options.format, costs: options.rule_cost };
    let (files, counted, written) = progress.show_while(&inventory, console, || hunt.run(&mut crew, question));
    crew.say_what_is_missing(console);
    match written {
        // A closed pipe is the reader's wish.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(found(&counted, options)),
        written => written.map_err(|error| {
            let message = format!("cannot write hits: {error}");
            Failure::new(Exit::Usage, message).hint("choose another file with -o FILE")
        })?,
    }
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

impl HuntOptions {
    /// What is to be read, and how.
    fn asked(&self) -> Asked<'_> {
        Asked {
            evidence: &self.evidence,
            archives: &self.archives,
            isolation: self.isolation,
            range: (self.from, self.to),
            threads: self.threads,
        }
    }
}

/// What lines say of each rule; of those below the level nothing is said.
fn rules(plan: &Plan, level: Level) -> Result<Vec<Option<RuleSaid>>, Failure> {
    let rules = pass::rules(plan, level);
    if rules.iter().all(Option::is_none) {
        let message = format!("no rule is of level {} or above: nothing could be found", level.word());
        return Err(Failure::new(Exit::Usage, message).hint("lower --level"));
    }
    Ok(rules)
}

/// Where hits go. When it takes nothing more, reading on would be in vain.
struct Out<'o> {
    out: Box<dyn Write + Send + 'o>,
    failed: Option<io::Error>,
}

impl<'o> Out<'o> {
    fn new(out: Box<dyn Write + Send + 'o>) -> Self {
        Self { out, failed: None }
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.failed.is_none()
            && let Err(error) = self.out.write_all(bytes)
        {
            self.failed = Some(error);
            interrupt::ask();
        }
    }

    fn end(mut self) -> io::Result<()> {
        self.failed.take().map_or_else(|| self.out.flush(), Err)
    }
}

/// Takes what is found, in the order of the evidence, and what was counted.
struct Hunt<'a> {
    plan: &'a Plan,
    rules: &'a [Option<RuleSaid>],
    inventory: &'a Inventory,
    format: HuntFormat,
    out: Out<'a>,
}

impl Hunt<'_> {
    /// The pass over every byte, and what comes of hits together behind all files.
    fn run(mut self, crew: &mut Crew<'_>, question: Question) -> (Vec<FileRecord>, Counted, io::Result<()>) {
        self.out.write(lines::header(self.format).as_bytes());
        let files: Vec<u32> = (0..).take(self.inventory.inputs.len()).collect();
        let mut records: Vec<Option<Vec<FileRecord>>> = vec![None; files.len()];
        let mut totals = Totals::default();
        // Of a file that is read again, because its reading was cut off, what was taken before is not taken twice.
        let mut next = (0, 0);
        let lost = crew.follow(&Job::Hunt(question), &files, &mut |note| match note {
            Note::Found { file, number, bytes } if (file, number) >= next => {
                next = (file, number + 1);
                self.out.write(&bytes);
            }
            Note::Done(file, Part::Hunted(hunted)) => {
                if let Some(slot) = records.get_mut(file as usize) {
                    *slot = Some(account(*hunted, &mut totals));
                }
            }
            _ => {}
        });
        for lost in lost {
            if let (Some(slot), Some(input)) =
                (records.get_mut(lost.file as usize), self.inventory.inputs.get(lost.file as usize))
                && !interrupt::came()
            {
                let outcome =
                    Outcome::Unreadable(format!("{}; its hits until then are written, not counted", lost.reason));
                *slot = Some(vec![reading::unread(input, outcome).record]);
            }
        }
        // Files in the order of the evidence, and behind them the gzip files that some of them were in.
        let mut inside = Vec::new();
        let mut all = Vec::new();
        for mut record in records.into_iter().flatten() {
            inside.extend(record.split_off(1.min(record.len())));
            all.extend(record);
        }
        all.extend(inside);
        let counted = self.join(totals);
        (all, counted, self.out.end())
    }

    /// What comes of hits together.
    fn join(&mut self, totals: Totals) -> Counted {
        let mut lines = Vec::new();
        let counted = totals.end(self.plan, &mut |group, hits| self.take_group(group, hits, &mut lines));
        self.out.write(&lines);
        counted
    }

    /// Counts and writes a correlation that found something.
    fn take_group(&self, group: &CorrelationGroup, hits: &mut Hits, out: &mut Vec<u8>) {
        let Some(rule) = self.rules.get(group.rule.at()).and_then(Option::as_ref) else { return };
        let first = group.members.first();
        let time = first.map(|member| member.time);
        hits.count(group.rule, rule.level, Some(joined::server(group).unwrap_or(joined::SEVERAL)), time);
        let id =
            |member: &Member| self.plan.rules().get(member.rule.at()).map(|facts| facts.id.clone()).unwrap_or_default();
        if self.format != HuntFormat::Table
            && !lines::write_line(self.format, joined::line(group, rule, self.inventory, &id), time, out)
        {
            hits.leave_out();
        }
    }
}

/// Counts what a file told; its line of the manifest, and that of the gzip file it was in.
fn account(hunted: Hunted, totals: &mut Totals) -> Vec<FileRecord> {
    if let Some(told) = hunted.told {
        totals.add(&hunted.accounted.host, hunted.suggested.as_deref(), told);
    }
    std::iter::once(hunted.accounted.record).chain(hunted.container).collect()
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
