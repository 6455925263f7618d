//! A rule in full: what it says, how it is written, and a record that it hits and one that it leaves alone.

use detect::pack::Pack;
use detect::pack::cases::{Case, of_pack};
use model::campaign::{Proves, RuleFacts, Stage};

use super::Known;
use crate::packs::{Opened, Place, first_record, records_hit, yara_rule};
use crate::page::Page;

/// Records of one case that are shown.
const RECORDS_MAX: usize = 4;
/// Indicators that are shown of one kind.
const INDICATORS_MAX: usize = 10;

impl Known {
    /// Writes all that is known of a rule.
    pub(super) fn explain(&self, rule: &RuleFacts, page: &mut Page) {
        page.title(&rule.id);
        page.title(&rule.title);
        page.heading("What a hit means");
        page.field("part", stage(rule.stage));
        page.field("proves", proves(rule.proves));
        page.field("campaign", rule.campaign.as_deref().unwrap_or("fits any"));
        if !rule.description.trim().is_empty() {
            page.heading("Why it matters");
            page.paragraph(&rule.description);
        }
        page.list("What else it can be", &rule.false_positives);
        let pack = self.opened.iter().find(|pack| rule.id.split('/').next() == Some(&pack.files.id));
        if let Some(pack) = pack {
            if rule.indicator { indicators(pack, rule, page) } else { self.written(pack, rule, page) }
        }
        page.list("ATT&CK", &rule.attack);
        page.list("References", &rule.references);
    }

    fn written(&self, opened: &Opened, rule: &RuleFacts, page: &mut Page) {
        let of_yara = rule.id.split_once("/yara-").and_then(|(_, name)| yara_rule(opened, name));
        if let Some((place, text)) = of_yara {
            page.heading(&format!("As it is written, in {place}"));
            page.quote(text);
            return self.cases(opened, rule, page);
        }
        let (Some(pack), _) = Pack::read(&opened.files) else { return };
        let Some(written) = pack.rules().find(|written| written.facts.id == rule.id) else { return };
        if let Some(source) = &written.log_source {
            page.heading("Log source");
            page.paragraph(source);
        }
        let name = rule.id.split_once('/').map_or("", |(_, name)| name);
        let file = format!("rules/{name}.yml");
        let place = Place::of(opened, &file, None);
        page.heading(&format!("As it is written, in {place}"));
        let text = opened.text(&file).unwrap_or_default();
        let key = if rule.correlation { "correlation" } else { "detection" };
        page.quote(&section(text, key));
        self.cases(opened, rule, page);
    }

    fn cases(&self, opened: &Opened, rule: &RuleFacts, page: &mut Page) {
        let (cases, _) = of_pack(&opened.files);
        let hitting = cases.iter().find(|case| case.hits.contains_key(&rule.id));
        let Some(hitting) = hitting else {
            page.heading("Cases");
            return page.paragraph("It has none.");
        };
        let hit = records_hit(&self.plan, hitting, &rule.id);
        let kind = if rule.correlation { "Records that it joins" } else { "A record that it hits" };
        let shown = if rule.correlation { RECORDS_MAX } else { 1 };
        records(opened, hitting, kind, hit.get(..shown).unwrap_or(&hit), page);
        let silent = |case: &&Case| case.family() == hitting.family() && !case.hits.contains_key(&rule.id);
        let benign = cases.iter().filter(silent).find(|case| case.is_benign()).or_else(|| cases.iter().find(silent));
        if let Some(benign) = benign {
            let first: Vec<u64> = first_record(&self.plan, benign).into_iter().collect();
            records(opened, benign, "A record that it leaves alone", &first, page);
        }
    }
}

/// Lines of the log block of a case.
fn records(opened: &Opened, case: &Case, heading: &str, lines: &[u64], page: &mut Page) {
    // The fence is the line before the first of the log.
    let first = lines.first().copied().unwrap_or_default();
    let place = Place::of(opened, &case.file, Some(case.line + first));
    page.heading(&format!("{heading} ({}), in {place}", case.source));
    for line in lines {
        let at = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
        page.indented(case.log.lines().nth(at).unwrap_or_default());
    }
}

fn indicators(opened: &Opened, rule: &RuleFacts, page: &mut Page) {
    let (Some(pack), _) = Pack::read(&opened.files) else { return };
    let named = rule.id.split_once("/indicator-").map_or("", |(_, named)| named);
    // A list may be that of one group, whose name follows.
    let kind = |word: &str| named.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    let all: Vec<String> = pack
        .indicators()
        .iter()
        .filter(|indicator| kind(indicator.kind.word()))
        .map(|indicator| format!("{}: {} ({})", indicator.value, indicator.note, indicator.source))
        .collect();
    let shown = all.get(..INDICATORS_MAX).unwrap_or(&all);
    page.list(
        &format!(
            "The first of {}, in {}",
            report::count(all.len() as u64, "indicator", "indicators"),
            Place::of(opened, "indicators.csv", None)
        ),
        shown,
    );
}

/// A top-level key of a rule with what belongs to it.
fn section(text: &str, key: &str) -> String {
    let is_key = |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'));
    let mut lines = text.lines().skip_while(|line| !is_key(line));
    let Some(first) = lines.next() else { return text.to_owned() };
    let inner = |line: &&str| line.is_empty() || line.starts_with([' ', '\t', '#', '-']);
    let rest: Vec<&str> = lines.take_while(inner).collect();
    format!("{first}\n{}", rest.join("\n"))
}

fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Access => "access: getting in",
        Stage::Foothold => "foothold: leaving something behind",
        Stage::Control => "control: driving it",
        Stage::Collection => "collection: gathering",
        Stage::Exfiltration => "exfiltration: taking away",
        Stage::Cleanup => "cleanup: wiping traces",
    }
}

fn proves(proves: Proves) -> &'static str {
    match proves {
        Proves::Context => "context: worth knowing, proves nothing by itself",
        Proves::Scan => "scan: somebody looked whether the hole is there",
        Proves::Attempt => "attempt: somebody tried; the outcome is open, or it failed",
        Proves::Success => "success: the exploit request was accepted",
        Proves::Cleanup => "cleanup: traces were wiped",
        Proves::Persistence => "persistence: something was left behind",
        Proves::Execution => "execution: commands ran",
        Proves::Theft => "theft: mail or credentials were taken",
    }
}

#[cfg(test)]
mod tests {
    use super::section;

    #[test]
    fn takes_one_section_as_it_stands() {
        let text = "title: detection of x\ndetection:\n  s:\n    a: b # why\n\n  condition: s\nlevel: low\n";
        assert_eq!(section(text, "detection"), "detection:\n  s:\n    a: b # why\n\n  condition: s");
        assert_eq!(section("title: t\n", "detection"), "title: t\n");
    }
}
