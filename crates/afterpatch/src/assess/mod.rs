//! `afterpatch assess`: evidence in, assessment out.
//!
//! arguments → inventory → one pass over every byte → observations → (a second look for request ids) → assessment →
//! outputs → exit status.

pub mod blocks;
mod hive;
pub mod interrupt;
mod listed;
mod live;
pub mod outputs;
pub(crate) mod page;
pub mod parser;
pub mod pool;
mod progress;
pub mod reading;
mod second_look;
mod whole_records;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use detect::observe::{FileContent, FileFacts, FileTally, Noted, Observer, Tally, TimeRange, observe_file};
use detect::plan::{Compiled, Plan};
use evidence::{Inventory, WalkError};
use formats::block::{Block, Lines};
use model::Build;
use model::assessment::{Assessment, BuildSpan, RuleCount, Verdict};
use model::file::{FileRecord, Kind};
use model::observation::Observations;
use report::hostile::ForTerminal;

use crate::cli::{AssessOptions, Format, PackOptions};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::{packs, sigma, yara};
use parser::Parser;
use reading::{Accounted, Pass};

/// Runs the verb.
pub fn run(options: &AssessOptions, console: &Console) -> Result<Exit, Failure> {
    options.refuse_contradictions()?;
    Inventory::refuse_output_inside(&options.evidence, &options.output).map_err(refused)?;
    let inventory = live::inventory(options, console)?;
    let folders = RuleFolders { sigma: &options.sigma, yara: &options.yara };
    let mut compiled = compile(Some(&options.packs), folders, console)?;
    if !options.sigma.is_empty() {
        console.say(&format!("  each of them with its outcome is in {}", sigma::RULES));
    }
    if !options.yara.is_empty() {
        console.say(&format!("  each YARA rule with its outcome is in {}", yara::RULES));
    }
    outputs::prepare(&options.output)?;
    interrupt::listen();
    let threads =
        options.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let (mut observations, noted, accounted) = observe(&inventory, &compiled.plan, options, threads, console);
    if !interrupt::came() {
        refuse_nothing(&observations.files, &options.evidence)?;
        second_look::join(&mut observations, &inventory, &accounted, threads);
    }
    let cut_short = detect::observe::conclude(&compiled.plan, noted, &mut observations);
    for refusal in &cut_short {
        console.say(&format!("{}: {}", ForTerminal(&refusal.rule), ForTerminal(&refusal.reason)));
    }
    compiled.refusals.extend(cut_short);
    whole_records::complete(&mut observations, &inventory, &accounted);
    let assessment = inquiry::assess(&observations, &judging(options, &compiled));
    let of_sigma = (!options.sigma.is_empty()).then(|| (sigma::RULES, sigma::csv(&compiled)));
    let of_yara = (!options.yara.is_empty()).then(|| (yara::RULES, yara::csv(&compiled.yara)));
    let tables: Vec<(&str, &str)> =
        of_sigma.iter().chain(&of_yara).map(|(name, text)| (*name, text.as_str())).collect();
    outputs::write(&options.output, &options.evidence, &assessment, &observations.files, &tables)?;
    show(&assessment, options, console);
    Ok(exit(&assessment, options))
}

/// What each server of the evidence ran last, where anything names a build; read as an assessment reads it.
pub fn last_builds(evidence: &Path, console: &Console) -> Result<Vec<(String, Option<Build>)>, Failure> {
    let options = AssessOptions::reading(evidence);
    let inventory = Inventory::walk(&options.evidence).map_err(refused)?;
    let compiled = compile(Some(&options.packs), RuleFolders::default(), console)?;
    interrupt::listen();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (observations, ..) = observe(&inventory, &compiled.plan, &options, threads, console);
    if interrupt::came() {
        return Err(Failure::new(Exit::Interrupted, "interrupted before the evidence was read"));
    }
    refuse_nothing(&observations.files, &options.evidence)?;
    let assessment = inquiry::assess(&observations, &judging(&options, &compiled));
    let last = |builds: &[BuildSpan]| builds.iter().max_by_key(|span| span.last_seen).map(|span| span.build);
    Ok(assessment.servers.into_iter().map(|server| (server.server, last(&server.builds))).collect())
}

/// Why evidence cannot be walked.
pub fn refused(error: WalkError) -> Failure {
    match error {
        WalkError::Missing(_) => Failure::new(Exit::Nothing, error.to_string()).hint(LOOKED_FOR),
        WalkError::OutputInside { .. } => {
            Failure::new(Exit::Usage, error.to_string()).hint("choose a folder outside the evidence with -o DIR")
        }
    }
}

const LOOKED_FOR: &str = "looked for Exchange logs (HttpProxy, ECP, OABGeneratorLog, CmdletInfra, EWS, message tracking and others), \
IIS logs (u_ex*.log), Windows event logs (.evtx, JSON lines), ExchangeSetup.log, web folders, and output of Test-ProxyLogon";

/// Folders with rules of others.
#[derive(Clone, Copy, Debug, Default)]
pub struct RuleFolders<'f> {
    /// Of `--sigma`.
    pub sigma: &'f [PathBuf],
    /// Of `--yara`.
    pub yara: &'f [PathBuf],
}

/// Compiles the packs; a rule that does not load ends the run before it can be silent. Only in a folder of packs that
/// stands in for the built-in ones it is said, and the rest runs.
/// Rule sets of others come beside them, with their account on the screen; `packs` is `None` where they run alone.
pub fn compile(packs: Option<&PackOptions>, folders: RuleFolders<'_>, console: &Console) -> Result<Compiled, Failure> {
    if let Some(options) = packs {
        packs::refuse_unsigned(options, folders.sigma)?;
        packs::refuse_unsigned(options, folders.yara)?;
    }
    let opened = packs.map(packs::load).transpose()?.unwrap_or_default();
    let files: Vec<_> = opened.iter().map(|opened| opened.files.clone()).collect();
    let (sets, yara_sets) = (sigma::open(folders.sigma)?, yara::open(folders.yara)?);
    let compiled = Plan::compile_with_yara(&files, &sets.sets, &yara_sets.sets);
    if !folders.sigma.is_empty() {
        let account = sigma::account(&sets, &compiled);
        account.screen().iter().for_each(|line| console.say(line));
        account.refuse_nothing()?;
    }
    if !folders.yara.is_empty() {
        let account = yara::account(&yara_sets, &compiled.yara);
        account.screen().iter().for_each(|line| console.say(line));
        account.refuse_nothing()?;
    }
    if compiled.plan.rules().is_empty() {
        return Err(Failure::new(Exit::Integrity, "no rule loaded: nothing could be found, so nothing is said")
            .hint("a folder of packs holds a folder per campaign with pack.toml and rules/*.yml"));
    }
    if packs.is_some_and(|options| options.packs.is_none() || !options.add_packs.is_empty()) {
        packs::refuse_refusals(&opened, &compiled.refusals)?;
    }
    for refusal in &compiled.refusals {
        console.say(&format!("refused: {}: {}", ForTerminal(&refusal.rule), ForTerminal(&refusal.reason)));
    }
    Ok(compiled)
}

/// Gathers what an assessment is judged from.
struct Gathering<'a> {
    plan: &'a Plan,
    range: TimeRange,
    tally: Mutex<Tally>,
}

impl Pass for Gathering<'_> {
    type Told = FileTally;

    fn plan(&self) -> &Plan {
        self.plan
    }

    fn block(&self, parser: &mut Parser, block: &Block<'_>, facts: &FileFacts, _: u64) -> (FileTally, Lines) {
        let family = parser.clone().advance(block.bytes);
        let mut observer = Observer::new(self.plan, facts, self.range, family);
        let lines = parser.read(block, &mut observer);
        (observer.finish(), lines)
    }

    fn content(&self, facts: &FileFacts, content: &FileContent<'_>) -> FileTally {
        observe_file(self.plan, facts, content)
    }

    fn tally(told: &mut FileTally) -> &mut FileTally {
        told
    }

    fn take(&self, host: &str, facts: &FileFacts, told: FileTally) {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.add(host, facts.suggested.as_deref(), told);
    }
}

/// The pass over every byte.
fn observe(
    inventory: &Inventory,
    plan: &Plan,
    options: &AssessOptions,
    threads: usize,
    console: &Console,
) -> (Observations, Noted, Vec<Accounted>) {
    let range = TimeRange { from: options.from, until: options.to };
    let gathering = Gathering { plan, range, tally: Mutex::new(Tally::default()) };
    let records = reading::read_all(inventory, &gathering, threads, console);
    let tally = gathering.tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    gather(tally, records, plan, options.server.as_deref())
}

/// Puts the pieces together: one manifest line per input, the containers behind them, servers by name.
fn gather(
    tally: Tally,
    records: Vec<reading::Read>,
    plan: &Plan,
    fallback: Option<&str>,
) -> (Observations, Noted, Vec<Accounted>) {
    let (mut accounted, containers): (Vec<Accounted>, Vec<Option<FileRecord>>) = records.into_iter().unzip();
    for file in &mut accounted {
        let is_telling = !matches!(file.record.kind, Kind::Other | Kind::Container);
        if is_telling && file.record.server.is_none() {
            file.record.server = Some(tally.owner(&file.host, fallback));
        }
    }
    let files = accounted.iter().map(|file| file.record.clone()).chain(containers.into_iter().flatten()).collect();
    let (servers, noted) = tally.into_servers(fallback);
    let observations = Observations {
        files,
        rules: plan.rules().to_vec(),
        campaigns: plan.campaigns().to_vec(),
        servers,
        incomplete: interrupt::came(),
    };
    (observations, noted, accounted)
}

/// Nothing to judge: said aloud, with what was looked for.
pub fn refuse_nothing(files: &[FileRecord], evidence: &[PathBuf]) -> Result<(), Failure> {
    // A file that breaks off has no hash, and still says what it says up to there.
    let is_read = |file: &FileRecord| file.sha256.is_some() || file.records > 0 || file.lines > 0;
    let is_recognised = |file: &FileRecord| !matches!(file.kind, Kind::Other | Kind::Container) && is_read(file);
    if files.iter().any(is_recognised) {
        return Ok(());
    }
    let places: Vec<String> = evidence.iter().map(|path| format!("`{}`", path.display())).collect();
    let (count, unreadable) = (files.len(), files.iter().filter(|file| file.sha256.is_none()).count());
    let containers = files.iter().filter(|file| file.kind == Kind::Container).count();
    let message = format!(
        "nothing recognised in {}: {}, {unreadable} of them unreadable, {}",
        places.join(", "),
        report::count(count as u64, "file", "files"),
        report::count(containers as u64, "archive", "archives")
    );
    let hint = if containers > 0 {
        "this version does not look into archives; unpack them to a folder of their own first"
    } else {
        LOOKED_FOR
    };
    Err(Failure::new(Exit::Nothing, message).hint(hint))
}

fn judging(options: &AssessOptions, compiled: &Compiled) -> inquiry::Options {
    inquiry::Options {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        packs: compiled.plan.packs().to_vec(),
        rules: RuleCount {
            loaded: compiled.plan.rules().len() as u64,
            refused: compiled.refusals.iter().map(|refusal| format!("{}: {}", refusal.rule, refusal.reason)).collect(),
        },
        from: options.from,
        until: options.to,
    }
}

fn show(assessment: &Assessment, options: &AssessOptions, console: &Console) {
    match options.format {
        Format::Json => console.result(&report::json::text(assessment)),
        Format::Human if console.quiet => {}
        Format::Human => {
            let page = options.output.join(outputs::REPORT);
            console.result(&report::screen::screen(
                assessment,
                &page.display().to_string(),
                console.colour,
                console.width(),
            ));
        }
    }
}

fn exit(assessment: &Assessment, options: &AssessOptions) -> Exit {
    match assessment.verdict {
        _ if assessment.incomplete => Exit::Interrupted,
        verdict if options.fail_on.is_met_by(verdict) => Exit::Found,
        Verdict::CannotTell => Exit::CannotTell,
        _ => Exit::Done,
    }
}
