//! YARA rules, run over files that are no logs: those of packs, and those of a folder of somebody else.
//!
//! A file of a pack compiles whole or is refused by name. In a folder of others a rule that does not compile is refused by
//! itself ([`set`](YaraSet)). What a rule proves is context, unless a pack of our own says otherwise in its meta data
//! (`afterpatch_proves`). Modules that take binaries apart are built in, those that verify signatures, need foreign code or
//! print are not. A scan has a limit of time and of matches, and says where the first was met.

mod condition;
mod facts;
mod file;
mod set;
mod split;

use std::collections::BTreeMap;
use std::time::Duration;

use boreal::compiler::{AddRuleError, CompilerParams};
use boreal::scanner::{EvaluatedRule, ScanParams};
use boreal::{Compiler, Scanner};
use model::campaign::RuleFacts;

use self::facts::{Origins, facts_of};
use self::file::VARIABLES;
use self::set::{Compilers, Loader};
use crate::pack::Pack;
use crate::sigma::RuleIndex;

pub use self::file::YaraFile;
pub use self::set::{YaraAccount, YaraOutcome, YaraSet};

/// Upper bound of a file of YARA rules, in bytes: the large collections are one file.
pub const RULE_FILE_BYTES_MAX: usize = 32 << 20;
/// Bytes of a file that rules of packs look at: pages are small, and other files tell by their beginning.
const PACKS_BYTES_MAX: usize = 1 << 20;
/// Bytes of a file that rules of others look at. Every thread may hold as many.
const OTHERS_BYTES_MAX: usize = 16 << 20;
/// No file of that size takes a sound rule as long. It is the last resort against rules that do not end.
const FILE_SECS_MAX: u64 = 20;
/// Matches of one string that are looked at.
const MATCHES_MAX: u32 = 1_000;
/// Bytes of a match that are kept, and those of them that are shown.
const MATCH_BYTES_MAX: usize = 64;
/// Strings of a rule that are shown with a hit.
const STRINGS_SHOWN_MAX: usize = 4;

/// A file that does not compile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct YaraRefusal {
    /// Path in the pack.
    pub file: String,
    /// Line, where it is known.
    pub line: Option<u64>,
    /// In words, one line.
    pub reason: String,
}

/// A rule by the place of its file and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    namespace: String,
    name: String,
}

/// All YARA rules.
#[derive(Clone, Debug)]
pub(crate) struct Yara {
    scanner: Scanner,
    /// Rules that can only fit programs.
    programs: Option<Scanner>,
    /// Rules of others are among them.
    has_others: bool,
    /// By namespace and name.
    rules: BTreeMap<String, BTreeMap<String, RuleIndex>>,
    /// Packs whose rules are ours, as their namespaces begin.
    own_packs: Vec<String>,
}

/// A rule that fits a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YaraHit {
    /// The rule.
    pub rule: RuleIndex,
    /// Its name as it is written.
    pub name: String,
    /// It is of a pack of ours, and not of a set of somebody else.
    pub is_own: bool,
    /// Where the first of its strings stands; 0 where it fits by something else.
    pub offset: u64,
    /// Its strings that were found, with their places: `$a at 17: <%@ Page`. Empty where it fits by something else.
    pub matched: String,
}

/// What became of the YARA rules of packs and sets.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    pub(crate) yara: Option<Yara>,
    pub(crate) facts: Vec<RuleFacts>,
    /// Of packs, with the pack's id.
    pub(crate) refused: Vec<(String, YaraRefusal)>,
    /// Of sets.
    pub(crate) accounts: Vec<YaraAccount>,
}

/// What of these files does not compile.
#[must_use]
pub fn refusals(files: &[(&str, &[u8])]) -> Vec<YaraRefusal> {
    let alone = |(path, bytes): &(&str, &[u8])| text_of(path, bytes).and_then(|text| compiles_alone(path, text)).err();
    files.iter().filter_map(alone).collect()
}

/// A rule of a file as it is written, with its line.
#[must_use]
pub fn rule_in<'t>(file: &'t str, name: &str) -> Option<(u64, &'t str)> {
    let is_it = |part: &split::Part<'_>| matches!(part.kind, split::Kind::Rule { name: known, .. } if known == name);
    split::split(file).into_iter().find(is_it).map(|part| (part.line, part.text))
}

/// Compiles the files of all packs and sets; `first` is the number of the first rule.
pub(crate) fn compile(packs: &[Pack], sets: &[YaraSet], first: RuleIndex) -> Compiled {
    // What fails leaves half of itself in a compiler, and seldom does anything: files are tried one by one only then.
    let (mut compilers, refused) = match with_packs(packs, &|_, _| Ok(())) {
        (compilers, refused) if refused.is_empty() => (compilers, refused),
        _ => with_packs(packs, &|path, text| compiles_alone(path, text)),
    };
    let mut loader = Loader::default();
    for (number, set) in sets.iter().enumerate() {
        loader.add(&mut compilers, number, set);
    }
    let (scanner, programs) = (scanner(compilers.all), scanner(compilers.programs));
    let origins = Origins { packs, sets, loader: &loader };
    let (mut facts, mut rules, mut loaded) = (Vec::new(), BTreeMap::<String, BTreeMap<_, _>>::new(), Vec::new());
    for scanner in [&scanner, &programs] {
        // Private rules are parts of others, global ones bound them.
        for rule in scanner.rules().filter(|rule| !rule.is_private && !rule.is_global) {
            let index = RuleIndex(first.0.saturating_add(u32::try_from(facts.len()).unwrap_or(u32::MAX)));
            let Some((told, account)) = facts_of(scanner, &rule, &origins) else { continue };
            rules.entry(rule.namespace.to_owned()).or_default().insert(rule.name.to_owned(), index);
            loaded.extend(account.map(|account| (account, index)));
            facts.push(told);
        }
    }
    let mut accounts = loader.accounts;
    for (account, index) in loaded {
        if let Some(account) = accounts.get_mut(account) {
            account.outcome = YaraOutcome::Loaded(index);
        }
    }
    let programs = Some(programs).filter(|programs| programs.rules().next().is_some());
    let own_packs = packs.iter().filter(|pack| !pack.imported).map(|pack| format!("{}/", pack.id)).collect();
    let yara =
        (!rules.is_empty()).then_some(Yara { scanner, programs, has_others: !sets.is_empty(), rules, own_packs });
    Compiled { yara, facts, refused, accounts }
}

/// Compilers that hold the files of all packs that pass a test and compile, and the others with their packs.
fn with_packs(
    packs: &[Pack],
    test: &dyn Fn(&str, &str) -> Result<(), YaraRefusal>,
) -> (Compilers, Vec<(String, YaraRefusal)>) {
    let mut compilers = Compilers { all: compiler(), programs: compiler() };
    let mut refused = Vec::new();
    for (pack, (path, bytes)) in packs.iter().flat_map(|pack| pack.yara.iter().map(move |file| (pack, file))) {
        let added = text_of(path, bytes).and_then(|text| {
            test(path, text)?;
            // Two files may use the same names.
            let namespace = format!("{}/{path}", pack.id);
            let added = compilers.all.add_rules_str_in_namespace(text, namespace);
            added.map(drop).map_err(|error| refusal(path, text, &error))
        });
        refused.extend(added.err().map(|refusal| (pack.id.clone(), refusal)));
    }
    (compilers, refused)
}

/// The names of those rules that are ours, as the field `yara` of rules over files holds them.
#[must_use]
pub fn own_names(hits: &[YaraHit]) -> String {
    hits.iter().filter(|hit| hit.is_own).map(|hit| hit.name.as_str()).collect::<Vec<_>>().join(" ")
}

impl Yara {
    pub(crate) fn bytes_max(&self) -> usize {
        if self.has_others { OTHERS_BYTES_MAX } else { PACKS_BYTES_MAX }
    }

    /// Whether a file is longer than what was looked at, and somebody counted on more than its beginning.
    pub(crate) fn is_cut(&self, size: u64, seen: usize) -> bool {
        self.has_others && size > seen as u64
    }

    /// Reports the rules that a file fits, in the order of their numbers. `false`: the rules took too long, and not all were
    /// tried.
    pub(crate) fn scan(&self, file: &YaraFile<'_>, fits: &mut dyn FnMut(YaraHit)) -> bool {
        let (values, mut hits, mut is_whole) = (file.values().all, Vec::new(), true);
        let programs = self.programs.iter().filter(|_| file.bytes.starts_with(b"MZ"));
        for scanner in std::iter::once(&self.scanner).chain(programs) {
            // What is compiled is shared; a clone is a handful of values.
            let mut scanner = scanner.clone();
            for (variable, value) in VARIABLES.iter().zip(&values) {
                // All of them were declared before compiling.
                _ = scanner.define_symbol(variable, value.clone());
            }
            let found = scanner.scan_mem(file.bytes).unwrap_or_else(|(_, found)| {
                is_whole = false;
                found
            });
            hits.extend(found.rules.iter().filter_map(|rule| self.hit(rule)));
        }
        hits.sort_unstable_by_key(|hit| hit.rule);
        hits.into_iter().for_each(fits);
        is_whole
    }

    fn hit(&self, rule: &EvaluatedRule<'_>) -> Option<YaraHit> {
        let index = *self.rules.get(rule.namespace)?.get(rule.name)?;
        let first = rule.matches.iter().filter_map(|string| Some((string.name, string.matches.first()?)));
        let offset = first.clone().map(|(_, found)| found.offset as u64).min().unwrap_or_default();
        let shown = first.take(STRINGS_SHOWN_MAX).map(|(name, found)| {
            let text = String::from_utf8_lossy(&found.data).replace(|c: char| c.is_control() || c == '\u{fffd}', ".");
            format!("${name} at {}: {text}", found.offset)
        });
        let is_own = self.own_packs.iter().any(|pack| rule.namespace.starts_with(pack.as_str()));
        let (name, matched) = (rule.name.to_owned(), shown.collect::<Vec<_>>().join("; "));
        Some(YaraHit { rule: index, name, is_own, offset, matched })
    }
}

fn scanner(compiler: Compiler) -> Scanner {
    let mut scanner = compiler.finalize();
    scanner.set_scan_params(
        ScanParams::default()
            .timeout_duration(Some(Duration::from_secs(FILE_SECS_MAX)))
            .string_max_nb_matches(MATCHES_MAX)
            .match_max_length(MATCH_BYTES_MAX)
            .compute_full_matches(false),
    );
    scanner
}

fn compiler() -> Compiler {
    let mut compiler = Compiler::new();
    compiler.set_params(CompilerParams::default().disable_includes(true).disable_unknown_escape_warning(true));
    for variable in VARIABLES {
        compiler.define_symbol(variable, "");
    }
    compiler
}

fn text_of<'t>(path: &str, bytes: &'t [u8]) -> Result<&'t str, YaraRefusal> {
    std::str::from_utf8(bytes).map_err(|error| YaraRefusal {
        file: path.to_owned(),
        line: None,
        reason: format!("not UTF-8: {error}"),
    })
}

fn compiles_alone(path: &str, text: &str) -> Result<(), YaraRefusal> {
    compiler().add_rules_str(text).map(drop).map_err(|error| refusal(path, text, &error))
}

fn refusal(path: &str, text: &str, error: &AddRuleError) -> YaraRefusal {
    let diagnostic = error.to_diagnostic();
    let at = diagnostic.labels.first().map(|label| label.range.start);
    let line = at.and_then(|at| text.get(..at)).map(|before| before.matches('\n').count() as u64 + 1);
    let label = diagnostic.labels.first().map(|label| label.message.as_str()).filter(|label| !label.is_empty());
    let reason = match label {
        Some(label) => format!("{}: {label}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    YaraRefusal { file: path.to_owned(), line, reason: reason.replace('\n', " ") }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use model::campaign::{Level, Proves};

    use super::*;
    use crate::pack::PackFiles;

    const RULE: &str = "rule Inert { meta: description = \"a marker\" afterpatch_proves = \"persistence\" score = 75\n\
        strings: $a = \"INERT-MARKER\" nocase condition: $a and extension == \".aspx\" }\nprivate rule Hidden { condition: true }\n";

    fn pack(imported: bool, files: &[(&str, &str)]) -> Pack {
        let manifest = format!("id = \"p\"\nname = \"P\"\nversion = \"1\"\ngeneral = true\nimported = {imported}\n");
        let mut all = vec![("pack.toml".to_owned(), manifest.into_bytes().into())];
        all.extend(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec().into())));
        Pack::read(&PackFiles { id: "p".into(), files: all }).0.unwrap()
    }

    fn set(files: &[(&str, &str)]) -> YaraSet {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), Cow::Owned(text.as_bytes().to_vec())));
        YaraSet { name: "theirs".into(), files: files.collect() }
    }

    fn hits(yara: &Yara, path: &str, bytes: &[u8]) -> Vec<YaraHit> {
        let mut found = Vec::new();
        assert!(yara.scan(&YaraFile { on_server: path, in_evidence: "", bytes }, &mut |hit| found.push(hit)));
        found
    }

    fn found(yara: &Yara, path: &str, bytes: &[u8]) -> Vec<u32> {
        hits(yara, path, bytes).into_iter().map(|hit| hit.rule.0).collect()
    }

    /// Rules that run, and refusals with their places.
    fn told(compiled: &Compiled) -> (Vec<&str>, Vec<String>) {
        let refused = compiled.accounts.iter().filter_map(|one| match &one.outcome {
            YaraOutcome::Refused(why) => Some(format!("{}:{} {}: {why}", one.file, one.line, one.rule)),
            _ => None,
        });
        (compiled.facts.iter().map(|facts| facts.id.as_str()).collect(), refused.collect())
    }

    #[test]
    fn rules_report_by_number_and_know_the_file() {
        let Compiled { yara, facts, refused, .. } = compile(&[pack(false, &[("yara/a.yar", RULE)])], &[], RuleIndex(7));
        let yara = yara.unwrap();
        assert!(refused.is_empty());
        assert_eq!((facts.len(), facts[0].id.as_str(), facts[0].proves), (1, "p/yara-Inert", Proves::Persistence));
        assert_eq!(found(&yara, r"c:\x\a.aspx", b"..inert-marker.."), [7]);
        assert!(found(&yara, r"c:\x\a.txt", b"..inert-marker..").is_empty());
        assert!(found(&yara, r"c:\x\a.aspx", b"nothing").is_empty());
    }

    #[test]
    fn a_hit_shows_what_was_found_and_where() {
        let yara = compile(&[pack(false, &[("yara/a.yar", RULE)])], &[], RuleIndex(0)).yara.unwrap();
        let hit = hits(&yara, r"c:\x\a.aspx", b"..\x1b[2Jinert-marker\xff").remove(0);
        assert_eq!((hit.offset, hit.matched.as_str()), (6, "$a at 6: inert-marker"));
        assert_eq!((hit.name.as_str(), hit.is_own), ("Inert", true));
    }

    #[test]
    fn rules_of_others_prove_nothing_alone() {
        let imported = compile(&[pack(true, &[("yara/a.yar", RULE)])], &[], RuleIndex(0));
        let given = compile(&[], &[set(&[("a.yar", RULE)])], RuleIndex(0));
        for compiled in [imported, given] {
            let facts = &compiled.facts[0];
            assert_eq!((facts.proves, facts.level), (Proves::Context, Some(Level::High)));
            assert!(!hits(&compiled.yara.unwrap(), r"c:\x\a.aspx", b"inert-marker")[0].is_own);
        }
    }

    #[test]
    fn a_file_compiles_whole_or_is_refused_by_name() {
        let broken = "rule Good { condition: true }\nrule Bad {\n  condition: $nowhere }\n";
        let files = [("yara/a.yar", RULE), ("yara/b.yar", broken), ("yara/c.yar", "include \"x\"")];
        let compiled = compile(&[pack(false, &files)], &[], RuleIndex(0));
        assert!(compiled.yara.is_some() && compiled.facts.len() == 1);
        let refused: Vec<(&str, Option<u64>)> =
            compiled.refused.iter().map(|(_, one)| (one.file.as_str(), one.line)).collect();
        assert_eq!(refused[0], ("yara/b.yar", Some(3)));
        assert_eq!(refused[1].0, "yara/c.yar");
        assert!(compile(&[pack(false, &[])], &[], RuleIndex(0)).yara.is_none());
    }

    #[test]
    fn the_same_name_in_two_files_is_two_rules() {
        let files = [("yara/a.yar", RULE), ("yara/b.yar", RULE)];
        let compiled = compile(&[pack(false, &files)], &[], RuleIndex(0));
        assert!(compiled.refused.is_empty() && compiled.facts.len() == 2);
        assert_eq!(found(&compiled.yara.unwrap(), r"c:\x\a.aspx", b"INERT-MARKER"), [0, 1]);
    }

    #[test]
    fn of_a_set_a_rule_costs_itself_and_not_its_file() {
        let text = "import \"pe\"\nimport \"cuckoo\"\nprivate rule P { condition: filesize > 2 }\n\
            rule Bad { condition:\n cuckoo.network.http_request(/x/) }\nrule Good { condition: P and not pe.is_pe }\n\
            rule Good { condition: true }\nrule Open { condition: (\nrule Last { condition: false }\n";
        let compiled = compile(&[], &[set(&[("a/x.yar", text), ("b.yar", "\0")])], RuleIndex(0));
        let (ids, refused) = told(&compiled);
        assert_eq!(ids, ["theirs:a/x.yar#Good", "theirs:a/x.yar#Last"]);
        let places: Vec<&str> = refused.iter().map(|one| one.split(": ").next().unwrap()).collect();
        assert_eq!(places, ["b.yar:0 ", "a/x.yar:2 ", "a/x.yar:5 Bad", "a/x.yar:7 Good", "a/x.yar:9 "], "{refused:?}");
        assert_eq!(found(&compiled.yara.unwrap(), "x", b"abc"), [0]);
    }

    #[test]
    fn without_its_global_rule_a_file_would_say_too_much() {
        let text = "global rule G { condition: nothing_known }\nrule A { condition: true }\n";
        let files = [("x.yar", text), ("y.yar", "rule B { condition: true }")];
        let compiled = compile(&[], &[set(&files)], RuleIndex(0));
        let (ids, refused) = told(&compiled);
        assert_eq!(ids, ["theirs:y.yar#B"]);
        assert!(refused.len() == 2 && refused[1].contains("global rule `G`"), "{refused:?}");
    }

    #[test]
    fn includes_stay_in_the_set_and_come_to_an_end() {
        let files = [
            (
                "index.yar",
                "include \"sub/a.yar\"\ninclude \"../out.yar\"\ninclude \"none.yar\"\nrule I { condition: P }",
            ),
            ("sub/a.yar", "include \"./b.yar\"\nprivate rule P { condition: true }\nrule A { condition: B }"),
            ("sub/b.yar", "include \"a.yar\"\nrule B { condition: true }"),
            ("x.yar", "include \"x.yar\"\nrule X { condition: true }"),
        ];
        let compiled = compile(&[], &[set(&files)], RuleIndex(0));
        let (ids, refused) = told(&compiled);
        assert_eq!(ids, ["theirs:sub/b.yar#B", "theirs:sub/a.yar#A", "theirs:index.yar#I", "theirs:x.yar#X"]);
        assert!(
            refused.len() == 2 && refused[0].starts_with("index.yar:2 ") && refused[0].contains("outside"),
            "{refused:?}"
        );
    }

    #[test]
    fn variables_and_modules_of_public_rules_are_known() {
        let text = "import \"math\" import \"hash\" import \"string\" import \"time\" import \"dotnet\" import \"elf\"\n\
            rule All { condition: filename == \"A.exe\" and filepath contains \"C:\\\\\" and filetype == \"EXE\" and owner == \"\"\n\
            and math.entropy(0, filesize) >= 0.0 and hash.md5(0, 2) != \"\" and string.length(filename) == 5 and time.now() > 0 }";
        let compiled = compile(&[], &[set(&[("a.yar", text)])], RuleIndex(0));
        assert_eq!(told(&compiled).1, Vec::<String>::new());
        let file = YaraFile { on_server: r"c:\x\a.exe", in_evidence: "C/x/A.exe", bytes: b"MZ" };
        let mut count = 0;
        assert!(compiled.yara.unwrap().scan(&file, &mut |_| count += 1) && count == 1);
    }
}
