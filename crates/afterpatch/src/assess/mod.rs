//! `afterpatch assess`: evidence in, assessment out.
//!
//! arguments → inventory → one pass over every byte → observations → (a second look for request ids) → assessment →
//! outputs → exit status.

pub mod blocks;
mod claims;
pub mod crew;
mod hive;
pub mod interrupt;
mod journal;
mod listed;
mod live;
pub mod outputs;
pub(crate) mod page;
pub mod parser;
pub mod pool;
pub mod progress;
pub mod reading;
mod second_look;
mod twins;
mod whole_records;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use detect::observe::{Noted, Tally, TimeRange};
use detect::plan::{Compiled, Plan};
use evidence::{Inventory, WalkError};
use model::Build;
use model::assessment::{Assessment, BuildSpan, RuleCount, Verdict};
use model::file::{FileRecord, Kind, Outcome};
use model::observation::Observations;
use report::hostile::ForTerminal;

use crate::cli::{AssessOptions, Format, PackOptions};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::{packs, sigma, yara};
use crew::{Crew, Lost, Root, RuleFiles, Setup, Sight, Supervisor};
use journal::{Journal, Left};
use progress::Progress;
use reading::{Accounted, Read};
use twins::{Taken, Twins};
use work::{Job, Observed, Part, Reader};

/// By which this program is called as a process that reads.
pub const WORKER_VERB: &str = "read-for-another-process";

/// Runs the verb.
pub fn run(options: &AssessOptions, console: &Console) -> Result<Exit, Failure> {
    options.refuse_contradictions()?;
    Inventory::refuse_output_inside(&options.evidence, &options.output).map_err(refused)?;
    Inventory::refuse_missing(&options.evidence).map_err(refused)?;
    let live = live::inventory(options, console)?;
    let folders = RuleFolders { sigma: &options.sigma, yara: &options.yara };
    let rules = Rules::open(Some(&options.packs), folders)?;
    // It lists the evidence and compiles its rules while this one does.
    let mut away = options.reads_elsewhere().then(|| away(options, live.as_ref(), rules.files())).transpose()?;
    let mut compiled = rules.compile(Some(&options.packs), console)?;
    if !options.sigma.is_empty() {
        console.say(&format!("  each of them with its outcome is in {}", sigma::RULES));
    }
    if !options.yara.is_empty() {
        console.say(&format!("  each YARA rule with its outcome is in {}", yara::RULES));
    }
    outputs::prepare(&options.output)?;
    interrupt::listen();
    let inventory = inventory(options, live, away.as_mut())?;
    let resume = Resume::begin(options, &inventory, &compiled, console)?;
    let progress = Progress::default();
    let reader = reader(options, &inventory, &compiled.plan);
    let mut crew = match away {
        Some(supervisor) => Crew::away(supervisor.expecting(compiled.plan.rules().len()), &progress),
        None => Crew::here(reader, &progress),
    };
    let (mut observations, noted, accounted, journal) = progress.show_while(&inventory, console, || {
        observe(&inventory, &compiled.plan, options.server.as_deref(), &mut crew, resume)
    });
    if !interrupt::came() {
        refuse_nothing(&observations.files, &options.evidence)?;
        second_look::join(&mut observations, &accounted, &mut crew);
    }
    let cut_short = detect::observe::conclude(&compiled.plan, noted, &mut observations);
    for refusal in &cut_short {
        console.say(&format!("{}: {}", ForTerminal(&refusal.rule), ForTerminal(&refusal.reason)));
    }
    compiled.refusals.extend(cut_short);
    whole_records::complete(&mut observations, &accounted, &mut crew);
    crew.say_what_is_missing(console);
    claims::compare(&mut observations.files, &inventory, &accounted, options.threads());
    let mut assessment = inquiry::assess(&observations, &judging(options, &compiled));
    assessment.custody.manifest = report::manifest::chain(&observations.files);
    let of_sigma = (!options.sigma.is_empty()).then(|| (sigma::RULES, sigma::csv(&compiled)));
    let of_yara = (!options.yara.is_empty()).then(|| (yara::RULES, yara::csv(&compiled.yara)));
    let tables: Vec<(&str, &str)> =
        of_sigma.iter().chain(&of_yara).map(|(name, text)| (*name, text.as_str())).collect();
    let sealed = outputs::write(&options.output, &options.evidence, &assessment, &observations.files, &tables)?;
    end_journal(journal, assessment.incomplete, console);
    show(&assessment, options, console);
    console.say(&format!("note this elsewhere, and every later change shows: SHA-256 of custody.json {sealed}"));
    Ok(exit(&assessment, options))
}

/// What each server of the evidence ran last, where anything names a build; read as an assessment reads it.
pub fn last_builds(evidence: &Path, console: &Console) -> Result<Vec<(String, Option<Build>)>, Failure> {
    let options = AssessOptions::reading(evidence);
    Inventory::refuse_missing(&options.evidence).map_err(refused)?;
    let rules = Rules::open(Some(&options.packs), RuleFolders::default())?;
    let mut supervisor = away(&options, None, rules.files())?;
    let compiled = rules.compile(Some(&options.packs), console)?;
    interrupt::listen();
    let inventory = inventory(&options, None, Some(&mut supervisor))?;
    let progress = Progress::default();
    let mut crew = Crew::away(supervisor.expecting(compiled.plan.rules().len()), &progress);
    let (observations, ..) = progress
        .show_while(&inventory, console, || observe(&inventory, &compiled.plan, None, &mut crew, Resume::default()));
    if interrupt::came() {
        return Err(Failure::new(Exit::Interrupted, "interrupted before the evidence was read"));
    }
    refuse_nothing(&observations.files, &options.evidence)?;
    let assessment = inquiry::assess(&observations, &judging(&options, &compiled));
    let last = |builds: &[BuildSpan]| builds.iter().max_by_key(|span| span.last_seen).map(|span| span.build);
    Ok(assessment.servers.into_iter().map(|server| (server.server, last(&server.builds))).collect())
}

fn reader<'a>(options: &AssessOptions, inventory: &'a Inventory, plan: &'a Plan) -> Reader<'a> {
    let range = TimeRange { from: options.from, until: options.to };
    Reader { inventory, plan, range, threads: options.threads() }
}

/// What there is to read: of the server that this runs on, or listed by whoever reads.
fn inventory(
    options: &AssessOptions,
    live: Option<Inventory>,
    away: Option<&mut Supervisor>,
) -> Result<Inventory, Failure> {
    match (live, away) {
        (Some(live), _) => Ok(live),
        (None, None) => Inventory::walk_with(&options.evidence, &options.archives.opening()).map_err(refused),
        (None, Some(supervisor)) => supervisor.inventory().map_err(|why| not_started(&why)),
    }
}

/// A process that lists and reads this evidence with these rules, on its way.
fn away(options: &AssessOptions, live: Option<&Inventory>, rules: RuleFiles) -> Result<Supervisor, Failure> {
    let roots: Vec<Root> = options.evidence.iter().cloned().map(Root).collect();
    let setup = Setup {
        rules,
        sight: match live {
            Some(inventory) => Sight::Listed(roots, Box::new(inventory.clone())),
            None => Sight::Roots(roots, BTreeMap::new()),
        },
        opening: options.archives.opening(),
        passwords: options.archives.passwords.clone(),
        range: (options.from, options.to),
        threads: options.threads(),
        limits: options.limits(),
        fault: fault(),
    };
    let mut supervisor = Supervisor::new(setup);
    supervisor.start().map_err(|error| not_started(&error.kind().to_string()))?;
    Ok(supervisor)
}

fn not_started(why: &str) -> Failure {
    Failure::new(Exit::Fault, format!("no process could be kept to read the evidence: {why}"))
        .hint("--isolation none reads in this process")
}

/// What tests of this program ask to go wrong.
fn fault() -> Option<String> {
    if cfg!(debug_assertions) { std::env::var("AFTERPATCH_FAULT").ok() } else { None }
}

/// What an earlier run has read, and where this one notes what it reads.
#[derive(Default)]
struct Resume {
    done: Vec<(u32, Observed)>,
    journal: Option<Journal>,
}

impl Resume {
    fn begin(
        options: &AssessOptions,
        inventory: &Inventory,
        compiled: &Compiled,
        console: &Console,
    ) -> Result<Self, Failure> {
        let range = format!("{:?} {:?}", options.from, options.to);
        let key = journal::key(inventory, compiled.plan.packs(), compiled.plan.rules().len(), &range);
        let done = match if options.resume { journal::read(&options.output, &key) } else { Left::Nothing } {
            Left::Files(files) => {
                console.say(&format!(
                    "going on behind {} that were read before",
                    report::count(files.len() as u64, "file", "files")
                ));
                Some(files)
            }
            Left::Nothing if options.resume => {
                console.say("nothing to go on with: no earlier run was left unfinished in this folder");
                None
            }
            Left::Nothing => None,
            Left::Other => {
                console.say("the unfinished run in this folder was of other evidence, rules or options: read anew");
                None
            }
        };
        let journal = match &done {
            Some(_) => {
                Journal::go_on(&options.output).map_err(|error| outputs::cannot_write(&options.output, &error))?
            }
            None => Journal::new(&options.output, &key),
        };
        Ok(Self { done: done.unwrap_or_default(), journal: Some(journal) })
    }
}

/// Of a run that was interrupted the journal stays, to go on with.
fn end_journal(journal: Option<Journal>, incomplete: bool, console: &Console) {
    match journal {
        Some(_) if incomplete => {
            console.say("interrupted: --resume with the same options goes on behind what was read")
        }
        // One that stays costs room, and is not read without --resume.
        Some(journal) => _ = journal.remove(),
        None => {}
    }
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
    Rules::open(packs, folders)?.compile(packs, console)
}

/// Packs and rule sets of others, read and not yet compiled.
struct Rules {
    opened: Vec<packs::Opened>,
    sigma: sigma::RuleSets,
    yara: yara::YaraSets,
}

impl Rules {
    fn open(packs: Option<&PackOptions>, folders: RuleFolders<'_>) -> Result<Self, Failure> {
        if let Some(options) = packs {
            packs::refuse_unsigned(options, folders.sigma)?;
            packs::refuse_unsigned(options, folders.yara)?;
        }
        let opened = packs.map(packs::load).transpose()?.unwrap_or_default();
        Ok(Self { opened, sigma: sigma::open(folders.sigma)?, yara: yara::open(folders.yara)? })
    }

    fn files(&self) -> RuleFiles {
        RuleFiles {
            packs: self.opened.iter().map(|opened| opened.files.clone()).collect(),
            sigma: self.sigma.sets.clone(),
            yara: self.yara.sets.clone(),
        }
    }

    fn compile(&self, packs: Option<&PackOptions>, console: &Console) -> Result<Compiled, Failure> {
        let files = self.files();
        let compiled = Plan::compile_with_yara(&files.packs, &files.sigma, &files.yara);
        if !self.sigma.sets.is_empty() {
            let account = sigma::account(&self.sigma, &compiled);
            account.screen().iter().for_each(|line| console.say(line));
            account.refuse_nothing()?;
        }
        if !self.yara.sets.is_empty() {
            let account = yara::account(&self.yara, &compiled.yara);
            account.screen().iter().for_each(|line| console.say(line));
            account.refuse_nothing()?;
        }
        if compiled.plan.rules().is_empty() {
            return Err(Failure::new(Exit::Integrity, "no rule loaded: nothing could be found, so nothing is said")
                .hint("a folder of packs holds a folder per campaign with pack.toml and rules/*.yml"));
        }
        if packs.is_some_and(|options| options.packs.is_none() || !options.add_packs.is_empty()) {
            packs::refuse_refusals(&self.opened, &compiled.refusals)?;
        }
        for refusal in &compiled.refusals {
            console.say(&format!("refused: {}: {}", ForTerminal(&refusal.rule), ForTerminal(&refusal.reason)));
        }
        Ok(compiled)
    }
}

/// What is gathered of all files, whoever read them.
struct Gathering<'a> {
    inventory: &'a Inventory,
    tally: Tally,
    /// By the number of the input.
    records: Vec<Option<Read>>,
    twins: Twins,
}

impl<'a> Gathering<'a> {
    fn new(inventory: &'a Inventory) -> Self {
        let records = std::iter::repeat_with(|| None).take(inventory.inputs.len()).collect();
        Self { inventory, tally: Tally::default(), records, twins: Twins::among(inventory) }
    }

    /// Takes a file that is done.
    fn take(&mut self, file: u32, observed: Observed) {
        let taken = self.twins.take(file, observed);
        self.count(taken);
    }

    fn count(&mut self, taken: Vec<Taken>) {
        for (file, mut observed, same_as) in taken {
            observed.accounted.record.same_as = same_as;
            if let Some(told) = observed.told.filter(|_| observed.accounted.record.same_as.is_none()) {
                self.tally.add(&observed.accounted.host, observed.suggested.as_deref(), told);
            }
            self.put(file, (observed.accounted, observed.container));
        }
    }

    /// Accounts for a file that was lost on the way.
    fn lose(&mut self, lost: Lost) {
        let Some(input) = self.inventory.inputs.get(lost.file as usize) else { return };
        let outcome = match lost.reason.as_str() {
            crew::INTERRUPTED => Outcome::Interrupted,
            _ => Outcome::Unreadable(lost.reason),
        };
        let accounted = reading::unread(input, outcome);
        self.take(lost.file, Observed { accounted, container: None, suggested: None, told: None });
    }

    fn put(&mut self, file: u32, read: Read) {
        if let Some(slot) = self.records.get_mut(file as usize) {
            *slot = Some(read);
        }
    }
}

/// The pass over every byte. What an earlier run has read is not read again.
fn observe(
    inventory: &Inventory,
    plan: &Plan,
    fallback: Option<&str>,
    crew: &mut Crew<'_>,
    resume: Resume,
) -> (Observations, Noted, Vec<Accounted>, Option<Journal>) {
    let mut gathering = Gathering::new(inventory);
    let Resume { done, mut journal } = resume;
    let known: BTreeSet<u32> = done.iter().map(|(file, _)| *file).collect();
    done.into_iter().for_each(|(file, observed)| gathering.take(file, observed));
    let files: Vec<u32> = (0..).take(inventory.inputs.len()).filter(|file| !known.contains(file)).collect();
    let lost = crew.perform(&Job::Observe, &files, &mut |file, part| {
        let Part::Observed(observed) = part else { return };
        if journal.as_mut().is_some_and(|journal| journal.add(file, &observed).is_err()) {
            // A full disk ends the journal, not the run: the results may still fit.
            journal = None;
        }
        gathering.take(file, *observed);
    });
    lost.into_iter().for_each(|lost| gathering.lose(lost));
    let rest = gathering.twins.rest();
    gathering.count(rest);
    let Gathering { tally, records, .. } = gathering;
    let (observations, noted, accounted) = gather(tally, records.into_iter().flatten().collect(), plan, fallback);
    (observations, noted, accounted, journal)
}

/// Puts the pieces together: one manifest line per input, the containers behind them, servers by name.
fn gather(
    tally: Tally,
    records: Vec<Read>,
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
    let hint = if files.iter().any(|file| matches!(file.outcome, Outcome::Encrypted(_))) {
        "some of it is encrypted: give its password with --password"
    } else if containers > 0 {
        "RAR, CAB, images of disks and damaged archives are not looked into; unpack or mount them first"
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
