//! `afterpatch assess`: evidence in, assessment out.
//!
//! arguments → inventory → one pass over every byte → observations → (a second look for request ids) → assessment →
//! outputs → exit status.

pub mod arrived;
pub mod blocks;
mod claims;
pub mod crew;
mod gathering;
mod hive;
pub mod interrupt;
mod journal;
mod listed;
mod live;
pub mod outputs;
pub(crate) mod page;
pub mod parser;
pub mod party;
pub mod pool;
pub mod progress;
pub mod reading;
mod resume;
mod rules;
mod second_look;
mod twins;
mod whole_records;
pub mod work;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use detect::plan::Compiled;
use evidence::{Inventory, WalkError};
use model::Build;
use model::assessment::{Assessment, BuildSpan, RuleCount, Verdict};
use model::file::{FileRecord, Kind, Outcome};
use report::hostile::ForTerminal;

use crate::cli::{AssessOptions, Format};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::{sigma, yara};
use gathering::observe;
use progress::Progress;
use resume::{Resume, end_journal};
pub use rules::{RuleFolders, Rules};

/// By which this program is called as a process that reads.
pub const WORKER_VERB: &str = "read-for-another-process";

/// Runs the verb.
pub fn run(options: &AssessOptions, console: &Console) -> Result<Exit, Failure> {
    options.refuse_contradictions()?;
    Inventory::refuse_output_inside(&options.evidence, &options.output).map_err(refused)?;
    Inventory::refuse_missing(&options.evidence).map_err(refused)?;
    let live = live::inventory(options, console)?.map(Arc::new);
    let folders = RuleFolders { sigma: &options.sigma, yara: &options.yara };
    let rules = Rules::open(Some(&options.packs), folders)?;
    // It lists the evidence and compiles its rules while this one does.
    let asked = options.asked();
    let mut away = asked.away(live.as_ref(), rules.files())?;
    let mut compiled = rules.compile(Some(&options.packs), console)?;
    if !options.sigma.is_empty() {
        console.say(&format!("  each of them with its outcome is in {}", sigma::RULES));
    }
    if !options.yara.is_empty() {
        console.say(&format!("  each YARA rule with its outcome is in {}", yara::RULES));
    }
    outputs::prepare(&options.output)?;
    interrupt::listen();
    let inventory = asked.inventory(live, &mut away)?;
    let resume = Resume::begin(options, &inventory, &compiled, console)?;
    let progress = Progress::default();
    let mut crew = asked.crew(away, &inventory, &compiled.plan, &progress);
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
    let asked = options.asked();
    let mut away = asked.away(None, rules.files())?;
    let compiled = rules.compile(Some(&options.packs), console)?;
    interrupt::listen();
    let inventory = asked.inventory(None, &mut away)?;
    let progress = Progress::default();
    let mut crew = asked.crew(away, &inventory, &compiled.plan, &progress);
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
    Err(Failure::new(Exit::Nothing, message).hint(way_on(files)))
}

/// What to do where nothing was recognised.
fn way_on(files: &[FileRecord]) -> String {
    let locked = files.iter().find_map(|file| match &file.outcome {
        Outcome::Encrypted(how) => Some(format!("some of it is encrypted: {how}")),
        _ => None,
    });
    let is_closed = |file: &FileRecord| {
        let inside = format!("{}!", file.path);
        file.kind == Kind::Container && !files.iter().any(|other| other.path.starts_with(&inside))
    };
    locked.unwrap_or_else(|| match files.iter().any(is_closed) {
        true => "RAR, CAB, images of disks and damaged archives are not looked into; unpack or mount them first".into(),
        false => LOOKED_FOR.into(),
    })
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
