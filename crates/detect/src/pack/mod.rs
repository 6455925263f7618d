//! Packs: what analysts know of a campaign, as files in memory.
//!
//! Reads `pack.toml`, `rules/*.yml` and `indicators.csv` of `docs/rules.md`. Nothing is read from disk here: the
//! binary embeds or opens the files. A file that cannot be used exactly is refused by name; the rest of the pack
//! still counts.

mod campaign;
pub mod cases;
mod indicators;
mod rules;
mod ruleset;

use std::borrow::Cow;
use std::collections::BTreeSet;

use model::campaign::{Campaign, RuleFacts};
use rsigma_parser::{CorrelationRule, LogSource, SigmaRule};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) use rules::{proves as proves_of_word, stage as stage_of_word};

pub use indicators::{Indicator, IndicatorKind};
pub(crate) use rules::{level as level_of, stage_of_tactics, status as status_of, techniques as techniques_of};
pub(crate) use ruleset::{Document, Glance, Written, product_of};
pub use ruleset::{RULE_FILE_BYTES_MAX, RuleSet};

/// Upper bound of one file of a pack, in bytes: room for as many indicators as are read.
pub const FILE_BYTES_MAX: usize = 32 << 20;

/// The files of a pack, as they stand in its folder.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PackFiles {
    /// The folder's name.
    pub id: String,
    /// Paths relative to the folder, with `/`, and contents.
    pub files: Vec<(String, Cow<'static, [u8]>)>,
}

/// Something of a pack that does not run, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// The rule's id, or pack and file: `proxylogon/anchor-backend`, `proxylogon/indicators.csv:17`.
    pub rule: String,
    /// In words.
    pub reason: String,
}

/// A pack that was read; its rules are not compiled yet.
#[derive(Clone, Debug)]
pub struct Pack {
    /// `proxylogon`.
    pub id: String,
    /// Version.
    pub version: String,
    /// SHA-256 over its files in the order of their paths, lower-case hex.
    pub sha256: String,
    /// `ProxyLogon`.
    pub name: String,
    /// Made from somebody else's files: its rules have no cases.
    pub imported: bool,
    /// `None` for rules that fit any campaign.
    pub campaign: Option<Campaign>,
    pub(crate) rules: Vec<WrittenRule>,
    pub(crate) indicators: Vec<Indicator>,
    /// YARA files, by path.
    pub(crate) yara: Vec<(String, Vec<u8>)>,
}

/// A rule as its author wrote it, for those who look at packs.
#[derive(Clone, Debug)]
pub struct RuleAsWritten<'a> {
    /// What a reader of the report is told.
    pub facts: &'a RuleFacts,
    /// The `name` attribute.
    pub name: Option<&'a str>,
    /// The `id` attribute.
    pub uuid: Option<&'a str>,
    /// `product: exchange, service: httpproxy`; `None` for correlations.
    pub log_source: Option<String>,
    /// The rules that a correlation joins, as it calls them.
    pub joins: &'a [String],
}

/// A rule as it is written, with what a reader of the report needs.
#[derive(Clone, Debug)]
pub(crate) struct WrittenRule {
    /// The `name` attribute, by which correlations call it.
    pub(crate) name: Option<String>,
    /// The `id` attribute.
    pub(crate) uuid: Option<String>,
    pub(crate) facts: RuleFacts,
    pub(crate) subject: Option<String>,
    pub(crate) syntax: Syntax,
}

/// The syntax tree of a rule.
#[derive(Clone, Debug)]
pub(crate) enum Syntax {
    Detection(Box<SigmaRule>),
    Correlation(Box<CorrelationRule>),
}

impl Pack {
    /// Reads a pack. `None` when its `pack.toml` cannot be used: then none of its rules has a meaning.
    #[must_use]
    pub fn read(files: &PackFiles) -> (Option<Self>, Vec<Refusal>) {
        let mut sorted: Vec<(&str, &[u8])> =
            files.files.iter().map(|(path, bytes)| (path.as_str(), &**bytes)).collect();
        sorted.sort_unstable();
        let mut refusals = Vec::new();
        let refuse = |path: &str, reason: String| Refusal { rule: format!("{}/{path}", files.id), reason };
        let sha256 = digest(&sorted);
        let manifest = match campaign::read(&files.id, &sha256, &sorted) {
            Ok(manifest) => manifest,
            Err(reason) => return (None, vec![refuse("pack.toml", reason)]),
        };
        let mut pack = Self {
            id: files.id.clone(),
            version: manifest.version,
            sha256,
            name: manifest.name,
            imported: manifest.imported,
            campaign: manifest.campaign,
            rules: Vec::new(),
            indicators: Vec::new(),
            yara: Vec::new(),
        };
        for pair in sorted.windows(2) {
            if let [(first, _), (second, _)] = pair
                && first == second
            {
                refusals.push(refuse(first, "there are two files of this name".into()));
            }
        }
        sorted.dedup_by_key(|(path, _)| *path);
        for (path, bytes) in sorted {
            if let Some(file) = path.strip_prefix("rules/") {
                match rules::read(&pack, file, bytes) {
                    Ok(rule) => pack.rules.push(rule),
                    Err(reason) => refusals.push(refuse(file.strip_suffix(".yml").unwrap_or(path), reason.to_string())),
                }
            } else if is_yara(path) {
                pack.yara.push((path.to_owned(), bytes.to_vec()));
            } else if path == "indicators.csv" {
                pack.indicators = indicators::read(bytes, &mut |line, reason| {
                    refusals.push(refuse(&format!("indicators.csv:{line}"), reason));
                });
                for stray in pack.unknown_groups() {
                    refusals.push(refuse(path, format!("group `{stray}` is not described in pack.toml")));
                }
            }
        }
        (Some(pack), refusals)
    }

    /// Groups that indicators name and `pack.toml` does not describe.
    fn unknown_groups(&self) -> BTreeSet<&str> {
        let known = |id: &str| {
            let groups = self.campaign.iter().flat_map(|campaign| &campaign.groups);
            groups.into_iter().any(|group| group.id == id)
        };
        let named = self.indicators.iter().filter_map(|indicator| indicator.group.as_deref());
        named.filter(|id| !known(id)).collect()
    }

    /// The rules that could be read, as they are written.
    pub fn rules(&self) -> impl Iterator<Item = RuleAsWritten<'_>> {
        self.rules.iter().map(|rule| RuleAsWritten {
            facts: &rule.facts,
            name: rule.name.as_deref(),
            uuid: rule.uuid.as_deref(),
            log_source: match &rule.syntax {
                Syntax::Detection(syntax) => Some(log_source(&syntax.logsource)),
                Syntax::Correlation(_) => None,
            },
            joins: match &rule.syntax {
                Syntax::Detection(_) => &[],
                Syntax::Correlation(syntax) => &syntax.rules,
            },
        })
    }

    /// The indicators that could be read, in the order of their lines.
    #[must_use]
    pub fn indicators(&self) -> &[Indicator] {
        &self.indicators
    }
}

/// `product: exchange, service: httpproxy`.
pub(crate) fn log_source(source: &LogSource) -> String {
    let known = [("product", &source.product), ("category", &source.category), ("service", &source.service)];
    let mut parts: Vec<String> =
        known.iter().filter_map(|(key, word)| word.as_ref().map(|word| format!("{key}: {word}"))).collect();
    let mut custom: Vec<String> = source.custom.iter().map(|(key, word)| format!("{key}: {word}")).collect();
    custom.sort_unstable();
    parts.append(&mut custom);
    if parts.is_empty() { "(none)".into() } else { parts.join(", ") }
}

/// Brackets inside each other that no rule has; the YAML parser takes time by the square of them.
const BRACKETS_MAX: usize = 2_000;

/// Whether a YAML text opens so many brackets that reading it would take for ever. Quotes are not looked at.
#[must_use]
pub fn nests_too_deep(yaml: &str) -> bool {
    let mut open = 0usize;
    yaml.bytes().any(|byte| {
        open = match byte {
            b'[' | b'{' => open + 1,
            b']' | b'}' => open.saturating_sub(1),
            _ => open,
        };
        open > BRACKETS_MAX
    })
}

/// A file of YARA rules: `yara/….yar` or `.yara`.
#[must_use]
pub fn is_yara(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    lower.starts_with("yara/") && (lower.ends_with(".yar") || lower.ends_with(".yara"))
}

/// The text of a file of a pack.
fn text(bytes: &[u8]) -> Result<&str, String> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(format!("larger than {FILE_BYTES_MAX} bytes"));
    }
    std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))
}

/// Paths and lengths are part of it, so that moving bytes between files changes it.
pub(crate) fn digest(sorted: &[(&str, &[u8])]) -> String {
    let mut hash = Sha256::new();
    for (path, bytes) in sorted {
        hash.update(path.as_bytes());
        hash.update([0]);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{Pack, PackFiles};

    const MANIFEST: &str = "id = \"p\"\nname = \"P\"\nversion = \"1\"\ngeneral = true\n";
    const RULE: &str = "title: t\nlogsource: {category: webserver}\ntags: [afterpatch.stage.access, afterpatch.proves.scan, attack.t1190]\n\
        detection:\n  s: {cs-uri-stem: /x}\n  condition: s\nafterpatch: {subject: cs-uri-stem}\n";

    fn read(files: &[(&str, &str)]) -> (Option<Pack>, Vec<String>) {
        let files =
            files.iter().map(|(path, text)| ((*path).to_owned(), Cow::Owned(text.as_bytes().to_vec()))).collect();
        let (pack, refusals) = Pack::read(&PackFiles { id: "p".into(), files });
        (pack, refusals.into_iter().map(|refusal| format!("{}: {}", refusal.rule, refusal.reason)).collect())
    }

    #[test]
    fn reads_a_rule() {
        let (pack, refusals) = read(&[("pack.toml", MANIFEST), ("rules/one.yml", RULE), ("README.md", "")]);
        let pack = pack.unwrap();
        assert_eq!(refusals, Vec::<String>::new());
        assert_eq!(pack.rules[0].facts.id, "p/one");
        assert_eq!(pack.rules[0].facts.attack, ["T1190"]);
        assert_eq!(pack.rules[0].subject.as_deref(), Some("cs-uri-stem"));
    }

    #[test]
    fn the_digest_depends_on_every_file_but_not_on_their_order() {
        let of = |files: &[(&str, &str)]| read(files).0.unwrap().sha256;
        let whole = of(&[("pack.toml", MANIFEST), ("README.md", "a")]);
        assert_eq!(whole, of(&[("README.md", "a"), ("pack.toml", MANIFEST)]));
        assert_ne!(whole, of(&[("README.md", "b"), ("pack.toml", MANIFEST)]));
        assert_ne!(whole, of(&[("README.me", "a"), ("pack.toml", MANIFEST)]));
    }

    #[test]
    fn refuses_by_name_and_keeps_the_rest() {
        let without = |part: &str| RULE.replace(part, "");
        for (file, text, reason) in [
            ("rules/two.yml", without("afterpatch.stage.access, "), "stage"),
            ("rules/two.yml", without("afterpatch.proves.scan, "), "proves"),
            ("rules/two.yml", RULE.replace("stage.access", "stage.nowhere"), "nowhere"),
            ("rules/two.yml", RULE.replace("{subject: cs-uri-stem}", "{colour: red}"), "colour"),
            ("rules/two.yml", format!("{RULE}---\n{RULE}"), "one rule"),
            ("rules/two.yml", "title: [".to_owned(), "YAML"),
            ("rules/two.yml", format!("title: {}", "[{".repeat(100_000)), "brackets"),
            ("rules/two.yaml", RULE.to_owned(), ".yml"),
            ("rules/two.yml", RULE.replace("/x}", "/x, cs-uri-stem: /y}"), "duplicate"),
            ("indicators.csv", "type,value\nip,1.2.3.4\n".to_owned(), "columns"),
        ] {
            let (pack, refusals) = read(&[("pack.toml", MANIFEST), ("rules/one.yml", RULE), (file, &text)]);
            assert_eq!(pack.unwrap().rules.len(), 1);
            assert!(refusals.len() == 1 && refusals[0].contains(reason), "{text} {refusals:?}");
        }
    }

    #[test]
    fn a_pack_without_a_usable_manifest_has_no_rules() {
        for manifest in ["", "id = \"other\"\nname = \"P\"\nversion = \"1\"\ngeneral = true\n", "general = 1"] {
            let (pack, refusals) = read(&[("pack.toml", manifest), ("rules/one.yml", RULE)]);
            assert!(pack.is_none() && refusals.len() == 1, "{manifest}");
        }
        assert!(read(&[("rules/one.yml", RULE)]).0.is_none());
    }
}
