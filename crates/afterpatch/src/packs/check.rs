//! `packs check`: everything about a pack that can be wrong without a record being read.
//!
//! Says what, where and what to do. An error is something that would be silent or say too much in a real run; a
//! warning is something that costs time or trust.

use std::collections::{BTreeMap, BTreeSet};

use detect::pack::cases::{Case, of_pack};
use detect::pack::{Indicator, Pack, RuleAsWritten};
use detect::plan::{Compiled, Plan, RuleIndex, Search};
use model::Family;
use model::campaign::{Campaign, Proves};
use report::hostile::ForTerminal;
use serde::Serialize;

use super::cases::Bench;
use super::open::{self, Opened};
use super::place::{Place, first_line};
use super::yara;
use crate::cli::{CheckOptions, Listing};
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// How much a problem weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Nothing to do.
    Note,
    /// Costs time or trust.
    Warning,
    /// Would be silent or say too much.
    Error,
}

/// Something that is wrong with a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    place: Place,
    pub weight: Weight,
    what: String,
    hint: &'static str,
}

/// Fields that name an address, a host, a hash or a program: a rule over nothing else is a list of indicators.
const INDICATOR_FIELDS: [&str; 24] = [
    "c-ip",
    "s-ip",
    "clientipaddress",
    "client-ip",
    "clientip",
    "ipaddress",
    "sourceip",
    "destinationip",
    "src_ip",
    "dst_ip",
    "destinationhostname",
    "sourcehostname",
    "queryname",
    "cs-host",
    "cs(host)",
    "cs-user-agent",
    "cs(user-agent)",
    "c-useragent",
    "useragent",
    "sha256",
    "sha1",
    "md5",
    "hashes",
    "imphash",
];

/// All families with a reader, by their names in sources; HTTPERR and others are counted, and cover too.
const FAMILIES: [Family; 18] = [
    Family::HttpProxy,
    Family::Iis,
    Family::HttpErr,
    Family::EcpServer,
    Family::EcpActivity,
    Family::OabGenerator,
    Family::RpsHttp,
    Family::RpsCmdlet,
    Family::Ews,
    Family::MapiHttp,
    Family::MessageTracking,
    Family::SmtpReceive,
    Family::SmtpSend,
    Family::Pop,
    Family::Imap,
    Family::Audit,
    Family::Setup,
    Family::Windows,
];

/// Runs the verb.
pub fn run(options: &CheckOptions, console: &Console) -> Result<Exit, Failure> {
    let checked = if options.paths.is_empty() { open::built_in() } else { open::at_all(&options.paths)? };
    let found = Found::in_packs(checked, options.strict);
    match options.format {
        Listing::Human => console.result(&found.text()),
        Listing::Json => console.result(&found.json()),
    }
    Ok(if found.count(Weight::Error) > 0 { Exit::Integrity } else { Exit::Done })
}

/// What a check found.
pub struct Found {
    packs: usize,
    rules: usize,
    indicators: usize,
    cases: usize,
    /// By place.
    pub problems: Vec<Problem>,
}

impl Found {
    /// Checks packs beside the built-in ones.
    pub fn in_packs(checked: Vec<Opened>, strict: bool) -> Self {
        let bench = Bench::new(checked);
        let compiled = Plan::compile(&bench.files());
        let mut found = Self { packs: 0, rules: 0, indicators: 0, cases: 0, problems: Vec::new() };
        found.problems.extend(compiled.refusals.iter().map(|refusal| Problem {
            place: Place::of_refusal(&bench.all, refusal),
            weight: Weight::Error,
            what: first_line(&refusal.reason).to_owned(),
            hint: hint_for(&refusal.rule, &refusal.reason),
        }));
        for opened in bench.tested() {
            found.packs += 1;
            let (Some(pack), _) = Pack::read(&opened.files) else { continue };
            let (cases, misread) = of_pack(&opened.files);
            found.rules += pack.rules().count();
            found.indicators += pack.indicators().len();
            found.cases += cases.len();
            let mut check = Check { opened, pack: &pack, all: &bench.all, compiled: &compiled, problems: Vec::new() };
            for misread in misread {
                let place = Place::of(opened, &misread.file, Some(misread.line));
                check.add(Weight::Error, place, misread.what, "docs/rules.md shows a case");
            }
            check.all(&cases);
            found.problems.append(&mut check.problems);
        }
        if strict {
            let warnings = found.problems.iter_mut().filter(|problem| problem.weight == Weight::Warning);
            warnings.for_each(|problem| problem.weight = Weight::Error);
        }
        found.problems.sort_by(|first, second| (&first.place, &first.what).cmp(&(&second.place, &second.what)));
        found
    }

    pub fn count(&self, weight: Weight) -> usize {
        self.problems.iter().filter(|problem| problem.weight == weight).count()
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        for problem in &self.problems {
            let (place, word) = (problem.place.to_string(), problem.weight.word());
            text.push_str(&format!("{word}: {}: {}\n", ForTerminal(&place), ForTerminal(&problem.what)));
            if !problem.hint.is_empty() {
                text.push_str(&format!("  hint: {}\n", problem.hint));
            }
        }
        text.push_str(&format!(
            "packs {}, rules {}, indicators {}, cases {}: errors {}, warnings {}\n",
            self.packs,
            self.rules,
            self.indicators,
            self.cases,
            self.count(Weight::Error),
            self.count(Weight::Warning)
        ));
        text
    }

    fn json(&self) -> String {
        let problems: Vec<serde_json::Value> = self
            .problems
            .iter()
            .map(|problem| {
                serde_json::json!({"weight": problem.weight, "file": problem.place.file, "line": problem.place.line,
                    "what": problem.what, "hint": problem.hint})
            })
            .collect();
        let whole = serde_json::json!({"packs": self.packs, "rules": self.rules, "indicators": self.indicators,
            "cases": self.cases, "errors": self.count(Weight::Error), "warnings": self.count(Weight::Warning),
            "problems": problems});
        report::json::pretty(&whole)
    }
}

impl Weight {
    fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// The check of one pack.
struct Check<'a> {
    opened: &'a Opened,
    pack: &'a Pack,
    all: &'a [Opened],
    compiled: &'a Compiled,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn all(&mut self, cases: &[Case]) {
        self.readme();
        if let Some(campaign) = &self.pack.campaign {
            self.campaign(campaign);
        }
        self.indicators();
        self.doubles();
        let pack = self.pack;
        for rule in pack.rules() {
            if let Some(index) = self.index_of(&rule.facts.id) {
                self.search(&rule, index);
                self.indicators_only(&rule, index);
                // Of somebody else's rules one line says it for all.
                if !pack.imported || cases.iter().any(|case| case.hits.contains_key(&rule.facts.id)) {
                    self.cases(&rule, cases);
                }
            }
        }
        self.yara(cases);
        self.imported_without_cases(cases);
        self.unknown_rules_in_cases(cases);
    }

    fn add(&mut self, weight: Weight, place: Place, what: impl Into<String>, hint: &'static str) {
        self.problems.push(Problem { place, weight, what: what.into(), hint });
    }

    /// What an imported pack may lack.
    fn weight(&self) -> Weight {
        if self.pack.imported { Weight::Warning } else { Weight::Error }
    }

    fn index_of(&self, id: &str) -> Option<RuleIndex> {
        let at = self.compiled.plan.rules().iter().position(|rule| rule.id == id && !rule.indicator)?;
        u32::try_from(at).ok().map(RuleIndex)
    }

    fn readme(&mut self) {
        if self.opened.text("README.md").is_none_or(|text| text.trim().is_empty()) {
            let place = Place::of(self.opened, "README.md", None);
            let hint = "say what the campaign does, what it leaves, what it does not leave, what resembles it";
            self.add(Weight::Error, place, "the pack has no README.md", hint);
        }
    }

    fn campaign(&mut self, campaign: &Campaign) {
        let manifest = |key: &str| {
            let text = self.opened.text("pack.toml").unwrap_or_default();
            let line = (1u64..).zip(text.lines()).find(|(_, line)| line.contains(key)).map(|(line, _)| line);
            Place::of(self.opened, "pack.toml", line)
        };
        let mut problems = Vec::new();
        if let Some(first_use) = campaign.first_use.filter(|first_use| *first_use > campaign.public) {
            let what = format!("first_use {first_use} lies after public {}", campaign.public);
            problems.push((manifest("first_use ="), what, "a hole is public at the latest when its use is"));
        }
        let known = exchange::Knowledge::shipped();
        for cve in campaign.entry_cves.iter().filter(|cve| known.hole(cve).is_none()) {
            let what = format!("`{cve}` is not in the list of known holes ({})", exchange::STATE_DATE);
            let hint = "no build can be told open or fixed; knowledge/cves.csv has the list";
            problems.push((manifest(cve), what, hint));
        }
        for source in campaign.needs.iter().flat_map(|need| &need.any_of) {
            if let Some(why) = unread(source) {
                let hint = "docs/rules.md says how sources are spelt: httpproxy/Ecp, iis/front-end, windows/Security";
                problems.push((
                    manifest(source),
                    format!("the source `{source}` is produced by no reader: {why}"),
                    hint,
                ));
            }
        }
        problems.into_iter().for_each(|(place, what, hint)| self.add(Weight::Error, place, what, hint));
    }

    fn indicators(&mut self) {
        let lines = indicator_lines(self.opened);
        let place = |at: usize| Place::of(self.opened, "indicators.csv", lines.get(at).copied());
        let mut first: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut problems = Vec::new();
        for (at, indicator) in self.pack.indicators().iter().enumerate() {
            let Indicator { kind, value, confidence, .. } = indicator;
            if let Some(before) = first.insert((kind.word(), value), at) {
                let before = place(before).line.unwrap_or_default();
                let what = format!("{} `{value}` is there already, in line {before}", kind.word());
                problems.push((self.weight(), at, what, "join the two lines: the widest time, both sources"));
            }
            if matches!((indicator.from, indicator.until), (Some(from), Some(until)) if from > until) {
                let what = format!("{} `{value}` ends before it begins", kind.word());
                problems.push((Weight::Error, at, what, "from is the first day, until the last"));
            }
            if !matches!(confidence.as_str(), "high" | "medium" | "low") {
                let what = format!("confidence `{confidence}` is not high, medium or low");
                problems.push((Weight::Warning, at, what, "low where nothing is said"));
            }
        }
        let placed: Vec<_> =
            problems.into_iter().map(|(weight, at, what, hint)| (weight, place(at), what, hint)).collect();
        placed.into_iter().for_each(|(weight, place, what, hint)| self.add(weight, place, what, hint));
    }

    /// Rules of this pack that test what another rule tests.
    fn doubles(&mut self) {
        let mut known: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for opened in self.all {
            let (Some(pack), _) = Pack::read(&opened.files) else { continue };
            for rule in pack.rules() {
                let logic = self.index_of(&rule.facts.id).and_then(|index| self.compiled.plan.logic(index));
                if let Some(logic) = logic {
                    let source = rule.log_source.unwrap_or_default().to_ascii_lowercase();
                    known.entry((source, logic)).or_default().push(rule.facts.id.clone());
                }
            }
        }
        let own = format!("{}/", self.pack.id);
        for ids in known.into_values().filter(|ids| ids.len() > 1) {
            for id in ids.iter().filter(|id| id.starts_with(&own)) {
                let other = ids.iter().find(|other| *other != id).cloned().unwrap_or_default();
                let what = format!("tests the same as `{other}`, in the same log source");
                self.add(self.weight(), Place::of_rule(self.all, id), what, "one hit would be told twice: remove one");
            }
        }
    }

    fn search(&mut self, rule: &RuleAsWritten<'_>, index: RuleIndex) {
        let place = Place::of_rule(self.all, &rule.facts.id);
        let hint = "give every alternative of the condition a plain text of four bytes or more that few records hold";
        match self.compiled.plan.search(index) {
            Some(Search::EveryRecord) => {
                let what = "is tried on every record of its log source: no text of four bytes or more has to be in a \
                            record that fits, or only one that stands in nearly every record";
                self.add(Weight::Warning, place, what, hint);
            }
            Some(Search::EveryEventOfItsIds) => {
                let what = "is tried on every event of its ids: no text of four bytes or more has to be in an event \
                            that fits";
                self.add(Weight::Note, place, what, hint);
            }
            Some(Search::ByLiteral) | None => {}
        }
    }

    fn indicators_only(&mut self, rule: &RuleAsWritten<'_>, index: RuleIndex) {
        let fields = self.compiled.plan.fields_of(index);
        let is_one = |field: &str| INDICATOR_FIELDS.contains(&field.to_ascii_lowercase().as_str());
        if rule.facts.proves != Proves::Context && !fields.is_empty() && fields.iter().all(|field| is_one(field)) {
            let what = format!("looks at nothing but {} and claims to prove more than context", fields.join(", "));
            let hint = "addresses, names and tools are used by others too: afterpatch.proves.context";
            self.add(Weight::Error, Place::of_rule(self.all, &rule.facts.id), what, hint);
        }
    }

    /// YARA rules of our own packs need cases like any other.
    fn yara(&mut self, cases: &[Case]) {
        let (prefix, compiled) = (format!("{}/yara-", self.pack.id), self.compiled);
        let own = compiled.plan.rules().iter().filter(|rule| !self.pack.imported && rule.id.starts_with(&prefix));
        for id in own.map(|rule| rule.id.as_str()) {
            let place = yara::rule(self.opened, id.strip_prefix(&prefix).unwrap_or_default()).map(|(place, _)| place);
            self.cases_of(id, place.unwrap_or_else(|| Place::of(self.opened, "yara/", None)), cases);
        }
    }

    fn cases(&mut self, rule: &RuleAsWritten<'_>, cases: &[Case]) {
        self.cases_of(&rule.facts.id, Place::of_rule(self.all, &rule.facts.id), cases);
    }

    fn cases_of(&mut self, id: &str, place: Place, cases: &[Case]) {
        let hitting: BTreeSet<&str> =
            cases.iter().filter(|case| case.hits.contains_key(id)).map(Case::family).collect();
        if hitting.is_empty() {
            let hint = "add a log block with an inert look-alike, and its hits, to cases/*.md";
            return self.add(self.weight(), place, "has no case that hits", hint);
        }
        if !cases.iter().any(|case| case.is_benign() && hitting.contains(case.family())) {
            let sources: Vec<&str> = hitting.into_iter().collect();
            let what = format!("has no benign twin: no {} block with an empty list of hits", sources.join(" or "));
            self.add(self.weight(), place, what, "add records of daily life that look alike, with an empty hits block");
        }
    }

    fn imported_without_cases(&mut self, cases: &[Case]) {
        let without = |rule: &RuleAsWritten<'_>| !cases.iter().any(|case| case.hits.contains_key(&rule.facts.id));
        let count = self.pack.rules().filter(without).count();
        if self.pack.imported && count > 0 {
            let what =
                format!("rules without a case: {count}; nobody has shown that they hit, or when they stay silent");
            let hint = "before you rely on one of them, write a case for it";
            self.add(Weight::Warning, Place::of(self.opened, "rules/", None), what, hint);
        }
    }

    fn unknown_rules_in_cases(&mut self, cases: &[Case]) {
        let rules = self.compiled.plan.rules();
        for case in cases {
            // What was refused is told already.
            let refused = |id: &String| self.compiled.refusals.iter().any(|refusal| refusal.rule == *id);
            let unknown = |id: &&String| !rules.iter().any(|known| known.id == **id) && !refused(id);
            for rule in case.hits.keys().filter(unknown).cloned().collect::<Vec<_>>() {
                let place = Place::of(self.opened, &case.file, Some(case.line));
                self.add(Weight::Error, place, format!("expects `{rule}`, which is no rule"), "see packs show ID");
            }
        }
    }
}

/// The lines of `indicators.csv` with an indicator, as its reader counts them.
fn indicator_lines(opened: &Opened) -> Vec<u64> {
    let mut refused = BTreeSet::new();
    let (_, refusals) = Pack::read(&opened.files);
    let prefix = format!("{}/indicators.csv:", opened.files.id);
    refused.extend(refusals.iter().filter_map(|refusal| refusal.rule.strip_prefix(&prefix)?.parse::<u64>().ok()));
    let bytes = opened.file("indicators.csv").unwrap_or_default();
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(bytes);
    let lines = reader.records().filter_map(|record| record.ok()?.position().map(csv::Position::line));
    lines.filter(|line| !refused.contains(line)).collect()
}

/// Why a source of `needs` can never be met.
fn unread(source: &str) -> Option<String> {
    let (family, part) = source.split_once('/').map_or((source, None), |(family, part)| (family, Some(part)));
    let known = FAMILIES.iter().find(|known| known.name() == family);
    match (known, part) {
        (None, _) => Some(format!("there is no log family `{family}`")),
        (Some(_), Some("")) => Some("its part is empty".into()),
        (Some(_), None) | (Some(Family::HttpProxy | Family::Windows), Some(_)) => None,
        (Some(Family::Iis), Some(part)) => {
            let site = part.to_ascii_lowercase();
            let named = matches!(site.as_str(), "front-end" | "back-end");
            let numbered = site.strip_prefix("w3svc").is_some_and(|digits| digits.parse::<u32>().is_ok());
            (!named && !numbered).then(|| format!("`{part}` is no site: front-end, back-end or W3SVC1"))
        }
        (Some(family), Some(_)) => Some(format!("`{}` has no parts", family.name())),
    }
}

/// The next step, by what was refused.
fn hint_for(what: &str, reason: &str) -> &'static str {
    let has = |word: &str| reason.contains(word);
    if what.ends_with("/pack.toml") {
        "docs/rules.md shows a pack.toml; the id is the folder's name"
    } else if what.contains("/indicators.csv") {
        "one indicator a line: type,value,confidence,from,until,note,source"
    } else if has("not readable as Sigma") {
        "the file is no YAML or no Sigma rule; check indentation and quotes in that line"
    } else if has("log source") {
        "docs/rules.md lists the log sources that are read"
    } else if has("tag `afterpatch.") || has("tags `afterpatch.") {
        "docs/rules.md lists stages and what a rule can prove; `afterpatch packs import` adds them to rules of others"
    } else if has("another rule") {
        "names are given once in a pack, ids once in all packs"
    } else if has("modifier") || has("cannot be compiled exactly") {
        "write the test in another way; a rule runs exactly or not at all"
    } else {
        "docs/rules.md is the language of packs"
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use detect::pack::PackFiles;

    use super::{Found, Weight, unread};
    use crate::packs::open::{Opened, Origin, built_in};

    #[test]
    fn the_built_in_packs_have_no_error() {
        let found = Found::in_packs(built_in(), false);
        assert!(found.rules > 100 && found.cases > 100 && found.indicators > 200, "{}", found.text());
        assert_eq!((found.count(Weight::Error), found.count(Weight::Warning)), (0, 0), "{}", found.text());
    }

    const MANIFEST: &str = "id = \"p\"\nname = \"P\"\nversion = \"1\"\ncves = [\"CVE-2021-26855\"]\nentry_cves = [\"CVE-2021-26855\"]\n\
        first_use = \"2021-01-03\"\nfirst_use_basis = \"b\"\npublic = \"2021-03-02\"\n\
        [[needs]]\nany_of = [\"httpproxy/Ecp\"]\nsettle = \"s\"\n";
    const RULE: &str = "title: t\nlogsource: {category: webserver}\ntags: [afterpatch.stage.access, afterpatch.proves.scan]\n\
        detection:\n  s: {cs-uri-stem: /only-here, cs-method: POST}\n  condition: s\n";
    const CASES: &str = "```log iis/W3SVC1\nx\n```\n```hits\np/one 1\n```\n```log iis/W3SVC1\nx\n```\n```hits\n```\n";

    fn found(changes: &[(&str, &str)]) -> Found {
        let whole = [
            ("pack.toml", MANIFEST),
            ("README.md", "about"),
            ("rules/one.yml", RULE),
            ("cases/one.md", CASES),
            ("indicators.csv", "type,value,confidence,from,until,note,source\nip,203.0.113.7,low,,,,\n"),
        ];
        let kept = whole.iter().filter(|(path, _)| !changes.iter().any(|(changed, _)| changed == path));
        let files = kept.chain(changes).filter(|(_, text)| !text.is_empty());
        let files = files.map(|(path, text)| ((*path).to_owned(), Cow::Owned(text.as_bytes().to_vec()))).collect();
        let pack = Opened { files: PackFiles { id: "p".into(), files }, place: "x/p".into(), origin: Origin::Folder };
        Found::in_packs(vec![pack], false)
    }

    #[test]
    fn a_whole_pack_has_no_problem() {
        let found = found(&[]);
        assert_eq!(found.problems, [], "{}", found.text());
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let same = RULE
            .replace("detection:\n  s:", "id: 7d6b5c5e-0000-4000-8000-000000000001\ndetection:\n  other:")
            .replace("condition: s", "condition: 1 of other*");
        let imported = format!("imported = true\n{MANIFEST}");
        for (file, text, told) in [
            ("README.md", String::new(), "error: x/p/README.md: the pack has no"),
            ("cases/one.md", String::new(), "error: x/p/rules/one.yml: has no case that hits"),
            ("cases/one.md", CASES.replace("p/one 1", ""), "error: x/p/rules/one.yml: has no case that hits"),
            ("cases/one.md", CASES[..45].to_owned(), "error: x/p/rules/one.yml: has no benign twin"),
            (
                "cases/one.md",
                CASES.replace("p/one 1", "p/one 1\np/none 1"),
                "error: x/p/cases/one.md:1: expects `p/none`",
            ),
            ("rules/two.yml", same, "error: x/p/rules/one.yml: tests the same as `p/two`"),
            ("rules/one.yml", RULE.replace("s: {", "s: {a|wrong: b, "), "rules/one.yml:5: not readable as Sigma"),
            ("rules/one.yml", RULE.replace("webserver", "toaster"), "rules/one.yml:2: log source"),
            ("rules/one.yml", RULE.replace("/only-here", "/o"), "warning: x/p/rules/one.yml: is tried on every record"),
            (
                "rules/one.yml",
                RULE.replace("cs-uri-stem: /only-here, cs-method: POST", "c-ip: 203.0.113.7"),
                "looks at nothing but c-ip",
            ),
            ("pack.toml", MANIFEST.replace("2021-01-03", "2021-03-03"), "error: x/p/pack.toml:6: first_use"),
            (
                "pack.toml",
                MANIFEST.replace("CVE-2021-26855", "CVE-1999-00001"),
                "error: x/p/pack.toml:4: `CVE-1999-00001`",
            ),
            (
                "pack.toml",
                MANIFEST.replace("httpproxy/Ecp", "toaster/log"),
                "error: x/p/pack.toml:10: the source `toaster/log`",
            ),
            ("pack.toml", "id = [".to_owned(), "error: x/p/pack.toml:1: TOML parse error"),
            (
                "indicators.csv",
                "type,value,confidence,from,until,note,source\nip,203.0.113.7,low,,,,\nip,203.0.113.7,high,,,,\n"
                    .to_owned(),
                "error: x/p/indicators.csv:3: ip `203.0.113.7` is there already, in line 2",
            ),
            (
                "indicators.csv",
                "type,value,confidence,from,until,note,source\nip,203.0.113.7,low,2021-02-01,2021-01-01,,\n".to_owned(),
                "error: x/p/indicators.csv:2: ip `203.0.113.7` ends before",
            ),
            (
                "indicators.csv",
                "type,value,confidence,from,until,note,source\nip,999,low,,,,\n".to_owned(),
                "error: x/p/indicators.csv:2: `999` is no ip",
            ),
            ("yara/a.yar", "rule x { condition: true }\nrule y {}".to_owned(), "error: x/p/yara/a.yar:2: "),
            ("yara/a.yar", "\nrule x { condition: true }".to_owned(), "error: x/p/yara/a.yar:2: has no case that hits"),
        ] {
            let found = found(&[(file, &text)]);
            assert!(found.text().contains(told), "{told}\n{}", found.text());
        }
        let found = found(&[("pack.toml", &imported), ("cases/one.md", "")]);
        assert!(
            found.text().contains("warning: x/p/rules/: rules without a case: 1") && found.count(Weight::Error) == 0
        );
    }

    #[test]
    fn sources_that_no_reader_produces() {
        for source in
            ["httpproxy/Ecp", "httpproxy", "iis/front-end", "iis/W3SVC2", "windows/Security", "ecpserver", "pop3"]
        {
            assert_eq!(unread(source), None, "{source}");
        }
        for source in ["", "httpproxy/", "iis/site", "iis/w3svc", "ecpserver/x", "HttpProxy", "file"] {
            assert!(unread(source).is_some(), "{source}");
        }
    }
}
