//! `afterpatch explain`: a rule, or a finding of an assessment, for the person who has to decide what it means.

mod finding;
mod rule;

use detect::plan::Plan;
use model::campaign::RuleFacts;

use crate::cli::ExplainOptions;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::packs::{self, Opened};
use crate::page::Page;

/// Names that are offered for one that is not known.
const NEAREST_MAX: usize = 3;
/// Names less alike than this are no help; 1 is the same.
const LIKENESS_MIN: f64 = 0.6;

/// Packs and their plan.
struct Known {
    opened: Vec<Opened>,
    plan: Plan,
}

/// Runs the verb.
pub fn run(options: &ExplainOptions, console: &Console) -> Result<Exit, Failure> {
    let opened = packs::load(&options.packs)?;
    let files: Vec<_> = opened.iter().map(|pack| pack.files.clone()).collect();
    let compiled = Plan::compile(&files);
    packs::refuse_refusals(&opened, &compiled.refusals)?;
    let known = Known { opened, plan: compiled.plan };
    let mut page = Page::new(console.width());
    match &options.assessment {
        Some(place) => {
            let assessment = finding::Assessment::read(place)?;
            match (assessment.finding(&options.name), known.find(&options.name)) {
                (Some(finding), _) => assessment.explain(finding, &known, &mut page),
                (None, Ok(rule)) => known.explain(rule, &mut page),
                (None, Err(_)) => return Err(assessment.unknown(&options.name)),
            }
        }
        None => known.explain(known.find(&options.name)?, &mut page),
    }
    console.result(&page.into_text());
    Ok(Exit::Done)
}

impl Known {
    /// A rule by its id, or by the last part of it where only one pack has it.
    fn find(&self, name: &str) -> Result<&RuleFacts, Failure> {
        let rules = self.plan.rules();
        if let Some(rule) = rules.iter().find(|rule| rule.id == name) {
            return Ok(rule);
        }
        let short = |rule: &&RuleFacts| rule.id.split('/').nth(1) == Some(name);
        let found: Vec<&RuleFacts> = rules.iter().filter(short).collect();
        match found.as_slice() {
            [rule] => Ok(rule),
            [] => Err(self.unknown(name)),
            several => {
                let ids: Vec<&str> = several.iter().map(|rule| rule.id.as_str()).collect();
                Err(Failure::new(Exit::Usage, format!("several packs have a rule `{name}`"))
                    .hint(format!("say which: {}", ids.join(", "))))
            }
        }
    }

    fn unknown(&self, name: &str) -> Failure {
        let failure = Failure::new(Exit::Usage, format!("there is no rule `{name}`"));
        if is_finding(name) {
            return failure.hint("a finding is explained with --in DIR, the folder of its assessment");
        }
        let ids = self.plan.rules().iter().map(|rule| rule.id.as_str());
        match nearest(name, ids) {
            near if near.is_empty() => failure.hint("`afterpatch packs show ID` lists the rules of a pack"),
            near => failure.hint(format!("the nearest: {}", near.join(", "))),
        }
    }
}

fn is_finding(name: &str) -> bool {
    name.strip_prefix('f').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The names most like one that is not known, best first.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let name = name.to_lowercase();
    let likeness = |id: &str| {
        let short = id.split('/').nth(1).unwrap_or(id);
        let of = |text: &str| strsim::normalized_damerau_levenshtein(&name, text);
        let part = if name.len() >= 4 && id.contains(&name) { LIKENESS_MIN } else { 0.0 };
        of(id).max(of(short)).max(part)
    };
    // A name is an argument of the command line and may be long; what is known is short.
    if name.len() > 256 {
        return Vec::new();
    }
    let mut alike: Vec<(f64, &str)> =
        known.map(|id| (likeness(id), id)).filter(|(like, _)| *like >= LIKENESS_MIN).collect();
    alike.sort_by(|first, second| second.0.total_cmp(&first.0).then(first.1.cmp(second.1)));
    alike.dedup_by(|first, second| first.1 == second.1);
    alike.into_iter().take(NEAREST_MAX).map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use detect::plan::Plan;

    use super::{Known, is_finding, nearest};
    use crate::page::Page;

    #[test]
    fn every_built_in_rule_is_explained_in_full() {
        let opened = crate::packs::load(&crate::cli::PackOptions::default()).unwrap();
        let files: Vec<_> = opened.iter().map(|pack| pack.files.clone()).collect();
        let known = Known { plan: Plan::compile(&files).plan, opened };
        for rule in known.plan.rules() {
            let mut page = Page::new(100);
            known.explain(rule, &mut page);
            let text = page.into_text();
            let parts: &[&str] = match (rule.indicator, rule.correlation) {
                (true, _) => &["What a hit means", "The first of "],
                _ if rule.id.contains("/yara-") => {
                    &["As it is written", "condition:", "A record that it hits", "leaves alone"]
                }
                (_, true) => &["As it is written", "correlation:", "Records that it joins", "leaves alone"],
                _ => &["Log source", "detection:", "condition:", "A record that it hits", "leaves alone", "References"],
            };
            for part in parts {
                assert!(text.contains(part), "{}: {part}\n{text}", rule.id);
            }
        }
    }

    #[test]
    fn offers_the_nearest_names() {
        let known = ["proxylogon/anchor-backend", "proxylogon/anchor-ews", "proxyshell/iis-token"];
        let near = |name| nearest(name, known.into_iter());
        assert_eq!(near("proxylogon/anchor-backen")[0], "proxylogon/anchor-backend");
        assert_eq!(near("anchor-bakcend")[0], "proxylogon/anchor-backend");
        assert_eq!(near("token"), ["proxyshell/iis-token"]);
        assert!(near("zzzzzz").is_empty() && near("").is_empty() && near(&"a".repeat(5_000)).is_empty());
    }

    #[test]
    fn knows_findings_by_their_names() {
        assert!(is_finding("f1") && is_finding("f120"));
        assert!(!is_finding("f") && !is_finding("f1a") && !is_finding("proxylogon/f1"));
    }
}
