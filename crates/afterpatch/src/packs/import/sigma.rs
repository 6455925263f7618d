//! Sigma rules of others: kept as they are written, with the two tags added that every rule of a pack needs.
//!
//! Source: Sigma specification 2.1.0, tags appendix (tactics of ATT&CK). An imported rule proves context: whoever wrote
//! it did not say what a hit proves here, and nobody has run cases of it.

use detect::pack::nests_too_deep;
use rsigma_parser::parse_sigma_yaml;

use super::gathered::Gathered;

const STAGE: &str = "afterpatch.stage.";
const PROVES: &str = "afterpatch.proves.";
/// The stage of a rule that names no tactic.
const STAGE_WITHOUT_TACTIC: &str = "control";
/// Larger texts are no rules.
const RULE_BYTES_MAX: usize = 1 << 20;

/// Takes the rules of a text: several documents are several rules.
pub fn gather_text(what: &str, stem: &str, text: &str, gathered: &mut Gathered) {
    if text.len() > RULE_BYTES_MAX {
        return gathered.leave_out(what, format!("larger than {} KiB, which no rule is", RULE_BYTES_MAX >> 10));
    }
    let documents = documents(text);
    if documents.is_empty() {
        return gathered.leave_out(what, "there is nothing in it".into());
    }
    for (line, document) in documents {
        let place = if line > 1 { format!("{what}:{line}") } else { what.to_owned() };
        match tagged(&document) {
            Ok(text) => gathered.add_rule(stem, text, place),
            Err(why) => gathered.leave_out(&place, why),
        }
    }
}

/// The YAML documents of a text with the lines on which they begin.
fn documents(text: &str) -> Vec<(u64, String)> {
    let mut documents: Vec<(u64, String)> = vec![(1, String::new())];
    for (number, line) in (1u64..).zip(text.split_inclusive('\n')) {
        if line.trim_end() == "---" {
            documents.push((number + 1, String::new()));
        } else if let Some((_, document)) = documents.last_mut() {
            document.push_str(line);
        }
    }
    let says_something =
        |text: &str| text.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    documents.retain(|(_, document)| says_something(document));
    documents
}

/// The rule with our tags; an error in words where it is none, or cannot be tagged without changing it.
fn tagged(text: &str) -> Result<String, String> {
    let before = tags(text)?;
    let has = |prefix: &str| before.iter().any(|tag| tag.starts_with(prefix));
    let mut new = Vec::new();
    if !has(STAGE) {
        new.push(format!("{STAGE}{}", stage(&before)));
    }
    if !has(PROVES) {
        new.push(format!("{PROVES}context"));
    }
    if new.is_empty() {
        return Ok(text.to_owned());
    }
    let text = insert(text, &new)?;
    let expected: Vec<&String> = new.iter().chain(&before).collect();
    if tags(&text)?.iter().eq(expected) {
        Ok(text)
    } else {
        Err("its tags are written in a way that cannot be added to".into())
    }
}

/// The tags of the only rule of a text.
fn tags(text: &str) -> Result<Vec<String>, String> {
    let refuse = |why: String| format!("not readable as Sigma: {}", why.lines().next().unwrap_or_default());
    if nests_too_deep(text) {
        return Err("too many brackets inside each other".into());
    }
    let collection = parse_sigma_yaml(text).map_err(|error| refuse(error.to_string()))?;
    if let Some(error) = collection.errors.first() {
        return Err(refuse(error.clone()));
    }
    match (collection.rules.as_slice(), collection.correlations.as_slice(), collection.filters.len()) {
        ([rule], [], 0) => Ok(rule.tags.clone()),
        ([], [rule], 0) => Ok(rule.tags.clone()),
        ([], [], 1) => Err("filters are not read".into()),
        ([], [], 0) => Err("there is no rule in it".into()),
        _ => Err("its documents depend on each other".into()),
    }
}

/// The part of an attack that the first tactic among the tags is.
fn stage(tags: &[String]) -> &'static str {
    let tactic = |tag: &String| {
        let tactic = tag.to_ascii_lowercase().replace('_', "-");
        Some(match tactic.strip_prefix("attack.")? {
            "reconnaissance" | "resource-development" | "initial-access" => "access",
            "persistence" => "foothold",
            "execution"
            | "command-and-control"
            | "lateral-movement"
            | "privilege-escalation"
            | "defense-evasion"
            | "stealth"
            | "defense-impairment"
            | "discovery" => "control",
            "credential-access" | "collection" => "collection",
            "exfiltration" | "impact" => "exfiltration",
            _ => return None,
        })
    };
    tags.iter().find_map(tactic).unwrap_or(STAGE_WITHOUT_TACTIC)
}

/// Puts tags before those that are there; every other byte stays.
fn insert(text: &str, new: &[String]) -> Result<String, String> {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let Some(at) = lines.iter().position(|line| line.starts_with("tags:")) else {
        let gap = if text.ends_with('\n') || text.is_empty() { "" } else { end };
        let list: String = new.iter().map(|tag| format!("    - {tag}{end}")).collect();
        return Ok(format!("{text}{gap}tags:{end}{list}"));
    };
    let (above, line, below) = (lines.get(..at), lines.get(at).copied().unwrap_or_default(), lines.get(at + 1..));
    let (above, below) = (above.unwrap_or_default(), below.unwrap_or_default());
    let rest = line.get(5..).unwrap_or_default();
    let inserted = if let Some(list) = rest.trim_start().strip_prefix('[') {
        format!("tags: [{}, {list}", new.join(", "))
    } else if rest.split('#').next().unwrap_or_default().trim().is_empty() {
        let is_item = |line: &&&str| line.trim_start().starts_with("- ");
        let indent = below.iter().find(is_item).map_or("    ", |line| line.split('-').next().unwrap_or_default());
        let line_end = if line.ends_with('\n') { "" } else { end };
        let list: String = new.iter().map(|tag| format!("{indent}- {tag}{end}")).collect();
        format!("{line}{line_end}{list}")
    } else {
        return Err("its tags are written in a way that cannot be added to".into());
    };
    Ok([above.concat(), inserted, below.concat()].concat())
}

#[cfg(test)]
mod tests {
    use super::{Gathered, gather_text, stage, tagged};

    const RULE: &str = "title: t\nid: 7d6b5c5e-0000-4000-8000-000000000001\nauthor: somebody # here\nlicense: DRL-1.1\nlogsource:\n    category: webserver\ndetection:\n    s:\n        cs-uri-stem: /x\n    condition: s\n";

    #[test]
    fn every_way_to_write_tags_keeps_the_rest() {
        let new = "afterpatch.stage.foothold, afterpatch.proves.context";
        let list = "    - afterpatch.stage.foothold\n    - afterpatch.proves.context\n";
        for (tags, expected) in [
            ("tags:\n    - attack.persistence\n", format!("tags:\n{list}    - attack.persistence\n")),
            (
                "tags: # why\n- attack.persistence\n- attack.t1505.003\n",
                format!("tags: # why\n{}- attack.persistence\n- attack.t1505.003\n", list.replace("    ", "")),
            ),
            ("tags: [attack.persistence]\n", format!("tags: [{new}, attack.persistence]\n")),
            ("tags: [\n  attack.persistence ]\n", format!("tags: [{new}, \n  attack.persistence ]\n")),
        ] {
            assert_eq!(tagged(&format!("{tags}{RULE}")).unwrap(), format!("{expected}{RULE}"), "{tags}");
        }
        let without = tagged(RULE.trim_end()).unwrap();
        assert_eq!(without, format!("{RULE}tags:\n    - afterpatch.stage.control\n    - afterpatch.proves.context\n"));
        let windows = format!("tags:\n    - attack.persistence\n{RULE}").replace('\n', "\r\n");
        assert_eq!(
            tagged(&windows).unwrap(),
            format!("tags:\n{list}    - attack.persistence\n{RULE}").replace('\n', "\r\n")
        );
    }

    #[test]
    fn our_own_tags_stay() {
        let ours = format!("tags: [afterpatch.stage.access, afterpatch.proves.scan]\n{RULE}");
        assert_eq!(tagged(&ours).unwrap(), ours);
        let half = tagged(&format!("tags: [afterpatch.stage.access]\n{RULE}")).unwrap();
        assert!(half.starts_with("tags: [afterpatch.proves.context, afterpatch.stage.access]"), "{half}");
    }

    #[test]
    fn refuses_what_is_no_rule() {
        for text in ["title: [", "a: 1\n", "nonsense", "tags: attack.persistence\ntitle: t\n", "filter: {}\ntitle: x\n"]
        {
            assert!(tagged(text).is_err(), "{text}");
        }
        assert!(tagged(&format!("tags: &a [attack.persistence]\n{RULE}")).is_err());
    }

    #[test]
    fn the_first_tactic_decides() {
        let of = |tags: &[&str]| stage(&tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["attack.t1190", "attack.initial-access", "attack.impact"]), "access");
        assert_eq!(of(&["attack.initial_access"]), "access");
        assert_eq!(of(&["attack.credential-access"]), "collection");
        assert_eq!(of(&["attack.impact"]), "exfiltration");
        assert_eq!(of(&["cve.2021-26855"]), "control");
    }

    #[test]
    fn documents_are_rules_of_their_own() {
        let mut gathered = Gathered::default();
        gather_text("f.yml", "f", &format!("---\n{RULE}---\n# nothing\n---\n{RULE}---\ntitle: [\n"), &mut gathered);
        assert_eq!(gathered.rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(), ["f", "f-2"]);
        assert_eq!(gathered.left_out.len(), 1);
        assert!(gathered.left_out[0].what.starts_with("f.yml:"));
    }
}
