//! YARA rules of packs, run over files that are no logs.
//!
//! A file of rules compiles whole or is refused by name. Includes are off, modules that read binaries are not built in.
//! What a rule proves is context, unless a pack of our own says otherwise in its meta data (`afterpatch_proves`).

use std::collections::BTreeMap;
use std::time::Duration;

use boreal::compiler::{AddRuleError, CompilerParams};
use boreal::scanner::ScanParams;
use boreal::{Compiler, MetadataValue, Scanner};
use model::campaign::{Proves, RuleFacts, Stage};

use crate::pack::{Pack, proves_of_word};
use crate::sigma::RuleIndex;

/// No file of at most a megabyte takes a sound rule as long. It is the last resort against rules that do not end.
const FILE_SECS_MAX: u64 = 20;
/// Matches of one string that are looked at.
const MATCHES_MAX: u32 = 1_000;
/// Variables that the rules of others expect, and what they are here.
const EXTERNALS: [&str; 5] = ["filename", "filepath", "extension", "filetype", "owner"];

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

/// All YARA rules of all packs.
#[derive(Clone, Debug)]
pub(crate) struct Yara {
    scanner: Scanner,
    /// By pack and name.
    rules: BTreeMap<(String, String), RuleIndex>,
}

/// What of these files does not compile.
#[must_use]
pub fn refusals(files: &[(&str, &[u8])]) -> Vec<YaraRefusal> {
    files.iter().filter_map(|(path, bytes)| check(path, bytes).err()).collect()
}

/// Compiles the files of all packs; `first` is the number of the first rule.
pub(crate) fn compile(packs: &[Pack], first: RuleIndex) -> (Option<Yara>, Vec<RuleFacts>, Vec<(String, YaraRefusal)>) {
    let mut compiler = compiler();
    let mut refused = Vec::new();
    for pack in packs {
        for (path, bytes) in &pack.yara {
            let added = check(path, bytes).and_then(|text| {
                // Two files may use the same names.
                compiler
                    .add_rules_str_in_namespace(text, format!("{}/{path}", pack.id))
                    .map(drop)
                    .map_err(|error| refusal(path, text, &error))
            });
            refused.extend(added.err().map(|refusal| (pack.id.clone(), refusal)));
        }
    }
    let mut scanner = compiler.finalize();
    scanner.set_scan_params(
        ScanParams::default()
            .timeout_duration(Some(Duration::from_secs(FILE_SECS_MAX)))
            .string_max_nb_matches(MATCHES_MAX)
            .compute_full_matches(false),
    );
    let (facts, rules) = describe(&scanner, packs, first);
    let yara = (!rules.is_empty()).then_some(Yara { scanner, rules });
    (yara, facts, refused)
}

/// Facts of the rules that report, in the order of their numbers.
fn describe(
    scanner: &Scanner,
    packs: &[Pack],
    first: RuleIndex,
) -> (Vec<RuleFacts>, BTreeMap<(String, String), RuleIndex>) {
    let mut facts: Vec<RuleFacts> = Vec::new();
    let mut rules = BTreeMap::new();
    let reporting = scanner.rules().filter(|rule| !rule.is_private && !rule.is_global);
    for rule in reporting {
        let Some(pack) = packs.iter().find(|pack| rule.namespace.starts_with(&format!("{}/", pack.id))) else {
            continue;
        };
        let index = RuleIndex(first.0.saturating_add(u32::try_from(facts.len()).unwrap_or(u32::MAX)));
        let meta = |wanted: &str| {
            let is_it = |one: &&boreal::Metadata| scanner.get_string_symbol(one.name).eq_ignore_ascii_case(wanted);
            match rule.metadatas.iter().find(is_it)?.value {
                MetadataValue::Bytes(symbol) => {
                    Some(String::from_utf8_lossy(scanner.get_bytes_symbol(symbol)).into_owned())
                }
                MetadataValue::Integer(_) | MetadataValue::Boolean(_) => None,
            }
        };
        let claimed = meta("afterpatch_proves").filter(|_| !pack.imported);
        rules.insert((rule.namespace.to_owned(), rule.name.to_owned()), index);
        facts.push(RuleFacts {
            id: format!("{}/yara-{}", pack.id, rule.name),
            campaign: pack.campaign.as_ref().map(|campaign| campaign.id.clone()),
            title: format!("YARA rule {}", rule.name),
            description: meta("description").unwrap_or_default(),
            false_positives: Vec::new(),
            references: [meta("reference"), meta("author")].into_iter().flatten().collect(),
            attack: Vec::new(),
            stage: Stage::Foothold,
            proves: claimed.and_then(|word| proves_of_word(&word)).unwrap_or(Proves::Context),
            indicator: false,
            group: None,
            correlation: false,
            level: None,
            uuid: None,
            status: None,
            tags: Vec::new(),
            set: None,
        });
    }
    (facts, rules)
}

impl Yara {
    /// Reports the rules that a file fits. `false`: the rules took too long, and not all were tried.
    pub(crate) fn scan(&self, path: &str, bytes: &[u8], fits: &mut impl FnMut(RuleIndex)) -> bool {
        let mut scanner = self.scanner.clone();
        let name = path.rsplit('\\').next().unwrap_or(path);
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        for (variable, value) in [("filename", name), ("filepath", path), ("extension", extension)] {
            // All of them were declared before compiling.
            _ = scanner.define_symbol(variable, value);
        }
        let (found, is_whole) = match scanner.scan_mem(bytes) {
            Ok(found) => (found, true),
            Err((_, found)) => (found, false),
        };
        let key = |rule: &boreal::scanner::EvaluatedRule<'_>| (rule.namespace.to_owned(), rule.name.to_owned());
        let mut rules: Vec<RuleIndex> =
            found.rules.iter().filter_map(|rule| self.rules.get(&key(rule)).copied()).collect();
        rules.sort_unstable();
        rules.into_iter().for_each(fits);
        is_whole
    }
}

fn compiler() -> Compiler {
    let mut compiler = Compiler::new();
    compiler.set_params(CompilerParams::default().disable_includes(true).disable_unknown_escape_warning(true));
    for variable in EXTERNALS {
        compiler.define_symbol(variable, "");
    }
    compiler
}

/// The text of a file that compiles by itself.
fn check<'t>(path: &str, bytes: &'t [u8]) -> Result<&'t str, YaraRefusal> {
    let text = std::str::from_utf8(bytes).map_err(|error| YaraRefusal {
        file: path.to_owned(),
        line: None,
        reason: format!("not UTF-8: {error}"),
    })?;
    match compiler().add_rules_str(text) {
        Ok(_) => Ok(text),
        Err(error) => Err(refusal(path, text, &error)),
    }
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
    use super::*;
    use crate::pack::PackFiles;

    const RULE: &str = "rule Inert { meta: description = \"a marker\" afterpatch_proves = \"persistence\"\n\
        strings: $a = \"INERT-MARKER\" nocase condition: $a and extension == \"aspx\" }\nprivate rule Hidden { condition: true }\n";

    fn pack(imported: bool, files: &[(&str, &str)]) -> Pack {
        let manifest = format!("id = \"p\"\nname = \"P\"\nversion = \"1\"\ngeneral = true\nimported = {imported}\n");
        let mut all = vec![("pack.toml".to_owned(), manifest.into_bytes().into())];
        all.extend(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec().into())));
        Pack::read(&PackFiles { id: "p".into(), files: all }).0.unwrap()
    }

    fn found(yara: &Yara, path: &str, bytes: &[u8]) -> Vec<u32> {
        let mut found = Vec::new();
        assert!(yara.scan(path, bytes, &mut |rule| found.push(rule.0)));
        found
    }

    #[test]
    fn rules_report_by_number_and_know_the_file() {
        let (yara, facts, refused) = compile(&[pack(false, &[("yara/a.yar", RULE)])], RuleIndex(7));
        let yara = yara.unwrap();
        assert!(refused.is_empty());
        assert_eq!((facts.len(), facts[0].id.as_str(), facts[0].proves), (1, "p/yara-Inert", Proves::Persistence));
        assert_eq!(found(&yara, r"c:\x\a.aspx", b"..inert-marker.."), [7]);
        assert!(found(&yara, r"c:\x\a.txt", b"..inert-marker..").is_empty());
        assert!(found(&yara, r"c:\x\a.aspx", b"nothing").is_empty());
    }

    #[test]
    fn rules_of_others_prove_nothing_alone() {
        let (_, facts, _) = compile(&[pack(true, &[("yara/a.yar", RULE)])], RuleIndex(0));
        assert_eq!(facts[0].proves, Proves::Context);
    }

    #[test]
    fn a_file_compiles_whole_or_is_refused_by_name() {
        let broken = "rule Good { condition: true }\nrule Bad {\n  condition: $nowhere }\n";
        let files = [("yara/a.yar", RULE), ("yara/b.yar", broken), ("yara/c.yar", "include \"x\"")];
        let (yara, facts, refused) = compile(&[pack(false, &files)], RuleIndex(0));
        assert!(yara.is_some() && facts.len() == 1);
        let refused: Vec<(&str, Option<u64>)> = refused.iter().map(|(_, one)| (one.file.as_str(), one.line)).collect();
        assert_eq!(refused[0], ("yara/b.yar", Some(3)));
        assert_eq!(refused[1].0, "yara/c.yar");
        assert!(compile(&[pack(false, &[])], RuleIndex(0)).0.is_none());
    }

    #[test]
    fn the_same_name_in_two_files_is_two_rules() {
        let files = [("yara/a.yar", RULE), ("yara/b.yar", RULE)];
        let (yara, facts, refused) = compile(&[pack(false, &files)], RuleIndex(0));
        assert!(refused.is_empty() && facts.len() == 2);
        assert_eq!(found(&yara.unwrap(), r"c:\x\a.aspx", b"INERT-MARKER"), [0, 1]);
    }
}
