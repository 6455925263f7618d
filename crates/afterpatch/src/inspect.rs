//! `afterpatch inspect`: what pages do, from their code and the YARA rules of the built-in packs, for whoever has one page
//! and a minute.

use std::io::Read as _;

use detect::pack::PackFiles;
use detect::plan::Plan;
use detect::yara::YaraFile;
use evidence::{Input, Inventory, Opened, kind};
use model::file::Outcome;
use model::page::{Judgement, Reading};
use serde::{Deserialize, Serialize};

use crate::assess::crew::RuleFiles;
use crate::assess::party::{Asked, Away};
use crate::assess::progress::Progress;
use crate::assess::work::{GotOn, Job, Part};
use crate::assess::{interrupt, page as pages_of};
use crate::cli::{InspectFormat, InspectOptions};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::page::Page;

/// Ways and layers of one page that are shown on a screen.
const SHOWN_MAX: usize = 4;
/// Pages that are shown on a screen in full.
const PAGES_MAX: usize = 200;

/// A page and what its code says.
#[derive(Debug, Serialize, Deserialize)]
pub struct Inspected {
    path: String,
    sha256: Option<String>,
    /// YARA rules of the built-in packs that fit.
    yara: Vec<String>,
    reading: Reading,
}

/// The same as a line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    sha256: Option<&'a str>,
    yara: &'a [String],
    #[serde(flatten)]
    reading: &'a Reading,
}

/// All that was looked at.
#[derive(Debug, Default)]
struct Counts {
    pages: usize,
    shells: usize,
    looks: usize,
    others: usize,
    unread: Vec<String>,
}

/// Runs the verb.
pub fn run(options: &InspectOptions, console: &Console) -> Result<Exit, Failure> {
    Inventory::refuse_missing(&options.pages).map_err(|error| Failure::new(Exit::Nothing, error.to_string()))?;
    let asked = Asked {
        evidence: &options.pages,
        archives: &options.archives,
        isolation: options.isolation,
        range: (None, None),
        threads: options.threads,
    };
    let rules = RuleFiles { packs: yara_rules(), ..RuleFiles::default() };
    // Only whoever reads needs the rules.
    let plan = if options.isolation.reads_elsewhere() { Plan::default() } else { Plan::compile(&rules.packs).plan };
    let mut away = asked.away(None, rules)?;
    interrupt::listen();
    let inventory = asked.inventory(None, &mut away)?;
    let read = read_all(&asked, away, &inventory, &plan, console);
    let mut counts = Counts::default();
    let mut shown = Vec::new();
    for (input, read) in inventory.inputs.iter().zip(read) {
        match read {
            Some(Ok(Some(inspected))) => {
                counts.pages += 1;
                counts.shells += usize::from(inspected.reading.judgement == Judgement::Shell);
                counts.looks += usize::from(inspected.reading.judgement == Judgement::Look);
                if options.all || inspected.reading.judgement > Judgement::Nothing {
                    shown.push(inspected);
                }
            }
            Some(Ok(None)) => counts.others += 1,
            Some(Err(why)) => counts.unread.push(format!("{}: {}", input.path, words(&why))),
            None => {}
        }
    }
    match options.format {
        InspectFormat::Human => console.result(&screen(&shown, &counts, console.width())),
        InspectFormat::Jsonl => shown.iter().for_each(|one| console.result(&line(one))),
    }
    for unread in &counts.unread {
        console.say(&format!("not read: {}", report::hostile::ForTerminal(unread)));
    }
    match &counts {
        _ if interrupt::came() => Ok(Exit::Interrupted),
        Counts { pages: 0, .. } => Err(Failure::new(Exit::Nothing, "no page was readable here")
            .hint("pages end in .aspx, .ashx, .asmx, .asp and the like, or hold `<%`")),
        Counts { shells: 0, .. } => Ok(Exit::Done),
        _ => Ok(Exit::Found),
    }
}

type Read = Result<Option<Box<Inspected>>, Outcome>;

/// Reads all inputs; what is handed back is in their order, `None` where the run was interrupted.
fn read_all(asked: &Asked<'_>, away: Away, inventory: &Inventory, plan: &Plan, console: &Console) -> Vec<Option<Read>> {
    let progress = Progress::default();
    let mut crew = asked.crew(away, inventory, plan, &progress);
    let files: Vec<u32> = (0..).take(inventory.inputs.len()).collect();
    let mut all: Vec<Option<Read>> = std::iter::repeat_with(|| None).take(files.len()).collect();
    let mut put = |file: u32, read: Read| {
        if let Some(slot) = all.get_mut(file as usize) {
            *slot = Some(read);
        }
    };
    let lost = progress.show_while(inventory, console, || {
        crew.perform(&Job::Inspect, &files, &mut |file, part| {
            if let Part::Inspected(read) = part {
                put(file, read);
            }
        })
    });
    if !interrupt::came() {
        lost.into_iter().for_each(|lost| put(lost.file, Err(Outcome::Unreadable(lost.reason))));
    }
    crew.say_what_is_missing(console);
    all
}

/// The YARA rules of the built-in packs, and none of their other rules.
fn yara_rules() -> Vec<PackFiles> {
    let mut packs: Vec<_> = crate::packs::built_in().into_iter().map(|opened| opened.files).collect();
    for pack in &mut packs {
        pack.files.retain(|(path, _)| path == "pack.toml" || path.starts_with("yara/"));
    }
    packs
}

/// Reads one input. `None`: it is no page.
pub fn page(
    plan: &Plan,
    input: &Input,
    opened: Result<Opened<'_>, Outcome>,
    got_on: &GotOn<'_>,
) -> Result<Option<Inspected>, Outcome> {
    let Opened { mut stream, inside } = opened?;
    let mut bytes = Vec::new();
    let failed = |error: std::io::Error| evidence::outcome_of(&error);
    (&mut stream).take(pages::PAGE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    got_on(bytes.len() as u64);
    let name = inside.as_deref().unwrap_or(&input.place.on_server);
    let head = bytes.get(..kind::HEAD_BYTES).unwrap_or(&bytes);
    let Some(mut reading) = pages_of::by_itself(kind::kind(head, name), name, &bytes) else { return Ok(None) };
    let beginning = bytes.get(..plan.yara_bytes_max()).unwrap_or(&bytes);
    let mut yara = Vec::new();
    let file = YaraFile { on_server: name, in_evidence: &input.path, bytes: beginning };
    plan.yara(&file, &mut |hit| yara.push(hit.name));
    join(&mut reading, &yara);
    let whole = bytes.len() <= pages::PAGE_BYTES_MAX;
    let sha256 = stream.finish(whole).sha256.filter(|_| whole);
    Ok(Some(Inspected { path: input.path.clone(), sha256, yara, reading }))
}

/// A page to look at that a rule knows as well is a web shell, as the rule `page-known-look` says.
fn join(reading: &mut Reading, yara: &[String]) {
    if reading.judgement == Judgement::Look && !yara.is_empty() {
        reading.judgement = Judgement::Shell;
        reading.because.push_str(" And YARA rules know it.");
    }
}

fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Unreadable(why) | Outcome::LimitReached(why) => why.clone(),
        Outcome::Encrypted(how) => format!("encrypted: {how}"),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn line(inspected: &Inspected) -> String {
    let Inspected { path, sha256, yara, reading } = inspected;
    let line = Line { path, sha256: sha256.as_deref(), yara, reading };
    serde_json::to_string(&line).expect("a reading is plain data") + "\n"
}

fn screen(shown: &[Box<Inspected>], counts: &Counts, width: usize) -> String {
    let mut page = Page::new(width);
    for one in shown.iter().take(PAGES_MAX) {
        tell(one, &mut page);
    }
    if shown.len() > PAGES_MAX {
        page.paragraph(&format!("{} more are in --format jsonl.", shown.len() - PAGES_MAX));
    }
    page.heading("Inspected");
    page.paragraph(&format!(
        "{} pages: {} web shells, {} to look at; {} other files passed over.",
        counts.pages, counts.shells, counts.looks, counts.others
    ));
    page.into_text()
}

fn tell(one: &Inspected, page: &mut Page) {
    let word = match one.reading.judgement {
        Judgement::Shell => "Web shell",
        Judgement::Look => "Look at it",
        Judgement::Nothing => "Nothing found",
    };
    page.heading(&format!("{word}: {}", one.path));
    page.paragraph(&one.reading.because);
    page.field("SHA-256", one.sha256.as_deref().unwrap_or_default());
    if !one.yara.is_empty() {
        page.field("YARA", &one.yara.join(", "));
    }
    for flow in one.reading.flows.iter().take(SHOWN_MAX) {
        page.item(&format!("{} → {}", flow.source, flow.sink));
        for step in &flow.steps {
            let layer = if step.layer > 0 { format!("code {}, ", step.layer) } else { String::new() };
            page.indented(&format!("{layer}line {}: {}", step.line, step.text));
        }
    }
    let hidden = one.reading.flows.len().saturating_sub(SHOWN_MAX);
    if hidden > 0 {
        page.item(&format!("and {hidden} more ways"));
    }
    for layer in one.reading.layers.iter().take(SHOWN_MAX) {
        page.item(&format!("code {} in disguise, run by {} in line {}:", layer.number, layer.by, layer.line));
        layer.text.lines().take(12).for_each(|line| page.indented(line));
    }
    page.list("Not all of it was followed", &one.reading.cut_off);
}
