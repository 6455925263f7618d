//! `packs test`: runs the cases of packs. What a case says must hit hits, as often as it says, and nothing else does.
//!
//! The logs go through the readers of `formats` and the plan of `detect`, as in a real run, and once more past the
//! search for literals, which must hide no hit. Nothing here knows a rule.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use detect::pack::Pack;
use detect::pack::cases::{Case, of_pack};
use detect::plan::{Binding, FileFields, Plan, RuleIndex};
use detect::sigma::FieldId;
use detect::sigma::correlation::{Correlator, NotedHit};
use detect::yara::{YaraFile, YaraHit};
use formats::block::Block;
use model::{Family, Origin, Reject, Row, Sink, Source, Utc, WindowsEvent};
use report::hostile::ForTerminal;

use super::open::{self, Opened};
use super::place::Place;
use crate::cli::TestOptions;
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// Rule ids and how many records hit.
type Hits = BTreeMap<String, u64>;

/// Runs the verb.
pub fn run(options: &TestOptions, console: &Console) -> Result<Exit, Failure> {
    let tested = if options.paths.is_empty() { open::built_in() } else { open::at_all(&options.paths)? };
    let bench = Bench::new(tested);
    let refusals = detect::plan::Plan::compile(&bench.files()).refusals;
    super::refuse_refusals(&bench.all, &refusals)?;
    let mut failed = false;
    for pack in bench.tested() {
        let outcome = bench.run(pack);
        failed |= !outcome.is_good();
        console.result(&outcome.text());
    }
    Ok(if failed { Exit::Integrity } else { Exit::Done })
}

/// The packs under test among the built-in ones, so that a case shows what a real run would find.
pub struct Bench {
    /// The packs under test, and the built-in packs that none of them stands in for.
    pub all: Vec<Opened>,
    /// Their ids.
    under_test: BTreeSet<String>,
    plan: Plan,
}

/// How the cases of a pack went.
pub struct Outcome {
    id: String,
    rules: usize,
    cases: usize,
    benign: usize,
    /// A pack without rules or of somebody else's rules needs no cases.
    needs_cases: bool,
    /// Place and what is wrong there.
    pub wrong: Vec<(Place, String)>,
}

impl Bench {
    /// Compiles the packs under test with the built-in ones.
    pub fn new(tested: Vec<Opened>) -> Self {
        let under_test: BTreeSet<String> = tested.iter().map(|pack| pack.files.id.clone()).collect();
        let others = open::built_in().into_iter().filter(|pack| !under_test.contains(&pack.files.id));
        let mut bench = Self { all: tested.into_iter().chain(others).collect(), under_test, plan: Plan::default() };
        bench.plan = Plan::compile(&bench.files()).plan;
        bench
    }

    /// The packs under test.
    pub fn tested(&self) -> impl Iterator<Item = &Opened> {
        self.all.iter().filter(|pack| self.under_test.contains(&pack.files.id))
    }

    /// The files of all packs.
    pub fn files(&self) -> Vec<detect::pack::PackFiles> {
        self.all.iter().map(|pack| pack.files.clone()).collect()
    }

    /// Runs the cases of a pack.
    pub fn run(&self, pack: &Opened) -> Outcome {
        let (cases, misread) = of_pack(&pack.files);
        let mut wrong: Vec<(Place, String)> = misread
            .into_iter()
            .map(|misread| (Place::of(pack, &misread.file, Some(misread.line)), misread.what))
            .collect();
        for case in &cases {
            if let Err(what) = self.run_case(case) {
                let place = Place::of(pack, &case.file, Some(case.line));
                wrong.push((place, format!("{}: {what}", case.source)));
            }
        }
        wrong.sort();
        let (read, _) = Pack::read(&pack.files);
        let rules = read.as_ref().map_or(0, |pack| pack.rules().count());
        Outcome {
            id: pack.files.id.clone(),
            rules,
            cases: cases.len(),
            benign: cases.iter().filter(|case| case.is_benign()).count(),
            needs_cases: rules > 0 && read.is_some_and(|pack| !pack.imported),
            wrong,
        }
    }

    fn run_case(&self, case: &Case) -> Result<(), String> {
        let found = hits_of(&self.plan, case)?;
        // Rules of packs that are not under test count only where the case speaks of them.
        let counts = |rule: &String| {
            let pack = rule.split('/').next().unwrap_or_default();
            self.under_test.contains(pack) || case.hits.contains_key(rule)
        };
        let found: Hits = found.into_iter().filter(|(rule, _)| counts(rule)).collect();
        if found == case.hits {
            return Ok(());
        }
        Err(format!("expected {}, found {}", spell(&case.hits), spell(&found)))
    }
}

fn spell(hits: &Hits) -> String {
    if hits.is_empty() {
        return "nothing".into();
    }
    let hits: Vec<String> = hits.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
    hits.join(", ")
}

impl Outcome {
    /// Every case is as written, and there are some where there have to be.
    pub fn is_good(&self) -> bool {
        self.wrong.is_empty() && (self.cases > 0 || !self.needs_cases)
    }

    fn text(&self) -> String {
        let id = ForTerminal(&self.id);
        let mut text = match (self.cases, self.wrong.len()) {
            (0, 0) => format!("{id}: no cases, so nothing was tested ({} rules)\n", self.rules),
            (cases, 0) => {
                format!("{id}: {cases} cases as written, {} of them benign, {} rules\n", self.benign, self.rules)
            }
            (cases, wrong) => format!("{id}: {wrong} of {cases} cases are NOT as written, {} rules\n", self.rules),
        };
        for (place, what) in &self.wrong {
            let place = place.to_string();
            text.push_str(&format!("  {}: {}\n", ForTerminal(&place), ForTerminal(what)));
        }
        text
    }
}

/// What hits in a case; an error in words where its log cannot be read as its source.
fn hits_of(plan: &Plan, case: &Case) -> Result<Hits, String> {
    read(plan, case)?.outcome()
}

/// The records of a case that a rule hits, or, of a correlation, those of its first chain. Lines of the log block, from 1.
pub fn records_hit(plan: &Plan, case: &Case, rule: &str) -> Vec<u64> {
    let Ok(run) = read(plan, case) else { return Vec::new() };
    let is_it = |index: RuleIndex| plan.rules().get(index.at()).is_some_and(|facts| facts.id == rule);
    let hits = run.hits.iter().filter(|(hit, _)| is_it(*hit)).map(|(_, line)| *line);
    let direct: Vec<u64> = hits.collect();
    if !direct.is_empty() {
        return direct;
    }
    let (groups, _) = run.correlator.finish();
    let first = groups.into_iter().find(|group| is_it(group.rule));
    first.map(|group| group.members.iter().map(|hit| hit.origin.record).collect()).unwrap_or_default()
}

/// The first record of a case. A line of the log block, from 1.
pub fn first_record(plan: &Plan, case: &Case) -> Option<u64> {
    read(plan, case).ok()?.first
}

fn read<'a>(plan: &'a Plan, case: &Case) -> Result<Run<'a>, String> {
    let mut run = Run::new(plan);
    let block = Block::whole(case.log.as_bytes());
    match case.source.as_str() {
        "file" | "configuration" | "registry" => run.files(&case.log, &case.source)?,
        "antivirus" => _ = formats::antivirus::read(&block, &mut formats::antivirus::Header::default(), &mut run),
        "windows" => _ = formats::jsonl::read(&block, &mut run),
        "setup" => _ = formats::setup::read(&block, &mut run),
        "test-proxylogon" => {
            _ = formats::test_proxylogon::read(&block, &mut formats::test_proxylogon::Header::default(), &mut run);
        }
        _ => {
            let mut header = formats::delimited::Header::for_file("", case.log.as_bytes());
            formats::delimited::read(&block, &mut header, &mut run);
            let family = header.schema().map_or("nothing that is known", |schema| schema.family.name());
            if family != case.family() {
                return Err(format!("its columns are those of {family}"));
            }
        }
    }
    Ok(run)
}

/// Collects the hits of one log.
struct Run<'a> {
    plan: &'a Plan,
    block: Vec<u8>,
    /// Literals found in the block, for this family.
    found: Option<(Family, Vec<(usize, RuleIndex)>)>,
    /// With the line of each.
    hits: Vec<(RuleIndex, u64)>,
    correlator: Correlator,
    /// The line of the first record.
    first: Option<u64>,
    rejects: Vec<Reject>,
    hidden: Option<u64>,
    records: u64,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan) -> Self {
        Self {
            plan,
            block: Vec::new(),
            found: None,
            hits: Vec::new(),
            correlator: plan.correlations(),
            first: None,
            rejects: Vec::new(),
            hidden: None,
            records: 0,
        }
    }

    fn outcome(self) -> Result<Hits, String> {
        if let Some(reject) = self.rejects.first() {
            return Err(format!("line {} of its log cannot be read: {:?}", reject.record, reject.reason));
        }
        if let Some(line) = self.hidden {
            return Err(format!("the search for literals hides a hit in line {line} of its log"));
        }
        if self.records == 0 {
            return Err("there is no record in its log".into());
        }
        let mut counts = Hits::new();
        let (joined, _) = self.correlator.finish();
        for rule in self.hits.iter().map(|(rule, _)| *rule).chain(joined.iter().map(|group| group.rule)) {
            if let Some(facts) = self.plan.rules().get(rule.at()) {
                *counts.entry(facts.id.clone()).or_default() += 1;
            }
        }
        Ok(counts)
    }

    fn record(&mut self, line: u64) {
        self.records += 1;
        self.first.get_or_insert(line);
    }

    fn hit<'r>(
        &mut self,
        (rule, line): (RuleIndex, u64),
        (family, time): (Family, Option<Utc>),
        words: [Option<String>; 4],
        field: &dyn Fn(FieldId) -> Option<Cow<'r, [u8]>>,
    ) {
        let [server, client, account, subject] = words.each_ref().map(Option::as_deref);
        let hit = NotedHit {
            rule,
            time: time.unwrap_or(Utc(0)),
            source: &Source::whole(family),
            origin: Origin { file: 0, record: line, offset: 0 },
            client: client.map(str::as_bytes),
            account: account.map(str::as_bytes),
            subject: subject.map(str::as_bytes),
        };
        self.correlator.note(server.unwrap_or_default(), &hit, field);
        self.hits.push((rule, line));
    }

    /// Every rule, without regard to literals: what the search leaves out must not fit.
    fn all_that_fit(&self, binding: &Binding, row: &Row<'_>) -> Vec<RuleIndex> {
        let Some(rows) = self.plan.rows(&row.schema.family) else {
            return Vec::new();
        };
        let of_family: BTreeSet<RuleIndex> = rows.rules().iter().copied().collect();
        of_family.into_iter().filter(|rule| rows.matches(*rule, binding, row)).collect()
    }

    fn files(&mut self, log: &str, source: &str) -> Result<(), String> {
        for (line, text) in (1u64..).zip(log.lines()).filter(|(_, text)| !text.is_empty()) {
            let object: BTreeMap<String, serde_json::Value> =
                serde_json::from_str(text).map_err(|error| format!("line {line} of its log: {error}"))?;
            let value = |value: &serde_json::Value| match value {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let mut texts: Vec<(String, String)> = object.iter().map(|(name, of)| (name.clone(), value(of))).collect();
            texts.extend(read_as_page(&texts));
            let wrong = |why: String| format!("line {line} of its log: {why}");
            let mut fits = Vec::new();
            match source {
                "configuration" => self.plan.configuration(&fields_of(&texts), &mut |rule| fits.push(rule)),
                "registry" => self.plan.registry(&fields_of(&texts), &mut |rule| fits.push(rule)),
                _ => {
                    let known = self.yara(&fields_of(&texts)).map_err(wrong)?;
                    let own = Some(detect::yara::own_names(&known)).filter(|own| !own.is_empty());
                    texts.extend(own.map(|own| ("yara".to_owned(), own)));
                    self.plan.file(&fields_of(&texts), &mut |rule| fits.push(rule));
                    fits.extend(known.iter().map(|hit| hit.rule));
                }
            }
            let fields = fields_of(&texts);
            self.record(line);
            let plan = self.plan;
            for rule in fits {
                let field = |field| plan.file_value(field, &fields).map(Cow::Borrowed);
                self.hit((rule, line), (Family::File, None), [None, None, None, None], &field);
            }
        }
        Ok(())
    }

    /// YARA rules see the bytes of a file: its `hex`, or its `content` as it is.
    fn yara(&self, fields: &FileFields<'_>) -> Result<Vec<YaraHit>, String> {
        let bytes = match fields.field("hex") {
            Some(hex) => Cow::Owned(unhex(hex).ok_or("its `hex` is no row of hex digits")?),
            None => Cow::Borrowed(fields.field("content").unwrap_or_default()),
        };
        let path = String::from_utf8_lossy(fields.field("path").unwrap_or_default());
        let file = YaraFile { on_server: &path, in_evidence: "", bytes: &bytes };
        let mut known = Vec::new();
        match self.plan.yara(&file, &mut |hit| known.push(hit)) {
            true => Ok(known),
            false => Err("YARA rules took too long on it".into()),
        }
    }
}

fn fields_of(texts: &[(String, String)]) -> FileFields<'_> {
    FileFields { fields: texts.iter().map(|(name, text)| (name.as_str(), Cow::Borrowed(text.as_bytes()))).collect() }
}

/// Bytes written in hex. Look-alikes of what scanners search for are written so, that the file of cases is none itself.
fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_chunks::<2>();
    let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    bytes.filter(|_| rest.is_empty())
}

/// What the content of a file says as a page, as `assess` would read it.
fn read_as_page(fields: &[(String, String)]) -> Vec<(String, String)> {
    let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let (Some(name), Some(content)) = (field("name"), field("content")) else { return Vec::new() };
    let page = pages::read(content.as_bytes(), name);
    let abilities: Vec<&str> = page.flows.iter().map(|flow| flow.ability.word()).collect();
    vec![("does".to_owned(), page.judgement.word().to_owned()), ("abilities".to_owned(), abilities.join(" "))]
}

fn text(value: Cow<'_, [u8]>) -> Option<String> {
    let text = String::from_utf8_lossy(&value).into_owned();
    (!text.is_empty() && text != "-").then_some(text)
}

impl Sink for Run<'_> {
    fn block(&mut self, bytes: &[u8]) {
        self.block = bytes.to_vec();
        self.found = None;
    }

    fn row(&mut self, row: &Row<'_>) {
        self.record(row.number);
        let (plan, family) = (self.plan, row.schema.family);
        let Some(rows) = plan.rows(&family) else {
            return;
        };
        let binding = rows.bind(row.schema);
        if self.found.as_ref().is_none_or(|(of, _)| *of != family) {
            let mut found = Vec::new();
            rows.scan_block(&self.block, &mut found);
            self.found = Some((family, found));
        }
        let line = row.in_block..=row.in_block + row.line.len();
        let found = self.found.iter().flat_map(|(_, found)| found);
        let of_line: Vec<_> = found.copied().filter(|(end, _)| line.contains(end)).collect();
        let mut fits = Vec::new();
        rows.test_row(&of_line, &binding, row, &mut |rule| fits.push(rule));
        if fits != self.all_that_fit(&binding, row) {
            self.hidden.get_or_insert(row.number);
        }
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
            self.hit((rule, row.number), (family, row.time), words, &|field| rows.value(field, &binding, row));
        }
    }

    fn event(&mut self, event: &WindowsEvent<'_>) {
        self.record(event.record);
        let plan = self.plan;
        let mut fits = Vec::new();
        plan.events(event, &mut |rule| fits.push(rule));
        for rule in fits {
            let subject = plan.rule(rule).subject_field.and_then(|field| plan.event_value(rule, field, event));
            let words = [Some(event.computer.to_string()), None, None, subject.and_then(text)];
            let field = |field| plan.event_value(rule, field, event);
            self.hit((rule, event.record), (Family::Windows, event.time), words, &field);
        }
    }

    fn reject(&mut self, reject: Reject) {
        self.rejects.push(reject);
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use detect::pack::PackFiles;

    use super::Bench;
    use crate::packs::open::{Opened, Origin, built_in};

    #[test]
    fn every_case_of_the_built_in_packs_hits_exactly_what_it_says() {
        let bench = Bench::new(built_in());
        assert!(bench.tested().count() >= 3);
        for pack in bench.tested() {
            let outcome = bench.run(pack);
            assert!(outcome.is_good() && outcome.cases > 0 && outcome.benign > 0, "{}", outcome.text());
        }
    }

    const RULE: &str = "title: t\nlogsource: {category: webserver}\ntags: [afterpatch.stage.access, afterpatch.proves.scan]\n\
        detection:\n  s: {cs-uri-stem: /only-here}\n  condition: s\n";
    const LOG: &str = "```log iis/W3SVC1\n#Fields: date time cs-method cs-uri-stem c-ip sc-status\n2021-03-03 05:00:00 GET /only-here 203.0.113.7 200\n```\n";

    fn outcome(cases: &str) -> (bool, String) {
        let file = |path: &str, text: &str| (path.to_owned(), Cow::Owned(text.as_bytes().to_vec()));
        let manifest = "id = \"p\"\nname = \"P\"\nversion = \"1\"\ngeneral = true\n";
        let files = vec![file("pack.toml", manifest), file("rules/one.yml", RULE), file("cases/one.md", cases)];
        let pack = Opened { files: PackFiles { id: "p".into(), files }, place: "x/p".into(), origin: Origin::Folder };
        let bench = Bench::new(vec![pack]);
        let outcome = bench.run(bench.tested().next().unwrap());
        (outcome.is_good(), outcome.text())
    }

    #[test]
    fn a_case_as_written_is_good() {
        let (good, text) = outcome(&format!("{LOG}```hits\np/one 1\n```\n"));
        assert!(good && text.contains("1 cases as written"), "{text}");
    }

    #[test]
    fn whatever_differs_is_told_with_its_place() {
        for (cases, told) in [
            (format!("{LOG}```hits\n```\n"), "x/p/cases/one.md:1: iis/W3SVC1: expected nothing, found p/one 1"),
            (format!("{LOG}```hits\np/one 2\n```\n"), "expected p/one 2, found p/one 1"),
            (format!("{LOG}```hits\np/one 1\np/two 1\n```\n"), "expected p/one 1, p/two 1, found p/one 1"),
            (format!("{}```hits\n```\n", LOG.replace("iis/", "httpproxy/")), "columns are those of iis"),
            (format!("{}```hits\n```\n", LOG.replace("203.0.113.7 200", "x")), "cannot be read"),
            ("```log file\n{\n```\n```hits\n```\n".to_owned(), "line 1 of its log"),
            ("```log windows\n\n```\n```hits\n```\n".to_owned(), "no record"),
            ("```hits\n```\n".to_owned(), "follows no log block"),
        ] {
            let (good, text) = outcome(&cases);
            assert!(!good && text.contains(told), "{cases}\n{text}");
        }
        let (good, text) = outcome("prose only\n");
        assert!(!good && text.contains("no cases"), "{text}");
    }
}
