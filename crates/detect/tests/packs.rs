//! Runs the cases of every pack: what a case says must hit hits, as often as it says, and nothing else does.
//!
//! Cases are read as `docs/rules.md` describes them. The logs go through the readers of `formats`, as in a real run.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stderr)]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use detect::pack::PackFiles;
use detect::plan::{Binding, FileFields, Plan, RuleIndex};
use detect::sigma::correlation::CorrelationHit;
use formats::block::Block;
use model::{Reject, Row, Sink, Utc, WindowsEvent};

/// One log block and the hits that follow it.
struct Case {
    /// File and line, for messages.
    place: String,
    source: String,
    log: String,
    hits: BTreeMap<String, u64>,
}

fn packs_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs")
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = entries.collect();
    paths.sort();
    paths
}

fn read_pack(folder: &Path) -> PackFiles {
    let id = folder.file_name().unwrap().to_string_lossy().into_owned();
    let mut files = Vec::new();
    let rules = list(&folder.join("rules"));
    for path in list(folder).into_iter().chain(rules).filter(|path| path.is_file()) {
        let name = path.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/");
        files.push((name, Cow::Owned(std::fs::read(&path).unwrap())));
    }
    PackFiles { id, files }
}

fn packs() -> Vec<(PathBuf, PackFiles)> {
    let folders = list(&packs_folder()).into_iter().filter(|path| path.join("pack.toml").is_file());
    folders.map(|folder| (folder.clone(), read_pack(&folder))).collect()
}

fn compile(packs: &[(PathBuf, PackFiles)]) -> Plan {
    let files: Vec<PackFiles> = packs.iter().map(|(_, files)| files.clone()).collect();
    let compiled = Plan::compile(&files);
    assert!(compiled.refusals.is_empty(), "refused: {:#?}", compiled.refusals);
    compiled.plan
}

/// The blocks of a case file.
fn cases(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut cases: Vec<Case> = Vec::new();
    let mut lines = text.lines().enumerate();
    let mut open: Option<(String, String, String)> = None;
    while let Some((number, line)) = lines.next() {
        let Some(kind) = line.strip_prefix("```").filter(|kind| !kind.is_empty()) else {
            continue;
        };
        let place = format!("{}:{}", path.display(), number + 1);
        let body: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        if let Some(source) = kind.strip_prefix("log ") {
            assert!(open.is_none(), "{place}: the log before has no hits block");
            open = Some((place, source.to_owned(), body.join("\n") + "\n"));
        } else if kind == "hits" {
            let (of, source, log) = open.take().unwrap_or_else(|| panic!("{place}: hits without a log"));
            let hits = body.iter().filter(|line| !line.trim().is_empty()).map(|line| {
                let (rule, count) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{place}: `{line}`"));
                (rule.to_owned(), count.parse().unwrap_or_else(|_| panic!("{place}: `{line}`")))
            });
            cases.push(Case { place: of, source, log, hits: hits.collect() });
        }
    }
    assert!(open.is_none(), "{}: the last log has no hits block", path.display());
    cases
}

/// Collects the hits of one log.
struct Run<'a> {
    plan: &'a Plan,
    found: Vec<(usize, RuleIndex)>,
    block: Vec<u8>,
    hits: Vec<CorrelationHit>,
    rejects: Vec<Reject>,
    records: u64,
}

impl Run<'_> {
    fn hit(&mut self, rule: RuleIndex, time: Option<Utc>, words: [Option<String>; 4]) {
        let [server, client, account, subject] = words;
        let time = time.unwrap_or(Utc(0));
        let (server, index) = (server.unwrap_or_default(), self.hits.len());
        self.hits.push(CorrelationHit { rule, time, server, client, account, subject, index });
    }

    /// Every rule, without regard to literals: what the search leaves out must not fit.
    fn all_that_fit(&self, binding: &Binding, row: &Row<'_>) -> Vec<RuleIndex> {
        let Some(rows) = self.plan.rows(&row.schema.family) else {
            return Vec::new();
        };
        let rules = (0..self.plan.rules().len() as u32).map(RuleIndex);
        let of_family: BTreeSet<RuleIndex> = rows.rules().iter().copied().collect();
        rules.filter(|rule| of_family.contains(rule) && rows.matches(*rule, binding, row)).collect()
    }
}

fn text(value: Cow<'_, [u8]>) -> Option<String> {
    let text = String::from_utf8_lossy(&value).into_owned();
    (!text.is_empty() && text != "-").then_some(text)
}

impl Sink for Run<'_> {
    fn block(&mut self, bytes: &[u8]) {
        self.block = bytes.to_vec();
    }

    fn row(&mut self, row: &Row<'_>) {
        self.records += 1;
        let plan = self.plan;
        let Some(rows) = plan.rows(&row.schema.family) else {
            return;
        };
        let binding = rows.bind(row.schema);
        rows.scan_block(&self.block, &mut self.found);
        let line = row.in_block..=row.in_block + row.line.len();
        let of_line: Vec<_> = self.found.iter().copied().filter(|(end, _)| line.contains(end)).collect();
        let mut fits = Vec::new();
        rows.test_row(&of_line, &binding, row, &mut |rule| fits.push(rule));
        assert_eq!(fits, self.all_that_fit(&binding, row), "the literals hide a hit in line {}", row.number);
        let cell = |names: [&str; 3]| {
            names.iter().find_map(|name| row.schema.column(name)).and_then(|column| text(row.text(column)))
        };
        for rule in fits {
            let subject =
                plan.rule(rule).subject_field.and_then(|field| rows.value(field, &binding, row)).and_then(text);
            let words = [
                cell(["ServerHostName", "ServerName", "s-computername"]),
                cell(["ClientIpAddress", "c-ip", "client-ip"]),
                cell(["AuthenticatedUser", "cs-username", "UserKey"]),
                subject,
            ];
            self.hit(rule, row.time, words);
        }
    }

    fn event(&mut self, event: &WindowsEvent<'_>) {
        self.records += 1;
        let plan = self.plan;
        let mut fits = Vec::new();
        plan.events(event, &mut |rule| fits.push(rule));
        for rule in fits {
            let subject = plan.rule(rule).subject_field.and_then(|field| plan.event_value(rule, field, event));
            let words = [Some(event.computer.to_string()), None, None, subject.and_then(text)];
            self.hit(rule, event.time, words);
        }
    }

    fn reject(&mut self, reject: Reject) {
        self.rejects.push(reject);
    }
}

fn run_files(run: &mut Run<'_>, log: &str, configuration: bool) {
    for line in log.lines() {
        let object: BTreeMap<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        let value = |value: &serde_json::Value| match value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let texts: Vec<(&String, String)> = object.iter().map(|(name, of)| (name, value(of))).collect();
        let fields = texts.iter().map(|(name, text)| (name.as_str(), Cow::Borrowed(text.as_bytes()))).collect();
        let mut fits = Vec::new();
        let fields = FileFields { fields };
        if configuration {
            run.plan.configuration(&fields, &mut |rule| fits.push(rule));
        } else {
            run.plan.file(&fields, &mut |rule| fits.push(rule));
        }
        run.records += 1;
        for rule in fits {
            run.hit(rule, None, [None, None, None, None]);
        }
    }
}

fn hits_of(plan: &Plan, case: &Case) -> BTreeMap<String, u64> {
    let mut run = Run { plan, found: Vec::new(), block: Vec::new(), hits: Vec::new(), rejects: Vec::new(), records: 0 };
    let block = Block::whole(case.log.as_bytes());
    match case.source.as_str() {
        "file" => run_files(&mut run, &case.log, false),
        "configuration" => run_files(&mut run, &case.log, true),
        "windows" => drop(formats::jsonl::read(&block, &mut run)),
        "setup" => drop(formats::setup::read(&block, &mut run)),
        "test-proxylogon" => drop(formats::test_proxylogon::read(&block, &mut Default::default(), &mut run)),
        source => {
            let mut header = formats::delimited::Header::for_file("", case.log.as_bytes());
            formats::delimited::read(&block, &mut header, &mut run);
            let family = header.schema().map(|schema| schema.family.name());
            assert_eq!(family, source.split('/').next(), "{}: the header is of another family", case.place);
        }
    }
    assert!(run.rejects.is_empty(), "{}: unreadable: {:?}", case.place, run.rejects);
    assert!(run.records > 0, "{}: no record", case.place);
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut count = |rule: RuleIndex| *counts.entry(plan.rules()[rule.at()].id.clone()).or_default() += 1;
    run.hits.iter().for_each(|hit| count(hit.rule));
    plan.correlate(&run.hits).iter().for_each(|group| count(group.rule));
    counts
}

#[test]
fn every_case_hits_exactly_what_it_says() {
    let packs = packs();
    assert!(!packs.is_empty(), "no packs in {}", packs_folder().display());
    let plan = compile(&packs);
    let mut wrong = Vec::new();
    for (folder, _) in &packs {
        for path in list(&folder.join("cases")).iter().filter(|path| path.extension().is_some_and(|end| end == "md")) {
            for case in cases(path) {
                let found = hits_of(&plan, &case);
                if found != case.hits {
                    wrong.push(format!(
                        "{} ({})\n  expected {:?}\n  found    {found:?}",
                        case.place, case.source, case.hits
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// A log of the same source that a rule leaves alone is its benign twin.
#[test]
fn every_rule_has_a_case_that_hits_and_one_that_stays_silent() {
    let packs = packs();
    let plan = compile(&packs);
    for (folder, _) in &packs {
        let id = folder.file_name().unwrap().to_string_lossy().into_owned() + "/";
        let all: Vec<Case> = list(&folder.join("cases")).iter().flat_map(|path| cases(path)).collect();
        let rules = plan.rules().iter().filter(|rule| rule.id.starts_with(&id) && !rule.indicator);
        for rule in rules.map(|rule| &rule.id) {
            let hitting: BTreeSet<&str> =
                all.iter().filter(|case| case.hits.contains_key(rule)).map(|case| family(&case.source)).collect();
            assert!(!hitting.is_empty(), "{rule} has no case that hits");
            let silent = all.iter().any(|case| !case.hits.contains_key(rule) && hitting.contains(family(&case.source)));
            assert!(silent, "{rule} has no case in which it stays silent");
        }
    }
}

fn family(source: &str) -> &str {
    source.split('/').next().unwrap_or(source)
}
