//! `rules/*.yml`: one Sigma rule or correlation a file, with the tags and attributes of our own.

use std::collections::HashMap;

use model::campaign::{Level, Proves, RuleFacts, Stage};
use rsigma_parser::parse_sigma_yaml;
use serde::Serialize;

use super::{Pack, Syntax, WrittenRule, nests_too_deep, text};
use crate::sigma::Reason;

/// Reads a rule; `file` is its path below `rules/`.
pub(super) fn read(pack: &Pack, file: &str, bytes: &[u8]) -> Result<WrittenRule, Reason> {
    let name = file.strip_suffix(".yml").filter(|name| is_name(name));
    let name = name.ok_or_else(|| Reason::Pack("a rule file is called `words-and-dashes.yml`".into()))?;
    let text = text(bytes).map_err(Reason::Syntax)?;
    if nests_too_deep(text) {
        return Err(Reason::Syntax("too many brackets inside each other".into()));
    }
    let collection = parse_sigma_yaml(text).map_err(|error| Reason::Syntax(error.to_string()))?;
    if !collection.errors.is_empty() {
        return Err(Reason::Syntax(collection.errors.join("; ")));
    }
    let id = format!("{}/{name}", pack.id);
    let (mut rules, mut correlations) = (collection.rules, collection.correlations);
    match (rules.pop(), correlations.pop()) {
        (Some(rule), None) if rules.is_empty() && collection.filters.is_empty() => Ok(WrittenRule {
            name: rule.name.clone(),
            uuid: rule.id.clone(),
            subject: subject(&rule.custom_attributes)?,
            facts: RuleFacts {
                description: rule.description.clone().unwrap_or_default(),
                false_positives: rule.falsepositives.clone(),
                references: rule.references.clone(),
                correlation: false,
                level: rule.level.map(level),
                status: rule.status.map(status),
                uuid: rule.id.clone(),
                ..facts(pack, id, &rule.title, &rule.tags)?
            },
            syntax: Syntax::Detection(Box::new(rule)),
        }),
        (None, Some(rule)) if correlations.is_empty() && collection.filters.is_empty() => Ok(WrittenRule {
            name: rule.name.clone(),
            uuid: rule.id.clone(),
            subject: subject(&rule.custom_attributes)?,
            facts: RuleFacts {
                description: rule.description.clone().unwrap_or_default(),
                false_positives: rule.falsepositives.clone(),
                references: rule.references.clone(),
                correlation: true,
                level: rule.level.map(level),
                status: rule.status.map(status),
                uuid: rule.id.clone(),
                ..facts(pack, id, &rule.title, &rule.tags)?
            },
            syntax: Syntax::Correlation(Box::new(rule)),
        }),
        _ => Err(Reason::Pack("a file holds one rule or one correlation".into())),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn facts(pack: &Pack, id: String, title: &str, tags: &[String]) -> Result<RuleFacts, Reason> {
    Ok(RuleFacts {
        id,
        campaign: pack.campaign.as_ref().map(|campaign| campaign.id.clone()),
        title: title.to_owned(),
        description: String::new(),
        false_positives: Vec::new(),
        references: Vec::new(),
        attack: techniques(tags),
        stage: one_of(tags, "afterpatch.stage.", stage)?,
        proves: one_of(tags, "afterpatch.proves.", proves)?,
        indicator: false,
        group: None,
        correlation: false,
        level: None,
        uuid: None,
        status: None,
        tags: tags.to_vec(),
        set: None,
    })
}

/// The level, in the words of the house.
pub(crate) fn level(level: rsigma_parser::Level) -> Level {
    use rsigma_parser::Level as Written;
    match level {
        Written::Informational => Level::Informational,
        Written::Low => Level::Low,
        Written::Medium => Level::Medium,
        Written::High => Level::High,
        Written::Critical => Level::Critical,
    }
}

/// The word of a status.
pub(crate) fn status(status: rsigma_parser::Status) -> String {
    use rsigma_parser::Status as Written;
    let word = match status {
        Written::Stable => "stable",
        Written::Test => "test",
        Written::Experimental => "experimental",
        Written::Deprecated => "deprecated",
        Written::Unsupported => "unsupported",
    };
    word.to_owned()
}

/// The part of an attack that the first tactic among the tags is; a rule that names none is about control.
///
/// Source: Sigma specification 2.1.0, tags appendix (tactics of ATT&CK).
pub(crate) fn stage_of_tactics(tags: &[String]) -> Stage {
    let tactic = |tag: &String| {
        let tactic = tag.to_ascii_lowercase().replace('_', "-");
        Some(match tactic.strip_prefix("attack.")? {
            "reconnaissance" | "resource-development" | "initial-access" => Stage::Access,
            "persistence" => Stage::Foothold,
            "execution"
            | "command-and-control"
            | "lateral-movement"
            | "privilege-escalation"
            | "defense-evasion"
            | "stealth"
            | "defense-impairment"
            | "discovery" => Stage::Control,
            "credential-access" | "collection" => Stage::Collection,
            "exfiltration" | "impact" => Stage::Exfiltration,
            _ => return None,
        })
    };
    tags.iter().find_map(tactic).unwrap_or(Stage::Control)
}

/// `attack.t1190` as `T1190`; tactics and groups are left out.
pub(crate) fn techniques(tags: &[String]) -> Vec<String> {
    let technique = |tag: &String| {
        let name = tag.to_ascii_lowercase().strip_prefix("attack.t").map(str::to_owned)?;
        let number = name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && name.len() >= 4;
        number.then(|| format!("T{name}"))
    };
    tags.iter().filter_map(technique).collect()
}

fn one_of<T>(tags: &[String], prefix: &str, read: fn(&str) -> Option<T>) -> Result<T, Reason> {
    let mut words = tags.iter().filter_map(|tag| tag.strip_prefix(prefix));
    match (words.next(), words.next()) {
        (Some(word), None) => read(word).ok_or_else(|| Reason::Pack(format!("tag `{prefix}{word}` is not known"))),
        (None, _) => Err(Reason::Pack(format!("a tag `{prefix}…` is missing"))),
        (Some(_), Some(_)) => Err(Reason::Pack(format!("there are several tags `{prefix}…`"))),
    }
}

pub(crate) fn stage(word: &str) -> Option<Stage> {
    Some(match word {
        "access" => Stage::Access,
        "foothold" => Stage::Foothold,
        "control" => Stage::Control,
        "collection" => Stage::Collection,
        "exfiltration" => Stage::Exfiltration,
        "cleanup" => Stage::Cleanup,
        _ => return None,
    })
}

/// What a word of a tag says that a hit proves.
pub(crate) fn proves(word: &str) -> Option<Proves> {
    Some(match word {
        "scan" => Proves::Scan,
        "attempt" => Proves::Attempt,
        "success" => Proves::Success,
        "execution" => Proves::Execution,
        "theft" => Proves::Theft,
        "persistence" => Proves::Persistence,
        "cleanup" => Proves::Cleanup,
        "context" => Proves::Context,
        _ => return None,
    })
}

/// The field that a hit is about: `afterpatch: {subject: …}`.
fn subject<V: Serialize>(attributes: &HashMap<String, V>) -> Result<Option<String>, Reason> {
    let unreadable = || Reason::Pack("the attribute `afterpatch` holds `subject: <field>` and nothing else".into());
    let Some(ours) = attributes.get("afterpatch") else {
        return Ok(None);
    };
    let ours = serde_json::to_value(ours).map_err(|_| unreadable())?;
    let ours = ours.as_object().ok_or_else(unreadable)?;
    if let Some(stray) = ours.keys().find(|key| *key != "subject") {
        return Err(Reason::Pack(format!("the attribute `afterpatch.{stray}` is not known")));
    }
    let subject = ours.get("subject").and_then(serde_json::Value::as_str).filter(|subject| !subject.is_empty());
    subject.map(|subject| Some(subject.to_owned())).ok_or_else(unreadable)
}
