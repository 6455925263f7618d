//! What a reader of the report is told of a YARA rule: from its meta data, and from where it stands.

use boreal::scanner::RuleDetails;
use boreal::{MetadataValue, Scanner};
use model::campaign::{Level, Proves, RuleFacts, RuleSource, Stage};

use super::Key;
use super::set::{Loader, YaraSet};
use crate::pack::{Pack, proves_of_word, stage_of_word};

/// Meta data of a rule of ours that stand for several values are split at this.
const BETWEEN: &str = "; ";

/// Where compiled rules come from.
pub(super) struct Origins<'o> {
    pub(super) packs: &'o [Pack],
    pub(super) sets: &'o [YaraSet],
    pub(super) loader: &'o Loader,
}

/// The facts of a rule, and its account where it is of a set. `None` for a rule that is not to be told.
pub(super) fn facts_of(
    scanner: &Scanner,
    rule: &RuleDetails<'_>,
    origins: &Origins<'_>,
) -> Option<(RuleFacts, Option<usize>)> {
    let meta = Meta { scanner, rule };
    let in_pack = |pack: &&Pack| rule.namespace.strip_prefix(&pack.id).is_some_and(|rest| rest.starts_with('/'));
    if let Some(pack) = origins.packs.iter().find(in_pack) {
        return Some((of_pack(&meta, pack), None));
    }
    let key = Key { namespace: rule.namespace.to_owned(), name: rule.name.to_owned() };
    let compiled = origins.loader.compiled.get(&key)?;
    let account = origins.loader.accounts.get(compiled.account)?;
    let set = origins.sets.get(compiled.set)?;
    let facts = RuleFacts {
        id: format!("{}:{}#{}", set.name, account.file, rule.name),
        set: Some(RuleSource { name: set.name.clone(), file: account.file.clone() }),
        ..meta.facts()
    };
    Some((facts, Some(compiled.account)))
}

fn of_pack(meta: &Meta<'_>, pack: &Pack) -> RuleFacts {
    let id = format!("{}/yara-{}", pack.id, meta.rule.name);
    let campaign = pack.campaign.as_ref().map(|campaign| campaign.id.clone());
    let facts = RuleFacts { id, campaign, ..meta.facts() };
    // What somebody else's rule says about our own words is no claim of ours.
    if pack.imported {
        return facts;
    }
    let many = |name: &str| -> Vec<String> {
        meta.text(name).map(|text| text.split(BETWEEN).map(str::to_owned).collect()).unwrap_or_default()
    };
    RuleFacts {
        title: meta.text("title").unwrap_or(facts.title),
        false_positives: many("false_positives"),
        attack: many("attack"),
        stage: meta.text("afterpatch_stage").and_then(|word| stage_of_word(&word)).unwrap_or(facts.stage),
        proves: meta.text("afterpatch_proves").and_then(|word| proves_of_word(&word)).unwrap_or(facts.proves),
        ..facts
    }
}

/// The meta data of a rule.
struct Meta<'m> {
    scanner: &'m Scanner,
    rule: &'m RuleDetails<'m>,
}

impl Meta<'_> {
    fn all<'n>(&'n self, wanted: &'n str) -> impl Iterator<Item = &'n MetadataValue> {
        let is_it = move |name: &str| name.eq_ignore_ascii_case(wanted);
        let of_name = self.rule.metadatas.iter().filter(move |one| is_it(self.scanner.get_string_symbol(one.name)));
        of_name.map(|one| &one.value)
    }

    fn texts<'n>(&'n self, wanted: &'n str) -> impl Iterator<Item = String> {
        self.all(wanted).filter_map(|value| match value {
            MetadataValue::Bytes(symbol) => {
                Some(String::from_utf8_lossy(self.scanner.get_bytes_symbol(*symbol)).into_owned())
            }
            MetadataValue::Integer(_) | MetadataValue::Boolean(_) => None,
        })
    }

    fn text(&self, wanted: &str) -> Option<String> {
        self.texts(wanted).next()
    }

    /// How much its author gives it: a word, or a number from 0 to 100 as THOR reads it.
    fn level(&self) -> Option<Level> {
        let score = self.all("score").find_map(|value| match value {
            MetadataValue::Integer(score) => Some(match score {
                81.. => Level::Critical,
                60.. => Level::High,
                40.. => Level::Medium,
                _ => Level::Low,
            }),
            _ => None,
        });
        let word = ["severity", "level", "threat_level"].into_iter().find_map(|name| self.text(name));
        let word = word.and_then(|word| match word.to_ascii_lowercase().as_str() {
            "critical" => Some(Level::Critical),
            "high" => Some(Level::High),
            "medium" | "moderate" => Some(Level::Medium),
            "low" => Some(Level::Low),
            "info" | "informational" => Some(Level::Informational),
            _ => None,
        });
        word.or(score)
    }

    /// What any rule has, whoever wrote it.
    fn facts(&self) -> RuleFacts {
        let sources = ["reference", "url", "author"].into_iter().flat_map(|name| self.texts(name));
        RuleFacts {
            id: String::new(),
            campaign: None,
            title: format!("YARA rule {}", self.rule.name),
            description: self.text("description").unwrap_or_default(),
            false_positives: Vec::new(),
            references: sources.collect(),
            attack: Vec::new(),
            stage: Stage::Foothold,
            proves: Proves::Context,
            indicator: false,
            group: None,
            correlation: false,
            level: self.level(),
            uuid: self.text("id").or_else(|| self.text("uuid")),
            status: None,
            tags: self.rule.tags.iter().map(|tag| self.scanner.get_string_symbol(*tag).to_owned()).collect(),
            set: None,
        }
    }
}
